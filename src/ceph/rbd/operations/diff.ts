import { NacreError } from '../../../base/errors.ts';
import type { BitVector } from '../../types/cls-rbd-bit-vector.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { fileToExtents } from '../io/striper.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import { listImageSnaps } from './diff-list-snaps.ts';
import { DIFF_DATA_UPDATED, DIFF_HOLE, DIFF_HOLE_UPDATED, fastDiff } from './diff-object-map.ts';
import {
  intersection,
  type Painted,
  paint,
  type Ranges,
  rangeOf,
  STATE_ABSENT,
  STATE_DATA,
  STATE_ZEROED,
  union,
} from './diff-ranges.ts';
import { managementOps, orderedParallel } from './invoke-parallel.ts';

export interface DiffOptions {
  /** Snapshot to start from, name or id; the beginning of time by default. */
  readonly from?: string | bigint | undefined;
  /** Bytes of the image; to its end by default. */
  readonly offset?: number;
  readonly length?: number;
  /** Where the image has nothing of its own, tells what the parent has. Only from the beginning. */
  readonly includeParent?: boolean;
  /** Objects of which anything changed are told whole; quick with fast diff. */
  readonly wholeObject?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A range of the image that changed. */
export interface DiffExtent {
  readonly offset: number;
  readonly length: number;
  /** False: zeros now. */
  readonly exists: boolean;
}

export function startOfDiff(ctx: ImageCtx, from: string | bigint | undefined): bigint {
  if (from === undefined) return 0n;
  if (typeof from === 'bigint') {
    if (from !== 0n && ctx.snap(from) === undefined)
      throw new NacreError('ENOENT', 'rbd.diff', `'${ctx.identity.name}' has no snapshot ${from}`);
    return from;
  }
  const snap = ctx.snapNamed(from);
  if (snap === undefined)
    throw new NacreError('ENOENT', 'rbd.diff', `'${ctx.identity.name}' has no snapshot '${from}'`);
  return snap.id;
}

/**
 * What differs between a snapshot (or nothing) and what the handle looks at, in the order of the image, as
 * rbd_diff_iterate2 tells it. Extents are joined within one period (object size times stripe count), not beyond.
 * ENOENT without such a snapshot, EINVAL when it is newer than what the handle looks at.
 */
export async function* diffIterate(
  ctx: ImageCtx,
  options: DiffOptions = {},
): AsyncGenerator<DiffExtent, void, undefined> {
  // The OSDs must know of every write before they are asked.
  if (!ctx.readOnly) await ctx.io.flushAsync('internal');
  await refreshIfNeeded(ctx);
  const from = startOfDiff(ctx, options.from);
  const to = ctx.snapId;
  if (from === to) return;
  if (from > to)
    throw new NacreError('EINVAL', 'rbd.diff', `snapshot ${from} is newer than what the image is open at`);
  const size = ctx.sizeAt(to);
  if (size === undefined)
    throw new NacreError('ENOENT', 'rbd.diff', `snapshot ${to} of '${ctx.identity.name}' is gone`);
  const { offset = 0 } = options;
  if (offset > size) throw new NacreError('EINVAL', 'rbd.diff', `${offset} is behind the end of the image`);
  const end = Math.min(size, offset + (options.length ?? size - offset));
  for await (const states of diffPeriods(ctx, from, offset, end, options))
    for (let i = 0; i < states.length; i += 3)
      yield { offset: states[i], length: states[i + 1] - states[i], exists: states[i + 2] === STATE_DATA };
}

/** Changes, one element a period. */
async function* diffPeriods(
  ctx: ImageCtx,
  from: bigint,
  start: number,
  end: number,
  options: DiffOptions,
): AsyncGenerator<Painted, void, undefined> {
  const { layout } = ctx.identity;
  const period = layout.objectSize * layout.stripeCount;
  const { wholeObject = false, includeParent = false, signal } = options;
  const map = wholeObject ? await fastDiff(ctx, from, ctx.snapId, true) : undefined;
  if (map !== undefined) {
    const inherited = includeParent && from === 0n ? await parentDiff(ctx) : [];
    for (let at = start; at < end; ) {
      signal?.throwIfAborted();
      const next = Math.min(end, at - (at % period) + period);
      yield fastPeriod(ctx, map, inherited, from, at, next);
      at = next;
    }
    return;
  }
  function* periods(): Generator<[number, number]> {
    for (let at = start; at < end; ) {
      signal?.throwIfAborted();
      const next = Math.min(end, at - (at % period) + period);
      yield [at, next - at];
      at = next;
    }
  }
  const list = { wholeObject, parent: includeParent && from === 0n };
  const ids = [from, ctx.snapId];
  yield* orderedParallel(periods(), managementOps(ctx), async extent => {
    const merged: Painted = [];
    for (const { write, states } of await listImageSnaps(ctx, [extent], ids, list))
      for (let i = 0; i < states.length; i += 3) {
        const state = states[i + 2];
        // What never was there is no change.
        if (state === STATE_ABSENT || (write === 0n && state === STATE_ZEROED)) continue;
        paint(merged, states[i], states[i + 1], state);
      }
    return merged;
  });
}

/** Where the parent has data, within the overlap. */
async function parentDiff(ctx: ImageCtx): Promise<Ranges> {
  const { parent } = ctx;
  const overlap = ctx.parentAt()?.overlap ?? 0;
  let found: Ranges = [];
  if (parent === undefined || overlap === 0) return found;
  const end = Math.min(overlap, parent.sizeAt() ?? 0);
  for await (const states of diffPeriods(parent, 0n, 0, end, { includeParent: true, wholeObject: true }))
    for (let i = 0; i < states.length; i += 3)
      if (states[i + 2] === STATE_DATA) found = append(found, states[i], states[i + 1]);
  return found;
}

/** Periods come in order, so that the end is where it goes. */
function append(ranges: Ranges, start: number, end: number): Ranges {
  const last = ranges.length - 1;
  if (last > 0 && start < ranges[last - 1]) return union(ranges, [start, end]);
  if (last > 0 && start <= ranges[last]) ranges[last] = Math.max(ranges[last], end);
  else ranges.push(start, end);
  return ranges;
}

function fastPeriod(
  ctx: ImageCtx,
  map: BitVector,
  inherited: Ranges,
  from: bigint,
  start: number,
  end: number,
): Painted {
  const merged: Painted = [];
  for (const { objectNo, buffers } of fileToExtents(ctx.identity.layout, start, end - start)) {
    const state = objectNo < map.size ? map.get(objectNo) : DIFF_HOLE;
    if (state === DIFF_HOLE && from === 0n && inherited.length > 0) {
      for (let i = 0; i < buffers.length; i += 2) {
        const shared = intersection(rangeOf(start + buffers[i], buffers[i + 1]), inherited);
        for (let j = 0; j < shared.length; j += 2) paint(merged, shared[j], shared[j + 1], STATE_DATA);
      }
    } else if (state === DIFF_HOLE_UPDATED || state === DIFF_DATA_UPDATED) {
      const painted = state === DIFF_DATA_UPDATED ? STATE_DATA : STATE_ZEROED;
      for (let i = 0; i < buffers.length; i += 2)
        paint(merged, start + buffers[i], start + buffers[i] + buffers[i + 1], painted);
    }
  }
  return merged;
}
