import type { OwnedContext } from '../base/context.ts';
import { NacreError } from '../base/errors.ts';
import type { Keyring } from '../ceph/auth/index.ts';
import type { NetworkStack } from '../ceph/messenger/index.ts';
import type { Monitor } from '../ceph/mon/index.ts';
import { createPool } from '../ceph/mon/pools.ts';
import type { MemStore } from '../ceph/object-store/index.ts';
import { OSD } from '../ceph/osd/index.ts';
import { type ConnectOptions, Rados } from '../ceph/rados/index.ts';
import type { Env } from '../env/env.ts';

export type AuthKind = 'cephx' | 'none';

export interface PoolSpec {
  readonly name: string;
  /** Copies; at most 3, and as many as there are OSDs, by default. */
  readonly size?: number;
  /** 16 by default. */
  readonly pgNum?: number;
  /** What the pool is for: 'rados' by default, none with ''. */
  readonly application?: string;
}

export interface ClusterOptions {
  /** 3 by default; 0 for a monitor alone. */
  readonly osds?: number;
  /** 'cephx' by default. */
  readonly auth?: AuthKind;
  /** Connection mode of protocol v2; Ceph's own preferences when left out. Secure needs cephx. */
  readonly mode?: 'crc' | 'secure';
  /** Protocols of the messenger; both by default. */
  readonly proto?: 'both' | 'v2' | 'v1';
  readonly pools?: readonly PoolSpec[];
  /** Where ceph.conf and the keyring go; a place for temporary files when left out. */
  readonly dir?: string;
  /** Port of the monitor (v2; v1 has the next one); 0, the default, for any that is free. */
  readonly port?: number;
  /** Streams: TCP on 127.0.0.1, or within the process, where no other can join. */
  readonly stack?: 'tcp' | 'inproc';
  /** Bytes that each OSD holds; 4 GiB by default. Memory is taken only for what is stored. */
  readonly capacity?: number;
  /** Options of Ceph for all daemons and clients. */
  readonly conf?: Readonly<Record<string, string | number | boolean>>;
  readonly env?: Env;
  readonly signal?: AbortSignal;
}

/** What `startCluster` put together. */
export interface ClusterParts {
  readonly env: Env;
  readonly fsid: string;
  readonly confText: string;
  readonly conf: string;
  readonly keyring: string;
  readonly adminKey: string;
  readonly keys: Keyring;
  readonly monitor: Monitor;
  readonly stack: NetworkStack | undefined;
  readonly stores: readonly MemStore[];
  readonly uuids: readonly string[];
  readonly proto: 'both' | 'v2' | 'v1';
  /** Makes the context of a daemon. */
  readonly makeContext: (name: string) => OwnedContext;
  readonly monContext: OwnedContext;
  /** Files to remove in the end. */
  readonly files: readonly string[];
}

interface RunningOsd {
  readonly osd: OSD;
  readonly ctx: OwnedContext;
}

/** A running cluster. */
export class Cluster implements AsyncDisposable {
  readonly fsid: string;
  /** Content of the configuration file. */
  readonly confText: string;
  /** Path of the configuration file: for CEPH_CONF, or `ceph -c`. */
  readonly conf: string;
  /** Path of client.admin's keyring. */
  readonly keyring: string;
  /** Base64 key of client.admin. */
  readonly key: string;
  readonly monitor: Monitor;
  private readonly parts: ClusterParts;
  private readonly running = new Map<number, RunningOsd>();
  private readonly clients = new Set<Rados>();
  private stopping: Promise<void> | undefined;

  constructor(parts: ClusterParts) {
    this.parts = parts;
    this.fsid = parts.fsid;
    this.confText = parts.confText;
    this.conf = parts.conf;
    this.keyring = parts.keyring;
    this.key = parts.adminKey;
    this.monitor = parts.monitor;
  }

  /** mon_host: '[v2:127.0.0.1:3300/0,v1:127.0.0.1:6789/0]'. */
  get monHost(): string {
    return this.monitor.monHost;
  }

  /** Ids of the OSDs that run. */
  get osds(): number[] {
    return [...this.running.keys()].sort((a, b) => a - b);
  }

  /** A client, as client.admin unless options say otherwise. It is closed with the cluster at the latest. */
  async connect(options: Omit<ConnectOptions, 'conf' | 'confText' | 'stack'> = {}): Promise<Rados> {
    const { env, stack } = this.parts;
    const client = await Rados.connect({ env, confText: this.confText, stack, ...options });
    this.clients.add(client);
    return client;
  }

  /** Makes a pool and waits until its PGs can be used. @throws NacreError EEXIST */
  async createPool(spec: PoolSpec | string, options: { signal?: AbortSignal } = {}): Promise<number> {
    const pool = typeof spec === 'string' ? { name: spec } : spec;
    const { monitor } = this;
    const { osds } = monitor;
    if (osds.map.poolIdByName(pool.name) !== undefined)
      throw new NacreError('EEXIST', 'vstart.create_pool', `pool '${pool.name}' already exists`);
    const id = createPool(osds, monitor.ctx.config, pool);
    const application = pool.application ?? 'rados';
    if (application !== '') osds.pending.pool(id).applicationMetadata.set(application, new Map());
    await new Promise<void>(resolve => osds.propose(resolve));
    if (this.running.size > 0) await this.waitActive(options.signal);
    return id;
  }

  /** Waits until every PG is active. */
  async waitActive(signal?: AbortSignal): Promise<void> {
    const { stats, osds } = this.monitor;
    for (;;) {
      signal?.throwIfAborted();
      const { numPgs, active } = stats.summary(osds.map);
      if (active === numPgs || this.stopping !== undefined) return;
      for (const { osd } of this.running.values()) osd.reportStats();
      await new Promise<void>(resolve => this.parts.env.timers.set(resolve, 5));
    }
  }

  /** Starts an OSD that was stopped, with all that it had. */
  async startOsd(id: number, signal?: AbortSignal): Promise<void> {
    if (this.running.has(id)) return;
    const { stores, uuids, monitor, keys, stack, proto, makeContext } = this.parts;
    const store = stores[id];
    if (store === undefined) throw new NacreError('ENOENT', 'vstart.start_osd', `there is no osd.${id}`);
    const ctx = makeContext(`osd.${id}`);
    const osd = OSD.create({
      ctx,
      id,
      uuid: uuids[id],
      store,
      mons: [{ name: monitor.name, addrs: monitor.addrs, priority: 0, weight: 0 }],
      keyring: keys,
      stack,
      protocols: proto === 'both' ? ['v2', 'v1'] : [proto],
      statsSink: stats => monitor.stats.report(id, stats),
    });
    this.running.set(id, { osd, ctx });
    try {
      await osd.start({ signal });
    } catch (error) {
      this.running.delete(id);
      await ctx.close();
      throw error;
    }
  }

  /**
   * Stops an OSD. It tells the monitor and keeps what it has for `startOsd`; with `kill` it just goes away, and others
   * have to notice.
   */
  async stopOsd(id: number, options: { kill?: boolean } = {}): Promise<void> {
    const found = this.running.get(id);
    if (found === undefined) return;
    this.running.delete(id);
    await found.osd.stop({ graceful: options.kill !== true });
    await found.ctx.close();
  }

  /** Stops everything: clients, OSDs, the monitor; removes temporary files. Idempotent. */
  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    const { files, env, monContext } = this.parts;
    for (const client of this.clients) await client.close();
    // Nobody has to hear of it: the whole cluster goes.
    await Promise.all(this.osds.map(id => this.stopOsd(id, { kill: true })));
    await this.monitor.stop();
    await monContext.close();
    for (const file of files) await env.fs.unlink(file).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
