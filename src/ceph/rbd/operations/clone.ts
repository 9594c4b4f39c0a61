import { NacreError } from '../../../base/errors.ts';
import { RELEASE_MIMIC } from '../../osdmap/flags.ts';
import { minCompatClient } from '../../osdmap/required-features.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import type { ImageConfig } from '../open/image-config.ts';
import { openImage } from '../open/open-image.ts';
import type { CloneOptions, ParentSnapshot } from '../options.ts';
import {
  type ParentImageSpec,
  RBD_CHILDREN,
  RBD_DIRECTORY,
  RBD_FEATURE_LAYERING,
  RBD_OPERATION_FEATURE_CLONE_CHILD,
  RBD_PROTECTION_STATUS_PROTECTED,
} from '../types.ts';
import { headerObject, idObject, imageText, objectMapObject, poolSettings, unless } from './admin-shared.ts';
import { assertNoImage, createNewImage, generateImageId, validateName } from './create.ts';
import type { CreateOptions } from './create-options.ts';
import { FEATURES_ALL, FEATURES_IMPLICIT } from './features.ts';

// Clones (librbd/image/CloneRequest.cc, AttachParentRequest.cc, AttachChildRequest.cc): an image of the size of a snapshot,
// whose header names that snapshot as its parent. The parent is told of the child:
//
//     version 1   in rbd_children of the child's pool. The snapshot must be protected, and stays so while it has children
//     version 2   in the header of the parent. The snapshot may go to the trash before its children do

type Made = ParentImageSpec & { readonly size: number };

/**
 * Makes a clone of `parent` in the pool of `io`.
 * @throws NacreError ENOENT without the parent; EEXIST; EINVAL when a snapshot is not protected that has to be; EXDEV for a
 * clone of version 1 in another namespace; ENOSYS without layering on either side; and as creating does
 */
export async function cloneImage(
  cluster: Rados,
  io: IoCtx,
  parent: ParentSnapshot,
  name: string,
  options: CloneOptions = {},
): Promise<void> {
  validateName(name, 'rbd.clone');
  const from = parent.io ?? io;
  const settings = await poolSettings(cluster, io);
  if ((options.format ?? 2) < 2) throw new NacreError('EINVAL', 'rbd.clone', 'clones are of format 2');
  if (options.features !== undefined && (options.features & ~FEATURES_ALL) !== 0n)
    throw new NacreError('ENOSYS', 'rbd.clone', 'features that are not known');
  const version = options.cloneFormat ?? cloneFormat(cluster, settings);
  if (version === 1 && from.namespace !== io.namespace)
    throw new NacreError('EXDEV', 'rbd.clone', 'a clone in another namespace has to be of version 2');
  const { snapshot } = parent;
  const opened = { snapshot, readOnly: true, skipParent: true };
  const ctx = await openImage(cluster, from, { name: parent.image }, opened);
  try {
    validateParent(ctx, version);
    await assertNoImage(io, name, 'rbd.clone');
    await makeClone(cluster, io, ctx, name, version, options, settings);
  } finally {
    await closeImage(ctx);
  }
}

/** By rbd_default_clone_format: version 2 where all clients that may come know it (mimic). */
function cloneFormat(cluster: Rados, settings: ImageConfig): 1 | 2 {
  const format = settings.get('rbd_default_clone_format');
  if (format === '1' || format === '2') return format === '1' ? 1 : 2;
  const { map } = cluster;
  return Math.max(minCompatClient(map), map.requireMinCompatClient) < RELEASE_MIMIC ? 1 : 2;
}

function validateParent(ctx: ImageCtx, version: 1 | 2): void {
  const { name, format } = ctx.identity;
  if (format === 1) throw new NacreError('EINVAL', 'rbd.clone', `parent '${name}' is of format 1`);
  if (!ctx.has(RBD_FEATURE_LAYERING))
    throw new NacreError('ENOSYS', 'rbd.clone', `parent '${name}' has no layering`);
  const snap = ctx.snap(ctx.snapId);
  if (version === 1 && snap?.protection !== RBD_PROTECTION_STATUS_PROTECTED)
    throw new NacreError('EINVAL', 'rbd.clone', `snapshot '${snap?.name}' of '${name}' is not protected`);
}

async function makeClone(
  cluster: Rados,
  io: IoCtx,
  parent: ImageCtx,
  name: string,
  version: 1 | 2,
  options: CloneOptions,
  settings: ImageConfig,
): Promise<void> {
  const features = options.features ?? parent.state.features & ~FEATURES_IMPLICIT;
  const set = options.featuresSet ?? 0n;
  const wanted = (features | set) & ~((options.featuresClear ?? 0n) & ~set);
  if ((wanted & RBD_FEATURE_LAYERING) === 0n)
    throw new NacreError('ENOSYS', 'rbd.clone', `clone '${name}' has no layering`);
  const spec: Made = {
    poolId: parent.header.pool,
    namespace: parent.header.namespace,
    imageId: parent.identity.id,
    snapId: parent.snapId,
    size: parent.sizeAt()!,
  };
  const id = options.id ?? generateImageId(cluster);
  const own: CreateOptions = {
    ...options,
    features,
    order: options.order ?? (options.objectSize === undefined ? parent.identity.order : 0),
    stripeUnit: options.stripeUnit ?? parent.identity.layout.stripeUnit,
    stripeCount: options.stripeCount ?? parent.identity.layout.stripeCount,
    metadata: {},
  };
  await createNewImage(cluster, io, name, id, spec.size, own, settings);
  const undo: (() => Promise<unknown>)[] = [
    () => io.operate(RBD_DIRECTORY, cls.dirRemoveImage(new WriteOperation(), name, id)),
    () => io.remove(idObject(name)),
    () => io.remove(headerObject(id)),
    () => io.remove(objectMapObject(id)),
  ];
  try {
    await io.operate(headerObject(id), cls.parentAttach(new WriteOperation(), spec, spec.size));
    if (version === 1) await attachV1(io, parent, spec, id, undo);
    else await attachV2(io, parent, spec, id, undo);
    await copyMetadata(io, parent, id, options);
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => {});
    throw error;
  }
}

async function attachV1(
  io: IoCtx,
  parent: ImageCtx,
  spec: ParentImageSpec,
  id: string,
  undo: (() => Promise<unknown>)[],
): Promise<void> {
  await io.operate(RBD_CHILDREN, cls.addChild(new WriteOperation(), spec, id));
  undo.push(() => io.operate(RBD_CHILDREN, cls.removeChild(new WriteOperation(), spec, id)));
  // Whoever takes the protection away looks for children first: if we are not among those that it saw, we see it gone.
  const status = await unless(
    cls.getProtectionStatus(parent.header, parent.identity.headerOid, spec.snapId),
    'ENOENT',
  );
  if (status !== RBD_PROTECTION_STATUS_PROTECTED)
    throw new NacreError(
      'EINVAL',
      'rbd.clone',
      `the snapshot of '${imageText(parent.header, parent.identity.name)}' lost its protection meanwhile`,
    );
}

async function attachV2(
  io: IoCtx,
  parent: ImageCtx,
  spec: ParentImageSpec,
  id: string,
  undo: (() => Promise<unknown>)[],
): Promise<void> {
  const child = { poolId: io.pool, namespace: io.namespace, imageId: id };
  const bit = RBD_OPERATION_FEATURE_CLONE_CHILD;
  await io.operate(headerObject(id), cls.opFeaturesSet(new WriteOperation(), bit, bit));
  const { header, identity } = parent;
  await header.operate(identity.headerOid, cls.childAttach(new WriteOperation(), spec.snapId, child));
  undo.push(() =>
    header.operate(identity.headerOid, cls.childDetach(new WriteOperation(), spec.snapId, child)),
  );
}

/** A clone begins with the notes of its parent; the caller's stand above them. */
async function copyMetadata(
  io: IoCtx,
  parent: ImageCtx,
  id: string,
  { metadata }: CloneOptions,
): Promise<void> {
  const values = await cls.metadataListAll(parent.header, parent.identity.headerOid);
  for (const [key, value] of metadata instanceof Map ? metadata : Object.entries(metadata ?? {}))
    values.set(key, value);
  if (values.size > 0) await io.operate(headerObject(id), cls.metadataSet(new WriteOperation(), values));
}
