import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { formatJson } from '../../base/format.ts';
import { POOL_FLAG_SELFMANAGED_SNAPS } from '../../ceph/osdmap/pool-flags.ts';
import {
  ALL_NAMESPACES,
  type IoCtx,
  type ListedObject,
  OP_FADVISE_DONTNEED,
  OP_FADVISE_NOCACHE,
  OP_FADVISE_SEQUENTIAL,
  type PoolStats,
  type Rados,
  WriteOperation,
} from '../../ceph/rados/index.ts';
import { parsePgId } from '../../ceph/types/pg.ts';
import { strerror } from '../shared/errors.ts';
import { formatBytes, renderJson } from '../shared/format.ts';
import { TextTable } from '../shared/table.ts';
import { ToolError } from './options.ts';
import { attempt, errnoOf, print, reason, type Session, type Verb } from './session.ts';

async function lspools({ cluster }: Session): Promise<void> {
  for (const { name } of cluster.pools.list()) print(`${name}\n`);
}

const DF_COLUMNS = [
  'USED',
  'OBJECTS',
  'CLONES',
  'COPIES',
  'MISSING_ON_PRIMARY',
  'UNFOUND',
  'DEGRADED',
  'RD_OPS',
  'RD',
  'WR_OPS',
  'WR',
  'USED COMPR',
  'UNDER COMPR',
];

function dfTable(stats: readonly (readonly [string, PoolStats])[]): string {
  const table = new TextTable().column('POOL_NAME');
  for (const heading of DF_COLUMNS) table.column(heading, 'right');
  for (const [name, p] of stats)
    table.row(
      name,
      formatBytes(p.numBytes),
      p.numObjects,
      p.numObjectClones,
      p.numObjectCopies,
      p.numObjectsMissingOnPrimary,
      p.numObjectsUnfound,
      p.numObjectsDegraded,
      p.numRd,
      formatBytes(p.numRdKb * 1024),
      p.numWr,
      formatBytes(p.numWrKb * 1024),
      formatBytes(p.compressedBytesAlloc),
      formatBytes(p.compressedBytesOrig),
    );
  return table.toString();
}

function dfJson(cluster: Rados, name: string, p: PoolStats): Record<string, unknown> {
  return {
    name,
    id: cluster.map.poolIdByName(name),
    size_bytes: p.numBytes,
    size_kb: p.numKb,
    num_objects: p.numObjects,
    num_object_clones: p.numObjectClones,
    num_object_copies: p.numObjectCopies,
    num_objects_missing_on_primary: p.numObjectsMissingOnPrimary,
    num_objects_unfound: p.numObjectsUnfound,
    num_objects_degraded: p.numObjectsDegraded,
    read_ops: p.numRd,
    read_bytes: p.numRdKb * 1024,
    write_ops: p.numWr,
    write_bytes: p.numWrKb * 1024,
    compress_bytes_used: p.compressedBytesAlloc,
    compress_under_bytes: p.compressedBytesOrig,
  };
}

async function df({ cluster, options, format }: Session): Promise<void> {
  const names = options.pool === undefined ? undefined : [options.pool];
  const byName = await attempt('error fetching pool stats', () => cluster.poolStats(names));
  const stats = [...byName].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const total = await attempt('error getting total cluster usage', () => cluster.stats());
  if (format !== undefined && format !== 'plain') {
    const document = {
      pools: stats.map(([name, p]) => dfJson(cluster, name, p)),
      total_objects: total.numObjects,
      total_used: total.kbUsed,
      total_avail: total.kbAvail,
      total_space: total.kb,
    };
    print(renderJson(document, format));
    return;
  }
  print(
    `${dfTable(stats)}\ntotal_objects    ${total.numObjects}\n` +
      `total_used       ${formatBytes(total.kbUsed * 1024)}\n` +
      `total_avail      ${formatBytes(total.kbAvail * 1024)}\n` +
      `total_space      ${formatBytes(total.kb * 1024)}\n`,
  );
}

/** Objects of one PG only. */
async function* ofPg(io: IoCtx, pg: number): AsyncGenerator<ListedObject> {
  const { poolInfo } = io;
  for await (const object of io.list()) {
    const hash = poolInfo.hashKey(object.locator === '' ? object.oid : object.locator, object.namespace);
    if (poolInfo.rawSeedToPg(hash) === pg) yield object;
  }
}

interface Out {
  write(text: string): Promise<void>;
  end(): Promise<void>;
}

function outputTo(file: string | undefined): Out {
  const stream = file === undefined ? process.stdout : createWriteStream(file);
  return {
    async write(text) {
      if (!stream.write(text)) await once(stream, 'drain');
    },
    async end() {
      if (stream === process.stdout) return;
      stream.end();
      await once(stream, 'finish');
    },
  };
}

/** Listings are written in pieces of about this many characters. */
const PIECE = 64 * 1024;

async function ls(s: Session, [target]: readonly string[]): Promise<void> {
  const { options, format, cluster } = s;
  const pgid = options.pgid === undefined ? undefined : parsePgId(options.pgid);
  if (options.pgid !== undefined && pgid === undefined) throw new ToolError('invalid pgid');
  if (options.pool === undefined && pgid === undefined)
    throw new ToolError('either pool name or pg id needs to be specified');
  const file = options.output;
  if (file === undefined && target !== undefined && target !== '-')
    throw new ToolError('Please use --output to specify the output file name');
  const all = options.namespace === undefined && options.all === true && options.default !== true;
  let io = options.pool === undefined ? await cluster.openPool(Number(pgid!.pool)) : s.io;
  if (all) io = io.with({ namespace: ALL_NAMESPACES });
  const objects = pgid === undefined ? io.list() : ofPg(io, pgid.seed);
  const out = outputTo(file);
  const json = format !== undefined && format !== 'plain';
  const pretty = format === 'json-pretty';
  let text = json ? '[' : '';
  let first = true;
  for await (const { oid, namespace, locator } of objects) {
    if (json) {
      const one = formatJson({ namespace, name: oid, locator: locator === '' ? undefined : locator }, pretty);
      text += `${first ? '' : ','}${pretty ? `\n    ${one.replaceAll('\n', '\n    ')}` : one}`;
    } else text += `${all ? `${namespace}\t` : ''}${oid}${locator === '' ? '' : `\t${locator}`}\n`;
    first = false;
    if (text.length < PIECE) continue;
    await out.write(text);
    text = '';
  }
  if (json) text += pretty ? `${first ? '' : '\n'}]\n` : ']';
  if (json && options.prettyFormat) text += '\n';
  await out.write(text);
  await out.end();
}

async function cppool(s: Session, [from, to, sure]: readonly string[]): Promise<void> {
  const { cluster } = s;
  if (from === to) throw new ToolError('cannot copy pool into itself');
  process.stderr.write(
    'WARNING: pool copy does not preserve user_version, which some     apps may rely on.\n',
  );
  let source: IoCtx;
  try {
    source = await cluster.openPool(from, { namespace: ALL_NAMESPACES });
  } catch (error) {
    throw new ToolError(`failed to query pool ${from} for selfmanaged snaps: ${reason(error)}`);
  }
  if (source.poolInfo.hasFlag(POOL_FLAG_SELFMANAGED_SNAPS) && sure !== '--yes-i-really-mean-it')
    throw new ToolError(
      `WARNING: pool ${from} has selfmanaged snaps, which are not preserved\n` +
        '    by the cppool operation.  This will break any snapshot user.\n' +
        '    If you insist on making a broken copy, you can pass\n    --yes-i-really-mean-it to proceed anyway.',
    );
  let target: IoCtx;
  try {
    target = await cluster.openPool(to);
  } catch (error) {
    throw new ToolError(`cannot open target pool: ${to}\n${copyFailed(from, to, errnoOf(error))}`);
  }
  for await (const { oid, namespace, locator } of source.list()) {
    const name = `${namespace === '' ? '' : `${namespace}/`}${oid}`;
    print(`${from}:${name}${locator === '' ? '' : `(@${locator})`} => ${to}:${name}\n`);
    const operation = new WriteOperation()
      .copyFrom({ io: source.with({ namespace, locator }), oid })
      .opFlags(OP_FADVISE_SEQUENTIAL | OP_FADVISE_NOCACHE | OP_FADVISE_DONTNEED);
    try {
      await target.with({ namespace }).operate(oid, operation);
    } catch (error) {
      const errno = errnoOf(error);
      throw new ToolError(`error copying object: ${strerror(errno)}\n${copyFailed(from, to, errno)}`);
    }
  }
  print(`successfully copied pool ${from}\n`);
}

function copyFailed(from: string, to: string, errno: number): string {
  return `error copying pool ${from} => ${to}: ${strerror(errno)}`;
}

export const POOL_VERBS: readonly Verb[] = [
  { name: 'lspools', args: '', description: 'list pools', min: 0, pool: false, run: lspools },
  { name: 'df', args: '', description: 'usage of pools and of the cluster', min: 0, pool: false, run: df },
  { name: 'ls', args: '', description: 'list objects', min: 0, pool: false, run: ls },
  {
    name: 'cppool',
    args: '<pool> <target-pool>',
    description: 'copy the objects of a pool',
    min: 2,
    max: 3,
    pool: false,
    run: cppool,
  },
];
