import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/**
 * Where new objects go. V8 lets it grow to 48 MiB by and by, though what a request leaves behind is gone with its answer; in the halves of
 * 1 MiB that it begins with, the collections are many, each of which costs most of a millisecond whatever it finds. Each half is made this
 * large.
 */
const HALF = 4 << 20;
/** V8 gives no exact sizes. */
const ENOUGH = HALF * 0.85;
/** Rounds of 50 KiB after which growing is given up. */
const MOST_ROUNDS = 400;

function capacity(): number {
  for (const space of getHeapSpaceStatistics())
    if (space.space_name === 'new_space') return space.space_used_size + space.space_available_size;
  return HALF;
}

/** Brings the young generation to its size and keeps it from growing further. Cheap when it is there already. */
export function settleYoungGeneration(): void {
  const before = capacity();
  if (before < ENOUGH) {
    // It grows, by this factor, when a collection finds that enough of what is in it is still used.
    setFlagsFromString(`--semi-space-growth-factor=${Math.max(2, Math.round(HALF / before))}`);
    const used: unknown[] = [];
    for (let round = 0; round < MOST_ROUNDS && capacity() < ENOUGH; round++)
      for (let i = 0; i < 100; i++) used.push(new Array(64).fill(i));
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** What is in the heap without what is so new that it may be gone with the next collection. */
export function settledBytes(): number {
  let bytes = 0;
  for (const space of getHeapSpaceStatistics())
    if (!space.space_name.startsWith('new_')) bytes += space.space_used_size;
  return bytes;
}
