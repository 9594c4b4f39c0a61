import type { Span } from '../../../base/trace.ts';
import type { IoFlags, ObjectRead } from '../io/types.ts';
import type { Block } from './block-pool.ts';
import type { CachedObject } from './cached-object.ts';

/** A read that cannot be answered from the cache alone. */
export class PendingRead {
  readonly read: ObjectRead;
  readonly span: Span | undefined;
  /** Parts that are not there yet, and one for whoever is still adding. */
  private pending = 1;
  private result = 0;
  private readonly done: (read: PendingRead, result: number) => void;

  constructor(read: ObjectRead, span: Span | undefined, done: (read: PendingRead, result: number) => void) {
    this.read = read;
    this.span = span;
    this.done = done;
  }

  add(): void {
    this.pending++;
  }

  partDone(result: number): void {
    if (result < 0 && this.result === 0) this.result = result;
    if (--this.pending === 0) this.done(this, this.result);
  }
}

interface FillWaiter {
  readonly reader: PendingRead;
  /** Bytes within the object. */
  readonly start: number;
  readonly end: number;
}

export interface FillOwner {
  filled(fill: Fill, result: number): void;
}

/** A read of what is missing, into memory that then belongs to the cache. */
export class Fill implements ObjectRead {
  readonly object: CachedObject;
  readonly block: Block;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly snapId: bigint;
  readonly flags: IoFlags;
  readonly span: Span | undefined;
  into: Buffer | undefined;
  extents: number[] | undefined;
  private readonly waiters: FillWaiter[] = [];
  private readonly owner: FillOwner;

  constructor(
    owner: FillOwner,
    object: CachedObject,
    block: Block,
    offset: number,
    length: number,
    { read, span }: PendingRead,
  ) {
    this.owner = owner;
    this.object = object;
    this.block = block;
    this.objectNo = object.objectNo;
    this.offset = offset;
    this.length = length;
    this.snapId = object.snapId;
    this.flags = read.flags;
    this.span = span;
    this.into = block.bytes.subarray(0, length);
  }

  /** Gives the reader a range of it once it is there. */
  wait(reader: PendingRead, start: number, end: number): void {
    reader.add();
    this.waiters.push({ reader, start, end });
  }

  finished(result: number): void {
    this.owner.filled(this, result);
  }

  /** Hands out what was read. */
  serve(result: number): void {
    for (const { reader, start, end } of this.waiters) {
      if (result >= 0) {
        const { read } = reader;
        const from = start - this.offset;
        read.into!.set(this.into!.subarray(from, from + end - start), start - read.offset);
        if (start === read.offset && end === start + read.length && this.length === read.length)
          read.extents = this.extents?.slice();
      }
      reader.partDone(result);
    }
  }
}

/** A read of what is missing straight into the reader's memory, when the cache has no room for it. */
export class DirectRead implements ObjectRead {
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly snapId: bigint;
  readonly flags: IoFlags;
  readonly span: Span | undefined;
  into: Buffer | undefined;
  extents: number[] | undefined;
  private readonly reader: PendingRead;

  constructor(reader: PendingRead, start: number, end: number) {
    const { read } = reader;
    this.reader = reader;
    this.objectNo = read.objectNo;
    this.offset = start;
    this.length = end - start;
    this.snapId = read.snapId;
    this.flags = read.flags;
    this.span = reader.span;
    this.into = read.into!.subarray(start - read.offset, end - read.offset);
    reader.add();
  }

  finished(result: number): void {
    if (result >= 0 && this.length === this.reader.read.length) this.reader.read.extents = this.extents;
    this.reader.partDone(result);
  }
}
