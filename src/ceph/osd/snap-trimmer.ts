import { encodeToBuffer } from '../../base/encoder.ts';
import { Transaction } from '../object-store/transaction.ts';
import { GHOBJECT_MAX, GHOBJECT_MIN, type GHObject, makeGHObject } from '../types/hobject.ts';
import { encodeObjectInfo, OBJECT_FLAG_WHITEOUT } from '../types/object-info.ts';
import { SNAP_NOSNAP, type SnapSet } from '../types/snap.ts';
import { loadObjectContext, type ObjectContext, OI_ATTR } from './object-context.ts';
import type { PrimaryLogPG } from './primary-log-pg.ts';
import { RangeSet } from './range-set.ts';

/** Objects looked at in one go, so that clients are not kept waiting. */
const BATCH = 64;

/** Takes a clone out of a snap set; its neighbour below then shares less with what follows it. */
function withoutClone(snapset: SnapSet, clone: bigint): SnapSet {
  const at = snapset.clones.indexOf(clone);
  const clones = snapset.clones.filter(id => id !== clone);
  const cloneOverlap = new Map(snapset.cloneOverlap);
  const cloneSize = new Map(snapset.cloneSize);
  const cloneSnaps = new Map(snapset.cloneSnaps);
  if (at > 0) {
    const below = snapset.clones[at - 1];
    const shared = new RangeSet(cloneOverlap.get(below) ?? []);
    shared.intersect(new RangeSet(cloneOverlap.get(clone) ?? []));
    cloneOverlap.set(below, shared.intervals);
  }
  cloneOverlap.delete(clone);
  cloneSize.delete(clone);
  cloneSnaps.delete(clone);
  return { ...snapset, clones, cloneOverlap, cloneSize, cloneSnaps };
}

/** Deletes the clones that only removed snapshots needed (PrimaryLogPG::SnapTrimmer). */
export class SnapTrimmer {
  private readonly pg: PrimaryLogPG;
  private running = false;
  /** Epoch whose removed snapshots are done. */
  private doneEpoch = 0;
  private at: GHObject = GHOBJECT_MIN;
  private epoch = 0;

  constructor(pg: PrimaryLogPG) {
    this.pg = pg;
  }

  /** Begins when the map has something to trim that was not looked at. */
  wake(): void {
    const { pg } = this;
    const { map } = pg.host;
    if (this.running || map.epoch <= this.doneEpoch || !pg.isPrimary || !pg.isActive) return;
    const queue = map.removedSnapsQueue.get(pg.pgid.pool);
    if (queue === undefined || queue.length === 0) {
      this.doneEpoch = map.epoch;
      return;
    }
    this.running = true;
    this.at = GHOBJECT_MIN;
    this.epoch = map.epoch;
    pg.host.env.timers.immediate(this.step);
  }

  stop(): void {
    this.running = false;
    this.doneEpoch = 0;
  }

  private readonly step = (): void => {
    const { pg } = this;
    if (!this.running || !pg.isActive || !pg.isPrimary || pg.removed) {
      this.running = false;
      return;
    }
    const { objects, next } = pg.store.list(pg.cid, this.at, GHOBJECT_MAX, BATCH);
    for (const { hobj } of objects)
      if (hobj.snap !== SNAP_NOSNAP && hobj.oid !== '') this.trim(pg.headContext(hobj), hobj.snap);
    this.at = next;
    if (!next.max && objects.length > 0) {
      pg.host.env.timers.immediate(this.step);
      return;
    }
    this.running = false;
    this.doneEpoch = this.epoch;
    this.wake();
  };

  private trim(head: ObjectContext, clone: bigint): void {
    const { pg } = this;
    const serves = head.snapset.cloneSnaps.get(clone);
    if (serves === undefined) return;
    const left = serves.filter(snap => !pg.isRemovedSnap(snap));
    if (left.length === serves.length) return;
    const obc = loadObjectContext(pg.store, pg.cid, { ...head.hobj, snap: clone }, head.snapset);
    if (!obc.exists) return;
    const ctx = pg.simpleContext(head);
    const t = new Transaction();
    const oid = makeGHObject(obc.hobj);
    if (left.length > 0) {
      const cloneSnaps = new Map(ctx.snapset.cloneSnaps).set(clone, left);
      ctx.snapset = { ...ctx.snapset, cloneSnaps };
      t.setAttr(
        pg.cid,
        oid,
        OI_ATTR,
        encodeToBuffer(e => encodeObjectInfo(e, obc.oi)),
      );
    } else {
      t.remove(pg.cid, oid);
      const overlap = new RangeSet(ctx.snapset.cloneOverlap.get(clone) ?? []).size;
      ctx.delta.objects--;
      ctx.delta.clones--;
      ctx.delta.bytes -= obc.oi.size - overlap;
      ctx.snapset = withoutClone(ctx.snapset, clone);
    }
    ctx.t.append(t);
    const headGone = ctx.snapset.clones.length === 0 && (ctx.oi.flags & OBJECT_FLAG_WHITEOUT) !== 0;
    if (headGone) {
      // The whiteout stood only for its clones.
      ctx.t.remove(pg.cid, head.oid);
      ctx.change();
      ctx.delta.objects--;
      ctx.delta.whiteouts--;
      ctx.exists = false;
    }
    pg.write(ctx, 0);
  }
}
