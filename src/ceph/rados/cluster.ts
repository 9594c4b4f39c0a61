import type { OwnedContext } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { SUBSYS_RADOS } from '../../base/log.ts';
import type { Messenger } from '../messenger/types.ts';
import type { MonClient } from '../mon-client/index.ts';
import type { Objecter } from '../objecter/objecter.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import type { EntityAddrVec } from '../types/entity.ts';
import type { PgId } from '../types/pg.ts';
import { parsePgId } from '../types/pg.ts';
import { Applications } from './applications.ts';
import {
  type Command,
  CommandError,
  type CommandOptions,
  type CommandOutput,
  commandOutput,
  commandText,
} from './commands.ts';
import { type ConnectOptions, connect } from './connect.ts';
import type { IoOptions } from './io-base.ts';
import { IoCtx } from './ioctx.ts';
import type { MgrClient } from './mgr-client.ts';
import { Pools } from './pools.ts';
import { allPoolStats, type ClusterStats, clusterStats, type PoolStats } from './stats.ts';

/** What a cluster handle is made of. */
export interface RadosParts {
  readonly context: OwnedContext;
  /** Whether closing the handle closes the context. */
  readonly ownsContext: boolean;
  readonly messenger: Messenger;
  readonly mon: MonClient;
  readonly objecter: Objecter;
  readonly mgr: MgrClient;
}

/**
 * A connection to a cluster (rados_t): the monitors' session, the map of the cluster, and from there pools and
 * objects.
 *
 *     await using cluster = await Rados.connect({ conf: '/etc/ceph/ceph.conf' });
 *     const pool = await cluster.openPool('data');
 *     await pool.writeFull('greeting', 'hello');
 */
export class Rados implements AsyncDisposable {
  readonly context: OwnedContext;
  readonly mon: MonClient;
  readonly objecter: Objecter;
  readonly pools: Pools;
  readonly applications: Applications;
  private readonly parts: RadosParts;
  private closing: Promise<void> | undefined;

  /** See `connect`. */
  constructor(parts: RadosParts) {
    this.parts = parts;
    this.context = parts.context;
    this.mon = parts.mon;
    this.objecter = parts.objecter;
    this.pools = new Pools(parts.objecter);
    this.applications = new Applications(this);
  }

  /**
   * Reads the configuration as Ceph's own clients do, authenticates with a monitor and gets the cluster's map.
   * @throws NacreError ENOENT without configuration, monitors or key; EACCES or EPERM when the key is refused;
   * ETIMEDOUT after client_mount_timeout.
   */
  static async connect(options: ConnectOptions = {}): Promise<Rados> {
    return new Rados(await connect(options));
  }

  /** The map of the cluster that we have. */
  get map(): OsdMap {
    return this.objecter.map;
  }

  get fsid(): string {
    return this.mon.fsid;
  }

  /** Our number in the cluster: 'client.4123' is known to others by it (rados_get_instance_id). */
  get instanceId(): bigint {
    return this.mon.globalId;
  }

  /** Our addresses, as OSDs see them and a blocklist names them. */
  get addrs(): EntityAddrVec {
    return this.parts.messenger.myAddrs;
  }

  /** A pool by name or id. ENOENT when there is none, even in the newest map. */
  async openPool(which: string | number, options: IoOptions & { signal?: AbortSignal } = {}): Promise<IoCtx> {
    const { signal, ...view } = options;
    const id = typeof which === 'string' ? await this.pools.lookup(which, { signal }) : which;
    if (typeof which === 'number') await this.pools.lookup(which, { signal });
    return new IoCtx(this.objecter, id, view);
  }

  async stats(options: { signal?: AbortSignal } = {}): Promise<ClusterStats> {
    return clusterStats(await this.objecter.monOps.statfs(undefined, options.signal));
  }

  /** Usage of pools by name; of all without names. Pools that nobody reported on yet are left out. */
  async poolStats(
    names?: readonly string[],
    options: { signal?: AbortSignal } = {},
  ): Promise<Map<string, PoolStats>> {
    const wanted = names ?? this.pools.list().map(({ name }) => name);
    return allPoolStats(await this.objecter.monOps.poolStats(wanted, options.signal));
  }

  // Commands. All reject with a CommandError when the daemon refuses.

  /** A command to the monitors; with `target` ('a', 'mon.a' or a rank) to that one. */
  async monCommand(
    command: Command,
    options: CommandOptions & { target?: string | number } = {},
  ): Promise<CommandOutput> {
    const seconds = this.context.config.get('rados_mon_op_timeout');
    const { retcode, outs, outbl } = await this.mon.command([commandText(command)], {
      ...options,
      timeoutMs: seconds * 1000,
    });
    return commandOutput('mon_command', retcode, outs, outbl);
  }

  /** A command to an OSD. ENXIO when it is down, ENOENT when there is none of that number. */
  async osdCommand(osd: number, command: Command, options: CommandOptions = {}): Promise<CommandOutput> {
    const { commands } = this.objecter;
    const words = [commandText(command)];
    const { result, status, output } = await commands.submit({ osd }, words, options.input, options.signal);
    return commandOutput('osd_command', result, status, output);
  }

  /** A command about a PG ('1.7f'), to its primary OSD. Its id is added to the command. */
  async pgCommand(pg: PgId | string, command: Command, options: CommandOptions = {}): Promise<CommandOutput> {
    const pgid = typeof pg === 'string' ? parsePgId(pg) : pg;
    if (pgid === undefined)
      throw new NacreError('EINVAL', 'pg_command', `'${String(pg)}' is no PG such as 1.7f`);
    const { commands } = this.objecter;
    const words = [commandText(command)];
    const { result, status, output } = await commands.submit(
      { pg: pgid },
      words,
      options.input,
      options.signal,
    );
    return commandOutput('pg_command', result, status, output);
  }

  /** A command to the active manager; waits for one. */
  async mgrCommand(command: Command, options: CommandOptions = {}): Promise<CommandOutput> {
    const words = [commandText(command)];
    const { result, status, output } = await this.parts.mgr.command(words, options.input, options.signal);
    return commandOutput('mgr_command', result, status, output);
  }

  /**
   * Keeps a client from doing I/O. `addr` as in `Rados.addrs` ('1.2.3.4:0/77'); seconds, or the monitors'
   * default of an hour.
   */
  async blocklistAdd(addr: string, seconds?: number, options: CommandOptions = {}): Promise<void> {
    const command = (name: string, verb: string) => {
      const json = JSON.stringify({ prefix: `osd ${name}`, [verb]: 'add', addr });
      // Monitors take a number without a point for an integer, which is no time for them.
      return seconds === undefined ? json : `${json.slice(0, -1)},"expire":${seconds.toFixed(1)}}`;
    };
    try {
      await this.monCommand(command('blocklist', 'blocklistop'), options);
    } catch (error) {
      // Monitors before pacific know the old name only.
      if (!(error instanceof CommandError) || error.code !== 'EINVAL') throw error;
      await this.monCommand(command('blacklist', 'blacklistop'), options);
    }
    await this.waitForLatestOsdMap(options);
  }

  /** Waits until our map is as new as the monitors' was when asked. */
  waitForLatestOsdMap(options: { signal?: AbortSignal } = {}): Promise<void> {
    return this.objecter.maps.waitForLatest(options.signal);
  }

  /** A monitor's account of itself, as JSON: by name or rank. */
  pingMonitor(which: string | number, options: { signal?: AbortSignal } = {}): Promise<string> {
    return this.mon.ping(which, options);
  }

  /** Ends everything that is under way with ESHUTDOWN, and the sessions. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    const { objecter, mgr, mon, messenger, context, ownsContext } = this.parts;
    if (context.log.on(SUBSYS_RADOS, 10)) context.log.write(SUBSYS_RADOS, 10, 'shutdown');
    await objecter.close();
    mgr.close();
    await mon.close();
    await messenger.shutdown();
    if (ownsContext) await context.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
