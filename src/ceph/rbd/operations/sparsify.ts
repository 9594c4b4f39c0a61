import { WriteOperation } from '../../rados/write-operation.ts';
import { sparsify } from '../cls/data.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { OBJECT_EXISTS, OBJECT_NONEXISTENT, OBJECT_PENDING, type Progress } from '../types.ts';
import { flushObjects } from './copy-object-write.ts';
import { codeOf, invoke, rbdError } from './invoke.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';
import { updateObjectMap } from './trim.ts';

export const SPARSIFY_SIZE = 4096;

function checkSize(ctx: ImageCtx, sparseSize: number): void {
  const { objectSize } = ctx.identity.layout;
  const isPower = Number.isInteger(Math.log2(sparseSize));
  if (sparseSize < SPARSIFY_SIZE || sparseSize > objectSize || !isPower)
    throw rbdError(
      'EINVAL',
      'sparsify',
      `${sparseSize} is no power of two from ${SPARSIFY_SIZE} to ${objectSize}`,
    );
}

/** Frees the runs of zeros of `sparseSize` bytes or more, aligned to that, and objects that are nothing but zeros. */
export async function sparsifyImage(
  ctx: ImageCtx,
  sparseSize: number = SPARSIFY_SIZE,
  options: { onProgress?: Progress | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { onProgress, signal } = options;
  checkSize(ctx, sparseSize);
  await invoke(ctx, {
    name: 'sparsify',
    beside: true,
    local: cancel => executeSparsify(ctx, sparseSize, onProgress, cancel),
    remote: watcher => watcher.notifySparsify(sparseSize, onProgress),
    signal,
  });
}

export async function executeSparsify(
  ctx: ImageCtx,
  sparseSize: number,
  onProgress?: Progress,
  signal?: AbortSignal,
): Promise<void> {
  checkSize(ctx, sparseSize);
  await flushObjects(ctx);
  const { layout } = ctx.identity;
  // An object of zeros that hides the parent's must stay.
  const shared = objectCount(layout, ctx.state.parent?.overlap ?? 0);
  await eachParallel(
    objectCount(layout, ctx.state.size),
    managementOps(ctx),
    objectNo =>
      ctx.objectMap?.objectMayExist(objectNo) === false
        ? undefined
        : sparsifyObject(ctx, objectNo, sparseSize, objectNo >= shared),
    onProgress,
    signal,
  );
}

async function sparsifyObject(
  ctx: ImageCtx,
  objectNo: number,
  sparseSize: number,
  removeEmpty: boolean,
): Promise<void> {
  const name = ctx.objectName(objectNo);
  const next = objectNo + 1;
  const mapped = removeEmpty && ctx.objectMap !== undefined;
  if (mapped) await updateObjectMap(ctx, objectNo, next, OBJECT_PENDING, OBJECT_EXISTS);
  let exists = true;
  try {
    await ctx.data.operate(name, sparsify(new WriteOperation(), sparseSize, removeEmpty));
    // A write may have made it anew meanwhile; that one said so in the map.
    if (mapped) await ctx.data.stat(name);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    exists = false;
  }
  if (mapped)
    await updateObjectMap(ctx, objectNo, next, exists ? OBJECT_EXISTS : OBJECT_NONEXISTENT, OBJECT_PENDING);
}
