import type { OutputFormat } from '../shared/format.ts';
import { formatGeneral, renderJson } from '../shared/format.ts';
import type { Progress } from '../shared/progress.ts';
import type { BenchRequest, BenchRun } from './bench-run.ts';
import { localNow } from './time.ts';

const MIB = 1024 * 1024;

function stddev(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

const max = (values: readonly number[], otherwise: number) =>
  values.length === 0 ? otherwise : Math.max(...values);
const min = (values: readonly number[], otherwise: number) =>
  values.length === 0 ? otherwise : Math.min(...values);

/** A double as C++ streams print it. */
const g = (value: number) => formatGeneral(value, 6);
const f = (value: number) => value.toFixed(6);
const cell = (value: string | number, width: number) => ` ${String(value).padStart(width)}`;

/** The lines and closing figures of a benchmark, each where `rados bench` has it. */
export class BenchReport {
  private readonly request: BenchRequest;
  private readonly format: OutputFormat | undefined;
  private readonly write: (text: string) => void;
  private readonly showTime: boolean;
  private readonly progress: Progress;
  private readonly document: Record<string, unknown> = {};
  private readonly seconds: Record<string, string>[] = [];
  private readonly bandwidths: number[] = [];
  private readonly rates: number[] = [];
  private tick = 0;
  private sinceChange = 0;
  private seen = 0;

  constructor(
    request: BenchRequest,
    output: {
      format: OutputFormat | undefined;
      showTime: boolean;
      write: (text: string) => void;
      progress: Progress;
    },
  ) {
    this.request = request;
    this.format = output.format === 'plain' ? undefined : output.format;
    this.write = output.write;
    this.showTime = output.showTime;
    this.progress = output.progress;
  }

  /** Lines by the second so far. */
  get lines(): number {
    return this.tick;
  }

  private line(text: string): void {
    this.progress.done();
    this.write(`${this.showTime ? `${localNow()} ` : ''}${text}\n`);
  }

  /** Before a run that writes. */
  begin(maxObjects: number): void {
    const { depth, opSize, objectSize, seconds, prefix } = this.request;
    if (this.format !== undefined) {
      this.document['concurrent_ios'] = `${depth}`;
      this.document['object_size'] = `${objectSize}`;
      this.document['op_size'] = `${opSize}`;
      this.document['seconds_to_run'] = `${seconds}`;
      this.document['max_objects'] = `${maxObjects}`;
      this.document['object_prefix'] = prefix;
      return;
    }
    this.line(
      `Maintaining ${depth} concurrent writes of ${opSize} bytes to objects of size ${objectSize} for up to ` +
        `${seconds} seconds or ${maxObjects} objects`,
    );
    this.line(`Object prefix: ${prefix}`);
  }

  /** Once a second, the first time at the beginning. */
  second(run: BenchRun): void {
    const i = this.tick++;
    if (i % 20 === 0 && this.format === undefined) this.heading(run, i > 0);
    const moved = run.finished - this.seen;
    let bandwidth = -1;
    if (this.sinceChange > 0) {
      bandwidth = (moved * this.request.opSize) / MIB / this.sinceChange;
      this.bandwidths.push(bandwidth);
      this.rates.push(Math.trunc(moved / this.sinceChange));
    }
    if (moved > 0) {
      this.seen = run.finished;
      this.sinceChange = 0;
    }
    const elapsed = (performance.now() - run.startedAt) / 1000;
    const average = (this.request.opSize * run.finished) / elapsed / MIB;
    this.show(run, i, average, moved > 0 ? bandwidth : undefined);
    this.sinceChange++;
  }

  private heading(run: BenchRun, again: boolean): void {
    if (again) {
      this.progress.done();
      const { minLatency, maxLatency, averageLatency } = run;
      this.write(
        `${localNow()} min lat: ${g(minLatency)} max lat: ${g(maxLatency)} avg lat: ${g(averageLatency)}\n`,
      );
    }
    this.line('  sec Cur ops   started  finished  avg MB/s  cur MB/s last lat(s)  avg lat(s)');
  }

  /** `current` is undefined when nothing finished. */
  private show(run: BenchRun, i: number, average: number, current: number | undefined): void {
    if (this.format !== undefined) {
      this.seconds.push({
        sec: `${i}`,
        cur_ops: `${run.inFlight}`,
        started: `${run.started}`,
        finished: `${run.finished}`,
        avg_bw: f(average),
        cur_bw: f(current ?? 0),
        last_lat: f(current === undefined ? 0 : run.lastLatency),
        avg_lat: f(run.averageLatency),
      });
      return;
    }
    this.line(
      `${String(i).padStart(5)}${cell(run.inFlight, 7)}${cell(run.started, 9)}${cell(run.finished, 9)}` +
        `${cell(g(average), 9)}${cell(current === undefined ? '0' : g(current), 9)}` +
        `${cell(current === undefined ? '-' : g(run.lastLatency), 11)}${cell(g(run.averageLatency), 11)}`,
    );
  }

  /** The one line of the moment, on a terminal. */
  live(run: BenchRun): void {
    this.progress.update(() => {
      const elapsed = (performance.now() - run.startedAt) / 1000;
      const rate = run.finished / elapsed;
      const { opSize, seconds } = this.request;
      const of = seconds > 0 ? ` of ${seconds}` : '';
      return (
        `${elapsed.toFixed(1)}${of} s  ${run.finished} ops  ${rate.toFixed(0)} ops/s  ` +
        `${((rate * opSize) / MIB).toFixed(1)} MB/s  avg ${(run.averageLatency * 1000).toFixed(2)} ms`
      );
    });
  }

  /** After the last operation; `seconds` is what the run took. */
  end(run: BenchRun, seconds: number): void {
    const { opSize, objectSize, operation } = this.request;
    const bandwidth = (run.finished * opSize) / seconds / MIB;
    const rate = Math.trunc(run.finished / seconds);
    const writes = operation === 'write';
    const minLatency = run.finished === 0 ? 0 : run.minLatency;
    // A run that ended within its first second has no figures by the second, so the whole of it is one.
    const rates = this.rates.length > 0 ? this.rates : [rate];
    const bandwidths = this.bandwidths.length > 0 ? this.bandwidths : [bandwidth];
    const fields: (readonly [label: string, key: string, value: string, json: string])[] = [
      ['Total time run:', 'total_time_run', g(seconds), f(seconds)],
      [
        writes ? 'Total writes made:' : 'Total reads made:',
        writes ? 'total_writes_made' : 'total_reads_made',
        `${run.finished}`,
        `${run.finished}`,
      ],
      [writes ? 'Write size:' : 'Read size:', writes ? 'write_size' : 'read_size', `${opSize}`, `${opSize}`],
      ['Object size:', 'object_size', `${objectSize}`, `${objectSize}`],
      ['Bandwidth (MB/sec):', 'bandwidth', g(bandwidth), f(bandwidth)],
    ];
    const figure = (label: string, key: string, value: number) =>
      fields.push([label, key, g(value), f(value)]);
    const count = (label: string, key: string, value: number) =>
      fields.push([label, key, `${value}`, `${value}`]);
    if (writes) {
      figure('Stddev Bandwidth:', 'stddev_bandwidth', stddev(bandwidths));
      figure('Max bandwidth (MB/sec):', 'max_bandwidth', max(bandwidths, 0));
      figure('Min bandwidth (MB/sec):', 'min_bandwidth', min(bandwidths, 0));
    }
    count('Average IOPS:', 'average_iops', rate);
    fields.push(['Stddev IOPS:', 'stddev_iops', g(stddev(rates)), `${Math.trunc(stddev(rates))}`]);
    count('Max IOPS:', 'max_iops', max(rates, 0));
    count('Min IOPS:', 'min_iops', min(rates, 0));
    figure('Average Latency(s):', 'average_latency', run.averageLatency);
    if (writes) figure('Stddev Latency(s):', 'stddev_latency', run.stddevLatency);
    figure('Max latency(s):', 'max_latency', run.maxLatency);
    figure('Min latency(s):', 'min_latency', minLatency);
    if (this.format !== undefined) {
      this.document['datas'] = this.seconds;
      for (const [, key, , json] of fields) this.document[key] = json;
      return;
    }
    const width = writes ? 24 : 22;
    this.line(fields.map(([label, , value]) => label.padEnd(width) + value).join('\n'));
  }

  /** Writes the document of a format that has one. */
  flush(): void {
    if (this.format === undefined) return;
    this.write(`${renderJson(this.document, this.format).trimEnd()}\n`);
  }
}
