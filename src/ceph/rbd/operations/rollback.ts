import { WriteOperation } from '../../rados/write-operation.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import type { Progress } from '../types.ts';
import { withWritesBlocked } from './copy-object-write.ts';
import { DIFF_DATA, DIFF_HOLE, fastDiff } from './diff-object-map.ts';
import { codeOf, invokeHere, rbdError } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';
import { reloadObjectMap, rollbackMap } from './object-map-change.ts';
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
    // Of objects that did not change since, nothing needs to be done.
    const diff = await fastDiff(ctx, id, SNAP_HEAD, false);
    const resized = ctx.state.size !== size;
    const untouched = Math.min(ctx.state.size, size);
    if (resized) await executeResize(ctx, size, true, undefined, signal);
    await rollbackMap(ctx, id);
    const period = layout.objectSize * layout.stripeCount;
    const sure = resized ? Math.floor(untouched / period) * layout.stripeCount : Number.POSITIVE_INFINITY;
    await eachParallel(
      objectCount(layout, size),
      managementOps(ctx),
      objectNo => {
        const state =
          diff !== undefined && objectNo < Math.min(sure, diff.size) ? diff.get(objectNo) : undefined;
        return state === DIFF_HOLE || state === DIFF_DATA ? undefined : rollbackObject(ctx, objectNo, id);
      },
      onProgress,
      signal,
    );
    await reloadObjectMap(ctx);
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
