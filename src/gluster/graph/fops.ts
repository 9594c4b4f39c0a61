import type { Dict } from '../types/dict.ts';
import type { DirEntry, Flock, Lease, StatVfs } from '../types/fs.ts';
import type { Iatt } from '../types/iatt.ts';
import type { Recyclable } from '../types/recyclable.ts';
import type { Fd } from './fd.ts';
import type { Frame } from './frame.ts';
import type { Inode } from './inode.ts';
import type { Loc } from './loc.ts';

/** What every answer may carry. */
export interface Answer {
  xdata?: Dict;
}
export interface StatAnswer extends Answer {
  stat: Iatt;
}
export interface LookupAnswer extends StatAnswer {
  inode: Inode;
  /** Of the directory; absent on a lookup by gfid. */
  postparent?: Iatt;
}
export interface EntryAnswer extends StatAnswer {
  inode: Inode;
  preparent?: Iatt;
  postparent?: Iatt;
}
export interface CreateAnswer extends EntryAnswer {
  fd: Fd;
}
export interface RemoveAnswer extends Answer {
  preparent?: Iatt;
  postparent?: Iatt;
}
export interface RenameAnswer extends Answer {
  stat: Iatt;
  preoldparent?: Iatt;
  postoldparent?: Iatt;
  prenewparent?: Iatt;
  postnewparent?: Iatt;
}
/** Attributes before and after. */
export interface PrePostAnswer extends Answer {
  pre: Iatt;
  post: Iatt;
}
export interface WriteAnswer extends PrePostAnswer {
  /** Bytes written. */
  written: number;
}
export interface ReadAnswer extends StatAnswer {
  /** What was read, in pieces; fewer bytes than asked for only at the end of the file. Not to be changed. */
  data: readonly Buffer[];
  /** Bytes in `data`. */
  length: number;
  /** At or past the end of the file (`op_errno` ENOENT on a good read). */
  eof: boolean;
  /**
   * Memory of `data` that may be used again. The top recycles it when it has used up the data. A layer that keeps data, or makes an
   * answer of its own of it, leaves this off; protocol/client only offers it below layers that it knows not to keep any.
   */
  memory?: Recyclable | undefined;
}
export interface OpenAnswer extends Answer {
  fd: Fd;
}
export interface ReadlinkAnswer extends StatAnswer {
  /** One character a byte. */
  path: string;
}
/**
 * An entry on its way up. With readdirp, whoever talks to the brick (protocol/client) gives each entry that has a `stat` its inode: the
 * one of that gfid in the table, or a new one that is not linked. The layers above set their `ctx` on it as they do on a lookup (md-cache the
 * attributes, distribute the subvolume), because the top links it and goes on without a lookup.
 */
export interface GraphEntry extends DirEntry {
  inode?: Inode;
}
export interface ReaddirAnswer extends Answer {
  entries: GraphEntry[];
  /** There is nothing after the last entry (`op_errno` ENOENT). */
  eof: boolean;
}
export interface XattrAnswer extends Answer {
  dict: Dict;
}
export interface StatfsAnswer extends Answer {
  statfs: StatVfs;
}
export interface LkAnswer extends Answer {
  flock: Flock;
}
export interface LeaseAnswer extends Answer {
  lease: Lease;
}
export interface SeekAnswer extends Answer {
  offset: number;
}
export interface RchecksumAnswer extends Answer {
  weak: number;
  strong: Buffer;
}
export interface CopyRangeAnswer extends StatAnswer {
  copied: number;
  pre: Iatt;
  post: Iatt;
}
/** A lock as it is carried over to another brick or graph (`lock_migration_info_t`). */
export interface ActiveLock {
  flock: Flock;
  clientUid: string;
  lkFlags: number;
}
export interface ActiveLocksAnswer extends Answer {
  locks: ActiveLock[];
}

/**
 * The file operations (fops) of an xlator: winding is the call, unwinding is the return; failures reject with a FopError. Arguments
 * are in Gluster's order. Offsets and lengths in bytes; names and texts are strings of one character a byte.
 */
export interface Fops {
  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer>;
  stat(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatAnswer>;
  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer>;
  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict): Promise<PrePostAnswer>;
  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer>;
  access(frame: Frame, loc: Loc, mask: number, xdata?: Dict): Promise<Answer>;
  readlink(frame: Frame, loc: Loc, size: number, xdata?: Dict): Promise<ReadlinkAnswer>;
  mknod(
    frame: Frame,
    loc: Loc,
    mode: number,
    rdev: number,
    umask: number,
    xdata?: Dict,
  ): Promise<EntryAnswer>;
  mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<EntryAnswer>;
  unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<RemoveAnswer>;
  rmdir(frame: Frame, loc: Loc, flags: number, xdata?: Dict): Promise<RemoveAnswer>;
  symlink(frame: Frame, target: string, loc: Loc, umask: number, xdata?: Dict): Promise<EntryAnswer>;
  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<RenameAnswer>;
  link(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<EntryAnswer>;
  create(
    frame: Frame,
    loc: Loc,
    flags: number,
    mode: number,
    umask: number,
    fd: Fd,
    xdata?: Dict,
  ): Promise<CreateAnswer>;
  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer>;
  readv(frame: Frame, fd: Fd, size: number, offset: number, flags: number, xdata?: Dict): Promise<ReadAnswer>;
  /** `data` may not be changed until it is answered; a layer that keeps it longer copies it. */
  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer>;
  flush(frame: Frame, fd: Fd, xdata?: Dict): Promise<Answer>;
  fsync(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<PrePostAnswer>;
  opendir(frame: Frame, loc: Loc, fd: Fd, xdata?: Dict): Promise<OpenAnswer>;
  readdir(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer>;
  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer>;
  fsyncdir(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<Answer>;
  statfs(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatfsAnswer>;
  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<Answer>;
  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<Answer>;
  /** All attributes when `name` is undefined. */
  getxattr(frame: Frame, loc: Loc, name: string | undefined, xdata?: Dict): Promise<XattrAnswer>;
  fgetxattr(frame: Frame, fd: Fd, name: string | undefined, xdata?: Dict): Promise<XattrAnswer>;
  removexattr(frame: Frame, loc: Loc, name: string, xdata?: Dict): Promise<Answer>;
  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Dict): Promise<Answer>;
  lk(frame: Frame, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<LkAnswer>;
  inodelk(frame: Frame, volume: string, loc: Loc, cmd: number, flock: Flock, xdata?: Dict): Promise<Answer>;
  finodelk(frame: Frame, volume: string, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<Answer>;
  entrylk(
    frame: Frame,
    volume: string,
    loc: Loc,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<Answer>;
  fentrylk(
    frame: Frame,
    volume: string,
    fd: Fd,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<Answer>;
  rchecksum(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<RchecksumAnswer>;
  xattrop(frame: Frame, loc: Loc, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer>;
  fxattrop(frame: Frame, fd: Fd, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer>;
  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer>;
  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer>;
  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer>;
  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer>;
  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer>;
  ipc(frame: Frame, op: number, xdata?: Dict): Promise<Answer>;
  /** `what`: SEEK_TO_DATA or SEEK_TO_HOLE. */
  seek(frame: Frame, fd: Fd, offset: number, what: number, xdata?: Dict): Promise<SeekAnswer>;
  lease(frame: Frame, loc: Loc, lease: Lease, xdata?: Dict): Promise<LeaseAnswer>;
  getactivelk(frame: Frame, loc: Loc, xdata?: Dict): Promise<ActiveLocksAnswer>;
  setactivelk(frame: Frame, loc: Loc, locks: readonly ActiveLock[], xdata?: Dict): Promise<Answer>;
  put(
    frame: Frame,
    loc: Loc,
    mode: number,
    umask: number,
    flags: number,
    data: readonly Buffer[],
    offset: number,
    xattr: Dict | undefined,
    xdata?: Dict,
  ): Promise<EntryAnswer>;
  icreate(frame: Frame, loc: Loc, mode: number, xdata?: Dict): Promise<StatAnswer & { inode: Inode }>;
  namelink(frame: Frame, loc: Loc, xdata?: Dict): Promise<PrePostAnswer>;
  copyFileRange(
    frame: Frame,
    from: Fd,
    fromOffset: number,
    to: Fd,
    toOffset: number,
    length: number,
    flags: number,
    xdata?: Dict,
  ): Promise<CopyRangeAnswer>;
}

export type FopName = keyof Fops;

/** Every fop with its number in statistics and on the wire (`glusterfs_fop_t`, libglusterfs/glusterfs-fops.h). */
export const FOP_NUMBERS: Readonly<Record<FopName, number>> = {
  stat: 1,
  readlink: 2,
  mknod: 3,
  mkdir: 4,
  unlink: 5,
  rmdir: 6,
  symlink: 7,
  rename: 8,
  link: 9,
  truncate: 10,
  open: 11,
  readv: 12,
  writev: 13,
  statfs: 14,
  flush: 15,
  fsync: 16,
  setxattr: 17,
  getxattr: 18,
  removexattr: 19,
  opendir: 20,
  fsyncdir: 21,
  access: 22,
  create: 23,
  ftruncate: 24,
  fstat: 25,
  lk: 26,
  lookup: 27,
  readdir: 28,
  inodelk: 29,
  finodelk: 30,
  entrylk: 31,
  fentrylk: 32,
  xattrop: 33,
  fxattrop: 34,
  fgetxattr: 35,
  fsetxattr: 36,
  rchecksum: 37,
  setattr: 38,
  fsetattr: 39,
  readdirp: 40,
  fremovexattr: 45,
  fallocate: 46,
  discard: 47,
  zerofill: 48,
  ipc: 49,
  seek: 50,
  lease: 51,
  getactivelk: 53,
  setactivelk: 54,
  put: 55,
  icreate: 56,
  namelink: 57,
  copyFileRange: 58,
};

export const FOP_NAMES = Object.keys(FOP_NUMBERS) as readonly FopName[];
