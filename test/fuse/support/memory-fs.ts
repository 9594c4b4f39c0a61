import { readFileSync } from 'node:fs';
import {
  FALLOC,
  FATTR,
  FOPEN,
  type FuseCopyRange,
  type FuseEntry,
  type FuseForget,
  type FuseIoctl,
  type FuseLock,
  type FuseNotify,
  type FuseOperations,
  type FuseRequest,
  type FuseSetattr,
  LOCK,
  RELEASE,
  RENAME,
  ROOT_ID,
  SEEK,
  STATX,
  WRITE,
  XATTR,
} from '../../../src/fuse/index.ts';
import { inheritAcl, modeOfAcl } from './memory-acl.ts';
import { LockTable, ownerOf } from './memory-locks.ts';
import { type Dirent, MemoryNode, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, S_ISGID } from './memory-node.ts';

const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const [EPERM, ENOENT, EEXIST, ENOTDIR, EINVAL, ENOTTY, ENXIO] = [1, 2, 17, 20, 22, 25, 6];
const [ENAMETOOLONG, ENOTEMPTY, ENODATA, EOPNOTSUPP, EBADF, ENOSPC] = [36, 39, 61, 95, 9, 28];
/** A file may not fill the machine's memory. */
const MAX_BLOCKS = (512 * 1024 * 1024) / 512;
const POLLIN = 1;
const POLLOUT = 4;
const ACL_ACCESS = 'system.posix_acl_access';
const ACL_DEFAULT = 'system.posix_acl_default';

export interface MemoryFsOptions {
  /** Seconds that the kernel may believe names and attributes. */
  timeout?: number;
  directIo?: boolean;
  /** Answers after a turn of the event loop, as a file system on a network would. */
  late?: boolean;
  acl?: boolean;
  dontMask?: boolean;
}

/** An open file or directory. A directory's reading goes on where it stopped, if it is asked to. */
interface Handle {
  readonly node: MemoryNode;
  iterator?: Iterator<Dirent>;
  /** Cookie of the last entry given, and the entry that did not fit. */
  at: number;
  waiting?: Dirent;
}

/** A file system in memory with all that POSIX asks for; permissions are left to the kernel (default_permissions). */
export class MemoryFs implements FuseOperations {
  readonly nodes = new Map<number, MemoryNode>();
  readonly handles = new Map<number, Handle>();
  readonly root: MemoryNode;
  notify: FuseNotify | undefined;
  readonly #options: MemoryFsOptions;
  readonly #timeout: number;
  readonly #entry: FuseEntry;
  #nextNode = ROOT_ID;
  #nextHandle = 1;

  constructor(options: MemoryFsOptions = {}) {
    this.#options = options;
    this.#timeout = options.timeout ?? 0;
    this.root = this.#make(S_IFDIR | 0o755, process.getuid?.() ?? 0, process.getgid?.() ?? 0, 0);
    this.root.parent = this.root;
    this.root.lookups = 1;
    const { attr } = this.root;
    this.#entry = {
      nodeid: 0,
      generation: 0,
      entryTimeout: this.#timeout,
      attrTimeout: this.#timeout,
      attr,
    };
  }

  #make(mode: number, uid: number, gid: number, rdev: number): MemoryNode {
    const node = new MemoryNode(this.#nextNode++, mode, uid, gid, rdev);
    this.nodes.set(node.id, node);
    return node;
  }

  #node(request: FuseRequest): MemoryNode {
    return this.#byId(request.nodeid);
  }

  #byId(id: number): MemoryNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw Object.assign(new Error(`node ${id} is not known`), { errno: 116 });
    return node;
  }

  #file(fh: number): MemoryNode {
    const handle = this.handles.get(fh);
    if (handle === undefined) throw Object.assign(new Error(`handle ${fh} is not open`), { errno: EBADF });
    return handle.node;
  }

  #entryOf(node: MemoryNode): FuseEntry {
    node.lookups++;
    this.#entry.nodeid = node.id;
    this.#entry.attr = node.attr;
    return this.#entry;
  }

  #drop(node: MemoryNode) {
    if (node.lookups > 0 || node.opens > 0 || node.attr.nlink > 0) return;
    this.nodes.delete(node.id);
  }

  // Names

  lookup(request: FuseRequest, name: string) {
    const parent = this.#node(request);
    if (parent.children === undefined) return request.error(ENOTDIR);
    const child = name === '.' ? parent : name === '..' ? parent.parent : parent.children.get(name)?.node;
    if (child === undefined) return request.error(Buffer.byteLength(name) > 255 ? ENAMETOOLONG : ENOENT);
    request.replyEntry(this.#entryOf(child));
  }

  forget(nodeid: number, count: number) {
    const node = this.nodes.get(nodeid);
    if (node === undefined) return;
    node.lookups -= count;
    if (node.lookups < 0) throw new Error(`node ${nodeid} was forgotten more often than looked up`);
    this.#drop(node);
  }

  batchForget(forgets: readonly FuseForget[]) {
    for (const { nodeid, count } of forgets) this.forget(nodeid, count);
  }

  #put(parent: MemoryNode, name: string, node: MemoryNode) {
    parent.children!.set(name, { name, node, cookie: parent.nextCookie++ });
    if (node.children !== undefined) {
      node.parent = parent;
      parent.attr.nlink++;
    }
    parent.attr.size = parent.children!.size * 32;
    parent.touch(false, true, true);
  }

  #take(parent: MemoryNode, name: string): MemoryNode {
    const { node } = parent.children!.get(name)!;
    parent.children!.delete(name);
    if (node.children !== undefined) parent.attr.nlink--;
    parent.attr.size = parent.children!.size * 32;
    parent.touch(false, true, true);
    node.touch(false, false, true);
    return node;
  }

  /** A new inode below request.nodeid, or undefined when an error has been answered. */
  #create(
    request: FuseRequest,
    name: string | undefined,
    mode: number,
    umask: number,
    rdev: number,
  ): MemoryNode | undefined {
    const parent = this.#node(request);
    if (parent.children === undefined || parent.attr.nlink === 0) {
      request.error(parent.children === undefined ? ENOTDIR : ENOENT);
      return undefined;
    }
    if (name !== undefined && parent.children.has(name)) {
      request.error(EEXIST);
      return undefined;
    }
    if (name !== undefined && Buffer.byteLength(name) > 255) {
      request.error(ENAMETOOLONG);
      return undefined;
    }
    // The group of a set-gid directory is handed down, and the bit to directories.
    const inherit = (parent.attr.mode & S_ISGID) !== 0;
    const gid = inherit ? parent.attr.gid : request.gid;
    const bits = inherit && (mode & S_IFMT) === S_IFDIR ? mode | S_ISGID : mode;
    const node = this.#make(bits, request.uid, gid, rdev);
    const acl = parent.xattrs?.get(ACL_DEFAULT);
    if (this.#options.acl || this.#options.dontMask) {
      if (acl === undefined) node.attr.mode &= ~umask;
      else if ((mode & S_IFMT) !== S_IFLNK) inheritAcl(node, acl, ACL_ACCESS, ACL_DEFAULT);
    }
    if (name === undefined) node.attr.nlink = 0;
    else this.#put(parent, name, node);
    return node;
  }

  mknod(request: FuseRequest, name: string, mode: number, rdev: number, umask: number) {
    const node = this.#create(request, name, (mode & S_IFMT) === 0 ? mode | S_IFREG : mode, umask, rdev);
    if (node !== undefined) request.replyEntry(this.#entryOf(node));
  }

  mkdir(request: FuseRequest, name: string, mode: number, umask: number) {
    const node = this.#create(request, name, (mode & 0o7777) | S_IFDIR, umask, 0);
    if (node !== undefined) request.replyEntry(this.#entryOf(node));
  }

  symlink(request: FuseRequest, name: string, target: string) {
    const node = this.#create(request, name, S_IFLNK | 0o777, 0, 0);
    if (node === undefined) return;
    node.target = target;
    node.attr.size = Buffer.byteLength(target);
    request.replyEntry(this.#entryOf(node));
  }

  readlink(request: FuseRequest) {
    const node = this.#node(request);
    if ((node.attr.mode & S_IFMT) !== S_IFLNK) return request.error(EINVAL);
    node.touch(true, false, false);
    request.replyReadlink(node.target);
  }

  link(request: FuseRequest, nodeid: number, newName: string) {
    const parent = this.#node(request);
    const node = this.#byId(nodeid);
    if (parent.children === undefined) return request.error(ENOTDIR);
    if (node.children !== undefined) return request.error(EPERM);
    if (parent.children.has(newName)) return request.error(EEXIST);
    node.attr.nlink++;
    node.touch(false, false, true);
    this.#put(parent, newName, node);
    request.replyEntry(this.#entryOf(node));
  }

  unlink(request: FuseRequest, name: string) {
    const parent = this.#node(request);
    if (parent.children?.get(name) === undefined) return request.error(ENOENT);
    const node = this.#take(parent, name);
    node.attr.nlink--;
    this.#drop(node);
    request.ok();
  }

  rmdir(request: FuseRequest, name: string) {
    const parent = this.#node(request);
    const node = parent.children?.get(name)?.node;
    if (node === undefined) return request.error(ENOENT);
    if (node.children === undefined) return request.error(ENOTDIR);
    if (node.children.size > 0) return request.error(ENOTEMPTY);
    this.#take(parent, name);
    node.attr.nlink = 0;
    this.#drop(node);
    request.ok();
  }

  rename(request: FuseRequest, name: string, newParent: number, newName: string, flags: number) {
    const from = this.#node(request);
    const to = this.#byId(newParent);
    const moved = from.children?.get(name)?.node;
    const there = to.children?.get(newName)?.node;
    if (moved === undefined || to.children === undefined) return request.error(ENOENT);
    if (flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE)) return request.error(EINVAL);
    if (flags & RENAME.EXCHANGE) {
      if (there === undefined) return request.error(ENOENT);
      this.#take(from, name);
      this.#take(to, newName);
      this.#put(from, name, there);
      this.#put(to, newName, moved);
      return request.ok();
    }
    if (there !== undefined) {
      if (flags & RENAME.NOREPLACE) return request.error(EEXIST);
      if (there.children !== undefined && there.children.size > 0) return request.error(ENOTEMPTY);
      this.#take(to, newName);
      if (there.children !== undefined) there.attr.nlink = 0;
      else there.attr.nlink--;
      this.#drop(there);
    }
    this.#take(from, name);
    this.#put(to, newName, moved);
    request.ok();
  }

  // Attributes

  getattr(request: FuseRequest) {
    const node = this.#node(request);
    if (this.#options.late) setImmediate(() => request.replyAttr(node.attr, this.#timeout));
    else request.replyAttr(node.attr, this.#timeout);
  }

  statx(request: FuseRequest) {
    const node = this.#node(request);
    request.replyStatx({
      attr: node.attr,
      mask: STATX.BASIC_STATS | STATX.BTIME,
      btime: node.btime,
      btimeNsec: node.btimeNsec,
      timeout: this.#timeout,
    });
  }

  setattr(request: FuseRequest, changes: FuseSetattr) {
    const node = this.#node(request);
    const { attr } = node;
    const { valid } = changes;
    if (valid & FATTR.MODE) attr.mode = (attr.mode & S_IFMT) | (changes.mode & 0o7777);
    if (valid & FATTR.UID) attr.uid = changes.uid;
    if (valid & FATTR.GID) attr.gid = changes.gid;
    node.touch(false, false, true);
    if (valid & FATTR.SIZE) {
      node.truncate(changes.size);
      node.touch(false, true, true);
    }
    if (valid & FATTR.ATIME_NOW) node.touch(true, false, false);
    else if (valid & FATTR.ATIME) {
      attr.atime = changes.atime;
      attr.atimeNsec = changes.atimeNsec;
    }
    if (valid & FATTR.MTIME_NOW) node.touch(false, true, false);
    else if (valid & FATTR.MTIME) {
      attr.mtime = changes.mtime;
      attr.mtimeNsec = changes.mtimeNsec;
    }
    if (valid & FATTR.CTIME) {
      attr.ctime = changes.ctime;
      attr.ctimeNsec = changes.ctimeNsec;
    }
    request.replyAttr(attr, this.#timeout);
  }

  setxattr(request: FuseRequest, name: string, value: Buffer, flags: number) {
    const node = this.#node(request);
    if (!this.#options.acl && name.startsWith('system.posix_acl')) return request.error(EOPNOTSUPP);
    const there = node.xattrs?.has(name) ?? false;
    if (flags & XATTR.CREATE && there) return request.error(EEXIST);
    if (flags & XATTR.REPLACE && !there) return request.error(ENODATA);
    node.xattrs ??= new Map();
    node.xattrs.set(name, value);
    if (name === ACL_ACCESS) node.attr.mode = modeOfAcl(node.attr.mode, value);
    node.touch(false, false, true);
    request.ok();
  }

  getxattr(request: FuseRequest, name: string) {
    const value = this.#node(request).xattrs?.get(name);
    if (value === undefined) request.error(ENODATA);
    else request.replyXattr(value);
  }

  listxattr(request: FuseRequest) {
    request.replyXattrNames([...(this.#node(request).xattrs?.keys() ?? [])]);
  }

  removexattr(request: FuseRequest, name: string) {
    const node = this.#node(request);
    if (!node.xattrs?.delete(name)) return request.error(ENODATA);
    node.touch(false, false, true);
    request.ok();
  }

  statfs(request: FuseRequest) {
    const blocks = 1 << 20;
    request.replyStatfs({
      blocks,
      bfree: blocks,
      bavail: blocks,
      files: 1 << 20,
      ffree: (1 << 20) - this.nodes.size,
      bsize: 4096,
      namelen: 255,
      frsize: 4096,
    });
  }

  // Files

  #open(node: MemoryNode): number {
    node.opens++;
    const fh = this.#nextHandle++;
    this.handles.set(fh, { node, at: 0 });
    return fh;
  }

  #openFlags(node: MemoryNode): number {
    if (node.pollable) return FOPEN.DIRECT_IO | FOPEN.NONSEEKABLE;
    return this.#options.directIo ? FOPEN.DIRECT_IO | FOPEN.PARALLEL_DIRECT_WRITES : 0;
  }

  open(request: FuseRequest, flags: number) {
    const node = this.#node(request);
    if (flags & O_TRUNC) {
      node.truncate(0);
      node.touch(false, true, true);
    }
    request.replyOpen(this.#open(node), this.#openFlags(node));
  }

  create(request: FuseRequest, name: string, _flags: number, mode: number, umask: number) {
    const node = this.#create(request, name, (mode & 0o7777) | S_IFREG, umask, 0);
    if (node === undefined) return;
    // A file to test poll(2) with: readable when there is something in it.
    node.pollable = name.startsWith('.poll');
    request.replyCreate(this.#entryOf(node), this.#open(node), this.#openFlags(node));
  }

  tmpfile(request: FuseRequest, _flags: number, mode: number, umask: number) {
    const node = this.#create(request, undefined, (mode & 0o7777) | S_IFREG, umask, 0);
    if (node !== undefined) request.replyCreate(this.#entryOf(node), this.#open(node), 0);
  }

  read(request: FuseRequest, fh: number, offset: number, size: number) {
    const node = this.#file(fh);
    const pieces = node.read(node.pollable ? 0 : offset, size);
    node.touch(true, false, false);
    if (this.#options.late) setImmediate(() => request.replyData(pieces));
    else request.replyData(pieces.length === 1 ? pieces[0] : pieces);
  }

  write(request: FuseRequest, fh: number, offset: number, data: Buffer, flags: number, writeFlags: number) {
    const node = this.#file(fh);
    // With direct I/O the kernel leaves this to us; otherwise it has sent a setattr before.
    if (writeFlags & WRITE.KILL_SUIDGID) node.attr.mode &= node.attr.mode & 0o10 ? ~0o6000 : ~0o4000;
    if (node.attr.blocks > MAX_BLOCKS) return request.error(ENOSPC);
    if (!this.#options.late) {
      this.#write(node, offset, data, flags);
      return request.replyWritten(data.length);
    }
    // Half of the time the answer goes first, as a write-behind cache does it, and the data is used afterwards.
    if (data.length % 8192 === 0) {
      const lease = request.keepData();
      request.replyWritten(data.length);
      this.#write(node, offset, data, flags);
      lease.release();
    } else
      setImmediate(() => {
        this.#write(node, offset, data, flags);
        request.replyWritten(data.length);
      });
  }

  #write(node: MemoryNode, offset: number, data: Buffer, flags: number) {
    node.write(flags & O_APPEND ? node.attr.size : offset, data);
    node.touch(false, true, true);
    if (node.wakeups === undefined) return;
    for (const wakeup of node.wakeups) void this.notify?.poll(wakeup);
    node.wakeups = undefined;
  }

  flush(request: FuseRequest, fh: number) {
    this.#file(fh).locks?.release(ownerOf(request));
    request.ok();
  }

  release(request: FuseRequest, fh: number, _flags: number, releaseFlags: number) {
    const node = this.#file(fh);
    node.locks?.releaseHandle(fh);
    if (releaseFlags & RELEASE.FLOCK_UNLOCK) node.flocks?.release(ownerOf(request));
    this.handles.delete(fh);
    node.opens--;
    this.#drop(node);
    request.ok();
  }

  fsync(request: FuseRequest) {
    request.ok();
  }

  fallocate(request: FuseRequest, fh: number, mode: number, offset: number, length: number) {
    const node = this.#file(fh);
    const end = offset + length;
    if (mode & ~(FALLOC.KEEP_SIZE | FALLOC.PUNCH_HOLE | FALLOC.ZERO_RANGE)) return request.error(EOPNOTSUPP);
    if (mode & (FALLOC.PUNCH_HOLE | FALLOC.ZERO_RANGE)) node.clear(offset, length);
    if (!(mode & FALLOC.PUNCH_HOLE)) node.allocate(offset, length);
    if (!(mode & FALLOC.KEEP_SIZE) && end > node.attr.size) node.attr.size = end;
    node.touch(false, true, true);
    request.ok();
  }

  lseek(request: FuseRequest, fh: number, offset: number, whence: number) {
    if (whence !== SEEK.DATA && whence !== SEEK.HOLE) return request.error(EINVAL);
    const found = this.#file(fh).seek(offset, whence === SEEK.HOLE);
    if (found === undefined) request.error(ENXIO);
    else request.replyLseek(found);
  }

  copyFileRange(request: FuseRequest, range: FuseCopyRange) {
    const from = this.#file(range.fhIn);
    const to = this.#file(range.fhOut);
    const data = Buffer.concat(from.read(range.offsetIn, Math.min(range.length, 16 * 1024 * 1024)));
    to.write(range.offsetOut, data);
    to.touch(false, true, true);
    request.replyWritten(data.length);
  }

  poll(request: FuseRequest, fh: number, _events: number, wakeup: number | undefined) {
    const node = this.#file(fh);
    if (!node.pollable) return request.replyPoll(POLLIN | POLLOUT);
    if (wakeup !== undefined) {
      node.wakeups ??= new Set();
      node.wakeups.add(wakeup);
    }
    request.replyPoll(node.attr.size > 0 ? POLLIN | POLLOUT : POLLOUT);
  }

  /** _IOR('N', 1, u64): the size; _IOWR('N', 2, u32): the number, plus one. */
  ioctl(request: FuseRequest, fh: number, ioctl: FuseIoctl) {
    const answer = Buffer.alloc(ioctl.outSize);
    if (ioctl.cmd === 0x80084e01) answer.writeBigUInt64LE(BigInt(this.#file(fh).attr.size));
    else if (ioctl.cmd === 0xc0044e02) answer.writeUInt32LE(ioctl.data.readUInt32LE(0) + 1);
    else return request.error(ENOTTY);
    request.replyIoctl(0, answer);
  }

  // Directories

  opendir(request: FuseRequest) {
    request.replyOpen(this.#open(this.#node(request)), 0);
  }

  releasedir(request: FuseRequest, fh: number) {
    this.release(request, fh, 0, 0);
  }

  fsyncdir(request: FuseRequest) {
    request.ok();
  }

  readdir(request: FuseRequest, fh: number, offset: number) {
    const handle = this.handles.get(fh)!;
    const { node } = handle;
    const listing = request.directory();
    let at = offset;
    if (at === 0 && listing.add('.', 0, node.id, 4, 1)) at = 1;
    if (at === 1 && listing.add('..', 0, (node.parent ?? node).id, 4, 2)) at = 2;
    if (handle.iterator === undefined || offset !== handle.at) {
      handle.iterator = node.children!.values();
      handle.waiting = undefined;
    }
    for (;;) {
      let next = handle.waiting;
      handle.waiting = undefined;
      if (next === undefined) {
        const step = handle.iterator.next();
        if (step.done) {
          handle.iterator = undefined;
          break;
        }
        next = step.value;
      }
      if (next.cookie <= at) continue;
      if (node.children!.get(next.name)?.cookie !== next.cookie) continue;
      if (listing.plus) {
        const entry = this.#entryOf(next.node);
        if (!listing.addEntry(next.name, entry, next.cookie)) {
          next.node.lookups--;
          handle.waiting = next;
          break;
        }
      } else if (!listing.add(next.name, 0, next.node.id, next.node.attr.mode >>> 12, next.cookie)) {
        handle.waiting = next;
        break;
      }
      at = next.cookie;
    }
    handle.at = at;
    node.touch(true, false, false);
    request.replyDirectory();
  }

  readdirplus(request: FuseRequest, fh: number, offset: number) {
    this.readdir(request, fh, offset);
  }

  // Locks

  #table(node: MemoryNode, lock: FuseLock): LockTable {
    if (lock.flock) return (node.flocks ??= new LockTable());
    return (node.locks ??= new LockTable());
  }

  getlk(request: FuseRequest, fh: number, lock: FuseLock) {
    const held = this.#table(this.#file(fh), lock).conflict(ownerOf(request), lock);
    request.replyLock(held === undefined ? { ...lock, type: LOCK.UNLCK } : { ...held, flock: false });
  }

  setlk(request: FuseRequest, fh: number, lock: FuseLock) {
    this.#table(this.#file(fh), lock).set(request, fh, lock, false);
  }

  setlkw(request: FuseRequest, fh: number, lock: FuseLock) {
    this.#table(this.#file(fh), lock).set(request, fh, lock, true);
  }
}

/** For reports: what the process uses. */
export function residentKiB(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
}
