import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import { type Progress, RBD_FEATURE_DEEP_FLATTEN } from '../types.ts';
import { copyUpObject } from './copy-object-write.ts';
import { detachChild, detachParent } from './flatten-detach.ts';
import { invoke, rbdError } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';

export interface FlattenOptions {
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies from the parent what the image has not of its own, and takes the parent off. EINVAL without one. Snapshots keep
 * the parent, and with them the image stays its child, unless it has the feature deep-flatten.
 */
export async function flattenImage(ctx: ImageCtx, options: FlattenOptions = {}): Promise<void> {
  const { onProgress, signal } = options;
  await refreshIfNeeded(ctx);
  if (ctx.readOnly || ctx.snapId !== SNAP_HEAD)
    throw rbdError('EROFS', 'flatten', `'${ctx.identity.name}' is open read-only or at a snapshot`);
  if (ctx.state.parent === undefined)
    throw rbdError('EINVAL', 'flatten', `'${ctx.identity.name}' has no parent`);
  await invoke(ctx, {
    name: 'flatten',
    beside: true,
    local: cancel => executeFlatten(ctx, onProgress, cancel),
    remote: watcher => watcher.notifyFlatten(onProgress),
    ignore: ['EINVAL'],
    signal,
  });
}

export async function executeFlatten(
  ctx: ImageCtx,
  onProgress?: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const { parent } = ctx.state;
  if (parent === undefined) throw rbdError('EINVAL', 'flatten', `'${ctx.identity.name}' has no parent`);
  await eachParallel(
    objectCount(ctx.identity.layout, parent.overlap),
    managementOps(ctx),
    // Another flatten or a resize may be done with it meanwhile.
    objectNo =>
      ctx.state.parent === undefined || ctx.objectMap?.objectMayNotExist(objectNo) === false
        ? undefined
        : copyUpObject(ctx, objectNo),
    onProgress,
    signal,
  );
  if (ctx.state.parent === undefined) return;
  if (ctx.has(RBD_FEATURE_DEEP_FLATTEN) || ctx.state.snaps.length === 0) await detachChild(ctx);
  await detachParent(ctx);
  await refreshImage(ctx);
}
