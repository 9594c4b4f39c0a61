import type { Context } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { SUBSYS_OSD } from '../../base/log.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { Env, TimerHandle } from '../../env/env.ts';
import type { Keyring } from '../auth/keyring.ts';
import type { MCommand } from '../messages/mcommand.ts';
import type { Message } from '../messages/message.ts';
import {
  CEPH_MSG_OSD_MAP,
  CEPH_MSG_OSD_OP,
  MSG_COMMAND,
  MSG_OSD_MARK_ME_DOWN,
  MSG_OSD_PG_CREATE2,
  MSG_OSD_PG_NOTIFY2,
  MSG_OSD_PG_QUERY2,
  MSG_OSD_REPOP,
  MSG_OSD_REPOPREPLY,
} from '../messages/message-types.ts';
import { MOSDBeacon } from '../messages/mosd-beacon.ts';
import { MOSDBoot } from '../messages/mosd-boot.ts';
import type { MOSDMap } from '../messages/mosd-map.ts';
import type { MOSDPGNotify2, MOSDPGQuery2 } from '../messages/mosd-pg-peering.ts';
import type { MOSDRepOp, MOSDRepOpReply } from '../messages/mosd-repop.ts';
import { MOSDMarkMeDown } from '../messages/mosd-state.ts';
import type { MOSDOp } from '../messages/mosdop.ts';
import { MOSDOpReply } from '../messages/mosdopreply.ts';
import type { MPGStats } from '../messages/mpg-stats.ts';
import {
  createMessenger,
  losslessPeer,
  lossyClient,
  type MessengerImpl,
  type NetworkStack,
  type Policy,
  statelessRegisteredServer,
  statelessServer,
} from '../messenger/index.ts';
import type { Connection, Dispatcher } from '../messenger/types.ts';
import { type InitialMon, MonClient } from '../mon-client/index.ts';
import type { ObjectStore } from '../object-store/types.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { sameAddrVec } from '../types/addr-text.ts';
import {
  ADDR_LEGACY,
  ADDR_MSGR2,
  ENTITY_TYPE_CLIENT,
  ENTITY_TYPE_MGR,
  ENTITY_TYPE_MON,
  ENTITY_TYPE_OSD,
  type EntityAddrVec,
  makeEntityAddr,
} from '../types/entity.ts';
import { FEATURES_SUPPORTED_DEFAULT } from '../types/features.ts';
import type { HObject } from '../types/hobject.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import { type PgId, pgText } from '../types/pg.ts';
import { CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK } from '../types/rados.ts';
import type { Uuid } from '../types/uuid.ts';
import { makeSuperblock, osdMetadata } from './boot.ts';
import { standardClasses } from './cls/index.ts';
import type { ClassRegistry } from './cls/registry.ts';
import { handleCommand } from './commands.ts';
import { ObjectFetcher } from './copy-client.ts';
import type { CopiedObject } from './copy-from.ts';
import { Heartbeats } from './heartbeat.ts';
import { limitsFrom } from './limits.ts';
import { OpRequest } from './op-request.ts';
import { OsdMaps } from './osd-maps.ts';
import { OsdPerf } from './perf.ts';
import type { OsdLimits, PgHost } from './pg-host.ts';
import { Pgs } from './pgs.ts';
import type { PrimaryLogPG } from './primary-log-pg.ts';
import { OsdSession, sessionOf } from './session.ts';
import { OsdState } from './state-store.ts';
import { osdStats } from './stats.ts';

const DURABLE = CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_ONDISK;
/** Milliseconds. */
const BOOT_RETRY = 10_000;
const STATS_INTERVAL = 2_000;
const DOWN_WAIT = 3_000;

export interface OsdOptions {
  readonly ctx: Context;
  readonly id: number;
  /** Identity of the OSD: what the monitor was told with 'osd new'. */
  readonly uuid: Uuid;
  readonly store: ObjectStore;
  /** Monitors to begin with. */
  readonly mons: readonly Pick<InitialMon, 'name' | 'addrs' | 'priority' | 'weight'>[];
  /** Has the key of osd.ID. */
  readonly keyring: Keyring;
  readonly stack?: NetworkStack;
  /** Where to listen; 127.0.0.1 by default. */
  readonly host?: string;
  /** Protocols to listen with; by ms_bind_msgr1 and ms_bind_msgr2 when left out. */
  readonly protocols?: readonly ('v1' | 'v2')[];
  /** Statistics as they go to the manager; every few seconds, and when a PG's state changes. */
  readonly statsSink?: (stats: MPGStats) => void;
  /** Object classes; the standard ones when left out. */
  readonly classes?: ClassRegistry;
}

const STOPPED = 0;
const STARTING = 1;
const BOOTING = 2;
const ACTIVE = 3;
const STOPPING = 4;

/**
 * An object storage daemon (osd/OSD.h): its place among monitors, other OSDs and clients, the maps of the cluster,
 * and the PGs that it has.
 */
export class OSD implements Dispatcher, PgHost, AsyncDisposable {
  readonly whoami: number;
  readonly ctx: Context;
  readonly env: Env;
  readonly store: ObjectStore;
  readonly classes: ClassRegistry;
  readonly limits: OsdLimits;
  readonly maps = new OsdMaps();
  readonly perf: OsdPerf;
  readonly mon: MonClient;
  readonly pgs: Pgs;
  /** Clients and monitors; OSDs; heartbeats in, heartbeats out. */
  readonly publicMessenger: MessengerImpl;
  readonly clusterMessenger: MessengerImpl;
  readonly heartbeatServer: MessengerImpl;
  readonly heartbeatClient: MessengerImpl;
  readonly options: OsdOptions;
  private readonly heartbeats: Heartbeats;
  private readonly fetcher: ObjectFetcher;
  private readonly state: OsdState;
  private life = STOPPED;
  private bootEpoch = 0;
  private upFrom = 0;
  private lastTid = 0;
  private notifySerial = 0;
  private statsSeq = 0;
  private statsDue = false;
  private timers: TimerHandle[] = [];
  private waitingForMap: { epoch: number; run: () => void }[] = [];
  private upWaiters: (() => void)[] = [];
  private downWaiter: (() => void) | undefined;
  private mapArrived: (() => void) | undefined;

  static create(options: OsdOptions): OSD {
    return new OSD(options);
  }

  private constructor(options: OsdOptions) {
    const { ctx, id, store, stack, keyring, mons } = options;
    this.options = options;
    this.ctx = ctx;
    this.env = ctx.env;
    this.whoami = id;
    this.store = store;
    this.classes = options.classes ?? standardClasses();
    this.limits = limitsFrom(ctx.config);
    this.perf = new OsdPerf(ctx, id);
    this.state = new OsdState(store);
    const entityName = { type: ENTITY_TYPE_OSD, id: String(id) };
    const wantKeys = ENTITY_TYPE_MON | ENTITY_TYPE_OSD | ENTITY_TYPE_MGR;
    this.mon = new MonClient({ context: ctx, entityName, keyring, mons, wantKeys });
    const name = { type: ENTITY_TYPE_OSD, num: id };
    const nonce = ctx.env.random.u32();
    const server = this.mon.createAuthServer((con, error) =>
      this.log(1, `refused ${con.peerType}: ${error.message}`),
    );
    const common = { context: ctx, name, stack, nonce, authClient: this.mon.authClient, authServer: server };
    const make = (defaultPolicy: Policy, policies: readonly (readonly [number, Policy])[]) =>
      createMessenger({ ...common, defaultPolicy, policies: new Map(policies) });
    this.publicMessenger = make(statelessRegisteredServer(), [
      [ENTITY_TYPE_CLIENT, statelessRegisteredServer()],
      [ENTITY_TYPE_MON, lossyClient()],
      [ENTITY_TYPE_MGR, lossyClient()],
      [ENTITY_TYPE_OSD, statelessServer()],
    ]);
    this.clusterMessenger = make(statelessServer(), [[ENTITY_TYPE_OSD, losslessPeer()]]);
    this.heartbeatServer = make(statelessServer(), []);
    this.heartbeatClient = make(lossyClient(), []);
    this.mon.attach(this.publicMessenger);
    for (const messenger of [this.publicMessenger, this.clusterMessenger]) messenger.addDispatcher(this);
    this.heartbeats = new Heartbeats(this);
    this.fetcher = new ObjectFetcher(this, make(lossyClient(), []));
    this.pgs = new Pgs(this);
  }

  // What PGs ask for.

  get map(): OsdMap {
    return this.maps.current;
  }

  get oldestMap(): number {
    return this.maps.oldest;
  }

  mapAt(epoch: number): OsdMap | undefined {
    return this.maps.at(epoch);
  }

  nextTid(): number {
    return ++this.lastTid;
  }

  nextNotifyId(): bigint {
    return (BigInt(this.map.epoch) << 32n) | BigInt(++this.notifySerial);
  }

  sendToOsd(osd: number, message: Message): void {
    const { map } = this;
    if (!map.isUp(osd)) return;
    this.clusterMessenger.connectTo(ENTITY_TYPE_OSD, map.clusterAddrs[osd]).send(message);
  }

  sendToMon(message: Message): void {
    this.mon.sendMonMessage(message);
  }

  fetchObject(
    source: HObject,
    locator: ObjectLocator,
    version: number,
    flags: number,
  ): Promise<CopiedObject> {
    return this.fetcher.fetch(source, locator, version, flags);
  }

  log(level: number, message: string): void {
    this.ctx.log.write(SUBSYS_OSD, level, `osd.${this.whoami} ${this.map.epoch} ${message}`);
  }

  logs(level: number): boolean {
    return this.ctx.log.on(SUBSYS_OSD, level);
  }

  countOp(m: MOSDOp, read: number, written: number): void {
    this.perf.op(m, read, written);
  }

  // Life.

  get isActive(): boolean {
    return this.life === ACTIVE;
  }

  get upSince(): number {
    return this.upFrom;
  }

  /** The addresses that clients use, and those of the other networks. */
  get addrs(): { front: EntityAddrVec; back: EntityAddrVec; hbFront: EntityAddrVec; hbBack: EntityAddrVec } {
    return {
      front: this.publicMessenger.myAddrs,
      back: this.clusterMessenger.myAddrs,
      hbFront: this.heartbeatServer.myAddrs,
      hbBack: this.heartbeatServer.myAddrs,
    };
  }

  /**
   * Mounts the store, binds, authenticates and boots; resolves once the map says that this OSD is up.
   * @throws what mounting, binding or authenticating throw; NacreError ETIMEDOUT when the monitors do not mark
   *   it up
   */
  async start(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<void> {
    if (this.life !== STOPPED)
      throw new NacreError('EINVAL', 'osd.start', `osd.${this.whoami} was started before`);
    this.life = STARTING;
    const { signal, timeoutMs = 60_000 } = options;
    try {
      await this.store.mount();
      const saved = this.state.load();
      if (saved !== undefined) for (const map of saved.maps) this.maps.add(map);
      await this.bind();
      await this.mon.authenticate({ timeoutMs, signal });
      await this.mon.waitAuthRotating({ timeoutMs, signal });
      if (this.map.epoch > 0) this.pgs.load();
      const up = this.waitUp(timeoutMs, signal);
      up.catch(() => {});
      this.mon.subWant('osdmap', this.map.epoch === 0 ? 1 : this.map.epoch + 1);
      this.mon.subWant('osd_pg_creates', 0);
      this.mon.renewSubs();
      await this.addToCrush();
      await this.boot();
      await up;
    } catch (error) {
      await this.stop({ graceful: false });
      throw error;
    }
  }

  private async bind(): Promise<void> {
    const { config } = this.ctx;
    const host = this.options.host ?? '127.0.0.1';
    const protocols =
      this.options.protocols ??
      (['v2', 'v1'] as const).filter(p => config.get(p === 'v2' ? 'ms_bind_msgr2' : 'ms_bind_msgr1'));
    const want = protocols.map(p => makeEntityAddr(p === 'v2' ? ADDR_MSGR2 : ADDR_LEGACY, host, 0));
    for (const messenger of [this.publicMessenger, this.clusterMessenger, this.heartbeatServer])
      await messenger.bind(want);
  }

  /** Tells the monitors where in the CRUSH hierarchy this OSD is (osd_crush_update_on_start). */
  private async addToCrush(): Promise<void> {
    const weight = Math.max(0.00001, this.store.statfs().total / 2 ** 40);
    const host = this.env.host.hostname.split('.')[0];
    const id = this.whoami;
    const commands = [
      { prefix: 'osd crush set-device-class', class: 'ssd', ids: [String(id)] },
      {
        prefix: 'osd crush create-or-move',
        id,
        weight: Number(weight.toFixed(4)) || 0.0001,
        args: [`host=${host}`, 'root=default'],
      },
    ];
    for (const command of commands)
      try {
        const { retcode, outs } = await this.mon.command([JSON.stringify(command)], { timeoutMs: 10_000 });
        if (retcode < 0) this.log(1, `${command.prefix}: ${outs}`);
      } catch (error) {
        this.log(1, `${command.prefix}: ${(error as Error).message}`);
      }
  }

  /** Catches up with the monitors' maps, then asks to be marked up; again until the map says so. */
  private async boot(): Promise<void> {
    const { newest } = await this.mon.getVersion('osdmap');
    while (this.map.epoch < newest) {
      const arrived = new Promise<void>(resolve => {
        this.mapArrived = resolve;
      });
      this.requestMap();
      await arrived;
      if (this.life !== STARTING) return;
    }
    if (this.life !== STARTING) return;
    this.life = BOOTING;
    this.sendBoot();
    this.timers.push(this.env.timers.every(() => this.life === BOOTING && this.sendBoot(), BOOT_RETRY, true));
    this.checkUp();
  }

  private sendBoot(): void {
    const { map, addrs, maps } = this;
    const superblock = makeSuperblock(map.fsid, this.whoami, this.options.uuid, maps.oldest, map.epoch);
    const m = new MOSDBoot(superblock, map.epoch, this.bootEpoch, FEATURES_SUPPORTED_DEFAULT);
    m.clusterAddrs = addrs.back;
    m.hbBackAddrs = addrs.hbBack;
    m.hbFrontAddrs = addrs.hbFront;
    m.metadata = osdMetadata(this.env, this.whoami, addrs);
    this.log(1, `start_boot - have maps ${maps.oldest}..${map.epoch}`);
    this.sendToMon(m);
  }

  private waitUp(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const { timers } = this.env;
      const late = () =>
        reject(
          new NacreError('ETIMEDOUT', 'osd.start', `osd.${this.whoami} was not marked up in ${timeoutMs} ms`),
        );
      const timer = timers.set(late, timeoutMs, true);
      const abort = () => reject(signal!.reason as Error);
      signal?.addEventListener('abort', abort, { once: true });
      this.upWaiters.push(() => {
        timers.clear(timer);
        signal?.removeEventListener('abort', abort);
        resolve();
      });
    });
  }

  /** Whether the map has this process up: our addresses tell it from earlier lives. */
  private isMeUp(map: OsdMap): boolean {
    const { front } = this.addrs;
    return map.isUp(this.whoami) && sameAddrVec(map.clientAddrs[this.whoami], front);
  }

  private checkUp(): void {
    const { map } = this;
    const up = this.isMeUp(map);
    if (this.life === BOOTING && up) {
      this.life = ACTIVE;
      this.upFrom = map.osdInfo[this.whoami].upFrom;
      this.bootEpoch = map.epoch;
      this.log(1, 'state: booting -> active');
      this.startTimers();
      this.pgs.activate();
      const waiters = this.upWaiters;
      this.upWaiters = [];
      for (const waiter of waiters) waiter();
      this.wakeWaiting();
    } else if (this.life === ACTIVE && !up) {
      this.log(0, 'map says I am down or someone else has my name; booting again');
      this.life = BOOTING;
      if (map.exists(this.whoami)) this.sendBoot();
    } else if (this.life === STOPPING && !up) this.downWaiter?.();
  }

  private startTimers(): void {
    const { timers } = this.env;
    const { config } = this.ctx;
    if (this.timers.length > 1) return;
    const beacon = config.get('osd_beacon_report_interval');
    this.timers.push(timers.every(() => this.sendBeacon(), beacon * 1000, true));
    this.timers.push(timers.every(() => this.reportStats(), STATS_INTERVAL, true));
    this.heartbeats.start();
    this.sendBeacon();
  }

  private sendBeacon(): void {
    if (this.life !== ACTIVE) return;
    const led = this.pgs.primaries();
    let clean = this.map.epoch;
    for (const pg of led) clean = Math.min(clean, Math.max(pg.lastEpochClean, pg.created));
    const m = new MOSDBeacon(
      this.map.epoch,
      led.map(pg => pg.pgid),
      clean,
    );
    m.reportInterval = this.ctx.config.get('osd_beacon_report_interval');
    this.sendToMon(m);
  }

  statsChanged(): void {
    if (this.statsDue || this.options.statsSink === undefined) return;
    this.statsDue = true;
    this.env.timers.immediate(() => {
      this.statsDue = false;
      this.reportStats();
    });
  }

  /** Hands the statistics to whoever takes them. */
  reportStats(): void {
    const { statsSink } = this.options;
    if (statsSink !== undefined && this.life === ACTIVE) statsSink(osdStats(this, ++this.statsSeq));
  }

  /**
   * Ends: tells the monitors (unless not `graceful`), writes down what the PGs need to resume, closes everything.
   * The store is unmounted but keeps its content. Idempotent.
   */
  async stop(options: { graceful?: boolean } = {}): Promise<void> {
    if (this.life === STOPPED || this.life === STOPPING) return;
    const wasActive = this.life === ACTIVE;
    this.life = STOPPING;
    if ((options.graceful ?? true) && wasActive && this.mon.isConnected) await this.markDown();
    for (const timer of this.timers) this.env.timers.clear(timer);
    this.timers = [];
    this.heartbeats.stop();
    this.waitingForMap = [];
    this.pgs.shutdown();
    if (this.map.epoch > 0 && wasActive) await this.state.save(this.maps, this.pgs.all());
    this.fetcher.close();
    await this.mon.close();
    await Promise.all(
      [
        this.publicMessenger,
        this.clusterMessenger,
        this.heartbeatServer,
        this.heartbeatClient,
        this.fetcher.messenger,
      ].map(messenger => messenger.shutdown()),
    );
    this.perf.close();
    await this.store.umount();
    this.life = STOPPED;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  private async markDown(): Promise<void> {
    const { fsid, epoch } = this.map;
    const gone = new Promise<void>(resolve => {
      this.downWaiter = resolve;
    });
    this.sendToMon(new MOSDMarkMeDown(fsid, this.whoami, this.addrs.front, epoch, true));
    let timer: TimerHandle | undefined;
    const late = new Promise<void>(resolve => {
      timer = this.env.timers.set(resolve, DOWN_WAIT);
    });
    await Promise.race([gone, late]);
    if (timer !== undefined) this.env.timers.clear(timer);
  }

  // Maps.

  private handleMap(m: MOSDMap): void {
    if (m.fsid !== this.mon.fsid) {
      this.log(0, `osd map of another cluster: ${m.fsid}`);
      return;
    }
    let complete: boolean;
    try {
      complete = this.maps.take(m, (map, before) => {
        this.closeStale(map, before);
        this.pgs.advance(map, before);
      });
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.log(-1, `cannot use a map: ${error.message}`);
      return;
    }
    this.mon.subGot('osdmap', this.map.epoch);
    if (!complete || m.newest > this.map.epoch) this.requestMap();
    this.heartbeats.update();
    this.checkUp();
    this.wakeWaiting();
    this.mapArrived?.();
  }

  /** Sessions with OSDs that are down, or another process now, would try to come back for ever. */
  private closeStale(map: OsdMap, before: OsdMap): void {
    for (let osd = 0; osd < before.maxOsd; osd++) {
      if (osd === this.whoami || !before.isUp(osd)) continue;
      const addrs = before.clusterAddrs[osd];
      if (map.isUp(osd) && sameAddrVec(addrs, map.clusterAddrs[osd])) continue;
      this.clusterMessenger.connectTo(ENTITY_TYPE_OSD, addrs).markDown();
    }
  }

  private requestMap(): void {
    if (this.mon.subWant('osdmap', this.map.epoch + 1)) this.mon.renewSubs();
  }

  /** Runs something once our map is as new as `epoch`. What came before keeps its order. */
  private whenMap(epoch: number, run: () => void): void {
    this.waitingForMap.push({ epoch, run });
    this.requestMap();
  }

  private wakeWaiting(): void {
    const { epoch } = this.map;
    const { waitingForMap } = this;
    if (waitingForMap.length === 0) return;
    this.waitingForMap = [];
    for (const waiting of waitingForMap)
      if (waiting.epoch <= epoch && this.life === ACTIVE) waiting.run();
      else this.waitingForMap.push(waiting);
  }

  private shareMap(con: Connection, session: OsdSession, epoch: number): void {
    const since = Math.max(epoch, session.sentEpoch);
    const m = this.maps.share(since);
    if (m === undefined) return;
    session.sentEpoch = m.last;
    con.send(m);
  }

  // Messages.

  canFastDispatch(m: Message): boolean {
    return m.type === CEPH_MSG_OSD_OP || m.type === MSG_OSD_REPOP || m.type === MSG_OSD_REPOPREPLY;
  }

  fastDispatch(con: Connection, m: Message): void {
    if (this.life === STOPPED || this.life === STOPPING) return;
    if (m.type === CEPH_MSG_OSD_OP) this.handleOp(con, m as MOSDOp);
    else this.handleClusterMessage(con, m);
  }

  dispatch(con: Connection, m: Message): boolean {
    switch (m.type) {
      case CEPH_MSG_OSD_MAP:
        if (con.peerType !== ENTITY_TYPE_MON && con.peerType !== ENTITY_TYPE_OSD) return true;
        if (this.life !== STOPPED) this.handleMap(m as MOSDMap);
        return true;
      case CEPH_MSG_OSD_OP:
      case MSG_OSD_REPOP:
      case MSG_OSD_REPOPREPLY:
        this.fastDispatch(con, m);
        return true;
      case MSG_OSD_PG_QUERY2:
      case MSG_OSD_PG_NOTIFY2:
        this.handleClusterMessage(con, m);
        return true;
      case MSG_COMMAND:
        handleCommand(this, con, m as MCommand);
        return true;
      case MSG_OSD_MARK_ME_DOWN:
        this.downWaiter?.();
        return true;
      case MSG_OSD_PG_CREATE2:
        // The map says as much: a PG that nobody had before is made by the one who leads it.
        return true;
      default:
        return false;
    }
  }

  handleAccept(con: Connection): void {
    sessionOf(con);
  }

  handleReset(con: Connection): void {
    const session = con.session;
    if (!(session instanceof OsdSession)) return;
    for (const watch of [...session.watches]) watch.disconnected();
  }

  handleRefused(_con: Connection): void {}

  private handleOp(con: Connection, m: MOSDOp): void {
    const session = sessionOf(con);
    const request = new OpRequest(con, session, m);
    if (tracing()) this.traceArrival(request);
    const { epoch } = this.map;
    if (m.osdmapEpoch > epoch || this.life !== ACTIVE) {
      this.whenMap(Math.max(m.osdmapEpoch, 1), () => this.enqueue(request));
      if (request.enqueueSpan !== undefined) unwind(request.enqueueSpan);
      return;
    }
    if (m.osdmapEpoch < epoch && session.sentEpoch < epoch) this.shareMap(con, session, m.osdmapEpoch);
    this.enqueue(request);
    if (request.enqueueSpan !== undefined) unwind(request.enqueueSpan);
  }

  private traceArrival(request: OpRequest): void {
    const { m, reqid } = request;
    const link = `client.${reqid.name.num}:${m.tid}`;
    const root = wind('OSD.ms_fast_dispatch', undefined, { link, osd: this.whoami, op: m.describe() });
    unwind(root);
    request.enqueueSpan = wind('OSD.enqueue_op', root, { pg: pgText(m.spg.pgid) });
  }

  private enqueue(request: OpRequest): void {
    const { m } = request;
    const { pgid } = m.spg;
    const pg = this.pgs.find(pgid.pool, pgid.seed);
    if (pg !== undefined) {
      pg.doRequest(request);
      return;
    }
    const pool = this.map.pools.get(pgid.pool);
    // The pool is gone, or the PG is not ours: the client's map is old, and it will send again by itself.
    if (pool === undefined || m.osdmapEpoch < this.map.epoch) {
      this.log(1, `no pg for ${m.describe()}, dropped`);
      return;
    }
    this.log(0, `misdirected ${m.describe()} from ${request.con.peerName.num}`);
    const reply = MOSDOpReply.to(m, -6, this.map.epoch, DURABLE, false);
    request.con.send(reply);
  }

  private handleClusterMessage(con: Connection, m: Message): void {
    if (con.peerType !== ENTITY_TYPE_OSD) return;
    const epoch = (m as MOSDRepOp | MOSDPGQuery2).mapEpoch;
    if (epoch > this.map.epoch || this.waitingForMap.length > 0) {
      this.whenMap(epoch, () => this.handlePgMessage(con, m));
      if (epoch <= this.map.epoch) this.wakeWaiting();
      return;
    }
    this.handlePgMessage(con, m);
  }

  private handlePgMessage(con: Connection, m: Message): void {
    const from = con.peerName.num;
    const pgid: PgId = (m as MOSDRepOp).spg.pgid;
    const pg: PrimaryLogPG | undefined = this.pgs.find(pgid.pool, pgid.seed);
    if (pg === undefined) {
      this.log(1, `no pg for ${m.describe()}`);
      return;
    }
    switch (m.type) {
      case MSG_OSD_REPOP:
        pg.backend.handleRepOp(m as MOSDRepOp, from);
        break;
      case MSG_OSD_REPOPREPLY:
        pg.backend.handleRepOpReply(m as MOSDRepOpReply, from);
        break;
      case MSG_OSD_PG_QUERY2:
        pg.handleQuery(from, (m as MOSDPGQuery2).query.epochSent);
        break;
      case MSG_OSD_PG_NOTIFY2:
        pg.handleNotify(from, (m as MOSDPGNotify2).notify);
        break;
      default:
    }
  }
}
