import { encodeToBuffer } from '../../../base/encoder.ts';
import { SUBSYS_RBD } from '../../../base/log.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { LOCK_EXCLUSIVE } from '../../types/cls-lock.ts';
import { BitVector, encodeBitVector } from '../../types/cls-rbd-bit-vector.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { setFlags } from '../cls/header.ts';
import { assertLocked } from '../cls/lock.ts';
import { objectMapLoad, objectMapResize, objectMapSnapAdd, objectMapSnapRemove } from '../cls/object-map.ts';
import type { ImageCtx } from '../image-ctx.ts';
import {
  OBJECT_EXISTS,
  OBJECT_NONEXISTENT,
  RBD_FEATURE_FAST_DIFF,
  RBD_FEATURE_OBJECT_MAP,
  RBD_FLAG_FAST_DIFF_INVALID,
  RBD_FLAG_OBJECT_MAP_INVALID,
  RBD_LOCK_NAME,
} from '../types.ts';
import { codeOf } from './invoke.ts';
import { objectMapName } from './object-map-name.ts';

// What operations do to the maps on the OSDs. The head's map is only touched while we hold its lock. A map that cannot be
// changed is flagged invalid, in the header, and the operation goes on.

const mapOf = (ctx: ImageCtx, snapId: bigint): string => objectMapName(ctx.identity.id, snapId);

/** An operation that fails with EBUSY when we do not have the map's lock. */
function onHead(): WriteOperation {
  const op = new WriteOperation();
  assertLocked(op, RBD_LOCK_NAME, LOCK_EXCLUSIVE, '');
  return op;
}

export async function invalidateObjectMap(ctx: ImageCtx, snapId: bigint): Promise<void> {
  let flags = RBD_FLAG_OBJECT_MAP_INVALID;
  if (ctx.has(RBD_FEATURE_FAST_DIFF)) flags |= RBD_FLAG_FAST_DIFF_INVALID;
  await ctx.header.operate(ctx.identity.headerOid, setFlags(new WriteOperation(), flags, flags, snapId));
  ctx.refreshNeeded = true;
}

/** Runs a change of a map; flags the map when it fails. */
async function changing(ctx: ImageCtx, snapId: bigint, change: () => Promise<unknown>): Promise<void> {
  try {
    await change();
  } catch (error) {
    const { log } = ctx.context;
    log.error(
      SUBSYS_RBD,
      `object map ${mapOf(ctx, snapId)}: ${(error as Error).message}: it is invalid from now on`,
    );
    await invalidateObjectMap(ctx, snapId);
  }
}

const enabled = (ctx: ImageCtx): boolean => ctx.has(RBD_FEATURE_OBJECT_MAP) && ctx.objectMap !== undefined;

/** The head's map for an image of so many objects. Writes are blocked. */
export async function resizeObjectMap(ctx: ImageCtx, objects: number): Promise<void> {
  if (!enabled(ctx)) return;
  await changing(ctx, SNAP_HEAD, () =>
    ctx.header.operate(mapOf(ctx, SNAP_HEAD), objectMapResize(onHead(), objects, OBJECT_NONEXISTENT)),
  );
  await reloadObjectMap(ctx);
}

/** A new snapshot's map is the head's; what the head has is clean from now on. Writes are blocked. */
export async function addSnapshotMap(ctx: ImageCtx, snapId: bigint): Promise<void> {
  if (!enabled(ctx)) return;
  await changing(ctx, snapId, async () => {
    const head = await ctx.header.read(mapOf(ctx, SNAP_HEAD));
    await ctx.header.writeFull(mapOf(ctx, snapId), head);
  });
  if (ctx.has(RBD_FEATURE_FAST_DIFF)) {
    await changing(ctx, SNAP_HEAD, () =>
      ctx.header.operate(mapOf(ctx, SNAP_HEAD), objectMapSnapAdd(onHead())),
    );
    await reloadObjectMap(ctx);
  }
}

/** What a removed snapshot's map says changed, the next newer one's must say. Writes are blocked. */
export async function removeSnapshotMap(ctx: ImageCtx, snapId: bigint): Promise<void> {
  if (!ctx.has(RBD_FEATURE_OBJECT_MAP)) return;
  const flags = ctx.snap(snapId)?.flags ?? 0n;
  let next = SNAP_HEAD;
  for (const { id } of ctx.state.snaps) if (id > snapId && id < next) next = id;
  let map: BitVector | undefined;
  try {
    map = await objectMapLoad(ctx.header, mapOf(ctx, snapId));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    await invalidateObjectMap(ctx, next);
  }
  if (map !== undefined && ctx.has(RBD_FEATURE_FAST_DIFF) && (flags & RBD_FLAG_OBJECT_MAP_INVALID) === 0n) {
    const merged = map;
    await changing(ctx, next, () => {
      const op = next === SNAP_HEAD ? onHead() : new WriteOperation();
      return ctx.header.operate(mapOf(ctx, next), objectMapSnapRemove(op, merged));
    });
  }
  try {
    await ctx.header.remove(mapOf(ctx, snapId));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  if (next === SNAP_HEAD) await reloadObjectMap(ctx);
}

/** The head's map around a roll-back, one entry an object of the snapshot's size. */
export interface RollbackMaps {
  /** While it runs: what is there of the head or is going to be. */
  readonly during: BitVector;
  /** At the end. */
  readonly after: BitVector;
}

/**
 * Maps for a roll-back; undefined without object map. All that is rolled back was changed since the newest snapshot, so
 * EXISTS is what a scan of the objects finds. (librbd makes the snapshot's map the head's: what was clean there need not be so
 * against newer snapshots, and a fast diff from one of those leaves it out.) The head has the snapshot's size. Writes are blocked.
 */
export async function rollbackMaps(ctx: ImageCtx, snapId: bigint): Promise<RollbackMaps | undefined> {
  const { objectMap } = ctx;
  if (!ctx.has(RBD_FEATURE_OBJECT_MAP) || objectMap === undefined) return undefined;
  const flags = ctx.snap(snapId)?.flags ?? RBD_FLAG_OBJECT_MAP_INVALID;
  let snap: BitVector | undefined;
  if ((flags & RBD_FLAG_OBJECT_MAP_INVALID) === 0n)
    snap = await objectMapLoad(ctx.header, mapOf(ctx, snapId)).catch(() => undefined); // then any may be there
  const during = new BitVector(objectMap.length);
  const after = new BitVector(objectMap.length);
  for (let i = 0; i < during.size; i++) {
    const inSnapshot = snap === undefined || i >= snap.size || snap.get(i) !== OBJECT_NONEXISTENT;
    if (inSnapshot) after.set(i, OBJECT_EXISTS);
    if (inSnapshot || objectMap.objectMayExist(i)) during.set(i, OBJECT_EXISTS);
  }
  return { during, after };
}

/** Makes the head's map another one. Writes are blocked. */
export async function replaceHeadMap(ctx: ImageCtx, map: BitVector): Promise<void> {
  await changing(ctx, SNAP_HEAD, () => saveMap(ctx, SNAP_HEAD, map));
  await reloadObjectMap(ctx);
}

/** Writes a map anew. */
export async function saveMap(ctx: ImageCtx, snapId: bigint, map: BitVector): Promise<void> {
  const bytes = encodeToBuffer(e => encodeBitVector(e, map));
  const op = snapId === SNAP_HEAD ? onHead() : new WriteOperation();
  await ctx.header.operate(mapOf(ctx, snapId), op.writeFull(bytes));
}

/** What the OSDs have of the head's map now. Writes are blocked. */
export async function reloadObjectMap(ctx: ImageCtx): Promise<void> {
  await ctx.objectMap?.reload();
}
