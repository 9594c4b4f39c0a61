import { NacreError } from '../../base/errors.ts';
import { tracing } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import type { GraphEvent } from './events.ts';
import type { Fops } from './fops.ts';
import type { Frame } from './frame.ts';
import {
  checkShape,
  checkSubvolumes,
  commandLineOptions,
  reachable,
  sameShape,
  topName,
} from './graph-shape.ts';
import { GraphInodeTable } from './inode-table.ts';
import { LatencyTable } from './latency.ts';
import { Link, type LinkMode } from './link.ts';
import { formatLogTime, type GraphLog, SILENT_LOG } from './log.ts';
import { optionsOf, XlatorOptions } from './options.ts';
import { GraphReady } from './ready.ts';
import { statedump } from './statedump.ts';
import { parseVolfile, type VolfileVolume } from './volfile.ts';
import { Xlator, type XlatorClass, type XlatorHost } from './xlator.ts';

/** Types of xlators by name: 'performance/write-behind'. */
export type XlatorRegistry = (type: string) => XlatorClass | undefined;

export interface GraphSetup {
  readonly env: Env;
  readonly log?: GraphLog;
  /** Shown in logs and in .meta; by default the name of the top volume. */
  readonly volumeName?: string;
  /** Which volume of the volfile is the top; by default the last one. */
  readonly topVolume?: string;
  /** By default made of the host's name, the process's number and the time, as Gluster makes it. */
  readonly processUuid?: string;
  /** Enforces access control lists (`mount -o acl`): puts system/posix-acl on top. */
  readonly acl?: boolean;
  /** Whether the .meta tree is put on top; by default where the registry has the type `meta`. */
  readonly meta?: boolean;
  /** As `--xlator-option`: 'VOLUME.KEY' -> value, before what the volfile says; VOLUME may have a `*`. */
  readonly xlatorOptions?: Readonly<Record<string, string>>;
  readonly lruLimit?: number;
  /** How the program was called, for .meta. */
  readonly commandLine?: string;
  /** Counts how long fops take in each layer from the start. */
  readonly measureLatency?: boolean;
}

/** What `reconfigure` did. */
export type ReconfigureResult =
  /** Nothing differs. */
  | 'same'
  /** Options were changed in place. */
  | 'reconfigured'
  /** Layers differ: a new graph is needed. */
  | 'switch';

export type GraphListener = (event: GraphEvent, from: Xlator, data?: unknown) => void;

/** Above the top layer: what is notified there is the graph's to tell. */
class AboveTop extends Xlator {
  heard: GraphListener = () => {};

  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    this.heard(event, from ?? this, data);
  }
}

interface Layer {
  readonly volume: VolfileVolume;
  readonly type: XlatorClass;
  readonly options: XlatorOptions;
}

let nextGraphId = 0;

/**
 * A graph of translators, made of a volfile. Life: `build`, `activate`, `ready`; then fops go to `fops`; at the end `close`.
 */
export class Graph implements XlatorHost {
  readonly env: Env;
  readonly log: GraphLog;
  readonly graphId: number;
  readonly processUuid: string;
  readonly volumeName: string;
  readonly commandLine: string;
  readonly inodes: GraphInodeTable;
  readonly xlators: readonly Xlator[];
  readonly top: Xlator;
  /** Wall clock, milliseconds. */
  readonly born: number;
  readonly graphUuid: string;
  /** What is under way, while the graph is watched. */
  readonly frames = new Set<Frame>();
  volfile: string;
  private volumes: readonly VolfileVolume[];
  private readonly registry: XlatorRegistry;
  private readonly setup: GraphSetup;
  private readonly slots: Xlator[] = [];
  private readonly links: Link[] = [];
  private readonly topLink: Link;
  private readonly latencies = new Map<Xlator, LatencyTable>();
  private readonly listeners = new Set<GraphListener>();
  private readonly readiness = new GraphReady();
  private traced = false;
  private measuring: boolean;
  private state: 'built' | 'active' | 'closed' = 'built';
  private closing: Promise<void> | undefined;

  /**
   * Makes a graph; nothing of it runs yet. Throws VolfileError for a volfile that is none, EINVAL for options, ENOTSUP with its name for a type
   * that the registry does not have.
   */
  static build(volfile: string, registry: XlatorRegistry, setup: GraphSetup): Graph {
    return new Graph(volfile, registry, setup);
  }

  private constructor(volfile: string, registry: XlatorRegistry, setup: GraphSetup) {
    const { env } = setup;
    this.env = env;
    this.log = setup.log ?? SILENT_LOG;
    this.registry = registry;
    this.setup = setup;
    this.volfile = volfile;
    this.born = env.clock.now();
    const { hostname, pid } = env.host;
    this.graphUuid = `${hostname}-${pid}-${formatLogTime(this.born).replace(' ', '-')}`;
    this.measuring = setup.measureLatency ?? false;
    this.volumes = parseVolfile(volfile);
    const layers = this.read(this.volumes);
    this.volumeName = setup.volumeName ?? topName(this.volumes, setup.topVolume);
    this.graphId = nextGraphId++;
    this.processUuid = setup.processUuid ?? processUuid(env, this.graphId, this.volumeName);
    this.commandLine = setup.commandLine ?? '';
    this.inodes = new GraphInodeTable(this.slots, setup.lruLimit);
    const made = new Map<string, Xlator>();
    for (const layer of layers) made.set(layer.volume.name, this.make(layer, made));
    this.xlators = [...made.values()].reverse();
    this.top = this.xlators[0];
    const above = new AboveTop({ name: '', type: 'graph', host: this, options: optionsOf({}), children: [] });
    above.heard = (event, from, data) => this.heard(event, from, data);
    this.top.parents.push(above);
    this.topLink = new Link(undefined, this.top);
    this.connect();
  }

  /**
   * Where fops enter. Ask for it at each operation, and do not keep it: it is here that the graph notices that somebody has begun to
   * watch.
   */
  get fops(): Fops {
    if (tracing() !== this.traced) this.resolve();
    return this.topLink.fops;
  }

  /** The layer of that name. */
  find(name: string): Xlator | undefined {
    return this.xlators.find(xlator => xlator.name === name);
  }

  get measureLatency(): boolean {
    return this.measuring;
  }

  set measureLatency(on: boolean) {
    this.measuring = on;
    this.resolve();
  }

  latencyOf(xlator: Xlator): LatencyTable | undefined {
    return this.latencies.get(xlator);
  }

  relink(): void {
    this.resolve();
  }

  takeSlot(xlator: Xlator): number {
    return this.slots.push(xlator) - 1;
  }

  /** Hears of all that reaches the top, until disposed. */
  onEvent(listener: GraphListener): Disposable {
    this.listeners.add(listener);
    return { [Symbol.dispose]: () => void this.listeners.delete(listener) };
  }

  /** Activates the layers, bottom first, and lets them connect. */
  activate(): void {
    if (this.state !== 'built')
      throw new NacreError('EINVAL', 'gluster.graph', 'the graph was activated before');
    this.state = 'active';
    for (const xlator of [...this.xlators].reverse()) xlator.activate();
    this.heard('GRAPH_NEW', this.top);
    this.top.notify('PARENT_UP', undefined);
  }

  /**
   * Resolves when the volume below is up. Rejects when it is down (ENOTCONN), refuses us (EACCES), or is neither in time
   * (ETIMEDOUT), or with the signal's reason.
   */
  ready(options: { timeout?: number; signal?: AbortSignal } = {}): Promise<void> {
    return this.readiness.wait(this.env, this.volumeName, options);
  }

  /** Takes over a new volfile's options where the layers are the same. All of them, or, when one is wrong, it throws and none. */
  reconfigure(volfile: string): ReconfigureResult {
    const volumes = parseVolfile(volfile);
    const layers = this.read(volumes);
    if (!sameShape(this.volumes, volumes)) return 'switch';
    const changed = layers.filter(
      ({ volume, options }) => !sameOptions(this.find(volume.name)!.options, options),
    );
    for (const { volume, options } of changed) this.find(volume.name)!.checkOptions(options);
    for (const { volume, options } of changed) {
      const xlator = this.find(volume.name)!;
      xlator.options = options;
      passThrough(xlator);
      xlator.reconfigure();
    }
    this.volumes = volumes;
    this.volfile = volfile;
    if (changed.length === 0) return 'same';
    this.resolve();
    return 'reconfigured';
  }

  /** All state as text, as GlusterFS's state dumps have it. `owner`: whose the inodes are, 'mount.fuse'. */
  statedump(owner = 'graph'): string {
    return statedump(this, owner);
  }

  /** Lets the layers finish and disconnect, then ends them, top first. Idempotent. */
  close(): Promise<void> {
    return (this.closing ??= this.end());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    const wasActive = this.state === 'active';
    this.state = 'closed';
    if (wasActive) this.top.notify('PARENT_DOWN', undefined);
    this.readiness.fail(new NacreError('ECANCELED', 'gluster.graph', 'the graph was closed'));
    for (const xlator of this.xlators)
      try {
        await xlator.fini();
      } catch (error) {
        // The others must end all the same.
        this.log.log('E', xlator.logName, `failed to end: ${(error as Error).message}`);
      }
    this.inodes.clear();
    this.listeners.clear();
  }

  private heard(event: GraphEvent, from: Xlator, data?: unknown): void {
    if (this.log.gathers('D'))
      this.log.log('D', `${this.graphId}-${this.volumeName}`, `${event} from ${from.name}`);
    this.readiness.heard(event, this.volumeName);
    for (const listener of [...this.listeners]) listener(event, from, data);
  }

  /** Classes and options of all layers, bottom first, automatic ones included. Throws on the first that is wrong. */
  private read(volumes: readonly VolfileVolume[]): Layer[] {
    const { registry, setup } = this;
    const used = reachable(volumes, topName(volumes, setup.topVolume));
    const all: VolfileVolume[] = [...used];
    const automatic = (type: string, name: string) =>
      all.push({ name, type, line: 0, options: new Map(), subvolumes: [all.at(-1)!.name] });
    if (setup.acl) automatic('system/posix-acl', 'posix-acl-autoload');
    if (setup.meta ?? registry('meta') !== undefined) automatic('meta', 'meta-autoload');
    checkShape(all);
    const names = new Set(all.map(({ name }) => name));
    return all.map(volume => {
      const type = registry(volume.type);
      if (type === undefined)
        throw new NacreError(
          'ENOTSUP',
          'gluster.graph',
          `line ${volume.line}: volume '${volume.name}': there is no translator of type '${volume.type}'`,
        );
      checkSubvolumes(volume, type);
      const given = new Map<string, { value: string; line?: number }>(volume.options);
      for (const [key, value] of commandLineOptions(setup.xlatorOptions, volume.name))
        given.set(key, { value });
      const options = XlatorOptions.read(type.options, given, {
        name: volume.name,
        type: volume.type,
        volumes: names,
      });
      for (const name of options.unknown)
        this.log.log('W', volume.name, `option '${name}' is not recognized`);
      return { volume, type, options };
    });
  }

  private make(layer: Layer, made: ReadonlyMap<string, Xlator>): Xlator {
    const { volume, type: Class, options } = layer;
    const children = volume.subvolumes.map(name => made.get(name)!);
    const xlator = new Class({ name: volume.name, type: volume.type, host: this, options, children });
    for (const child of children) child.parents.push(xlator);
    passThrough(xlator);
    return xlator;
  }

  /** Gives every layer its ways down. */
  private connect(): void {
    for (const xlator of this.xlators) {
      const links = xlator.children.map(child => new Link(xlator, child));
      this.links.push(...links);
      xlator.subvolumes = links.map(link => link.fops);
      xlator.next = xlator.subvolumes[0];
    }
    this.links.push(this.topLink);
    this.resolve();
  }

  private resolve(): void {
    this.traced = tracing();
    const { clock } = this.env;
    const mode: LinkMode = {
      traced: this.traced ? this.frames : undefined,
      latency: this.measuring ? xlator => this.latencyTable(xlator) : undefined,
      mono: () => clock.mono(),
    };
    for (const link of this.links) link.resolve(mode);
  }

  private latencyTable(xlator: Xlator): LatencyTable {
    let table = this.latencies.get(xlator);
    if (table === undefined) this.latencies.set(xlator, (table = new LatencyTable()));
    return table;
  }
}

function passThrough(xlator: Xlator): void {
  const table = (xlator.constructor as unknown as XlatorClass).options;
  if (Object.hasOwn(table, 'pass-through')) xlator.passThrough = xlator.options.bool('pass-through');
}

function sameOptions(a: Xlator['options'], b: Xlator['options']): boolean {
  const text = (options: Xlator['options']) => JSON.stringify([...options.entries()].sort());
  return text(a) === text(b);
}

/** As GlusterFS names a client: 'CTX_ID:<uuid>-GRAPH_ID:0-PID:123-HOST:vm-PC_NAME:vg0'. */
function processUuid(env: Env, graphId: number, volume: string): string {
  const hex = env.random.bytes(16).toString('hex');
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
  return `CTX_ID:${uuid}-GRAPH_ID:${graphId}-PID:${env.host.pid}-HOST:${env.host.hostname}-PC_NAME:${volume}`;
}
