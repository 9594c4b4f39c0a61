import { formatJson } from '../../base/format.ts';
import { ALL_NAMESPACES, CommandError, type IoCtx, isHead } from '../../ceph/rados/index.ts';
import { ToolError } from './options.ts';
import { attempt, print, reason, type Session, type Verb } from './session.ts';

type Change = (io: IoCtx, oid: string) => Promise<unknown>;

/** One cache operation, on the object or on each of its clones. */
function cacheVerb(change: Change): Verb['run'] {
  return async (s, [oid]) => {
    const views: IoCtx[] = [];
    if (s.options.withClones) {
      const { clones } = await attempt(`error listing snapshots ${s.poolName}/${oid}`, () =>
        s.io.listSnaps(oid),
      );
      for (const clone of clones) views.push(isHead(clone) ? s.io : s.io.with({ snapshot: clone.id }));
    } else views.push(s.io);
    for (const io of views) await attempt(`error from cache-flush ${oid}`, () => change(io, oid));
  };
}

const flush: Change = (io, oid) => io.cacheFlush(oid);
const tryFlush: Change = (io, oid) => io.cacheTryFlush(oid);
const evict: Change = (io, oid) => io.cacheEvict(oid);

function cacheAll(name: string, change: Change): Verb['run'] {
  return async s => {
    let errors = 0;
    const all = s.io.with({ namespace: ALL_NAMESPACES });
    const step = async (what: string, where: string, operation: () => Promise<unknown>): Promise<boolean> => {
      try {
        await operation();
        return true;
      } catch (error) {
        process.stderr.write(`failed to ${what} ${where}: ${reason(error)}\n`);
        errors++;
        return false;
      }
    };
    for await (const { oid, namespace, locator } of all.list()) {
      print(`${namespace}\t${oid}\t${locator}\n`);
      const io = s.io.with({ namespace, locator });
      const where = `${namespace}/${oid}`;
      if (await step('flush', where, () => change(io, oid))) await step('evict', where, () => evict(io, oid));
    }
    if (errors > 0) throw new ToolError(`${name} finished with errors`);
  };
}

function manifestVerb(name: string, change: Change): Verb {
  return {
    name,
    args: '<obj>',
    description:
      name === 'tier-promote' ? 'bring the data of a redirected object here' : 'make a plain object again',
    min: 1,
    run: async (s, [oid]) => {
      await attempt(`error ${name} ${s.poolName}/${oid} `, () => change(s.io, oid));
    },
  };
}

interface PgStats {
  readonly pg_stats?: readonly { readonly pgid: string }[];
}

/** Needs a manager: PGs' states are its. */
async function listInconsistentPgs(
  { cluster, options, format }: Session,
  [pool]: readonly string[],
): Promise<void> {
  if (!cluster.pools.list().some(({ name }) => name === pool))
    throw new ToolError(`pool "${pool}" not found`);
  const id = await cluster.pools.lookup(pool);
  try {
    const out = await cluster.mgrCommand({
      prefix: 'pg ls',
      pool: id,
      states: ['inconsistent'],
      format: 'json',
    });
    const { pg_stats = [] } = out.json<PgStats>();
    const pretty = format === 'json-pretty' || options.prettyFormat === true;
    print(
      `${formatJson(
        pg_stats.map(({ pgid }) => pgid),
        pretty,
      )}\n`,
    );
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    throw new ToolError(`error listing inconsistent PGs: ${error.message}`);
  }
}

export const TIER_VERBS: readonly Verb[] = [
  {
    name: 'cache-flush',
    args: '<obj>',
    description: 'write a cached object to its pool',
    min: 1,
    run: cacheVerb(flush),
  },
  {
    name: 'cache-try-flush',
    args: '<obj>',
    description: 'the same unless it is in use',
    min: 1,
    run: cacheVerb(tryFlush),
  },
  { name: 'cache-evict', args: '<obj>', description: 'drop a cached object', min: 1, run: cacheVerb(evict) },
  {
    name: 'cache-flush-evict-all',
    args: '',
    description: 'flush and drop all cached objects',
    min: 0,
    run: cacheAll('cache-flush-evict-all', flush),
  },
  {
    name: 'cache-try-flush-evict-all',
    args: '',
    description: 'the same for those that are not in use',
    min: 0,
    run: cacheAll('cache-try-flush-evict-all', tryFlush),
  },
  manifestVerb('tier-promote', (io, oid) => io.tierPromote(oid)),
  manifestVerb('unset-manifest', (io, oid) => io.unsetManifest(oid)),
  {
    name: 'list-inconsistent-pg',
    args: '<pool>',
    description: 'PGs in which scrubs found differences',
    min: 1,
    pool: false,
    run: listInconsistentPgs,
  },
];
