// `nacre rados bench` beside the C++ `rados bench`, in turn on one real cluster in one run.
//
//   npx tsx bench/rados.ts [--seconds 6] [--rounds 3] [--store memstore] [--size 3] [--mode crc] [--only '4 MiB']
//
// CPU is that of the whole client process, start-up included, over the operations that it did; "steady" is that from
// the second line of figures to the last, over the operations of that time.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RealCeph } from '../test/support/real-ceph.ts';
import { measure, median, type ProcessRun, table } from './support/process.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '3' },
    store: { type: 'string', default: 'memstore' },
    size: { type: 'string', default: '1' },
    mode: { type: 'string', default: 'crc' },
    only: { type: 'string' },
    /** The command to measure, built with `npm run build`. */
    main: { type: 'string', default: join(import.meta.dirname, '..', 'dist', 'cli', 'main.js') },
  },
});

/** Second from which on a run is taken as steady: most code is compiled, memory has its size. */
const STEADY_FROM = 2;

interface Workload {
  readonly name: string;
  readonly size: number;
  readonly depth: number;
  readonly steps: readonly ('write' | 'seq' | 'rand')[];
}

const WORKLOADS: readonly Workload[] = [
  { name: '4 KiB, 16 in flight', size: 4096, depth: 16, steps: ['write', 'seq', 'rand'] },
  { name: '4 KiB, 1 in flight', size: 4096, depth: 1, steps: ['write', 'seq', 'rand'] },
  { name: '4 MiB, 16 in flight', size: 4 << 20, depth: 16, steps: ['write', 'seq'] },
];

interface Sample {
  readonly iops: number;
  readonly latencyMs: number;
  readonly cpuUs: number;
  readonly steadyUs: number;
  readonly peakMiB: number;
}

/** CPU between two of the lines that both programs print once a second. */
class Steady {
  private first: { finished: number; cpu: number } | undefined;
  /** Microseconds an operation. */
  us = Number.NaN;

  readonly onLine = (line: string, cpuSeconds: () => number): void => {
    const match = /^ +(\d+) +\d+ +\d+ +(\d+) /.exec(line);
    if (match === null || Number(match[1]) < STEADY_FROM) return;
    const now = { finished: Number(match[2]), cpu: cpuSeconds() };
    this.first ??= now;
    this.us = ((now.cpu - this.first.cpu) * 1e6) / (now.finished - this.first.finished);
  };
}

/** Reads the closing figures that both programs print alike. */
function sampleOf(run: ProcessRun, steady: Steady, what: string): Sample {
  if (run.code !== 0) throw new Error(`${what} ended with ${run.code}: ${run.stderr || run.stdout}`);
  const number = (pattern: RegExp) => {
    const match = pattern.exec(run.stdout);
    if (match === null) throw new Error(`${what}: no ${pattern} in\n${run.stdout}`);
    return Number(match[1]);
  };
  const ops = number(/Total (?:writes|reads) made:\s+(\d+)/);
  const seconds = number(/Total time run:\s+([\d.]+)/);
  return {
    iops: ops / seconds,
    latencyMs: number(/Average Latency\(s\):\s+([\d.e-]+)/) * 1000,
    cpuUs: (run.cpuSeconds * 1e6) / ops,
    steadyUs: steady.us,
    peakMiB: run.peakMiB,
  };
}

const cluster = await RealCeph.start({
  store: options.store === 'bluestore' ? 'bluestore' : 'memstore',
  mode: options.mode === 'secure' ? 'secure' : 'crc',
  conf: { osd_pool_default_size: options.size, osd_pool_default_min_size: 1 },
});
try {
  await cluster.createPool('bench', 32);
  const env = { ...process.env, CEPH_CONF: cluster.conf };
  const clients: Record<string, [string, string[]]> = {
    rados: ['rados', []],
    nacre: [process.execPath, [options.main, 'rados']],
  };
  const rows: string[][] = [];
  for (const work of WORKLOADS) {
    if (options.only !== undefined && !work.name.includes(options.only)) continue;
    for (const step of work.steps) {
      const samples: Record<string, Sample[]> = { rados: [], nacre: [] };
      for (let round = 0; round < Number(options.rounds); round++) {
        for (const [name, [program, prefix]] of Object.entries(clients)) {
          const args = [
            ...prefix,
            '-p',
            'bench',
            'bench',
            options.seconds,
            step,
            '-t',
            String(work.depth),
            '--run-name',
            `${name}-${work.size}-${work.depth}`,
          ];
          if (step === 'write') args.push('-b', String(work.size), '--no-cleanup');
          const steady = new Steady();
          const run = await measure(program, args, env, steady.onLine);
          samples[name].push(sampleOf(run, steady, `${name} ${step}`));
        }
      }
      const of = (name: string, field: keyof Sample) => median(samples[name].map(sample => sample[field]));
      const ratio = (field: keyof Sample) =>
        median(samples['nacre'].map((sample, i) => sample[field] / samples['rados'][i][field]));
      rows.push([
        `${step} ${work.name}`,
        of('rados', 'iops').toFixed(0),
        of('nacre', 'iops').toFixed(0),
        ratio('iops').toFixed(2),
        of('rados', 'cpuUs').toFixed(0),
        of('nacre', 'cpuUs').toFixed(0),
        ratio('cpuUs').toFixed(2),
        of('rados', 'steadyUs').toFixed(0),
        of('nacre', 'steadyUs').toFixed(0),
        ratio('steadyUs').toFixed(2),
        of('rados', 'latencyMs').toFixed(2),
        of('nacre', 'latencyMs').toFixed(2),
        of('rados', 'peakMiB').toFixed(0),
        of('nacre', 'peakMiB').toFixed(0),
      ]);
      console.error(rows[rows.length - 1].join('  '));
    }
    await cluster.rados(['-p', 'bench', 'cleanup', '--prefix', 'benchmark_data']);
  }
  console.log(
    table(
      [
        'workload',
        'rados op/s',
        'nacre op/s',
        'ratio',
        'rados CPU us',
        'nacre CPU us',
        'ratio',
        'steady rados',
        'nacre',
        'ratio',
        'rados ms',
        'nacre ms',
        'rados MiB',
        'nacre MiB',
      ],
      rows,
    ),
  );
} finally {
  await cluster[Symbol.asyncDispose]();
}
