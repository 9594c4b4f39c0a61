import { FOP_NAMES, type FopName } from './fops.ts';

/** How long a fop took in one layer and those below it (`gf_latency_t`). Milliseconds. */
export interface Latency {
  count: number;
  total: number;
  min: number;
  max: number;
}

/** The latencies of an xlator's fops, by number of the fop in `FOP_NAMES`. */
export class LatencyTable {
  private readonly cells: (Latency | undefined)[] = new Array(FOP_NAMES.length);

  add(fop: number, took: number): void {
    const cell = this.cells[fop];
    if (cell === undefined) {
      this.cells[fop] = { count: 1, total: took, min: took, max: took };
      return;
    }
    cell.count++;
    cell.total += took;
    if (took < cell.min) cell.min = took;
    if (took > cell.max) cell.max = took;
  }

  *entries(): Iterable<readonly [FopName, Latency]> {
    for (let fop = 0; fop < FOP_NAMES.length; fop++) {
      const cell = this.cells[fop];
      if (cell !== undefined) yield [FOP_NAMES[fop], cell];
    }
  }

  clear(): void {
    this.cells.fill(undefined);
  }
}

/** Milliseconds as whole nanoseconds, as dumps write latencies. */
export function nanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}
