import { spawn } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Cluster, type ClusterOptions, type PoolSpec, startCluster } from '../vstart/index.ts';
import { CliError } from './shared/errors.ts';
import { out } from './shared/tty.ts';
import { runDemo } from './vstart/demo.ts';

interface VstartOptions {
  readonly osds: number;
  readonly auth: 'cephx' | 'none';
  readonly mode?: 'crc' | 'secure';
  readonly proto: 'both' | 'v2' | 'v1';
  readonly port: number;
  readonly dir?: string;
  readonly pool: PoolSpec[];
  readonly conf: Record<string, string>;
  readonly demo?: boolean;
}

function whole(least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is wanted`);
    return value;
  };
}

/** 'data', 'data:2' or 'data:2:32': name, copies, PGs. */
function pool(text: string, before: PoolSpec[]): PoolSpec[] {
  const m = /^([^:]+)(?::(\d{1,2}))?(?::(\d{1,5}))?$/.exec(text);
  if (m === null) throw new InvalidArgumentError('NAME[:COPIES[:PGS]] is wanted');
  const spec = {
    name: m[1],
    size: m[2] === undefined ? undefined : Number(m[2]),
    pgNum: m[3] === undefined ? undefined : Number(m[3]),
  };
  return [...before, spec];
}

function setting(text: string, before: Record<string, string>): Record<string, string> {
  const cut = text.indexOf('=');
  if (cut <= 0) throw new InvalidArgumentError('OPTION=VALUE is wanted');
  return {
    ...before,
    [text
      .slice(0, cut)
      .trim()
      .replace(/[\s-]+/g, '_')]: text.slice(cut + 1).trim(),
  };
}

/** `nacre vstart`: a cluster of our own until it is interrupted, for the time of a command, or for a demonstration. */
export function vstartCommand(): Command {
  return new Command('vstart')
    .description('start a cluster of our own in this process: a monitor and OSDs, in memory')
    .argument('[args...]', 'behind --: a command to run with the cluster; with --demo: files to store')
    .option('--osds <n>', 'OSDs', whole(1, 100), 3)
    .addOption(new Option('--auth <kind>', 'authentication').choices(['cephx', 'none']).default('cephx'))
    .addOption(new Option('--mode <mode>', 'what protocol v2 does to frames').choices(['crc', 'secure']))
    .addOption(
      new Option('--proto <version>', 'messenger protocols').choices(['both', 'v2', 'v1']).default('both'),
    )
    .option('--port <n>', 'port of the monitor (v1 has the next one); 0 for any', whole(0, 65534), 0)
    .option('--dir <dir>', 'where ceph.conf and the keyring go')
    .option('--pool <name:copies:pgs>', 'make a pool; can be given several times', pool, [])
    .option('--conf <option=value>', "set one of Ceph's options; can be given several times", setting, {})
    .option('--demo', 'store and read back files, show the way of one write, and end')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Examples:
  nacre vstart --demo                       what a cluster does, in a second
  nacre vstart --dir /tmp/c --pool data     run until interrupted; CEPH_CONF=/tmp/c/ceph.conf ceph -s
  nacre vstart --pool data -- rados -p data bench 5 write`,
    )
    .action(run);
}

async function run(args: string[], options: VstartOptions): Promise<void> {
  const { osds, auth, mode, proto, port, dir, conf } = options;
  const cluster: ClusterOptions = { osds, auth, mode, proto, port, dir, conf, pools: options.pool };
  if (options.demo === true) {
    if (!(await runDemo(cluster, args))) process.exitCode = 1;
    return;
  }
  const begin = performance.now();
  await using running = await startCluster(cluster);
  if (args.length > 0) {
    process.exitCode = await runWith(running, args);
    return;
  }
  const took = performance.now() - begin;
  process.stdout.write(summary(running, options, took));
  await interrupted();
  process.stderr.write('stopping\n');
}

function summary(cluster: Cluster, { osds, auth, mode, pool: pools }: VstartOptions, ms: number): string {
  const c = out;
  const line = (name: string, text: string) => `  ${c.dim(name.padEnd(9))} ${text}\n`;
  const names = pools.map(({ name }) => name).join(', ');
  return (
    `${c.green('●')} ${c.bold('cluster is up')} ${c.dim(`after ${Math.round(ms)} ms`)}\n` +
    line('monitor', cluster.monHost) +
    line('osds', `${osds}, in memory`) +
    line('auth', `${auth}${mode === undefined ? '' : `, ${mode}`}`) +
    (names === '' ? '' : line('pools', names)) +
    line('conf', cluster.conf) +
    `\n  export CEPH_CONF=${cluster.conf}\n` +
    `  ${c.dim('then:')} ceph -s ${c.dim('·')} nacre rados lspools ${c.dim('·')} ceph osd pool create data\n` +
    `  ${c.dim('Ctrl-C stops it; what was stored is gone then')}\n`
  );
}

function interrupted(): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, done);
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, done);
  });
}

/** Runs a command that finds the cluster by CEPH_CONF; its exit code. */
function runWith(cluster: Cluster, [program, ...args]: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CEPH_CONF: cluster.conf, CEPH_KEYRING: cluster.keyring };
    const child = spawn(program, args, { stdio: 'inherit', env });
    // The child gets the terminal's signals too and decides; we stay for as long as it does.
    const pass = (signal: NodeJS.Signals) => child.kill(signal);
    const wait = () => {};
    process.on('SIGTERM', pass);
    process.on('SIGINT', wait);
    const off = () => {
      process.off('SIGTERM', pass);
      process.off('SIGINT', wait);
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      off();
      reject(new CliError(`cannot run ${program}: ${error.message}`, error.code === 'ENOENT' ? 127 : 126));
    });
    child.once('close', (code, signal) => {
      off();
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143));
    });
  });
}
