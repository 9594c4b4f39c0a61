import { NacreError } from '../../../base/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import { managementOps } from '../operations/invoke-parallel.ts';
import { resizeImage } from '../operations/resize.ts';
import { createSnapshot, protectSnapshot } from '../operations/snapshot.ts';
import type { Progress } from '../types.ts';
import { type ByteInput, ByteSource } from './byte-source.ts';
import { DiffReader, type DiffRecord } from './diff-reader.ts';
import { PIECE, SPARSE_SIZE } from './tags.ts';
import { ImageWriter } from './write-image.ts';

export interface ImportDiffOptions {
  readonly version?: 1 | 2;
  /** Runs of zeros of this many bytes are not written but zeroed; 0: everything is written. */
  readonly sparseSize?: number;
  /** Bytes of the stream that were read, of `inputSize` (of the image, when that is not known). */
  readonly onProgress?: Progress | undefined;
  /** Bytes of the stream. */
  readonly inputSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * `rbd import-diff`: applies a diff to the head, and takes the snapshot that it ends with. EINVAL when the image lacks the
 * snapshot that it starts from, EEXIST when it has the other one, EBADMSG when the stream is no diff.
 */
export async function importDiff(
  ctx: ImageCtx,
  input: ByteInput,
  options: ImportDiffOptions = {},
): Promise<void> {
  const source = new ByteSource(input);
  try {
    await applyDiff(ctx, source, options);
  } finally {
    await source.close();
  }
}

/** The same of a stream that may go on behind the diff. */
export async function applyDiff(
  ctx: ImageCtx,
  source: ByteSource,
  options: ImportDiffOptions = {},
): Promise<void> {
  const { version = 1, sparseSize = SPARSE_SIZE, onProgress, inputSize, signal } = options;
  const reader = await DiffReader.open(source, version);
  const writer = new ImageWriter(ctx, managementOps(ctx));
  let to: string | undefined;
  let isProtected = false;
  try {
    for (let record: DiffRecord | undefined; (record = await reader.next()) !== undefined; ) {
      signal?.throwIfAborted();
      switch (record.type) {
        case 'from':
          await expectSnapshot(ctx, record.name);
          break;
        case 'to':
          to = record.name;
          await refuseSnapshot(ctx, to);
          break;
        case 'protection':
          ({ isProtected } = record);
          break;
        case 'size':
          if (ctx.state.size !== record.size) await resizeImage(ctx, record.size);
          break;
        case 'zero':
          await writer.zero(record.offset, record.length);
          break;
        case 'write':
          await copyData(reader, writer, record.offset, sparseSize);
      }
      if (inputSize !== undefined) onProgress?.(source.position, inputSize);
      else if (record.type === 'write' || record.type === 'zero') onProgress?.(record.offset, ctx.state.size);
    }
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  await writer.finish();
  if (to === undefined) return;
  await createSnapshot(ctx, to);
  if (isProtected) await protectSnapshot(ctx, to);
}

async function copyData(
  reader: DiffReader,
  writer: ImageWriter,
  start: number,
  sparseSize: number,
): Promise<void> {
  for (let offset = start; reader.dataLeft > 0; ) {
    // To the next boundary, so that zeros are found where they would be in one piece.
    const data = await reader.take(PIECE);
    await writer.writeSparse(offset, data, sparseSize, true);
    offset += data.length;
  }
}

async function expectSnapshot(ctx: ImageCtx, name: string): Promise<void> {
  await refreshIfNeeded(ctx);
  if (ctx.snapNamed(name) === undefined)
    throw new NacreError(
      'EINVAL',
      'rbd.importDiff',
      `the diff starts from snapshot '${name}', which '${ctx.identity.name}' does not have`,
    );
}

async function refuseSnapshot(ctx: ImageCtx, name: string): Promise<void> {
  await refreshIfNeeded(ctx);
  if (ctx.snapNamed(name) !== undefined)
    throw new NacreError(
      'EEXIST',
      'rbd.importDiff',
      `the diff ends with snapshot '${name}', which '${ctx.identity.name}' has already`,
    );
}
