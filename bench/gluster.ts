// `nacre mount` beside the real `glusterfs` mount, in turn on one real volume in one run.
//
//   npm run build && npx tsx bench/gluster.ts [--rounds 3] [--files 1000] [--bricks 3] [--parallel 1] [--only 'create|ls'] [--dist dist]
//
// Both are mounted for the whole run and work in turn; a first round, not counted, warms both. CPU is that of the process that serves
// the mount, from before to after each kind of work; not that of bricks or of the work itself.
// As root, as it starts a glusterd and mounts.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { memoryMiB } from '../test/support/process-memory.ts';
import { RealGluster } from '../test/support/real-gluster.ts';
import { median, table } from './support/process.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    files: { type: 'string', default: '1000' },
    bricks: { type: 'string', default: '3' },
    parallel: { type: 'string', default: '1' },
    only: { type: 'string' },
    dist: { type: 'string', default: 'dist' },
  },
});
const root = join(import.meta.dirname, '..');
const FILES = Number(options.files);
/** Processes that work on small files at once, each in a directory of its own. */
const PARALLEL = Number(options.parallel);
const MIBS = 256;

interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
}
interface Work {
  readonly operations: number;
  readonly seconds: number;
}
interface Kind {
  readonly name: string;
  /** Nothing may be in the kernel's caches. */
  readonly cold?: boolean;
  run(dir: string): Promise<Work>;
}

async function loadOne(kind: string, dir: string, count: number): Promise<Work> {
  const program = join(import.meta.dirname, 'support/file-load.mjs');
  return JSON.parse(await output(process.execPath, [program, kind, dir, String(count)]));
}

const load = (kind: string, count: number) => (dir: string) => loadOne(kind, dir, count);

const loadFiles = (kind: string) => async (dir: string) => {
  mkdirSync(join(dir, 'files'), { recursive: true });
  const all = await Promise.all(
    Array.from({ length: PARALLEL }, (_, i) =>
      loadOne(kind, join(dir, 'files', `p${i}`), Math.round(FILES / PARALLEL)),
    ),
  );
  return {
    operations: all.reduce((sum, each) => sum + each.operations, 0),
    seconds: Math.max(...all.map(each => each.seconds)),
  };
};

async function timed(program: string, args: readonly string[], operations: number) {
  const begin = performance.now();
  await output(program, args);
  return { operations, seconds: (performance.now() - begin) / 1000 };
}

async function fio(dir: string, rw: string) {
  const report = await output('fio', [
    ...['--name=x', `--directory=${dir}`, `--rw=${rw}`, '--bs=4k', '--size=32m', '--numjobs=4', '--direct=1'],
    ...['--ioengine=psync', '--runtime=5', '--time_based', '--group_reporting', '--output-format=json'],
  ]);
  const [job] = JSON.parse(report.slice(report.indexOf('{'))).jobs;
  const side = rw === 'randread' ? job.read : job.write;
  return { operations: side.total_ios, seconds: side.runtime / 1000 };
}

const KINDS: readonly Kind[] = [
  { name: 'create 4 KiB files', run: loadFiles('create') },
  { name: 'warm stat', run: loadFiles('stat') },
  { name: 'ls -lR, cold', cold: true, run: dir => timed('ls', ['-lR', join(dir, 'files')], FILES) },
  { name: 'read 4 KiB files, cold', cold: true, run: loadFiles('read') },
  { name: 'rm -rf', run: loadFiles('remove') },
  { name: 'write 1 MiB', run: dir => load('write', MIBS)(dir) },
  { name: 'read 1 MiB, cold', cold: true, run: dir => load('read-big', MIBS)(dir) },
  { name: 'random write 4 KiB x4', run: dir => fio(dir, 'randwrite') },
  { name: 'random read 4 KiB x4', run: dir => fio(dir, 'randread') },
];

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', piece => {
      text += piece;
    });
    child.once('error', reject);
    child.once('close', code =>
      code === 0 ? resolve(text) : reject(new Error(`${program}: exit code ${code}`)),
    );
  });
}

/** CPU microseconds of a process so far, from its run time in nanoseconds where the kernel tells it. */
function cpuUs(pid: number): number {
  let ns = 0;
  for (const task of execFileSync('ls', [`/proc/${pid}/task`], { encoding: 'utf8' })
    .trim()
    .split('\n')) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]);
    } catch {
      // a thread that ended
    }
  }
  return ns / 1000;
}

interface Mount {
  readonly dir: string;
  readonly pid: number;
  end(): Promise<void>;
}

async function mountReal(gluster: RealGluster): Promise<Mount> {
  const dir = await gluster.mount('bench');
  return { dir, pid: gluster.mountPid(dir)!, end: () => gluster.umount(dir) };
}

async function mountOurs(gluster: RealGluster, dir: string): Promise<Mount> {
  mkdirSync(dir, { recursive: true });
  const main = join(root, options.dist, 'cli/main.js');
  const child = spawn(process.execPath, [main, 'mount', '-f', `${gluster.bind}:/bench`, dir], {
    stdio: 'inherit',
  });
  for (let i = 0; !readFileSync('/proc/self/mounts', 'utf8').includes(` ${dir} fuse.nacre `); i++) {
    if (i > 200 || child.exitCode !== null) throw new Error('nacre mount did not come up');
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  return {
    dir,
    pid: child.pid!,
    async end() {
      const ended = new Promise(resolve => child.once('exit', resolve));
      await output('umount', [dir]);
      await ended;
    },
  };
}

const point = mkdtempSync(join(tmpdir(), 'nacre-bench-'));
await using gluster = await RealGluster.start();
await gluster.createVolume('bench', { type: 'distribute', bricks: Number(options.bricks) });
const results = new Map<string, Map<string, Sample[]>>();
const peaks = new Map<string, number>();
const mounts = [
  ['glusterfs', await mountReal(gluster)],
  ['nacre', await mountOurs(gluster, point)],
] as const;
// Round 0 is not counted: both have their caches and code warm, as mounts that live for days have.
for (let round = 0; round <= Number(options.rounds); round++) {
  for (const [name, mount] of round % 2 === 0 ? mounts : [...mounts].reverse()) {
    const dir = join(mount.dir, `${name}-${round}`);
    mkdirSync(dir);
    for (const kind of KINDS) {
      if (options.only !== undefined && !new RegExp(options.only).test(kind.name)) continue;
      if (kind.cold === true) writeFileSync('/proc/sys/vm/drop_caches', '3');
      const before = cpuUs(mount.pid);
      const { operations, seconds } = await kind.run(dir);
      const sample = { perSecond: operations / seconds, cpuUs: (cpuUs(mount.pid) - before) / operations };
      if (round === 0) continue;
      const of = results.get(kind.name) ?? new Map<string, Sample[]>();
      of.set(name, [...(of.get(name) ?? []), sample]);
      results.set(kind.name, of);
    }
    rmSync(dir, { recursive: true, force: true });
  }
}
for (const [name, mount] of mounts) {
  peaks.set(name, memoryMiB(mount.pid, 'VmHWM'));
  await mount.end();
}
rmSync(point, { recursive: true, force: true });

const rows = [...results].map(([kind, of]) => {
  const [real, ours] = ['glusterfs', 'nacre'].map(name => {
    const samples = of.get(name)!;
    return { perSecond: median(samples.map(s => s.perSecond)), cpuUs: median(samples.map(s => s.cpuUs)) };
  });
  return [
    kind,
    real.perSecond.toFixed(0),
    ours.perSecond.toFixed(0),
    (ours.perSecond / real.perSecond).toFixed(2),
    real.cpuUs.toFixed(0),
    ours.cpuUs.toFixed(0),
    (ours.cpuUs / real.cpuUs).toFixed(2),
  ];
});
console.log(
  table(['workload', 'glusterfs /s', 'nacre /s', 'ratio', 'glusterfs CPU us', 'nacre CPU us', 'ratio'], rows),
);
console.log([...peaks].map(([name, mib]) => `${name}: peak ${mib.toFixed(0)} MiB`).join(', '));
