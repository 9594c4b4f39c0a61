import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { ALL_NAMESPACES, type IoCtx, type ListedObject } from '../../ceph/rados/index.ts';
import { strerror } from '../shared/errors.ts';
import { Progress } from '../shared/progress.ts';
import { BENCH_PREFIX, LAST_RUN, objectPrefix, objectsOf, readMetadata } from './bench-data.ts';
import { parseBytes, ToolError } from './options.ts';
import { errnoOf, failTwice, print, type Session, type Verb } from './session.ts';

/** Removes what `next` gives, `depth` at a time; objects that are gone already count as removed. */
async function removeAll(
  next: () => Promise<(() => Promise<unknown>) | undefined>,
  depth: number,
): Promise<number> {
  using progress = new Progress();
  let removed = 0;
  const worker = async () => {
    for (let remove = await next(); remove !== undefined; remove = await next()) {
      try {
        await remove();
      } catch (error) {
        if (!(error instanceof NacreError) || error.code !== 'ENOENT') throw error;
      }
      removed++;
      progress.update(() => `removed ${removed}`);
    }
  };
  await Promise.all(Array.from({ length: depth }, worker));
  return removed;
}

/** Removes the objects of a benchmark by number. */
export function removeObjects(io: IoCtx, prefix: string, count: number, depth: number): Promise<number> {
  let at = 0;
  const next = async () => {
    if (at >= count) return undefined;
    const name = `${prefix}_object${at++}`;
    return () => io.remove(name);
  };
  return removeAll(next, depth);
}

/** Removes every object of the listing whose name begins so. */
export async function removeByPrefix(io: IoCtx, prefix: string, depth: number): Promise<number> {
  const found = io.list()[Symbol.asyncIterator]();
  // One at a time: the listing is a single walk that the workers share.
  let last: Promise<unknown> = Promise.resolve();
  const take = async (): Promise<ListedObject | undefined> => {
    for (;;) {
      const { value, done } = await found.next();
      if (done) return undefined;
      if (value.oid.startsWith(prefix)) return value;
    }
  };
  const next = async () => {
    const mine = last.then(take);
    last = mine.catch(() => {});
    const object = await mine;
    if (object === undefined) return undefined;
    const { oid, namespace, locator } = object;
    return () => io.with({ namespace, locator }).remove(oid);
  };
  return removeAll(next, depth);
}

function removedText(n: number): string {
  return `Removed ${n} object${n === 1 ? '' : 's'}\n`;
}

/** Removes what benchmarks left in each namespace of the listing. */
async function cleanUp(s: Session, io: IoCtx, prefix: string, runName: string, depth: number): Promise<void> {
  const namespaces = new Set<string>();
  const described = new Set<string>();
  for await (const { oid, namespace } of io.list()) {
    namespaces.add(namespace);
    if (oid === runName) described.add(namespace);
  }
  for (const namespace of namespaces) {
    const here = s.io.with({ namespace });
    if (!described.has(namespace)) {
      print('Warning: using slow linear search\n');
      print(removedText(await removeByPrefix(here, prefix, depth)));
      continue;
    }
    const metadata = await readMetadata(here, runName);
    const mine = objectPrefix(metadata.pid);
    print(removedText(await removeObjects(here, mine, objectsOf(metadata), depth)));
    await here.remove(runName);
  }
}

async function cleanup(s: Session): Promise<void> {
  const { options } = s;
  const depth =
    options.concurrentIos === undefined ? 16 : parseBytes('concurrent-ios', options.concurrentIos);
  const { prefix = BENCH_PREFIX } = options;
  const all = options.namespace === undefined && options.all === true && options.default !== true;
  const io = all ? s.io.with({ namespace: ALL_NAMESPACES }) : s.io;
  try {
    if (!prefix.startsWith(BENCH_PREFIX)) {
      process.stderr.write(`Specified --prefix invalid, it must begin with "${BENCH_PREFIX}"\n`);
      throw new NacreError('EINVAL', 'cleanup', prefix);
    }
    // The default run's name says nothing about objects that a prefix was given for.
    const runName = options.runName ?? (options.prefix === undefined ? LAST_RUN : '');
    await cleanUp(s, io, prefix, runName, depth);
  } catch (error) {
    if (error instanceof ToolError) throw error;
    const errno = errnoOf(error);
    throw failTwice(`error during cleanup: ${strerror(errno)}`, errno);
  }
}

/** `rados purge`: all objects of a pool, of every namespace. */
async function purge({ cluster, options }: Session, [pool, sure]: readonly string[]): Promise<void> {
  if (sure !== '--yes-i-really-really-mean-it')
    throw new ToolError(
      'WARNING:\n  This will PERMANENTLY DESTROY all objects from a pool with no way back.\n' +
        '  To confirm, follow pool with --yes-i-really-really-mean-it',
    );
  let io: IoCtx;
  try {
    io = await cluster.openPool(pool, { namespace: ALL_NAMESPACES });
  } catch (error) {
    throw new ToolError(`error pool ${pool}: ${strerror(errnoOf(error))}`);
  }
  const depth =
    options.concurrentIos === undefined ? 16 : parseBytes('concurrent-ios', options.concurrentIos);
  print('Warning: using slow linear search\n');
  try {
    print(removedText(await removeByPrefix(io, '', depth)));
  } catch (error) {
    const errno = errnoOf(error) || -ERRNO['EIO'];
    throw failTwice(`pool ${pool} could not be purged`, errno);
  }
  print(`successfully purged pool ${pool}\n`);
}

export const CLEANUP_VERBS: readonly Verb[] = [
  { name: 'cleanup', args: '', description: 'remove what benchmarks left', min: 0, run: cleanup },
  {
    name: 'purge',
    args: '<pool> --yes-i-really-really-mean-it',
    description: 'remove all objects of a pool',
    min: 1,
    pool: false,
    run: purge,
  },
];
