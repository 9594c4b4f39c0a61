import { once } from 'node:events';
import { createWriteStream, readFileSync, writeFileSync } from 'node:fs';
import { NacreError } from '../../base/errors.ts';
import { formatJson } from '../../base/format.ts';
import { VERSION } from '../../base/version.ts';
import { CommandError, type CommandOutput, Rados } from '../../ceph/rados/index.ts';
import { openContext } from '../shared/context.ts';
import { CliError, strerror } from '../shared/errors.ts';
import { ArgumentError } from './arg-types.ts';
import { daemonCommand } from './daemon.ts';
import { helpText } from './help.ts';
import { matchCommand } from './match.ts';
import type { CephOptions } from './options.ts';
import { errorLine, refusal } from './output.ts';
import { interactive } from './shell.ts';
import { type CommandSignature, FLAG_MGR, FLAG_POLL, parseDescriptions } from './signatures.ts';
import { expandTarget, findTarget, requireManager, sendCommand, type Target, targetText } from './target.ts';
import { LOCAL_COMMANDS } from './texts.ts';
import { LogWatch, type WatchLevel } from './watch.ts';

const EACCES = 13;
const EINVAL = 22;
/** Seconds that help waits for a cluster. */
const HELP_TIMEOUT = 5;

/** A command line being run: the cluster, options, and what commands read. */
export interface CephSession {
  readonly cluster: Rados;
  readonly options: CephOptions;
  readonly input: Buffer | undefined;
}

/** What one command came to. */
export interface Outcome {
  /** 0, or the positive errno. */
  readonly errno: number;
  readonly output: Buffer;
  readonly status: string;
}

const NOTHING = Buffer.alloc(0);

export async function descriptionsOf(cluster: Rados, target: Target): Promise<CommandSignature[]> {
  const out = await sendCommand(cluster, target, '{"prefix":"get_command_descriptions"}', {});
  return parseDescriptions(out.text);
}

async function submit(
  s: CephSession,
  target: Target,
  words: readonly string[],
  sigs: readonly CommandSignature[],
) {
  const matched = matchCommand(words, sigs);
  if ('problem' in matched) {
    for (const line of matched.problem) process.stderr.write(`${line}\n`);
    return { errno: EINVAL, output: NOTHING, status: 'invalid command' };
  }
  const { args, command } = matched;
  if (s.options.format !== undefined) args.set('format', s.options.format);
  // 'pg PGID' has it among its words, 'tell PGID' has not.
  if (target.service === 'pg') args.set('pgid', target.id);
  const { input } = s;
  const managed = target.service === 'mon' && (command.flags & FLAG_MGR) !== 0;
  if (managed) await requireManager(s.cluster, {}, String(args.get('prefix')));
  const send = (): Promise<CommandOutput> =>
    managed
      ? s.cluster.mgrCommand(formatJson(args), { input })
      : sendCommand(s.cluster, target, formatJson(args), { input });
  if ((command.flags & FLAG_POLL) !== 0) await poll(s, args, send);
  const { output, status } = await send();
  return { errno: 0, output, status };
}

/** Commands that are to be repeated: until the process is interrupted, a screenful under one heading. */
async function poll(
  s: CephSession,
  args: Map<string, unknown>,
  send: () => Promise<CommandOutput>,
): Promise<void> {
  const { columns = 80, rows = 24 } = process.stdout;
  args.set('width', columns);
  let left = 0;
  while (s.options.period > 0) {
    args.set('print_header', left === 0);
    left = (left === 0 ? rows - 3 : left) - 1;
    const { text } = await send();
    if (text !== '') process.stdout.write(`${text}\n`);
    await new Promise(resolve => setTimeout(resolve, s.options.period * 1000));
  }
}

/** Runs one command; a refusal is an outcome too. */
export async function runCommandWords(
  s: CephSession,
  target: Target,
  words: readonly string[],
  sigs: readonly CommandSignature[],
): Promise<Outcome> {
  try {
    return await submit(s, target, words, sigs);
  } catch (error) {
    const output = error instanceof CommandError ? error.output : NOTHING;
    return { ...refusal(error), output };
  }
}

async function write(bytes: Uint8Array, file: string | undefined): Promise<void> {
  if (file === undefined || file === '-') {
    if (!process.stdout.write(bytes)) await once(process.stdout, 'drain');
  } else writeFileSync(file, bytes, { flag: 'a' });
}

function targetOf(words: readonly string[]): ReturnType<typeof findTarget> {
  try {
    return findTarget(words);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new CephFailure(`error handling command target: ${error.message}`, 1);
  }
}

/** One command to each of the targets that the words name; the exit code of the last that failed. */
async function commandTo(
  s: CephSession,
  words: readonly string[],
  injected: readonly string[],
): Promise<number> {
  const { cluster, options } = s;
  const { target, rest, tell } = targetOf(words);
  const command = tell && injected.length > 0 ? injected : [...rest, ...(tell ? [] : injected)];
  if (tell && command.length === 0) {
    process.stderr.write('"ceph tell" requires additional arguments. ');
    process.stderr.write('Try "ceph tell <name> <command> [options...]" instead.\n');
    return EINVAL;
  }
  const targets = await expandTarget(cluster, target);
  const many = options.outFile === undefined && targets.length > 1;
  let exit = 0;
  for (const each of targets) {
    const { errno, output, status } = await outcomeOf(s, each, command);
    const prefix = many ? `${targetText(each)}: ` : '';
    if (options.outFile !== undefined) await write(output, options.outFile);
    else {
      // Before JSON an empty line: readers of old expect a status there.
      if (options.format?.startsWith('json')) process.stdout.write('\n');
      if (output.length > 0) {
        const text = many ? Buffer.from(`${prefix}${output.toString().trimEnd()}\n`) : output;
        await write(text, undefined);
      }
    }
    if (errno !== 0) {
      process.stderr.write(errorLine(errno, status));
      exit = errno;
    } else if (status !== '') process.stderr.write(`${prefix}${status}\n`);
  }
  return exit;
}

async function outcomeOf(s: CephSession, target: Target, words: readonly string[]): Promise<Outcome> {
  let sigs: CommandSignature[];
  try {
    sigs = await descriptionsOf(s.cluster, target);
  } catch (error) {
    const { errno, status } = refusal(error);
    const where = targetText(target);
    const why = status === '' || target.service !== 'mgr' ? '' : `: ${status}`;
    return { errno, output: NOTHING, status: `problem getting command descriptions from ${where}${why}` };
  }
  if (words.length === 0) return interactive(s, sigs);
  return runCommandWords(s, target, words, sigs);
}

async function showHelp(cluster: Rados, words: readonly string[]): Promise<number> {
  const { target, rest, tell } = targetOf(words);
  const title = tell ? `Tell ${target.service} commands:` : 'Monitor commands:';
  process.stdout.write(`\n ${title} \n ${'='.repeat(title.length)}\n`);
  process.stdout.write(helpText(await descriptionsOf(cluster, target), rest.join(' ')));
  return 0;
}

async function watchLog(s: CephSession, level: WatchLevel): Promise<number> {
  const { cluster, options } = s;
  const status = await cluster.monCommand({ prefix: 'status' });
  process.stdout.write(`${status.text}\n`);
  new LogWatch(cluster, level, options.watchChannel ?? 'cluster').start();
  await new Promise<void>(resolve => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  return 0;
}

function watchLevel(options: CephOptions): WatchLevel | undefined {
  if (options.watchDebug) return 'debug';
  if (options.watchInfo) return 'info';
  if (options.watchSec) return 'sec';
  if (options.watchWarn) return 'warn';
  if (options.watchError) return 'error';
  return options.watch || options.watchChannel !== undefined ? 'info' : undefined;
}

async function ping(
  cluster: Rados,
  name: string | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (name === undefined || !/^mon\../.test(name)) {
    const line =
      name === undefined
        ? '"ping" requires a monitor name as argument: "ping mon.<id>"'
        : '"ping" expects a monitor to ping; try "ping mon.<id>"';
    process.stderr.write(`${line}\n`);
    return name === undefined ? 1 : EINVAL;
  }
  for (const { id } of await expandTarget(cluster, { service: 'mon', id: name.slice(4) })) {
    try {
      process.stdout.write(`${await cluster.pingMonitor(id, { signal })}\n`);
    } catch (error) {
      process.stderr.write(errorLine(refusal(error).errno, `mon.${id}: ${refusal(error).status}`));
      return refusal(error).errno;
    }
  }
  return 0;
}

function readInput(file: string | undefined): Buffer | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new CephFailure(`Can't open input file ${file}: ${(error as Error).message}`, 1);
  }
}

/** A line on standard error and the exit code. */
class CephFailure extends Error {
  readonly exitCode: number;

  constructor(line: string, exitCode: number) {
    super(line);
    this.exitCode = exitCode;
  }
}

function connectFailure(error: unknown, late: boolean): CephFailure {
  if (late) return new CephFailure('Cluster connection interrupted or timed out', 1);
  if (!(error instanceof NacreError)) throw error;
  // Being refused, and having no key to be let in with, are one thing to the original.
  const denied = error.code === 'EACCES' || error.op.startsWith('auth.');
  const errno = denied ? EACCES : Math.abs(error.errno);
  const why = denied ? 'RADOS permission denied' : strerror(errno);
  return new CephFailure(
    `[errno ${errno}] ${why} (error connecting to the cluster): ${error.message}`,
    denied ? errno : 1,
  );
}

/** Runs what needs a cluster. */
async function withCluster(
  config: readonly string[],
  options: CephOptions,
  work: (session: CephSession, signal: AbortSignal | undefined) => Promise<number>,
): Promise<number> {
  const seconds = options.connectTimeout ?? (options.help ? HELP_TIMEOUT : undefined);
  const signal = seconds === undefined ? undefined : AbortSignal.timeout(seconds * 1000);
  await using context = await openContext({ args: config });
  const input = readInput(options.inFile);
  let cluster: Rados;
  try {
    cluster = await Rados.connect({ context, signal });
  } catch (error) {
    throw connectFailure(error, signal?.aborted === true);
  }
  try {
    return await work({ cluster, options, input }, signal);
  } finally {
    await cluster.close();
  }
}

async function run(config: readonly string[], options: CephOptions, all: readonly string[]): Promise<number> {
  if (options.version || config.includes('--version') || config.includes('-v')) {
    process.stdout.write(`nacre version ${VERSION} (speaks to Ceph 15.2 and later)\n`);
    return 0;
  }
  const at = all.indexOf('injectargs');
  const injected = at < 0 ? [] : all.slice(at).filter(word => word !== '--');
  const words = at < 0 ? [...all] : all.slice(0, at);
  if (options.status) words.unshift('status');
  if (options.adminDaemon !== undefined) return daemonCommand(options.adminDaemon, words, config);
  if (words[0] === 'daemon') {
    if (words.length < 3) throw new CephFailure('daemon requires at least 2 arguments', EINVAL);
    return daemonCommand(words[1], words.slice(2), config);
  }
  if (words[0] === 'daemonperf')
    throw new NacreError('ENOTSUP', 'ceph daemonperf', "see 'daemon NAME perf dump'");
  if (options.help) process.stdout.write(LOCAL_COMMANDS);
  return withCluster(config, options, async (s, signal) => {
    if (options.help) return showHelp(s.cluster, words);
    if (words[0] === 'ping') return ping(s.cluster, words[1], signal);
    if (words[0] === 'tell' && words[2] === 'help') return showHelp(s.cluster, words.slice(0, 2));
    const level = watchLevel(options);
    if (level !== undefined) return watchLog(s, level);
    if (options.outFile !== undefined && options.outFile !== '-') {
      const file = createWriteStream(options.outFile);
      file.end();
      await once(file, 'finish');
    }
    return commandTo(s, words, injected);
  });
}

/** Runs `ceph` with its configuration, options and words. Rejects with a CliError of its exit code. */
export async function runCeph(
  config: readonly string[],
  options: CephOptions,
  words: readonly string[],
): Promise<void> {
  let exit: number;
  try {
    exit = await run(config, options, words);
  } catch (error) {
    if (!(error instanceof CephFailure)) throw error;
    process.stderr.write(`${error.message}\n`);
    exit = error.exitCode;
  }
  if (exit !== 0) throw new CliError('', exit);
}
