import type { ObjectWrite } from '../io/types.ts';
import { BLOCK_MAX, type BlockPool } from './block-pool.ts';
import { BH_CLEAN, BH_DIRTY, BufferHead, type CachedObject } from './cached-object.ts';
import { copyPieces } from './pieces.ts';

// How the data of a write gets into the heads of its object: it is copied once, and where it can be into memory that is
// there already.

/** Writes into the memory of data that is dirty already, or clean and of the same extent. */
export function overwriteHead(object: CachedObject, write: ObjectWrite, seq: number): boolean {
  const { offset, length } = write;
  const end = offset + length;
  const head = object.heads[object.find(offset)];
  if (head === undefined || head.start > offset || head.end < end) return false;
  if (head.state === BH_CLEAN && head.start === offset && head.end === end) {
    object.setState(head, BH_DIRTY);
    head.seq = seq;
  } else if (head.state !== BH_DIRTY) return false;
  copyPieces(write.data, 0, length, head.block!.bytes, head.at + offset - head.start);
  return true;
}

/** Lengthens the dirty data just before, where its block has room. */
export function appendToHead(object: CachedObject, write: ObjectWrite): boolean {
  const { offset, length } = write;
  if (offset === 0) return false;
  const index = object.find(offset - 1);
  const head = object.heads[index];
  if (head === undefined || head.end !== offset || head.state !== BH_DIRTY) return false;
  const next = object.heads[index + 1];
  if (next !== undefined && next.start < offset + length) return false;
  const block = head.block!;
  const at = head.at + offset - head.start;
  if (block.used !== at || at + length > block.bytes.length) return false;
  copyPieces(write.data, 0, length, block.bytes, at);
  block.used += length;
  head.end += length;
  object.countDirty(length);
  return true;
}

/** Copies a write's data into heads of its own. */
export function insertWrite(
  pool: BlockPool,
  object: CachedObject,
  write: ObjectWrite,
  state: typeof BH_CLEAN | typeof BH_DIRTY,
  seq: number,
): void {
  const { offset, length, data } = write;
  // A flush that waits for the data which this replaces now waits for this.
  const since = object.waits.length === 0 ? seq : Math.min(seq, oldestDirty(object, offset, offset + length));
  let index = object.carve(offset, offset + length);
  // Whoever writes on where he left off gets room to go on.
  const wanted = object.sequential && object.lastEnd === offset ? BLOCK_MAX : 0;
  for (let from = 0; from < length; ) {
    const size = Math.min(BLOCK_MAX, length - from);
    const block = pool.take(Math.max(size, wanted));
    copyPieces(data, from, size, block.bytes, 0);
    block.used = size;
    const head = new BufferHead(object, offset + from, offset + from + size, state, block, 0);
    head.seq = since;
    object.insert(index++, head);
    from += size;
  }
}

/** Number of the oldest dirty data in a range; infinite when there is none. */
export function oldestDirty(object: CachedObject, start: number, end: number): number {
  let oldest = Number.POSITIVE_INFINITY;
  const { heads } = object;
  for (let i = object.find(start); i < heads.length && heads[i].start < end; i++)
    if (heads[i].state === BH_DIRTY) oldest = Math.min(oldest, heads[i].seq);
  return oldest;
}
