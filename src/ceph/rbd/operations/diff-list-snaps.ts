import { NacreError } from '../../../base/errors.ts';
import type { ObjectSnaps } from '../../rados/outputs.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { extentToFile, fileToExtents, type ImageExtent, pruneExtents } from '../io/striper.ts';
import {
  difference,
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
import { snapSetDiff } from './diff-snap-set.ts';

// What happened to objects between snapshots, from the OSDs' lists of clones (librbd::io::ObjectListSnapsRequest).

export interface ListSnapsOptions {
  /** An object of which anything changed counts as changed altogether. */
  readonly wholeObject?: boolean;
  /** Data only. */
  readonly ignoreZeroed?: boolean;
  /** Looks through to the parent where there never was an object. */
  readonly parent?: boolean;
}

/** What changed before one snapshot and after the one before it in the question. */
export interface SnapDelta {
  /** The first snapshot that sees the change, 0n for what was there before the first one asked for. */
  readonly write: bigint;
  /** The last that sees the same object: where to read the data. */
  readonly read: bigint;
  readonly states: Painted;
}

/** A set of deltas by (write, read), in ascending order. */
class Deltas {
  readonly list: SnapDelta[] = [];

  states(write: bigint, read: bigint): Painted {
    const { list } = this;
    let i = list.length;
    while (i > 0 && (list[i - 1].write > write || (list[i - 1].write === write && list[i - 1].read > read)))
      i--;
    const before = list[i - 1];
    if (before !== undefined && before.write === write && before.read === read) return before.states;
    const states: Painted = [];
    list.splice(i, 0, { write, read, states });
    return states;
  }

  paint(write: bigint, read: bigint, ranges: Ranges, state: number): void {
    if (ranges.length === 0) return;
    const states = this.states(write, read);
    for (let i = 0; i < ranges.length; i += 2) paint(states, ranges[i], ranges[i + 1], state);
  }
}

function fromSnapSet(
  set: ObjectSnaps,
  wanted: Ranges,
  snapIds: readonly bigint[],
  objectSize: number,
  options: ListSnapsOptions,
): { deltas: Deltas; untouched: boolean } {
  const deltas = new Deltas();
  const first = snapIds[0];
  const last = snapIds[snapIds.length - 1];
  let start = 0n;
  let previousSize = 0;
  let initialWritten = false;
  for (const end of snapIds) {
    if (start === end) continue;
    const found = snapSetDiff(set, start, end);
    let { diff, exists, endSize, readSnap } = found;
    if (found.wholeObject) {
      diff = rangeOf(0, objectSize);
      exists = true;
      endSize = objectSize;
      readSnap = end;
    } else if (options.wholeObject === true && diff.length > 0) diff = rangeOf(0, objectSize);
    // Not beyond what is asked for: the snapshots behind the last one are none of ours.
    if (exists && readSnap > last) readSnap = last;
    let data = intersection(wanted, diff);
    let zeroed: Ranges = [];
    if (endSize < previousSize) {
      // What a truncation took away reads as zeros, whatever else was written there before.
      zeroed = intersection(rangeOf(endSize, previousSize - endSize), wanted);
      data = difference(data, zeroed);
    }
    if (exists && start === 0n && (data.length > 0 || zeroed.length > 0)) initialWritten = true;
    previousSize = endSize;
    start = end;
    if (end <= first) continue;
    if (exists) deltas.paint(end, readSnap, data, STATE_DATA);
    else zeroed = union(zeroed, data);
    if (options.ignoreZeroed !== true) deltas.paint(end, end, zeroed, STATE_ZEROED);
  }
  const untouched = deltas.list.length === 0;
  if (!initialWritten && options.ignoreZeroed !== true)
    deltas.paint(first, first, wanted, first > 0n ? STATE_ABSENT : STATE_ZEROED);
  return { deltas, untouched };
}

/** An object's clones; undefined when there never was one. */
export async function snapSetOf(ctx: ImageCtx, objectNo: number): Promise<ObjectSnaps | undefined> {
  try {
    return await ctx.data.listSnaps(ctx.objectName(objectNo));
  } catch (error) {
    if (error instanceof NacreError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * How ranges of an object came about, snapshot by snapshot. `snapIds` ascend, at least two; the first (0n: before
 * everything) is what the rest is told against. Offsets are those of the object.
 */
export async function listObjectSnaps(
  ctx: ImageCtx,
  objectNo: number,
  wanted: Ranges,
  snapIds: readonly bigint[],
  options: ListSnapsOptions = {},
): Promise<SnapDelta[]> {
  const { layout } = ctx.identity;
  const first = snapIds[0];
  const set = await snapSetOf(ctx, objectNo);
  let deltas = new Deltas();
  let untouched = true;
  if (set !== undefined)
    ({ deltas, untouched } = fromSnapSet(set, wanted, snapIds, layout.objectSize, options));
  else if (options.ignoreZeroed !== true) deltas.paint(first, first, wanted, STATE_ABSENT);

  const { parent } = ctx;
  if (!untouched || first > 0n || parent === undefined || options.parent !== true) return deltas.list;
  const overlap = ctx.parentAt(snapIds[snapIds.length - 1])?.overlap ?? 0;
  const extents: ImageExtent[] = [];
  for (let i = 0; i < wanted.length; i += 2)
    extents.push(...extentToFile(layout, objectNo, wanted[i], wanted[i + 1] - wanted[i]));
  const shared = pruneExtents(extents, overlap);
  if (shared.length === 0) return deltas.list;
  const theirs = await listImageSnaps(parent, shared, [0n, parent.snapId], {
    ...options,
    ignoreZeroed: true,
  });
  if (theirs.length === 0) return deltas.list;
  const inherited = new Deltas();
  for (const { states } of theirs)
    for (let i = 0; i < states.length; i += 3)
      for (const { offset, length } of fileToExtents(layout, states[i], states[i + 1] - states[i]))
        inherited.paint(0n, 0n, rangeOf(offset, length), states[i + 2]);
  return inherited.list;
}

/** The same for ranges of the image; offsets are those of the image. */
export async function listImageSnaps(
  ctx: ImageCtx,
  extents: readonly ImageExtent[],
  snapIds: readonly bigint[],
  options: ListSnapsOptions = {},
): Promise<SnapDelta[]> {
  const { layout } = ctx.identity;
  const objects = new Map<number, Ranges>();
  for (const [at, bytes] of extents)
    for (const { objectNo, offset, length } of fileToExtents(layout, at, bytes))
      objects.set(objectNo, union(objects.get(objectNo) ?? [], rangeOf(offset, length)));
  const lists = await Promise.all(
    [...objects].map(async ([objectNo, wanted]) => ({
      objectNo,
      deltas: await listObjectSnaps(ctx, objectNo, wanted, snapIds, options),
    })),
  );
  if (lists.length === 1 && layout.stripeCount === 1) {
    // The usual case: one object, whose offsets are shifted.
    const [{ objectNo, deltas }] = lists;
    const base = objectNo * layout.objectSize;
    for (const { states } of deltas)
      for (let i = 0; i < states.length; i += 3) {
        states[i] += base;
        states[i + 1] += base;
      }
    return deltas;
  }
  const image = new Deltas();
  for (const { objectNo, deltas } of lists)
    for (const { write, read, states } of deltas) {
      const into = image.states(write, read);
      for (let i = 0; i < states.length; i += 3)
        for (const [offset, length] of extentToFile(layout, objectNo, states[i], states[i + 1] - states[i]))
          paint(into, offset, offset + length, states[i + 2]);
    }
  return image.list;
}

/** The snapshots from `from` (0n: from the beginning) to `to`, both included, ascending. */
export function snapIdsBetween(ctx: ImageCtx, from: bigint, to: bigint): bigint[] {
  const ids = [from];
  const { snaps } = ctx.state;
  for (let i = snaps.length - 1; i >= 0; i--)
    if (snaps[i].id > from && snaps[i].id < to) ids.push(snaps[i].id);
  if (to !== from) ids.push(to === SNAP_HEAD ? SNAP_HEAD : to);
  return ids;
}
