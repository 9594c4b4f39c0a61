import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTraceClock } from '../../base/trace.ts';
import { TraceForest, type TraceNode } from '../../base/trace-tree.ts';
import type { IoCtx } from '../../ceph/rados/index.ts';
import { type ClusterOptions, startCluster } from '../../vstart/index.ts';
import { CliError } from '../shared/errors.ts';
import { formatBytes } from '../shared/format.ts';
import { treeText } from '../shared/trace-text.ts';
import { out } from '../shared/tty.ts';

const POOL = 'demo';
const MOST_FILES = 200;
/** At once on their way. */
const DEPTH = 16;

interface DemoFile {
  readonly path: string;
  readonly name: string;
}

/** Files named, and all below directories named; this package's own without any. */
async function filesOf(args: readonly string[]): Promise<DemoFile[]> {
  const found: DemoFile[] = [];
  const walk = async (path: string, base: string): Promise<void> => {
    if (found.length >= MOST_FILES) return;
    const info = await stat(path).catch(() => undefined);
    if (info === undefined) throw new CliError(`there is no file ${path}`);
    if (info.isDirectory()) {
      for (const entry of (await readdir(path)).sort())
        if (!entry.startsWith('.') && entry !== 'node_modules') await walk(join(path, entry), base);
      return;
    }
    if (info.isFile()) found.push({ path, name: relative(base, path) || basename(path) });
  };
  if (args.length > 0) for (const arg of args) await walk(arg, join(arg, '..'));
  else {
    const root = packageRoot();
    for (const own of ['src', 'dist', 'README.md', 'package.json', 'LICENSE'])
      await walk(join(root, own), root).catch(() => {});
  }
  if (found.length === 0) throw new CliError('there is no file to store');
  return found;
}

/** The folder of this package, from wherever the bundler put this code. */
function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json')) && dirname(dir) !== dir) dir = dirname(dir);
  return dir;
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function eachOf<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) await run(items[next++]);
  };
  await Promise.all(Array.from({ length: DEPTH }, worker));
}

/** Writes one object and returns the tree of all layers that it went through, OSDs included. */
async function tracedWrite(io: IoCtx, name: string, bytes: Uint8Array): Promise<TraceNode | undefined> {
  setTraceClock(() => performance.now());
  let root: TraceNode | undefined;
  {
    using _forest = new TraceForest({
      finished(node) {
        if (node.span.layer.startsWith('librados.')) root = node;
      },
    });
    await io.writeFull(name, bytes);
    // What daemons still have to put away after the answer.
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  return root;
}

/** Without the whole text of each message, so that a line fits a terminal. */
function brief(tree: string): string {
  return tree.replace(/message=.*? (?=(?:to|from|seq)=)/g, '').replace(/ op=osd_op\([^)]*\)/g, '');
}

/**
 * The demonstration: a cluster, files into it and out again, the way of one write. True when everything that came
 * back is what went in.
 */
export async function runDemo(options: ClusterOptions, args: readonly string[]): Promise<boolean> {
  const c = out;
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const timed = (ms: number) => c.dim(`${Math.round(ms)} ms`);
  const step = (what: string, detail: string, ms: number) =>
    say(`${c.green('✔')} ${what.padEnd(8)} ${detail}  ${timed(ms)}`);
  const files = await filesOf(args);
  let mark = performance.now();
  const lap = () => {
    const now = performance.now();
    const ms = now - mark;
    mark = now;
    return ms;
  };

  const pools = [{ name: POOL }, ...(options.pools ?? [])];
  await using cluster = await startCluster({ ...options, pools });
  step('start', `one monitor, ${cluster.osds.length} OSDs, pool '${POOL}' at ${cluster.monHost}`, lap());
  await using client = await cluster.connect();
  step(
    'connect',
    `${client.context.config.name} with ${options.auth ?? 'cephx'}, cluster ${cluster.fsid}`,
    lap(),
  );

  const io = await client.openPool(POOL);
  const sums = new Map<string, string>();
  let bytes = 0;
  await eachOf(files, async ({ path, name }) => {
    const content = await readFile(path);
    sums.set(name, hashOf(content));
    bytes += content.length;
    await io.writeFull(name, content);
  });
  const copies = client.map.pools.get(io.pool)?.size ?? 1;
  step(
    'store',
    `${files.length} files, ${formatBytes(bytes)}, ${copies} ${copies === 1 ? 'copy' : 'copies'} each`,
    lap(),
  );

  const listed: string[] = [];
  for await (const { oid } of io.list()) listed.push(oid);
  const missing = files.filter(({ name }) => !listed.includes(name));
  step('list', `${listed.length} objects`, lap());

  const wrong: string[] = [];
  await eachOf(files, async ({ name }) => {
    if (hashOf(await io.read(name)) !== sums.get(name)) wrong.push(name);
  });
  step('read', `${files.length} files back, ${files.length - wrong.length} the same (SHA-256)`, lap());

  const [first] = files;
  const content = await readFile(first.path);
  const root = await tracedWrite(io, first.name, content);
  say(`\n${c.bold('The way of one write')}: ${first.name}, ${formatBytes(content.length)}`);
  say(root === undefined ? c.dim('  nothing was traced') : brief(treeText(root, { colors: c })));

  if (missing.length + wrong.length > 0)
    say(c.red(`\n${missing.length} objects are missing, ${wrong.length} differ`));
  else
    say(
      `\n${c.dim('Next:')} nacre vstart --pool data  ${c.dim('keeps a cluster running, for')} ceph -s${c.dim(',')} rados ` +
        `${c.dim('and')} nacre rados`,
    );
  return missing.length + wrong.length === 0;
}
