import type { Context } from '../../base/context.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { DecodeError, NacreError } from '../../base/errors.ts';
import { SUBSYS_MON } from '../../base/log.ts';
import type { Env, TimerHandle } from '../../env/env.ts';
import type { CryptoKey } from '../auth/crypto.ts';
import {
  authOptionsFrom,
  createAuthRegistry,
  createMonAuthServer,
  decodeCaps,
  type Keyring,
  KeyServer,
  type MonAuthServer,
  parseAuthEntityName,
} from '../auth/index.ts';
import '../messages/index.ts';
import type { Message } from '../messages/message.ts';
import {
  type Connection,
  createMessenger,
  type Dispatcher,
  losslessPeerReuse,
  type MessengerImpl,
  type NetworkStack,
  statelessServer,
} from '../messenger/index.ts';
import { encodeMonMap, type MonMap, makeMonInfo, makeMonMap } from '../mon-client/monmap.ts';
import type { HealthChecks, InitialMapOptions, OsdMap } from '../osdmap/index.ts';
import { entityAddrVecText } from '../types/addr-text.ts';
import { ENTITY_TYPE_MON, type EntityAddrVec } from '../types/entity.ts';
import type { UTime } from '../types/utime.ts';
import { utimeFromMs } from '../types/utime.ts';
import { authCommands } from './auth-commands.ts';
import { AuthMonitor } from './auth-monitor.ts';
import { CommandTable } from './command.ts';
import { configCommands } from './config-commands.ts';
import { ConfigMonitor } from './config-monitor.ts';
import { CEPH_VERSION, type MonCore } from './core.ts';
import { CreatingPgs } from './creating-pgs.ts';
import { MonDispatch } from './dispatch.ts';
import { clusterHealth } from './health.ts';
import { ClusterLog } from './log-monitor.ts';
import { monCommands } from './mon-commands.ts';
import { osdCrushCommands } from './osd-crush-commands.ts';
import { osdInfoCommands } from './osd-info-commands.ts';
import { OsdMessages } from './osd-messages.ts';
import { OsdMonitor } from './osd-monitor.ts';
import { checkQuotas, osdPoolCommands } from './osd-pool-commands.ts';
import { osdStateCommands } from './osd-state-commands.ts';
import { Paxos } from './paxos.ts';
import { pgCommands } from './pg-commands.ts';
import { PgStats } from './pg-stats.ts';
import { MonSession } from './session.ts';
import { statCommands } from './stat-commands.ts';
import { MemMonStore, type MonStore } from './store.ts';

/** mon_feature_t of a pacific quorum: kraken, luminous, mimic, osdmap-prune, nautilus, octopus, pacific, pinging. */
const MON_FEATURES = 0x00ffn;

export interface MonitorOptions {
  readonly ctx: Context;
  /** 'a'. */
  readonly name: string;
  readonly fsid: string;
  /** Where to listen; port 0 for any that is free. One address a protocol. */
  readonly addrs: EntityAddrVec;
  /** The monitors of the cluster; made of the addresses bound when left out. */
  readonly monmap?: MonMap;
  /** Keys and capabilities of the first start: mon., client.admin, osd.N ... */
  readonly keyring: Keyring;
  /** In memory when left out. */
  readonly store?: MonStore;
  /** TCP when left out. */
  readonly stack?: NetworkStack;
  /** What the first OSD map begins with. */
  readonly osdmap?: Partial<Omit<InitialMapOptions, 'fsid' | 'created'>>;
  /** Changes the first OSD map before it is stored. */
  readonly prepareOsdMap?: (map: OsdMap) => void;
}

/**
 * A monitor (mon/Monitor.h): keeps the cluster's maps, authenticates everyone, answers commands. `start` binds and
 * serves; `stop` ends every session.
 */
export class Monitor implements Dispatcher, MonCore, AsyncDisposable {
  readonly ctx: Context;
  readonly env: Env;
  readonly name: string;
  readonly paxos: Paxos;
  readonly osds: OsdMonitor;
  readonly auth: AuthMonitor;
  readonly options: ConfigMonitor;
  readonly creating: CreatingPgs;
  readonly stats: PgStats;
  readonly log: ClusterLog;
  readonly commands = new CommandTable();
  monmap: MonMap;
  monmapBytes: Buffer = Buffer.alloc(0);
  quorumSince: UTime = { sec: 0, nsec: 0 };
  private readonly setup: MonitorOptions;
  private readonly keys: KeyServer;
  private readonly authServer: MonAuthServer;
  private readonly messenger: MessengerImpl;
  private readonly osdMessages: OsdMessages;
  private readonly router: MonDispatch;
  private readonly open = new Map<Connection, MonSession>();
  private timers: TimerHandle[] = [];
  private stopping: Promise<void> | undefined;

  private constructor(options: MonitorOptions) {
    const { ctx, name, fsid, keyring } = options;
    const { env, config } = ctx;
    this.setup = options;
    this.ctx = ctx;
    this.env = env;
    this.name = name;
    const created = utimeFromMs(env.clock.now());
    this.monmap = options.monmap ?? this.makeMap(options.addrs, created);
    this.paxos = new Paxos(options.store ?? new MemMonStore());
    const base = { env, paxos: this.paxos };
    this.keys = new KeyServer({
      env,
      monTicketTtl: () => config.get('auth_mon_ticket_ttl'),
      serviceTicketTtl: () => config.get('auth_service_ticket_ttl'),
    });
    this.auth = new AuthMonitor(base, this.keys, keyring);
    this.options = new ConfigMonitor('mon_config', base);
    this.osds = new OsdMonitor(base, { ...options.osdmap, fsid, created }, options.prepareOsdMap);
    this.creating = new CreatingPgs(this.osds);
    this.stats = new PgStats(env, this.creating);
    this.log = new ClusterLog(env, name, 0, fsid);
    this.osdMessages = new OsdMessages(ctx, this.osds, this.creating, this.log);
    this.authServer = this.makeAuthServer();
    this.messenger = createMessenger({
      context: ctx,
      name: { type: ENTITY_TYPE_MON, num: 0 },
      authServer: this.authServer,
      stack: options.stack,
      nonce: 0,
      config: options.addrs.some(addr => addr.port === 0) ? { ms_bind_port_min: 0 } : undefined,
      defaultPolicy: statelessServer(),
      policies: new Map([[ENTITY_TYPE_MON, losslessPeerReuse()]]),
    });
    this.router = new MonDispatch(this, this.authServer, this.osdMessages);
    this.messenger.addDispatcher(this);
    this.addCommands();
    this.osds.onMap = map => this.mapChanged(map);
    this.options.onChange = () => this.optionsChanged();
    this.log.onEntry = () => {
      for (const session of this.open.values()) this.log.checkSub(session);
    };
  }

  /** @throws NacreError EINVAL when an option names an authentication method that does not exist */
  static create(options: MonitorOptions): Monitor {
    return new Monitor(options);
  }

  private makeMap(addrs: EntityAddrVec, created: UTime): MonMap {
    return makeMonMap([makeMonInfo(this.setup.name, addrs)], {
      epoch: 1,
      fsid: this.setup.fsid,
      created,
      lastChanged: created,
      persistentFeatures: MON_FEATURES,
      minMonRelease: 16,
    });
  }

  private makeAuthServer(): MonAuthServer {
    const { config, log } = this.ctx;
    const monKey = this.setup.keyring.getSecret(parseAuthEntityName('mon.'));
    return createMonAuthServer({
      env: this.env,
      registry: createAuthRegistry(
        ENTITY_TYPE_MON,
        authOptionsFrom(option => String(config.get(option as Parameters<typeof config.get>[0]))),
      ),
      keys: this.keys,
      authorizerKeys: {
        getSecret: name => (name.type === ENTITY_TYPE_MON ? monKey : this.keys.getSecret(name)),
        getServiceSecret: (service, id): CryptoKey | undefined => this.keys.getServiceSecret(service, id),
      },
      assignGlobalId: () => this.auth.assignGlobalId(),
      allowInsecureReclaim: () => config.get('auth_allow_insecure_global_id_reclaim'),
      onRefused: (con, error) => {
        if (log.on(SUBSYS_MON, 1))
          log.write(
            SUBSYS_MON,
            1,
            `mon.${this.name} refused ${entityAddrVecText(con.peerAddrs)}: ${error.message}`,
          );
      },
    });
  }

  private addCommands(): void {
    this.commands.add([
      ...monCommands(this),
      ...pgCommands(this),
      ...statCommands(this),
      ...osdInfoCommands(this),
      ...osdPoolCommands(this),
      ...osdStateCommands(this),
      ...osdCrushCommands(this),
      ...authCommands(this.auth),
      ...configCommands({
        env: this.env,
        config: this.ctx.config,
        paxos: this.paxos,
        options: this.options,
        minimalConf: () => this.minimalConf(),
      }),
    ]);
  }

  /** `mon_host` of the cluster. */
  get monHost(): string {
    const text = entityAddrVecText(this.addrs);
    return text.startsWith('[') ? text : `[${text}]`;
  }

  private minimalConf(): string {
    return `# minimal ceph.conf for ${this.monmap.fsid}\n[global]\n\tfsid = ${this.monmap.fsid}\n\tmon_host = ${this.monHost}\n`;
  }

  /** Where it listens; known once started. */
  get addrs(): EntityAddrVec {
    return this.messenger.myAddrs;
  }

  /** Takes over what the store has and begins to serve. */
  async start(): Promise<void> {
    this.auth.start();
    this.options.start();
    this.osds.start();
    this.creating.update(this.osds.map);
    const bound = await this.messenger.bind(this.setup.addrs);
    const addrs = bound.map(addr => ({ ...addr, nonce: 0 }));
    if (this.setup.monmap === undefined) this.monmap = this.makeMap(addrs, this.monmap.created);
    this.monmapBytes = encodeToBuffer(e => encodeMonMap(e, this.monmap));
    this.log.addrs = addrs;
    this.quorumSince = utimeFromMs(this.env.clock.now());
    this.optionsChanged();
    const seconds = this.ctx.config.get('mon_tick_interval');
    this.timers = [
      this.env.timers.every(() => this.tick(), seconds * 1000, true),
      this.env.timers.every(() => this.stats.sample(this.osds.map), 1000, true),
    ];
    this.log.info(`mon.${this.name} is new leader, mons ${this.monmap.ranks.join(',')} in quorum (ranks 0)`);
  }

  private tick(): void {
    this.auth.tick();
    this.osdMessages.tick();
    if (checkQuotas(this)) this.osds.propose();
  }

  private mapChanged(map: OsdMap): void {
    this.creating.update(map);
    this.stats.update(map);
    for (const session of this.open.values()) this.router.checkSubs(session);
  }

  private optionsChanged(): void {
    const own = this.options.forEntity(`mon.${this.name}`);
    this.ctx.config.applyMonConfig(new Map([...own].map(([name, { value }]) => [name, value])));
    for (const session of this.open.values()) this.router.sendConfig(session);
  }

  health(): HealthChecks {
    return clusterHealth(this.osds.map, this.stats, this.ctx.config);
  }

  sessions(): Iterable<MonSession> {
    return this.open.values();
  }

  metadata(): ReadonlyMap<string, string> {
    const { host } = this.env;
    return new Map([
      ['addrs', entityAddrVecText(this.addrs)],
      ['arch', host.arch],
      ['ceph_release', 'pacific'],
      ['ceph_version', CEPH_VERSION],
      ['ceph_version_short', '16.2.15'],
      ['cpu', host.cpuModel],
      ['hostname', host.hostname],
      ['kernel_description', host.kernelVersion],
      ['kernel_version', host.release],
      ['mem_total_kb', String(Math.floor(host.memoryTotal / 1024))],
      ['os', host.platform === 'linux' ? 'Linux' : host.platform],
    ]);
  }

  // Dispatcher.

  private sessionOf(con: Connection): MonSession {
    let session = this.open.get(con);
    if (session === undefined) {
      session = new MonSession(con);
      this.open.set(con, session);
    }
    return session;
  }

  handleAccept(con: Connection): void {
    const session = this.sessionOf(con);
    const { peer } = con;
    if (peer !== undefined && peer.entityName !== '') {
      const caps = peer.caps === undefined || peer.caps.length === 0 ? '' : decodeCaps(peer.caps);
      this.router.authenticated(session, {
        entityName: peer.entityName,
        globalId: peer.globalId,
        allowAll: peer.allowAll,
        caps,
        handler: peer.handler,
      });
    }
  }

  handleReset(con: Connection): void {
    const session = this.open.get(con);
    if (session === undefined) return;
    session.closed = true;
    this.open.delete(con);
  }

  handleRemoteReset(con: Connection): void {
    this.handleReset(con);
  }

  dispatch(con: Connection, message: Message): boolean {
    const session = this.sessionOf(con);
    try {
      return this.router.dispatch(session, message);
    } catch (error) {
      if (!(error instanceof DecodeError) && !(error instanceof NacreError)) throw error;
      this.ctx.log.error(SUBSYS_MON, `mon.${this.name} ${message.describe()}: ${error.message}`);
      con.markDown();
      this.handleReset(con);
      return true;
    }
  }

  /** Ends every session and closes the store. Idempotent. */
  stop(): Promise<void> {
    this.stopping ??= (async () => {
      for (const timer of this.timers) this.env.timers.clear(timer);
      for (const session of this.open.values()) session.closed = true;
      await this.messenger.shutdown();
      this.open.clear();
      await this.paxos.store.close();
    })();
    return this.stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
