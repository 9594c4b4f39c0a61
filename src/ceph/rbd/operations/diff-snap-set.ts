import type { ObjectSnaps } from '../../rados/outputs.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { difference, type Ranges, rangeOf, union } from './diff-ranges.ts';

/** How an object differs between two snapshots. */
export interface SnapSetDiff {
  readonly diff: Ranges;
  /** Whether it was there at the end, and its bytes then. */
  readonly exists: boolean;
  readonly endSize: number;
  /** The newest snapshot that still sees the object as it was at the end: where to read it. */
  readonly readSnap: bigint;
  /** The clones do not tell: everything may have changed. */
  readonly wholeObject: boolean;
}

/**
 * What changed in an object between two snapshots (0n: before everything; SNAP_HEAD: now), from what its clones share
 * with one another. Each clone serves the snapshots from its first to its last; the head those after the snap
 * set's sequence number. What a clone does not share with the next newer one was written in between.
 */
export function snapSetDiff(set: ObjectSnaps, start: bigint, end: bigint): SnapSetDiff {
  const { clones } = set;
  let diff: Ranges = [];
  let seenStart = false;
  let startSize = 0;
  for (let i = 0; i < clones.length; i++) {
    const clone = clones[i];
    let first = set.seq + 1n;
    let last = SNAP_HEAD;
    if (clone.id !== SNAP_HEAD) {
      if (clone.snaps.length === 0)
        return { diff: [], exists: true, endSize: 0, readSnap: end, wholeObject: true };
      first = clone.snaps[0];
      last = clone.snaps[clone.snaps.length - 1];
    }
    if (last < start) continue;
    if (!seenStart) {
      seenStart = true;
      // An object that begins after the start is new altogether.
      if (start < first) diff = rangeOf(0, clone.size);
      else startSize = clone.size;
    }
    if (end < first)
      return {
        diff: rangeOf(0, startSize),
        exists: false,
        endSize: 0,
        readSnap: end,
        wholeObject: false,
      };
    if (end <= last) return { diff, exists: true, endSize: clone.size, readSnap: last, wholeObject: false };
    const next = clones[i + 1];
    let changed = rangeOf(0, Math.max(clone.size, next?.size ?? 0));
    for (const { offset, length } of clone.overlap) changed = difference(changed, rangeOf(offset, length));
    diff = union(diff, changed);
  }
  // Removed before the end: all of what it was at the start is gone, and what came and went in between is no change.
  return { diff: rangeOf(0, startSize), exists: false, endSize: 0, readSnap: end, wholeObject: false };
}
