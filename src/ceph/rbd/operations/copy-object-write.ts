import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import {
  type FlushSource,
  OBJECT_DISCARD,
  OBJECT_WRITE,
  type ObjectWrite,
  type ObjectWriteKind,
} from '../io/types.ts';

// Changes of single objects below ImageIo: what shrinks or flattens an image works on objects, whether or not writes are
// blocked. Copy-up and object map are the layers' business.

const NO_DATA: readonly Uint8Array[] = [];

class Change implements ObjectWrite {
  readonly kind: ObjectWriteKind;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly data = NO_DATA;
  readonly compare = undefined;
  readonly view: ImageCtx['data'];
  readonly discardFlags = 0;
  readonly flags = 0;
  readonly span = undefined;
  mismatch = -1;
  readonly finished: (result: number) => void;

  constructor(
    ctx: ImageCtx,
    kind: ObjectWriteKind,
    objectNo: number,
    offset: number,
    length: number,
    finished: (result: number) => void,
  ) {
    this.kind = kind;
    this.objectNo = objectNo;
    this.offset = offset;
    this.length = length;
    this.view = ctx.data;
    this.finished = finished;
  }
}

/** A promise of something that calls back with 0 or a negative errno. */
export function changeObject(op: string, begin: (done: (result: number) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    begin(result => {
      if (result >= 0) resolve();
      else reject(NacreError.fromErrno(result, `rbd.${op}`, 'an object could not be changed'));
    });
  });
}

export function discardObject(
  ctx: ImageCtx,
  objectNo: number,
  offset: number,
  length: number,
): Promise<void> {
  return changeObject('discard', done =>
    ctx.io.objects.write(new Change(ctx, OBJECT_DISCARD, objectNo, offset, length, done)),
  );
}

/** A write of nothing: the object is copied up from the parent if it is not there. */
export function copyUpObject(ctx: ImageCtx, objectNo: number): Promise<void> {
  return changeObject('flatten', done =>
    ctx.io.objects.write(new Change(ctx, OBJECT_WRITE, objectNo, 0, 0, done)),
  );
}

/** What the cache holds back is written; ImageIo's flush would wait for writes that are blocked. */
export function flushObjects(ctx: ImageCtx, source: FlushSource = 'internal'): Promise<void> {
  return changeObject('flush', done => ctx.io.objects.flush(source, done));
}

/** Runs `work` while no write is under way or may begin, and everything written before is on the OSDs. */
export async function withWritesBlocked<T>(ctx: ImageCtx, work: () => Promise<T>): Promise<T> {
  try {
    await ctx.io.blockWrites();
    await flushObjects(ctx);
    return await work();
  } finally {
    ctx.io.unblockWrites();
  }
}
