import type { GraphEntry, ReaddirAnswer } from '../../../graph/fops.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Gfid } from '../../../types/gfid.ts';

/** What an entry counts for besides its name (`gf_dirent_t`). */
const ENTRY_SIZE = 208;

export function sizeOfEntry(entry: GraphEntry): number {
  return ENTRY_SIZE + entry.name.length + 1;
}

/** A request that waits until enough is there. */
export interface Waiting {
  readonly size: number;
  readonly resolve: (answer: ReaddirAnswer) => void;
  readonly reject: (thrown: unknown) => void;
}

/** What was listed ahead of an open directory. */
export class Listing {
  readonly entries: GraphEntry[] = [];
  /** Bytes that `entries` count for. */
  size = 0;
  /** Where the next request must go on to be answered from here, and where the next listing goes on. */
  offset = 0n;
  nextOffset = 0n;
  /** Never begun. */
  fresh = true;
  running = false;
  /** Nothing is given out until there is enough, or all. */
  plugged = false;
  ended = false;
  failed: unknown;
  /** Requests go by. */
  bypass = false;
  waiting: Waiting | undefined = undefined;
  /** What its listings ask for of each entry. */
  request: Dict | undefined = undefined;
  /** A listing is under way; what was changed since it began. */
  underWay = false;
  changed: Set<Gfid> | undefined = undefined;
  released = false;
  life = 0;

  /** Whether a request of that size can be answered. */
  serves(size: number): boolean {
    return (
      this.ended ||
      this.failed !== undefined ||
      (!this.plugged && this.size > 0) ||
      (size > 0 && this.size >= size)
    );
  }

  /** Starts over. */
  reset(): void {
    this.entries.length = 0;
    this.size = 0;
    this.offset = 0n;
    this.nextOffset = 0n;
    this.fresh = true;
    this.ended = false;
    this.failed = undefined;
    this.request = undefined;
  }
}
