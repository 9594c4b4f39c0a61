import type { Env } from '../../env/env.ts';
import type { GraphEvent } from './events.ts';
import type { Fd } from './fd.ts';
import type { FopName, Fops } from './fops.ts';
import type { Frame } from './frame.ts';
import type { Inode, InodeTable } from './inode.ts';
import type { LatencyTable } from './latency.ts';
import type { GraphLog } from './log.ts';
import type { Options, OptionTable } from './option-types.ts';

/** What a graph gives each of its xlators. */
export interface XlatorHost {
  readonly env: Env;
  readonly log: GraphLog;
  /** The graph's number in this process, from 0 up: Gluster's log lines begin with it. */
  readonly graphId: number;
  /** A name for this client that bricks tell clients apart by, the same for all of a graph's connections. */
  readonly processUuid: string;
  readonly volumeName: string;
  /** How the program was called, for .meta. */
  readonly commandLine: string;
  /** The inode table of the graph. */
  readonly inodes: InodeTable;
  /** All of the graph, top first, automatic layers included; complete once the graph is made. */
  readonly xlators: readonly Xlator[];
  /** Text that the graph was made of. */
  readonly volfile: string;
  /** What has been counted of this xlator's fops while the graph measures latencies (`Graph.measureLatency`). */
  latencyOf(xlator: Xlator): LatencyTable | undefined;
  /** Whether latencies are counted in all layers. */
  measureLatency: boolean;
  /** As GlusterFS names graphs: 'vm-18746-2026-11-21-01:19:09.199690 +0000', of host, process and time. */
  readonly graphUuid: string;
  /** What is under way, while the graph is watched. */
  readonly frames: ReadonlySet<Frame>;
  /** All of the graph's state as text, as a state dump has it. */
  statedump(): string;
  /** Resolves all fops anew: a layer's `implementsFop` or `passThrough` has changed. */
  relink(): void;
  /** The next free place in the `ctx` of inodes and fds. */
  takeSlot(xlator: Xlator): number;
}

/** A part of a state dump: titles and `key=value` lines. */
export interface DumpWriter {
  section(title: string): void;
  write(key: string, value: string | number | boolean | bigint): void;
}

/** What making an xlator takes. */
export interface XlatorSetup {
  readonly name: string;
  /** 'performance/write-behind'. */
  readonly type: string;
  readonly host: XlatorHost;
  readonly options: Options;
  readonly children: readonly Xlator[];
}

/** A class of xlators: its options, and how to make one. The constructor throws on options that it cannot work with. */
export interface XlatorClass {
  new (setup: XlatorSetup): Xlator;
  readonly options: OptionTable;
  /** How many subvolumes it takes: [least, most]. */
  readonly subvolumes?: readonly [number, number];
}

/**
 * A translator. A subclass (`implements Partial<Fops>`) has the fops that it cares for as methods of their names, and
 * nothing else: at activation every fop resolves to the next layer that really has it, so a layer that does not care costs
 * nothing. To wind is to call `this.next.writev(...)` (the first subvolume) or `this.subvolumes[i].writev(...)`.
 */
export abstract class Xlator {
  readonly name: string;
  readonly type: string;
  readonly host: XlatorHost;
  /** In force now; replaced on `reconfigure`. */
  options: Options;
  readonly children: readonly Xlator[];
  readonly parents: Xlator[] = [];
  private ownSlot = -1;
  /**
   * Ways down, one a child: every fop there, each resolved to who implements it. Set at activation. A fop that nobody below has
   * rejects with EOPNOTSUPP.
   */
  subvolumes: readonly Fops[] = [];
  /** The first of `subvolumes`; undefined where there is none. */
  next: Fops = undefined as unknown as Fops;
  /** Option `pass-through`: fops go by this layer. */
  passThrough = false;

  constructor(setup: XlatorSetup) {
    this.name = setup.name;
    this.type = setup.type;
    this.host = setup.host;
    this.options = setup.options;
    this.children = setup.children;
  }

  /** Where this xlator keeps its own in the `ctx` of inodes and fds. Taken when it first asks, so that others cost no room. */
  get slot(): number {
    if (this.ownSlot < 0) this.ownSlot = this.host.takeSlot(this);
    return this.ownSlot;
  }

  /** The xlator's name as Gluster's log lines have it, with the number of its graph: '0-vg0-dht'. */
  get logName(): string {
    return `${this.host.graphId}-${this.name}`;
  }

  /** After all of the graph was made and resolved, bottom first, before PARENT_UP. */
  activate(): void {}

  /** Whether it could live with these options, which are valid one by one; throws when not. Changes nothing. */
  checkOptions(_options: Options): void {}

  /** New options were read into `this.options`, and `checkOptions` has had nothing against them. */
  reconfigure(): void {}

  /** An event from above (`from` is a parent, or undefined at the top) or from below (a child). Passes it on by default. */
  notify(event: GraphEvent, _from: Xlator | undefined, data?: unknown): void {
    if (event === 'PARENT_UP' || event === 'PARENT_DOWN') this.notifyChildren(event, data);
    else this.notifyParents(event, data);
  }

  protected notifyParents(event: GraphEvent, data?: unknown): void {
    for (const parent of this.parents) parent.notify(event, this, data);
  }

  protected notifyChildren(event: GraphEvent, data?: unknown): void {
    for (const child of this.children) child.notify(event, this, data);
  }

  /** The table drops this inode, which has something at our slot. */
  forget?(inode: Inode): void;
  /** The fd was released, and has something at our slot. */
  release?(fd: Fd): void;
  /** The kernel, or an upcall, wants caches of this inode dropped. */
  invalidate?(inode: Inode): void;
  /** Adds what there is to tell of this xlator. */
  dump?(out: DumpWriter): void;
  /** What it has done of late (debug/trace). */
  dumpHistory?(out: DumpWriter): void;
  dumpInode?(inode: Inode, out: DumpWriter): void;
  dumpFd?(fd: Fd, out: DumpWriter): void;

  /** The graph ends: leave no timer and no socket. Called once, top first. */
  async fini(): Promise<void> {}

  /**
   * Whether a fop comes by here. A layer that has the method but nothing to do at present may say no, so that it costs nothing
   * (and calls `host.relink` when that changes); but when the graph is `watched`, whoever watches wants to see it.
   */
  implementsFop(fop: FopName, _watched = false): boolean {
    return typeof (this as unknown as Partial<Fops>)[fop] === 'function';
  }
}
