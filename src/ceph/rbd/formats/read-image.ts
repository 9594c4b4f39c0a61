import { NacreError } from '../../../base/errors.ts';
import { isZero } from '../../../base/zeros.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { fileToExtents } from '../io/striper.ts';
import type { ImageRequest, IoCompletion } from '../io/types.ts';
import { DIFF_HOLE, fastDiff } from '../operations/diff-object-map.ts';
import { managementOps, orderedParallel } from '../operations/invoke-parallel.ts';
import type { Progress } from '../types.ts';

/** Bytes of reads that may be under way or wait for the reader. */
export const READ_BUDGET = 64 << 20;

/** A range of an image, in order; without `data` it is a hole. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly data: Buffer | undefined;
}

class ImageRead implements IoCompletion {
  private readonly resolve: (piece: Piece) => void;
  private readonly reject: (error: unknown) => void;

  constructor(resolve: (piece: Piece) => void, reject: (error: unknown) => void) {
    this.resolve = resolve;
    this.reject = reject;
  }

  ioFinished({ offset, length, data, extents }: ImageRequest, result: number): void {
    if (result < 0) {
      this.reject(NacreError.fromErrno(result, 'rbd.read', `${offset}~${length} of the image`));
      return;
    }
    const hole = data === undefined || extents?.length === 0 || isZero(data);
    this.resolve({ offset, length, data: hole ? undefined : data });
  }
}

/** Reads a range; ranges of zeros come without data. */
export function readPiece(
  ctx: ImageCtx,
  offset: number,
  length: number,
  into?: Buffer,
  snapId: bigint = ctx.snapId,
): Promise<Piece> {
  return new Promise((resolve, reject) => {
    const options = into === undefined ? { sparse: true, snapId } : { sparse: true, snapId, into };
    ctx.io.read(offset, length, new ImageRead(resolve, reject), options);
  });
}

export interface ReadImageOptions {
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * A piece's data is only valid until the next one is asked for: memory is used again, which spares the kernel the
   * clearing of it.
   */
  readonly reuse?: boolean;
}

/**
 * All of what the handle looks at, in pieces of a period, read in parallel. Where an object map can be trusted, objects that
 * do not exist are not asked for.
 */
export async function* readImage(
  ctx: ImageCtx,
  options: ReadImageOptions = {},
): AsyncGenerator<Piece, void, undefined> {
  const { onProgress, signal, reuse = false } = options;
  if (!ctx.readOnly) await ctx.io.flushAsync('internal');
  const { layout } = ctx.identity;
  const period = layout.objectSize * layout.stripeCount;
  const size = ctx.sizeAt() ?? 0;
  const map = await fastDiff(ctx, 0n, ctx.snapId, true);
  const overlap = ctx.parent === undefined ? 0 : (ctx.parentAt()?.overlap ?? 0);
  const isHole = (offset: number, length: number): boolean => {
    if (map === undefined || offset < overlap) return false;
    for (const { objectNo } of fileToExtents(layout, offset, length))
      if (objectNo >= map.size || map.get(objectNo) !== DIFF_HOLE) return false;
    return true;
  };
  const spare: Buffer[] = [];
  const read = async (offset: number): Promise<Piece> => {
    signal?.throwIfAborted();
    const length = Math.min(period, size - offset);
    if (isHole(offset, length)) return { offset, length, data: undefined };
    const memory = reuse ? (spare.pop() ?? Buffer.allocUnsafeSlow(period)) : undefined;
    const piece = await readPiece(ctx, offset, length, memory?.subarray(0, length));
    if (memory !== undefined && piece.data === undefined) spare.push(memory);
    return piece;
  };
  function* offsets(): Generator<number> {
    for (let offset = 0; offset < size; offset += period) yield offset;
  }
  for await (const piece of orderedParallel(offsets(), managementOps(ctx), read, () => period, READ_BUDGET)) {
    yield piece;
    if (reuse && piece.data !== undefined)
      spare.push(Buffer.from(piece.data.buffer, piece.data.byteOffset, period));
    onProgress?.(piece.offset + piece.length, size);
  }
}
