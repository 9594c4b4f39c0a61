import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import type { ObjectRead } from './types.ts';

/** Whoever must not be closed while something is read ahead. */
export interface AheadReader {
  aheadBegun(): void;
  aheadFinished(): void;
}

/** A read that only fills the cache. */
export class AheadRead implements ObjectRead {
  private readonly queue: AheadReader;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly snapId: bigint;
  readonly flags = 0;
  readonly span: Span | undefined;
  into: Buffer | undefined = undefined;
  extents: number[] | undefined = undefined;

  constructor(queue: AheadReader, objectNo: number, offset: number, length: number, snapId: bigint) {
    this.queue = queue;
    this.objectNo = objectNo;
    this.offset = offset;
    this.length = length;
    this.snapId = snapId;
    this.span = tracing()
      ? wind('librbd.readahead', undefined, { object: objectNo, offset, length })
      : undefined;
    queue.aheadBegun();
  }

  finished(_result: number): void {
    unwind(this.span);
    this.queue.aheadFinished();
  }
}
