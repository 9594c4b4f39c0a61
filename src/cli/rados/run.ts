import { readFileSync } from 'node:fs';
import { NacreError } from '../../base/errors.ts';
import { VERSION } from '../../base/version.ts';
import { POOL_ERASURE, POOL_FLAG_EC_OVERWRITES } from '../../ceph/osdmap/pool-flags.ts';
import { type IoCtx, Rados } from '../../ceph/rados/index.ts';
import { parsePgId } from '../../ceph/types/pg.ts';
import { openContext } from '../shared/context.ts';
import { CliError, strerror } from '../shared/errors.ts';
import { formatOf, parseBytes, parseRadosArgs, type RadosOptions, ToolError } from './options.ts';
import { attempt, errnoOf, print, reason, type Session, type Verb } from './session.ts';
import { OTHER_VERBS } from './unsupported.ts';
import { VERBS } from './verbs.ts';

const DEFAULT_OP_SIZE = 4 << 20;

function usage(verb: Verb): ToolError {
  const pool = verb.pool === false ? '' : ' -p <pool>';
  return new ToolError(`usage: rados${pool} [options] ${verb.name} ${verb.args}`.trimEnd());
}

/** Bytes an operation; erasure-coded pools only take multiples of a stripe. */
function opSizeOf(options: RadosOptions, io: IoCtx | undefined): number {
  const text = options.blockSize ?? options.opSize;
  const wanted = text === undefined ? DEFAULT_OP_SIZE : parseBytes('block-size', text);
  if (wanted <= 0) throw new ToolError(`Invalid value for block-size: '${text}'`);
  const align = io === undefined ? 0 : requiredAlignment(io);
  if (align <= 1) return wanted;
  const rounded = Math.ceil(wanted / align) * align;
  if (text !== undefined && rounded !== wanted)
    process.stderr.write(`INFO: op_size has been rounded to ${rounded}\n`);
  return rounded;
}

function requiredAlignment(io: IoCtx): number {
  const pool = io.poolInfo;
  return pool.type === POOL_ERASURE && !pool.hasFlag(POOL_FLAG_EC_OVERWRITES) ? pool.stripeWidth : 0;
}

async function openPool(cluster: Rados, options: RadosOptions): Promise<IoCtx | undefined> {
  const { pool, create, createPool } = options;
  if (create || createPool) {
    if (pool === undefined) throw new ToolError('--create-pool requested but pool_name was not specified!');
    await attempt(`error creating pool ${pool}`, () => cluster.pools.create(pool));
  }
  if (pool === undefined) return undefined;
  const view = { namespace: options.namespace, locator: options.objectLocator };
  const io = await attempt(`error opening pool ${pool}`, () => cluster.openPool(pool, view));
  if (options.pgid !== undefined && parsePgId(options.pgid)?.pool !== io.pool)
    throw new ToolError('invalid pgid');
  return atSnapshot(io, options);
}

function atSnapshot(io: IoCtx, { snap, snapid }: RadosOptions): IoCtx {
  let id: bigint;
  if (snap !== undefined) {
    try {
      ({ id } = io.lookupSnapshot(snap));
    } catch (error) {
      throw new ToolError(`error looking up snap '${snap}': ${reason(error)}`);
    }
  } else if (snapid === undefined) return io;
  else if (/^\d+$/.test(snapid)) id = BigInt(snapid);
  else throw new ToolError(`Invalid value for snapid: '${snapid}'`);
  let name: string;
  try {
    ({ name } = io.lookupSnapshot(id));
  } catch {
    throw new ToolError(`snapid ${id} doesn't exist in pool ${io.poolName}`);
  }
  print(`selected snap ${id} '${name}'\n`);
  return io.with({ snapshot: id });
}

/** Options that only mean something with a pool. */
function checkPoolless(options: RadosOptions): void {
  if (options.pool !== undefined) return;
  const needing: readonly (readonly [string, unknown])[] = [
    ['--snap', options.snap],
    ['--object-locator', options.objectLocator],
    ['--namespace', options.namespace],
    ['--snapid', options.snapid],
  ];
  for (const [name, value] of needing)
    if (value !== undefined) throw new ToolError(`pool name must be specified with ${name}`);
}

function sessionOf(cluster: Rados, options: RadosOptions, io: IoCtx | undefined): Session {
  return {
    cluster,
    options,
    format: formatOf(options),
    opSize: opSizeOf(options, io),
    poolName: options.pool ?? '',
    get io(): IoCtx {
      if (io === undefined) throw new NacreError('EINVAL', 'rados', 'no pool was named');
      return io;
    },
  };
}

async function connect(context: Parameters<typeof Rados.connect>[0]): Promise<Rados> {
  try {
    return await Rados.connect(context);
  } catch (error) {
    const why = error instanceof NacreError && error.message !== '' ? ` (${error.message})` : '';
    throw new ToolError(`couldn't connect to cluster: ${strerror(errnoOf(error))}${why}`);
  }
}

async function runVerb(
  config: readonly string[],
  options: RadosOptions,
  verb: Verb,
  words: readonly string[],
) {
  await using context = await openContext({ args: config });
  const cluster = await connect({ context });
  try {
    checkPoolless(options);
    const io = await openPool(cluster, options);
    const needsPool = verb.pool !== false;
    if (
      (needsPool && io === undefined) ||
      words.length < (verb.min ?? 0) ||
      words.length > (verb.max ?? Infinity)
    )
      throw usage(verb);
    await verb.run(sessionOf(cluster, options, io), words);
  } finally {
    await cluster.close();
  }
}

async function run(config: readonly string[], args: readonly string[]): Promise<void> {
  if (config.includes('--version') || config.includes('-v')) {
    print(`nacre version ${VERSION}\n`);
    return;
  }
  const { options, words } = parseRadosArgs(args);
  const [name, ...rest] = words;
  if (name === undefined) throw new ToolError('rados: you must give an action. Try --help');
  if (options.striper)
    throw new NacreError('ENOTSUP', 'rados --striper', 'objects striped by libradosstriper');
  const verb = [...VERBS, ...OTHER_VERBS].find(each => each.name === name);
  if (verb === undefined)
    throw new ToolError(`unrecognized command ${name}; -h or --help for usage\nerror 22: ${strerror(22)}`);
  if (options.objNameFile !== undefined) rest.unshift(readFileSync(options.objNameFile, 'utf8'));
  await runVerb(config, options, verb, rest);
}

/** Runs `rados` with its configuration and the rest of its arguments. Rejects with a CliError of its exit code. */
export async function runRados(config: readonly string[], args: readonly string[]): Promise<void> {
  try {
    await run(config, args);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    if (error.message !== '') process.stderr.write(`${error.message}\n`);
    throw new CliError('', error.exitCode);
  }
}
