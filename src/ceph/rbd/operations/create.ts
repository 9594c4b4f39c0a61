import { encodeToBuffer } from '../../../base/encoder.ts';
import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import { objectCount } from '../io/striper.ts';
import type { ImageConfig } from '../open/image-config.ts';
import {
  OBJECT_NONEXISTENT,
  RBD_DATA_PREFIX,
  RBD_DIRECTORY,
  RBD_FEATURE_DATA_POOL,
  RBD_FEATURE_OBJECT_MAP,
  RBD_FEATURE_STRIPINGV2,
} from '../types.ts';
import {
  failedWith,
  headerObject,
  idObject,
  imageText,
  objectMapObject,
  oldHeaderObject,
  openView,
  poolSettings,
  unless,
} from './admin-shared.ts';
import { addOldImage, removeOldImage } from './create-old-directory.ts';
import { type CreateOptions, type ImagePlan, orderOf, planImage } from './create-options.ts';
import { validatePool } from './pool.ts';

// Making images (librbd/internal.cc create, librbd/image/CreateRequest.cc). Of format 2, in this order, and what was made
// is undone when a later step fails:
//
//     rbd_directory            name_<name> -> id, id_<id> -> name
//     rbd_id.<name>            the id
//     rbd_header.<id>          omap: size, order, features, object_prefix, snap_seq, create_timestamp ...
//     rbd_object_map.<id>      when it has the feature

/** Most characters of an id (RBD_MAX_IMAGE_ID_LENGTH) and of the prefix of data objects. */
const MAX_ID_LENGTH = 14;
const MAX_PREFIX_LENGTH = 43;

/** A new id: our number in the cluster and a random one, hexadecimal. */
export function generateImageId(cluster: Rados): string {
  const id = cluster.instanceId.toString(16) + cluster.context.env.random.u32().toString(16);
  return id.slice(-MAX_ID_LENGTH);
}

/** ENOENT is what a name has to give before an image may have it. @throws NacreError EEXIST */
export async function assertNoImage(io: IoCtx, name: string, op: string): Promise<void> {
  const found = await Promise.all([
    unless(io.stat(oldHeaderObject(name)), 'ENOENT'),
    unless(io.stat(idObject(name)), 'ENOENT'),
  ]);
  if (found.some(stat => stat !== undefined))
    throw new NacreError('EEXIST', op, `image '${imageText(io, name)}' exists`);
}

/** Names that image specs cannot express (rbd_validate_names; the tools check it, the library does not). */
export function validateName(name: string, op: string): void {
  if (name === '') throw new NacreError('EINVAL', op, 'an image needs a name');
}

/**
 * Makes an image of `size` bytes.
 * @throws NacreError EEXIST; EINVAL, EDOM, ENOSYS for options that do not fit (see `planImage`); ENOENT when the data pool
 * or the namespace is not there; EBADF when the id is in use; ENOTSUP for features that Nacre does not do.
 */
export async function createImage(
  cluster: Rados,
  io: IoCtx,
  name: string,
  size: number,
  options: CreateOptions = {},
): Promise<void> {
  validateName(name, 'rbd.create');
  await assertNoImage(io, name, 'rbd.create');
  const settings = await poolSettings(cluster, io);
  const format = options.format ?? settings.get('rbd_default_format');
  if (format === 1) return createOldImage(cluster, io, name, size, orderOf(options, settings), settings);
  await createNewImage(cluster, io, name, options.id ?? generateImageId(cluster), size, options, settings);
}

/** Format 2, when it is known that there is no image of that name. Resolves to what was made. */
export async function createNewImage(
  cluster: Rados,
  io: IoCtx,
  name: string,
  id: string,
  size: number,
  options: CreateOptions,
  settings: ImageConfig,
): Promise<ImagePlan> {
  let plan = planImage(size, options, settings, io.poolName);
  let dataPoolId = -1;
  let data = io;
  if (plan.dataPool !== '') {
    data = await openView(cluster, plan.dataPool, io.namespace);
    dataPoolId = data.pool;
  }
  const prefix = `${RBD_DATA_PREFIX}${dataPoolId === -1 ? '' : `${io.pool}.`}${id}`;
  if (prefix.length > MAX_PREFIX_LENGTH)
    throw new NacreError('EINVAL', 'rbd.create', `prefix '${prefix}' of the data objects is too long`);
  if (settings.get('rbd_validate_pool')) await validatePool(data);

  const undo: (() => Promise<unknown>)[] = [];
  try {
    await addToDirectory(io, name, id);
    undo.push(() => io.operate(RBD_DIRECTORY, cls.dirRemoveImage(new WriteOperation(), name, id)));
    await io.operate(idObject(name), cls.setId(new WriteOperation().create({ exclusive: true }), id));
    undo.push(() => io.remove(idObject(name)));
    if (plan.negotiable) plan = { ...plan, features: await negotiate(io, plan.features) };
    await createHeader(io, id, prefix, plan, dataPoolId);
    undo.push(() => io.remove(headerObject(id)));
    await fillHeader(io, id, plan, options);
    if ((plan.features & RBD_FEATURE_OBJECT_MAP) !== 0n) {
      const objects = objectCount(plan.layout, size);
      const op = cls.objectMapResize(new WriteOperation(), objects, OBJECT_NONEXISTENT);
      await io.operate(objectMapObject(id), op);
    }
    return plan;
  } catch (error) {
    // What cannot be undone is reported nowhere: the first failure is what the caller has to know.
    for (const step of undo.reverse()) await step().catch(() => {});
    throw error;
  }
}

async function addToDirectory(io: IoCtx, name: string, id: string): Promise<void> {
  const op = new WriteOperation();
  // A namespace that was not made, or is being removed, takes no images.
  if (io.namespace !== '') cls.dirStateAssert(op, cls.DIRECTORY_STATE_READY);
  cls.dirAddImage(op, name, id);
  await io.operate(RBD_DIRECTORY, op);
}

/** Default features are limited to those that the OSDs know. */
async function negotiate(io: IoCtx, features: bigint): Promise<bigint> {
  try {
    return features & (await cls.getAllFeatures(io, RBD_DIRECTORY));
  } catch (error) {
    if (error instanceof NacreError) return features;
    throw error;
  }
}

async function createHeader(
  io: IoCtx,
  id: string,
  prefix: string,
  { size, order, features }: ImagePlan,
  dataPoolId: number,
): Promise<void> {
  const pool = (features & RBD_FEATURE_DATA_POOL) === 0n ? -1 : dataPoolId;
  const op = cls.create(
    new WriteOperation().create({ exclusive: true }),
    size,
    order,
    features,
    prefix,
    pool,
  );
  try {
    await io.operate(headerObject(id), op);
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw error;
    throw new NacreError('EBADF', 'rbd.create', `image id '${id}' is in use`, { cause: error });
  }
}

async function fillHeader(
  io: IoCtx,
  id: string,
  plan: ImagePlan,
  { metadata }: CreateOptions,
): Promise<void> {
  const op = new WriteOperation();
  if ((plan.features & RBD_FEATURE_STRIPINGV2) !== 0n)
    cls.setStripeUnitCount(op, plan.layout.stripeUnit, plan.layout.stripeCount);
  const values = metadata instanceof Map ? metadata : new Map(Object.entries(metadata ?? {}));
  if (values.size > 0) cls.metadataSet(op, values);
  if (op.length > 0) await io.operate(headerObject(id), op);
}

/** Format 1: an entry in the directory's data, and the header's. */
async function createOldImage(
  cluster: Rados,
  io: IoCtx,
  name: string,
  size: number,
  order: number,
  settings: ImageConfig,
): Promise<void> {
  if (!Number.isSafeInteger(size) || size < 0) throw new NacreError('EINVAL', 'rbd.create', `size ${size}`);
  if (io.namespace !== '')
    throw new NacreError('EINVAL', 'rbd.create', 'images of format 1 live in the default namespace only');
  if (settings.get('rbd_validate_pool') && (await unless(io.stat(RBD_DIRECTORY), 'ENOENT')) === undefined) {
    const snapId = await io.createSelfManagedSnapshot();
    await io.removeSelfManagedSnapshot(snapId).catch(() => {});
  }
  await addOldImage(io, name);
  try {
    await io.writeFull(oldHeaderObject(name), oldHeader(cluster, size, order));
  } catch (error) {
    await removeOldImage(io, name).catch(() => {});
    throw error;
  }
}

function oldHeader(cluster: Rados, size: number, order: number): Buffer {
  const { instanceId, context } = cluster;
  const high = (instanceId >> 32n).toString(16);
  const low = (instanceId & 0xffff_ffffn).toString(16);
  const extra = context.env.random.u32().toString(16);
  return encodeToBuffer(e =>
    cls.encodeOldHeader(e, {
      text: '<<< Rados Block Device Image >>>\n',
      // The field has room for 23 characters and the zero after them.
      blockName: `rb.${high}.${low}.${extra}`.slice(0, 23),
      signature: 'RBD',
      version: '001.005',
      order,
      cryptType: 0,
      compType: 0,
      imageSize: size,
      snapSeq: 0n,
      snaps: [],
    }),
  );
}
