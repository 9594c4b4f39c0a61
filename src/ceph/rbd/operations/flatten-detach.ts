import { WriteOperation } from '../../rados/write-operation.ts';
import { childDetach, parentDetach, removeChild, removeParent } from '../cls/parents.ts';
import { snapshotGet } from '../cls/snapshots.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import {
  type ParentImageSpec,
  RBD_CHILDREN,
  RBD_HEADER_PREFIX,
  RBD_OPERATION_FEATURE_CLONE_CHILD,
} from '../types.ts';
import { codeOf } from './invoke.ts';

// How a clone leaves its parent. Version 1: it is struck from rbd_children of its own pool. Version 2: from the header of the
// parent; and when it was the last on a snapshot that waits in the trash, it removes that.

/** The parent as the oldest of image's snapshots has it, or as the head. */
export function oldestParent(ctx: ImageCtx): ParentImageSpec | undefined {
  const oldest = ctx.state.snaps[ctx.state.snaps.length - 1];
  return oldest === undefined ? ctx.state.parent : oldest.parent;
}

/** Takes the image off its parent's list of children. Done already is done. */
export async function detachChild(ctx: ImageCtx): Promise<void> {
  const parent = oldestParent(ctx) ?? ctx.state.parent ?? ctx.state.snaps.find(snap => snap.parent)?.parent;
  if (parent === undefined) return;
  if ((ctx.state.opFeatures & RBD_OPERATION_FEATURE_CLONE_CHILD) === 0n) {
    const spec = {
      poolId: parent.poolId,
      namespace: parent.namespace,
      imageId: parent.imageId,
      snapId: parent.snapId,
    };
    await unlessMissing(
      ctx.header.operate(RBD_CHILDREN, removeChild(new WriteOperation(), spec, ctx.identity.id)),
    );
    return;
  }
  const io = await ctx.cluster.openPool(parent.poolId, { namespace: parent.namespace });
  const oid = RBD_HEADER_PREFIX + parent.imageId;
  const child = { poolId: ctx.header.pool, namespace: ctx.header.namespace, imageId: ctx.identity.id };
  if (!(await unlessMissing(io.operate(oid, childDetach(new WriteOperation(), parent.snapId, child)))))
    return;
  let abandoned = false;
  try {
    const { childCount, namespace } = await snapshotGet(io, oid, parent.snapId);
    abandoned = childCount === 0 && namespace.type === 'trash';
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  if (abandoned) await removeAbandoned(ctx, parent);
}

async function removeAbandoned(ctx: ImageCtx, parent: ParentImageSpec): Promise<void> {
  const io = await ctx.cluster.openPool(parent.poolId, { namespace: parent.namespace });
  const theirs = await openImage(ctx.cluster, io, { id: parent.imageId }, { skipParent: true });
  try {
    const { removeSnapshot } = await import('./snapshot-remove.ts');
    await removeSnapshot(theirs, parent.snapId);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  } finally {
    await closeImage(theirs);
  }
}

/** Whether it was there. */
async function unlessMissing(change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return false;
  }
}

/** Takes the parent out of the head of the image's header. */
export async function detachParent(ctx: ImageCtx): Promise<void> {
  const { headerOid } = ctx.identity;
  try {
    await ctx.header.operate(headerOid, parentDetach(new WriteOperation()));
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return;
    if (code !== 'EOPNOTSUPP' && code !== 'ENOTSUP') throw error;
    // OSDs from before octopus.
    await unlessMissing(ctx.header.operate(headerOid, removeParent(new WriteOperation())));
  }
}
