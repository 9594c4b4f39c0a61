import type { Span } from '../base/trace.ts';

/** An unsigned 64-bit number that needs all its bits, as two halves: BigInt has no place on the path of an operation. */
export interface U64 {
  readonly high: number;
  readonly low: number;
}

/** What stat(2) tells of an inode. Times are seconds and nanoseconds; seconds may be negative. */
export interface FuseAttr {
  inoHigh: number;
  inoLow: number;
  size: number;
  /** In units of 512 bytes. */
  blocks: number;
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
  ctime: number;
  ctimeNsec: number;
  /** Type and permissions, as in st_mode. */
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  /** Device number as the kernel encodes it in 32 bits (see `makedev`). */
  rdev: number;
  blksize: number;
}

/**
 * A name's inode. Each entry handed to the kernel with a node id counts as one lookup of that id; `forget` gives
 * the counts back. A node id of 0 says "there is no such name", to be remembered for `entryTimeout`.
 */
export interface FuseEntry {
  /** Chosen by the file system, 1 (the root) to 2^53 - 1. */
  nodeid: number;
  /** Node id and generation together are never used twice in the life of the mount. */
  generation: number;
  /** How long the kernel may believe the name and the attributes, in seconds; fractions count. */
  entryTimeout: number;
  attrTimeout: number;
  attr: FuseAttr;
}

export interface FuseStatfs {
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  bsize: number;
  namelen: number;
  frsize: number;
}

export interface FuseStatx {
  attr: FuseAttr;
  /** STATX_* bits of what is filled in; the basic ones when left out. */
  mask?: number;
  btime?: number;
  btimeNsec?: number;
  /** STATX_ATTR_* bits, and which of them mean something. */
  attributes?: number;
  attributesMask?: number;
  timeout: number;
}

/** Only what `valid` (FATTR.*) names is to be changed; the rest is zero. */
export interface FuseSetattr {
  readonly valid: number;
  /** The handle through which ftruncate(2) and the like came; undefined without one. */
  readonly fh: number | undefined;
  readonly size: number;
  readonly atime: number;
  readonly atimeNsec: number;
  readonly mtime: number;
  readonly mtimeNsec: number;
  readonly ctime: number;
  readonly ctimeNsec: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A byte-range lock (fcntl) or, with `flock`, one of flock(2). The owner is the request's. */
export interface FuseLock {
  /** F_RDLCK, F_WRLCK or F_UNLCK (`LOCK`). */
  type: number;
  start: number;
  /** Last byte, inclusive; Infinity for "to the end of the file, however far it grows". */
  end: number;
  pid: number;
  flock: boolean;
}

export interface FuseIoctl {
  readonly cmd: number;
  /** The caller's argument when it is not a pointer. */
  readonly arg: U64;
  /** FUSE_IOCTL_* (`IOCTL`). */
  readonly flags: number;
  readonly data: Buffer;
  /** How many bytes the answer may have. */
  readonly outSize: number;
}

export interface FuseCopyRange {
  readonly fhIn: number;
  readonly offsetIn: number;
  readonly nodeidOut: number;
  readonly fhOut: number;
  readonly offsetOut: number;
  readonly length: number;
  readonly flags: number;
}

export interface FuseForget {
  readonly nodeid: number;
  readonly count: number;
}

/** The answer to READDIR or READDIRPLUS under construction; as large as the kernel asked for. */
export interface FuseDirectory {
  /** True for READDIRPLUS: use `addEntry`, so that the kernel need not look each name up. */
  readonly plus: boolean;
  readonly empty: boolean;
  /**
   * Appends a name; false, and nothing appended, when it does not fit any more. `type` is the d_type (mode >> 12) and
   * `next` the offset from which reading goes on after this entry (never 0). In READDIRPLUS this is an entry without inode,
   * which is right for '.' and '..'.
   */
  add(name: string, inoHigh: number, inoLow: number, type: number, next: number | U64): boolean;
  /** Appends a name with its inode, which counts as a lookup of `entry.nodeid`. In plain READDIR only ino and type are used. */
  addEntry(name: string, entry: FuseEntry, next: number | U64): boolean;
}

/** A claim on the memory that a write's data lies in, beyond the answer to the write. */
export interface FuseDataLease {
  /** Gives the memory back for other requests; the data must not be touched any more. Further calls do nothing. */
  release(): void;
}

/**
 * One request of the kernel. Exactly one of the `reply` methods, `ok`, `error` or `fail` must be called on it, at once or
 * later; a second call throws. An answer that comes after the mount has gone is dropped in silence.
 */
export interface FuseRequest {
  readonly unique: number;
  readonly opcode: number;
  /** The inode that the operation is on: the parent's where a name is given. */
  readonly nodeid: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** Owner of locks (read, write, flush, release, setattr, getlk, setlk, setlkw), 0 when the kernel names none. */
  readonly ownerHigh: number;
  readonly ownerLow: number;
  /** readdir's and readdirplus's offset in full, since a cookie may have 64 bits. */
  readonly offsetHigh: number;
  readonly offsetLow: number;
  readonly answered: boolean;
  /** True once the caller has been interrupted by a signal. */
  readonly interrupted: boolean;
  /** The span of this request, when someone traces. */
  readonly span: Span | undefined;
  /** Free for the file system. */
  context: unknown;

  /** Calls back once if the caller is interrupted before the answer; at once if that has happened. Answer with EINTR then, or go on. */
  onInterrupt(callback: (request: FuseRequest) => void): void;
  /** Keeps the data of a `write` valid after the answer, until the lease is released. To be called before the answer. */
  keepData(): FuseDataLease;
  /** The listing that a readdir or readdirplus fills; the same one at every call. */
  directory(): FuseDirectory;

  /** Success without a result. */
  ok(): void;
  /** Failure; the errno's sign does not matter. */
  error(errno: number): void;
  /** Failure by an exception: its `errno` or `code`, else EIO. */
  fail(error: unknown): void;
  /** lookup, mknod, mkdir, symlink, link. */
  replyEntry(entry: FuseEntry): void;
  /** create, tmpfile. `openFlags` are FOPEN.*. */
  replyCreate(entry: FuseEntry, fh: number, openFlags: number): void;
  /** getattr, setattr. `timeout` in seconds. */
  replyAttr(attr: FuseAttr, timeout: number): void;
  replyStatx(statx: FuseStatx): void;
  replyReadlink(target: string): void;
  /** open, opendir. */
  replyOpen(fh: number, openFlags: number): void;
  /** read: at most the size asked for; fewer bytes mean the end of the file. The buffers are written before this returns. */
  replyData(data: Uint8Array | readonly Uint8Array[]): void;
  /** write, copyFileRange: bytes done. */
  replyWritten(size: number): void;
  replyStatfs(statfs: FuseStatfs): void;
  /** getxattr, listxattr: answers the size alone when that was asked for, ERANGE when the value is larger than the caller's buffer. */
  replyXattr(value: Uint8Array): void;
  /** listxattr from names. */
  replyXattrNames(names: readonly string[]): void;
  /** getlk: the lock in the way, or type F_UNLCK. */
  replyLock(lock: FuseLock): void;
  replyLseek(offset: number): void;
  replyPoll(revents: number): void;
  replyIoctl(result: number, data?: Uint8Array): void;
  replyBmap(block: number): void;
  /** readdir, readdirplus: what has been added to `directory()`; nothing added means the end. */
  replyDirectory(): void;
}

/**
 * A file system. All methods are optional; what a missing one answers is in docs/fuse.md (ENOSYS mostly, which makes the
 * kernel stop asking or do without). A method answers through the request, synchronously if it can; it may be async, in which case a
 * rejection becomes the answer. Names are strings in which bytes that are not UTF-8 survive (base/file-name.ts).
 */
export interface FuseOperations {
  /** The connection stands; `connection` says what was agreed. */
  init?(connection: FuseConnection): void;
  /** The mount has gone; no request follows. */
  destroy?(): void;

  lookup?(request: FuseRequest, name: string): void;
  /** `count` lookups less of `nodeid`; at zero the kernel does not know it any more. No answer. */
  forget?(nodeid: number, count: number): void;
  /** Many at once; `forget` is called for each when this is missing. No answer. */
  batchForget?(forgets: readonly FuseForget[]): void;
  getattr?(request: FuseRequest, fh: number | undefined): void;
  setattr?(request: FuseRequest, changes: FuseSetattr): void;
  statx?(request: FuseRequest, fh: number | undefined, flags: number, mask: number): void;
  readlink?(request: FuseRequest): void;
  symlink?(request: FuseRequest, name: string, target: string): void;
  mknod?(request: FuseRequest, name: string, mode: number, rdev: number, umask: number): void;
  mkdir?(request: FuseRequest, name: string, mode: number, umask: number): void;
  unlink?(request: FuseRequest, name: string): void;
  rmdir?(request: FuseRequest, name: string): void;
  /** `flags` are RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT (`RENAME`); EINVAL for those not supported. */
  rename?(request: FuseRequest, name: string, newParent: number, newName: string, flags: number): void;
  /** A further name in directory request.nodeid for inode `nodeid`. */
  link?(request: FuseRequest, nodeid: number, newName: string): void;

  /** `flags` as in open(2) without O_CREAT, O_EXCL; O_TRUNC only with the atomicTrunc option. */
  open?(request: FuseRequest, flags: number, openFlags: number): void;
  /** `mode` has the umask applied already unless the dontMask option is on. */
  create?(
    request: FuseRequest,
    name: string,
    flags: number,
    mode: number,
    umask: number,
    openFlags: number,
  ): void;
  /** An unnamed file in directory request.nodeid (O_TMPFILE). */
  tmpfile?(request: FuseRequest, flags: number, mode: number, umask: number): void;
  /** `flags` as the file is open with now. */
  read?(request: FuseRequest, fh: number, offset: number, size: number, flags: number): void;
  /** `data` is valid until the answer; see `keepData`. `writeFlags` are WRITE.*. */
  write?(
    request: FuseRequest,
    fh: number,
    offset: number,
    data: Buffer,
    flags: number,
    writeFlags: number,
  ): void;
  /** At each close(2) of a descriptor: POSIX locks of the owner go, delayed errors come out. */
  flush?(request: FuseRequest, fh: number): void;
  /** The last descriptor has gone. `releaseFlags` are RELEASE.*. */
  release?(request: FuseRequest, fh: number, flags: number, releaseFlags: number): void;
  fsync?(request: FuseRequest, fh: number, dataOnly: boolean): void;
  fallocate?(request: FuseRequest, fh: number, mode: number, offset: number, length: number): void;
  /** SEEK_DATA and SEEK_HOLE (`SEEK`). */
  lseek?(request: FuseRequest, fh: number, offset: number, whence: number): void;
  copyFileRange?(request: FuseRequest, range: FuseCopyRange): void;
  ioctl?(request: FuseRequest, fh: number, ioctl: FuseIoctl): void;
  /** With `wakeup` the file system must notify.poll(wakeup) when that changes; undefined when the caller does not wait. */
  poll?(request: FuseRequest, fh: number, events: number, wakeup: number | undefined): void;
  bmap?(request: FuseRequest, block: number, blockSize: number): void;

  opendir?(request: FuseRequest, flags: number): void;
  /** Fill request.directory() with what follows `offset` (0 at the start), then replyDirectory(). */
  readdir?(request: FuseRequest, fh: number, offset: number, size: number): void;
  readdirplus?(request: FuseRequest, fh: number, offset: number, size: number): void;
  releasedir?(request: FuseRequest, fh: number, flags: number): void;
  fsyncdir?(request: FuseRequest, fh: number, dataOnly: boolean): void;

  statfs?(request: FuseRequest): void;
  syncfs?(request: FuseRequest): void;
  access?(request: FuseRequest, mask: number): void;
  setxattr?(request: FuseRequest, name: string, value: Buffer, flags: number, setxattrFlags: number): void;
  /** Answer with replyXattr, or ENODATA. `size` is 0 when only the length is asked for. */
  getxattr?(request: FuseRequest, name: string, size: number): void;
  listxattr?(request: FuseRequest, size: number): void;
  removexattr?(request: FuseRequest, name: string): void;

  getlk?(request: FuseRequest, fh: number, lock: FuseLock): void;
  /** Sets or gives up a lock, EAGAIN if it is taken. Also flock(2)'s, with lock.flock. */
  setlk?(request: FuseRequest, fh: number, lock: FuseLock): void;
  /** The same, but waits; answer EINTR from request.onInterrupt. */
  setlkw?(request: FuseRequest, fh: number, lock: FuseLock): void;

  /** A request that is still unanswered was interrupted; for those who keep their own books instead of request.onInterrupt. */
  interrupt?(request: FuseRequest): void;
}

/** What the file system wishes; what the kernel does not know is left out. Defaults in brackets. */
export interface FuseInitOptions {
  /** Largest write and read in one request [1 MiB]. */
  maxWrite?: number;
  /** Upper bound of the kernel's readahead in bytes [what the kernel offers]. */
  maxReadahead?: number;
  /** Requests in the background (readahead, write-back) at a time [64], and where the kernel calls that congested [3/4]. */
  maxBackground?: number;
  congestionThreshold?: number;
  /** Granularity of times in ns, a power of ten [1]. */
  timeGranularity?: number;
  asyncRead?: boolean; // [true]
  /** O_TRUNC comes with open instead of as a setattr [true]. */
  atomicTrunc?: boolean;
  /** fcntl and flock locks come as requests [true if the file system has setlk]. */
  posixLocks?: boolean;
  flockLocks?: boolean;
  /** READDIRPLUS at all [true if there is a readdirplus], and only where it looks worth while [true]. */
  readdirplus?: boolean;
  readdirplusAuto?: boolean;
  parallelDirops?: boolean; // [true]
  /** The kernel gathers writes, and decides size and times while it does [false]. */
  writebackCache?: boolean;
  /** create and the like get the mode without umask applied [false; true with posixAcl]. */
  dontMask?: boolean;
  /** The kernel checks ACLs in system.posix_acl_*, implies default_permissions' checks [false]. */
  posixAcl?: boolean;
  /** The file system itself takes suid and sgid off on write, truncate and chown [false], in the way of version 2 [false]. */
  handleKillpriv?: boolean;
  handleKillprivV2?: boolean;
  /** lookup of '.' and '..' works: for re-export by NFS and open_by_handle_at [false]. */
  exportSupport?: boolean;
  cacheSymlinks?: boolean; // [false]
  /** Cached pages go when size or mtime change [true], or only on notify.invalInode [false]. */
  autoInvalData?: boolean;
  explicitInvalData?: boolean;
  asyncDio?: boolean; // [true]
  /** mmap(MAP_SHARED) of files open with FOPEN.DIRECT_IO [true]. */
  directIoAllowMmap?: boolean;
  /** setxattr gets its extra flags [false]. */
  setxattrExt?: boolean;
  ioctlDir?: boolean; // [true]
}

/** What was agreed with the kernel at INIT. */
export interface FuseConnection {
  /** The kernel's offer. */
  readonly kernelMajor: number;
  readonly kernelMinor: number;
  readonly kernelFlags: number;
  readonly kernelFlags2: number;
  readonly kernelMaxReadahead: number;
  /** Our answer. */
  readonly minor: number;
  readonly flags: number;
  readonly flags2: number;
  readonly maxReadahead: number;
  readonly maxWrite: number;
  readonly maxPages: number;
  readonly maxBackground: number;
  readonly congestionThreshold: number;
  readonly timeGranularity: number;
}

/**
 * News for the kernel. They are written by a thread of libuv's pool, one after the other, because the kernel may make the writer wait
 * for locks that a request still holds which only this process can answer. The promises tell when the kernel has taken
 * them; ENOENT (it did not know the inode or name) counts as success. Never await one before answering a request on the same inode.
 */
export interface FuseNotify {
  /** Forget cached attributes, and pages from `offset` on (`length` 0: to the end; offset -1: attributes only). */
  invalInode(nodeid: number, offset?: number, length?: number): Promise<void>;
  /** Forget a name; with `expireOnly` look it up again without dropping what hangs below it. */
  invalEntry(parent: number, name: string, expireOnly?: boolean): Promise<void>;
  /** A name was removed by someone else: as invalEntry, and watchers (inotify) are told. */
  delete(parent: number, child: number, name: string): Promise<void>;
  /** Puts data into the page cache. */
  store(nodeid: number, offset: number, data: Uint8Array): Promise<void>;
  /** Wakes those who poll; `wakeup` as given to `poll`. */
  poll(wakeup: number): Promise<void>;
}
