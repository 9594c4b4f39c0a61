// CPU of the messenger for each 4 KiB write and its answer, at both ends, against a bare Node socket pair and a C epoll
// pair that move the same bytes. Everything runs in turns, several rounds, and the medians are compared.
//
//   npm run build && node bench/messenger.mjs [--seconds 3] [--rounds 3] [--json]
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
const here = import.meta.dirname;
const nacre = join(here, '..', 'dist', 'cli', 'main.js');
if (!existsSync(nacre)) throw new Error('dist/ is missing: run npm run build first');
const scratch = mkdtempSync(join(tmpdir(), 'nacre-bench-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

function buildC() {
  const program = join(scratch, 'epoll-pair');
  try {
    execFileSync('cc', ['-O2', '-o', program, join(here, 'epoll-pair.c')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return program;
  } catch {
    return undefined;
  }
}

/** A child whose lines of output are awaited one by one. */
function start(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    child,
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ${args.join(' ')} ended without an answer`);
      return value;
    },
  };
}

async function runNacre(options, depth) {
  const server = start(process.execPath, [
    nacre,
    'perf-msgr',
    'server',
    '--bind',
    '127.0.0.1:0',
    '-f',
    'json',
    ...options,
  ]);
  const { addrs } = JSON.parse(await server.line());
  const client = start(process.execPath, [
    ...[nacre, 'perf-msgr', 'client', addrs, '-f', 'json', '--depth', String(depth)],
    ...['--seconds', String(seconds), '--warmup', '1.5', ...options],
  ]);
  const r = JSON.parse(await client.line());
  server.child.kill('SIGTERM');
  return {
    opsPerSecond: r.opsPerSecond,
    clientCpuUs: r.clientCpuUs,
    serverCpuUs: r.serverCpuUs,
    requestBytes: Math.round(r.requestBytes),
    replyBytes: Math.round(r.replyBytes),
  };
}

async function runPair(command, depth, requestBytes, replyBytes) {
  const [program, ...first] = command;
  const server = start(program, [...first, 'server', `${requestBytes}`, `${replyBytes}`]);
  const port = await server.line();
  const client = start(program, [
    ...[...first, 'client', port, `${depth}`, `${requestBytes}`, `${replyBytes}`, `${seconds}`],
  ]);
  const c = JSON.parse(await client.line());
  const s = JSON.parse(await server.line());
  return { opsPerSecond: c.ops / c.seconds, clientCpuUs: c.cpuUs / c.ops, serverCpuUs: s.cpuUs / s.ops };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

const c = buildC();
if (c === undefined) process.stderr.write('no C compiler: the epoll pair is left out\n');
const table = [];
for (const depth of [16, 1]) {
  const runs = new Map();
  const note = (name, result) => {
    if (!runs.has(name)) runs.set(name, []);
    runs.get(name).push(result);
  };
  for (let round = 0; round < rounds; round++) {
    const crc = await runNacre(['--protocol', 'v2'], depth);
    note('nacre v2 crc', crc);
    const { requestBytes, replyBytes } = crc;
    note(
      'bare node',
      await runPair([process.execPath, join(here, 'node-pair.mjs')], depth, requestBytes, replyBytes),
    );
    if (c !== undefined) note('c epoll', await runPair([c], depth, requestBytes, replyBytes));
    note('nacre v1', await runNacre(['--protocol', 'v1'], depth));
    note('nacre v2 secure', await runNacre(['--protocol', 'v2', '--mode', 'secure'], depth));
  }
  for (const [name, results] of runs) {
    const of = key => median(results.map(r => r[key]));
    table.push({
      name,
      depth,
      opsPerSecond: of('opsPerSecond'),
      clientCpuUs: of('clientCpuUs'),
      serverCpuUs: of('serverCpuUs'),
    });
  }
}
for (const row of table) {
  const cpu = r => r.clientCpuUs + r.serverCpuUs;
  const base = name => table.find(r => r.name === name && r.depth === row.depth);
  for (const [key, name] of [
    ['toNode', 'bare node'],
    ['toC', 'c epoll'],
  ]) {
    const other = base(name);
    row[key] = other === undefined ? undefined : cpu(row) / cpu(other);
  }
}
if (flags.json) process.stdout.write(`${JSON.stringify(table)}\n`);
else {
  process.stdout.write(
    '4 KiB writes            depth    ops/s   client us   server us   CPU to node   CPU to C\n',
  );
  for (const r of table) {
    const ratio = v => (v === undefined ? '-' : v.toFixed(2)).padStart(10);
    process.stdout.write(
      `${r.name.padEnd(22)} ${String(r.depth).padStart(6)} ${String(Math.round(r.opsPerSecond)).padStart(8)}` +
        `${r.clientCpuUs.toFixed(1).padStart(12)}${r.serverCpuUs.toFixed(1).padStart(12)}    ${ratio(r.toNode)} ${ratio(r.toC)}\n`,
    );
  }
}
