import type { SnapInterval } from '../types/interval-set.ts';

/** Sets of snap ids as sorted runs that do not touch (interval_set<snapid_t>). */

/** All that is in either. */
export function unionOf(a: readonly SnapInterval[], b: readonly SnapInterval[]): SnapInterval[] {
  const all = [...a, ...b].sort((x, y) => (x.start < y.start ? -1 : x.start > y.start ? 1 : 0));
  const out: { start: bigint; length: bigint }[] = [];
  for (const { start, length } of all) {
    const last = out.at(-1);
    if (last !== undefined && start <= last.start + last.length) {
      const end = start + length;
      if (end > last.start + last.length) last.length = end - last.start;
    } else out.push({ start, length });
  }
  return out;
}

/** What is in `a` and not in `b`. */
export function difference(a: readonly SnapInterval[], b: readonly SnapInterval[]): SnapInterval[] {
  let left: SnapInterval[] = a.slice();
  for (const hole of b) {
    const holeEnd = hole.start + hole.length;
    const next: SnapInterval[] = [];
    for (const run of left) {
      const end = run.start + run.length;
      if (end <= hole.start || run.start >= holeEnd) {
        next.push(run);
        continue;
      }
      if (run.start < hole.start) next.push({ start: run.start, length: hole.start - run.start });
      if (end > holeEnd) next.push({ start: holeEnd, length: end - holeEnd });
    }
    left = next;
  }
  return left;
}

export function containsSnap(set: readonly SnapInterval[], snap: bigint): boolean {
  return set.some(({ start, length }) => snap >= start && snap < start + length);
}
