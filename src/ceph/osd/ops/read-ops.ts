import { Encoder } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { encodeUTime } from '../../types/utime.ts';
import { EINVAL, ENOENT, EOVERFLOW, ERANGE, MAX_ERRNO } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';

const NOTHING = Buffer.alloc(0);

/** The object's size as the client that knows of a truncate sees it. */
function readableSize(ctx: OpContext, op: OSDOp): number {
  const { oi } = ctx;
  const { size } = oi;
  const truncated =
    oi.truncateSeq < op.truncateSeq && op.offset + op.length > op.truncateSize && size > op.truncateSize;
  return truncated ? op.truncateSize : size;
}

/** READ, SYNC_READ: length 0 reads all there is. */
export function doRead(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const size = readableSize(ctx, op);
  if (op.length === 0) op.length = size;
  if (op.offset >= size) op.length = 0;
  else if (op.offset + op.length > size) op.length = size - op.offset;
  ctx.reads++;
  if (op.length === 0) {
    op.outdata = NOTHING;
    return 0;
  }
  const bytes = pg.readObject(ctx.request, ctx.obc, op.offset, op.length);
  op.outdata = bytes;
  op.length = bytes.length;
  ctx.readBytes += bytes.length;
  return 0;
}

/** STAT: u64 size, utime_t mtime. */
export function doStat(ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  if (!ctx.isThere) return ENOENT;
  const e = new Encoder(16);
  e.u64(ctx.oi.size);
  encodeUTime(e, ctx.oi.mtime);
  op.outdata = e.result();
  return 0;
}

function extents(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): [number, number][] {
  return pg.store.exists(pg.cid, ctx.obc.oid)
    ? pg.store.extentMap(pg.cid, ctx.obc.oid, op.offset, op.length)
    : [];
}

function encodeExtents(e: Encoder, list: readonly (readonly [number, number])[]): void {
  e.u32(list.length);
  for (const [offset, length] of list) {
    e.u64(offset);
    e.u64(length);
  }
}

/** MAPEXT: map offset -> length of what is allocated. */
export function doMapExt(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  const e = new Encoder();
  encodeExtents(e, extents(pg, ctx, op));
  op.outdata = e.result();
  return 0;
}

/** SPARSE_READ: map offset -> length, then the bytes of these extents as one blob. */
export function doSparseRead(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  if (op.truncateSeq !== 0) return EINVAL;
  ctx.reads++;
  const list = extents(pg, ctx, op);
  const parts = list.map(([offset, length]) => pg.readObject(ctx.request, ctx.obc, offset, length));
  const total = parts.reduce((n, part) => n + part.length, 0);
  const e = new Encoder(64 + list.length * 16);
  encodeExtents(e, list);
  e.u32(total);
  for (const part of parts) e.ref(part);
  op.length = total;
  ctx.readBytes += total;
  op.outdata = e.result();
  return 0;
}

/** CMPEXT: the first byte that differs is told in the result. */
export function doCompareExtent(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const given = op.indata ?? NOTHING;
  const size = readableSize(ctx, op);
  const end = Math.min(size, op.offset + op.length);
  const have = end > op.offset ? pg.readObject(ctx.request, ctx.obc, op.offset, end - op.offset) : NOTHING;
  ctx.reads++;
  for (let i = 0; i < given.length; i++)
    if (given[i] !== (i < have.length ? have[i] : 0)) return -MAX_ERRNO - i;
  return 0;
}

export function doAssertVersion(ctx: OpContext, op: OSDOp): number {
  const { ver } = op.assertVer;
  ctx.reads++;
  if (ver === 0) return EINVAL;
  if (ver < ctx.oi.userVersion) return ERANGE;
  return ver > ctx.oi.userVersion ? EOVERFLOW : 0;
}
