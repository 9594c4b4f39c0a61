import { FOP_LABELS } from '../../../graph/fop-labels.ts';
import { FOP_NAMES, FOP_NUMBERS, type FopName } from '../../../graph/fops.ts';

/** Blocks are counted by the power of two below their size. */
export const BLOCK_CLASSES = 32;
/** What is counted besides fops (`glusterfs_fop_t`). */
const EXTRA = { FORGET: 41, RELEASE: 42, RELEASEDIR: 43 } as const;
export type ExtraFop = keyof typeof EXTRA;
const MAX_FOP = 59;

/** Numbers and labels of all that is counted, ascending. */
export const COUNTED: readonly (readonly [number: number, label: string])[] = [
  ...FOP_NAMES.map(fop => [FOP_NUMBERS[fop], FOP_LABELS[fop]] as const),
  ...Object.entries(EXTRA).map(([label, number]) => [number, label] as const),
].sort(([a], [b]) => a - b);

/** Nanoseconds. */
export interface FopLatency {
  total: number;
  min: number;
  max: number;
  avg: number;
}

/** What happened since a point in time (`struct ios_global_stats`). */
export class Counters {
  /** Wall clock, milliseconds. */
  startedAt: number;
  dataRead = 0;
  dataWritten = 0;
  readonly blocksRead = new Float64Array(BLOCK_CLASSES);
  readonly blocksWritten = new Float64Array(BLOCK_CLASSES);
  readonly hits = new Float64Array(MAX_FOP);
  readonly latency: (FopLatency | undefined)[] = new Array(MAX_FOP);

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  hit(fop: FopName, elapsed: number): void {
    const number = FOP_NUMBERS[fop];
    const count = ++this.hits[number];
    const latency = this.latency[number];
    if (latency === undefined) {
      this.latency[number] = { total: elapsed, min: elapsed, max: elapsed, avg: elapsed };
      return;
    }
    latency.total += elapsed;
    if (elapsed < latency.min) latency.min = elapsed;
    if (elapsed > latency.max) latency.max = elapsed;
    latency.avg += (elapsed - latency.avg) / count;
  }

  extra(fop: ExtraFop): void {
    this.hits[EXTRA[fop]]++;
  }

  read(length: number): void {
    this.dataRead += length;
    this.blocksRead[blockClass(length)]++;
  }

  written(length: number): void {
    this.dataWritten += length;
    this.blocksWritten[blockClass(length)]++;
  }
}

/** log2, rounded down; 0 for nothing. */
export function blockClass(length: number): number {
  return length <= 0 ? 0 : 31 - Math.clz32(length);
}
