import { DecodeError } from '../base/errors.ts';
import { decodeCleanFileName } from '../base/file-name.ts';
import { type Frame, i64, u64 } from './frame.ts';
import {
  FATTR,
  FSYNC_FDATASYNC,
  GETATTR,
  IN_HEADER,
  LK_FLOCK,
  OPCODE,
  OPCODE_NAMES,
  POLL_SCHEDULE_NOTIFY,
} from './protocol.ts';
import type { Request } from './request.ts';
import type { FuseForget, FuseLock, FuseOperations } from './types.ts';

/** Word of a request's body after fuse_in_header. */
const B = IN_HEADER / 4;
const ENOSYS = 38;

/** What reading a request depends on beside its bytes. */
export interface DecodeContext {
  /** setxattr has its longer form. */
  setxattrExt: boolean;
  /** Small writes are copied out of the frame, because lately they were not answered at once. */
  copyWrites: boolean;
}

/**
 * Reads the body of one kind of request, up to byte `end`, and calls the operation. The result is the operation's: a promise, if
 * it is async. Throws DecodeError on bytes that are not what they claim to be.
 */
type Decode = (
  ops: FuseOperations,
  request: Request,
  frame: Frame,
  end: number,
  context: DecodeContext,
) => unknown;

/** Writes of at most this size are copied rather than keep a whole frame. */
const COPY_LIMIT = 16 * 1024;

/** Opcode -> how to read it. */
export const DECODERS: readonly (Decode | undefined)[] = buildTable();

/** Where the body ends: the length less what extensions follow it (u16 total_extlen in units of 8 bytes). */
export function bodyEnd(frame: Frame): number {
  const end = frame.length - (frame.words[9] & 0xffff) * 8;
  if (end < IN_HEADER)
    throw new DecodeError('fuse_in_header', 36, `${frame.words[9] & 0xffff} units of extensions`);
  return end;
}

/** fuse_forget_in: u64 nlookup */
export function decodeForget(frame: Frame): FuseForget {
  need(frame.length, 8, 'fuse_forget_in');
  return { nodeid: u64(frame.words, 4), count: u64(frame.words, B) };
}

/** fuse_batch_forget_in: u32 count, dummy; then fuse_forget_one { u64 nodeid, nlookup } */
export function decodeBatchForget(frame: Frame): FuseForget[] {
  const { words } = frame;
  need(frame.length, 8, 'fuse_batch_forget_in');
  const count = words[B];
  need(frame.length, 8 + count * 16, 'fuse_batch_forget_in');
  const forgets: FuseForget[] = [];
  for (let i = 0, at = B + 2; i < count; i++, at += 4)
    forgets.push({ nodeid: u64(words, at), count: u64(words, at + 2) });
  return forgets;
}

/** fuse_interrupt_in: u64 unique */
export function decodeInterrupt(frame: Frame): number {
  need(frame.length, 8, 'fuse_interrupt_in');
  return u64(frame.words, B);
}

function need(end: number, bytes: number, type: string): void {
  if (end - IN_HEADER < bytes)
    throw new DecodeError(type, end, `${bytes} bytes wanted, ${end - IN_HEADER} there`);
}

/** Byte after the name read last. */
let cursor = 0;

/** A string up to its zero byte. */
function text(frame: Frame, start: number, end: number, type: string): string {
  const { buffer } = frame;
  let at = start;
  while (at < end && buffer[at] !== 0) at++;
  if (at >= end) throw new DecodeError(type, start, 'no zero byte ends the name');
  cursor = at + 1;
  return decodeCleanFileName(buffer, start, at, type);
}

/** A component of a path. */
function name(frame: Frame, start: number, end: number, type: string): string {
  const found = text(frame, start, end, type);
  if (found.length === 0) throw new DecodeError(type, start, 'an empty name');
  if (found.includes('/')) throw new DecodeError(type, start, 'a slash in a name');
  return found;
}

function missing(request: Request): undefined {
  request.error(ENOSYS);
}

/** fuse_lk_in: u64 fh, owner; fuse_file_lock { u64 start, end; u32 type, pid }; u32 lk_flags, padding */
function lock(request: Request, words: Uint32Array): FuseLock {
  request.ownerLow = words[B + 2];
  request.ownerHigh = words[B + 3];
  const toEnd = words[B + 7] === 0x7fffffff && words[B + 6] === 0xffffffff;
  return {
    type: words[B + 8],
    start: u64(words, B + 4),
    end: toEnd ? Number.POSITIVE_INFINITY : u64(words, B + 6),
    pid: words[B + 9],
    flock: (words[B + 10] & LK_FLOCK) !== 0,
  };
}

/** fuse_read_in: u64 fh, offset; u32 size, read_flags; u64 lock_owner; u32 flags, padding */
function readDirectory(request: Request, words: Uint32Array, end: number, plus: boolean): void {
  need(end, 40, 'fuse_read_in');
  request.size = words[B + 4];
  request.plus = plus;
  request.offsetLow = words[B + 2];
  request.offsetHigh = words[B + 3];
}

function buildTable(): (Decode | undefined)[] {
  const table: (Decode | undefined)[] = [];
  for (let i = 0; i < OPCODE_NAMES.length; i++) table.push(undefined);

  table[OPCODE.LOOKUP] = (ops, request, frame, end) =>
    ops.lookup === undefined
      ? missing(request)
      : ops.lookup(request, name(frame, IN_HEADER, end, 'FUSE_LOOKUP'));

  // fuse_getattr_in: u32 getattr_flags, dummy; u64 fh
  table[OPCODE.GETATTR] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_getattr_in');
    const { words } = frame;
    if (ops.getattr === undefined) return missing(request);
    return ops.getattr(request, (words[B] & GETATTR.FH) !== 0 ? u64(words, B + 2) : undefined);
  };

  // fuse_setattr_in: u32 valid, padding; u64 fh, size, lock_owner, atime, mtime, ctime; u32 atimensec, mtimensec, ctimensec, mode,
  // unused, uid, gid, unused
  table[OPCODE.SETATTR] = (ops, request, frame, end) => {
    need(end, 88, 'fuse_setattr_in');
    const { words } = frame;
    if (ops.setattr === undefined) return missing(request);
    const valid = words[B];
    if ((valid & FATTR.LOCKOWNER) !== 0) {
      request.ownerLow = words[B + 6];
      request.ownerHigh = words[B + 7];
    }
    return ops.setattr(request, {
      valid,
      fh: (valid & FATTR.FH) !== 0 ? u64(words, B + 2) : undefined,
      size: u64(words, B + 4),
      atime: i64(words, B + 8),
      mtime: i64(words, B + 10),
      ctime: i64(words, B + 12),
      atimeNsec: words[B + 14],
      mtimeNsec: words[B + 15],
      ctimeNsec: words[B + 16],
      mode: words[B + 17],
      uid: words[B + 19],
      gid: words[B + 20],
    });
  };

  // fuse_statx_in: u32 getattr_flags, reserved; u64 fh; u32 sx_flags, sx_mask
  table[OPCODE.STATX] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_statx_in');
    const { words } = frame;
    if (ops.statx === undefined) return missing(request);
    const fh = (words[B] & GETATTR.FH) !== 0 ? u64(words, B + 2) : undefined;
    return ops.statx(request, fh, words[B + 4], words[B + 5]);
  };

  table[OPCODE.READLINK] = (ops, request) =>
    ops.readlink === undefined ? missing(request) : ops.readlink(request);

  // name, then target
  table[OPCODE.SYMLINK] = (ops, request, frame, end) => {
    if (ops.symlink === undefined) return missing(request);
    const made = name(frame, IN_HEADER, end, 'FUSE_SYMLINK');
    return ops.symlink(request, made, text(frame, cursor, end, 'FUSE_SYMLINK'));
  };

  // fuse_mknod_in: u32 mode, rdev, umask, padding; name
  table[OPCODE.MKNOD] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_mknod_in');
    const { words } = frame;
    if (ops.mknod === undefined) return missing(request);
    const made = name(frame, IN_HEADER + 16, end, 'FUSE_MKNOD');
    return ops.mknod(request, made, words[B], words[B + 1], words[B + 2]);
  };

  // fuse_mkdir_in: u32 mode, umask; name
  table[OPCODE.MKDIR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_mkdir_in');
    const { words } = frame;
    if (ops.mkdir === undefined) return missing(request);
    return ops.mkdir(request, name(frame, IN_HEADER + 8, end, 'FUSE_MKDIR'), words[B], words[B + 1]);
  };

  table[OPCODE.UNLINK] = (ops, request, frame, end) =>
    ops.unlink === undefined
      ? missing(request)
      : ops.unlink(request, name(frame, IN_HEADER, end, 'FUSE_UNLINK'));

  table[OPCODE.RMDIR] = (ops, request, frame, end) =>
    ops.rmdir === undefined
      ? missing(request)
      : ops.rmdir(request, name(frame, IN_HEADER, end, 'FUSE_RMDIR'));

  // fuse_rename_in: u64 newdir; old name, new name
  table[OPCODE.RENAME] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_rename_in');
    if (ops.rename === undefined) return missing(request);
    const from = name(frame, IN_HEADER + 8, end, 'FUSE_RENAME');
    return ops.rename(request, from, u64(frame.words, B), name(frame, cursor, end, 'FUSE_RENAME'), 0);
  };

  // fuse_rename2_in: u64 newdir; u32 flags, padding; old name, new name
  table[OPCODE.RENAME2] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_rename2_in');
    const { words } = frame;
    if (ops.rename === undefined) return missing(request);
    const from = name(frame, IN_HEADER + 16, end, 'FUSE_RENAME2');
    return ops.rename(request, from, u64(words, B), name(frame, cursor, end, 'FUSE_RENAME2'), words[B + 2]);
  };

  // fuse_link_in: u64 oldnodeid; new name
  table[OPCODE.LINK] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_link_in');
    if (ops.link === undefined) return missing(request);
    return ops.link(request, u64(frame.words, B), name(frame, IN_HEADER + 8, end, 'FUSE_LINK'));
  };

  // fuse_open_in: u32 flags, open_flags
  table[OPCODE.OPEN] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_open_in');
    if (ops.open === undefined) return missing(request);
    return ops.open(request, frame.words[B], frame.words[B + 1]);
  };

  table[OPCODE.OPENDIR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_open_in');
    if (ops.opendir === undefined) return missing(request);
    return ops.opendir(request, frame.words[B]);
  };

  // fuse_create_in: u32 flags, mode, umask, open_flags; name
  table[OPCODE.CREATE] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_create_in');
    const { words } = frame;
    if (ops.create === undefined) return missing(request);
    const made = name(frame, IN_HEADER + 16, end, 'FUSE_CREATE');
    return ops.create(request, made, words[B], words[B + 1], words[B + 2], words[B + 3]);
  };

  // fuse_create_in; the name that follows means nothing
  table[OPCODE.TMPFILE] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_create_in');
    const { words } = frame;
    if (ops.tmpfile === undefined) return missing(request);
    return ops.tmpfile(request, words[B], words[B + 1], words[B + 2]);
  };

  // fuse_read_in: u64 fh, offset; u32 size, read_flags; u64 lock_owner; u32 flags, padding
  table[OPCODE.READ] = (ops, request, frame, end) => {
    need(end, 40, 'fuse_read_in');
    const { words } = frame;
    if (ops.read === undefined) return missing(request);
    const size = words[B + 4];
    request.size = size;
    request.ownerLow = words[B + 6];
    request.ownerHigh = words[B + 7];
    return ops.read(request, u64(words, B), u64(words, B + 2), size, words[B + 8]);
  };

  // fuse_write_in: u64 fh, offset; u32 size, write_flags; u64 lock_owner; u32 flags, padding; data
  table[OPCODE.WRITE] = (ops, request, frame, end, context) => {
    need(end, 40, 'fuse_write_in');
    const { words } = frame;
    const size = words[B + 4];
    need(end, 40 + size, 'fuse_write_in');
    if (ops.write === undefined) return missing(request);
    request.ownerLow = words[B + 6];
    request.ownerHigh = words[B + 7];
    const start = IN_HEADER + 40;
    let data = frame.buffer.subarray(start, start + size);
    if (size <= COPY_LIMIT && context.copyWrites) data = Buffer.from(data);
    else request.frame = frame;
    return ops.write(request, u64(words, B), u64(words, B + 2), data, words[B + 8], words[B + 5]);
  };

  table[OPCODE.STATFS] = (ops, request) => {
    if (ops.statfs !== undefined) return ops.statfs(request);
    return request.replyStatfs({
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: 0,
      ffree: 0,
      bsize: 512,
      namelen: 255,
      frsize: 512,
    });
  };

  // fuse_release_in: u64 fh; u32 flags, release_flags; u64 lock_owner
  table[OPCODE.RELEASE] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_release_in');
    const { words } = frame;
    if (ops.release === undefined) return request.ok();
    request.ownerLow = words[B + 4];
    request.ownerHigh = words[B + 5];
    return ops.release(request, u64(words, B), words[B + 2], words[B + 3]);
  };

  table[OPCODE.RELEASEDIR] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_release_in');
    if (ops.releasedir === undefined) return request.ok();
    return ops.releasedir(request, u64(frame.words, B), frame.words[B + 2]);
  };

  // fuse_flush_in: u64 fh; u32 unused, padding; u64 lock_owner
  table[OPCODE.FLUSH] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_flush_in');
    const { words } = frame;
    if (ops.flush === undefined) return missing(request);
    request.ownerLow = words[B + 4];
    request.ownerHigh = words[B + 5];
    return ops.flush(request, u64(words, B));
  };

  // fuse_fsync_in: u64 fh; u32 fsync_flags, padding
  table[OPCODE.FSYNC] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_fsync_in');
    if (ops.fsync === undefined) return missing(request);
    return ops.fsync(request, u64(frame.words, B), (frame.words[B + 2] & FSYNC_FDATASYNC) !== 0);
  };

  table[OPCODE.FSYNCDIR] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_fsync_in');
    if (ops.fsyncdir === undefined) return missing(request);
    return ops.fsyncdir(request, u64(frame.words, B), (frame.words[B + 2] & FSYNC_FDATASYNC) !== 0);
  };

  // fuse_setxattr_in: u32 size, flags and, if agreed, setxattr_flags, padding; name; value
  table[OPCODE.SETXATTR] = (ops, request, frame, end, context) => {
    const head = context.setxattrExt ? 16 : 8;
    need(end, head, 'fuse_setxattr_in');
    const { words } = frame;
    if (ops.setxattr === undefined) return missing(request);
    const key = text(frame, IN_HEADER + head, end, 'FUSE_SETXATTR');
    const size = words[B];
    if (end - cursor < size)
      throw new DecodeError(
        'fuse_setxattr_in',
        cursor,
        `${size} bytes of value wanted, ${end - cursor} there`,
      );
    const value = Buffer.from(frame.buffer.subarray(cursor, cursor + size));
    return ops.setxattr(request, key, value, words[B + 1], context.setxattrExt ? words[B + 2] : 0);
  };

  // fuse_getxattr_in: u32 size, padding; name
  table[OPCODE.GETXATTR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_getxattr_in');
    if (ops.getxattr === undefined) return missing(request);
    request.size = frame.words[B];
    return ops.getxattr(request, text(frame, IN_HEADER + 8, end, 'FUSE_GETXATTR'), request.size);
  };

  table[OPCODE.LISTXATTR] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_getxattr_in');
    if (ops.listxattr === undefined) return missing(request);
    request.size = frame.words[B];
    return ops.listxattr(request, request.size);
  };

  table[OPCODE.REMOVEXATTR] = (ops, request, frame, end) =>
    ops.removexattr === undefined
      ? missing(request)
      : ops.removexattr(request, text(frame, IN_HEADER, end, 'FUSE_REMOVEXATTR'));

  table[OPCODE.READDIR] = (ops, request, frame, end) => {
    const { words } = frame;
    readDirectory(request, words, end, false);
    if (ops.readdir === undefined) return missing(request);
    return ops.readdir(request, u64(words, B), u64(words, B + 2), words[B + 4]);
  };

  table[OPCODE.READDIRPLUS] = (ops, request, frame, end) => {
    const { words } = frame;
    readDirectory(request, words, end, true);
    if (ops.readdirplus === undefined) return missing(request);
    return ops.readdirplus(request, u64(words, B), u64(words, B + 2), words[B + 4]);
  };

  table[OPCODE.GETLK] = (ops, request, frame, end) => {
    need(end, 48, 'fuse_lk_in');
    if (ops.getlk === undefined) return missing(request);
    return ops.getlk(request, u64(frame.words, B), lock(request, frame.words));
  };

  table[OPCODE.SETLK] = (ops, request, frame, end) => {
    need(end, 48, 'fuse_lk_in');
    if (ops.setlk === undefined) return missing(request);
    return ops.setlk(request, u64(frame.words, B), lock(request, frame.words));
  };

  table[OPCODE.SETLKW] = (ops, request, frame, end) => {
    need(end, 48, 'fuse_lk_in');
    if (ops.setlkw === undefined) return missing(request);
    return ops.setlkw(request, u64(frame.words, B), lock(request, frame.words));
  };

  // fuse_access_in: u32 mask, padding
  table[OPCODE.ACCESS] = (ops, request, frame, end) => {
    need(end, 8, 'fuse_access_in');
    return ops.access === undefined ? missing(request) : ops.access(request, frame.words[B]);
  };

  // fuse_bmap_in: u64 block; u32 blocksize, padding
  table[OPCODE.BMAP] = (ops, request, frame, end) => {
    need(end, 16, 'fuse_bmap_in');
    const { words } = frame;
    return ops.bmap === undefined ? missing(request) : ops.bmap(request, u64(words, B), words[B + 2]);
  };

  // fuse_ioctl_in: u64 fh; u32 flags, cmd; u64 arg; u32 in_size, out_size; data
  table[OPCODE.IOCTL] = (ops, request, frame, end) => {
    need(end, 32, 'fuse_ioctl_in');
    const { words } = frame;
    const size = words[B + 6];
    need(end, 32 + size, 'fuse_ioctl_in');
    if (ops.ioctl === undefined) return missing(request);
    request.size = words[B + 7];
    return ops.ioctl(request, u64(words, B), {
      flags: words[B + 2],
      cmd: words[B + 3],
      arg: { low: words[B + 4], high: words[B + 5] },
      data: Buffer.from(frame.buffer.subarray(IN_HEADER + 32, IN_HEADER + 32 + size)),
      outSize: words[B + 7],
    });
  };

  // fuse_poll_in: u64 fh, kh; u32 flags, events
  table[OPCODE.POLL] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_poll_in');
    const { words } = frame;
    if (ops.poll === undefined) return missing(request);
    const wakeup = (words[B + 4] & POLL_SCHEDULE_NOTIFY) !== 0 ? u64(words, B + 2) : undefined;
    return ops.poll(request, u64(words, B), words[B + 5], wakeup);
  };

  // fuse_fallocate_in: u64 fh, offset, length; u32 mode, padding
  table[OPCODE.FALLOCATE] = (ops, request, frame, end) => {
    need(end, 32, 'fuse_fallocate_in');
    const { words } = frame;
    if (ops.fallocate === undefined) return missing(request);
    return ops.fallocate(request, u64(words, B), words[B + 6], u64(words, B + 2), u64(words, B + 4));
  };

  // fuse_lseek_in: u64 fh, offset; u32 whence, padding
  table[OPCODE.LSEEK] = (ops, request, frame, end) => {
    need(end, 24, 'fuse_lseek_in');
    const { words } = frame;
    if (ops.lseek === undefined) return missing(request);
    return ops.lseek(request, u64(words, B), i64(words, B + 2), words[B + 4]);
  };

  // fuse_copy_file_range_in: u64 fh_in, off_in, nodeid_out, fh_out, off_out, len, flags
  const copyFileRange: Decode = (ops, request, frame, end) => {
    need(end, 56, 'fuse_copy_file_range_in');
    const { words } = frame;
    if (ops.copyFileRange === undefined) return missing(request);
    return ops.copyFileRange(request, {
      fhIn: u64(words, B),
      offsetIn: u64(words, B + 2),
      nodeidOut: u64(words, B + 4),
      fhOut: u64(words, B + 6),
      offsetOut: u64(words, B + 8),
      length: u64(words, B + 10),
      flags: words[B + 12],
    });
  };
  table[OPCODE.COPY_FILE_RANGE] = copyFileRange;
  table[OPCODE.COPY_FILE_RANGE_64] = copyFileRange;

  table[OPCODE.SYNCFS] = (ops, request) =>
    ops.syncfs === undefined ? missing(request) : ops.syncfs(request);

  return table;
}
