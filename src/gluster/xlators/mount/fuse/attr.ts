import type { FuseAttr, FuseSetattr } from '../../../../fuse/types.ts';
import { inoHigh, inoLow } from '../../../types/gfid.ts';
import * as ia from '../../../types/iatt.ts';
import { Iatt } from '../../../types/iatt.ts';

/** Unit of I/O that stat(2) shows, as a mount of Gluster's does. */
const BLOCK_SIZE = 128 * 1024;

/** FATTR_* of linux/fuse.h. */
const FATTR_MODE = 1 << 0;
const FATTR_UID = 1 << 1;
const FATTR_GID = 1 << 2;
export const FATTR_SIZE = 1 << 3;
const FATTR_ATIME = 1 << 4;
const FATTR_MTIME = 1 << 5;
const FATTR_ATIME_NOW = 1 << 7;
const FATTR_MTIME_NOW = 1 << 8;
const FATTR_CTIME = 1 << 10;
/** Those that setattr of the graph takes. */
export const FATTR_ATTRIBUTES =
  FATTR_MODE |
  FATTR_UID |
  FATTR_GID |
  FATTR_ATIME |
  FATTR_MTIME |
  FATTR_CTIME |
  FATTR_ATIME_NOW |
  FATTR_MTIME_NOW;
export const FATTR_TIMES = FATTR_ATIME | FATTR_MTIME | FATTR_CTIME;

/** A device number as iatt has it (major in the upper 32 bits) in the 32 bits that the kernel takes. */
function rdev(dev: number): number {
  const major = Math.floor(dev / 2 ** 32) & 0xfff;
  const minor = dev % 2 ** 32;
  return ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** Fills `into` and returns it. */
export function fillAttr(into: FuseAttr, stat: Iatt): FuseAttr {
  into.inoHigh = inoHigh(stat.gfid);
  into.inoLow = inoLow(stat.gfid);
  into.size = stat.size;
  into.blocks = stat.blocks;
  into.atime = stat.atime;
  into.atimeNsec = stat.atimeNsec;
  into.mtime = stat.mtime;
  into.mtimeNsec = stat.mtimeNsec;
  into.ctime = stat.ctime;
  into.ctimeNsec = stat.ctimeNsec;
  into.mode = stat.mode;
  into.nlink = stat.nlink;
  into.uid = stat.uid;
  into.gid = stat.gid;
  into.rdev = rdev(stat.rdev);
  into.blksize = BLOCK_SIZE;
  return into;
}

export function emptyAttr(): FuseAttr {
  return {
    inoHigh: 0,
    inoLow: 0,
    size: 0,
    blocks: 0,
    atime: 0,
    atimeNsec: 0,
    mtime: 0,
    mtimeNsec: 0,
    ctime: 0,
    ctimeNsec: 0,
    mode: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    blksize: BLOCK_SIZE,
  };
}

/** What a SETATTR asks for, as setattr of the graph takes it. */
export function changesOf(set: FuseSetattr): { stat: Iatt; valid: number } {
  const stat = new Iatt();
  stat.mode = set.mode;
  stat.uid = set.uid;
  stat.gid = set.gid;
  stat.size = set.size;
  stat.atime = set.atime;
  stat.atimeNsec = set.atimeNsec;
  stat.mtime = set.mtime;
  stat.mtimeNsec = set.mtimeNsec;
  stat.ctime = set.ctime;
  stat.ctimeNsec = set.ctimeNsec;
  const { valid } = set;
  let mask = 0;
  if (valid & FATTR_MODE) mask |= ia.SET_ATTR_MODE;
  if (valid & FATTR_UID) mask |= ia.SET_ATTR_UID;
  if (valid & FATTR_GID) mask |= ia.SET_ATTR_GID;
  if (valid & FATTR_SIZE) mask |= ia.SET_ATTR_SIZE;
  if (valid & FATTR_ATIME) mask |= ia.SET_ATTR_ATIME;
  if (valid & FATTR_MTIME) mask |= ia.SET_ATTR_MTIME;
  if (valid & FATTR_CTIME) mask |= ia.SET_ATTR_CTIME;
  if (valid & FATTR_ATIME_NOW) mask |= ia.SET_ATTR_ATIME_NOW;
  if (valid & FATTR_MTIME_NOW) mask |= ia.SET_ATTR_MTIME_NOW;
  return { stat, valid: mask };
}
