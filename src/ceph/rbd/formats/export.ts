import { Encoder } from '../../../base/encoder.ts';
import { metadataListAll } from '../cls/metadata.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import { diffIterate, startOfDiff } from '../operations/diff.ts';
import { managementOps, orderedParallel } from '../operations/invoke-parallel.ts';
import { type Progress, RBD_PROTECTION_STATUS_UNPROTECTED } from '../types.ts';
import { DIFF_TAIL, diffHeader, extentHead } from './diff-writer.ts';
import { type Piece, READ_BUDGET, type ReadImageOptions, readImage, readPiece } from './read-image.ts';
import {
  IMAGE_BANNER_V2,
  IMAGE_DIFFS_BANNER_V2,
  TAG_FEATURES,
  TAG_IMAGE_END,
  TAG_META,
  TAG_ORDER,
  TAG_STRIPE_COUNT,
  TAG_STRIPE_UNIT,
} from './tags.ts';

/**
 * `rbd export`: the image's bytes, holes as such, so that whoever writes a file can leave them out: what a file needs then
 * is its size, which is the end of the last piece.
 */
export function exportRaw(ctx: ImageCtx, options: ReadImageOptions = {}): AsyncGenerator<Piece> {
  return readImage(ctx, options);
}

const ZEROS = Buffer.alloc(1 << 20);

/** Pieces as bytes, for a pipe. */
export async function* rawBytes(pieces: AsyncIterable<Piece>): AsyncGenerator<Buffer, void, undefined> {
  for await (const { data, length } of pieces)
    if (data !== undefined) yield data;
    else for (let left = length; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, left);
}

export interface ExportDiffOptions {
  /** Name of the snapshot to start from; the beginning by default. */
  readonly from?: string | undefined;
  readonly wholeObject?: boolean;
  readonly version?: 1 | 2;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** `rbd export-diff`: what changed up to what the handle looks at, with the data. */
export async function* exportDiff(
  ctx: ImageCtx,
  options: ExportDiffOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { from, wholeObject, version = 1, onProgress, signal } = options;
  startOfDiff(ctx, from); // before anything is written
  const end = ctx.snap(ctx.snapId);
  const size = ctx.sizeAt() ?? 0;
  yield diffHeader(version, {
    from,
    to: end?.name,
    isProtected: end !== undefined && end.protection !== RBD_PROTECTION_STATUS_UNPROTECTED,
    size,
  });
  const extents = diffIterate(ctx, { from, wholeObject, includeParent: true, signal });
  const pieces = orderedParallel(
    extents,
    managementOps(ctx),
    async ({ offset, length, exists }): Promise<Piece> =>
      exists ? readPiece(ctx, offset, length) : { offset, length, data: undefined },
    ({ length, exists }) => (exists ? length : 0),
    READ_BUDGET,
  );
  for await (const { offset, length, data } of pieces) {
    yield extentHead(version, data !== undefined, offset, length);
    if (data !== undefined) yield data;
    onProgress?.(offset, size);
  }
  yield DIFF_TAIL;
  onProgress?.(size, size);
}

/** What stands before the diffs in an export of version 2. */
async function imageHeader(ctx: ImageCtx, diffs: number): Promise<Buffer> {
  const { identity, header, state } = ctx;
  const e = new Encoder(512);
  e.bytes(Buffer.from(IMAGE_BANNER_V2, 'latin1'));
  const number = (tag: number, value: bigint): void => {
    e.u8(tag);
    e.u64(8);
    e.u64b(value);
  };
  number(TAG_ORDER, BigInt(identity.order));
  number(TAG_FEATURES, state.features);
  number(TAG_STRIPE_UNIT, BigInt(identity.layout.stripeUnit));
  number(TAG_STRIPE_COUNT, BigInt(identity.layout.stripeCount));
  const metadata =
    identity.format === 1 ? new Map<string, string>() : await metadataListAll(header, identity.headerOid);
  // In the order of the omap that they come from.
  for (const [key, value] of metadata) {
    e.u8(TAG_META);
    e.u64(Buffer.byteLength(key) + Buffer.byteLength(value) + 8);
    e.str(key);
    e.str(value);
  }
  e.u8(TAG_IMAGE_END);
  e.bytes(Buffer.from(IMAGE_DIFFS_BANNER_V2, 'latin1'));
  e.u64(diffs);
  return e.result();
}

/** `rbd export --export-format 2`: what the image is, its metadata, and a diff for every snapshot and the head. */
export async function* exportImageV2(
  ctx: ImageCtx,
  options: { readonly onProgress?: Progress | undefined; readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { onProgress, signal } = options;
  if (!ctx.readOnly) await ctx.io.flushAsync('internal');
  const snaps = [...ctx.state.snaps].filter(({ namespace }) => namespace.type === 'user').reverse();
  yield await imageHeader(ctx, snaps.length + 1);
  let from: string | undefined;
  for (const [i, { id, name }] of snaps.entries()) {
    const { identity } = ctx;
    const which = identity.format === 1 ? { name: identity.name } : { id: identity.id };
    const at = await openImage(ctx.cluster, ctx.header, which, { snapshot: id, readOnly: true });
    try {
      yield* exportDiff(at, { from, version: 2, signal });
    } finally {
      await closeImage(at);
    }
    from = name;
    onProgress?.(i + 1, snaps.length + 1);
  }
  yield* exportDiff(ctx, { from, version: 2, signal });
  onProgress?.(snaps.length + 1, snaps.length + 1);
}
