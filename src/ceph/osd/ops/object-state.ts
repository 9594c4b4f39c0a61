import {
  OBJECT_FLAG_DATA_DIGEST,
  OBJECT_FLAG_OMAP,
  OBJECT_FLAG_OMAP_DIGEST,
  OBJECT_FLAG_WHITEOUT,
} from '../../types/object-info.ts';
import { EFBIG, ENOENT } from '../errors.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { watchKey } from '../watch.ts';

const DIGESTS = OBJECT_FLAG_DATA_DIGEST | OBJECT_FLAG_OMAP_DIGEST;

/** Makes the object if it is not there (PrimaryLogPG::maybe_create_new_object). */
export function maybeCreate(pg: PrimaryLogPG, ctx: OpContext, alreadyInStore = false): void {
  if (!ctx.exists) {
    ctx.exists = true;
    ctx.delta.objects++;
    ctx.change().flags &= ~DIGESTS;
    if (!alreadyInStore) ctx.t.touch(pg.cid, ctx.obc.oid);
  } else if (ctx.isWhiteout) {
    ctx.change().flags &= ~OBJECT_FLAG_WHITEOUT;
    ctx.delta.whiteouts--;
  }
}

/** EFBIG when a range goes beyond the largest object. */
export function checkRange(pg: PrimaryLogPG, offset: number, length: number): number {
  const max = pg.limits.maxObjectSize;
  return offset >= max || length > max || offset + length > max ? EFBIG : 0;
}

/** The size that truncating leaves. */
export function sizeTruncated(ctx: OpContext, size: number): void {
  const oi = ctx.change();
  if (size < oi.size) ctx.modified(size, oi.size - size);
  ctx.delta.bytes += size - oi.size;
  oi.size = size;
  oi.flags &= ~OBJECT_FLAG_DATA_DIGEST;
}

/** The size that a write leaves; `whole` writes are all there is. */
export function sizeWritten(ctx: OpContext, offset: number, length: number, whole = false): void {
  const oi = ctx.change();
  oi.flags &= ~OBJECT_FLAG_DATA_DIGEST;
  ctx.writes++;
  ctx.writtenBytes += length;
  const end = offset + length;
  if (whole && oi.size > length) ctx.modified(0, oi.size);
  else ctx.modified(offset, length);
  if (whole || end > oi.size) {
    if (end === oi.size) return;
    ctx.delta.bytes += end - oi.size;
    oi.size = end;
  }
}

export function markOmap(ctx: OpContext): void {
  const oi = ctx.change();
  if ((oi.flags & OBJECT_FLAG_OMAP) === 0) ctx.delta.omapObjects++;
  oi.flags = (oi.flags | OBJECT_FLAG_OMAP) & ~OBJECT_FLAG_OMAP_DIGEST;
}

/**
 * Removes the object, or leaves a whiteout when it has, or is about to have, clones (PrimaryLogPG::_delete_oid).
 */
export function deleteObject(pg: PrimaryLogPG, ctx: OpContext): number {
  const { snapset, snapc } = ctx;
  const whiteout = snapset.clones.length > 0 || (snapc.snaps.length > 0 && snapc.snaps[0] > snapset.seq);
  if (!ctx.exists || (ctx.isWhiteout && whiteout)) return ENOENT;
  ctx.t.remove(pg.cid, ctx.obc.oid);
  const oi = ctx.change();
  ctx.modified(0, oi.size);
  ctx.delta.bytes -= oi.size;
  if ((oi.flags & OBJECT_FLAG_OMAP) !== 0) ctx.delta.omapObjects--;
  ctx.writes++;
  oi.size = 0;
  oi.flags &= ~(DIGESTS | OBJECT_FLAG_OMAP);
  for (const { cookie, name } of oi.watchers) {
    ctx.watchDisconnects ??= [];
    ctx.watchDisconnects.push({ key: watchKey(cookie, name), tell: true });
  }
  oi.watchers = [];
  if (whiteout) {
    ctx.t.touch(pg.cid, ctx.obc.oid);
    oi.flags |= OBJECT_FLAG_WHITEOUT;
    ctx.delta.whiteouts++;
    return 0;
  }
  if (ctx.isWhiteout) {
    oi.flags &= ~OBJECT_FLAG_WHITEOUT;
    ctx.delta.whiteouts--;
  }
  ctx.delta.objects--;
  ctx.exists = false;
  return 0;
}
