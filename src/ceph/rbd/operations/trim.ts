import type { ImageCtx } from '../image-ctx.ts';
import { fileToExtents, objectCount } from '../io/striper.ts';
import { OBJECT_EXISTS, OBJECT_NONEXISTENT, OBJECT_PENDING, type Progress } from '../types.ts';
import { changeObject, discardObject } from './copy-object-write.ts';
import { codeOf } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';

/** Sets a range of the object map, if there is one. */
export function updateObjectMap(
  ctx: ImageCtx,
  start: number,
  end: number,
  state: number,
  current?: number,
): Promise<void> {
  const map = ctx.objectMap;
  if (map === undefined || start >= end) return Promise.resolve();
  return changeObject('objectMap', done => {
    if (!map.update(start, end, state, current, done)) done(0);
  });
}

/**
 * Removes what an image that shrinks has behind its new end (librbd::operation::TrimRequest): whole objects in parallel, then
 * the rest of those that stay. Objects that only the parent has data for, and that a snapshot still shows, are copied
 * up first. `signal` ends it between two objects.
 */
export async function trim(
  ctx: ImageCtx,
  originalSize: number,
  newSize: number,
  signal?: AbortSignal,
  onProgress?: Progress,
): Promise<void> {
  const { layout } = ctx.identity;
  const period = layout.objectSize * layout.stripeCount;
  const periods = Math.ceil(newSize / period);
  const start = periods * layout.stripeCount;
  const objects = objectCount(layout, originalSize);
  if (start < objects) {
    // Pending says to whoever comes after a crash: may be there, may be gone.
    await updateObjectMap(ctx, start, objects, OBJECT_PENDING, OBJECT_EXISTS);
    const shared = objectCount(layout, ctx.state.parent?.overlap ?? 0);
    const copyEnd = ctx.state.snaps.length > 0 ? Math.min(objects, shared) : 0;
    await eachParallel(
      objects - start,
      managementOps(ctx),
      i => {
        const objectNo = start + i;
        if (objectNo < copyEnd) return discardObject(ctx, objectNo, 0, layout.objectSize);
        if (ctx.objectMap?.objectMayExist(objectNo) === false) return undefined;
        return removeObject(ctx, objectNo);
      },
      onProgress,
      signal,
    );
    await updateObjectMap(ctx, start, objects, OBJECT_NONEXISTENT, OBJECT_PENDING);
  }
  const boundary = Math.min(periods * period, originalSize);
  if (boundary <= newSize) return;
  signal?.throwIfAborted();
  await Promise.all(
    fileToExtents(layout, newSize, boundary - newSize).map(({ objectNo, offset, length }) =>
      // One of which nothing stays goes altogether.
      discardObject(ctx, objectNo, offset, offset === 0 ? layout.objectSize : length),
    ),
  );
}

export async function removeObject(ctx: ImageCtx, objectNo: number): Promise<void> {
  try {
    await ctx.data.remove(ctx.objectName(objectNo));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
