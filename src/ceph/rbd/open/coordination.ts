import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { ExclusiveLock } from '../lock/exclusive-lock.ts';
import { openObjectMap } from '../object-map/object-map.ts';
import { type HeaderState, RBD_FEATURE_EXCLUSIVE_LOCK, RBD_FEATURE_OBJECT_MAP } from '../types.ts';

/** Sets up lock and object map of an image that was just opened, as its features ask for. */
export async function startCoordination(ctx: ImageCtx): Promise<void> {
  // The map of the head is its owner's; those of snapshots do not change.
  if (ctx.snapId !== SNAP_HEAD && ctx.has(RBD_FEATURE_OBJECT_MAP)) ctx.objectMap = await openObjectMap(ctx);
  if (!ctx.readOnly && ctx.has(RBD_FEATURE_EXCLUSIVE_LOCK)) ctx.exclusiveLock = new ExclusiveLock(ctx);
}

/** What was written without a lock is to be safe before somebody else may have it. */
async function lockFromNow(ctx: ImageCtx): Promise<void> {
  if (ctx.exclusiveLock !== undefined) return;
  await ctx.io.blockWrites();
  try {
    await ctx.io.flushAsync('refresh').catch(() => {}); // told to the next flush of the user's
    ctx.io.objects.invalidate();
    ctx.exclusiveLock ??= new ExclusiveLock(ctx);
  } finally {
    ctx.io.unblockWrites();
  }
}

/** The same after a refresh: features may have been switched. */
export async function adaptCoordination(ctx: ImageCtx, before: HeaderState): Promise<void> {
  if (ctx.readOnly || ctx.closed) return;
  const changed = before.features ^ ctx.state.features;
  if ((changed & RBD_FEATURE_EXCLUSIVE_LOCK) !== 0n)
    if (ctx.has(RBD_FEATURE_EXCLUSIVE_LOCK)) await lockFromNow(ctx);
    else {
      const lock = ctx.exclusiveLock;
      ctx.exclusiveLock = undefined;
      // Not waited for: it waits for writes, which may wait for this refresh.
      lock?.shutDown().catch(() => {});
    }
  if (!ctx.has(RBD_FEATURE_OBJECT_MAP)) {
    const map = ctx.objectMap;
    ctx.objectMap = undefined;
    await map?.close().catch(() => {}); // the object may be gone already
  } else if (ctx.exclusiveLock?.isOwner === true && ctx.objectMap === undefined) await mapFromNow(ctx);
}

async function mapFromNow(ctx: ImageCtx): Promise<void> {
  const map = await openObjectMap(ctx);
  if (ctx.exclusiveLock?.isOwner === true) ctx.objectMap ??= map;
  // The lock went meanwhile: whoever has it now has the map too.
  else if (ctx.objectMap === undefined) await map.close();
}
