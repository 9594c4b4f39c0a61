import { NacreError } from '../../../base/errors.ts';
import { snapshotGet, trashGet } from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import type { ImageInfo, ParentRef } from '../options.ts';
import { RBD_HEADER_PREFIX, RBD_TRASH } from '../types.ts';
import { findImageById } from './find-image.ts';
import { refreshIfNeeded } from './refresh.ts';

const dateOf = (ms: number): Date | undefined => (ms === 0 ? undefined : new Date(ms));

/** What there is to say about what the handle looks at. */
export async function imageInfo(ctx: ImageCtx): Promise<ImageInfo> {
  await refreshIfNeeded(ctx);
  const { identity, state } = ctx;
  const { name, id, format, order, objectPrefix, layout, dataPoolId } = identity;
  const size = ctx.sizeAt() ?? 0;
  return {
    name,
    id,
    format,
    size,
    objectSize: layout.objectSize,
    order,
    objectCount: objectCount(layout, size),
    objectPrefix,
    stripeUnit: layout.stripeUnit,
    stripeCount: layout.stripeCount,
    features: state.features,
    opFeatures: state.opFeatures,
    flags: ctx.snap(ctx.snapId)?.flags ?? state.flags,
    dataPoolId,
    snapshotCount: state.snaps.length,
    parent: await parentRef(ctx),
    created: dateOf(state.createTimestamp),
    accessed: dateOf(state.accessTimestamp),
    modified: dateOf(state.modifyTimestamp),
  };
}

/** The parent by name: asked of its own pool, as it may have been renamed or moved to the trash. */
async function parentRef(ctx: ImageCtx): Promise<ParentRef | undefined> {
  const info = ctx.parentAt();
  if (info === undefined) return undefined;
  const { poolId, namespace, imageId, snapId } = info;
  const io = await ctx.cluster.openPool(poolId, { namespace });
  const [found, snap, trash] = await Promise.all([
    findImageById(io, imageId),
    snapshotGet(io, RBD_HEADER_PREFIX + imageId, snapId),
    trashGet(io, RBD_TRASH, imageId).then(
      () => true,
      (error: unknown) => {
        if (error instanceof NacreError && error.code === 'ENOENT') return false;
        throw error;
      },
    ),
  ]);
  return { ...info, poolName: io.poolName, imageName: found.name, snapName: snap.name, trash };
}
