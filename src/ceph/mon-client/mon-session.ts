import type { Context } from '../../base/context.ts';
import { NacreError } from '../../base/errors.ts';
import { LOG_ERROR, SUBSYS_MONC } from '../../base/log.ts';
import type { TimerHandle } from '../../env/env.ts';
import type { AuthEntityName } from '../auth/entity-name.ts';
import type { MonSessionAuth, SessionAuthClient } from '../auth/session-client.ts';
import type { AuthConnection } from '../auth/types.ts';
import type { Connection, Messenger } from '../messenger/types.ts';
import {
  ADDR_LEGACY,
  ADDR_MSGR2,
  ENTITY_TYPE_CLIENT,
  ENTITY_TYPE_MON,
  type EntityAddrVec,
  entityAddrVecText,
  sameAddrVec,
} from '../types/entity.ts';
import { nextMons } from './hunt.ts';
import { MonConnection } from './mon-connection.ts';
import type { MonMap } from './monmap.ts';

/**
 * Milliseconds after which hunting starts over when every connection of a round has failed; doubles up to the
 * interval.
 */
const QUICK_RETRY_MS = 200;

export interface MonSessionHooks {
  /** All is given up and other monitors will be tried. */
  reopening(): void;
  /** Connections to other monitors are on their way. */
  reopened(): void;
  /** A monitor authenticated us: this is the session. */
  opened(mon: MonConnection): void;
  /**
   * The last monitor that was tried refused us. `final`: no monitor ever let us in, so nobody is asked again.
   */
  refused(error: NacreError, final: boolean): void;
  /** Now and then while there is a session. */
  tick(): void;
  /** A connection beside the session was let in, refused, or broke. */
  otherOpened(mon: MonConnection): void;
  otherFailed(mon: MonConnection, error: NacreError): void;
  otherReset(mon: MonConnection): void;
  /** Finds a connection beside the session. */
  findOther(is: (mon: MonConnection) => boolean): MonConnection | undefined;
}

export interface MonSessionOptions {
  readonly context: Context;
  readonly entityName: AuthEntityName;
  readonly auth: SessionAuthClient;
  readonly messenger: () => Messenger;
  readonly map: () => MonMap;
  readonly hooks: MonSessionHooks;
}

/**
 * The search for a monitor that answers, and the care for the session with it: several are tried at a time,
 * the first that authenticates us wins; a session that breaks or falls silent is replaced
 * (MonClient::_reopen_session and tick).
 */
export class MonSession {
  active: MonConnection | undefined;
  /** Which monitors were tried in this search, by rank. */
  readonly tried = new Set<number>();
  private readonly options: MonSessionOptions;
  private readonly hooks: MonSessionHooks;
  private pending: MonConnection[] = [];
  private multiplier: number;
  private quickRetries = 0;
  private hadConnection = false;
  /** False before the first search, after it was given up and when closed. */
  private running = false;
  private timer: TimerHandle | undefined;
  private lastKeepalive = 0;
  /** What went wrong last with each monitor, for the message of a timeout. */
  private readonly troubles = new Map<string, string>();

  constructor(options: MonSessionOptions) {
    this.options = options;
    this.hooks = options.hooks;
    this.multiplier = options.context.config.get('mon_client_hunt_interval_min_multiple');
  }

  get isHunting(): boolean {
    return this.pending.length > 0;
  }

  private log(level: number, message: string): void {
    this.options.context.log.write(
      SUBSYS_MONC,
      level,
      `monclient${this.isHunting ? '(hunting)' : ''}: ${message}`,
    );
  }

  /** The monitors that were asked and what came of it. */
  triedText(): string {
    const map = this.options.map();
    return map.ranks
      .map(name => {
        const addrs = entityAddrVecText(map.mons.get(name)!.addrs);
        const trouble = this.troubles.get(name);
        return trouble === undefined ? addrs : `${addrs} (${trouble})`;
      })
      .join(', ');
  }

  /**
   * The addresses that this process may use: one that listens on v1 alone cannot tell a v2 peer who it is.
   */
  usable(addrs: EntityAddrVec): EntityAddrVec {
    const mine = this.options.messenger().myAddrs.filter(addr => addr.port !== 0);
    const legacyOnly =
      mine.some(addr => addr.type === ADDR_LEGACY) && !mine.some(addr => addr.type === ADDR_MSGR2);
    const v1 = addrs.filter(addr => addr.type !== ADDR_MSGR2);
    return legacyOnly ? v1 : [...addrs.filter(addr => addr.type === ADDR_MSGR2), ...v1];
  }

  private connect(name: string, from: MonSessionAuth | undefined, anon: boolean): MonConnection {
    const { auth, entityName, context, map, messenger } = this.options;
    const addrs = this.usable(map().mons.get(name)!.addrs);
    const con = messenger().connectTo(ENTITY_TYPE_MON, addrs, anon);
    return new MonConnection({ con, name, addrs, auth, entityName, from, now: context.env.clock.mono() });
  }

  /**
   * A connection beside the session, with an identity of its own. Throws ENOENT when there is no such
   * monitor.
   */
  connectBeside(target: string | number): MonConnection {
    const map = this.options.map();
    const name = typeof target === 'number' ? map.ranks[target] : target.replace(/^mon\./, '');
    if (name === undefined || !map.mons.has(name))
      throw new NacreError(
        'ENOENT',
        'mon_command',
        `there is no monitor ${typeof target === 'number' ? `of rank ${target}` : target}`,
      );
    return this.connect(name, undefined, true);
  }

  /** Begins authentication on a connection. */
  start(mon: MonConnection): void {
    try {
      mon.start(this.options.map().epoch);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.failed(mon, error);
    }
  }

  /** Looks for a monitor unless there is one, or one is looked for already. */
  open(): void {
    if (this.active === undefined && !this.running) this.reopen();
  }

  /** Gives up what there is and tries other monitors. */
  reopen(): void {
    const { context, map, auth } = this.options;
    const { config, env } = context;
    this.drop();
    this.running = true;
    if (this.hadConnection)
      this.multiplier = Math.min(
        this.multiplier * config.get('mon_client_hunt_interval_backoff'),
        config.get('mon_client_hunt_interval_max_multiple'),
      );
    this.hooks.reopening();
    try {
      for (const rank of nextMons(map(), this.tried, config.get('mon_client_hunt_parallel'), env.random)) {
        const mon = this.connect(map().ranks[rank], auth.session, false);
        if (context.log.on(SUBSYS_MONC, 10)) this.log(10, `picked ${mon.text}`);
        this.pending.push(mon);
      }
    } catch (error) {
      // The messenger was shut down before us.
      if (!(error instanceof NacreError)) throw error;
      this.close();
      this.hooks.refused(error, true);
      return;
    }
    for (const mon of [...this.pending]) this.start(mon);
    if (!this.running) return;
    this.hooks.reopened();
    this.schedule();
  }

  private drop(): void {
    const { active, pending } = this;
    this.active = undefined;
    this.pending = [];
    active?.con.markDown();
    for (const mon of pending) mon.con.markDown();
  }

  private lookup(is: (mon: MonConnection) => boolean): MonConnection | undefined {
    const own = this.pending.find(is);
    if (own !== undefined) return own;
    return this.active !== undefined && is(this.active) ? this.active : this.hooks.findOther(is);
  }

  /**
   * The connection that a handshake belongs to: where the messenger does not say, one to the same monitor
   * that waits for it.
   */
  findHandshake(con: AuthConnection): MonConnection | undefined {
    const known = con.connection ?? con;
    const same = this.lookup(mon => mon.con === known);
    if (same !== undefined || con.connection !== undefined) return same;
    const waits = (mon: MonConnection) =>
      mon.session === undefined && sameAddrVec(mon.con.peerAddrs, con.peerAddrs);
    return this.lookup(waits);
  }

  find(con: Connection): MonConnection | undefined {
    return this.lookup(mon => mon.con === con);
  }

  /** A monitor let us in on this connection; the first to do so is the session, and the others are let go. */
  gotSession(mon: MonConnection): void {
    if (!this.pending.includes(mon)) {
      this.hooks.otherOpened(mon);
      return;
    }
    const others = this.pending.filter(other => other !== mon);
    this.pending = [];
    this.active = mon;
    for (const other of others) other.con.markDown();
    const { auth, context } = this.options;
    const before = auth.session?.globalId ?? 0n;
    auth.session = mon.session;
    const { globalId } = mon.session!;
    if (before !== 0n && before !== globalId)
      this.log(LOG_ERROR, `global_id changed from ${before} to ${globalId}`);
    this.log(1, `found ${mon.text}, global_id ${globalId}`);
    const messenger = this.options.messenger();
    // OSDs name our requests by it.
    if (messenger.myName.type === ENTITY_TYPE_CLIENT)
      messenger.setMyName?.({ type: ENTITY_TYPE_CLIENT, num: Number(globalId) });
    this.troubles.clear();
    this.hadConnection = true;
    this.quickRetries = 0;
    this.unBackoff();
    this.lastKeepalive = context.env.clock.mono();
    this.schedule();
    this.hooks.opened(mon);
  }

  /**
   * A monitor does not let us in. When it was the last one that we tried, those who wait for the session hear
   * of it.
   */
  failed(mon: MonConnection, error: NacreError): void {
    this.troubles.set(mon.name, error.message);
    mon.dead = true;
    if (!this.pending.includes(mon)) {
      if (mon !== this.active) this.hooks.otherFailed(mon, error);
      return;
    }
    this.log(LOG_ERROR, error.message);
    this.pending = this.pending.filter(other => other !== mon);
    // Not within the messenger's call that brought the refusal.
    queueMicrotask(() => mon.con.markDown());
    if (this.pending.some(other => !other.dead)) return;
    // Who was let in once may be let in again; who never was has the wrong key or name, and asking again is
    // no use.
    if (!this.hadConnection) {
      this.running = false;
      this.drop();
    }
    this.schedule();
    this.hooks.refused(error, !this.hadConnection);
  }

  /** The messenger gave a connection up. */
  handleReset(con: Connection): void {
    const mon = this.find(con);
    if (mon === undefined) return;
    if (mon === this.active) {
      this.log(1, `lost ${mon.text}`);
      this.reopen();
      return;
    }
    if (!this.pending.includes(mon)) {
      this.hooks.otherReset(mon);
      return;
    }
    mon.dead = true;
    if (!this.troubles.has(mon.name)) this.troubles.set(mon.name, 'the connection failed');
    if (this.pending.every(other => other.dead)) this.schedule();
  }

  handleRefused(con: Connection): void {
    const mon = this.find(con);
    if (mon !== undefined) this.troubles.set(mon.name, 'connection refused');
  }

  private schedule(): void {
    const { config, env } = this.options.context;
    if (this.timer !== undefined) env.timers.clear(this.timer);
    this.timer = undefined;
    if (!this.running) return;
    if (this.active !== undefined) {
      // A session in order does not keep a process alive by its clock.
      this.timer = env.timers.set(() => this.tick(), config.get('mon_client_ping_interval') * 1000, true);
      return;
    }
    const interval = config.get('mon_client_hunt_interval') * 1000 * this.multiplier;
    const stuck = this.pending.length > 0 && this.pending.every(mon => mon.dead);
    const delay = stuck ? Math.min(interval, QUICK_RETRY_MS * 2 ** this.quickRetries++) : interval;
    this.timer = env.timers.set(() => this.tick(), delay);
  }

  private unBackoff(): void {
    const { config } = this.options.context;
    this.multiplier = Math.max(
      config.get('mon_client_hunt_interval_min_multiple'),
      this.multiplier / config.get('mon_client_hunt_interval_backoff'),
    );
  }

  private tick(): void {
    this.timer = undefined;
    const { active } = this;
    if (active === undefined) {
      this.log(1, 'continuing hunt');
      this.reopen();
      return;
    }
    if (!this.keepAlive(active)) return;
    this.schedule();
    this.hooks.tick();
  }

  /** False when the monitor has fallen silent and others are tried. */
  private keepAlive(mon: MonConnection): boolean {
    const { config, env } = this.options.context;
    const timeout = config.get('mon_client_ping_timeout') * 1000;
    const heard = Math.max(mon.con.lastKeepaliveAck, mon.started);
    // Only an answer that is missing to a question counts: a process that slept has asked nothing.
    if (timeout > 0 && this.lastKeepalive - heard > timeout) {
      this.log(1, `${mon.text} has not answered for ${Math.round((this.lastKeepalive - heard) / 1000)} s`);
      this.reopen();
      return false;
    }
    mon.con.sendKeepalive();
    this.lastKeepalive = env.clock.mono();
    this.unBackoff();
    return true;
  }

  close(): void {
    this.running = false;
    this.drop();
    this.schedule();
  }
}
