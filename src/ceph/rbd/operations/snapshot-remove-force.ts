import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import type { RemoveSnapshotOptions } from '../options.ts';
import { RBD_PROTECTION_STATUS_UNPROTECTED } from '../types.ts';
import { listChildren } from './children.ts';
import { flattenImage } from './flatten.ts';
import { codeOf } from './invoke.ts';
import { unprotectSnapshot } from './snapshot-protect.ts';
import { removeSnapshot, snapshotOf } from './snapshot-remove.ts';

/**
 * Removes a user's snapshot. `flatten`: first what hangs on it gets its own copy of the data; `unprotect`: a protection is
 * taken off; `force`: both.
 */
export async function removeSnapshotBy(
  ctx: ImageCtx,
  name: string,
  options: RemoveSnapshotOptions = {},
): Promise<void> {
  const { force = false, flatten = force, unprotect = force, onProgress, signal } = options;
  await refreshIfNeeded(ctx);
  if (flatten) {
    const children = await listChildren(ctx, snapshotOf(ctx, name, 'snapshotRemove').id);
    for (const [i, { poolId, namespace, imageId }] of children.entries()) {
      const io = await ctx.cluster.openPool(poolId, { namespace });
      const child = await openImage(ctx.cluster, io, { id: imageId });
      try {
        if (child.parentAt(SNAP_HEAD) !== undefined) await flattenImage(child, { signal });
      } catch (error) {
        // Somebody else was quicker.
        if (codeOf(error) !== 'EINVAL') throw error;
      } finally {
        await closeImage(child);
      }
      onProgress?.(i + 1, children.length + 1);
    }
  }
  const { protection } = snapshotOf(ctx, name, 'snapshotRemove');
  if (unprotect && protection !== RBD_PROTECTION_STATUS_UNPROTECTED) await unprotectSnapshot(ctx, name);
  await removeSnapshot(ctx, name, { signal });
}
