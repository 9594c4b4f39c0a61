import type { Dict } from '../../../types/dict.ts';
import { IA_IFREG, type Iatt } from '../../../types/iatt.ts';

/**
 * Attributes of files that distribute marks (glusterfs.h, dht-common.h). A linkto file is a file of mode ---------T with the
 * xattr trusted.glusterfs.dht.linkto, which names the child that has the file. While a rebalance copies a file, it has S_ISGID and
 * S_ISVTX on its old brick (phase 1: what is changed must be changed on both); then it is a linkto file there (phase 2).
 */

const S_ISGID = 0o2000;
const S_ISVTX = 0o1000;
const PERMISSIONS = 0o7777;
export const LINKFILE_MODE = S_ISVTX;
const PHASE1 = S_ISGID | S_ISVTX;

const DIR_BLOCKS = 8;
const DIR_SIZE = 4096;

export function isLinkfile(stat: Iatt, xattrs: Dict | undefined, key: string): boolean {
  return (stat.mode & PERMISSIONS) === LINKFILE_MODE && xattrs !== undefined && xattrs.has(key);
}

/** The file has moved. */
export function inPhase2(stat: Iatt): boolean {
  return (stat.mode & PERMISSIONS) === LINKFILE_MODE && stat.type === IA_IFREG;
}

/** The file is being moved. */
export function inPhase1(stat: Iatt): boolean {
  return (stat.mode & PHASE1) === PHASE1 && stat.type === IA_IFREG;
}

/** One test for both, for the path on which neither is true. */
export function mayMigrate(stat: Iatt): boolean {
  return (stat.mode & S_ISVTX) !== 0 && stat.type === IA_IFREG;
}

/** Users do not see the marks of phase 1. */
export function stripPhase1(stat: Iatt): void {
  if ((stat.mode & PHASE1) === PHASE1 && stat.type === IA_IFREG) stat.mode &= ~PHASE1;
}

/** Every directory looks like one of 4 KiB, however large it is on which brick. */
export function fixDirectory(stat: Iatt | undefined): void {
  if (stat === undefined) return;
  stat.blocks = DIR_BLOCKS;
  stat.size = DIR_SIZE;
}

/** Takes one more brick's attributes of the same file or directory into account. Returns `to`, or a copy of `from` at first. */
export function mergeIatt(to: Iatt | undefined, from: Iatt | undefined): Iatt | undefined {
  if (from === undefined) return to;
  if (to === undefined) {
    const first = from.clone();
    if (first.isDirectory) fixDirectory(first);
    return first;
  }
  to.dev = from.dev;
  to.gfid = from.gfid;
  to.inoHi = from.inoHi;
  to.inoLo = from.inoLo;
  to.mode = from.mode;
  to.nlink = from.nlink;
  to.rdev = from.rdev;
  to.blksize = from.blksize;
  if (from.isDirectory) fixDirectory(to);
  else {
    to.size += from.size;
    to.blocks += from.blocks;
  }
  if (from.uid > to.uid) to.uid = from.uid;
  if (from.gid > to.gid) to.gid = from.gid;
  if (isLater(from.atime, from.atimeNsec, to.atime, to.atimeNsec)) {
    to.atime = from.atime;
    to.atimeNsec = from.atimeNsec;
  }
  if (isLater(from.mtime, from.mtimeNsec, to.mtime, to.mtimeNsec)) {
    to.mtime = from.mtime;
    to.mtimeNsec = from.mtimeNsec;
  }
  if (isLater(from.ctime, from.ctimeNsec, to.ctime, to.ctimeNsec)) {
    to.ctime = from.ctime;
    to.ctimeNsec = from.ctimeNsec;
  }
  return to;
}

export function isLater(a: number, aNsec: number, b: number, bNsec: number): boolean {
  return a > b || (a === b && aNsec > bNsec);
}

/** Owner and permissions that a brick has differently. */
export function attributesDiffer(a: Iatt, b: Iatt): boolean {
  return a.uid !== b.uid || a.gid !== b.gid || (a.mode & PERMISSIONS) !== (b.mode & PERMISSIONS);
}

/** The newest times that were seen of a directory or file: no answer shows older ones, whichever brick gave it. */
export class SeenTimes {
  atime = 0;
  atimeNsec = 0;
  mtime = 0;
  mtimeNsec = 0;
  ctime = 0;
  ctimeNsec = 0;

  set(stat: Iatt): void {
    this.atime = stat.atime;
    this.atimeNsec = stat.atimeNsec;
    this.mtime = stat.mtime;
    this.mtimeNsec = stat.mtimeNsec;
    this.ctime = stat.ctime;
    this.ctimeNsec = stat.ctimeNsec;
  }

  /** Raises the times in `stat` to those seen; `post`: and remembers them. */
  apply(stat: Iatt, post: boolean): void {
    if (isLater(this.atime, this.atimeNsec, stat.atime, stat.atimeNsec)) {
      stat.atime = this.atime;
      stat.atimeNsec = this.atimeNsec;
    }
    if (isLater(this.mtime, this.mtimeNsec, stat.mtime, stat.mtimeNsec)) {
      stat.mtime = this.mtime;
      stat.mtimeNsec = this.mtimeNsec;
    }
    if (isLater(this.ctime, this.ctimeNsec, stat.ctime, stat.ctimeNsec)) {
      stat.ctime = this.ctime;
      stat.ctimeNsec = this.ctimeNsec;
    }
    if (post) this.set(stat);
  }
}
