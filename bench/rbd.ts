// `nacre rbd` beside the C++ `rbd`, in turn on one real cluster in one run.
//
//   npm run build && npx tsx bench/rbd.ts [--rounds 3] [--only read] [--scale 0.25] [--nice=-10] [--dist dist] [--source]
//
// CPU is that of the whole client process, start-up included, over the operations that it did; the second figure of Nacre is
// without what the process uses up to its first operation (a bench of as good as nothing). With --source the command is
// run from src by way of tsx, whose start-up counts, too; by default it is that of dist, or of another build (--dist).
// The totals are those of `rbd bench` where nothing is said (1 GiB), --scale makes them smaller. Who goes first changes from
// round to round. --nice: both clients run at this priority. On a machine with other work one thread gets less of it than the several of `rbd`.
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { RealCeph } from '../test/support/real-ceph.ts';
import { measure, median, type ProcessRun, table } from './support/process.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    scale: { type: 'string', default: '1' },
    nice: { type: 'string', default: '0' },
    dist: { type: 'string', default: 'dist' },
    source: { type: 'boolean', default: false },
  },
});

const MIB = 2 ** 20;
const WRITEBACK = [
  '--rbd_cache=true',
  '--rbd_cache_policy=writeback',
  '--rbd_cache_writethrough_until_flush=false',
];
const NO_CACHE = ['--rbd_cache=false'];

interface Workload {
  readonly name: string;
  readonly size: number;
  readonly total: number;
  readonly args: readonly string[];
}

const work = (
  name: string,
  type: string,
  size: number,
  total: number,
  pattern: string,
  more: readonly string[] = [],
) => ({
  name,
  size,
  total,
  args: ['--io-type', type, '--io-size', String(size), '--io-pattern', pattern, ...more],
});

const WORKLOADS: readonly Workload[] = [
  work('4 KiB random write, write-back cache', 'write', 4096, 1024 * MIB, 'rand', WRITEBACK),
  work('4 KiB random write, default (write-around)', 'write', 4096, 1024 * MIB, 'rand'),
  work('4 KiB random write, no cache', 'write', 4096, 256 * MIB, 'rand', NO_CACHE),
  work('4 KiB random read', 'read', 4096, 1024 * MIB, 'rand'),
  work('4 MiB sequential write', 'write', 4 * MIB, 4096 * MIB, 'seq'),
  work('4 MiB sequential read', 'read', 4 * MIB, 4096 * MIB, 'seq'),
];

interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly steadyUs: number;
  readonly peakMiB: number;
}

function expectDone(run: ProcessRun, what: string): ProcessRun {
  if (run.code !== 0) throw new Error(`${what} ended with ${run.code}: ${run.stderr || run.stdout}`);
  return run;
}

const root = join(import.meta.dirname, '..');
const nacre = options.source
  ? ['--import', 'tsx', join(root, 'src', 'cli', 'main.ts'), 'rbd']
  : [join(root, options.dist, 'cli', 'main.js'), 'rbd'];
const nice = ['-n', options.nice];
const clients: readonly (readonly [string, readonly string[]])[] = [
  ['rbd', [...nice, 'rbd']],
  ['nacre', [...nice, process.execPath, ...nacre]],
];

const cluster = await RealCeph.start({
  store: 'memstore',
  // Without page sets a memstore's object becomes a list of all the pieces ever written to it, which each write copies: after
  // some random writes an OSD spends ten times as much on the next one, the more the later a client comes.
  conf: { osd_pool_default_size: 1, osd_pool_default_min_size: 1, memstore_page_set: true },
});
const dir = mkdtempSync(join(tmpdir(), 'nacre-bench-rbd-'));
const rows: string[][] = [];
const add = (name: string, samples: Readonly<Record<string, Sample[]>>) => {
  const of = (who: string, field: keyof Sample) => median(samples[who].map(sample => sample[field]));
  const ratio = (field: keyof Sample) =>
    median(samples['nacre'].map((sample, i) => sample[field] / samples['rbd'][i][field])).toFixed(2);
  const figure = (value: number) => value.toFixed(value < 10 ? 2 : 0);
  const row = [
    name,
    figure(of('rbd', 'perSecond')),
    figure(of('nacre', 'perSecond')),
    ratio('perSecond'),
    figure(of('rbd', 'cpuUs')),
    figure(of('nacre', 'cpuUs')),
    ratio('cpuUs'),
    figure(of('nacre', 'steadyUs')),
    figure(of('rbd', 'peakMiB')),
    figure(of('nacre', 'peakMiB')),
  ];
  rows.push(row);
  console.error(row.join('  '));
};
const order = (round: number) => (round % 2 === 0 ? clients : clients.toReversed());
const wanted = (name: string) => options.only === undefined || name.includes(options.only);

/** A sparse file of 10 GiB with 256 MiB of data: 64 pieces of 4 MiB. */
function sparseFile(path: string): void {
  const fd = openSync(path, 'w');
  const piece = Buffer.alloc(4 * MIB);
  for (let i = 0; i < 64; i++) {
    for (let at = 0; at < piece.length; at += 4)
      piece.writeUInt32LE(((i << 20) ^ (at * 2654435761)) >>> 0, at);
    writeSync(fd, piece, 0, piece.length, i * 160 * MIB);
  }
  ftruncateSync(fd, 10 * 1024 * MIB);
  closeSync(fd);
}

try {
  await cluster.createPool('bench', 32);
  const env = { ...process.env, CEPH_CONF: cluster.conf };
  const setup = async (args: string[]) => {
    const { code, stderr } = await cluster.exec('rbd', args, { timeoutMs: 300_000 });
    if (code !== 0) throw new Error(`rbd ${args.join(' ')}: ${stderr}`);
  };
  await setup(['pool', 'init', 'bench']);
  await setup(['create', 'bench/image', '--size', '1G']);
  await setup(['bench', 'bench/image', '--io-type', 'write', '--io-size', '4M', '--io-total', '1G']);

  for (const { name, size, total, args } of WORKLOADS) {
    if (!wanted(name)) continue;
    const samples: Record<string, Sample[]> = { rbd: [], nacre: [] };
    for (let round = 0; round < Number(options.rounds); round++)
      for (const [who, prefix] of order(round)) {
        const bench = async (bytes: number) => {
          const all = [
            ...prefix,
            'bench',
            'bench/image',
            ...args,
            '--io-threads',
            '16',
            '--io-total',
            String(bytes),
          ];
          return expectDone(await measure('nice', all, env), `${who}: ${name}`);
        };
        const start = who === 'nacre' ? await bench(16 * size) : undefined;
        const run = await bench(Math.ceil((total * Number(options.scale)) / size) * size);
        const match = /elapsed:?\s+([\d.]+)\s+(?:seconds\s+)?ops:?\s+(\d+)/.exec(run.stdout);
        if (match === null) throw new Error(`${who}: no closing figures in\n${run.stdout}`);
        const ops = Number(match[2]);
        // Whole seconds are all that is printed of the time; the rate has it exact.
        const rate = /ops\/sec:?\s+([\d.e+]+)/.exec(run.stdout);
        samples[who].push({
          perSecond: rate === null ? ops / Number(match[1]) : Number(rate[1]),
          cpuUs: (run.cpuSeconds * 1e6) / ops,
          steadyUs: ((run.cpuSeconds - (start?.cpuSeconds ?? 0)) * 1e6) / ops,
          peakMiB: run.peakMiB,
        });
      }
    add(name, samples);
  }

  // Import and export: MiB of data a second, CPU a MiB.
  const source = join(dir, 'source');
  sparseFile(source);
  await setup(['import', source, 'bench/sparse', '--no-progress']);
  for (const name of ['export of 10 GiB, 256 MiB data', 'import of 10 GiB, 256 MiB data']) {
    if (!wanted(name)) continue;
    const verb = name.slice(0, 6);
    const samples: Record<string, Sample[]> = { rbd: [], nacre: [] };
    for (let round = 0; round < Number(options.rounds); round++)
      for (const [who, prefix] of order(round)) {
        const target = verb === 'export' ? join(dir, 'out') : `bench/in-${who}`;
        const from = verb === 'export' ? 'bench/sparse' : source;
        const begin = performance.now();
        const all = [...prefix, verb, from, target, '--no-progress'];
        const run = expectDone(await measure('nice', all, env), `${who}: ${name}`);
        const seconds = (performance.now() - begin) / 1000;
        const us = (run.cpuSeconds * 1e6) / 256;
        samples[who].push({ perSecond: 256 / seconds, cpuUs: us, steadyUs: us, peakMiB: run.peakMiB });
        if (verb === 'import') await setup(['rm', target, '--no-progress']);
        else {
          if (statSync(target).size !== 10 * 1024 * MIB)
            throw new Error(`${who}: the export has another size`);
          rmSync(target);
        }
      }
    add(`${name} (MiB)`, samples);
  }
  console.log(
    table(
      [
        'workload',
        'rbd op/s',
        'nacre op/s',
        'ratio',
        'rbd CPU us/op',
        'nacre CPU us/op',
        'ratio',
        'nacre steady us/op',
        'rbd MiB',
        'nacre MiB',
      ],
      rows,
    ),
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
  await cluster[Symbol.asyncDispose]();
}
