import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshImage } from '../open/refresh.ts';
import { failedWith, unless } from './admin-shared.ts';
import { executeSnapshotRemove } from './snapshot-remove.ts';
import { listOtherWatchers } from './watchers.ts';

/**
 * Whether an open image can be removed (librbd/image/PreRemoveRequest.cc). Takes the exclusive lock; with `force`, goes on
 * without it. Snapshots that only waited for their clones are removed.
 * @throws NacreError EBUSY when somebody else has it open; ENOTEMPTY when it has snapshots; EMLINK when it is in a group;
 * ECHILD when clones of version 2 are all that is left
 */
export async function checkRemovable(ctx: ImageCtx, force: boolean): Promise<void> {
  const { name } = ctx.identity;
  const no = (code: string, why: string): NacreError =>
    new NacreError(code, 'rbd.remove', `image '${name}' ${why}`);
  const lock = ctx.exclusiveLock;
  if (lock !== undefined) {
    const ours = await lock.tryAcquire().catch((error: unknown) => {
      if (error instanceof NacreError) return false;
      throw error;
    });
    if (!ours && !force) throw no('EBUSY', 'is locked by another client');
    // Nobody gets it from now on.
    lock.blockRequests();
  }
  const { snaps, group } = ctx.state;
  if (snaps.some(({ namespace }) => namespace.type !== 'trash')) throw no('ENOTEMPTY', 'has snapshots');
  if ((await listOtherWatchers(ctx)).length > 0) throw no('EBUSY', 'is open elsewhere');
  if (group !== undefined) throw no('EMLINK', 'is a member of a group');
  let children = false;
  for (const { id } of [...snaps].reverse()) {
    try {
      await unless(executeSnapshotRemove(ctx, id), 'ENOENT');
    } catch (error) {
      if (!failedWith(error, 'EBUSY')) throw error;
      children = true;
    }
  }
  if (children) throw no('ECHILD', 'has snapshots that clones hang on');
  if (snaps.length > 0) await refreshImage(ctx);
}
