import { formatGfid } from '../../../types/gfid.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOENT, ENOSPC } from './errnos.ts';
import { ERR_NO_LAYOUT, HASH_TYPE_DM_USER, Layout, type LayoutEntry } from './layout.ts';
import type { PathedLoc } from './loc.ts';

const ALL_HASHES = 0xffffffff;

/** How many bricks a new layout is spread over; marks in `err` which may get a range. */
function bricksToUse(dht: Distribute, layout: Layout): number {
  for (const entry of layout.entries) if (dht.decommissioned[entry.subvolume]) entry.err = EINVAL;
  let count = 0;
  for (const entry of layout.entries) {
    if (entry.err !== ERR_NO_LAYOUT && entry.err !== 0 && entry.err !== ENOENT) continue;
    count++;
    if (entry.err === 0) entry.err = ERR_NO_LAYOUT;
  }
  // No brick has enough space; a directory is made all the same.
  if (count === 0)
    for (const entry of layout.entries)
      if (entry.err === ENOSPC) {
        entry.err = ERR_NO_LAYOUT;
        count++;
      }
  if (layout.spreadCount > 0 && layout.spreadCount <= count) return layout.spreadCount;
  return count === 0 ? 1 : count;
}

const getsRange = (entry: LayoutEntry): boolean => entry.err === ERR_NO_LAYOUT || entry.err === ENOENT;

/**
 * Gives each brick that can have one a range of hashes, as for a new directory. The first range goes to the brick that the hash of the
 * path (or the gfid) names, so that the first bricks do not get the first range of all directories; sorted by name before.
 */
export function layOutNewDirectory(dht: Distribute, loc: PathedLoc, layout: Layout): void {
  const bricks = bricksToUse(dht, layout);
  let weighted = dht.config.weightedRebalance;
  let total = 0;
  let used = 0;
  for (const entry of layout.entries) {
    if (!getsRange(entry)) continue;
    const size = dht.usage.chunks(entry.subvolume);
    if (size === 0) {
      weighted = false;
      break;
    }
    total += size;
    if (++used >= bricks) break;
  }
  if (total === 0) weighted = false;
  const chunk = ALL_HASHES / (weighted ? total : bricks);
  const text = dht.config.randomizeByGfid ? formatGfid(loc.gfid) : loc.fullPath;
  const first = dht.names.of(text) % layout.entries.length;
  layout.clearRanges();
  let start = 0;
  used = 0;
  for (let n = 0; n < layout.entries.length; n++) {
    const entry = layout.entries[(n + first) % layout.entries.length];
    if (!getsRange(entry)) continue;
    const size = weighted ? dht.usage.chunks(entry.subvolume) : 1;
    if (size === 0) continue;
    const range = Math.floor(chunk * size) >>> 0;
    entry.start = start;
    entry.stop = (start + range - 1) >>> 0;
    entry.commitHash = layout.commitHash;
    if (++used >= bricks) {
      entry.stop = ALL_HASHES;
      return;
    }
    start = (start + range) >>> 0;
  }
}

/**
 * A layout for a directory that has one, over the bricks that there are now, in which as many hashes as possible stay where they are.
 * Undefined when a brick is down: then it is left alone.
 */
export function layOutAgain(dht: Distribute, loc: PathedLoc, old: Layout): Layout | undefined {
  if (old.type === HASH_TYPE_DM_USER) return old;
  if (old.anomalies().down > 0) return undefined;
  const layout = new Layout(old.entries.length, dht.generation, old.spreadCount);
  layout.commitHash = old.commitHash;
  old.entries.forEach((entry, i) => {
    layout.entries[i].subvolume = entry.subvolume;
    layout.entries[i].err = entry.err === ENOSPC ? ERR_NO_LAYOUT : entry.err;
  });
  layout.sortByName(dht.childNames);
  layOutNewDirectory(dht, loc, layout);
  if (!dht.config.weightedRebalance || dht.usage.allAlike()) maximizeOverlap(dht, layout, old);
  return layout;
}

function overlapOf(old: LayoutEntry, fresh: LayoutEntry): number {
  if (old.err > 0 || fresh.err > 0) return 0;
  if (old.start === old.stop || fresh.start === fresh.stop) return 0;
  if (old.start > fresh.stop || old.stop < fresh.start) return 0;
  return Math.min(old.stop, fresh.stop) - Math.max(old.start, fresh.start) + 1;
}

/** Swaps ranges among bricks wherever that leaves more hashes with their brick. */
function maximizeOverlap(dht: Distribute, fresh: Layout, old: Layout): void {
  old.sortByName(dht.childNames);
  const n = fresh.entries.length;
  const table = fresh.entries.map(entry => old.entries.map(o => overlapOf(o, entry)));
  for (let i = 0; i < n; i++) {
    if (fresh.entries[i].err > 0) continue;
    let best = 0;
    let with_ = i;
    for (let j = i + 1; j < n; j++) {
      if (fresh.entries[j].err > 0) continue;
      const gain = table[i][j] + table[j][i] - (table[i][i] + table[j][j]);
      if (gain > best) {
        best = gain;
        with_ = j;
      }
    }
    if (with_ === i) continue;
    const a = fresh.entries[i];
    const b = fresh.entries[with_];
    [a.start, b.start] = [b.start, a.start];
    [a.stop, b.stop] = [b.stop, a.stop];
    [table[i], table[with_]] = [table[with_], table[i]];
  }
}
