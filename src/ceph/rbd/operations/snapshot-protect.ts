import { WriteOperation } from '../../rados/write-operation.ts';
import { getChildren } from '../cls/parents.ts';
import { setProtectionStatus } from '../cls/snapshots.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import {
  RBD_CHILDREN,
  RBD_FEATURE_JOURNALING,
  RBD_FEATURE_LAYERING,
  RBD_PROTECTION_STATUS_PROTECTED,
  RBD_PROTECTION_STATUS_UNPROTECTED,
  RBD_PROTECTION_STATUS_UNPROTECTING,
} from '../types.ts';
import { codeOf, invoke, rbdError, runLocal } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';
import { snapshotOf } from './snapshot-remove.ts';

// Clones of version 1 are only made of protected snapshots. They are recorded in the pool of the clone, so that before a
// snapshot loses its protection all pools are looked through.

function refuse(ctx: ImageCtx, op: string): void {
  if (ctx.readOnly) throw rbdError('EROFS', op, `'${ctx.identity.name}' is open read-only`);
  if (!ctx.has(RBD_FEATURE_LAYERING))
    throw rbdError('ENOSYS', op, `'${ctx.identity.name}' has no feature layering`);
}

async function setStatus(ctx: ImageCtx, id: bigint, status: number): Promise<void> {
  const op = setProtectionStatus(new WriteOperation(), id, status);
  await ctx.header.operate(ctx.identity.headerOid, op);
}

/** EBUSY when it is protected already. */
export async function protectSnapshot(ctx: ImageCtx, name: string): Promise<void> {
  await refreshIfNeeded(ctx);
  refuse(ctx, 'snapshotProtect');
  const { protection } = snapshotOf(ctx, name, 'snapshotProtect');
  if (protection === RBD_PROTECTION_STATUS_PROTECTED)
    throw rbdError('EBUSY', 'snapshotProtect', `snapshot '${name}' is protected`);
  const local = () => executeSnapshotProtect(ctx, name);
  if (!ctx.has(RBD_FEATURE_JOURNALING)) return runLocal(ctx, local);
  return invoke(ctx, {
    name: 'snapshotProtect',
    permitSnapshot: true,
    local,
    remote: watcher => watcher.notifySnapProtect(name),
    ignore: ['EBUSY'],
  });
}

export async function executeSnapshotProtect(ctx: ImageCtx, name: string): Promise<void> {
  refuse(ctx, 'snapshotProtect');
  const snap = snapshotOf(ctx, name, 'snapshotProtect');
  if (snap.protection === RBD_PROTECTION_STATUS_PROTECTED)
    throw rbdError('EBUSY', 'snapshotProtect', `snapshot '${name}' is protected`);
  await setStatus(ctx, snap.id, RBD_PROTECTION_STATUS_PROTECTED);
  await refreshImage(ctx);
}

/** EINVAL when it is not protected, EBUSY while clones of version 1 hang on it. */
export async function unprotectSnapshot(ctx: ImageCtx, name: string): Promise<void> {
  await refreshIfNeeded(ctx);
  refuse(ctx, 'snapshotUnprotect');
  const { protection } = snapshotOf(ctx, name, 'snapshotUnprotect');
  if (protection === RBD_PROTECTION_STATUS_UNPROTECTED)
    throw rbdError('EINVAL', 'snapshotUnprotect', `snapshot '${name}' is not protected`);
  const local = () => executeSnapshotUnprotect(ctx, name);
  if (!ctx.has(RBD_FEATURE_JOURNALING)) return runLocal(ctx, local);
  return invoke(ctx, {
    name: 'snapshotUnprotect',
    permitSnapshot: true,
    local,
    remote: watcher => watcher.notifySnapUnprotect(name),
    ignore: ['EINVAL'],
  });
}

export async function executeSnapshotUnprotect(ctx: ImageCtx, name: string): Promise<void> {
  refuse(ctx, 'snapshotUnprotect');
  const { id, protection } = snapshotOf(ctx, name, 'snapshotUnprotect');
  if (protection === RBD_PROTECTION_STATUS_UNPROTECTED)
    throw rbdError('EINVAL', 'snapshotUnprotect', `snapshot '${name}' is not protected`);
  await setStatus(ctx, id, RBD_PROTECTION_STATUS_UNPROTECTING);
  try {
    await refuseChildren(ctx, id);
  } catch (error) {
    await setStatus(ctx, id, RBD_PROTECTION_STATUS_PROTECTED);
    await refreshImage(ctx);
    throw error;
  }
  await setStatus(ctx, id, RBD_PROTECTION_STATUS_UNPROTECTED);
  await refreshImage(ctx);
}

async function refuseChildren(ctx: ImageCtx, snapId: bigint): Promise<void> {
  await ctx.cluster.waitForLatestOsdMap();
  const pools = ctx.cluster.pools.list();
  const { pool: poolId, namespace } = ctx.header;
  const spec = { poolId, namespace, imageId: ctx.identity.id, snapId };
  await eachParallel(pools.length, managementOps(ctx), async i => {
    try {
      // Clones of version 1 are in the namespace of their parent.
      const io = await ctx.cluster.openPool(pools[i].id, { namespace });
      if (io.poolInfo.tierOf >= 0) return;
      const children = await getChildren(io, RBD_CHILDREN, spec);
      if (children.length > 0)
        throw rbdError(
          'EBUSY',
          'snapshotUnprotect',
          `clones in pool '${pools[i].name}' hang on it: ${children.join(', ')}`,
        );
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  });
}
