import type { Gfid } from '../../../types/gfid.ts';

/** How many files each list has (MAX_LIST_MEMBERS). */
const MAX_MEMBERS = 100;

export interface TopEntry {
  readonly gfid: Gfid;
  readonly path: string;
  value: number;
  /** When the value was reached, wall clock, milliseconds. */
  at: number;
}

/** The files of which there is most, in descending order. */
export class TopList {
  readonly entries: TopEntry[] = [];

  put(gfid: Gfid, path: string, value: number, at: number): void {
    const { entries } = this;
    const last = entries.at(-1);
    if (last !== undefined && entries.length === MAX_MEMBERS && last.value > value) return;
    let index = entries.findIndex(entry => entry.gfid === gfid);
    let entry: TopEntry;
    if (index < 0) {
      entry = { gfid, path, value, at };
      if (entries.length === MAX_MEMBERS) entries.pop();
      index = entries.push(entry) - 1;
    } else {
      entry = entries[index];
      entry.value = value;
      entry.at = at;
    }
    // Values only grow, so it can only move to the front.
    for (; index > 0 && entries[index - 1].value <= value; index--) entries[index] = entries[index - 1];
    entries[index] = entry;
  }

  clear(): void {
    this.entries.length = 0;
  }
}

/** What files are listed by (`ios_stats_type_t`), with the numbers of `gluster volume top`. */
export const TOP_KINDS = ['open', 'read', 'write', 'opendir', 'readdirp'] as const;
export type TopKind = (typeof TOP_KINDS)[number];
export const TOP_OP: Readonly<Record<TopKind | 'read-perf' | 'write-perf', number>> = {
  open: 1,
  read: 2,
  write: 3,
  opendir: 4,
  readdirp: 5,
  'read-perf': 6,
  'write-perf': 7,
};
