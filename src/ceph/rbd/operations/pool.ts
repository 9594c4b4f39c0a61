import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { ReadOperation } from '../../rados/operation.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import { RBD_DIRECTORY, RBD_INFO, RBD_TRASH } from '../types.ts';
import { defaultNamespace, failedWith, headerObject, poolSettings, unless } from './admin-shared.ts';
import { eachParallel } from './invoke-parallel.ts';

// Pools: made ready for images, and counted (librbd/api/Pool.cc, librbd/image/ValidatePoolRequest.cc).

/** Data of rbd_info: the pool gives self-managed snapshots; and it lets data be overwritten too. */
const VALIDATE = 'validate';
const OVERWRITE_VALIDATED = 'overwrite validated';

/**
 * Makes sure that images can live in a pool: that it has self-managed snapshots, and that objects can be overwritten.
 * What was found out stays in rbd_info. EINVAL when it cannot be.
 */
export async function validatePool(io: IoCtx): Promise<void> {
  const pool = defaultNamespace(io);
  const known = (await unless(pool.read(RBD_INFO), 'ENOENT'))?.toString('latin1');
  if (known === OVERWRITE_VALIDATED) return;
  if (known !== VALIDATE) await probeSnapshots(pool);
  try {
    await pool.write(RBD_INFO, Buffer.from(OVERWRITE_VALIDATED));
  } catch (error) {
    throw unfit(pool, error);
  }
}

async function probeSnapshots(pool: IoCtx): Promise<void> {
  const snapId = await pool.createSelfManagedSnapshot();
  try {
    const op = new WriteOperation().create({ exclusive: true }).write(0, Buffer.from(VALIDATE));
    await pool.operate(RBD_INFO, op);
  } catch (error) {
    if (!failedWith(error, 'EEXIST')) throw unfit(pool, error);
  } finally {
    // A snapshot that stays behind does no harm.
    await pool.removeSelfManagedSnapshot(snapId).catch(() => {});
  }
}

/** An erasure-coded pool without overwrites says so with EOPNOTSUPP. */
function unfit(pool: IoCtx, error: unknown): unknown {
  if (!failedWith(error, 'EOPNOTSUPP', 'ENOTSUP')) return error;
  const text = `pool '${pool.poolName}' does not let data be overwritten`;
  return new NacreError('EINVAL', 'rbd.validate_pool', text, { cause: error });
}

/**
 * Gives a pool the application "rbd" and makes it ready (`rbd pool init`). EPERM when it has another application, unless
 * `force`.
 */
export async function initPool(
  cluster: Rados,
  io: IoCtx,
  options: { readonly force?: boolean } = {},
): Promise<void> {
  await cluster.applications.enable(io.poolName, 'rbd', options);
  const settings = await poolSettings(cluster, io);
  if (settings.get('rbd_validate_pool')) await validatePool(io);
}

/** What `rbd pool stats` tells. Sizes in bytes. */
export interface PoolImageStats {
  readonly images: number;
  /** Of the heads. */
  readonly imageProvisionedBytes: number;
  /** Of the heads, or of a snapshot where that is larger. */
  readonly imageMaxProvisionedBytes: number;
  readonly imageSnapshots: number;
  readonly trashImages: number;
  readonly trashProvisionedBytes: number;
  readonly trashMaxProvisionedBytes: number;
  readonly trashSnapshots: number;
}

interface Sizes {
  provisioned: number;
  maxProvisioned: number;
  snapshots: number;
}

/** Adds up one image. Asked again when a snapshot goes away in between. */
async function addImage(io: IoCtx, id: string, sum: Sizes): Promise<void> {
  const oid = headerObject(id);
  for (;;) {
    const head = new ReadOperation();
    const headSize = cls.getSize.add(head);
    const context = cls.getSnapcontext.add(head);
    await io.operate(oid, head);
    const { snaps } = context.value;
    const { size } = headSize.value;
    let max = size;
    if (snaps.length > 0) {
      const op = new ReadOperation();
      const sizes = snaps.map(snap => cls.getSize.add(op, snap));
      try {
        await io.operate(oid, op);
      } catch (error) {
        if (failedWith(error, 'ENOENT')) continue;
        throw error;
      }
      for (const each of sizes) max = Math.max(max, each.value.size);
    }
    sum.provisioned += size;
    sum.maxProvisioned += max;
    sum.snapshots += snaps.length;
    return;
  }
}

async function addAll(io: IoCtx, ids: readonly string[], width: number): Promise<Sizes> {
  const sum: Sizes = { provisioned: 0, maxProvisioned: 0, snapshots: 0 };
  // One that is removed meanwhile is no failure.
  await eachParallel(ids.length, width, i => unless(addImage(io, ids[i], sum), 'ENOENT').then(() => {}));
  return sum;
}

/** Counts the images of format 2 in a pool (and namespace) and in its trash. */
export async function poolStats(cluster: Rados, io: IoCtx): Promise<PoolImageStats> {
  const width = (await poolSettings(cluster, io)).get('rbd_concurrent_management_ops');
  const ids = [...((await unless(cls.dirListAll(io, RBD_DIRECTORY), 'ENOENT'))?.values() ?? [])];
  const trashed = [
    ...((await unless(cls.trashListAll(io, RBD_TRASH), 'ENOENT', 'EOPNOTSUPP'))?.keys() ?? []),
  ];
  const images = await addAll(io, ids, width);
  const trash = await addAll(io, trashed, width);
  return {
    images: ids.length,
    imageProvisionedBytes: images.provisioned,
    imageMaxProvisionedBytes: images.maxProvisioned,
    imageSnapshots: images.snapshots,
    trashImages: trashed.length,
    trashProvisionedBytes: trash.provisioned,
    trashMaxProvisionedBytes: trash.maxProvisioned,
    trashSnapshots: trash.snapshots,
  };
}
