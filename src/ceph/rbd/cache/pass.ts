import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { type IoFlags, OBJECT_WRITE, type ObjectWrite, type ObjectWriteKind } from '../io/types.ts';

/** Goes into the cache once it may. */
export const PASS_CACHED = 0;
/** Goes to the layer below; what is cached of the range is out of date once it is done. */
export const PASS_THROUGH = 1;
export type PassWay = 0 | 1;

/** The layers of a write that goes through at once. */
const WRITE_THROUGH = ['ImageCtx.write_to_cache', 'ObjectCacher.writex', 'LibrbdWriteback.write'];

export interface PassOwner {
  passed(pass: Pass, result: number): void;
}

/** A change of an object that is not taken into the cache at once: it goes past it, or waits for one that does. */
export class Pass implements ObjectWrite {
  readonly write: ObjectWrite;
  readonly way: PassWay;
  readonly kind: ObjectWriteKind;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly data: readonly Uint8Array[];
  readonly compare: Uint8Array | undefined;
  readonly view: IoCtx;
  readonly discardFlags: number;
  readonly flags: IoFlags;
  readonly span: Span | undefined;
  mismatch = -1;
  /** It is with the layer below. */
  active = false;
  private readonly spans: (Span | undefined)[] | undefined;
  private readonly owner: PassOwner;

  constructor(owner: PassOwner, write: ObjectWrite, way: PassWay) {
    this.owner = owner;
    this.write = write;
    this.way = way;
    this.kind = write.kind;
    this.objectNo = write.objectNo;
    this.offset = write.offset;
    this.length = write.length;
    this.data = write.data;
    this.compare = write.compare;
    this.view = write.view;
    this.discardFlags = write.discardFlags;
    this.flags = write.flags;
    let { span } = write;
    if (tracing() && way === PASS_THROUGH && write.kind === OBJECT_WRITE)
      this.spans = WRITE_THROUGH.map(layer => (span = wind(layer, span, { object: write.objectNo })));
    this.span = span;
  }

  get end(): number {
    return this.offset + this.length;
  }

  finished(result: number): void {
    for (const span of this.spans?.toReversed() ?? []) unwind(span, result < 0 ? result : undefined);
    this.owner.passed(this, result);
  }
}

/** Whether two views write with the same snapshots in mind. */
export function sameView(a: IoCtx, b: IoCtx): boolean {
  return a === b || a.snapc.seq === b.snapc.seq;
}
