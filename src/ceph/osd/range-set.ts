import type { Interval } from '../types/interval-set.ts';

/** A set of byte ranges (interval_set<uint64_t>), sorted, without neighbours that touch. */
export class RangeSet {
  private list: Interval[];

  constructor(list: readonly Interval[] = []) {
    this.list = list.filter(({ length }) => length > 0);
  }

  get intervals(): readonly Interval[] {
    return this.list;
  }

  get size(): number {
    let n = 0;
    for (const { length } of this.list) n += length;
    return n;
  }

  add(start: number, length: number): void {
    if (length <= 0) return;
    let from = start;
    let to = start + length;
    const kept: Interval[] = [];
    for (const run of this.list) {
      const end = run.start + run.length;
      if (end < from || run.start > to) kept.push(run);
      else {
        from = Math.min(from, run.start);
        to = Math.max(to, end);
      }
    }
    kept.push({ start: from, length: to - from });
    this.list = kept.sort((a, b) => a.start - b.start);
  }

  subtract(other: RangeSet): void {
    for (const cut of other.list) {
      const cutEnd = cut.start + cut.length;
      const kept: Interval[] = [];
      for (const run of this.list) {
        const end = run.start + run.length;
        if (end <= cut.start || run.start >= cutEnd) {
          kept.push(run);
          continue;
        }
        if (run.start < cut.start) kept.push({ start: run.start, length: cut.start - run.start });
        if (end > cutEnd) kept.push({ start: cutEnd, length: end - cutEnd });
      }
      this.list = kept;
    }
  }

  intersect(other: RangeSet): void {
    const both: Interval[] = [];
    for (const a of this.list)
      for (const b of other.list) {
        const start = Math.max(a.start, b.start);
        const end = Math.min(a.start + a.length, b.start + b.length);
        if (end > start) both.push({ start, length: end - start });
      }
    this.list = both;
  }
}
