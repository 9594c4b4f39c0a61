import { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { ReadOperation } from '../../rados/operation.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import { RBD_CHILDREN, RBD_DIRECTORY, RBD_INFO, RBD_NAMESPACE, RBD_TRASH } from '../types.ts';
import { defaultNamespace, failedWith, unless } from './admin-shared.ts';

// Namespaces of a pool (librbd/api/Namespace.cc): their names are in the omap of rbd_namespace, in the default one; each
// has a directory of its own, whose state says whether it takes images.

/** What a namespace may have beside images; the directory goes last. */
const POOL_OBJECTS = [
  RBD_CHILDREN,
  'rbd_group_directory',
  RBD_INFO,
  'rbd_mirroring',
  'rbd_task',
  RBD_TRASH,
  RBD_DIRECTORY,
] as const;

const needName = (op: string): NacreError => new NacreError('EINVAL', op, 'a namespace needs a name');

/** Names, sorted. */
export async function listNamespaces(io: IoCtx): Promise<string[]> {
  return (await unless(cls.namespaceListAll(defaultNamespace(io), RBD_NAMESPACE), 'ENOENT')) ?? [];
}

/** EEXIST when there is one of that name. */
export async function createNamespace(io: IoCtx, name: string): Promise<void> {
  if (name === '') throw needName('rbd.namespace_create');
  const pool = defaultNamespace(io);
  const inside = io.with({ namespace: name });
  await pool.operate(RBD_NAMESPACE, cls.namespaceAdd(new WriteOperation(), name));
  try {
    await inside.operate(RBD_DIRECTORY, cls.dirStateSet(new WriteOperation(), cls.DIRECTORY_STATE_READY));
  } catch (error) {
    await inside.remove(RBD_DIRECTORY).catch(() => {});
    await pool.operate(RBD_NAMESPACE, cls.namespaceRemove(new WriteOperation(), name)).catch(() => {});
    throw error;
  }
}

/** EBUSY when it has images, in the trash too; ENOENT. */
export async function removeNamespace(io: IoCtx, name: string): Promise<void> {
  if (name === '') throw needName('rbd.namespace_remove');
  const pool = defaultNamespace(io);
  const inside = io.with({ namespace: name });
  const busy = async (what: string): Promise<never> => {
    const op = cls.dirStateSet(new WriteOperation(), cls.DIRECTORY_STATE_READY);
    await inside.operate(RBD_DIRECTORY, op).catch(() => {});
    throw new NacreError('EBUSY', 'rbd.namespace_remove', `namespace '${name}' has ${what}`);
  };
  try {
    const op = cls.dirStateSet(new WriteOperation(), cls.DIRECTORY_STATE_ADD_DISABLED).remove();
    await inside.operate(RBD_DIRECTORY, op);
  } catch (error) {
    if (failedWith(error, 'EBUSY')) await busy('images');
    if (!failedWith(error, 'ENOENT')) throw error;
  }
  const trashed = await unless(cls.trashList(inside, RBD_TRASH, '', 1), 'ENOENT');
  if (trashed !== undefined && trashed.size > 0) await busy('images in the trash');
  const mirrored = await unless(cls.mirrorModeGet(inside, 'rbd_mirroring'), 'ENOENT', 'EOPNOTSUPP');
  if (mirrored !== undefined && mirrored !== cls.MIRROR_MODE_DISABLED)
    throw new NacreError(
      'ENOTSUP',
      'rbd.namespace_remove',
      `mirroring of namespace '${name}' is not supported`,
    );
  for (const oid of POOL_OBJECTS) await unless(inside.remove(oid), 'ENOENT');
  await pool.operate(RBD_NAMESPACE, cls.namespaceRemove(new WriteOperation(), name));
}

/** Whether it is there and takes images. */
export async function namespaceExists(io: IoCtx, name: string): Promise<boolean> {
  if (name === '') throw needName('rbd.namespace_exists');
  const op = cls.dirStateAssert(new ReadOperation(), cls.DIRECTORY_STATE_READY);
  return (await unless(io.with({ namespace: name }).operate(RBD_DIRECTORY, op), 'ENOENT')) !== undefined;
}
