import { NacreError } from '../../../base/errors.ts';
import type { ObjectSnaps } from '../../rados/outputs.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { BitVector } from '../../types/cls-rbd-bit-vector.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { setFlags } from '../cls/header.ts';
import { objectMapLoad } from '../cls/object-map.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import {
  OBJECT_EXISTS,
  OBJECT_EXISTS_CLEAN,
  OBJECT_NONEXISTENT,
  type Progress,
  RBD_FEATURE_FAST_DIFF,
  RBD_FEATURE_OBJECT_MAP,
  RBD_FLAG_FAST_DIFF_INVALID,
  RBD_FLAG_OBJECT_MAP_INVALID,
} from '../types.ts';
import { withWritesBlocked } from './copy-object-write.ts';
import { codeOf, invoke, invokeHere, rbdError } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';
import { invalidateObjectMap, reloadObjectMap, saveMap } from './object-map-change.ts';
import { objectMapName } from './object-map-name.ts';
import { snapshotOf } from './snapshot-remove.ts';

export interface ObjectMapOptions {
  /** Of the snapshot of that name; of the head by default. */
  readonly snapshot?: string;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** State of an object at a snapshot, or at the head, from its clones. Exported for tests. */
export function stateAt(
  set: ObjectSnaps,
  snapId: bigint,
  snapIds: readonly bigint[],
  fastDiff: boolean,
): number {
  // The first of the image's snapshots from one on: those of the pool that were removed do not count.
  const firstFrom = (id: bigint): bigint => snapIds.find(snap => snap >= id) ?? SNAP_HEAD;
  for (const { id, snaps } of set.clones) {
    const isHead = id === SNAP_HEAD;
    if (!isHead && snaps.length === 0) continue;
    const first = firstFrom(isHead ? set.seq + 1n : snaps[0]);
    const last = isHead ? SNAP_HEAD : snaps[snaps.length - 1];
    if (last < snapId) continue;
    if (snapId < first) break;
    return fastDiff && first !== snapId ? OBJECT_EXISTS_CLEAN : OBJECT_EXISTS;
  }
  return OBJECT_NONEXISTENT;
}

async function scan(
  ctx: ImageCtx,
  snapId: bigint,
  onProgress: Progress | undefined,
  signal: AbortSignal | undefined,
): Promise<BitVector> {
  const size = ctx.sizeAt(snapId);
  if (size === undefined) throw rbdError('ENOENT', 'objectMap', `snapshot ${snapId} is gone`);
  const map = new BitVector(objectCount(ctx.identity.layout, size));
  const fastDiff = ctx.has(RBD_FEATURE_FAST_DIFF);
  const snapIds = ctx.state.snaps.map(({ id }) => id).reverse();
  await eachParallel(
    map.size,
    managementOps(ctx),
    async objectNo => {
      try {
        const set = await ctx.data.listSnaps(ctx.objectName(objectNo));
        map.set(objectNo, stateAt(set, snapId, snapIds, fastDiff));
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    },
    onProgress,
    signal,
  );
  return map;
}

function target(ctx: ImageCtx, snapshot: string | undefined): bigint {
  if (!ctx.has(RBD_FEATURE_OBJECT_MAP))
    throw rbdError('EINVAL', 'objectMap', `'${ctx.identity.name}' has no feature object-map`);
  return snapshot === undefined ? SNAP_HEAD : snapshotOf(ctx, snapshot, 'objectMap').id;
}

/** Makes the map of the head, or of a snapshot, anew from what the OSDs have. Writes wait while the head's is made. */
export async function rebuildObjectMap(ctx: ImageCtx, options: ObjectMapOptions = {}): Promise<void> {
  const { onProgress, signal, snapshot } = options;
  await refreshIfNeeded(ctx);
  target(ctx, snapshot);
  await invoke(ctx, {
    name: 'objectMapRebuild',
    local: cancel => executeRebuildObjectMap(ctx, snapshot, onProgress, cancel),
    remote: snapshot === undefined ? watcher => watcher.notifyRebuildObjectMap(onProgress) : undefined,
    signal,
  });
}

export async function executeRebuildObjectMap(
  ctx: ImageCtx,
  snapshot?: string,
  onProgress?: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const snapId = target(ctx, snapshot);
  const rebuild = async (): Promise<void> => {
    await saveMap(ctx, snapId, await scan(ctx, snapId, onProgress, signal));
    const mask = RBD_FLAG_OBJECT_MAP_INVALID | RBD_FLAG_FAST_DIFF_INVALID;
    const op = setFlags(new WriteOperation(), 0n, mask, snapId);
    await ctx.header.operate(ctx.identity.headerOid, op);
    await refreshImage(ctx);
    if (snapId === SNAP_HEAD) await reloadObjectMap(ctx);
  };
  if (snapId === SNAP_HEAD) await withWritesBlocked(ctx, rebuild);
  else await rebuild();
}

/**
 * Compares the map with what the OSDs have. A map that lies about an object is flagged invalid. Resolves to the number
 * of objects that it is wrong about.
 */
export async function checkObjectMap(ctx: ImageCtx, options: ObjectMapOptions = {}): Promise<number> {
  const { onProgress, snapshot } = options;
  await refreshIfNeeded(ctx);
  const snapId = target(ctx, snapshot);
  let wrong = 0;
  await invokeHere(
    ctx,
    'objectMapCheck',
    async signal => {
      const compare = async (): Promise<void> => {
        wrong = await mismatches(ctx, snapId, await scan(ctx, snapId, onProgress, signal));
      };
      if (snapId === SNAP_HEAD) await withWritesBlocked(ctx, compare);
      else await compare();
      if (wrong > 0) await invalidateObjectMap(ctx, snapId);
    },
    { silent: true, signal: options.signal },
  );
  if (wrong > 0) await refreshImage(ctx);
  return wrong;
}

async function mismatches(ctx: ImageCtx, snapId: bigint, found: BitVector): Promise<number> {
  let map: BitVector;
  try {
    map = await objectMapLoad(ctx.header, objectMapName(ctx.identity.id, snapId));
  } catch (error) {
    if (error instanceof NacreError && (error.code === 'ENOENT' || error.code === 'EINVAL'))
      return found.size;
    throw error;
  }
  let wrong = Math.max(0, found.size - map.size);
  for (let i = Math.min(found.size, map.size) - 1; i >= 0; i--) {
    const [says, is] = [map.get(i), found.get(i)];
    // That it may exist is no lie about one that does not: reads look, and nothing is lost.
    const harmless = is === OBJECT_NONEXISTENT && says !== OBJECT_NONEXISTENT;
    if (says !== is && !harmless) wrong++;
  }
  return wrong;
}
