import { encodeToBuffer } from '../../../base/encoder.ts';
import type { OSDOp } from '../../messages/osd-op.ts';
import { Transaction } from '../../object-store/transaction.ts';
import { ALL_DIRTY } from '../../types/clean-regions.ts';
import { encodeList } from '../../types/collections.ts';
import { type HObject, makeGHObject } from '../../types/hobject.ts';
import {
  encodeObjectInfo,
  OBJECT_FLAG_DIRTY,
  OBJECT_FLAG_OMAP,
  type ObjectInfo,
} from '../../types/object-info.ts';
import { emptyPgLogEntry, PG_LOG_CLONE, type PgLogEntry } from '../../types/pg-log.ts';
import { type CloneInfo, objListSnapResponse } from '../../types/replies.ts';
import { SNAP_NOSNAP, type SnapSet } from '../../types/snap.ts';
import { EBUSY } from '../errors.ts';
import { OI_ATTR, SS_ATTR } from '../object-context.ts';
import type { OpContext } from '../op-context.ts';
import type { PrimaryLogPG } from '../primary-log-pg.ts';
import { RangeSet } from '../range-set.ts';
import { deleteObject, maybeCreate } from './object-state.ts';

export interface MadeClone {
  readonly entry: PgLogEntry;
  /** Comes before the changes of the head. */
  readonly t: Transaction;
}

/**
 * Keeps the head as a clone when the snap context has a snapshot that is newer than the object's last clone, and
 * takes what this request changes off what the newest clone shares with the head (PrimaryLogPG::make_writeable).
 */
export function makeWriteable(pg: PrimaryLogPG, ctx: OpContext): MadeClone | undefined {
  const { obc, snapc } = ctx;
  const { snaps } = snapc;
  if (snaps.length === 0 && ctx.snapset.clones.length === 0 && snapc.seq <= ctx.snapset.seq) return undefined;
  let made: MadeClone | undefined;
  const clones = [...ctx.snapset.clones];
  const cloneOverlap = new Map(ctx.snapset.cloneOverlap);
  const cloneSize = new Map(ctx.snapset.cloneSize);
  const cloneSnaps = new Map(ctx.snapset.cloneSnaps);
  if (obc.exists && !obc.isWhiteout && snaps.length > 0 && snaps[0] > ctx.snapset.seq) {
    const id = snapc.seq;
    const serves = snaps.filter(snap => snap > ctx.snapset.seq);
    made = makeClone(pg, ctx, id, serves);
    clones.push(id);
    cloneSize.set(id, obc.oi.size);
    cloneSnaps.set(id, serves);
    cloneOverlap.set(id, obc.oi.size > 0 ? [{ start: 0, length: obc.oi.size }] : []);
  }
  if (clones.length > 0) {
    const newest = clones[clones.length - 1];
    const shared = new RangeSet(cloneOverlap.get(newest) ?? []);
    const changed = ctx.modifiedRanges;
    changed.intersect(shared);
    ctx.delta.bytes += changed.size;
    shared.subtract(changed);
    cloneOverlap.set(newest, shared.intervals);
  }
  let { seq } = ctx.snapset;
  if (snapc.seq > seq) seq = snapc.seq;
  ctx.snapset = { seq, snaps: [], clones, cloneOverlap, cloneSize, cloneSnaps };
  return made;
}

function makeClone(pg: PrimaryLogPG, ctx: OpContext, id: bigint, serves: readonly bigint[]): MadeClone {
  const { obc } = ctx;
  const hobj: HObject = { ...obc.hobj, snap: id };
  const oi: ObjectInfo = {
    ...obc.oi,
    soid: hobj,
    version: ctx.atVersion,
    priorVersion: obc.oi.version,
    watchers: [],
    flags: (obc.oi.flags & OBJECT_FLAG_OMAP) | (obc.oi.flags & OBJECT_FLAG_DIRTY),
  };
  const t = new Transaction();
  const oid = makeGHObject(hobj);
  t.clone(pg.cid, obc.oid, oid);
  t.setAttr(
    pg.cid,
    oid,
    OI_ATTR,
    encodeToBuffer(e => encodeObjectInfo(e, oi)),
  );
  t.removeAttr(pg.cid, oid, SS_ATTR);
  ctx.delta.objects++;
  ctx.delta.clones++;
  if ((oi.flags & OBJECT_FLAG_OMAP) !== 0) ctx.delta.omapObjects++;
  const entry: PgLogEntry = {
    ...emptyPgLogEntry(),
    op: PG_LOG_CLONE,
    soid: hobj,
    version: ctx.atVersion,
    priorVersion: obc.oi.version,
    userVersion: obc.oi.userVersion,
    mtime: ctx.mtime,
    snaps: encodeToBuffer(e => encodeList(e, serves, (e, snap) => e.u64b(snap))),
    cleanRegions: ALL_DIRTY,
  };
  ctx.atVersion = { epoch: ctx.atVersion.epoch, version: ctx.atVersion.version + 1 };
  return { entry, t };
}

/** ROLLBACK: the head becomes what it was at a snapshot; it goes when it was not there (_rollback_to). */
export function doRollback(pg: PrimaryLogPG, ctx: OpContext, op: OSDOp): number {
  const { snapid } = op.snap;
  const { obc } = ctx;
  const found = pg.findContext({ ...obc.hobj, snap: snapid }, false);
  if (typeof found === 'number' || !found.exists || found.isWhiteout) {
    if (obc.oi.watchers.length > 0) return EBUSY;
    deleteObject(pg, ctx);
    return 0;
  }
  if (found.hobj.snap === SNAP_NOSNAP) {
    ctx.modify = true;
    return 0;
  }
  if (ctx.exists) ctx.t.remove(pg.cid, obc.oid);
  ctx.t.clone(pg.cid, found.oid, obc.oid);
  const { clones, cloneOverlap } = ctx.snapset;
  const shared = new RangeSet([{ start: 0, length: Number.MAX_SAFE_INTEGER }]);
  for (const clone of clones)
    if (clone >= snapid) shared.intersect(new RangeSet(cloneOverlap.get(clone) ?? []));
  const changed = new RangeSet([{ start: 0, length: ctx.oi.size }]);
  changed.subtract(shared);
  for (const { start, length } of changed.intervals) ctx.modified(start, length);
  maybeCreate(pg, ctx, true);
  const oi = ctx.change();
  ctx.delta.bytes += found.oi.size - oi.size;
  oi.size = found.oi.size;
  const omap = found.oi.flags & OBJECT_FLAG_OMAP;
  if ((oi.flags & OBJECT_FLAG_OMAP) !== omap) ctx.delta.omapObjects += omap !== 0 ? 1 : -1;
  oi.flags = (oi.flags & ~OBJECT_FLAG_OMAP) | omap;
  ctx.modify = true;
  ctx.writes++;
  return 0;
}

/** LIST_SNAPS. */
export function doListSnaps(ctx: OpContext, op: OSDOp): number {
  ctx.reads++;
  const { obc, snapset } = ctx;
  const clones: CloneInfo[] = snapset.clones.map(cloneid => ({
    cloneid,
    snaps: [...(snapset.cloneSnaps.get(cloneid) ?? [])].reverse(),
    overlap: (snapset.cloneOverlap.get(cloneid) ?? []).map(({ start, length }) => [start, length] as const),
    size: snapset.cloneSize.get(cloneid) ?? 0,
  }));
  if (obc.exists && !obc.isWhiteout)
    clones.push({ cloneid: SNAP_NOSNAP, snaps: [], overlap: [], size: ctx.oi.size });
  op.outdata = encodeToBuffer(e => objListSnapResponse.encode(e, { clones, seq: snapset.seq }));
  return 0;
}

/** The clone that serves a snapshot, or nothing (find_object_context). */
export function cloneOf(snapset: SnapSet, snap: bigint): bigint | undefined {
  const clone = snapset.clones.find(id => id >= snap);
  if (clone === undefined) return undefined;
  const serves = snapset.cloneSnaps.get(clone);
  if (serves === undefined || serves.length === 0) return undefined;
  return serves[serves.length - 1] <= snap ? clone : undefined;
}
