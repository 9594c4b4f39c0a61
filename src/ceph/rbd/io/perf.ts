import { type PerfCounters, PerfCountersBuilder } from '../../../base/perf-counters.ts';

/** An image's counters, as librbd has them (ImageCtx::perf_start). */
export interface ImagePerf {
  readonly counters: PerfCounters;
  readonly rd: number;
  readonly rdBytes: number;
  readonly rdLatency: number;
  readonly wr: number;
  readonly wrBytes: number;
  readonly wrLatency: number;
  readonly discard: number;
  readonly discardBytes: number;
  readonly discardLatency: number;
  readonly flush: number;
  readonly flushLatency: number;
  readonly ws: number;
  readonly wsBytes: number;
  readonly wsLatency: number;
  readonly cmp: number;
  readonly cmpBytes: number;
  readonly cmpLatency: number;
  readonly readahead: number;
  readonly readaheadBytes: number;
}

/** `name`: 'librbd-<id>-<pool>-<image>', with '-<snapshot>' when the handle looks at one. */
export function imagePerf(name: string): ImagePerf {
  const b = new PerfCountersBuilder(name);
  const bytes = { unit: 'bytes' } as const;
  const ids = {
    rd: b.u64Counter('rd', 'Reads'),
    rdBytes: b.u64Counter('rd_bytes', 'Data size in reads', bytes),
    rdLatency: b.timeAvg('rd_latency', 'Latency of reads'),
    wr: b.u64Counter('wr', 'Writes'),
    wrBytes: b.u64Counter('wr_bytes', 'Written data', bytes),
    wrLatency: b.timeAvg('wr_latency', 'Write latency'),
    discard: b.u64Counter('discard', 'Discards'),
    discardBytes: b.u64Counter('discard_bytes', 'Discarded data', bytes),
    discardLatency: b.timeAvg('discard_latency', 'Discard latency'),
    flush: b.u64Counter('flush', 'Flushes'),
    flushLatency: b.timeAvg('flush_latency', 'Latency of flushes'),
    ws: b.u64Counter('ws', 'WriteSames'),
    wsBytes: b.u64Counter('ws_bytes', 'WriteSame data', bytes),
    wsLatency: b.timeAvg('ws_latency', 'WriteSame latency'),
    cmp: b.u64Counter('cmp', 'CompareAndWrites'),
    cmpBytes: b.u64Counter('cmp_bytes', 'Data size in cmps', bytes),
    cmpLatency: b.timeAvg('cmp_latency', 'Latency of cmps'),
    readahead: b.u64Counter('readahead', 'Read ahead'),
    readaheadBytes: b.u64Counter('readahead_bytes', 'Data size in read ahead', bytes),
  };
  return { ...ids, counters: b.build() };
}

/** Counts a finished IO_WRITE, IO_DISCARD, IO_WRITE_SAME or IO_COMPARE. `ms`: how long it took. */
export function countWrite(perf: ImagePerf, type: number, length: number, ms: number): void {
  const { counters, wr, discard, ws, cmp } = perf;
  // Number, bytes and latency of each kind stand one after another.
  const first = [0, wr, discard, ws, cmp][type];
  counters.inc(first);
  counters.inc(first + 1, length);
  counters.tinc(first + 2, ms);
}
