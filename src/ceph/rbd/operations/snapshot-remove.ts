import { WriteOperation } from '../../rados/write-operation.ts';
import { oldSnapshotRemove } from '../cls/old-format.ts';
import { snapshotGet, snapshotRemove, snapshotTrashAdd } from '../cls/snapshots.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import {
  type ParentImageSpec,
  RBD_FEATURE_FAST_DIFF,
  RBD_FEATURE_JOURNALING,
  RBD_PROTECTION_STATUS_UNPROTECTED,
  type SnapInfo,
} from '../types.ts';
import { withWritesBlocked } from './copy-object-write.ts';
import { detachChild } from './flatten-detach.ts';
import { codeOf, invoke, rbdError, runLocal } from './invoke.ts';
import { removeSnapshotMap } from './object-map-change.ts';

export function snapshotOf(ctx: ImageCtx, which: string | bigint, op: string): SnapInfo {
  const snap = typeof which === 'string' ? ctx.snapNamed(which) : ctx.snap(which);
  if (snap === undefined) throw rbdError('ENOENT', op, `'${ctx.identity.name}' has no snapshot '${which}'`);
  return snap;
}

function refuseProtected(ctx: ImageCtx, snap: SnapInfo): void {
  if (snap.protection !== RBD_PROTECTION_STATUS_UNPROTECTED)
    throw rbdError(
      'EBUSY',
      'snapshotRemove',
      `snapshot '${snap.name}' of '${ctx.identity.name}' is protected`,
    );
}

/**
 * Removes a user's snapshot, by name, or any, by id. EBUSY while it is protected. One that clones (of version 2) hang on
 * moves to the trash, from where the last of them takes it along.
 */
export async function removeSnapshot(
  ctx: ImageCtx,
  which: string | bigint,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await refreshIfNeeded(ctx);
  const snap = snapshotOf(ctx, which, 'snapshotRemove');
  refuseProtected(ctx, snap);
  const { id, name } = snap;
  const local = () => executeSnapshotRemove(ctx, id);
  // Only where maps of the head must be kept is it the lock's owner who has to do it.
  if (!ctx.has(RBD_FEATURE_FAST_DIFF | RBD_FEATURE_JOURNALING)) {
    if (ctx.readOnly) throw rbdError('EROFS', 'snapshotRemove', `'${ctx.identity.name}' is open read-only`);
    await runLocal(ctx, local);
    return;
  }
  await invoke(ctx, {
    name: 'snapshotRemove',
    permitSnapshot: true,
    local,
    remote: snap.namespace.type === 'user' ? watcher => watcher.notifySnapRemove(name) : undefined,
    ignore: ['ENOENT'],
    signal: options.signal,
  });
}

const sameParent = (a: ParentImageSpec, b: ParentImageSpec | undefined): boolean =>
  b !== undefined &&
  a.poolId === b.poolId &&
  a.namespace === b.namespace &&
  a.imageId === b.imageId &&
  a.snapId === b.snapId;

/** Whether a snapshot is the last that the image hangs on its parent by. */
function isLastOfParent(ctx: ImageCtx, snap: SnapInfo): boolean {
  const { parent } = snap;
  if (parent === undefined || sameParent(parent, ctx.state.parent)) return false;
  return !ctx.state.snaps.some(other => other.id !== snap.id && sameParent(parent, other.parent));
}

export async function executeSnapshotRemove(ctx: ImageCtx, id: bigint): Promise<void> {
  const snap = snapshotOf(ctx, id, 'snapshotRemove');
  refuseProtected(ctx, snap);
  const { headerOid, format } = ctx.identity;
  if (format === 2) {
    const trashed = snap.namespace.type !== 'trash' && (await moveToTrash(ctx, id));
    const { childCount } = await snapshotGet(ctx.header, headerOid, id);
    if (isLastOfParent(ctx, snap)) await detachChild(ctx);
    if (childCount > 0) {
      if (trashed) return;
      throw rbdError(
        'EBUSY',
        'snapshotRemove',
        `clones hang on snapshot '${snap.name}' of '${ctx.identity.name}'`,
      );
    }
    await withWritesBlocked(ctx, () => removeSnapshotMap(ctx, id));
  }
  try {
    await ctx.data.removeSelfManagedSnapshot(id);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const op = new WriteOperation();
  if (format === 1) oldSnapshotRemove(op, snap.name);
  else snapshotRemove(op, id);
  await ctx.header.operate(headerOid, op);
  await refreshImage(ctx);
}

/** Hides the snapshot, so that no new clone can be made of it. False on OSDs that know no trash of snapshots. */
async function moveToTrash(ctx: ImageCtx, id: bigint): Promise<boolean> {
  try {
    await ctx.header.operate(ctx.identity.headerOid, snapshotTrashAdd(new WriteOperation(), id));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EOPNOTSUPP' || code === 'ENOTSUP') return false;
    if (code !== 'EEXIST') throw error;
  }
  return true;
}
