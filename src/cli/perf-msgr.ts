import { Command, InvalidArgumentError, Option } from 'commander';
import { InprocStack } from '../ceph/messenger/index.ts';
import { entityAddrVecText, parseEntityAddrVec } from '../ceph/types/addr-text.ts';
import { ADDR_LEGACY, ADDR_MSGR2, type EntityAddrVec } from '../ceph/types/entity-addr.ts';
import { nodeEnv } from '../env/node.ts';
import { type ClientResult, runClient } from './perf-msgr/client.ts';
import { type Mode, PerfServer } from './perf-msgr/server.ts';
import { CliError } from './shared/errors.ts';

interface CommonFlags {
  readonly protocol: 'v1' | 'v2';
  readonly mode: Mode;
  readonly thinkTime: number;
  readonly format: 'plain' | 'json';
}

interface ServerFlags extends CommonFlags {
  readonly bind: string;
}

interface ClientFlags extends CommonFlags {
  readonly stack: 'tcp' | 'inproc';
  readonly jobs: number;
  readonly depth: number;
  readonly size: number;
  readonly seconds: number;
  readonly ops: number;
  readonly warmup: number;
}

function number(least: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least)
      throw new InvalidArgumentError(`a number of at least ${least} is wanted`);
    return value;
  };
}

function whole(least: number): (text: string) => number {
  const parse = number(least);
  return text => {
    const value = parse(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError('a whole number is wanted');
    return value;
  };
}

/** '4096', '4K', '1M'. */
function bytes(text: string): number {
  const m = /^(\d+)([KkMm]?)$/.exec(text);
  if (m === null) throw new InvalidArgumentError('a number of bytes is wanted, as 4096, 4K or 1M');
  return Number(m[1]) * (m[2] === '' ? 1 : m[2].toLowerCase() === 'k' ? 1024 : 1 << 20);
}

function common(command: Command): Command {
  return command
    .addOption(new Option('--protocol <version>', 'messenger protocol').choices(['v1', 'v2']).default('v2'))
    .addOption(
      new Option('--mode <mode>', 'what protects the frames of v2').choices(['crc', 'secure']).default('crc'),
    )
    .option(
      '--think-time <us>',
      'microseconds before each answer (server) or next request (client)',
      number(0),
      0,
    )
    .addOption(
      new Option('-f, --format <format>', 'output format').choices(['plain', 'json']).default('plain'),
    );
}

function checkMode(flags: CommonFlags): void {
  if (flags.protocol === 'v1' && flags.mode === 'secure')
    throw new CliError('protocol v1 has no secure mode');
}

function addrsOf(text: string, flags: CommonFlags): EntityAddrVec {
  const addrs = parseEntityAddrVec(text, flags.protocol === 'v1' ? ADDR_LEGACY : ADDR_MSGR2);
  if (addrs === undefined || addrs.length === 0)
    throw new CliError(`'${text}' is no address; one such as 127.0.0.1:6900 is wanted`);
  return addrs;
}

async function serve(flags: ServerFlags): Promise<void> {
  checkMode(flags);
  const [addr] = addrsOf(flags.bind, flags);
  const server = await PerfServer.start({
    env: nodeEnv,
    host: addr.ip,
    port: addr.port,
    protocol: flags.protocol === 'v1' ? 1 : 2,
    mode: flags.mode,
    thinkMs: flags.thinkTime / 1000,
  });
  const text = entityAddrVecText(server.addrs);
  process.stdout.write(
    flags.format === 'json' ? `${JSON.stringify({ addrs: text })}\n` : `listening on ${text}\n`,
  );
  await new Promise<void>(done => {
    process.once('SIGINT', done);
    process.once('SIGTERM', done);
  });
  const { messages, cpuUs } = server.stats();
  const { messenger } = server;
  await server.close();
  const perMessage = messages === 0 ? 0 : cpuUs / messages;
  if (flags.format === 'json')
    process.stdout.write(
      `${JSON.stringify({ messages, cpuUsPerMessage: perMessage, stats: messenger.stats })}\n`,
    );
  else process.stdout.write(`${messages} messages, ${perMessage.toFixed(1)} us CPU each\n`);
}

function report(result: ClientResult): string {
  const { latency: l } = result;
  const t = (value: number) => value.toFixed(3);
  const lines = [
    `requests          ${result.ops} in ${result.seconds.toFixed(2)} s`,
    `ops/s             ${Math.round(result.opsPerSecond)}`,
    `MB/s              ${result.mbPerSecond.toFixed(1)}`,
    `latency (ms)      min ${t(l.min)}  mean ${t(l.mean)}  p50 ${t(l.p50)}  p90 ${t(l.p90)}  ` +
      `p99 ${t(l.p99)}  p99.9 ${t(l.p999)}  max ${t(l.max)}`,
  ];
  if (result.serverCpuUs === undefined)
    lines.push(`CPU (us/request)  both ends, one process ${result.clientCpuUs.toFixed(1)}`);
  else
    lines.push(
      `CPU (us/request)  client ${result.clientCpuUs.toFixed(1)}  server ${result.serverCpuUs.toFixed(1)}`,
    );
  return `${lines.join('\n')}\n`;
}

async function bench(address: string | undefined, flags: ClientFlags): Promise<void> {
  checkMode(flags);
  const local = flags.stack === 'inproc';
  if (local === (address !== undefined))
    throw new CliError(
      local ? 'the in-process stack takes no address' : 'the address of a server is missing',
    );
  const stack = local ? new InprocStack(nodeEnv) : undefined;
  const server =
    stack === undefined
      ? undefined
      : await PerfServer.start({
          env: nodeEnv,
          host: '127.0.0.1',
          port: 0,
          protocol: flags.protocol === 'v1' ? 1 : 2,
          mode: flags.mode,
          thinkMs: 0,
          stack,
        });
  try {
    const result = await runClient(
      {
        env: nodeEnv,
        addrs: server?.addrs ?? addrsOf(address!, flags),
        mode: flags.mode,
        jobs: flags.jobs,
        depth: flags.depth,
        size: flags.size,
        seconds: flags.seconds,
        ops: flags.ops,
        warmup: flags.warmup,
        thinkMs: flags.thinkTime / 1000,
        stack,
      },
      local,
    );
    process.stdout.write(flags.format === 'json' ? `${JSON.stringify(result)}\n` : report(result));
  } finally {
    await server?.close();
  }
}

/** `nacre perf-msgr server|client`: what Ceph's ceph_perf_msgr_server and ceph_perf_msgr_client measure. */
export function perfMsgrCommand(): Command {
  const command = new Command('perf-msgr')
    .description('benchmark the messenger: clients that keep writes in flight, a server that answers them')
    .addHelpText(
      'after',
      '\nThere is no monitor and no key: whoever connects is let in, and in secure mode the keys of the\n' +
        'connection travel in the clear before they are used. Not for open networks.',
    );
  common(command.command('server').description('answer every MOSDOp with an MOSDOpReply until interrupted'))
    .option('--bind <address>', 'address to listen on; port 0 for any', '127.0.0.1:6900')
    .action((flags: ServerFlags) => serve(flags));
  common(
    command
      .command('client')
      .description('send MOSDOp writes to a server and measure its answers')
      .argument('[address]', "the server's address; none with the in-process stack"),
  )
    .addOption(
      new Option('--stack <stack>', 'tcp, or a server of our own in this process')
        .choices(['tcp', 'inproc'])
        .default('tcp'),
    )
    .option('--jobs <n>', 'clients, each with its own messenger', whole(1), 1)
    .option('--depth <n>', 'requests in flight of each job', whole(1), 16)
    .option('--size <bytes>', 'bytes of each write', bytes, 4096)
    .option('--seconds <n>', 'how long to measure', number(0.1), 5)
    .option('--ops <n>', 'requests of each job, in place of a time', whole(0), 0)
    .option('--warmup <seconds>', 'how long to run before measuring', number(0), 1)
    .action((address: string | undefined, flags: ClientFlags) => bench(address, flags));
  return command;
}
