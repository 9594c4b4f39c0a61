import { DecodeError } from '../base/errors.ts';
import { B, type Decode, missing, name, need } from './decode-base.ts';
import { addTreeDecoders } from './decode-tree.ts';
import { type Frame, i64, u64 } from './frame.ts';
import {
  FSYNC_FDATASYNC,
  IN_HEADER,
  LK_FLOCK,
  OPCODE,
  OPCODE_NAMES,
  POLL_SCHEDULE_NOTIFY,
} from './protocol.ts';
import type { Request } from './request.ts';
import type { FuseForget, FuseLock } from './types.ts';

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
  addTreeDecoders(table);
  addFileDecoders(table);
  return table;
}

/** How to read what is about open files and directories. */
function addFileDecoders(table: (Decode | undefined)[]): void {
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
}
