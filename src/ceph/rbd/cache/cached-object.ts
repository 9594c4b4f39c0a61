import type { Span } from '../../../base/trace.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { Block, BlockPool } from './block-pool.ts';
import type { Fill } from './cacher-read.ts';
import type { FlushWait } from './flush.ts';
import type { Pass } from './pass.ts';
import type { WriteBack } from './write-back.ts';

export const BH_CLEAN = 0;
/** Clean, and nothing but zeros: takes no memory. */
export const BH_ZERO = 1;
export const BH_DIRTY = 2;
/** Being written back. */
export const BH_TX = 3;
/** Being read. */
export const BH_RX = 4;
export type BufferState = 0 | 1 | 2 | 3 | 4;

/** A range of an object that the cache knows something about. Missing is what no head covers. */
export class BufferHead {
  readonly object: CachedObject;
  /** Bytes within the object. */
  start: number;
  end: number;
  state: BufferState;
  block: Block | undefined;
  /** Where in the block it begins. */
  at: number;
  /** Of dirty data: the count of writes when it became so. */
  seq = 0;
  /** The write or read that is under way for it. */
  tx: WriteBack | undefined;
  fill: Fill | undefined;
  /** Neighbours in the list of what may be dropped. */
  newer: BufferHead | undefined;
  older: BufferHead | undefined;

  constructor(
    object: CachedObject,
    start: number,
    end: number,
    state: BufferState,
    block: Block | undefined,
    at: number,
  ) {
    this.object = object;
    this.start = start;
    this.end = end;
    this.state = state;
    this.block = block;
    this.at = at;
  }

  /** The bytes of a part of it. */
  bytes(start: number, end: number): Buffer {
    const from = this.at + start - this.start;
    return this.block!.bytes.subarray(from, from + end - start);
  }
}

/** Clean heads, by when they were last of use. */
export class CleanList {
  private newest: BufferHead | undefined;
  oldest: BufferHead | undefined;

  add(head: BufferHead): void {
    head.older = this.newest;
    head.newer = undefined;
    if (this.newest === undefined) this.oldest = head;
    else this.newest.newer = head;
    this.newest = head;
  }

  /** Adds what is not expected to be of use again. */
  addOldest(head: BufferHead): void {
    head.newer = this.oldest;
    head.older = undefined;
    if (this.oldest === undefined) this.newest = head;
    else this.oldest.older = head;
    this.oldest = head;
  }

  remove(head: BufferHead): void {
    if (head.newer === undefined) this.newest = head.older;
    else head.newer.older = head.older;
    if (head.older === undefined) this.oldest = head.newer;
    else head.older.newer = head.newer;
    head.newer = undefined;
    head.older = undefined;
  }

  touch(head: BufferHead): void {
    if (this.newest === head) return;
    this.remove(head);
    this.add(head);
  }
}

/** What the heads of all objects share. */
export interface HeadStore {
  readonly pool: BlockPool;
  readonly clean: CleanList;
  /** Bytes of dirty heads. */
  dirty: number;
}

/** What is cached of one object, of its head or of a snapshot. */
export class CachedObject {
  readonly objectNo: number;
  readonly snapId: bigint;
  /** Sorted, without overlaps. */
  readonly heads: BufferHead[] = [];
  /** Bytes of its dirty heads. */
  dirty = 0;
  /** When its oldest dirty data became so: milliseconds of the monotonic clock. */
  dirtySince = 0;
  /** The view that all of its dirty data, and all that is under way, was written with. */
  view: IoCtx | undefined;
  readonly inFlight: WriteBack[] = [];
  /** Requests that go past the cache, or wait for those that do, in the order of their coming. */
  readonly passes: Pass[] = [];
  readonly waits: FlushWait[] = [];
  /** Where the last write ended, and whether that had gone on where the one before it ended. */
  lastEnd = -1;
  sequential = false;
  /** Who works on it just now and wants to find it again. */
  pins = 0;
  /** Of the write that made it dirty. */
  span: Span | undefined;
  private readonly store: HeadStore;

  constructor(store: HeadStore, objectNo: number, snapId: bigint) {
    this.store = store;
    this.objectNo = objectNo;
    this.snapId = snapId;
  }

  get idle(): boolean {
    return (
      this.pins === 0 && this.heads.length === 0 && this.passes.length === 0 && this.inFlight.length === 0
    );
  }

  /** Index of the first head that ends after `offset`. */
  find(offset: number): number {
    const { heads } = this;
    let low = 0;
    let high = heads.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (heads[middle].end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  setState(head: BufferHead, state: BufferState): void {
    const { store } = this;
    const was = head.state;
    if (was === state) return;
    if (was === BH_DIRTY) this.countDirty(head.start - head.end);
    else if (was <= BH_ZERO) store.clean.remove(head);
    head.state = state;
    if (state === BH_DIRTY) this.countDirty(head.end - head.start);
    else if (state <= BH_ZERO) store.clean.add(head);
  }

  countDirty(bytes: number): void {
    this.dirty += bytes;
    this.store.dirty += bytes;
  }

  insert(at: number, head: BufferHead): void {
    this.heads.splice(at, 0, head);
    if (head.state === BH_DIRTY) this.countDirty(head.end - head.start);
    else if (head.state <= BH_ZERO) this.store.clean.add(head);
  }

  private forget(head: BufferHead): void {
    if (head.state === BH_DIRTY) this.countDirty(head.start - head.end);
    else if (head.state <= BH_ZERO) this.store.clean.remove(head);
    if (head.block !== undefined) this.store.pool.release(head.block);
    head.block = undefined;
  }

  remove(head: BufferHead): void {
    this.heads.splice(this.find(head.start), 1);
    this.forget(head);
  }

  /** Makes the range one that no head covers. Returns the index where a head for it belongs. */
  carve(start: number, end: number): number {
    const { heads } = this;
    let from = this.find(start);
    if (from === heads.length) return from;
    const first = heads[from];
    if (first.start < start) {
      if (first.end > end) {
        this.cutTail(first, end);
        this.shrinkTo(first, start);
        return from + 1;
      }
      this.shrinkTo(first, start);
      from++;
    }
    let to = from;
    while (to < heads.length && heads[to].end <= end) this.forget(heads[to++]);
    if (to > from) heads.splice(from, to - from);
    if (from < heads.length && heads[from].start < end) {
      const head = heads[from];
      if (head.state === BH_DIRTY) this.countDirty(head.start - end);
      head.at += end - head.start;
      head.start = end;
    }
    return from;
  }

  private shrinkTo(head: BufferHead, end: number): void {
    if (head.state === BH_DIRTY) this.countDirty(end - head.end);
    head.end = end;
  }

  /** Makes what comes after `offset` a head of its own. */
  private cutTail(head: BufferHead, offset: number): void {
    const tail = new BufferHead(
      this,
      offset,
      head.end,
      head.state,
      head.block,
      head.at + offset - head.start,
    );
    tail.seq = head.seq;
    tail.tx = head.tx;
    tail.fill = head.fill;
    if (head.block !== undefined) head.block.refs++;
    this.shrinkTo(head, offset);
    this.insert(this.find(head.start) + 1, tail);
  }

  /** Drops what is clean or being read in the range; dirty data stays. */
  dropClean(start: number, end: number): void {
    const { heads } = this;
    for (let i = this.find(start); i < heads.length && heads[i].start < end; ) {
      const head = heads[i];
      if (head.state === BH_DIRTY || head.state === BH_TX) i++;
      else i = this.carve(Math.max(start, head.start), Math.min(end, head.end));
    }
  }
}
