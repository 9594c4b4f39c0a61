import { WriteOperation } from '../../rados/write-operation.ts';
import { metadataListAll, metadataSet } from '../cls/metadata.ts';
import { readImage } from '../formats/read-image.ts';
import { SPARSE_SIZE } from '../formats/tags.ts';
import { ImageWriter } from '../formats/write-image.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import type { Rbd } from '../rbd.ts';
import {
  type Progress,
  RBD_FEATURE_DATA_POOL,
  RBD_FEATURE_DIRTY_CACHE,
  RBD_FEATURE_JOURNALING,
  RBD_FEATURE_MIGRATING,
  RBD_FEATURE_NON_PRIMARY,
  RBD_FEATURE_OPERATIONS,
  RBD_FEATURE_STRIPINGV2,
} from '../types.ts';
import type { CreateOptions } from './create-options.ts';
import { rbdError } from './invoke.ts';
import { managementOps } from './invoke-parallel.ts';

export interface CopyOptions extends CreateOptions {
  /** Runs of zeros of this many bytes are left out; 0: everything that exists is written. */
  readonly sparseSize?: number;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Features that say where data lies and what state an image is in, and that a copy gets by itself. */
const NOT_COPIED =
  RBD_FEATURE_STRIPINGV2 |
  RBD_FEATURE_DATA_POOL |
  RBD_FEATURE_OPERATIONS |
  RBD_FEATURE_MIGRATING |
  RBD_FEATURE_NON_PRIMARY |
  RBD_FEATURE_DIRTY_CACHE |
  RBD_FEATURE_JOURNALING;

/** What a copy is created with where the caller does not say otherwise: as its source is. */
export function copiedOptions(ctx: ImageCtx, options: CreateOptions): CreateOptions {
  const { identity, state } = ctx;
  const { order, layout } = identity;
  const format = options.format ?? identity.format;
  if (format === 1) return { order, ...options, format };
  const ownOrder = options.order !== undefined || options.objectSize !== undefined;
  const ownStriping = options.stripeUnit !== undefined || options.stripeCount !== undefined;
  const features = state.features & ~NOT_COPIED;
  return {
    ...(ownOrder ? {} : { order }),
    ...(identity.format === 1 || options.features !== undefined ? {} : { features }),
    ...(ownStriping || layout.stripeCount === 1
      ? {}
      : { stripeUnit: layout.stripeUnit, stripeCount: layout.stripeCount }),
    ...options,
    format,
  };
}

export async function copyMetadata(from: ImageCtx, to: ImageCtx): Promise<void> {
  if (from.identity.format === 1 || to.identity.format === 1) return;
  const metadata = await metadataListAll(from.header, from.identity.headerOid);
  if (metadata.size === 0) return;
  await to.header.operate(to.identity.headerOid, metadataSet(new WriteOperation(), metadata));
}

/** Creates an image and fills it; removes it when that fails. */
export async function makeCopy(
  dest: Rbd,
  name: string,
  create: () => Promise<void>,
  fill: (ctx: ImageCtx) => Promise<void>,
): Promise<void> {
  await create();
  try {
    const image = await dest.open(name);
    try {
      await fill(image.ctx);
      await image.ctx.io.flushAsync('user');
    } finally {
      await image.close();
    }
  } catch (error) {
    await dest.remove(name).catch(() => {});
    throw error;
  }
}

/** Writes all of what a handle looks at into an image that is empty. */
export async function copyContent(from: ImageCtx, to: ImageCtx, options: CopyOptions = {}): Promise<void> {
  const { sparseSize = SPARSE_SIZE, onProgress, signal } = options;
  const writer = new ImageWriter(to, managementOps(to));
  try {
    for await (const { offset, data } of readImage(from, { onProgress, signal }))
      if (data !== undefined) await writer.writeSparse(offset, data, sparseSize, false);
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  await writer.finish();
}

/** `rbd cp`: a new image with the content of what the handle looks at, and the image's metadata. */
export async function copyImage(
  ctx: ImageCtx,
  dest: Rbd,
  name: string,
  options: CopyOptions = {},
): Promise<void> {
  const { sparseSize, onProgress, signal, ...create } = options;
  await refreshIfNeeded(ctx);
  const size = ctx.sizeAt();
  if (size === undefined) throw rbdError('ENOENT', 'copy', `snapshot ${ctx.snapId} is gone`);
  await makeCopy(
    dest,
    name,
    () => dest.create(name, size, copiedOptions(ctx, create)),
    async copy => {
      await copyMetadata(ctx, copy);
      await copyContent(ctx, copy, options);
    },
  );
}
