import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import { CallRoot, Frame } from '../../src/gluster/graph/frame.ts';
import { Graph } from '../../src/gluster/graph/graph.ts';
import type { Inode } from '../../src/gluster/graph/inode.ts';
import { Loc } from '../../src/gluster/graph/loc.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import { type Gfid, gfidFromRandom } from '../../src/gluster/types/gfid.ts';
import { IA_INVAL, type Iatt } from '../../src/gluster/types/iatt.ts';
import { xlatorRegistry } from '../../src/gluster/xlators/index.ts';
import { dropStore, MemoryBrick } from './mem-brick.ts';

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;

let stores = 0;
let unique = 1;

/** A layer of a stack: its type, and options by name. */
export type LayerSpec = string | readonly [type: string, options: Readonly<Record<string, string>>];

/** The volfile of a stack, top first, over a memory brick. Layers are named by the last part of their types. */
export function stackVolfile(layers: readonly LayerSpec[], directory: string): string {
  let below = 'brick';
  let text = `volume brick\n    type storage/memory\n    option directory ${directory}\nend-volume\n`;
  for (const layer of [...layers].reverse()) {
    const [type, options] = typeof layer === 'string' ? [layer, {}] : layer;
    const name = type.slice(type.indexOf('/') + 1);
    const lines = Object.entries(options).map(([key, value]) => `    option ${key} ${value}\n`);
    text += `\nvolume ${name}\n    type ${type}\n${lines.join('')}    subvolumes ${below}\nend-volume\n`;
    below = name;
  }
  return text;
}

export function frameOf(op: string, lkOwner = ''): Frame {
  const root = new CallRoot(op, unique++, 0);
  root.pid = 4242;
  root.lkOwner = lkOwner;
  return new Frame(root);
}

/** A stack of layers over a memory brick, and what stands above a graph reduced to its least: names become inodes. */
export class GraphStack implements AsyncDisposable {
  /** As the real one, but its clock can be put forward. */
  readonly env: Env;
  private skew = 0;
  readonly graph: Graph;
  readonly brick: MemoryBrick;
  readonly directory: string;

  private constructor(layers: readonly LayerSpec[]) {
    const { clock } = nodeEnv;
    const skewed = { now: () => clock.now() + this.skew, mono: () => clock.mono() + this.skew };
    this.env = { ...nodeEnv, clock: skewed };
    this.directory = `/mem${stores++}`;
    const registry = (type: string) => (type === 'storage/memory' ? MemoryBrick : xlatorRegistry(type));
    const volfile = stackVolfile(layers, this.directory);
    this.graph = Graph.build(volfile, registry, { env: this.env, meta: false });
    this.brick = this.graph.xlators.at(-1) as MemoryBrick;
  }

  static async open(...layers: readonly LayerSpec[]): Promise<GraphStack> {
    const stack = new GraphStack(layers);
    stack.graph.activate();
    await stack.graph.ready();
    return stack;
  }

  /** Lets time pass. */
  advance(ms: number): void {
    this.skew += ms;
  }

  get fops(): Graph['fops'] {
    return this.graph.fops;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.graph.close();
    dropStore(this.directory);
  }

  gfid(): Gfid {
    return gfidFromRandom(this.env.random.bytes(16));
  }

  /** A loc by name in a directory; the inode that is known, or a new one. */
  loc(name: string, parent: Inode = this.graph.inodes.root): Loc {
    const inode = this.graph.inodes.grep(parent, name) ?? this.graph.inodes.create();
    return new Loc(inode, parent, name, `/${name}`);
  }

  /** Of an inode that is known. */
  locOf(inode: Inode): Loc {
    return new Loc(inode, undefined, '', this.graph.inodes.path(inode));
  }

  async lookup(
    name: string,
    xdata?: Dict,
    parent?: Inode,
  ): Promise<{ inode: Inode; stat: Iatt; xdata?: Dict }> {
    const loc = this.loc(name, parent);
    const answer = await this.fops.lookup(frameOf('lookup'), loc, xdata);
    const inode = this.linked(loc, answer.stat);
    return { inode, stat: answer.stat, xdata: answer.xdata };
  }

  private linked(loc: Loc, stat: Iatt): Inode {
    const { inodes } = this.graph;
    const inode = inodes.link(loc.inode, loc.parent, loc.name, stat);
    inodes.lookup(inode);
    return inode;
  }

  async create(name: string, flags = O_RDWR, parent?: Inode): Promise<Fd> {
    const loc = this.loc(name, parent);
    const fd = this.graph.inodes.openFd(loc.inode, flags, 4242, '');
    const xdata = new Dict().setGfid('gfid-req', this.gfid());
    const answer = await this.fops.create(frameOf('create'), loc, flags | O_CREAT, 0o644, 0, fd, xdata);
    this.linked(loc, answer.stat);
    return fd;
  }

  async open(inode: Inode, flags = O_RDWR): Promise<Fd> {
    const fd = this.graph.inodes.openFd(inode, flags & ~O_TRUNC, 4242, '');
    await this.fops.open(frameOf('open'), this.locOf(inode), flags, fd);
    return fd;
  }

  async mkdir(name: string, parent?: Inode): Promise<Inode> {
    const loc = this.loc(name, parent);
    const xdata = new Dict().setGfid('gfid-req', this.gfid());
    const answer = await this.fops.mkdir(frameOf('mkdir'), loc, 0o755, 0, xdata);
    return this.linked(loc, answer.stat);
  }

  async unlink(name: string, parent: Inode = this.graph.inodes.root): Promise<void> {
    const loc = this.loc(name, parent);
    await this.fops.unlink(frameOf('unlink'), loc, 0);
    this.graph.inodes.unlink(loc.inode, parent, name);
  }

  async rename(from: string, to: string, parent: Inode = this.graph.inodes.root): Promise<void> {
    const { inodes } = this.graph;
    const oldLoc = this.loc(from, parent);
    const newLoc = this.loc(to, parent);
    await this.fops.rename(frameOf('rename'), oldLoc, newLoc);
    if (newLoc.inode.type !== IA_INVAL) inodes.unlink(newLoc.inode, parent, to);
    inodes.rename(oldLoc.inode, parent, from, parent, to);
  }

  /** The bytes go to the graph in memory that is overwritten as soon as there is an answer, as FUSE's is. */
  async write(fd: Fd, offset: number, data: Buffer): Promise<number> {
    const lent = Buffer.from(data);
    try {
      const answer = await this.fops.writev(frameOf('writev', fd.lkOwner), fd, [lent], offset, 0);
      return answer.written;
    } finally {
      lent.fill(0xee);
    }
  }

  async read(fd: Fd, offset: number, size: number): Promise<Buffer> {
    const answer = await this.fops.readv(frameOf('readv'), fd, size, offset, 0);
    return Buffer.concat(answer.data as Buffer[], answer.length);
  }

  async fsync(fd: Fd): Promise<void> {
    await this.fops.fsync(frameOf('fsync'), fd, false);
  }

  async flush(fd: Fd): Promise<void> {
    await this.fops.flush(frameOf('flush', fd.lkOwner), fd);
  }

  async close(fd: Fd): Promise<void> {
    try {
      await this.flush(fd);
    } finally {
      fd.release();
    }
  }

  /** What the brick holds of a file of the root directory. */
  held(name: string): Buffer {
    const data = this.brick.store.at(name)?.data;
    return data === undefined ? Buffer.alloc(0) : data.read(0, data.size);
  }
}

/** Waits until the brick has nothing under way, and whatever its answers set off was begun. */
export async function settled(stack: GraphStack): Promise<void> {
  const turn = () => new Promise<void>(resolve => stack.env.timers.immediate(resolve));
  do for (let i = 0; i < 4; i++) await turn();
  while (stack.brick.inFlight > 0);
}
