import { ERRNO } from '../../../base/errno.ts';
import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import {
  opCmpExt,
  opCreate,
  opDelete,
  opSetAllocHint,
  opStat,
  opTruncate,
  opWrite,
  opWriteFull,
  opWriteSame,
  opZero,
} from '../../messages/osd-op-build.ts';
import type { Op, OpCompletion } from '../../objecter/op.ts';
import { MAX_ERRNO } from '../../rados/errors.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { OBJECT_EXISTS, OBJECT_NONEXISTENT, OBJECT_PENDING } from '../types.ts';
import type { ObjectRequests } from './object-requests.ts';
import {
  DISCARD_KEEP_OBJECT,
  DISCARD_NO_TRUNCATE,
  OBJECT_COMPARE_AND_WRITE,
  OBJECT_DISCARD,
  OBJECT_WRITE,
  OBJECT_WRITE_SAME,
  type ObjectWrite,
} from './types.ts';

const ENOENT = -ERRNO['ENOENT'];
const EILSEQ = -ERRNO['EILSEQ'];
/** What a copy-up that ended without a request tells it: write again. */
export const RESTART = 1;

// What a write becomes on its object.
const WRITE = 0;
const WRITE_SAME = 1;
const COMPARE_AND_WRITE = 2;
const ZERO = 3;
const TRUNCATE = 4;
const REMOVE = 5;
/** An empty object that hides the parent's. */
const CREATE_TRUNCATE = 6;

const LAYERS = [
  'librbd.AioWrite.send',
  'librbd.AioWriteSame.send',
  'librbd.AioCompareAndWrite.send',
  'librbd.AioZero.send',
  'librbd.AioTruncate.send',
  'librbd.AioRemove.send',
  'librbd.AioTruncate.send',
];

/** Buffers beyond which a vectored write is gathered into one, and the size below which it always is. */
const MOST_PARTS = 16;
const SMALLEST_PART = 2048;

/**
 * A change of an object (librbd::io::AbstractObjectWriteRequest). Where a parent covers the object the change is guarded: it is only
 * done if the object exists; if not, a copy-up makes the object out of the parent and does the change with it. The object map
 * says that the object exists before it does, and that it does not after it was removed.
 */
export class ObjectWriteRequest implements OpCompletion {
  readonly layer: ObjectRequests;
  readonly write: ObjectWrite;
  private readonly action: number;
  private readonly fullObject: boolean;
  private readonly guarded: boolean;
  private mayExist = true;
  span: Span | undefined = undefined;

  constructor(layer: ObjectRequests, write: ObjectWrite) {
    this.layer = layer;
    this.write = write;
    const { objectSize } = layer.ctx.identity.layout;
    const { kind, offset, length } = write;
    this.fullObject = offset === 0 && length === objectSize;
    const hasParent = layer.headOverlap > 0 && layer.hasParent(write.objectNo);
    // A whole object replaces the parent's; with snapshots these are to keep what the parent had.
    this.guarded =
      hasParent && !(this.fullObject && write.view.snapc.seq === 0n && kind !== OBJECT_COMPARE_AND_WRITE);
    this.action = kind === OBJECT_DISCARD ? this.discardAction(hasParent, objectSize) : kindAction(kind);
  }

  private discardAction(hasParent: boolean, objectSize: number): number {
    const { discardFlags, offset, length } = this.write;
    if (this.fullObject) {
      if ((discardFlags & DISCARD_KEEP_OBJECT) === 0 || !hasParent) return REMOVE;
      return this.guarded ? TRUNCATE : CREATE_TRUNCATE;
    }
    if (offset + length === objectSize && (discardFlags & DISCARD_NO_TRUNCATE) === 0) return TRUNCATE;
    return ZERO;
  }

  /** State of the object in the map while it is written. */
  get stateBefore(): number {
    return this.action === REMOVE ? OBJECT_PENDING : OBJECT_EXISTS;
  }

  /** Only makes the object out of the parent. */
  get isEmpty(): boolean {
    return this.write.length === 0;
  }

  send(): void {
    const { write, layer } = this;
    if (tracing())
      this.span = wind(LAYERS[this.action], write.span, {
        object: write.objectNo,
        offset: write.offset,
        length: write.length,
      });
    const { objectMap } = layer.ctx;
    if (this.isEmpty && !this.guarded) {
      this.finish(0);
      return;
    }
    if (objectMap !== undefined) {
      const { objectNo } = write;
      this.mayExist = objectMap.objectMayExist(objectNo);
      if (!this.mayExist) {
        if (this.action >= ZERO && !this.guarded && this.action !== CREATE_TRUNCATE) {
          this.finish(0);
          return;
        }
        if (this.guarded) {
          layer.copyup(objectNo, this);
          return;
        }
      }
      if (
        objectMap.update(objectNo, objectNo + 1, this.stateBefore, undefined, result => this.mapped(result))
      )
        return;
    }
    this.sendWrite();
  }

  private mapped(result: number): void {
    if (result < 0) this.finish(result);
    else this.sendWrite();
  }

  private sendWrite(): void {
    const { write, layer } = this;
    const ops: OSDOp[] = [];
    if (this.guarded) ops.push(opStat());
    this.addHint(ops);
    this.addOps(ops);
    // Which ops there are does not depend on the caller alone: an empty write that is guarded asks whether the object exists.
    const name = layer.name(write.objectNo);
    let span: Span | undefined;
    let sending: Span | undefined;
    if (this.span !== undefined) {
      sending = wind('librbd.AbstractWrite.send_write', this.span);
      span = wind('librados.IoCtx.aio_operate', sending, { oid: name });
    }
    write.view.submitOps(name, ops, true, SNAP_HEAD, 0, true, span, this);
    unwind(span);
    unwind(sending);
  }

  private addHint(ops: OSDOp[]): void {
    const { allocHintFlags } = this.layer.settings;
    if (this.action >= ZERO || this.isEmpty) return;
    if (this.layer.ctx.objectMap === undefined || !this.mayExist || allocHintFlags !== 0)
      addAllocHint(this.layer, ops);
  }

  /** What is done to the object; also behind a copy-up. */
  addOps(ops: OSDOp[]): void {
    const { write } = this;
    const { offset, length } = write;
    switch (this.action) {
      case WRITE:
        if (length > 0) this.addData(ops);
        break;
      case WRITE_SAME:
        ops.push(opWriteSame(offset, length, joined(write.data)));
        ops[ops.length - 1].flags |= write.flags;
        break;
      case COMPARE_AND_WRITE:
        ops.push(opCmpExt(offset, write.compare!));
        this.addData(ops);
        break;
      case CREATE_TRUNCATE:
        ops.push(opCreate(false), opTruncate(offset));
        break;
      case TRUNCATE:
        ops.push(opTruncate(offset));
        break;
      case ZERO:
        ops.push(opZero(offset, length));
        break;
      default:
        ops.push(opDelete());
    }
  }

  private addData(ops: OSDOp[]): void {
    const { data, offset, length, flags } = this.write;
    const first = ops.length;
    if (data.length === 1) ops.push(this.fullObject ? opWriteFull(data[0]) : opWrite(offset, data[0]));
    else if (data.length > MOST_PARTS || length < data.length * SMALLEST_PART)
      ops.push(opWrite(offset, joined(data)));
    else {
      let at = offset;
      for (const part of data) {
        if (part.length > 0) ops.push(opWrite(at, part));
        at += part.length;
      }
    }
    if (flags !== 0) for (let i = first; i < ops.length; i++) ops[i].flags |= flags;
  }

  opFinished(_op: Op, result: number): void {
    if (result === ENOENT) {
      if (this.guarded) {
        this.layer.copyup(this.write.objectNo, this);
        return;
      }
    } else if (result <= -MAX_ERRNO && this.action === COMPARE_AND_WRITE) {
      this.write.mismatch = this.write.offset + (-MAX_ERRNO - result);
      this.finish(EILSEQ);
      return;
    } else if (result < 0) {
      this.finish(result);
      return;
    }
    this.unmap();
  }

  /** Whether it can be done in one go with a copy-up: compare would see nothing of what that writes. */
  get joinsCopyup(): boolean {
    return this.action !== COMPARE_AND_WRITE;
  }

  /** `result`: 0 when the copy-up wrote for us, RESTART when it did not, or a negative errno. */
  copyupFinished(result: number): void {
    if (result < 0) this.finish(result);
    else if (result === RESTART || !this.joinsCopyup) this.sendWrite();
    else this.unmap();
  }

  private unmap(): void {
    const { objectMap } = this.layer.ctx;
    if (objectMap !== undefined && this.action === REMOVE) {
      const { objectNo } = this.write;
      const done = (result: number) => this.finish(result);
      if (objectMap.update(objectNo, objectNo + 1, OBJECT_NONEXISTENT, OBJECT_PENDING, done)) return;
    }
    this.finish(0);
  }

  private finish(result: number): void {
    if (this.span !== undefined) unwind(this.span, result < 0 ? `errno ${-result}` : undefined);
    this.write.finished(result);
  }
}

function kindAction(kind: number): number {
  if (kind === OBJECT_WRITE) return WRITE;
  return kind === OBJECT_WRITE_SAME ? WRITE_SAME : COMPARE_AND_WRITE;
}

function joined(data: readonly Uint8Array[]): Uint8Array {
  return data.length === 1 ? data[0] : Buffer.concat(data);
}

/** How large the object is going to be. */
export function addAllocHint(layer: ObjectRequests, ops: OSDOp[]): void {
  const { allocHint, allocHintFlags } = layer.settings;
  const { objectSize } = layer.ctx.identity.layout;
  if (allocHint) ops.push(opSetAllocHint(objectSize, objectSize, allocHintFlags));
  else if (allocHintFlags !== 0) ops.push(opSetAllocHint(0, 0, allocHintFlags));
}
