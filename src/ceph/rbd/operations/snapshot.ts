import { WriteOperation } from '../../rados/write-operation.ts';
import { oldSnapshotRename } from '../cls/old-format.ts';
import { snapshotGetLimit, snapshotRename, snapshotSetLimit } from '../cls/snapshots.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import {
  type Progress,
  RBD_FEATURE_JOURNALING,
  RBD_PROTECTION_STATUS_UNPROTECTED,
  type SnapInfo,
} from '../types.ts';
import { codeOf, invoke, invokeHere, rbdError, runLocal } from './invoke.ts';
import { removeSnapshot, snapshotOf } from './snapshot-remove.ts';

export { createSnapshot } from './snapshot-create.ts';
export { protectSnapshot, unprotectSnapshot } from './snapshot-protect.ts';
export { removeSnapshot } from './snapshot-remove.ts';

/** Users' snapshots, oldest first. */
export async function listSnapshots(ctx: ImageCtx): Promise<SnapInfo[]> {
  await refreshIfNeeded(ctx);
  return ctx.state.snaps
    .filter(({ namespace }) => namespace.type === 'user')
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** ENOENT without such a snapshot. */
export async function isSnapshotProtected(ctx: ImageCtx, name: string): Promise<boolean> {
  await refreshIfNeeded(ctx);
  return snapshotOf(ctx, name, 'snapshotIsProtected').protection !== RBD_PROTECTION_STATUS_UNPROTECTED;
}

/** ENOENT without the old name, EEXIST when the new one is in use. */
export async function renameSnapshot(ctx: ImageCtx, from: string, to: string): Promise<void> {
  if (to === '') throw rbdError('EINVAL', 'snapshotRename', 'a snapshot has a name');
  if (ctx.readOnly) throw rbdError('EROFS', 'snapshotRename', `'${ctx.identity.name}' is open read-only`);
  await refreshIfNeeded(ctx);
  const { id } = snapshotOf(ctx, from, 'snapshotRename');
  if (ctx.snapNamed(to) !== undefined)
    throw rbdError('EEXIST', 'snapshotRename', `'${ctx.identity.name}' has a snapshot '${to}'`);
  const local = () => executeSnapshotRename(ctx, id, to);
  if (!ctx.has(RBD_FEATURE_JOURNALING)) return runLocal(ctx, local);
  return invoke(ctx, {
    name: 'snapshotRename',
    permitSnapshot: true,
    local,
    remote: watcher => watcher.notifySnapRename(id, to),
    ignore: ['EEXIST'],
  });
}

export async function executeSnapshotRename(ctx: ImageCtx, id: bigint, to: string): Promise<void> {
  const op = new WriteOperation();
  if (ctx.identity.format === 1) oldSnapshotRename(op, id, to);
  else snapshotRename(op, id, to);
  await ctx.header.operate(ctx.identity.headerOid, op);
  await refreshImage(ctx);
}

/** Snapshots that the image may have; undefined: as many as one likes. */
export async function snapshotLimit(ctx: ImageCtx): Promise<number | undefined> {
  if (ctx.identity.format === 1) return undefined;
  const limit = await snapshotGetLimit(ctx.header, ctx.identity.headerOid);
  return limit === Number.POSITIVE_INFINITY ? undefined : limit;
}

/** Undefined lifts it. ERANGE when there are more already. */
export async function setSnapshotLimit(ctx: ImageCtx, limit: number | undefined): Promise<void> {
  if (ctx.identity.format === 1)
    throw rbdError('ENOTSUP', 'snapshotLimit', 'images of format 1 have no limit of snapshots');
  const value = limit ?? Number.POSITIVE_INFINITY;
  await invokeHere(ctx, 'snapshotLimit', async () => {
    const op = snapshotSetLimit(new WriteOperation(), value);
    await ctx.header.operate(ctx.identity.headerOid, op);
  });
}

/** Removes the users' snapshots that are not protected. Resolves to the names of those that stay. */
export async function purgeSnapshots(
  ctx: ImageCtx,
  options: { onProgress?: Progress | undefined } = {},
): Promise<string[]> {
  const kept: string[] = [];
  const snaps: SnapInfo[] = [];
  for (const snap of await listSnapshots(ctx))
    if (snap.protection === RBD_PROTECTION_STATUS_UNPROTECTED) snaps.push(snap);
    else kept.push(snap.name);
  for (const [i, snap] of snaps.entries()) {
    try {
      await removeSnapshot(ctx, snap.id);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    options.onProgress?.(i + 1, snaps.length);
  }
  return kept;
}
