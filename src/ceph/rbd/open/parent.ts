import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { ParentImageInfo } from '../types.ts';
import { closeImage } from './close.ts';
import { openImage } from './open-image.ts';

/** Clones of clones: deeper than this is a ring. */
const MAX_DEPTH = 64;
const depths = new WeakMap<ImageCtx, number>();

/** Whether reads of what the handle looks at may come to its parent. */
export function needsParent(info: ParentImageInfo | undefined): info is ParentImageInfo {
  return info !== undefined && info.overlap > 0;
}

/** Whether that is what an open parent is. */
export function isParent(parent: ImageCtx, info: ParentImageInfo): boolean {
  return (
    parent.header.pool === info.poolId &&
    parent.header.namespace === info.namespace &&
    parent.identity.id === info.imageId &&
    parent.snapId === info.snapId
  );
}

/** Opens the parent of what the handle looks at, and that one's, and so on. Undefined when there is none. */
export async function openParent(ctx: ImageCtx): Promise<ImageCtx | undefined> {
  const info = ctx.parentAt();
  if (!needsParent(info)) return undefined;
  const depth = (depths.get(ctx) ?? 0) + 1;
  if (depth > MAX_DEPTH)
    throw new NacreError('ELOOP', 'rbd.open', `more than ${MAX_DEPTH} parents above '${ctx.identity.name}'`);
  const { cluster } = ctx;
  const io = await cluster.openPool(info.poolId, { namespace: info.namespace });
  const what = { snapshot: info.snapId, readOnly: true, forChild: true, skipParent: true };
  const parent = await openImage(cluster, io, { id: info.imageId }, what);
  depths.set(parent, depth);
  try {
    parent.parent = await openParent(parent);
    return parent;
  } catch (error) {
    await closeImage(parent).catch(() => {});
    throw error;
  }
}
