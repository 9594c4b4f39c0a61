// What the translator graph itself costs: a fop through layers that do not care, through layers that do, watched and not; and what
// inodes cost in memory. Nothing goes over a network: the lowest layer answers at once.
//
//   npx tsx --expose-gc bench/gluster-graph.ts
import { onTrace } from '../src/base/trace.ts';
import { nodeEnv } from '../src/env/node.ts';
import type { Fops, StatAnswer } from '../src/gluster/graph/fops.ts';
import { CallRoot, Frame } from '../src/gluster/graph/frame.ts';
import { Graph } from '../src/gluster/graph/graph.ts';
import type { TableInode } from '../src/gluster/graph/inode-table.ts';
import { Loc } from '../src/gluster/graph/loc.ts';
import type { OptionTable } from '../src/gluster/graph/option-types.ts';
import { Xlator, type XlatorClass } from '../src/gluster/graph/xlator.ts';
import { gfidFromRandom } from '../src/gluster/types/gfid.ts';
import { Iatt } from '../src/gluster/types/iatt.ts';

const LAYERS = 7;
const FOPS = 300_000;
const INODES = 100_000;

class Leaf extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {};
  static readonly subvolumes = [0, 0] as const;
  private readonly answer: StatAnswer = { stat: new Iatt() };

  stat(): Promise<StatAnswer> {
    return Promise.resolve(this.answer);
  }
}

/** Has no fop: costs nothing. */
class Idle extends Xlator {
  static readonly options: OptionTable = {};
}

/** Hands the fop on as it is. */
class Busy extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {};
  passed = 0;

  stat(frame: Frame, loc: Loc): Promise<StatAnswer> {
    this.passed++;
    return this.next.stat(frame, loc);
  }
}

/** Does something with the answer on its way up. */
class Awaiting extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {};

  async stat(frame: Frame, loc: Loc): Promise<StatAnswer> {
    return await this.next.stat(frame, loc);
  }
}

const TYPES: Readonly<Record<string, XlatorClass>> = {
  leaf: Leaf,
  idle: Idle,
  busy: Busy,
  awaiting: Awaiting,
};

function build(type: string): Graph {
  let volfile = 'volume l0 type leaf end-volume\n';
  for (let i = 1; i <= LAYERS; i++) volfile += `volume l${i} type ${type} subvolumes l${i - 1} end-volume\n`;
  const graph = Graph.build(volfile, name => TYPES[name], { env: nodeEnv, meta: false });
  graph.activate();
  return graph;
}

/** Nanoseconds of CPU time a fop: other work on the machine does not count. */
async function run(graph: Graph, fops: number): Promise<number> {
  const loc = new Loc(graph.inodes.root);
  const begin = process.cpuUsage();
  for (let i = 0; i < fops; i++) await graph.fops.stat(new Frame(new CallRoot('stat', i, 0)), loc);
  const { user, system } = process.cpuUsage(begin);
  return ((user + system) * 1000) / fops;
}

async function measure(name: string, type: string, prepare?: (graph: Graph) => Disposable): Promise<void> {
  const graph = build(type);
  using _prepared = prepare?.(graph);
  const fops = prepare === undefined ? FOPS : FOPS / 10;
  await run(graph, fops / 10);
  const rounds: number[] = [];
  for (let i = 0; i < 5; i++) rounds.push(await run(graph, fops));
  const best = Math.min(...rounds);
  console.log(`${name.padEnd(52)} ${best.toFixed(0).padStart(7)} ns a fop`);
  await graph.close();
}

function used(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error('run it with --expose-gc');
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

async function inodeMemory(contexts: number): Promise<void> {
  const graph = build('idle');
  const slots = graph.xlators.slice(0, contexts).map(xlator => xlator.slot);
  const { inodes } = graph;
  inodes.lruLimit = 0;
  const before = used();
  const stat = new Iatt();
  let directory: TableInode = inodes.root;
  for (let i = 0; i < INODES; i++) {
    stat.gfid = gfidFromRandom(nodeEnv.random.bytes(16));
    stat.mode = i % 100 === 0 ? 0o040755 : 0o100644;
    const parent = i % 100 === 0 ? inodes.root : directory;
    const inode = inodes.link(inodes.create(), parent, `file-${i}`, stat);
    for (const slot of slots) inode.ctx[slot] = slots;
    inodes.lookup(inode);
    if (i % 100 === 0) directory = inode;
  }
  const bytes = (used() - before) / INODES;
  console.log(
    `${`${INODES} inodes, contexts of ${contexts} layers`.padEnd(52)} ${bytes.toFixed(0).padStart(7)} bytes an inode, ` +
      `${((bytes * INODES) / 2 ** 20).toFixed(1)} MiB`,
  );
  if (inodes.size < INODES) throw new Error('inodes were lost');
  await graph.close();
}

await measure('leaf below nothing that cares (7 layers)', 'idle');
await measure('7 layers that hand on', 'busy');
await measure('7 layers that await the answer', 'awaiting');
await measure('7 that hand on, latencies counted', 'busy', graph => {
  graph.measureLatency = true;
  return { [Symbol.dispose]: () => {} };
});
await measure('7 that do not care, watched', 'idle', () => onTrace({ wind: () => {} }));
await measure('7 that hand on, watched', 'busy', () => onTrace({ wind: () => {} }));
await inodeMemory(0);
await inodeMemory(3);
