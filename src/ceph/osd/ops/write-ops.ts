import { Decoder } from '../../../base/decoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { OBJECT_FLAG_DATA_DIGEST } from '../../types/object-info.ts';
import { CEPH_OSD_OP_FLAG_EXCL } from '../../types/rados.ts';
import { EEXIST, EINVAL } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { checkRange, maybeCreate, sizeTruncated, sizeWritten } from './object-state.ts';

const NOTHING = Buffer.alloc(0);

/** WRITE with the truncate sequence of file systems. */
export function doWrite(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const data = op.indata ?? NOTHING;
  if (op.length !== data.length) return EINVAL;
  return write(pg, ctx, op.offset, data, op.truncateSeq, op.truncateSize);
}

function write(
  pg: PrimaryLogPG,
  ctx: OpContext,
  offset: number,
  given: Uint8Array,
  truncateSeq: number,
  truncateSize: number,
): number {
  let data = given;
  const seq = ctx.oi.truncateSeq;
  // An old write that arrives after the truncate: what it would put behind the end is gone already.
  if (seq !== 0 && seq > truncateSeq && offset + data.length > ctx.oi.size)
    data = data.subarray(0, offset > ctx.oi.size ? 0 : ctx.oi.size - offset);
  if (truncateSeq > seq) {
    const oi = ctx.change();
    if (ctx.isThere) {
      ctx.t.truncate(pg.cid, ctx.obc.oid, truncateSize);
      if (truncateSize !== oi.size) sizeTruncated(ctx, truncateSize);
    }
    oi.truncateSeq = truncateSeq;
    oi.truncateSize = truncateSize;
  }
  const r = checkRange(pg, offset, data.length);
  if (r < 0) return r;
  maybeCreate(pg, ctx);
  ctx.modify = true;
  if (data.length === 0) {
    if (offset > ctx.oi.size) {
      ctx.t.truncate(pg.cid, ctx.obc.oid, offset);
      sizeTruncated(ctx, offset);
    }
    ctx.writes++;
    return 0;
  }
  ctx.t.write(pg.cid, ctx.obc.oid, offset, data);
  sizeWritten(ctx, offset, data.length);
  return 0;
}

export function doWriteFull(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const data = op.indata ?? NOTHING;
  if (op.length !== data.length) return EINVAL;
  const r = checkRange(pg, 0, data.length);
  return r < 0 ? r : writeFull(pg, ctx, data);
}

export function writeFull(pg: PrimaryLogPG, ctx: OpContext, data: Uint8Array): number {
  const existed = ctx.exists;
  maybeCreate(pg, ctx);
  ctx.modify = true;
  if (existed && data.length < ctx.oi.size) ctx.t.truncate(pg.cid, ctx.obc.oid, data.length);
  if (data.length > 0) ctx.t.write(pg.cid, ctx.obc.oid, 0, data);
  sizeWritten(ctx, 0, data.length, true);
  return 0;
}

/** A write as object classes ask for it. */
export function writeAt(pg: PrimaryLogPG, ctx: OpContext, offset: number, data: Uint8Array): number {
  return write(pg, ctx, offset, data, ctx.oi.truncateSeq, ctx.oi.truncateSize);
}

export function doAppend(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const data = op.indata ?? NOTHING;
  if (op.length !== data.length) return EINVAL;
  return writeAt(pg, ctx, ctx.oi.size, data);
}

/** WRITESAME: the data again and again over the range. */
export function doWriteSame(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const data = op.indata ?? NOTHING;
  const { dataLength } = op.writeSame;
  if (op.length === 0) return 0;
  if (dataLength === 0 || op.length % dataLength !== 0 || dataLength !== data.length) return EINVAL;
  const r = checkRange(pg, op.offset, op.length);
  if (r < 0) return r;
  const all = Buffer.allocUnsafe(op.length);
  for (let at = 0; at < op.length; at += dataLength) all.set(data, at);
  return writeAt(pg, ctx, op.offset, all);
}

/** ZERO: a hole; at the object's end it cuts, and never makes an object. */
export function doZero(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const max = pg.limits.maxObjectSize;
  const { offset, length } = op;
  if (ctx.exists && offset < max && length >= 1 && length <= max && offset + length >= ctx.oi.size) {
    if (offset >= ctx.oi.size) return 0;
    return truncate(pg, ctx, offset, 0);
  }
  const r = checkRange(pg, offset, length);
  if (r < 0 || length === 0 || !ctx.isThere) return r;
  ctx.t.zero(pg.cid, ctx.obc.oid, offset, length);
  ctx.modified(offset, length);
  ctx.change().flags &= ~OBJECT_FLAG_DATA_DIGEST;
  ctx.writes++;
  return 0;
}

/** TRUNCATE, and TRIMTRUNC whose size is in the truncate fields. */
export function doTruncate(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp, trim: boolean): number {
  return truncate(pg, ctx, trim ? op.truncateSize : op.offset, op.truncateSeq);
}

export function truncate(pg: PrimaryLogPG, ctx: OpContext, size: number, seq: number): number {
  if (!ctx.isThere) return 0;
  const r = checkRange(pg, size, 0);
  if (r < 0) return r;
  if (seq !== 0) {
    if (seq <= ctx.oi.truncateSeq) return 0;
    const oi = ctx.change();
    oi.truncateSeq = seq;
    oi.truncateSize = size;
  }
  ctx.t.truncate(pg.cid, ctx.obc.oid, size);
  if (size !== ctx.oi.size) sizeTruncated(ctx, size);
  ctx.writes++;
  return 0;
}

export function doCreate(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  if (ctx.isThere && (op.flags & CEPH_OSD_OP_FLAG_EXCL) !== 0) return EEXIST;
  // Once a category; only that it decodes is still checked.
  if (op.indata !== undefined && op.indata.length > 0) new Decoder(op.indata, 'category').str();
  maybeCreate(pg, ctx);
  ctx.modify = true;
  return 0;
}

export function doSetAllocHint(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { expectedObjectSize, expectedWriteSize, flags } = op.allocHint;
  maybeCreate(pg, ctx);
  const oi = ctx.change();
  oi.expectedObjectSize = expectedObjectSize;
  oi.expectedWriteSize = expectedWriteSize;
  oi.allocHintFlags = flags;
  ctx.t.setAllocHint(pg.cid, ctx.obc.oid, expectedObjectSize, expectedWriteSize, flags);
  return 0;
}
