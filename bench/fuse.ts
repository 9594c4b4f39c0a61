// What a request costs: the memory file system of the tests on src/fuse, beside one on C's libfuse, in turn in one run.
//   npx tsx bench/fuse.ts [--seconds 2] [--rounds 3]
// Needs root, /dev/fuse and a C compiler; libfuse's headers (libfuse3-dev) for the comparison. CPU is the server's, user and system.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;
const option = (name: string, otherwise: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const seconds = option('seconds', 2);
const rounds = option('rounds', 3);
const dir = mkdtempSync(join(tmpdir(), 'nacre-bench-fuse-'));
const load = join(dir, 'load');
const libfuse = join(dir, 'libfuse');

execFileSync('gcc', ['-O2', '-pthread', '-o', load, join(here, 'fuse-load.c')]);
let comparable = true;
try {
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' })
    .trim()
    .split(/\s+/);
  execFileSync('gcc', ['-O2', '-o', libfuse, join(here, 'fuse-memory.c'), ...flags], { stdio: 'inherit' });
} catch {
  comparable = false;
  console.error('no libfuse3-dev: measured alone');
}

const server = join(here, '..', 'test', 'fuse', 'support', 'memory-server.ts');
const options = JSON.stringify({ directIo: true, defaultPermissions: false });
const servers: [string, (mnt: string) => ChildProcess][] = [
  [
    'nacre',
    mnt =>
      spawn(process.execPath, ['--import', 'tsx', server, mnt, options], {
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
  ],
];
if (comparable) {
  servers.push(['libfuse -s', mnt => spawn(libfuse, [mnt, '-f', '-s'], { stdio: 'inherit' })]);
  servers.push(['libfuse', mnt => spawn(libfuse, [mnt, '-f'], { stdio: 'inherit' })]);
}
const cases: [string, string, number, number][] = [
  ['fstat x4', 'fstat', 4, 0],
  ['read 4 KiB x8', 'read4k', 8, 4096],
  ['read 1 MiB x4', 'read1m', 4, 1 << 20],
  ['write 1 MiB x4', 'write1m', 4, 1 << 20],
];

/** CPU ticks of a process, in microseconds. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const results = new Map<string, { rate: number; us: number }[]>();

function measure(args: string[]): Promise<{ done: number; took: number }> {
  return new Promise((resolve, reject) => {
    const child = spawn(load, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('close', code => {
      const [done, took] = output.trim().split(' ').map(Number);
      if (code === 0) resolve({ done, took });
      else reject(new Error(`fuse-load: exit ${code}`));
    });
  });
}

for (let round = 0; round < rounds; round++)
  for (const [name, start] of servers) {
    const mnt = mkdtempSync(join(dir, 'mnt-'));
    const child = start(mnt);
    while (!readFileSync('/proc/mounts', 'utf8').includes(mnt)) await sleep(50);
    await sleep(300);
    // The memory file system starts empty; the other's file is there from the start.
    if (name === 'nacre')
      execFileSync('dd', ['if=/dev/zero', `of=${mnt}/f`, 'bs=1M', 'count=64', 'status=none']);
    for (const [label, mode, threads] of cases) {
      await measure([mode, `${mnt}/f`, String(threads), '0.3']);
      const before = cpu(child.pid!);
      const { done, took } = await measure([mode, `${mnt}/f`, String(threads), String(seconds)]);
      const key = `${label}|${name}`;
      if (!results.has(key)) results.set(key, []);
      results.get(key)!.push({ rate: done / took, us: (cpu(child.pid!) - before) / done });
    }
    execFileSync('umount', ['-l', mnt]);
    child.kill('SIGTERM');
    await new Promise(resolve => child.once('exit', resolve));
  }
rmSync(dir, { recursive: true });

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];
console.log(`| | ${servers.map(([name]) => name).join(' | ')} |`);
console.log(`|---|${servers.map(() => '---').join('|')}|`);
for (const [label, , , bytes] of cases) {
  const cells = servers.map(([name]) => {
    const runs = results.get(`${label}|${name}`)!;
    const rate = median(runs.map(r => r.rate));
    const shown =
      bytes >= 1 << 20 ? `${((rate * bytes) / 2 ** 30).toFixed(2)} GiB/s` : `${(rate / 1000).toFixed(1)}k/s`;
    return `${shown}, ${median(runs.map(r => r.us)).toFixed(1)} us`;
  });
  console.log(`| ${label} | ${cells.join(' | ')} |`);
}
