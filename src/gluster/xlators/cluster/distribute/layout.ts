import { ENOENT, ENOSPC, ENOTCONN, ESTALE } from './errnos.ts';

/** Kinds of layouts (`dht_hashfn_type`): ranges given by distribute, or by an administrator. */
export const HASH_TYPE_DM = 0;
export const HASH_TYPE_DM_USER = 1;
/** Commit hash of a layout whose files may lie anywhere. */
export const COMMIT_HASH_INVALID = 1;

/** `err` of an entry: the directory is there and has no layout, or is to be given one. */
export const ERR_NO_LAYOUT = -1;

/** A brick's part in a directory. */
export class LayoutEntry {
  /** Place among the children; -1 while the answer of nobody was merged into it. */
  subvolume = -1;
  /** 0: in force. ERR_NO_LAYOUT, or the errno that the brick answered with. */
  err = 0;
  start = 0;
  stop = 0;
  commitHash = 0;
}

export interface Anomalies {
  holes: number;
  overlaps: number;
  missing: number;
  down: number;
  misc: number;
  noSpace: number;
}

/** Which brick has which range of hashes of a directory's names (`dht_layout_t`). */
export class Layout {
  readonly entries: LayoutEntry[] = [];
  type = HASH_TYPE_DM;
  commitHash = 0;
  /** When it was seen with other ranges or another commit hash than before, monotonic milliseconds. */
  changedAt = Number.NEGATIVE_INFINITY;
  /** When it was made, in CHILD_UP events: an older one is looked up afresh. 0: never too old. */
  generation: number;
  /** How many bricks a directory made from it is spread over; 0: all. */
  spreadCount: number;
  /** With lookup-unhashed=auto: names were seen on bricks that they do not hash to. */
  searchUnhashed = 0;

  constructor(count: number, generation: number, spreadCount: number) {
    for (let i = 0; i < count; i++) this.entries.push(new LayoutEntry());
    this.generation = generation;
    this.spreadCount = spreadCount;
  }

  /** Whether each brick has a part. */
  isSpread(): boolean {
    for (const entry of this.entries) if (entry.stop === 0) return false;
    return true;
  }

  /** The child that a hash belongs to; -1: none. */
  search(hash: number): number {
    for (const entry of this.entries) if (entry.start <= hash && entry.stop >= hash) return entry.subvolume;
    return -1;
  }

  of(subvolume: number): LayoutEntry | undefined {
    for (const entry of this.entries) if (entry.subvolume === subvolume) return entry;
    return undefined;
  }

  /** The entry that the next answer is merged into. */
  take(subvolume: number): LayoutEntry {
    for (const entry of this.entries)
      if (entry.subvolume < 0) {
        entry.subvolume = subvolume;
        return entry;
      }
    throw new RangeError('a layout has no entry left');
  }

  /** By range; who has none comes first. */
  sort(): void {
    this.entries.sort((x, y) => {
      const emptyX = x.start === 0 && x.stop === 0;
      const emptyY = y.start === 0 && y.stop === 0;
      if (emptyX || emptyY) return Number(emptyY) - Number(emptyX);
      return x.start - y.start;
    });
  }

  /** By the children's names, byte by byte. */
  sortByName(names: readonly string[]): void {
    this.entries.sort((x, y) => {
      const a = names[x.subvolume];
      const b = names[y.subvolume];
      return a < b ? -1 : a > b ? 1 : 0;
    });
  }

  /** What is wrong with it. Sorted by range before. */
  anomalies(): Anomalies {
    const found: Anomalies = { holes: 0, overlaps: 0, missing: 0, down: 0, misc: 0, noSpace: 0 };
    const end = (this.entries[0].start - 1) >>> 0;
    let stop = end;
    let virgin = true;
    for (const entry of this.entries) {
      switch (entry.err) {
        case ERR_NO_LAYOUT:
        case ENOENT:
        case ESTALE:
          found.missing++;
          continue;
        case ENOTCONN:
          found.down++;
          continue;
        case ENOSPC:
          found.noSpace++;
          continue;
        case 0:
          break;
        default:
          found.misc++;
          continue;
      }
      // The brick takes no part (directory-layout-spread).
      if (entry.start === entry.stop) continue;
      virgin = false;
      const next = (stop + 1) >>> 0;
      if (next < entry.start) found.holes++;
      if (next > entry.start) found.overlaps++;
      stop = entry.stop;
    }
    if (end !== stop || virgin) found.holes++;
    return found;
  }

  /** Bricks that do not have the directory. */
  missingDirectories(): number {
    let missing = 0;
    for (const entry of this.entries)
      if (entry.err === ENOENT || (entry.err === ERR_NO_LAYOUT && entry.start === 0 && entry.stop === 0))
        missing++;
    return missing;
  }

  /** Sorts it. 0: in order; -1: has holes or overlaps; else how many bricks do not have the directory. */
  normalize(): number {
    this.sort();
    const { holes, overlaps } = this.anomalies();
    if (holes > 0 || overlaps > 0) return -1;
    return this.missingDirectories();
  }

  /** The brick has a range, whether it works or not. */
  hasRange(subvolume: number): boolean {
    const entry = this.of(subvolume);
    return entry !== undefined && entry.start !== entry.stop;
  }

  /** Bricks with a range that is in force. */
  span(): number {
    let count = 0;
    for (const entry of this.entries) if (entry.err === 0 && entry.start !== entry.stop) count++;
    return count;
  }

  clearRanges(): void {
    for (const entry of this.entries) {
      entry.start = 0;
      entry.stop = 0;
    }
  }
}
