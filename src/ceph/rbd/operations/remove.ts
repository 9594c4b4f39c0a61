import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import { type Progress, RBD_DIRECTORY, RBD_TRASH } from '../types.ts';
import {
  failedWith,
  headerObject,
  idObject,
  imageText,
  objectMapObject,
  oldHeaderObject,
  poolSettings,
  unless,
} from './admin-shared.ts';
import { removeOldImage } from './create-old-directory.ts';
import { detachChild, oldestParent } from './flatten-detach.ts';
import { checkRemovable } from './remove-check.ts';
import { moveIdToTrash, removeFromTrash, restoreFromTrash } from './trash.ts';
import { trim } from './trim.ts';

// Removing images (librbd/api/Image.cc, librbd/image/RemoveRequest.cc). Those of format 2 go to the trash first, with a
// source that tells that they are being removed; from then on nobody finds them by name, and what was begun can be done
// again until nothing is left:
//
//     data objects -> the parent's list of children -> header -> object map -> the entry in the trash

export interface RemoveOptions {
  /** Objects. */
  readonly onProgress?: Progress | undefined;
  /** Breaks what else would keep it: an exclusive lock that cannot be had. */
  readonly force?: boolean;
  /** Ends it between two objects: the image is in the trash then, and removing it again goes on. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes an image.
 * @throws NacreError ENOENT; ENOTEMPTY when it has snapshots; EBUSY when somebody else has it open; EMLINK in a group;
 * ENOTSUP for an image that is mirrored, or has a journal
 */
export async function removeImage(
  cluster: Rados,
  io: IoCtx,
  name: string,
  options: RemoveOptions = {},
): Promise<void> {
  const id = await unless(cls.dirGetId(io, RBD_DIRECTORY, name), 'ENOENT');
  if (id !== undefined) return removeListed(cluster, io, name, id, options);
  const trashed = (await unless(cls.trashListAll(io, RBD_TRASH), 'ENOENT', 'EOPNOTSUPP')) ?? new Map();
  for (const [found, spec] of trashed) {
    if (spec.name !== name || spec.source !== cls.TRASH_IMAGE_SOURCE_REMOVING) continue;
    // Somebody began to remove it, and did not come to the end.
    if (spec.state === cls.TRASH_IMAGE_STATE_MOVING)
      await moveIdToTrash(cluster, io, name, found, cls.TRASH_IMAGE_SOURCE_REMOVING, 0);
    return removeFromTrash(cluster, io, found, { ...options, force: true });
  }
  await removeUnlisted(cluster, io, name, options);
}

async function removeListed(
  cluster: Rados,
  io: IoCtx,
  name: string,
  id: string,
  options: RemoveOptions,
): Promise<void> {
  const settings = await poolSettings(cluster, io);
  if (settings.get('rbd_move_to_trash_on_remove')) {
    const delayMs = settings.get('rbd_move_to_trash_on_remove_expire_seconds') * 1000;
    return moveIdToTrash(cluster, io, name, id, cls.TRASH_IMAGE_SOURCE_USER, delayMs);
  }
  try {
    await checkClosed(cluster, io, id, options.force === true);
  } catch (error) {
    if (!failedWith(error, 'ECHILD')) throw error;
    if (!settings.get('rbd_move_parent_to_trash_on_remove'))
      throw new NacreError('ENOTEMPTY', 'rbd.remove', `image '${imageText(io, name)}' has snapshots`, {
        cause: error,
      });
    // It goes with the last of its clones.
    return moveIdToTrash(cluster, io, name, id, cls.TRASH_IMAGE_SOURCE_USER_PARENT, 0);
  }
  await moveIdToTrash(cluster, io, name, id, cls.TRASH_IMAGE_SOURCE_REMOVING, 0);
  try {
    await removeFromTrash(cluster, io, id, { ...options, force: true });
  } catch (error) {
    if (failedWith(error, 'ENOTEMPTY', 'EBUSY', 'EMLINK'))
      await restoreFromTrash(io, id, name, [cls.TRASH_IMAGE_SOURCE_REMOVING]).catch(() => {});
    throw error;
  }
}

/** Opens it, sees whether it can go, and closes it. One without a header can. */
async function checkClosed(cluster: Rados, io: IoCtx, id: string, force: boolean): Promise<void> {
  const ctx = await unless(openImage(cluster, io, { id }, { skipParent: true }), 'ENOENT');
  if (ctx === undefined) return;
  try {
    await checkRemovable(ctx, force);
  } finally {
    await closeImage(ctx);
  }
}

/** Removes what is left of an image of format 2 that is no longer in the directory, but for its entry in the trash. */
export async function removeById(
  cluster: Rados,
  io: IoCtx,
  id: string,
  options: RemoveOptions,
): Promise<void> {
  const ctx = await unless(openImage(cluster, io, { id }, { skipParent: true }), 'ENOENT');
  if (ctx !== undefined) await removeOpened(cluster, ctx, options);
  await unless(io.remove(headerObject(id)), 'ENOENT');
  await unless(io.remove(objectMapObject(id)), 'ENOENT');
}

/** Removes an open image's data and closes it; its header is left. */
async function removeOpened(
  cluster: Rados,
  ctx: ImageCtx,
  { force = false, onProgress, signal }: RemoveOptions,
): Promise<void> {
  const parent = oldestParent(ctx);
  try {
    await checkRemovable(ctx, force).catch((error: unknown) => {
      if (!failedWith(error, 'ECHILD')) throw error;
      throw new NacreError('ENOTEMPTY', 'rbd.remove', error.message, { cause: error });
    });
    await trim(ctx, ctx.state.size, 0, signal, onProgress);
    if (ctx.identity.format === 2) await detachChild(ctx);
  } finally {
    await closeImage(ctx);
  }
  if (parent === undefined) return;
  const io = await unless(cluster.openPool(parent.poolId, { namespace: parent.namespace }), 'ENOENT');
  if (io !== undefined) await removeAbandonedParent(cluster, io, parent.imageId);
}

/** A parent that was moved to the trash by being removed goes with its last clone. */
async function removeAbandonedParent(cluster: Rados, io: IoCtx, id: string): Promise<void> {
  const spec = await unless(cls.trashGet(io, RBD_TRASH, id), 'ENOENT', 'EOPNOTSUPP');
  if (spec?.source !== cls.TRASH_IMAGE_SOURCE_USER_PARENT) return;
  const context = await unless(cls.getSnapcontext(io, headerObject(id)), 'ENOENT');
  if (context !== undefined && context.snaps.length > 0) return;
  // It is somebody else's image by now: whether it can go must not decide about ours.
  await removeFromTrash(cluster, io, id, { force: true }).catch(() => {});
}

/** An image of format 1, or what is left of any that no directory has. */
async function removeUnlisted(
  cluster: Rados,
  io: IoCtx,
  name: string,
  options: RemoveOptions,
): Promise<void> {
  const ctx = await unless(openImage(cluster, io, { name }, { skipParent: true }), 'ENOENT');
  if (ctx !== undefined) {
    const { format, id } = ctx.identity;
    await removeOpened(cluster, ctx, options);
    if (format === 1) await io.remove(oldHeaderObject(name));
    else {
      await unless(io.remove(headerObject(id)), 'ENOENT');
      await unless(io.remove(objectMapObject(id)), 'ENOENT');
      await unless(io.remove(idObject(name)), 'ENOENT');
      return;
    }
  }
  if (await removedOld(io, name)) return;
  if (ctx !== undefined) return;
  if ((await unless(io.remove(idObject(name)), 'ENOENT')) !== undefined) return;
  throw new NacreError('ENOENT', 'rbd.remove', `there is no image '${imageText(io, name)}'`);
}

async function removedOld(io: IoCtx, name: string): Promise<boolean> {
  if (io.namespace !== '') return false;
  try {
    await removeOldImage(io, name);
    return true;
  } catch (error) {
    if (failedWith(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Takes an image's name away: the id object and the entry in the directory. Done already is done. */
export async function forgetName(io: IoCtx, name: string, id: string): Promise<void> {
  await unless(io.remove(idObject(name)), 'ENOENT');
  await unless(io.operate(RBD_DIRECTORY, cls.dirRemoveImage(new WriteOperation(), name, id)), 'ENOENT');
}
