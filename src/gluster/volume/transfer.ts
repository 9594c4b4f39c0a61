import type { Fd } from '../graph/fd.ts';
import type { Frame } from '../graph/frame.ts';
import type { Session } from './session.ts';

/** Bytes that one fop carries at the most, as a mount's do. */
export const CHUNK = 1 << 20;
/** Fops of one call that are under way at once. */
const WINDOW = 4;

/**
 * Reads up to `into.length` bytes from `offset` on. Returns how many there were; fewer only at the end of the file.
 */
export async function readInto(
  session: Session,
  frame: Frame,
  fd: Fd,
  into: Uint8Array,
  offset: number,
): Promise<number> {
  const { length } = into;
  if (length <= CHUNK) return readPart(session, frame, fd, into, offset);
  // Parts that follow each other, some at a time; what lies behind a short one does not count.
  let total = 0;
  for (let at = 0; at < length; at += CHUNK * WINDOW) {
    const parts: Promise<number>[] = [];
    for (let from = at; from < Math.min(length, at + CHUNK * WINDOW); from += CHUNK)
      parts.push(
        readPart(session, frame, fd, into.subarray(from, Math.min(length, from + CHUNK)), offset + from),
      );
    for (const [i, n] of (await Promise.all(parts)).entries()) {
      total += n;
      if (n < Math.min(CHUNK, length - at - i * CHUNK)) return total;
    }
  }
  return total;
}

async function readPart(
  session: Session,
  frame: Frame,
  fd: Fd,
  into: Uint8Array,
  offset: number,
): Promise<number> {
  let n = 0;
  while (n < into.length) {
    const { data, length, eof, memory } = await session.fops.readv(frame, fd, into.length - n, offset + n, 0);
    for (const piece of data) {
      into.set(piece, n);
      n += piece.length;
    }
    memory?.recycle();
    if (length === 0 || eof) break;
  }
  return n;
}

/** What there is from `offset` on, at most `length` bytes, in pieces that need not be copied. */
export async function readPieces(
  session: Session,
  frame: Frame,
  fd: Fd,
  offset: number,
  length: number,
): Promise<{ data: readonly Buffer[]; length: number }> {
  const answer = await session.fops.readv(frame, fd, Math.min(length, CHUNK), offset, 0);
  return answer;
}

/** Writes all of `pieces` from `offset` on. */
export async function writeAll(
  session: Session,
  frame: Frame,
  fd: Fd,
  pieces: readonly Uint8Array[],
  offset: number,
): Promise<number> {
  let at = offset;
  let waiting: Promise<unknown>[] = [];
  // Where data goes to the end of the file, only one after the other keeps the order.
  const window = (fd.flags & 0o2000) !== 0 ? 1 : WINDOW;
  for (const part of parts(pieces)) {
    const length = part.reduce((sum, piece) => sum + piece.length, 0);
    waiting.push(writePart(session, frame, fd, part, at, length));
    at += length;
    if (waiting.length >= window) {
      await Promise.all(waiting);
      waiting = [];
    }
  }
  await Promise.all(waiting);
  return at - offset;
}

async function writePart(
  session: Session,
  frame: Frame,
  fd: Fd,
  part: Buffer[],
  offset: number,
  length: number,
): Promise<void> {
  let rest = part;
  let left = length;
  let at = offset;
  for (;;) {
    const { written } = await session.fops.writev(frame, fd, rest, at, 0);
    left -= written;
    if (left <= 0 || written === 0) return;
    at += written;
    rest = [Buffer.concat(rest).subarray(written)];
  }
}

/** Groups of pieces of CHUNK bytes at the most. */
function* parts(pieces: readonly Uint8Array[]): Generator<Buffer[]> {
  let part: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    let from = 0;
    while (from < piece.length) {
      const take = Math.min(piece.length - from, CHUNK - size);
      part.push(Buffer.from(piece.buffer, piece.byteOffset + from, take));
      size += take;
      from += take;
      if (size === CHUNK) {
        yield part;
        part = [];
        size = 0;
      }
    }
  }
  if (part.length > 0) yield part;
}
