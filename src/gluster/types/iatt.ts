import { GFID_NULL, type Gfid } from './gfid.ts';

/** Kinds of file (`ia_type_t`, libglusterfs/iatt.h). */
export const IA_INVAL = 0;
export const IA_IFREG = 1;
export const IA_IFDIR = 2;
export const IA_IFLNK = 3;
export const IA_IFBLK = 4;
export const IA_IFCHR = 5;
export const IA_IFIFO = 6;
export const IA_IFSOCK = 7;

/** Which fields of an Iatt are valid (`ia_flags`). */
export const IATT_TYPE = 0x1;
export const IATT_MODE = 0x2;
export const IATT_NLINK = 0x4;
export const IATT_UID = 0x8;
export const IATT_GID = 0x10;
export const IATT_ATIME = 0x20;
export const IATT_MTIME = 0x40;
export const IATT_CTIME = 0x80;
export const IATT_INO = 0x100;
export const IATT_SIZE = 0x200;
export const IATT_BLOCKS = 0x400;
export const IATT_BTIME = 0x800;
export const IATT_GFID = 0x1000;

/** Which attributes `setattr` sets (`valid`). */
export const SET_ATTR_MODE = 0x1;
export const SET_ATTR_UID = 0x2;
export const SET_ATTR_GID = 0x4;
export const SET_ATTR_SIZE = 0x8;
export const SET_ATTR_ATIME = 0x10;
export const SET_ATTR_MTIME = 0x20;
export const SET_ATTR_CTIME = 0x40;
export const SET_ATTR_ATIME_NOW = 0x80;
export const SET_ATTR_MTIME_NOW = 0x100;

const S_IFMT = 0o170000;
const TYPE_OF_FORMAT: readonly number[] = [
  IA_INVAL,
  IA_IFIFO,
  IA_IFCHR,
  IA_INVAL,
  IA_IFDIR,
  IA_INVAL,
  IA_IFBLK,
  IA_INVAL,
  IA_IFREG,
  IA_INVAL,
  IA_IFLNK,
  IA_INVAL,
  IA_IFSOCK,
];
const FORMAT_OF_TYPE: readonly number[] = [
  0, 0o100000, 0o040000, 0o120000, 0o060000, 0o020000, 0o010000, 0o140000,
];

/** IA_IF* of a POSIX mode. */
export function typeOfMode(mode: number): number {
  return TYPE_OF_FORMAT[(mode & S_IFMT) >> 12] ?? IA_INVAL;
}

/** S_IF* of an IA_IF*. */
export function formatOfType(type: number): number {
  return FORMAT_OF_TYPE[type] ?? 0;
}

/** A file's attributes (`struct iatt`). Sizes in bytes, blocks of 512 bytes, times in seconds and nanoseconds. */
export class Iatt {
  gfid: Gfid = GFID_NULL;
  /** IATT_*: what is valid; 0 where the peer speaks an old protocol, which has everything but the birth time. */
  flags = 0;
  /** The brick's own inode number in two halves; what a mount shows follows from the gfid (`inoHigh`, `inoLow`). */
  inoHi = 0;
  inoLo = 0;
  dev = 0;
  rdev = 0;
  size = 0;
  blocks = 0;
  blksize = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  /** Type and permissions, as in `st_mode`. */
  mode = 0;
  atime = 0;
  atimeNsec = 0;
  mtime = 0;
  mtimeNsec = 0;
  ctime = 0;
  ctimeNsec = 0;
  btime = 0;
  btimeNsec = 0;
  attributes = 0;
  attributesMask = 0;

  /** IA_IF*. */
  get type(): number {
    return typeOfMode(this.mode);
  }

  get isDirectory(): boolean {
    return (this.mode & S_IFMT) === 0o040000;
  }

  clone(): Iatt {
    return Object.assign(new Iatt(), this);
  }

  /** Whether all fields are the same. What changes most often is looked at first. */
  equals(other: Iatt): boolean {
    return (
      this.ctimeNsec === other.ctimeNsec &&
      this.ctime === other.ctime &&
      this.mtimeNsec === other.mtimeNsec &&
      this.mtime === other.mtime &&
      this.atimeNsec === other.atimeNsec &&
      this.atime === other.atime &&
      this.size === other.size &&
      this.blocks === other.blocks &&
      this.nlink === other.nlink &&
      this.mode === other.mode &&
      this.uid === other.uid &&
      this.gid === other.gid &&
      this.btimeNsec === other.btimeNsec &&
      this.btime === other.btime &&
      this.inoLo === other.inoLo &&
      this.inoHi === other.inoHi &&
      this.dev === other.dev &&
      this.rdev === other.rdev &&
      this.blksize === other.blksize &&
      this.flags === other.flags &&
      this.attributes === other.attributes &&
      this.attributesMask === other.attributesMask &&
      this.gfid === other.gfid
    );
  }
}

/** Times that `features/utime` keeps in trusted.glusterfs.mdata, as they travel in a dict. */
export interface MdataIatt {
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
  ctime: number;
  ctimeNsec: number;
}
