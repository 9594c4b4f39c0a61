import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { type UTime, utimeFromMs, utimeToMs } from '../../types/utime.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import type { TrashEntry } from '../options.ts';
import { RBD_DIRECTORY, RBD_TRASH } from '../types.ts';
import { failedWith, idObject, imageText, oldHeaderObject, unless } from './admin-shared.ts';
import { forgetName, type RemoveOptions, removeById } from './remove.ts';

// The trash of a pool and namespace (librbd/api/Trash.cc): the omap of rbd_trash, id_<id> -> TrashImageSpec. An image in it
// has no name that it could be opened by, but is whole, and can be opened by its id.

const SOURCES: Readonly<Record<number, TrashEntry['source']>> = {
  [cls.TRASH_IMAGE_SOURCE_USER]: 'user',
  [cls.TRASH_IMAGE_SOURCE_MIRRORING]: 'mirroring',
  [cls.TRASH_IMAGE_SOURCE_MIGRATION]: 'migration',
  [cls.TRASH_IMAGE_SOURCE_USER_PARENT]: 'user-parent',
};

/** Restoring is for what users put there, not for what is being removed. */
const RESTORABLE = [
  cls.TRASH_IMAGE_SOURCE_USER,
  cls.TRASH_IMAGE_SOURCE_MIRRORING,
  cls.TRASH_IMAGE_SOURCE_USER_PARENT,
] as const;

function entryOf(id: string, spec: cls.ClsTrashImageSpec): TrashEntry {
  const date = (time: UTime): Date => new Date(utimeToMs(time));
  return {
    id,
    name: spec.name,
    source: SOURCES[spec.source] ?? 'unknown',
    deletionTime: date(spec.deletionTime),
    defermentEndTime: date(spec.defermentEndTime),
  };
}

async function trashed(io: IoCtx): Promise<Map<string, cls.ClsTrashImageSpec>> {
  return (await unless(cls.trashListAll(io, RBD_TRASH), 'ENOENT')) ?? new Map();
}

/** By id, sorted. Images that are being removed are left out, unless `all`. */
export async function listTrash(io: IoCtx, options: { readonly all?: boolean } = {}): Promise<TrashEntry[]> {
  return [...(await trashed(io))]
    .filter(([, { source }]) => options.all === true || source !== cls.TRASH_IMAGE_SOURCE_REMOVING)
    .map(([id, spec]) => entryOf(id, spec));
}

/** ENOENT. */
export async function getTrashEntry(io: IoCtx, id: string): Promise<TrashEntry> {
  return entryOf(id, await specOf(io, id));
}

async function specOf(io: IoCtx, id: string): Promise<cls.ClsTrashImageSpec> {
  try {
    return await cls.trashGet(io, RBD_TRASH, id);
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error;
    throw new NacreError('ENOENT', 'rbd.trash', `there is no image of id '${id}' in the trash`, {
      cause: error,
    });
  }
}

/**
 * Moves an image to the trash, by name. For `delayMs` milliseconds it can only be removed by force.
 * @throws NacreError ENOENT; EOPNOTSUPP for format 1; EBUSY when its lock cannot be had; EMLINK in a group
 */
export async function moveToTrash(
  cluster: Rados,
  io: IoCtx,
  name: string,
  options: { readonly delayMs?: number } = {},
): Promise<void> {
  let id = await unless(cls.dirGetId(io, RBD_DIRECTORY, name), 'ENOENT');
  if (id === undefined) {
    if (io.namespace === '' && (await unless(io.stat(oldHeaderObject(name)), 'ENOENT')) !== undefined)
      throw new NacreError(
        'EOPNOTSUPP',
        'rbd.trash_move',
        `image '${name}' of format 1 has no trash to go to`,
      );
    // One that was on its way there when its mover died.
    for (const [found, spec] of await trashed(io))
      if (
        spec.source === cls.TRASH_IMAGE_SOURCE_USER &&
        spec.state === cls.TRASH_IMAGE_STATE_MOVING &&
        spec.name === name
      )
        id = found;
  }
  if (id === undefined)
    throw new NacreError('ENOENT', 'rbd.trash_move', `there is no image '${imageText(io, name)}'`);
  await moveIdToTrash(cluster, io, name, id, cls.TRASH_IMAGE_SOURCE_USER, options.delayMs ?? 0);
}

/** The same for any reason. `source`: TRASH_IMAGE_SOURCE_*. */
export async function moveIdToTrash(
  cluster: Rados,
  io: IoCtx,
  name: string,
  id: string,
  source: number,
  delayMs: number,
): Promise<void> {
  const ctx = await unless(openImage(cluster, io, { id }, { skipParent: true }), 'ENOENT');
  if (ctx !== undefined) {
    try {
      await refuseMove(ctx);
    } finally {
      await closeImage(ctx);
    }
  }
  const now = cluster.context.env.clock.now();
  const spec: cls.ClsTrashImageSpec = {
    ...{ source, name, state: cls.TRASH_IMAGE_STATE_MOVING },
    deletionTime: utimeFromMs(now),
    defermentEndTime: utimeFromMs(now + delayMs),
  };
  try {
    await unless(io.operate(RBD_TRASH, cls.trashAdd(new WriteOperation(), id, spec)), 'EEXIST');
    await forgetName(io, name, id);
  } finally {
    await setState(io, id, cls.TRASH_IMAGE_STATE_NORMAL, cls.TRASH_IMAGE_STATE_MOVING);
  }
}

async function refuseMove(ctx: ImageCtx): Promise<void> {
  const { name, id } = ctx.identity;
  const no = (code: string, why: string): NacreError =>
    new NacreError(code, 'rbd.trash_move', `image '${name}' ${why}`);
  const mirror = await unless(cls.mirrorImageGet(ctx.header, 'rbd_mirroring', id), 'ENOENT', 'EOPNOTSUPP');
  if (mirror !== undefined) throw no('ENOTSUP', 'is mirrored, which is not supported');
  const lock = ctx.exclusiveLock;
  if (lock !== undefined) {
    // Its owner lets go: whoever writes to it now writes to an image that is still there.
    lock.blockRequests();
    await lock.acquire().catch((error: unknown) => {
      if (error instanceof NacreError) throw no('EBUSY', 'is locked by another client');
      throw error;
    });
  }
  if (ctx.state.group !== undefined) throw no('EMLINK', 'is a member of a group');
}

/** OSDs that know no states do without. */
async function setState(io: IoCtx, id: string, state: number, expected: number): Promise<void> {
  const op = cls.trashStateSet(new WriteOperation(), id, state, expected);
  await unless(io.operate(RBD_TRASH, op), 'EOPNOTSUPP');
}

/**
 * Brings an image back, under its old name or a new one.
 * @throws NacreError ENOENT; EEXIST when the name is taken; EBUSY when it is being removed; EINVAL when it is not there for
 * users to restore
 */
export async function restoreFromTrash(
  io: IoCtx,
  id: string,
  newName: string | undefined,
  sources: readonly number[] = RESTORABLE,
): Promise<void> {
  const spec = await specOf(io, id);
  if (!sources.includes(spec.source))
    throw new NacreError('EINVAL', 'rbd.trash_restore', `image '${id}' is not there to be restored`);
  const { NORMAL, RESTORING } = STATES;
  if (spec.state !== NORMAL && spec.state !== RESTORING)
    throw new NacreError('EBUSY', 'rbd.trash_restore', `image '${id}' is being removed`);
  await setState(io, id, RESTORING, NORMAL);
  const name = newName === undefined || newName === '' ? spec.name : newName;
  const giveUp = () => setState(io, id, NORMAL, RESTORING).catch(() => {});
  let existing: string | undefined;
  try {
    existing = await unless(cls.getId(io, idObject(name)), 'ENOENT');
  } catch (error) {
    await giveUp();
    throw error;
  }
  if (existing !== undefined && existing !== id) {
    await giveUp();
    throw new NacreError('EEXIST', 'rbd.trash_restore', `image '${imageText(io, name)}' exists`);
  }
  // One that has our id is what an earlier attempt left.
  if (existing === undefined)
    await io.operate(idObject(name), cls.setId(new WriteOperation().create({ exclusive: true }), id));
  await unless(io.operate(RBD_DIRECTORY, cls.dirAddImage(new WriteOperation(), name, id)), 'EEXIST');
  await unless(io.operate(RBD_TRASH, cls.trashRemove(new WriteOperation(), id)), 'ENOENT');
}

const STATES = {
  NORMAL: cls.TRASH_IMAGE_STATE_NORMAL,
  RESTORING: cls.TRASH_IMAGE_STATE_RESTORING,
  REMOVING: cls.TRASH_IMAGE_STATE_REMOVING,
} as const;

/**
 * Removes an image for good. EPERM before its time has come, unless `force`; EUCLEAN while it is moved there, EBUSY while it
 * is restored; otherwise as removing does. When it fails the image stays in the trash.
 */
export async function removeFromTrash(
  cluster: Rados,
  io: IoCtx,
  id: string,
  options: RemoveOptions = {},
): Promise<void> {
  const { force = false } = options;
  const spec = await specOf(io, id);
  if (!force && cluster.context.env.clock.now() < utimeToMs(spec.defermentEndTime))
    throw new NacreError('EPERM', 'rbd.trash_remove', `the time of image '${id}' has not come yet`);
  if (spec.state === cls.TRASH_IMAGE_STATE_MOVING)
    throw new NacreError('EUCLEAN', 'rbd.trash_remove', `image '${id}' is being moved to the trash`);
  const { NORMAL, REMOVING } = STATES;
  if (spec.state !== NORMAL && spec.state !== REMOVING)
    throw new NacreError('EBUSY', 'rbd.trash_remove', `image '${id}' is being restored`);
  await setState(io, id, REMOVING, NORMAL);
  try {
    await removeById(cluster, io, id, options);
  } catch (error) {
    await setState(io, id, NORMAL, REMOVING).catch(() => {});
    throw error;
  }
  await io.operate(RBD_TRASH, cls.trashRemove(new WriteOperation(), id)).catch((error: unknown) => {
    // Everything else is gone; whoever lists the trash can remove the entry.
    if (!(error instanceof NacreError)) throw error;
  });
}
