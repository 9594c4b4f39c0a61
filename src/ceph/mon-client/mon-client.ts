import type { Context } from '../../base/context.ts';
import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { LOG_ERROR, SUBSYS_MONC } from '../../base/log.ts';
import { type Span, tracing, unwind, wind } from '../../base/trace.ts';
import { type AuthRefused, createServiceAuthServer } from '../auth/auth-server.ts';
import { type AuthEntityName, authEntityNameText } from '../auth/entity-name.ts';
import type { Keyring } from '../auth/keyring.ts';
import { type AuthRegistry, authOptionsFrom, createAuthRegistry } from '../auth/registry.ts';
import { needsRotatingKeys, RotatingKeyring } from '../auth/rotating-keyring.ts';
import { SessionAuthClient } from '../auth/session-client.ts';
import type { AuthClient, AuthServer } from '../auth/types.ts';
import type { MAuthReply } from '../messages/mauth.ts';
// Registers the decoder: nothing else here would.
import '../messages/mconfig.ts';
import type { MConfig } from '../messages/mconfig.ts';
import type { Message } from '../messages/message.ts';
import {
  CEPH_MSG_AUTH_REPLY,
  CEPH_MSG_MON_GET_VERSION_REPLY,
  CEPH_MSG_MON_MAP,
  CEPH_MSG_MON_SUBSCRIBE_ACK,
  CEPH_MSG_PING,
  MSG_COMMAND_REPLY,
  MSG_CONFIG,
  MSG_LOGACK,
  MSG_MON_COMMAND_ACK,
} from '../messages/message-types.ts';
import type { MLogAck } from '../messages/mlog.ts';
import type { MMonCommandAck } from '../messages/mmon-command.ts';
import type { MMonGetVersionReply } from '../messages/mmon-get-version.ts';
import type { MMonMap } from '../messages/mmon-map.ts';
import { MMonSubscribe, type MMonSubscribeAck, SUBSCRIBE_ONETIME } from '../messages/mmon-subscribe.ts';
import type { Connection, Dispatcher, Messenger } from '../messenger/types.ts';
import {
  ADDR_MSGR2,
  ENTITY_TYPE_MGR,
  ENTITY_TYPE_MON,
  ENTITY_TYPE_OSD,
  entityAddrVecText,
} from '../types/entity.ts';
import { FEATURE_MON_STATEFUL_SUB } from '../types/features.ts';
import type { LogEntry } from '../types/log-entry.ts';
import type { Uuid } from '../types/uuid.ts';
import {
  commandPrefix,
  commandWords,
  type MonCommandOptions,
  type MonCommandResult,
  type MonCommandWords,
  type MonVersions,
  type Waiting,
  wait,
} from './command.ts';
import type { MonConnection } from './mon-connection.ts';
import type { InitialMon } from './mon-host.ts';
import { MonSession } from './mon-session.ts';
import { MonSub } from './mon-sub.ts';
import { decodeMonMap, type MonMap, makeMonInfo, makeMonMap, monByAddrs } from './monmap.ts';
import { MonRequests } from './requests.ts';
import { Tells } from './tells.ts';
import { TicketRenewal } from './ticket-renewal.ts';

export interface MonClientOptions {
  readonly context: Context;
  readonly entityName: AuthEntityName;
  /** Has the key of `entityName`; a key that is changed in it counts from the next use on. */
  readonly keyring: Keyring;
  /** Monitors to begin with (`initialMons`); the monitors' own map replaces them. */
  readonly mons: readonly Pick<InitialMon, 'name' | 'addrs' | 'priority' | 'weight'>[];
  /** CEPH_ENTITY_TYPE_* bits of the services that will be talked to. Default: monitors, OSDs, managers. */
  readonly wantKeys?: number;
  /** Allowed methods and modes; from the configuration when left out. */
  readonly registry?: AuthRegistry;
  /** What the monitors set for us; goes into the context's configuration when left out. */
  readonly onConfig?: (settings: ReadonlyMap<string, string>) => void;
}

/** How long one waits, and who may call it off. */
export interface WaitOptions {
  /** Milliseconds; 0 or nothing: without limit. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * A process's session with the monitors (mon/MonClient.h): finds one that answers, authenticates, keeps the
 * session alive and replaces it when it breaks, and carries subscriptions, commands, version questions and
 * tickets across.
 *
 * Make it first, then the messenger with `authClient`, then `attach`.
 */
export class MonClient implements Dispatcher, AsyncDisposable {
  readonly entityName: AuthEntityName;
  readonly registry: AuthRegistry;
  /** The service's secrets, for daemons that need them. */
  readonly rotating: RotatingKeyring | undefined;
  private readonly context: Context;
  private readonly options: MonClientOptions;
  private readonly auth: SessionAuthClient;
  private readonly session: MonSession;
  private readonly tickets: TicketRenewal;
  private readonly requests: MonRequests;
  private readonly tells: Tells;
  private readonly subs = new MonSub();
  private readonly mapListeners = new Set<(map: MonMap) => void>();
  private readonly authWaiters = new Set<Waiting<void>>();
  private messengerOrNone: Messenger | undefined;
  private map: MonMap;
  private waitingForSession: Message[] = [];
  private lastTid = 0;
  /** There is a session and the cluster's map. */
  private ready = false;
  private closed = false;
  private subsRenewedAt = 0;
  private subsRenewAfter = Number.POSITIVE_INFINITY;

  constructor(options: MonClientOptions) {
    const { context, entityName, keyring, mons } = options;
    const { config, env } = context;
    this.options = options;
    this.context = context;
    this.entityName = entityName;
    this.registry =
      options.registry ??
      createAuthRegistry(
        entityName.type,
        authOptionsFrom(name => config.getString(name)),
      );
    const secretOf = (name: AuthEntityName) => keyring.getSecret(name);
    this.rotating = needsRotatingKeys(entityName.type)
      ? new RotatingKeyring({ env, serviceType: entityName.type, secretOf })
      : undefined;
    this.map = makeMonMap(mons.map(m => makeMonInfo(m.name, m.addrs, m.priority, m.weight)));
    this.auth = new SessionAuthClient(
      {
        env,
        registry: this.registry,
        entityName,
        secret: () => keyring.getSecret(entityName),
        wantKeys: options.wantKeys ?? ENTITY_TYPE_MON | ENTITY_TYPE_OSD | ENTITY_TYPE_MGR,
        rotating: this.rotating,
      },
      {
        current: con => this.session.findHandshake(con)?.from,
        onDone: (con, done) => {
          const mon = this.session.findHandshake(con);
          if (mon === undefined) return;
          mon.session = done;
          this.session.gotSession(mon);
        },
        onFailed: (con, error) => {
          const mon = this.session.findHandshake(con);
          if (mon !== undefined) this.session.failed(mon, error);
        },
        onTicketRefused: () => queueMicrotask(() => this.tickets.check()),
      },
    );
    const fsid = () => this.fsid;
    this.session = new MonSession({
      context,
      entityName,
      auth: this.auth,
      messenger: () => this.messenger,
      map: () => this.map,
      hooks: {
        reopening: () => this.sessionLost(),
        reopened: () => {
          if (this.subs.reload()) this.renewSubs();
        },
        opened: mon => this.sessionOpened(mon),
        refused: (error, final) => this.refused(error, final),
        tick: () => this.tick(),
        otherOpened: mon => this.tells.opened(mon),
        otherFailed: (mon, error) => this.tells.failed(mon, error),
        otherReset: mon => this.tells.reset(mon),
        findOther: is => this.tells.find(is),
      },
    });
    this.tells = new Tells({
      context,
      fsid,
      isReady: () => this.ready,
      connect: target => this.session.connectBeside(target),
      start: mon => this.session.start(mon),
    });
    this.requests = new MonRequests({ context, fsid, send: m => this.sendMonMessage(m) });
    this.tickets = new TicketRenewal({
      context,
      auth: this.auth,
      rotating: this.rotating,
      sender: () => (this.session.active === undefined ? undefined : m => this.sendMonMessage(m)),
    });
  }

  /** The connecting end's authentication for the process's messenger. */
  get authClient(): AuthClient {
    return this.auth;
  }

  /** The accepting end's for the messenger of a daemon: takes tickets that the rotating secrets open. */
  createAuthServer(onRefused?: AuthRefused): AuthServer {
    const keys = this.rotating ?? { getSecret: () => undefined, getServiceSecret: () => undefined };
    return createServiceAuthServer({ env: this.context.env, registry: this.registry, keys, onRefused });
  }

  /** Takes part in this messenger's dispatch from now on. */
  attach(messenger: Messenger): void {
    this.messengerOrNone = messenger;
    messenger.addDispatcher(this);
  }

  private get messenger(): Messenger {
    if (this.messengerOrNone === undefined)
      throw new NacreError('EINVAL', 'MonClient', 'attach a messenger first');
    return this.messengerOrNone;
  }

  get monmap(): MonMap {
    return this.map;
  }

  /** Of the cluster; zeros until a monitor told it. */
  get fsid(): Uuid {
    return this.map.fsid;
  }

  /** Our number in the cluster: 0n until a monitor gave one. Kept over reconnects. */
  get globalId(): bigint {
    return this.auth.session?.globalId ?? 0n;
  }

  /** True while there is an authenticated session. */
  get isConnected(): boolean {
    return this.session.active !== undefined;
  }

  /** The connection of the session. */
  get activeConnection(): Connection | undefined {
    return this.session.active?.con;
  }

  /** Calls back after each new monitor map. */
  onMonMap(listener: (map: MonMap) => void): Disposable {
    this.mapListeners.add(listener);
    return { [Symbol.dispose]: () => this.mapListeners.delete(listener) };
  }

  private log(level: number, message: string): void {
    this.context.log.write(SUBSYS_MONC, level, `monclient: ${message}`);
  }

  private checkOpen(op: string, signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (this.closed) throw this.gone(op);
  }

  private gone(op: string): NacreError {
    return new NacreError(
      'ESHUTDOWN',
      op,
      `the monitor client of ${authEntityNameText(this.entityName)} is closed`,
    );
  }

  /**
   * Opens the session: resolves once a monitor authenticated us and sent its map (MonClient::authenticate).
   * @throws NacreError EACCES or EOPNOTSUPP when every monitor refused us, ENOENT without a key or monitors,
   * ETIMEDOUT.
   */
  async authenticate({ timeoutMs = 0, signal }: WaitOptions = {}): Promise<void> {
    this.checkOpen('authenticate', signal);
    if (this.ready) return;
    if (this.map.ranks.length === 0) throw new NacreError('ENOENT', 'authenticate', 'no monitors are known');
    const late = () =>
      new NacreError(
        'ETIMEDOUT',
        'authenticate',
        `no monitor let us in within ${timeoutMs / 1000} s; tried ${this.session.triedText()}`,
      );
    const { promise, waiting } = wait<void>(this.context.env.timers, { signal, timeoutMs, late }, () =>
      this.authWaiters.delete(waiting),
    );
    this.authWaiters.add(waiting);
    this.subs.want('monmap', this.map.epoch > 0 ? this.map.epoch + 1 : 0, 0);
    if (!this.context.config.noMonConfig) this.subs.want('config', 0, 0);
    this.session.open();
    return promise;
  }

  /**
   * Asks for what a service publishes ('osdmap', 'mgrmap', 'config' ...) from version `start` on; once, or
   * whenever there is something newer. False when just that is asked for already; else `renewSubs` sends it.
   */
  subWant(what: string, start: number, onetime = false): boolean {
    return this.subs.want(what, start, onetime ? SUBSCRIBE_ONETIME : 0);
  }

  /** The same, but never goes back to an older start. */
  subWantIncrement(what: string, start: number, onetime = false): boolean {
    return this.subs.incWant(what, start, onetime ? SUBSCRIBE_ONETIME : 0);
  }

  /** We have version `have` now. */
  subGot(what: string, have: number): void {
    this.subs.got(what, have);
  }

  /** The monitor is not told: it forgets with the session. */
  subUnwant(what: string): void {
    this.subs.unwant(what);
  }

  /** Tells the monitor what is wanted, if there is anything new. */
  renewSubs(): void {
    if (this.closed || !this.subs.haveNew) return;
    if (this.session.active === undefined && !this.session.isHunting) {
      this.session.open();
      return;
    }
    const m = new MMonSubscribe(this.subs.take());
    m.hostname = this.context.env.host.hostname.split('.')[0];
    if (this.subsRenewedAt === 0) this.subsRenewedAt = this.context.env.clock.mono();
    this.sendMonMessage(m);
  }

  /** Sends to the monitor of the session; kept until there is one, but not over the session's end. */
  sendMonMessage(m: Message): void {
    if (this.closed) return;
    const { active } = this.session;
    if (active !== undefined) active.con.send(m);
    else this.waitingForSession.push(m);
  }

  /**
   * Newest and oldest version that the monitors have of 'osdmap', 'monmap' ... Asked again after a reconnect.
   */
  async getVersion(what: string, signal?: AbortSignal): Promise<MonVersions> {
    this.checkOpen('get_version', signal);
    const handle = ++this.lastTid;
    const late = () => new NacreError('ETIMEDOUT', 'get_version', what);
    const { promise, waiting } = wait<MonVersions>(this.context.env.timers, { signal, late }, () =>
      this.requests.forgetVersion(handle),
    );
    this.requests.addVersion({ handle, what, waiting }, this.isConnected);
    this.session.open();
    return promise;
  }

  /**
   * Runs a command at the monitors: sent again after a reconnect, until there is an answer.
   * @throws NacreError ETIMEDOUT, ENOENT for a target that is not in the map, EACCES and the like when the
   * target refuses us.
   */
  async command(words: MonCommandWords, options: MonCommandOptions = {}): Promise<MonCommandResult> {
    const { input, target, timeoutMs = 0, signal, trace } = options;
    this.checkOpen('mon_command', signal);
    const list = commandWords(words);
    const prefix = commandPrefix(list);
    const span: Span | undefined = tracing()
      ? wind('MonClient.start_mon_command', trace, { prefix })
      : undefined;
    const tid = ++this.lastTid;
    const late = () =>
      new NacreError('ETIMEDOUT', 'mon_command', `'${prefix}' was not answered within ${timeoutMs / 1000} s`);
    const { promise, waiting } = wait<MonCommandResult>(
      this.context.env.timers,
      { signal, timeoutMs, late },
      () => {
        this.requests.forgetCommand(tid);
        this.tells.forget(tid);
      },
    );
    if (target === undefined)
      this.requests.addCommand({ tid, words: list, input, span, waiting }, this.ready);
    else this.tells.command(tid, target, list, input, waiting);
    this.session.open();
    try {
      const result = await promise;
      unwind(span);
      return result;
    } catch (error) {
      unwind(span, error);
      throw error;
    }
  }

  /** A monitor's own account of itself, as JSON, over a connection of its own. */
  async ping(target: string | number, { timeoutMs = 0, signal }: WaitOptions = {}): Promise<string> {
    this.checkOpen('ping', signal);
    const tid = ++this.lastTid;
    const late = () =>
      new NacreError('ETIMEDOUT', 'ping', `monitor ${target} did not answer within ${timeoutMs / 1000} s`);
    const { promise, waiting } = wait<MonCommandResult>(
      this.context.env.timers,
      { signal, timeoutMs, late },
      () => this.tells.forget(tid),
    );
    this.tells.ping(tid, target, waiting);
    this.session.open();
    return (await promise).outs;
  }

  /**
   * Sends lines for the cluster log, again after a reconnect until the monitors have them. Numbers (`seq`)
   * must ascend.
   */
  sendLog(entries: readonly LogEntry[]): void {
    if (!this.closed && entries.length > 0) this.requests.addLog(entries, this.ready);
  }

  /**
   * Resolves once a daemon has its rotating secrets; at once for those that need none
   * (MonClient::wait_auth_rotating).
   */
  async waitAuthRotating({ timeoutMs = 0, signal }: WaitOptions = {}): Promise<void> {
    this.checkOpen('wait_auth_rotating', signal);
    if (!this.tickets.rotatingNeeded) return;
    const late = () =>
      new NacreError(
        'ETIMEDOUT',
        'wait_auth_rotating',
        `no rotating secrets for ${authEntityNameText(this.entityName)} within ${timeoutMs / 1000} s`,
      );
    const { promise, waiting } = wait<void>(this.context.env.timers, { signal, timeoutMs, late }, () =>
      this.tickets.forget(waiting),
    );
    this.tickets.await(waiting);
    return promise;
  }

  // The session's life.

  private sessionLost(): void {
    this.ready = false;
    this.waitingForSession = [];
    this.subsRenewedAt = 0;
    this.subsRenewAfter = Number.POSITIVE_INFINITY;
  }

  private sessionOpened(mon: MonConnection): void {
    const queued = this.waitingForSession;
    this.waitingForSession = [];
    for (const m of queued) mon.con.send(m);
    this.requests.sessionOpened();
    if (this.map.epoch > 0) this.becomeReady();
    this.tickets.sessionOpened();
  }

  private becomeReady(): void {
    if (this.ready || !this.isConnected) return;
    this.ready = true;
    this.requests.ready();
    this.tells.resume();
    const waiters = [...this.authWaiters];
    this.authWaiters.clear();
    for (const waiter of waiters) waiter.resolve();
  }

  private refused(error: NacreError, final: boolean): void {
    const waiters = [...this.authWaiters];
    this.authWaiters.clear();
    for (const waiter of waiters) waiter.reject(error);
    if (!final) return;
    this.requests.rejectAll(error);
    this.tickets.close(error);
    this.tells.close(error);
  }

  private tick(): void {
    const con = this.activeConnection;
    const now = this.context.env.clock.mono();
    // Monitors since 2016 remember; older ones forget who does not ask again.
    if (now >= this.subsRenewAfter && con !== undefined && !con.features.has(FEATURE_MON_STATEFUL_SUB)) {
      this.subs.reload();
      this.renewSubs();
    }
    this.tickets.check();
  }

  handleReset(con: Connection): void {
    if (!this.closed) this.session.handleReset(con);
  }

  handleRefused(con: Connection): void {
    if (!this.closed) this.session.handleRefused(con);
  }

  // What monitors say.

  dispatch(con: Connection, m: Message): boolean {
    if (con.peerType !== ENTITY_TYPE_MON || this.closed) return false;
    switch (m.type) {
      case CEPH_MSG_MON_MAP:
      case CEPH_MSG_AUTH_REPLY:
      case CEPH_MSG_MON_SUBSCRIBE_ACK:
      case CEPH_MSG_MON_GET_VERSION_REPLY:
      case MSG_MON_COMMAND_ACK:
      case MSG_LOGACK:
      case MSG_CONFIG:
        break;
      case CEPH_MSG_PING:
      case MSG_COMMAND_REPLY:
        return this.tells.dispatch(con, m);
      default:
        return false;
    }
    const mon = this.session.find(con);
    if (mon === undefined) {
      if (this.context.log.on(SUBSYS_MONC, 10)) this.log(10, `discarding stray message ${m.describe()}`);
      return true;
    }
    if (mon === this.session.active) this.handle(mon, m);
    else if (m.type === CEPH_MSG_AUTH_REPLY) this.handleAuthReply(mon, m as MAuthReply);
    return true;
  }

  private handle(mon: MonConnection, m: Message): void {
    switch (m.type) {
      case CEPH_MSG_MON_MAP:
        this.handleMonMap(mon, m as MMonMap);
        break;
      case CEPH_MSG_AUTH_REPLY:
        this.tickets.handleReply(m as MAuthReply);
        break;
      case CEPH_MSG_MON_SUBSCRIBE_ACK:
        if (this.subsRenewedAt === 0) break;
        this.subsRenewAfter = this.subsRenewedAt + ((m as MMonSubscribeAck).interval * 1000) / 2;
        this.subsRenewedAt = 0;
        break;
      case CEPH_MSG_MON_GET_VERSION_REPLY:
        this.requests.handleVersion(m as MMonGetVersionReply);
        break;
      case MSG_MON_COMMAND_ACK:
        this.requests.handleCommand(m as MMonCommandAck);
        break;
      case MSG_LOGACK:
        this.requests.handleLogAck(m as MLogAck);
        break;
      case MSG_CONFIG:
        this.handleConfig(m as MConfig);
        break;
    }
  }

  /** Protocol v1: the exchange that leads to a session. */
  private handleAuthReply(mon: MonConnection, m: MAuthReply): void {
    try {
      if (mon.handleAuthReply(m)) this.session.gotSession(mon);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.session.failed(mon, error);
    }
  }

  private handleMonMap(mon: MonConnection, m: MMonMap): void {
    let map: MonMap;
    try {
      map = decodeMonMap(new Decoder(m.monmap, 'MonMap'));
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.log(LOG_ERROR, `${mon.text} sent a monitor map that does not decode: ${error.message}`);
      return;
    }
    const before = this.map;
    if (before.epoch > 0 && map.fsid !== before.fsid) {
      this.log(LOG_ERROR, `${mon.text} belongs to cluster ${map.fsid}, we to ${before.fsid}`);
      return;
    }
    const newer = before.epoch === 0 || map.epoch > before.epoch;
    if (newer) {
      this.map = map;
      this.session.tried.clear();
    }
    this.subs.got('monmap', this.map.epoch);
    if (this.shouldMove(mon, before)) {
      this.session.reopen();
      return;
    }
    this.becomeReady();
    if (newer) for (const listener of this.mapListeners) listener(this.map);
  }

  /** True when by the new map another connection would be better than the one that we have. */
  private shouldMove(mon: MonConnection, before: MonMap): boolean {
    const info = monByAddrs(this.map, mon.addrs);
    if (info === undefined) {
      this.log(1, `${mon.text} is not in monitor map ${this.map.epoch}`);
      // Where addresses are translated on the way, the map's may be of no use to us: what worked at first is
      // kept.
      return before.epoch > 0 && monByAddrs(before, mon.addrs) !== undefined;
    }
    if (mon.isMsgr2 || !this.session.usable(info.addrs).some(addr => addr.type === ADDR_MSGR2)) return false;
    this.log(1, `mon.${info.name} has v2 addresses ${entityAddrVecText(info.addrs)}, reconnecting`);
    return true;
  }

  private handleConfig(m: MConfig): void {
    const { onConfig, context } = this.options;
    if (onConfig !== undefined) {
      onConfig(m.config);
      return;
    }
    for (const [name, why] of context.config.applyMonConfig(m.config))
      if (context.log.on(SUBSYS_MONC, 4))
        this.log(4, `the monitors' setting of ${name} is not taken: ${why}`);
  }

  /**
   * Ends the session and everything that waits for it, with ESHUTDOWN. Idempotent; leaves the messenger
   * alone.
   */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.session.close();
    const error = this.gone('close');
    this.tells.close(error);
    this.requests.rejectAll(error);
    this.tickets.close(error);
    this.waitingForSession = [];
    const waiters = [...this.authWaiters];
    this.authWaiters.clear();
    for (const waiter of waiters) waiter.reject(error);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A mon client together with the messenger that `makeMessenger` makes for it. */
export function createMonClient(
  options: MonClientOptions & { readonly makeMessenger: (auth: AuthClient) => Messenger },
): { readonly mon: MonClient; readonly messenger: Messenger } {
  const mon = new MonClient(options);
  const messenger = options.makeMessenger(mon.authClient);
  mon.attach(messenger);
  return { mon, messenger };
}
