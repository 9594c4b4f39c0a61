import type { Dict } from './dict.ts';
import type { Iatt } from './iatt.ts';

/** What a file system has and holds (`struct statvfs`). Blocks of `frsize` bytes. */
export interface StatVfs {
  bsize: number;
  frsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  favail: number;
  fsid: number;
  flag: number;
  namemax: number;
}

/** An entry of a directory (`gf_dirent_t`). `name`: one character a byte. */
export interface DirEntry {
  name: string;
  /** Where the next readdir goes on; opaque, and of all 64 bits. */
  dOff: bigint;
  /** DT_* of dirent.h; 0 when the server does not say. */
  type: number;
  /** readdirp only, and there too it may be missing: then the entry must be looked up. */
  stat?: Iatt;
  dict?: Dict;
}

export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;
/** Commands of `lk` and `inodelk`: Linux's numbers; the RPC programs have their own. */
export const F_GETLK = 5;
export const F_SETLK = 6;
export const F_SETLKW = 7;

/** A lock on a range of bytes (`struct gf_flock`). `len` 0: to the end of the file. `owner`: one character a byte. */
export interface Flock {
  /** F_RDLCK, F_WRLCK or F_UNLCK. */
  type: number;
  whence: number;
  start: number;
  len: number;
  pid: number;
  owner: string;
}

export const ENTRYLK_LOCK = 0;
export const ENTRYLK_UNLOCK = 1;
export const ENTRYLK_LOCK_NB = 2;
export const ENTRYLK_RDLCK = 0;
export const ENTRYLK_WRLCK = 1;

export const SEEK_TO_DATA = 0;
export const SEEK_TO_HOLE = 1;

/** A lease (`struct gf_lease`). */
export interface Lease {
  cmd: number;
  type: number;
  id: Buffer;
  flags: number;
}
