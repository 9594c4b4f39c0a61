import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { CreateOptions } from '../operations/create-options.ts';
import { managementOps } from '../operations/invoke-parallel.ts';
import { resizeImage } from '../operations/resize.ts';
import type { Rbd } from '../rbd.ts';
import {
  type Progress,
  RBD_FEATURE_DATA_POOL,
  RBD_FEATURE_DIRTY_CACHE,
  RBD_FEATURE_MIGRATING,
  RBD_FEATURE_NON_PRIMARY,
  RBD_FEATURE_OPERATIONS,
} from '../types.ts';
import { type ByteInput, ByteSource } from './byte-source.ts';
import { readImageRecords } from './image-records.ts';
import { applyDiff } from './import-diff.ts';
import { IMAGE_DIFFS_BANNER_V2, SPARSE_SIZE } from './tags.ts';
import { ImageWriter } from './write-image.ts';

const NOT_COPIED =
  RBD_FEATURE_DATA_POOL |
  RBD_FEATURE_OPERATIONS |
  RBD_FEATURE_MIGRATING |
  RBD_FEATURE_NON_PRIMARY |
  RBD_FEATURE_DIRTY_CACHE;

export interface ImportOptions {
  /** How to create the image. What is not said here is taken from an export of version 2. */
  readonly create?: CreateOptions;
  readonly sparseSize?: number;
  /** Bytes of the stream; not known by default: the image grows with what comes. */
  readonly size?: number | undefined;
  /** A guess at it, where it is not known. */
  readonly estimatedSize?: number | undefined;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Creates the image, fills it, and removes it again when that fails. */
async function creating(
  rbd: Rbd,
  name: string,
  size: number,
  options: CreateOptions,
  fill: (ctx: ImageCtx) => Promise<void>,
): Promise<void> {
  await rbd.create(name, size, options);
  try {
    const image = await rbd.open(name);
    try {
      await fill(image.ctx);
      await image.ctx.io.flushAsync('user');
    } finally {
      await image.close();
    }
  } catch (error) {
    await rbd.remove(name).catch(() => {});
    throw error;
  }
}

/** `rbd import`: an image of the stream's bytes. Zeros are not written. */
export async function importRaw(
  rbd: Rbd,
  name: string,
  input: ByteInput,
  options: ImportOptions = {},
): Promise<void> {
  const { size, estimatedSize, create = {} } = options;
  const order =
    create.order ?? Math.log2(create.objectSize ?? 2 ** rbd.cluster.context.config.get('rbd_default_order'));
  const source = new ByteSource(input);
  try {
    await creating(rbd, name, size ?? estimatedSize ?? 2 ** order, create, ctx => fill(ctx, source, options));
  } finally {
    await source.close();
  }
}

async function fill(ctx: ImageCtx, source: ByteSource, options: ImportOptions): Promise<void> {
  const { size, estimatedSize, sparseSize = SPARSE_SIZE, onProgress, signal } = options;
  const { objectSize } = ctx.identity.layout;
  const writer = new ImageWriter(ctx, managementOps(ctx));
  let at = 0;
  try {
    while (size === undefined || at < size) {
      signal?.throwIfAborted();
      const block = await source.upTo(size === undefined ? objectSize : Math.min(objectSize, size - at));
      if (block.length === 0) break;
      if (at + block.length > ctx.state.size)
        await resizeImage(ctx, Math.max(2 * ctx.state.size, at + block.length));
      await writer.writeSparse(at, block, sparseSize, false);
      at += block.length;
      const total = size ?? estimatedSize;
      if (total !== undefined) onProgress?.(Math.min(at, total), total);
      if (block.length < objectSize && size === undefined) break;
    }
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  await writer.finish();
  if (size === undefined && at !== ctx.state.size) await resizeImage(ctx, at);
}

/** `rbd import --export-format 2`: the image with its snapshots and metadata. */
export async function importImageV2(
  rbd: Rbd,
  name: string,
  input: ByteInput,
  options: ImportOptions = {},
): Promise<void> {
  const { sparseSize = SPARSE_SIZE, onProgress, signal, size = 0 } = options;
  const source = new ByteSource(input);
  try {
    const { metadata, features, ...found } = await readImageRecords(source);
    // Where the data lies, and what the header says of its state, is not the new image's.
    const wanted = features === undefined ? {} : { features: features & ~NOT_COPIED };
    const text = Object.fromEntries([...metadata].map(([key, value]) => [key, value.toString()]));
    const create: CreateOptions = { metadata: text, ...found, ...wanted, ...options.create };
    await creating(rbd, name, size, create, async ctx => {
      await source.banner(IMAGE_DIFFS_BANNER_V2);
      const count = await source.u64('the number of diffs');
      for (let i = 0; i < count; i++) {
        await applyDiff(ctx, source, { version: 2, sparseSize, signal });
        onProgress?.(i + 1, count);
      }
    });
  } catch (error) {
    if (error instanceof RangeError)
      throw new NacreError('EBADMSG', 'rbd.import', error.message, { cause: error });
    throw error;
  } finally {
    await source.close();
  }
}
