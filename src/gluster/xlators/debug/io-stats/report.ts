import { formatLogTime } from '../../../graph/log.ts';
import { DICT_DOUBLE, type Dict } from '../../../types/dict.ts';
import { BLOCK_CLASSES, COUNTED, type Counters } from './counters.ts';
import type { TopList } from './top-files.ts';

/*
 * Reports of io-stats: as text (io_stats_dump_global_to_logfp), as JSON (..._to_json_logfp), and as the dict that `gluster volume profile`
 * makes its tables of (..._to_dict).
 */

const PER_LINE = 3;
/** The interval's number where all since the start is told. */
export const CUMULATIVE = -1;

/** What is open, and the lists of files. */
export interface FileStats {
  readonly opens: number;
  readonly maxOpens: number;
  readonly maxOpensAt: number;
  readonly lists: readonly (readonly [title: string, column: string, list: TopList])[];
  readonly throughput: readonly (readonly [title: string, list: TopList])[];
}

function micros(nanoseconds: number): string {
  return (nanoseconds / 1000).toFixed(2);
}

export function textReport(counters: Counters, now: number, interval: number, files?: FileStats): string {
  const lines = [
    interval === CUMULATIVE ? '\n=== Cumulative stats ===' : `\n=== Interval ${interval} stats ===`,
    `      Duration : ${seconds(counters, now)} secs`,
    `     BytesRead : ${counters.dataRead}`,
    `  BytesWritten : ${counters.dataWritten}\n`,
    ...blockTable(counters),
    fopLine('Fop', 'Call Count', 'Avg-Latency', 'Min-Latency', 'Max-Latency'),
    fopLine('---', '----------', '-----------', '-----------', '-----------'),
  ];
  for (const [number, label] of COUNTED) {
    const hits = counters.hits[number];
    const latency = counters.latency[number];
    if (hits === 0) continue;
    const [avg, min, max] =
      latency === undefined ? ['0', '0', '0'] : [latency.avg, latency.min, latency.max].map(micros);
    lines.push(
      `${label.padEnd(13)} ${String(hits).padStart(10)} ${avg.padStart(11)} us ${min.padStart(11)} us ${max.padStart(11)} us`,
    );
  }
  lines.push('------ ----- ----- ----- ----- ----- ----- -----  ----- ----- ----- -----\n');
  if (files !== undefined) lines.push(...fileLines(files));
  return `${lines.join('\n')}\n`;
}

function seconds(counters: Counters, now: number): number {
  return Math.floor((now - counters.startedAt) / 1000);
}

function fopLine(fop: string, ...columns: string[]): string {
  const [count, ...rest] = columns;
  return [fop.padEnd(13), count.padStart(10), ...rest.map(column => column.padStart(14))].join(' ');
}

function blockTable({ blocksRead, blocksWritten }: Counters): string[] {
  const used: number[] = [];
  for (let i = 0; i < BLOCK_CLASSES; i++) if (blocksRead[i] + blocksWritten[i] > 0) used.push(i);
  const lines: string[] = [];
  for (let from = 0; from < used.length; from += PER_LINE) {
    const part = used.slice(from, from + PER_LINE);
    const row = (title: string, cell: (i: number) => string) =>
      `${title.padEnd(12)} :${part.map(i => cell(i).padStart(18)).join('')}`;
    lines.push(
      row('Block Size', i => `${2 ** i}B+`),
      row('Read Count', i => String(blocksRead[i])),
      `${row('Write Count', i => String(blocksWritten[i]))}\n`,
    );
  }
  return lines;
}

function fileLines(files: FileStats): string[] {
  const { opens, maxOpens, maxOpensAt, lists, throughput } = files;
  const lines = [`Current open fd's: ${opens} Max open fd's: ${maxOpens} time ${formatLogTime(maxOpensAt)}`];
  for (const [title, column, list] of lists) {
    lines.push(`\n${title}`, `\nCOUNT:  \t  ${column}`);
    for (const { value, path } of list.entries) lines.push(`${String(value).padEnd(12)} ${path}`);
  }
  for (const [title, list] of throughput) {
    lines.push(`\n${title}`, '\nTIMESTAMP \t\t\t THROUGHPUT(KBPS)\tFILE NAME');
    for (const { at, value, path } of list.entries)
      lines.push(`${formatLogTime(at)} \t ${value.toFixed(2).padEnd(10)}  \t  ${path}`);
  }
  return lines;
}

/** Adds a report to a dict; keys begin with the number of the interval, -1 for all since the start. */
export function dictReport(counters: Counters, now: number, interval: number, into: Dict): Dict {
  into.setInt(interval === CUMULATIVE ? 'cumulative' : 'interval', interval);
  into.setUint(`${interval}-duration`, seconds(counters, now));
  into.setUint(`${interval}-total-read`, counters.dataRead);
  into.setUint(`${interval}-total-write`, counters.dataWritten);
  for (let i = 0; i < BLOCK_CLASSES; i++)
    if (counters.blocksRead[i] > 0) into.setUint(`${interval}-read-${2 ** i}`, counters.blocksRead[i]);
  for (let i = 0; i < BLOCK_CLASSES; i++)
    if (counters.blocksWritten[i] > 0) into.setUint(`${interval}-write-${2 ** i}`, counters.blocksWritten[i]);
  for (const [number] of COUNTED) {
    if (counters.hits[number] === 0) continue;
    into.setUint(`${interval}-${number}-hits`, counters.hits[number]);
    const latency = counters.latency[number];
    if (latency === undefined) continue;
    into.set(`${interval}-${number}-avglatency`, { type: DICT_DOUBLE, value: latency.avg });
    into.set(`${interval}-${number}-minlatency`, { type: DICT_DOUBLE, value: latency.min });
    into.set(`${interval}-${number}-maxlatency`, { type: DICT_DOUBLE, value: latency.max });
  }
  return into;
}

/** `prefix`: 'gluster.vg0'. */
export function jsonReport(counters: Counters, now: number, interval: number, prefix: string): string {
  const kind = interval === CUMULATIVE ? 'aggr' : 'inter';
  const values: Record<string, string | number> = {};
  const key = (name: string) => `${prefix}.${kind}.${name}`;
  for (let i = 0; i < BLOCK_CLASSES - 1; i++) {
    const size = 2 ** i;
    const unit = size >= 1 << 20 ? `${size >> 20}mb` : size >= 1024 ? `${size >> 10}kb` : `${size}b`;
    values[key(`read_${unit}`)] = counters.blocksRead[i];
    values[key(`write_${unit}`)] = counters.blocksWritten[i];
  }
  for (const [number, label] of COUNTED) {
    const name = label.toLowerCase();
    const latency = counters.latency[number];
    values[key(`fop.${name}.count`)] = counters.hits[number];
    values[key(`fop.${name}.latency_ave_usec`)] = micros(latency?.avg ?? 0);
    values[key(`fop.${name}.latency_min_usec`)] = micros(latency?.min ?? 0);
    values[key(`fop.${name}.latency_max_usec`)] = micros(latency?.max ?? 0);
  }
  values[key('uptime')] = seconds(counters, now);
  values[key('bytes_read')] = counters.dataRead;
  values[key('bytes_written')] = counters.dataWritten;
  return `${JSON.stringify(values, undefined, 1)}\n`;
}
