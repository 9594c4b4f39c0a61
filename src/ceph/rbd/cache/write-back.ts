import { type Span, unwind, wind } from '../../../base/trace.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { OBJECT_WRITE, type ObjectWrite } from '../io/types.ts';
import type { Block } from './block-pool.ts';
import { BH_TX, type BufferHead, type CachedObject } from './cached-object.ts';

/** Who hears of the end of writes. */
export interface WriteBackOwner {
  wroteBack(write: WriteBack, result: number): void;
}

/** A run of adjacent dirty heads on its way to the OSDs, as one write whose pieces are the heads' own memory. */
export class WriteBack implements ObjectWrite {
  readonly kind = OBJECT_WRITE;
  readonly object: CachedObject;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly data: Uint8Array[] = [];
  readonly compare = undefined;
  readonly view: IoCtx;
  readonly discardFlags = 0;
  readonly flags = 0;
  readonly span: Span | undefined;
  mismatch = -1;
  /** The oldest of its data. */
  readonly minSeq: number;
  private readonly blocks: Block[] = [];
  private readonly owner: WriteBackOwner;

  /** `heads` from index `from` up to `to` are dirty and without gaps. */
  constructor(
    owner: WriteBackOwner,
    object: CachedObject,
    heads: readonly BufferHead[],
    from: number,
    to: number,
  ) {
    this.owner = owner;
    this.object = object;
    this.objectNo = object.objectNo;
    this.offset = heads[from].start;
    this.length = heads[to - 1].end - this.offset;
    this.view = object.view!;
    let minSeq = Number.POSITIVE_INFINITY;
    for (let i = from; i < to; i++) {
      const head = heads[i];
      minSeq = Math.min(minSeq, head.seq);
      this.data.push(head.bytes(head.start, head.end));
      const block = head.block!;
      // The block's memory must stay, whatever becomes of the head.
      block.refs++;
      this.blocks.push(block);
      object.setState(head, BH_TX);
      head.tx = this;
    }
    this.minSeq = minSeq;
    this.span = wind('LibrbdWriteback.write', object.span, { object: this.objectNo, length: this.length });
  }

  overlaps(start: number, end: number): boolean {
    return this.offset < end && start < this.offset + this.length;
  }

  finished(result: number): void {
    unwind(this.span, result < 0 ? result : undefined);
    this.owner.wroteBack(this, result);
  }

  /** Lets the memory go. */
  release(release: (block: Block) => void): void {
    for (const block of this.blocks) release(block);
    this.blocks.length = 0;
  }
}
