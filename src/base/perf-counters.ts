import { rawNumber } from './format.ts';
import { type HistogramAxis, PerfHistogram } from './perf-counters-histogram.ts';

/** perfcounter_type_d (common/perf_counters.h). */
const TIME = 0x1;
const U64 = 0x2;
const LONGRUNAVG = 0x4;
const COUNTER = 0x8;

/** perf_counter_data_any_d priorities: what is worth reporting to the manager. */
export const PRIO_CRITICAL = 10;
export const PRIO_INTERESTING = 8;
export const PRIO_USEFUL = 5;
export const PRIO_UNINTERESTING = 2;
export const PRIO_DEBUGONLY = 0;

export interface CounterOptions {
  /** Four letters for narrow displays. */
  readonly nick?: string;
  readonly priority?: number;
  readonly unit?: 'none' | 'bytes';
}

/** A component that counts in a way of its own, and fills the counters in when they are looked at. */
export interface PerfSource {
  sample(counters: PerfCounters): void;
  reset(): void;
}

interface Counter extends CounterOptions {
  readonly name: string;
  readonly desc: string;
  readonly type: number;
}

/**
 * Declares the counters of one component; each method returns the number to count with. Build once per instance:
 *
 *     const b = new PerfCountersBuilder('objecter');
 *     const L_OP_SEND = b.u64Counter('op_send', 'Operations sent');
 *     const counters = b.build();
 *     counters.inc(L_OP_SEND);
 */
export class PerfCountersBuilder {
  private readonly name: string;
  private readonly counters: Counter[] = [];
  private readonly histograms: PerfHistogram[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** Two-dimensional: how often each pair of ranges was met. Count with the histogram itself. */
  histogram(name: string, desc: string, x: HistogramAxis, y: HistogramAxis): PerfHistogram {
    const histogram = new PerfHistogram(name, desc, x, y);
    this.histograms.push(histogram);
    return histogram;
  }

  private add(name: string, desc: string, type: number, options?: CounterOptions): number {
    return this.counters.push({ name, desc, type, ...options }) - 1;
  }

  /** A level that goes up and down: operations in flight. */
  u64(name: string, desc: string, options?: CounterOptions): number {
    return this.add(name, desc, U64, options);
  }

  /** Something that only grows: operations sent. */
  u64Counter(name: string, desc: string, options?: CounterOptions): number {
    return this.add(name, desc, U64 | COUNTER, options);
  }

  /** A number with its count, so that the mean can be had: bytes of each write. */
  u64Avg(name: string, desc: string, options?: CounterOptions): number {
    return this.add(name, desc, U64 | LONGRUNAVG, options);
  }

  /** Time spent, in seconds. */
  time(name: string, desc: string, options?: CounterOptions): number {
    return this.add(name, desc, TIME, options);
  }

  /** Time with its count: latencies. */
  timeAvg(name: string, desc: string, options?: CounterOptions): number {
    return this.add(name, desc, TIME | LONGRUNAVG, options);
  }

  build(source?: PerfSource): PerfCounters {
    return new PerfCounters(this.name, this.counters, this.histograms, source);
  }
}

/** The counters of one component. Counting is one addition in a Float64Array. */
export class PerfCounters {
  readonly name: string;
  /** Values (times in seconds) and, for averages, how often; by counter number. Hot paths may add here directly. */
  readonly values: Float64Array;
  readonly counts: Float64Array;
  readonly histograms: readonly PerfHistogram[];
  private readonly counters: readonly Counter[];
  private readonly source: PerfSource | undefined;

  constructor(
    name: string,
    counters: readonly Counter[],
    histograms: readonly PerfHistogram[] = [],
    source?: PerfSource,
  ) {
    this.name = name;
    this.counters = counters;
    this.histograms = histograms;
    this.source = source;
    this.values = new Float64Array(counters.length);
    this.counts = new Float64Array(counters.length);
  }

  inc(counter: number, by = 1): void {
    this.values[counter] += by;
    this.counts[counter]++;
  }

  dec(counter: number, by = 1): void {
    this.values[counter] -= by;
  }

  set(counter: number, value: number): void {
    this.values[counter] = value;
  }

  get(counter: number): number {
    return this.values[counter];
  }

  /** Adds a time in milliseconds. */
  tinc(counter: number, ms: number): void {
    this.values[counter] += ms / 1000;
    this.counts[counter]++;
  }

  /** Counters that only grow, averages and times go to zero; levels stay as they are. */
  reset(): void {
    this.source?.reset();
    this.counters.forEach((counter, i) => {
      if (counter.type !== U64) this.values[i] = 0;
      this.counts[i] = 0;
    });
    for (const histogram of this.histograms) histogram.reset();
  }

  /** Histograms as 'perf histogram dump' gives them. */
  dumpHistograms(only?: string): Record<string, unknown> {
    const wanted = this.histograms.filter(({ name }) => only === undefined || only === '' || only === name);
    return Object.fromEntries(wanted.map(histogram => [histogram.name, histogram.dump()]));
  }

  histogramSchema(): Record<string, unknown> {
    return Object.fromEntries(this.histograms.map(histogram => [histogram.name, histogram.schema()]));
  }

  /** Values as 'perf dump' gives them; only one counter when it is named. */
  dump(only?: string): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    this.source?.sample(this);
    this.counters.forEach(({ name, type }, i) => {
      if (only !== undefined && only !== '' && only !== name) return;
      const sum = this.values[i];
      const count = this.counts[i];
      const seconds = (value: number) => rawNumber(value.toFixed(9));
      if ((type & LONGRUNAVG) === 0) out[name] = type & TIME ? seconds(sum) : sum;
      else if (type & TIME)
        out[name] = { avgcount: count, sum: seconds(sum), avgtime: seconds(count > 0 ? sum / count : 0) };
      else out[name] = { avgcount: count, sum };
    });
    return out;
  }

  /** Kinds, units and descriptions as 'perf schema' gives them. */
  schema(only?: string): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const { name, type, desc, nick, priority, unit } of this.counters) {
      if (only !== undefined && only !== '' && only !== name) continue;
      const real = (type & TIME) !== 0;
      out[name] = {
        type,
        metric_type: type & COUNTER ? 'counter' : 'gauge',
        value_type:
          type & LONGRUNAVG
            ? real
              ? 'real-integer-pair'
              : 'integer-integer-pair'
            : real
              ? 'real'
              : 'integer',
        description: desc,
        nick: nick ?? '',
        priority: priority ?? PRIO_DEBUGONLY,
        units: unit ?? 'none',
      };
    }
    return out;
  }
}

/** All counters of a program. */
export class PerfCollection {
  private readonly sets: PerfCounters[] = [];

  /** Adds a component's counters until disposed. Components of one name are told apart by a number. */
  add(counters: PerfCounters): Disposable {
    this.sets.push(counters);
    return {
      [Symbol.dispose]: () => {
        const at = this.sets.indexOf(counters);
        if (at >= 0) this.sets.splice(at, 1);
      },
    };
  }

  private *named(): Generator<[string, PerfCounters]> {
    const seen = new Map<string, number>();
    const sorted = [...this.sets].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    for (const set of sorted) {
      const n = seen.get(set.name) ?? 0;
      seen.set(set.name, n + 1);
      yield [n === 0 ? set.name : `${set.name}-${n}`, set];
    }
  }

  /** `logger` and `counter` narrow it down to one component and one counter. */
  dump(logger = '', counter = ''): Record<string, unknown> {
    return this.collect(logger, set => set.dump(counter));
  }

  schema(logger = '', counter = ''): Record<string, unknown> {
    return this.collect(logger, set => set.schema(counter));
  }

  dumpHistograms(logger = '', counter = ''): Record<string, unknown> {
    return this.collect(logger, set => set.dumpHistograms(counter));
  }

  histogramSchema(): Record<string, unknown> {
    return this.collect('', set => set.histogramSchema());
  }

  private collect(
    logger: string,
    of: (set: PerfCounters) => Record<string, unknown>,
  ): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const [name, set] of this.named()) if (logger === '' || logger === name) out[name] = of(set);
    return out;
  }

  /** Resets one component, or 'all'. False when there is none of that name. */
  reset(name: string): boolean {
    let found = false;
    for (const [known, set] of this.named())
      if (name === 'all' || name === known) {
        set.reset();
        found = true;
      }
    return found || name === 'all';
  }
}
