import { Encoder } from '../../base/encoder.ts';
import type { TimerHandle, Timers } from '../../env/env.ts';
import {
  MWatchNotify,
  WATCH_EVENT_DISCONNECT,
  WATCH_EVENT_NOTIFY,
  WATCH_EVENT_NOTIFY_COMPLETE,
} from '../messages/mwatch-notify.ts';
import type { Connection } from '../messenger/types.ts';
import type { EntityAddr, EntityName } from '../types/entity.ts';
import { ETIMEDOUT } from './errors.ts';
import type { ObjectContext } from './object-context.ts';
import type { OsdSession } from './session.ts';

const NOTHING = Buffer.alloc(0);

export function watchKey(cookie: bigint, name: EntityName): string {
  return `${cookie}.${name.type}.${name.num}`;
}

/** One client's watch of one object (osd/Watch.h). Survives its connection for `timeoutSeconds`. */
export class Watch {
  readonly key: string;
  readonly obc: ObjectContext;
  readonly cookie: bigint;
  readonly name: EntityName;
  readonly addr: EntityAddr;
  timeoutSeconds: number;
  session: OsdSession | undefined;
  private willPing = false;
  /** Notifies that this watcher has not answered. */
  readonly pending = new Map<bigint, Notify>();
  private timer: TimerHandle | undefined;
  private readonly timers: Timers;
  private readonly onTimeout: (watch: Watch) => void;

  constructor(
    obc: ObjectContext,
    cookie: bigint,
    name: EntityName,
    addr: EntityAddr,
    timeoutSeconds: number,
    timers: Timers,
    onTimeout: (watch: Watch) => void,
  ) {
    this.key = watchKey(cookie, name);
    this.obc = obc;
    this.cookie = cookie;
    this.name = name;
    this.addr = addr;
    this.timeoutSeconds = timeoutSeconds;
    this.timers = timers;
    this.onTimeout = onTimeout;
  }

  get isConnected(): boolean {
    return this.session !== undefined;
  }

  /** The timeout runs from now on. */
  arm(): void {
    this.disarm();
    this.timer = this.timers.set(
      () => {
        this.timer = undefined;
        this.onTimeout(this);
      },
      this.timeoutSeconds * 1000,
      true,
    );
  }

  private disarm(): void {
    if (this.timer !== undefined) this.timers.clear(this.timer);
    this.timer = undefined;
  }

  connect(session: OsdSession, willPing: boolean): void {
    this.session?.watches.delete(this);
    this.session = session;
    session.watches.add(this);
    this.willPing = willPing;
    if (willPing) this.arm();
    else this.disarm();
    for (const notify of this.pending.values()) this.sendNotify(notify);
  }

  gotPing(): void {
    if (this.willPing) this.arm();
  }

  /** The connection is gone; the client has until the timeout to come back. */
  disconnected(): void {
    this.session?.watches.delete(this);
    this.session = undefined;
    this.arm();
  }

  startNotify(notify: Notify): void {
    this.pending.set(notify.notifyId, notify);
    this.sendNotify(notify);
  }

  private sendNotify(notify: Notify): void {
    if (this.session === undefined) return;
    const m = new MWatchNotify(this.cookie, notify.notifyId, WATCH_EVENT_NOTIFY, notify.payload);
    m.ver = notify.version;
    m.notifierGid = notify.clientGid;
    this.session.con.send(m);
  }

  ack(notifyId: bigint, reply: Uint8Array): void {
    const notify = this.pending.get(notifyId);
    if (notify === undefined) return;
    this.pending.delete(notifyId);
    notify.answered(this, reply);
  }

  /** Ends for good. */
  remove(tell: boolean): void {
    this.disarm();
    if (tell && this.session !== undefined)
      this.session.con.send(new MWatchNotify(this.cookie, 0n, WATCH_EVENT_DISCONNECT, NOTHING));
    this.session?.watches.delete(this);
    this.session = undefined;
    this.obc.watchers?.delete(this.key);
    for (const notify of this.pending.values()) notify.gone(this);
    this.pending.clear();
  }

  /** Lets go of the timer without touching the object: the PG is no longer ours. */
  discard(): void {
    this.disarm();
    this.session?.watches.delete(this);
    this.session = undefined;
    for (const notify of this.pending.values()) notify.discard();
    this.pending.clear();
  }
}

/** One notify until every watcher has answered or its time is over (osd/Watch.h). */
export class Notify {
  readonly notifyId: bigint;
  readonly clientGid: bigint;
  readonly payload: Uint8Array;
  /** User version of the object. */
  readonly version: number;
  private readonly con: Connection;
  private readonly cookie: bigint;
  private readonly waiting = new Set<Watch>();
  private readonly replies: { gid: number; cookie: bigint; reply: Uint8Array }[] = [];
  private timer: TimerHandle | undefined;
  private readonly timers: Timers;
  private done = false;

  constructor(
    con: Connection,
    clientGid: bigint,
    payload: Uint8Array,
    cookie: bigint,
    notifyId: bigint,
    version: number,
    timers: Timers,
  ) {
    this.con = con;
    this.clientGid = clientGid;
    this.payload = payload;
    this.cookie = cookie;
    this.notifyId = notifyId;
    this.version = version;
    this.timers = timers;
  }

  start(watches: Iterable<Watch>, timeoutSeconds: number): void {
    for (const watch of watches) this.waiting.add(watch);
    this.timer = this.timers.set(() => this.complete(true), timeoutSeconds * 1000, true);
    for (const watch of this.waiting) watch.startNotify(this);
    this.check();
  }

  answered(watch: Watch, reply: Uint8Array): void {
    if (!this.waiting.delete(watch)) return;
    this.replies.push({ gid: watch.name.num, cookie: watch.cookie, reply });
    this.check();
  }

  gone(watch: Watch): void {
    if (this.waiting.delete(watch)) this.check();
  }

  discard(): void {
    this.done = true;
    if (this.timer !== undefined) this.timers.clear(this.timer);
  }

  private check(): void {
    if (this.waiting.size === 0) this.complete(false);
  }

  private complete(timedOut: boolean): void {
    if (this.done) return;
    this.discard();
    const e = new Encoder();
    // multimap (u64 global id, u64 cookie) -> reply, sorted; then those that did not answer.
    const sorted = this.replies.sort((a, b) => a.gid - b.gid || (a.cookie < b.cookie ? -1 : 1));
    e.u32(sorted.length);
    for (const { gid, cookie, reply } of sorted) {
      e.u64(gid);
      e.u64b(cookie);
      e.blob(reply);
    }
    e.u32(this.waiting.size);
    for (const watch of this.waiting) {
      e.u64(watch.name.num);
      e.u64b(watch.cookie);
      watch.pending.delete(this.notifyId);
    }
    const m = new MWatchNotify(this.cookie, this.notifyId, WATCH_EVENT_NOTIFY_COMPLETE, NOTHING);
    m.ver = this.version;
    m.notifierGid = this.clientGid;
    m.data = [e.result()];
    if (timedOut) m.returnCode = ETIMEDOUT;
    this.con.send(m);
  }
}
