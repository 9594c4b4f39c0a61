import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { type Codec, codecOf } from './codec.ts';
import { decodeOpenIntervals, encodeOpenIntervals, type Interval } from './interval-set.ts';

/**
 * ObjectCleanRegions (osd/osd_types.h): which parts of an object a log entry did not touch, so that recovery need
 * not copy them. ENCODE_START(1, 1): interval_set<u64> clean_offsets, u8 clean_omap, u8 new_object.
 */
export interface ObjectCleanRegions {
  /** The last one may be open: length Infinity. */
  readonly cleanOffsets: readonly Interval[];
  readonly cleanOmap: boolean;
  readonly newObject: boolean;
}

/** Nothing touched yet. */
export const ALL_CLEAN: ObjectCleanRegions = {
  cleanOffsets: [{ start: 0, length: Number.POSITIVE_INFINITY }],
  cleanOmap: true,
  newObject: false,
};

/** As if the whole object were new. */
export const ALL_DIRTY: ObjectCleanRegions = { cleanOffsets: [], cleanOmap: false, newObject: true };

export function encodeObjectCleanRegions(e: Encoder, r: ObjectCleanRegions): void {
  const mark = e.start(1, 1);
  encodeOpenIntervals(e, r.cleanOffsets);
  e.bool(r.cleanOmap);
  e.bool(r.newObject);
  e.finish(mark);
}

export function decodeObjectCleanRegions(d: Decoder): ObjectCleanRegions {
  const end = d.start('ObjectCleanRegions', 1);
  const cleanOffsets = decodeOpenIntervals(d);
  const cleanOmap = d.bool();
  const newObject = d.bool();
  d.finish(end);
  return { cleanOffsets, cleanOmap, newObject };
}

export const objectCleanRegions: Codec<ObjectCleanRegions> = codecOf(
  12,
  () => ALL_CLEAN,
  encodeObjectCleanRegions,
  decodeObjectCleanRegions,
);

/** How many runs are kept; the shortest goes first (osd_object_clean_region_max_num_intervals). */
const MAX_INTERVALS = 10;

/** The regions left clean by a write to `length` bytes at `offset`. */
export function markDataDirty(r: ObjectCleanRegions, offset: number, length: number): ObjectCleanRegions {
  const cleanOffsets: Interval[] = [];
  const dirtyEnd = offset + length;
  for (const { start, length: n } of r.cleanOffsets) {
    const end = start + n;
    if (end <= offset || start >= dirtyEnd) {
      cleanOffsets.push({ start, length: n });
      continue;
    }
    if (start < offset) cleanOffsets.push({ start, length: offset - start });
    if (end > dirtyEnd) cleanOffsets.push({ start: dirtyEnd, length: end - dirtyEnd });
  }
  while (cleanOffsets.length > MAX_INTERVALS) {
    let shortest = 0;
    for (let i = 1; i < cleanOffsets.length; i++)
      if (cleanOffsets[i].length < cleanOffsets[shortest].length) shortest = i;
    cleanOffsets.splice(shortest, 1);
  }
  return { ...r, cleanOffsets };
}
