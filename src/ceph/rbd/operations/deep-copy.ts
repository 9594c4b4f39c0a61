import { SNAP_HEAD } from '../../types/snap.ts';
import { readPiece } from '../formats/read-image.ts';
import { ImageWriter } from '../formats/write-image.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { extentToFile, type ImageExtent, objectCount } from '../io/striper.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import type { Rbd } from '../rbd.ts';
import { type ParentImageInfo, type Progress, RBD_PROTECTION_STATUS_UNPROTECTED } from '../types.ts';
import { copiedOptions, copyContent, copyMetadata, makeCopy } from './copy.ts';
import type { CreateOptions } from './create-options.ts';
import { snapSetOf } from './diff-list-snaps.ts';
import { DIFF_DATA, DIFF_HOLE, fastDiff } from './diff-object-map.ts';
import { difference, intersection, type Ranges, rangeOf } from './diff-ranges.ts';
import { snapSetDiff } from './diff-snap-set.ts';
import { flattenImage } from './flatten.ts';
import { eachParallel, managementOps } from './invoke-parallel.ts';
import { resizeImage } from './resize.ts';
import { createSnapshot, protectSnapshot } from './snapshot.ts';

export interface DeepCopyOptions extends CreateOptions {
  /** Copies what the parent shows too, so that the copy needs none. */
  readonly flatten?: boolean;
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The image as it was at one moment that the copy goes through. */
interface Stage {
  readonly id: bigint;
  /** Undefined for the head. */
  readonly name: string | undefined;
  readonly isProtected: boolean;
  readonly size: number;
  readonly parent: ParentImageInfo | undefined;
}

function stagesOf(ctx: ImageCtx): Stage[] {
  const stages: Stage[] = [];
  for (const { id, name, namespace, protection, size, parent } of [...ctx.state.snaps].reverse())
    if (namespace.type === 'user' && id <= ctx.snapId) {
      const isProtected = protection !== RBD_PROTECTION_STATUS_UNPROTECTED;
      stages.push({ id, name, isProtected, size, parent });
    }
  if (ctx.snapId === SNAP_HEAD) {
    const { size, parent } = ctx.state;
    stages.push({ id: SNAP_HEAD, name: undefined, isProtected: false, size, parent });
  }
  return stages;
}

/**
 * `rbd deep cp`: a new image with all snapshots (up to the one that the handle looks at), and, unless it is flattened, the same
 * parent. The copy goes through the image's history: what changed from one snapshot to the next is written, then
 * the snapshot taken.
 */
export async function deepCopyImage(
  ctx: ImageCtx,
  dest: Rbd,
  name: string,
  options: DeepCopyOptions = {},
): Promise<void> {
  const { flatten = false, onProgress, signal, ...create } = options;
  if (!ctx.readOnly) await ctx.io.flushAsync('internal');
  await refreshIfNeeded(ctx);
  const stages = stagesOf(ctx);
  const [first] = stages;
  const cloned = first.parent !== undefined && !flatten ? first.parent : undefined;
  const wanted = copiedOptions(ctx, create);
  const begin = () =>
    cloned === undefined
      ? dest.create(name, first.size, wanted)
      : cloneSibling(ctx, cloned, dest, name, wanted);
  await makeCopy(dest, name, begin, async copy => {
    let before = 0n;
    for (const [i, stage] of stages.entries()) {
      signal?.throwIfAborted();
      await shape(copy, stage, cloned !== undefined);
      const progress: Progress | undefined =
        onProgress && ((done, total) => onProgress(i * total + done, stages.length * total));
      if (before === 0n && flatten && stage.parent !== undefined) await copyAt(ctx, stage, copy, progress);
      else await new StageCopy(ctx, copy, before, stage, signal).run(progress);
      if (stage.name !== undefined) {
        await createSnapshot(copy, stage.name);
        if (stage.isProtected) await protectSnapshot(copy, stage.name);
      }
      before = stage.id;
    }
    await copyMetadata(ctx, copy);
  });
}

/** A clone of the parent that the image was cloned from. */
async function cloneSibling(
  ctx: ImageCtx,
  parent: ParentImageInfo,
  dest: Rbd,
  name: string,
  options: CreateOptions,
): Promise<void> {
  const io = await ctx.cluster.openPool(parent.poolId, { namespace: parent.namespace });
  const theirs = await openImage(
    ctx.cluster,
    io,
    { id: parent.imageId },
    { snapshot: parent.snapId, skipParent: true },
  );
  const snapshot = theirs.snap(parent.snapId)!.name;
  const image = theirs.identity.name;
  await closeImage(theirs);
  await dest.clone({ io, image, snapshot }, name, options);
}

/** Size and parent of a stage. A parent that shows less than the size was cut by a shrink: the copy's is too. */
async function shape(copy: ImageCtx, { size, parent }: Stage, cloned: boolean): Promise<void> {
  if (cloned && parent === undefined && copy.state.parent !== undefined) await flattenImage(copy);
  const overlap = copy.state.parent?.overlap ?? 0;
  if (parent !== undefined && parent.overlap < overlap) await resizeImage(copy, parent.overlap);
  if (copy.state.size !== size) await resizeImage(copy, size);
}

async function copyAt(ctx: ImageCtx, stage: Stage, copy: ImageCtx, onProgress?: Progress): Promise<void> {
  if (stage.id === ctx.snapId) return copyContent(ctx, copy, { onProgress });
  const { identity } = ctx;
  const which = identity.format === 1 ? { name: identity.name } : { id: identity.id };
  const at = await openImage(ctx.cluster, ctx.header, which, { snapshot: stage.id });
  try {
    await copyContent(at, copy, { onProgress });
  } finally {
    await closeImage(at);
  }
}

/** What changed in the image's own objects between two stages. */
class StageCopy {
  private readonly from: ImageCtx;
  private readonly before: bigint;
  private readonly stage: Stage;
  private readonly writer: ImageWriter;
  private readonly to: ImageCtx;
  private readonly signal: AbortSignal | undefined;

  constructor(from: ImageCtx, to: ImageCtx, before: bigint, stage: Stage, signal: AbortSignal | undefined) {
    this.from = from;
    this.to = to;
    this.before = before;
    this.stage = stage;
    this.signal = signal;
    this.writer = new ImageWriter(to, managementOps(to));
  }

  async run(onProgress?: Progress): Promise<void> {
    const { from, before, stage, writer } = this;
    const map = await fastDiff(from, before, stage.id, true);
    try {
      await eachParallel(
        objectCount(from.identity.layout, stage.size),
        managementOps(from),
        objectNo => {
          const state = map !== undefined && objectNo < map.size ? map.get(objectNo) : undefined;
          return state === DIFF_HOLE || state === DIFF_DATA ? undefined : this.object(objectNo);
        },
        onProgress,
        this.signal,
      );
    } catch (error) {
      await writer.abandon();
      throw error;
    }
    await writer.finish();
    // The next stage may write the same ranges, and in the cache there is an order only for what is finished.
    await this.to.io.flushAsync('internal');
  }

  private async object(objectNo: number): Promise<void> {
    const { from, before, stage } = this;
    const { objectSize } = from.identity.layout;
    const set = await snapSetOf(from, objectNo);
    if (set === undefined) return;
    const whole = rangeOf(0, objectSize);
    const found = snapSetDiff(set, before, stage.id);
    const { exists, endSize } = found;
    const diff = found.wholeObject ? whole : found.diff;
    const was = before === 0n ? undefined : snapSetDiff(set, 0n, before);
    if (exists && was?.exists !== true) {
      // A new object hides all of what the parent has of it, with what it has or with zeros.
      await this.zero(objectNo, difference(this.shared(objectNo, whole), diff));
    }
    const size = exists && !found.wholeObject ? endSize : objectSize;
    const data = exists ? intersection(diff, rangeOf(0, size)) : [];
    await this.copy(objectNo, data);
    await this.zero(objectNo, difference(diff, data));
    // What a truncation took away.
    if (was?.exists === true && was.endSize > endSize)
      await this.zero(objectNo, difference(rangeOf(endSize, was.endSize - endSize), data));
  }

  /** The part of an object that a parent can be seen through. */
  private shared(objectNo: number, whole: Ranges): Ranges {
    const overlap = this.to.state.parent?.overlap ?? 0;
    const [extent] = extentToFile(this.from.identity.layout, objectNo, 0, whole[1]);
    return extent === undefined || extent[0] >= overlap ? [] : whole;
  }

  private image(objectNo: number, ranges: Ranges): ImageExtent[] {
    const extents: ImageExtent[] = [];
    for (let i = 0; i < ranges.length; i += 2)
      for (const [offset, length] of extentToFile(
        this.from.identity.layout,
        objectNo,
        ranges[i],
        ranges[i + 1] - ranges[i],
      )) {
        const end = Math.min(this.stage.size, offset + length);
        if (offset < end) extents.push([offset, end - offset]);
      }
    return extents;
  }

  private async copy(objectNo: number, ranges: Ranges): Promise<void> {
    for (const [offset, length] of this.image(objectNo, ranges)) {
      const { data } = await readPiece(this.from, offset, length, undefined, this.stage.id);
      if (data === undefined) await this.writer.zero(offset, length);
      else await this.writer.write(offset, data);
    }
  }

  private async zero(objectNo: number, ranges: Ranges): Promise<void> {
    for (const [offset, length] of this.image(objectNo, ranges)) await this.writer.zero(offset, length);
  }
}
