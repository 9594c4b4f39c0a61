import { ERRNO } from '../base/errno.ts';
import { NacreError } from '../base/errors.ts';
import { encodeFileName, writeFileName } from '../base/file-name.ts';
import type { Span } from '../base/trace.ts';
import type { Directory } from './directory.ts';
import { ATTR_WORDS, ENTRY_WORDS, putAttr, putEntry, putTimeout } from './encode.ts';
import { type Frame, put64 } from './frame.ts';
import { devMajor, devMinor, LOCK, OPCODE_NAMES, OUT_HEADER, STATX } from './protocol.ts';
import type {
  FuseAttr,
  FuseDataLease,
  FuseDirectory,
  FuseEntry,
  FuseLock,
  FuseRequest,
  FuseStatfs,
  FuseStatx,
} from './types.ts';

/** Answers up to this size are gathered in one piece of memory, which costs less than a vectored write. */
export const SMALL_REPLY = 32 * 1024;

/** Where answers go: the session, which gives its memory for small ones. */
export interface ReplySink {
  readonly out: Buffer;
  readonly outWords: Uint32Array;
  /** Writes the answer whose body of `length` bytes lies in `out` after the header. */
  send(request: Request, error: number, length: number): void;
  /** Writes an answer of several pieces, `length` bytes in all. */
  sendParts(request: Request, parts: readonly Uint8Array[], length: number): void;
  sendDirectory(request: Request, directory: Directory): void;
  makeDirectory(plus: boolean, size: number): Directory;
}

export class Request implements FuseRequest {
  readonly opcode: number;
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  readonly nodeid: number;
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  ownerHigh = 0;
  ownerLow = 0;
  offsetHigh = 0;
  offsetLow = 0;
  /** The most that the answer may carry: read, readdir, getxattr, listxattr, ioctl. */
  size = 0;
  answered = false;
  interrupted = false;
  /** In the session's table of unanswered requests. */
  pending = false;
  span: Span | undefined = undefined;
  context: unknown = undefined;
  /** The memory that a write's data lies in, while the data may be used. */
  frame: Frame | undefined = undefined;
  plus = false;
  /** Someone asked for the data to outlive the answer. */
  kept = false;
  readonly #sink: ReplySink;
  #onInterrupt: ((request: FuseRequest) => void) | undefined = undefined;
  #directory: Directory | undefined = undefined;

  /** fuse_in_header: u32 len, opcode; u64 unique, nodeid; u32 uid, gid, pid; u16 total_extlen, padding */
  constructor(sink: ReplySink, words: Uint32Array) {
    this.#sink = sink;
    this.opcode = words[1];
    this.uniqueLow = words[2];
    this.uniqueHigh = words[3];
    this.nodeid = words[4] + words[5] * 4294967296;
    this.uid = words[6];
    this.gid = words[7];
    this.pid = words[8];
  }

  get unique(): number {
    return this.uniqueLow + this.uniqueHigh * 4294967296;
  }

  onInterrupt(callback: (request: FuseRequest) => void): void {
    if (this.interrupted) callback(this);
    else this.#onInterrupt = callback;
  }

  interrupt(): void {
    if (this.interrupted || this.answered) return;
    this.interrupted = true;
    const callback = this.#onInterrupt;
    this.#onInterrupt = undefined;
    callback?.(this);
  }

  keepData(): FuseDataLease {
    if (this.answered)
      throw new NacreError('EINVAL', 'fuse.keepData', 'the data is gone: the write has been answered');
    this.kept = true;
    const frame = this.frame;
    if (frame === undefined) return NO_LEASE;
    frame.hold();
    return new Lease(frame);
  }

  directory(): FuseDirectory {
    this.#directory ??= this.#sink.makeDirectory(this.plus, this.size);
    return this.#directory;
  }

  ok(): void {
    this.#answer();
    this.#sink.send(this, 0, 0);
  }

  error(errno: number): void {
    this.#answer();
    const positive = Math.abs(errno) | 0;
    // The kernel refuses what is not an errno, and the caller would wait for ever.
    this.#sink.send(this, positive > 0 && positive < 512 ? positive : 5, 0);
  }

  fail(error: unknown): void {
    this.error(errnoOf(error));
  }

  replyEntry(entry: FuseEntry): void {
    this.#answer();
    putEntry(this.#sink.outWords, 4, entry);
    this.#sink.send(this, 0, ENTRY_WORDS * 4);
  }

  /** fuse_entry_out, then fuse_open_out: u64 fh; u32 open_flags, backing_id */
  replyCreate(entry: FuseEntry, fh: number, openFlags: number): void {
    this.#answer();
    const words = this.#sink.outWords;
    putEntry(words, 4, entry);
    put64(words, 4 + ENTRY_WORDS, fh);
    words[6 + ENTRY_WORDS] = openFlags;
    words[7 + ENTRY_WORDS] = 0;
    this.#sink.send(this, 0, ENTRY_WORDS * 4 + 16);
  }

  /** fuse_attr_out: u64 attr_valid; u32 attr_valid_nsec, dummy; fuse_attr */
  replyAttr(attr: FuseAttr, timeout: number): void {
    this.#answer();
    const words = this.#sink.outWords;
    putTimeout(words, 4, 6, timeout);
    words[7] = 0;
    putAttr(words, 8, attr);
    this.#sink.send(this, 0, 16 + ATTR_WORDS * 4);
  }

  /**
   * fuse_statx_out: u64 attr_valid; u32 attr_valid_nsec, flags; u64 spare[2]; then fuse_statx: u32 mask, blksize; u64 attributes;
   * u32 nlink, uid, gid; u16 mode, spare; u64 ino, size, blocks, attributes_mask; fuse_sx_time { i64 sec; u32 nsec; i32 reserved }
   * atime, btime, ctime, mtime; u32 rdev_major, rdev_minor, dev_major, dev_minor; u64 spare[14]
   */
  replyStatx(statx: FuseStatx): void {
    this.#answer();
    const words = this.#sink.outWords;
    const { attr } = statx;
    words.fill(0, 4, 4 + 72);
    putTimeout(words, 4, 6, statx.timeout);
    const s = 12;
    words[s] = statx.mask ?? STATX.BASIC_STATS;
    words[s + 1] = attr.blksize;
    put64(words, s + 2, statx.attributes ?? 0);
    words[s + 4] = attr.nlink;
    words[s + 5] = attr.uid;
    words[s + 6] = attr.gid;
    words[s + 7] = attr.mode & 0xffff;
    words[s + 8] = attr.inoLow;
    words[s + 9] = attr.inoHigh;
    put64(words, s + 10, attr.size);
    put64(words, s + 12, attr.blocks);
    put64(words, s + 14, statx.attributesMask ?? 0);
    put64(words, s + 16, attr.atime);
    words[s + 18] = attr.atimeNsec;
    put64(words, s + 20, statx.btime ?? 0);
    words[s + 22] = statx.btimeNsec ?? 0;
    put64(words, s + 24, attr.ctime);
    words[s + 26] = attr.ctimeNsec;
    put64(words, s + 28, attr.mtime);
    words[s + 30] = attr.mtimeNsec;
    words[s + 32] = devMajor(attr.rdev);
    words[s + 33] = devMinor(attr.rdev);
    this.#sink.send(this, 0, 288);
  }

  replyReadlink(target: string): void {
    this.#answer();
    // PATH_MAX is the most that the kernel takes, so three bytes a unit always fit into the small reply.
    if (target.length > 4095) this.#sink.send(this, 36, 0);
    else this.#sink.send(this, 0, writeFileName(this.#sink.out, target, OUT_HEADER));
  }

  /** fuse_open_out: u64 fh; u32 open_flags, backing_id */
  replyOpen(fh: number, openFlags: number): void {
    this.#answer();
    const words = this.#sink.outWords;
    put64(words, 4, fh);
    words[6] = openFlags;
    words[7] = 0;
    this.#sink.send(this, 0, 16);
  }

  replyData(data: Uint8Array | readonly Uint8Array[]): void {
    this.#answer();
    if (data instanceof Uint8Array) {
      const length = data.length;
      if (length > this.size) this.#sink.send(this, 5, 0);
      else if (length <= SMALL_REPLY) {
        this.#sink.out.set(data, OUT_HEADER);
        this.#sink.send(this, 0, length);
      } else this.#sink.sendParts(this, [data], length);
      return;
    }
    let length = 0;
    for (let i = 0; i < data.length; i++) length += data[i].length;
    if (length > this.size) this.#sink.send(this, 5, 0);
    else if (length <= SMALL_REPLY) {
      let at = OUT_HEADER;
      for (let i = 0; i < data.length; i++) {
        this.#sink.out.set(data[i], at);
        at += data[i].length;
      }
      this.#sink.send(this, 0, length);
    } else this.#sink.sendParts(this, data, length);
  }

  /** fuse_write_out: u32 size, padding. fuse_copy_file_range_out: u64 bytes_copied. The same bytes. */
  replyWritten(size: number): void {
    this.#answer();
    put64(this.#sink.outWords, 4, size);
    this.#sink.send(this, 0, 8);
  }

  /** fuse_kstatfs: u64 blocks, bfree, bavail, files, ffree; u32 bsize, namelen, frsize, padding, spare[6] */
  replyStatfs(statfs: FuseStatfs): void {
    this.#answer();
    const words = this.#sink.outWords;
    put64(words, 4, statfs.blocks);
    put64(words, 6, statfs.bfree);
    put64(words, 8, statfs.bavail);
    put64(words, 10, statfs.files);
    put64(words, 12, statfs.ffree);
    words[14] = statfs.bsize;
    words[15] = statfs.namelen;
    words[16] = statfs.frsize;
    words.fill(0, 17, 24);
    this.#sink.send(this, 0, 80);
  }

  /** fuse_getxattr_out: u32 size, padding; or the value itself */
  replyXattr(value: Uint8Array): void {
    if (this.size !== 0) {
      if (value.length > this.size) this.error(ERRNO['ERANGE']);
      else this.replyData(value);
      return;
    }
    this.#answer();
    this.#sink.outWords[4] = value.length;
    this.#sink.outWords[5] = 0;
    this.#sink.send(this, 0, 8);
  }

  replyXattrNames(names: readonly string[]): void {
    this.replyXattr(
      names.length === 0
        ? EMPTY
        : encodeFileName(names.length === 1 ? `${names[0]}\0` : `${names.join('\0')}\0`),
    );
  }

  /** fuse_file_lock: u64 start, end; u32 type, pid */
  replyLock(lock: FuseLock): void {
    this.#answer();
    const words = this.#sink.outWords;
    if (lock.type === LOCK.UNLCK) words.fill(0, 4, 8);
    else {
      put64(words, 4, lock.start);
      if (lock.end >= 2 ** 63) {
        words[6] = 0xffffffff;
        words[7] = 0x7fffffff;
      } else put64(words, 6, lock.end);
    }
    words[8] = lock.type;
    words[9] = lock.pid;
    this.#sink.send(this, 0, 24);
  }

  replyLseek(offset: number): void {
    this.#answer();
    put64(this.#sink.outWords, 4, offset);
    this.#sink.send(this, 0, 8);
  }

  replyBmap(block: number): void {
    this.replyLseek(block);
  }

  /** fuse_poll_out: u32 revents, padding */
  replyPoll(revents: number): void {
    this.#answer();
    this.#sink.outWords[4] = revents;
    this.#sink.outWords[5] = 0;
    this.#sink.send(this, 0, 8);
  }

  /** fuse_ioctl_out: i32 result; u32 flags, in_iovs, out_iovs; then the data */
  replyIoctl(result: number, data?: Uint8Array): void {
    this.#answer();
    const length = data?.length ?? 0;
    if (length > this.size || length > SMALL_REPLY) {
      this.#sink.send(this, 5, 0);
      return;
    }
    const words = this.#sink.outWords;
    words[4] = result;
    words.fill(0, 5, 8);
    if (data !== undefined) this.#sink.out.set(data, OUT_HEADER + 16);
    this.#sink.send(this, 0, 16 + length);
  }

  replyDirectory(): void {
    this.#answer();
    const directory = this.#directory;
    this.#directory = undefined;
    if (directory === undefined) this.#sink.send(this, 0, 0);
    else this.#sink.sendDirectory(this, directory);
  }

  #answer(): void {
    if (this.answered)
      throw new NacreError(
        'EALREADY',
        'fuse.reply',
        `${OPCODE_NAMES[this.opcode]} ${this.unique} of node ${this.nodeid} has been answered already`,
      );
    this.answered = true;
  }
}

class Lease implements FuseDataLease {
  #frame: Frame | undefined;

  constructor(frame: Frame) {
    this.#frame = frame;
  }

  release(): void {
    const frame = this.#frame;
    this.#frame = undefined;
    frame?.release();
  }
}

/** For data that has memory of its own. */
const NO_LEASE: FuseDataLease = { release() {} };
const EMPTY = new Uint8Array(0);

function errnoOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 5;
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  if (typeof errno === 'number' && errno !== 0) return errno;
  return typeof code === 'string' ? (ERRNO[code] ?? 5) : 5;
}
