import { ERRNO } from '../../../base/errno.ts';
import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import type { Op, OpCompletion } from '../../objecter/op.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { SNAP_HEAD, SNAPC_EMPTY } from '../../types/snap.ts';
import { copyup, sparseCopyup } from '../cls/data.ts';
import { objectMapUpdate } from '../cls/object-map.ts';
import {
  OBJECT_EXISTS,
  OBJECT_EXISTS_CLEAN,
  RBD_FEATURE_FAST_DIFF,
  RBD_OBJECT_MAP_PREFIX,
} from '../types.ts';
import type { ObjectRequests } from './object-requests.ts';
import { addAllocHint, type ObjectWriteRequest, RESTART } from './object-write.ts';
import { ParentRead } from './parent-read.ts';
import { extentToFile, pruneExtents } from './striper.ts';

const ENOENT = -ERRNO['ENOENT'];
const ZEROS = Buffer.alloc(65536);

/**
 * Makes an object of a clone out of the parent's data (librbd::io::CopyupRequest), with the writes that wait for it. The writes that
 * come while the parent is read join it; those that come later start anew when it is done.
 *
 * With snapshots the data goes first and alone, with an empty snap context: that way it is as old as the object, and all
 * snapshots have it. Then the writes follow with the image's own, which makes the OSD keep what they change.
 */
export class CopyupRequest implements OpCompletion {
  private readonly layer: ObjectRequests;
  private readonly objectNo: number;
  private pending: ObjectWriteRequest[] = [];
  private restarts: ObjectWriteRequest[] = [];
  /** Writes may still join. */
  private joinable = true;
  private data: Buffer = Buffer.alloc(0);
  private extents: number[] = [];
  private isZero = true;
  /** Ops under way. */
  private left = 0;
  private failed = 0;
  private span: Span | undefined = undefined;

  constructor(layer: ObjectRequests, objectNo: number) {
    this.layer = layer;
    this.objectNo = objectNo;
  }

  append(request: ObjectWriteRequest): void {
    // A write of another snap context cannot be of one op with those of this one.
    const { data } = this.layer.ctx;
    const same = request.write.view === data || request.write.view.snapc.seq === data.snapc.seq;
    if (this.joinable && same) this.pending.push(request);
    else this.restarts.push(request);
  }

  send(): void {
    const { layer, objectNo } = this;
    const { ctx } = layer;
    const first = this.pending[0] ?? this.restarts[0];
    if (tracing()) this.span = wind('librbd.CopyupRequest.send', first?.span, { object: objectNo });
    const { parent } = ctx;
    if (parent === undefined) {
      this.parentRead(0, []);
      return;
    }
    const { layout } = ctx.identity;
    const overlap = Math.min(layer.headOverlap, parent.sizeAt() ?? 0);
    const extents = pruneExtents(extentToFile(layout, objectNo, 0, layout.objectSize), overlap);
    let length = 0;
    for (const extent of extents) length += extent[1];
    if (length === 0) {
      this.parentRead(0, []);
      return;
    }
    this.data = Buffer.allocUnsafe(length);
    new ParentRead(parent, extents, this.data, this.span, this).send();
  }

  parentRead(result: number, extents: number[]): void {
    this.joinable = false;
    if (result < 0 && result !== ENOENT) {
      this.end(result);
      return;
    }
    if (result === 0) this.extents = extents;
    this.isZero = result < 0 || !hasData(this.data, extents);
    if (this.isZero && this.pending.length > 0 && this.pending.every(request => request.isEmpty)) {
      this.end(0);
      return;
    }
    if (this.layer.ctx.objectMap === undefined) this.copyup();
    else
      this.updateMaps().then(
        () => this.copyup(),
        (error: { errno?: number }) => this.end(-Math.abs(error.errno ?? ERRNO['EIO'])),
      );
  }

  /** The snapshots get the data as well, so their maps are to say that the object exists; then the head's. */
  private async updateMaps(): Promise<void> {
    const { ctx } = this.layer;
    const { objectNo } = this;
    const fastDiff = ctx.has(RBD_FEATURE_FAST_DIFF);
    const snaps = this.isZero ? [] : [...ctx.state.snaps].reverse();
    for (const [i, snap] of snaps.entries()) {
      // The oldest one has the data as its change, the others took it over.
      const state = fastDiff && i > 0 ? OBJECT_EXISTS_CLEAN : OBJECT_EXISTS;
      const oid = `${RBD_OBJECT_MAP_PREFIX}${ctx.identity.id}.${snap.id.toString(16).padStart(16, '0')}`;
      try {
        await ctx.header.operate(oid, objectMapUpdate(new WriteOperation(), objectNo, objectNo + 1, state));
      } catch (error) {
        // The snapshot may have been removed, or be smaller than that.
        const { code } = error as { code?: string };
        if (code !== 'ENOENT' && code !== 'ERANGE') throw error;
      }
    }
    const { objectMap } = ctx;
    // A write of nothing (flatten) changes nothing that the snapshots have not.
    const last = this.pending.findLast(request => !request.isEmpty);
    let state = fastDiff && snaps.length > 0 ? OBJECT_EXISTS_CLEAN : OBJECT_EXISTS;
    if (last !== undefined) state = last.stateBefore;
    if (objectMap === undefined || objectMap.get(objectNo) === state) return;
    await new Promise<void>((resolve, reject) => {
      const done = (result: number) => (result < 0 ? reject({ errno: -result }) : resolve());
      if (!objectMap.update(objectNo, objectNo + 1, state, undefined, done)) resolve();
    });
  }

  private copyup(): void {
    const { layer, pending } = this;
    const { data } = layer.ctx;
    const alone = pending.length === 0;
    const deep = data.snapc.snaps.length > 0 && !this.isZero;
    const requests: [IoCtx, OSDOp[]][] = [];
    if (alone || deep) {
      const ops: OSDOp[] = [];
      this.addCopyup(ops);
      requests.push([data.with({ snapContext: SNAPC_EMPTY }), ops]);
    }
    if (!alone) {
      const ops: OSDOp[] = [];
      if (!deep) this.addCopyup(ops);
      for (const request of pending) if (request.joinsCopyup) request.addOps(ops);
      if (ops.length > 0) requests.push([data, ops]);
    }
    this.data = Buffer.alloc(0);
    this.left = requests.length;
    const name = layer.name(this.objectNo);
    for (const [view, ops] of requests) {
      const span =
        this.span === undefined ? undefined : wind('librados.IoCtx.aio_operate', this.span, { oid: name });
      view.submitOps(name, ops, true, SNAP_HEAD, 0, true, span, this);
      unwind(span);
    }
  }

  private addCopyup(ops: OSDOp[]): void {
    const { data, extents } = this;
    const operation = new WriteOperation();
    if (this.isZero) copyup(operation, data.subarray(0, 0));
    else if (extents.length === 2 && extents[0] === 0) copyup(operation, data.subarray(0, extents[1]));
    else {
      const pairs: [number, number][] = [];
      const parts: Buffer[] = [];
      for (let i = 0; i < extents.length; i += 2) {
        pairs.push([extents[i], extents[i + 1]]);
        parts.push(data.subarray(extents[i], extents[i] + extents[i + 1]));
      }
      sparseCopyup(operation, pairs, Buffer.concat(parts));
    }
    ops.push(...operation.ops);
    addAllocHint(this.layer, ops);
  }

  opFinished(_op: Op, result: number): void {
    if (result < 0 && result !== ENOENT && this.failed === 0) this.failed = result;
    if (--this.left === 0) this.end(this.failed);
  }

  private end(result: number): void {
    if (this.span !== undefined) unwind(this.span, result < 0 ? `errno ${-result}` : undefined);
    this.joinable = false;
    const { pending, restarts } = this;
    this.pending = [];
    this.restarts = [];
    this.layer.copyupEnded(this.objectNo);
    for (const request of pending) request.copyupFinished(result);
    // What failed was not theirs: they are told when they try themselves.
    for (const request of restarts) request.copyupFinished(RESTART);
  }
}

function hasData(data: Buffer, extents: readonly number[]): boolean {
  for (let i = 0; i < extents.length; i += 2)
    for (let at = extents[i], end = at + extents[i + 1]; at < end; at += ZEROS.length) {
      const n = Math.min(ZEROS.length, end - at);
      if (data.compare(ZEROS, 0, n, at, at + n) !== 0) return true;
    }
  return false;
}
