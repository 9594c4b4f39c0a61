import { ERRNO } from '../../base/errno.ts';
import { type MWatchNotify, WATCH_EVENT_DISCONNECT } from '../messages/mwatch-notify.ts';
import type { OSDOp } from '../messages/osd-op.ts';
import { opNotify, opWatch } from '../messages/osd-op-build.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import {
  CEPH_OSD_FLAG_READ,
  CEPH_OSD_FLAG_WRITE,
  CEPH_OSD_WATCH_OP_PING,
  CEPH_OSD_WATCH_OP_RECONNECT,
  CEPH_OSD_WATCH_OP_WATCH,
} from '../types/rados.ts';
import { SNAP_NOSNAP, SNAPC_EMPTY, type SnapContext } from '../types/snap.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import type { Objecter } from './objecter.ts';
import { Op, type OpCompletion } from './op.ts';
import type { OSDSession } from './session.ts';
import { OpTarget, TARGET_POOL_EIO } from './target.ts';

/** What a watcher hears. */
export interface WatchHandler {
  /** Someone notified the object; `notifyId` and `cookie` go into the acknowledgement. */
  handleNotify(notifyId: bigint, cookie: bigint, notifierGid: bigint, payload: Buffer): void;
  /** The watch is lost (ENOTCONN) or may be (ETIMEDOUT). Negative errno. Called once. */
  handleError(cookie: bigint, errno: number): void;
}

/** A watch that the OSD no longer has looks as if the object did not exist. */
function watchError(errno: number): number {
  return errno === -ERRNO['ENOENT'] ? -ERRNO['ENOTCONN'] : errno;
}

/**
 * A request that stays with its object until it is taken back: a watch, or a notify until it is complete
 * (Objecter::LingerOp). It is made known again to every new interval of its PG and over every new connection.
 */
export class LingerOp {
  readonly id: number;
  readonly cookie: bigint;
  readonly target: OpTarget;
  /** How it is registered the first time. */
  ops: OSDOp[] = [];
  snapid = SNAP_NOSNAP;
  snapc: SnapContext = SNAPC_EMPTY;
  mtime: UTime = UTIME_ZERO;
  readonly watcher: WatchHandler | undefined;
  /** Of a notify: what all watchers together answered. */
  notifyDone: ((result: number, data: Buffer) => void) | undefined;
  /** Called once, with the result of the first registration. */
  registerDone: ((result: number, userVersion: number) => void) | undefined;
  session: OSDSession | undefined = undefined;
  registered = false;
  canceled = false;
  /** The op that registers it, while that is under way. */
  registration: Op | undefined = undefined;
  /** Counts reconnects, for the OSD and for us to tell late answers. */
  gen = 0;
  notifyId = 0n;
  /** Negative errno that its owner was told of. */
  lastError = 0;
  /** Monotonic milliseconds of the last ping that was answered: the watch was good then. */
  validThru = 0;
  mapDneBound = 0;
  /** Only one question to the monitors at a time. */
  checking = false;

  constructor(id: number, target: OpTarget, watcher: WatchHandler | undefined) {
    this.id = id;
    this.cookie = BigInt(id);
    this.target = target;
    this.watcher = watcher;
  }

  get isWatch(): boolean {
    return this.watcher !== undefined;
  }
}

/** The answer to a registration. */
class Registered implements OpCompletion {
  readonly lingers: Lingers;
  readonly linger: LingerOp;
  constructor(lingers: Lingers, linger: LingerOp) {
    this.lingers = lingers;
    this.linger = linger;
  }
  opFinished(op: Op, result: number): void {
    this.lingers.registrationDone(this.linger, op, result);
  }
}

/** The answer to a reconnect. */
class Reconnected implements OpCompletion {
  readonly lingers: Lingers;
  readonly linger: LingerOp;
  constructor(lingers: Lingers, linger: LingerOp) {
    this.lingers = lingers;
    this.linger = linger;
  }
  opFinished(op: Op, result: number): void {
    if (this.linger.registration === op) this.linger.registration = undefined;
    if (result < 0) this.lingers.fail(this.linger, result);
  }
}

/** The answer to a ping. */
class Ponged implements OpCompletion {
  readonly lingers: Lingers;
  readonly linger: LingerOp;
  readonly sent: number;
  readonly gen: number;
  constructor(lingers: Lingers, linger: LingerOp, sent: number) {
    this.lingers = lingers;
    this.linger = linger;
    this.sent = sent;
    this.gen = linger.gen;
  }
  opFinished(op: Op, result: number): void {
    const { linger } = this;
    if (linger.gen !== this.gen || op.reply === undefined) return;
    if (result >= 0) linger.validThru = this.sent;
    else this.lingers.fail(linger, result);
  }
}

export class Lingers {
  private readonly objecter: Objecter;
  private readonly all = new Map<bigint, LingerOp>();
  private lastId = 0;

  constructor(objecter: Objecter) {
    this.objecter = objecter;
  }

  get size(): number {
    return this.all.size;
  }

  [Symbol.iterator](): IterableIterator<LingerOp> {
    return this.all.values();
  }

  /** Starts to watch an object; `done` hears how the registration went. `timeout` in seconds, 0 for the OSD's own. */
  watch(
    oid: string,
    oloc: ObjectLocator,
    flags: number,
    snapc: SnapContext,
    timeout: number,
    watcher: WatchHandler,
    done: (result: number, userVersion: number) => void,
  ): LingerOp {
    const linger = this.make(new OpTarget(oid, oloc, flags | CEPH_OSD_FLAG_WRITE), watcher);
    linger.ops = [opWatch(linger.cookie, CEPH_OSD_WATCH_OP_WATCH, timeout)];
    linger.snapc = snapc;
    linger.mtime = this.objecter.now();
    linger.registerDone = done;
    linger.validThru = this.objecter.context.env.clock.mono();
    this.begin(linger);
    return linger;
  }

  /**
   * Notifies the watchers of an object. `done` hears the result with what they answered, or why it could not
   * be done. `timeout` in seconds: how long the OSD waits for them.
   */
  notify(
    oid: string,
    oloc: ObjectLocator,
    flags: number,
    timeout: number,
    payload: Uint8Array,
    done: (result: number, data: Buffer) => void,
  ): LingerOp {
    const linger = this.make(new OpTarget(oid, oloc, flags | CEPH_OSD_FLAG_READ), undefined);
    linger.ops = [opNotify(linger.cookie, timeout, payload)];
    linger.notifyDone = done;
    linger.registerDone = result => {
      if (result < 0) this.notifyFinished(linger, result, Buffer.alloc(0));
    };
    this.begin(linger);
    return linger;
  }

  private make(target: OpTarget, watcher: WatchHandler | undefined): LingerOp {
    const linger = new LingerOp(++this.lastId, target, watcher);
    this.all.set(linger.cookie, linger);
    this.count();
    return linger;
  }

  private count(): void {
    const { counters, ids } = this.objecter.perf;
    counters.set(ids.lingerActive, this.all.size);
  }

  private begin(linger: LingerOp): void {
    const { targets } = this.objecter;
    targets.calc(linger.target, true);
    this.assign(linger, this.objecter.sessions.of(linger.target.osd));
    this.send(linger);
  }

  private assign(linger: LingerOp, session: OSDSession): void {
    linger.session?.lingerOps.delete(linger.id);
    linger.session = session;
    session.lingerOps.set(linger.id, linger);
  }

  /**
   * Registers it, or after a loss of the connection reconnects the watch. The op itself is never resent: what
   * it says depends on what the OSD knows already (Objecter::_send_linger).
   */
  private send(linger: LingerOp): void {
    const { objecter } = this;
    const again = linger.registered && linger.isWatch;
    const ops = again ? [opWatch(linger.cookie, CEPH_OSD_WATCH_OP_RECONNECT, 0, ++linger.gen)] : linger.ops;
    const target = linger.target.clone();
    target.flags |= CEPH_OSD_FLAG_READ;
    target.forget();
    const completion = again ? new Reconnected(this, linger) : new Registered(this, linger);
    const op = new Op(target.baseOid, target.baseOloc, target.flags, ops, completion, target);
    op.snapid = linger.snapid;
    op.snapc = linger.snapc;
    op.mtime = linger.mtime;
    op.shouldResend = false;
    op.budget = -1;
    const old = linger.registration;
    linger.registration = op;
    if (old !== undefined) objecter.drop(old);
    objecter.perf.counters.inc(objecter.perf.ids.lingerSend);
    objecter.submit(op);
  }

  registrationDone(linger: LingerOp, op: Op, result: number): void {
    if (linger.registration === op) linger.registration = undefined;
    if (linger.canceled) return;
    if (result >= 0) {
      linger.registered = true;
      const out = op.reply?.ops[0]?.outdata;
      if (!linger.isWatch && out !== undefined && out.length >= 8) linger.notifyId = out.readBigUInt64LE(0);
    }
    const done = linger.registerDone;
    linger.registerDone = undefined;
    if (done !== undefined) done(result, op.reply === undefined ? 0 : op.reply.userVersion);
    else if (result < 0) this.fail(linger, result);
  }

  /** Tells the owner, once, that the watch is no good any more. */
  fail(linger: LingerOp, errno: number): void {
    if (linger.canceled || linger.lastError !== 0) return;
    linger.lastError = watchError(errno);
    linger.watcher?.handleError(linger.cookie, linger.lastError);
  }

  private notifyFinished(linger: LingerOp, result: number, data: Buffer): void {
    const done = linger.notifyDone;
    linger.notifyDone = undefined;
    this.unregister(linger);
    done?.(result, data);
  }

  /** Forgets it, here; the OSD is told by an unwatch op. */
  unregister(linger: LingerOp): void {
    if (linger.canceled) return;
    linger.canceled = true;
    this.all.delete(linger.cookie);
    linger.session?.lingerOps.delete(linger.id);
    linger.session = undefined;
    if (linger.registration !== undefined) this.objecter.drop(linger.registration);
    linger.registration = undefined;
    this.count();
  }

  /** How long ago, in milliseconds, the watch was last known to be good; or its error as a negative errno. */
  check(linger: LingerOp): number {
    if (linger.lastError !== 0) return linger.lastError;
    if (linger.canceled) return -ERRNO['ENOTCONN'];
    return this.objecter.context.env.clock.mono() - linger.validThru;
  }

  handleWatchNotify(m: MWatchNotify): void {
    const linger = this.all.get(m.cookie);
    if (linger === undefined) {
      if (this.objecter.on(7)) this.objecter.log(7, `handle_watch_notify cookie ${m.cookie} dne`);
      return;
    }
    if (m.event === WATCH_EVENT_DISCONNECT) this.fail(linger, -ERRNO['ENOTCONN']);
    else if (linger.watcher !== undefined)
      linger.watcher.handleNotify(m.notifyId, m.cookie, m.notifierGid, asBuffer(m.payload));
    // The completion of a notify that was registered again after it was already complete is the former's.
    else if (linger.notifyId === 0n || linger.notifyId === m.notifyId)
      this.notifyFinished(
        linger,
        m.returnCode,
        m.data.length === 0 ? asBuffer(m.payload) : asBuffer(m.data[0]),
      );
  }

  // Keeping it known.

  pingAll(session: OSDSession): void {
    for (const linger of session.lingerOps.values())
      if (linger.isWatch && linger.registered && linger.lastError === 0 && linger.registration === undefined)
        this.ping(linger);
  }

  private ping(linger: LingerOp): void {
    const { objecter } = this;
    if (objecter.context.config.get('objecter_inject_no_watch_ping')) return;
    const ops = [opWatch(linger.cookie, CEPH_OSD_WATCH_OP_PING, 0, linger.gen)];
    const target = linger.target.clone();
    target.flags |= CEPH_OSD_FLAG_READ;
    target.forget();
    const completion = new Ponged(this, linger, objecter.context.env.clock.mono());
    const op = new Op(target.baseOid, target.baseOloc, target.flags, ops, completion, target);
    op.shouldResend = false;
    op.budget = -1;
    objecter.perf.counters.inc(objecter.perf.ids.lingerPing);
    objecter.submit(op);
  }

  resendAll(session: OSDSession): void {
    this.resend([...session.lingerOps.values()]);
  }

  resend(lingers: LingerOp[]): void {
    const { objecter } = this;
    for (const linger of lingers.sort((a, b) => a.id - b.id)) {
      if (linger.canceled) continue;
      objecter.targets.calc(linger.target, true);
      this.assign(linger, objecter.sessions.of(linger.target.osd));
      if (linger.target.osd < 0) continue;
      objecter.perf.counters.inc(objecter.perf.ids.lingerResend);
      this.send(linger);
    }
  }

  moveAll(from: OSDSession, to: OSDSession): void {
    for (const linger of [...from.lingerOps.values()]) this.assign(linger, to);
  }

  /** Its pool is not in the map, or fails everything. */
  checkPool(linger: LingerOp, action: number): void {
    const { map, mon } = this.objecter;
    if (action === TARGET_POOL_EIO) {
      queueMicrotask(() => this.poolGone(linger, -ERRNO['EIO']));
      return;
    }
    if (linger.target.poolEverExisted) linger.mapDneBound = map.epoch;
    if (linger.mapDneBound > 0) {
      if (map.epoch >= linger.mapDneBound) queueMicrotask(() => this.poolGone(linger, -ERRNO['ENOENT']));
      return;
    }
    if (linger.checking) return;
    linger.checking = true;
    mon.getVersion('osdmap').then(
      ({ newest }) => {
        linger.checking = false;
        linger.mapDneBound = newest;
        if (!linger.canceled) this.checkPool(linger, action);
      },
      () => {
        linger.checking = false;
      },
    );
  }

  private poolGone(linger: LingerOp, errno: number): void {
    if (linger.canceled) return;
    if (linger.notifyDone !== undefined) this.notifyFinished(linger, errno, Buffer.alloc(0));
    else if (linger.registerDone !== undefined) {
      const done = linger.registerDone;
      linger.registerDone = undefined;
      this.unregister(linger);
      done(errno, 0);
    } else {
      this.fail(linger, errno);
      this.unregister(linger);
    }
  }

  close(errno: number): void {
    for (const linger of [...this.all.values()]) this.poolGone(linger, errno);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
