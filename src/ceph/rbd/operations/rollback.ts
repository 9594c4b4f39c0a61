import { WriteOperation } from '../../rados/write-operation.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import { OBJECT_NONEXISTENT, type Progress } from '../types.ts';
import { withWritesBlocked } from './copy-object-write.ts';
import { codeOf, invokeHere, rbdError } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';
import { replaceHeadMap, rollbackMaps } from './object-map-change.ts';
import { executeResize } from './resize.ts';
import { snapshotOf } from './snapshot-remove.ts';

/**
 * Brings the head back to what it was at a snapshot: size and content. Writes wait meanwhile. Owners of the lock are not
 * asked for it: we take it.
 */
export async function rollbackToSnapshot(
  ctx: ImageCtx,
  name: string,
  options: { onProgress?: Progress | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await refreshIfNeeded(ctx);
  snapshotOf(ctx, name, 'rollback');
  if (ctx.readOnly || ctx.snapId !== SNAP_HEAD)
    throw rbdError('EROFS', 'rollback', `'${ctx.identity.name}' is open read-only or at a snapshot`);
  await invokeHere(ctx, 'rollback', signal => executeRollback(ctx, name, options.onProgress, signal), {
    signal: options.signal,
  });
}

async function executeRollback(
  ctx: ImageCtx,
  name: string,
  onProgress?: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const { id, size } = snapshotOf(ctx, name, 'rollback');
  const { layout } = ctx.identity;
  await withWritesBlocked(ctx, async () => {
    if (ctx.state.size !== size) await executeResize(ctx, size, true, undefined, signal);
    const maps = await rollbackMaps(ctx, id);
    if (maps !== undefined) await replaceHeadMap(ctx, maps.during);
    // Only what is in neither is left alone: maps of roll-backs by librbd may call clean what is not.
    await eachParallel(
      objectCount(layout, size),
      managementOps(ctx),
      objectNo =>
        maps !== undefined && objectNo < maps.during.size && maps.during.get(objectNo) === OBJECT_NONEXISTENT
          ? undefined
          : rollbackObject(ctx, objectNo, id),
      onProgress,
      signal,
    );
    if (maps !== undefined) await replaceHeadMap(ctx, maps.after);
    ctx.io.objects.invalidate();
    await refreshImage(ctx);
  });
}

async function rollbackObject(ctx: ImageCtx, objectNo: number, id: bigint): Promise<void> {
  try {
    await ctx.data.operate(ctx.objectName(objectNo), new WriteOperation().rollback(id));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
