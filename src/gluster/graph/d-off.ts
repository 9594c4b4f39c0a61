import type { Xlator } from './xlator.ts';

/**
 * Offsets of directory entries that say which brick they belong to (libglusterfs/gf-dirent.c). The leaf of a graph (protocol/client)
 * puts its number among all leaves into each offset that it returns and takes it out of each that it is given; a cluster xlator above
 * reads the number to know where a listing goes on.
 *
 * Small offsets are multiplied by the number of leaves; of large ones (hashes of ext4 and XFS) the lowest bits give way, and bit 62
 * marks them.
 */

const TOP_BIT = 1n << 62n;
const PRESENT_MASK = (1n << 63n) - 1n;
const ALL = (1n << 64n) - 1n;

function bitsFor(leaves: number): bigint {
  let bits = 0n;
  for (let n = 1; n < leaves; n *= 2) bits++;
  return bits;
}

/** What leaf number `leaf` of `leaves` gives out for its own offset. */
export function encodeOffset(offset: bigint, leaf: number, leaves: number): bigint {
  if (offset === 0n || offset === ALL || leaves === 1) return offset;
  const bits = bitsFor(leaves);
  const high = ALL ^ (PRESENT_MASK >> (bits + 1n));
  if ((offset & high) !== 0n) {
    const kept = ALL ^ ((1n << bits) - 1n);
    return TOP_BIT | ((offset >> 1n) & kept) | BigInt(leaf);
  }
  return offset * BigInt(leaves) + BigInt(leaf);
}

/** The leaf that an offset came from. */
export function leafOfOffset(offset: bigint, leaves: number): number {
  if (leaves === 1) return 0;
  if ((offset & TOP_BIT) !== 0n) return Number(offset & ((1n << bitsFor(leaves)) - 1n));
  return Number(offset % BigInt(leaves));
}

/** The leaf's own offset again; of a large one, near enough for the file system to go on from. */
export function decodeOffset(offset: bigint, leaves: number): bigint {
  if (leaves === 1) return offset;
  if ((offset & TOP_BIT) !== 0n) {
    const kept = ALL ^ ((1n << bitsFor(leaves)) - 1n);
    return ((offset & ALL & ~TOP_BIT & kept) << 1n) & ALL;
  }
  return offset / BigInt(leaves);
}

/** The leaves of a graph from left to right, below its top layer: their places are their numbers. */
export function leavesOf(xlators: readonly Xlator[]): Xlator[] {
  const leaves: Xlator[] = [];
  const walk = (xlator: Xlator): void => {
    for (const child of xlator.children) walk(child);
    if (xlator.children.length === 0) leaves.push(xlator);
  };
  if (xlators.length > 0) walk(xlators[0]);
  return leaves;
}
