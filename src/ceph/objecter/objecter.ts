import type { Context } from '../../base/context.ts';
import { ERRNO } from '../../base/errno.ts';
import { SUBSYS_OBJECTER } from '../../base/log.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { TimerHandle } from '../../env/env.ts';
import type { MCommandReply } from '../messages/mcommand.ts';
import type { Message } from '../messages/message.ts';
import {
  CEPH_MSG_OSD_BACKOFF,
  CEPH_MSG_OSD_MAP,
  CEPH_MSG_OSD_OPREPLY,
  CEPH_MSG_POOLOP_REPLY,
  CEPH_MSG_STATFS_REPLY,
  CEPH_MSG_WATCH_NOTIFY,
  MSG_COMMAND_REPLY,
  MSG_GETPOOLSTATSREPLY,
} from '../messages/message-types.ts';
import type { MOSDBackoff } from '../messages/mosd-backoff.ts';
import type { MOSDMap } from '../messages/mosd-map.ts';
import { MOSDOp } from '../messages/mosdop.ts';
import type { MOSDOpReply } from '../messages/mosdopreply.ts';
import { MPing } from '../messages/mping.ts';
import type { MWatchNotify } from '../messages/mwatch-notify.ts';
import type { Connection, Dispatcher, Messenger } from '../messenger/types.ts';
import type { MonClient } from '../mon-client/index.ts';
import { OsdMap } from '../osdmap/osdmap.ts';
import { ENTITY_TYPE_MON, ENTITY_TYPE_OSD } from '../types/entity.ts';
import {
  CEPH_OSD_FLAG_BALANCE_READS,
  CEPH_OSD_FLAG_FULL_FORCE,
  CEPH_OSD_FLAG_IGNORE_CACHE,
  CEPH_OSD_FLAG_IGNORE_OVERLAY,
  CEPH_OSD_FLAG_KNOWN_REDIR,
  CEPH_OSD_FLAG_LOCALIZE_READS,
  CEPH_OSD_FLAG_ONDISK,
  CEPH_OSD_FLAG_PGOP,
  CEPH_OSD_FLAG_READ,
  CEPH_OSD_FLAG_REDIRECTED,
  CEPH_OSD_FLAG_SUPPORTSPOOLEIO,
  CEPH_OSD_FLAG_WRITE,
} from '../types/rados.ts';
import { type UTime, utimeFromMs } from '../types/utime.ts';
import { Aborter } from './aborter.ts';
import { OpBudget, opBudget } from './budget.ts';
import { Commands } from './command.ts';
import { dumpRequests, type RequestsDump } from './dump.ts';
import { Lingers } from './linger.ts';
import { crushLocality } from './locality.ts';
import { MapWatcher } from './map-watcher.ts';
import { MonOps } from './mon-ops.ts';
import { OP_ASSIGNED, OP_FINISHED, OP_HOMELESS, OP_NEW, OP_THROTTLED, type Op } from './op.ts';
import { type ObjecterPerf, objecterPerf } from './perf.ts';
import { OSDSession } from './session.ts';
import { Sessions } from './sessions.ts';
import { TARGET_POOL_DNE, TARGET_POOL_EIO, TargetCalculator } from './target.ts';

/** Flags of every op that is sent: the reply is the commit, redirects and EIO of a pool are understood. */
const ALWAYS = CEPH_OSD_FLAG_ONDISK | CEPH_OSD_FLAG_KNOWN_REDIR | CEPH_OSD_FLAG_SUPPORTSPOOLEIO;
const READ_WRITE = CEPH_OSD_FLAG_READ | CEPH_OSD_FLAG_WRITE;

/**
 * Sends requests to objects and sees them through (osdc/Objecter.cc). A request is a small state machine:
 * its target is calculated, it belongs to the session of that OSD or is homeless, it is sent, it is answered.
 * A new map calculates all targets anew and resends what has to go elsewhere; a lost connection resends what
 * was on it; always in the order of submission, and always under the request's first name, by which OSDs
 * know what they did already.
 */
export class Objecter implements Dispatcher, AsyncDisposable {
  readonly context: Context;
  readonly messenger: Messenger;
  readonly mon: MonClient;
  readonly perf: ObjecterPerf;
  readonly budget: OpBudget;
  readonly targets: TargetCalculator;
  readonly sessions: Sessions;
  readonly maps: MapWatcher;
  readonly lingers: Lingers;
  readonly commands: Commands;
  readonly monOps: MonOps;
  /** Part of every request's name; 0 for a client that lives once. */
  readonly clientInc = 0;
  /** Flags that every op gets: LIBRADOS_OPERATION_LOCALIZE_READS for all of a process, for instance. */
  globalFlags = 0;
  closed = false;
  private lastTid = 0;
  private active = 0;
  /** osd_client_op_priority. */
  readonly priority: number;
  private readonly opTimeout: number;
  private readonly disposables: Disposable[] = [];
  private tickTimer: TimerHandle | undefined;

  /** `start` makes it work. */
  constructor(context: Context, messenger: Messenger, mon: MonClient) {
    const { config, env } = context;
    this.context = context;
    this.messenger = messenger;
    this.mon = mon;
    this.perf = objecterPerf();
    this.budget = new OpBudget(config.get('objecter_inflight_ops'), config.get('objecter_inflight_op_bytes'));
    this.targets = new TargetCalculator(new OsdMap(), env.random);
    this.targets.locality = crushLocality(config.get('crush_location'), env.host.hostname);
    this.priority = config.get('osd_client_op_priority');
    this.opTimeout = config.get('rados_osd_op_timeout');
    this.sessions = new Sessions(this);
    this.maps = new MapWatcher(this);
    this.lingers = new Lingers(this);
    this.commands = new Commands(this);
    this.monOps = new MonOps(this);
  }

  /** Registers with the messenger and the admin socket and asks for the map. */
  start(): void {
    const { context } = this;
    this.messenger.addDispatcher(this);
    this.disposables.push(context.perf.add(this.perf.counters));
    const throttles = this.budget.publish(context.perf);
    this.disposables.push(throttles);
    this.disposables.push(
      context.admin.register('objecter_requests', 'show in-progress osd requests', () => this.dumpRequests()),
    );
    this.disposables.push(
      context.config.addObserver(['objecter_inflight_ops', 'objecter_inflight_op_bytes'], config => {
        this.budget.maxOps = config.get('objecter_inflight_ops');
        this.budget.maxBytes = config.get('objecter_inflight_op_bytes');
        this.pumpBudget();
      }),
    );
    const tick = () => {
      throttles.refresh();
      this.tick();
    };
    this.tickTimer = context.env.timers.every(
      tick,
      context.config.get('objecter_tick_interval') * 1000,
      true,
    );
    this.maps.maybeRequestMap();
  }

  get map(): OsdMap {
    return this.targets.map;
  }

  get gid(): bigint {
    return this.mon.globalId;
  }

  /** The wall clock, as objects' times have it. */
  now(): UTime {
    return utimeFromMs(this.context.env.clock.now());
  }

  nextTid(): number {
    return ++this.lastTid;
  }

  /** Requests that were submitted and are not finished, those that wait for the budget not counted. */
  get numActive(): number {
    return this.active;
  }

  // Submitting.

  /**
   * Takes a request on. Its completion is called once, later. False when it waits for room in the budget
   * first: the caller had better slow down.
   */
  submit(op: Op, signal?: AbortSignal): boolean {
    op.submitted = this.context.env.clock.mono();
    op.target.flags |= this.globalFlags;
    if (tracing()) op.span = wind('Objecter.op_submit', op.span, { oid: op.target.baseOid });
    if (signal !== undefined) {
      op.aborter = new Aborter(signal, { abort: () => this.cancel(op, -ERRNO['ECANCELED']) });
      if (signal.aborted) {
        this.finishLater(op, -ERRNO['ECANCELED']);
        return true;
      }
    }
    if (this.closed) {
      this.finishLater(op, -ERRNO['ESHUTDOWN']);
      return true;
    }
    if (this.opTimeout > 0)
      op.timer = this.context.env.timers.set(
        () => this.cancel(op, -ERRNO['ETIMEDOUT']),
        this.opTimeout * 1000,
      );
    if (op.budget >= 0) {
      op.budget = opBudget(op.ops);
      if (!this.budget.take(op)) {
        op.state = OP_THROTTLED;
        return false;
      }
    }
    this.begin(op);
    return true;
  }

  /** Past the budget. */
  private begin(op: Op): void {
    const { counters, ids } = this.perf;
    counters.set(ids.opActive, ++this.active);
    counters.inc(ids.op);
    const { flags } = op.target;
    if ((flags & READ_WRITE) === READ_WRITE) counters.inc(ids.opRmw);
    else counters.inc((flags & CEPH_OSD_FLAG_WRITE) !== 0 ? ids.opW : ids.opR);
    if ((flags & CEPH_OSD_FLAG_PGOP) !== 0) counters.inc(ids.opPg);
    counters.inc(ids.oplenAvg, op.ops.length);
    for (let i = 0; i < op.ops.length; i++) counters.inc(ids.osdop.get(op.ops[i].op) ?? ids.osdopOther);
    this.route(op);
  }

  /** Finds the op's target and sends it there, or keeps it until it has one (Objecter::_op_submit). */
  private route(op: Op): void {
    if (op.tid === 0) op.tid = ++this.lastTid;
    const { target } = op;
    const span = tracing() ? wind('Objecter._calc_target', op.span) : undefined;
    const action = this.targets.calc(target, false);
    unwind(span);
    if (action === TARGET_POOL_EIO) {
      this.finishLater(op, -ERRNO['EIO']);
      return;
    }
    this.assign(op, this.sessions.of(target.osd));
    if (target.paused || op.state === OP_HOMELESS) this.maps.maybeRequestMap();
    else this.send(op);
    if (action === TARGET_POOL_DNE) this.maps.checkPool(op);
  }

  assign(op: Op, session: OSDSession): void {
    op.session = session;
    op.state = session.osd < 0 ? OP_HOMELESS : OP_ASSIGNED;
    session.ops.set(op.tid, op);
  }

  detach(op: Op): void {
    const { session } = op;
    if (session === undefined) return;
    if (session.ops.get(op.tid) === op) session.ops.delete(op.tid);
    op.session = undefined;
    op.state = OP_NEW;
  }

  /** Sends an op that is assigned, unless the OSD asked to hold it back (Objecter::_send_op). */
  send(op: Op): void {
    const session = op.session!;
    const { target } = op;
    if (session.con === undefined || session.isBackedOff(target)) return;
    const span = tracing()
      ? wind('Objecter._send_op', op.span, {
          link: `client.${this.gid}:${op.tid}`,
          osd: session.osd,
          attempt: op.attempts,
        })
      : undefined;
    const m = new MOSDOp(target.oid, target.oloc, target.entry!.spg, target.hash, op.ops);
    m.tid = op.tid;
    m.osdmapEpoch = this.targets.map.epoch;
    m.flags = target.flags | ALWAYS;
    if (!this.targets.honorPoolFull) m.flags |= CEPH_OSD_FLAG_FULL_FORCE;
    m.clientInc = this.clientInc;
    m.snapid = op.snapid;
    m.snapc = op.snapc;
    m.mtime = op.mtime;
    m.setRetryAttempt(op.attempts++);
    m.priority = op.priority !== 0 ? op.priority : this.priority;
    m.trace = span;
    op.stamp = this.context.env.clock.mono();
    const { counters, ids } = this.perf;
    counters.inc(ids.opSend);
    if ((target.flags & CEPH_OSD_FLAG_WRITE) !== 0 && op.budget > 0) counters.inc(ids.opSendBytes, op.budget);
    session.con.send(m);
    unwind(span);
  }

  // Ending.

  /** Gives an op up: its reply, should one come, is ignored. What was sent may have taken effect. */
  cancel(op: Op, result: number): void {
    if (op.state !== OP_FINISHED) this.finish(op, result);
  }

  /** For what is found out during submission. */
  private finishLater(op: Op, result: number): void {
    queueMicrotask(() => {
      if (op.state !== OP_FINISHED) this.finish(op, result);
    });
  }

  finish(op: Op, result: number): void {
    const waited = op.state === OP_THROTTLED;
    const counted = op.tid !== 0;
    this.detach(op);
    op.state = OP_FINISHED;
    this.maps.forgetCheck(op);
    if (op.timer !== undefined) this.context.env.timers.clear(op.timer);
    if (op.aborter !== undefined) op.aborter.release();
    const { counters, ids } = this.perf;
    if (waited) this.budget.remove(op);
    else if (counted) {
      counters.set(ids.opActive, --this.active);
      if (op.budget >= 0) this.budget.put(op);
    }
    if (this.budget.waiters > 0) this.pumpBudget();
    if (op.span !== undefined)
      unwind(op.span, result < 0 && op.reply === undefined ? `errno ${-result}` : undefined);
    op.completion.opFinished(op, result);
  }

  /** Forgets an op without a word to whoever made it. For ops outside the budget. */
  drop(op: Op): void {
    if (op.state === OP_FINISHED) return;
    this.detach(op);
    op.state = OP_FINISHED;
    this.maps.forgetCheck(op);
    if (op.timer !== undefined) this.context.env.timers.clear(op.timer);
    this.perf.counters.set(this.perf.ids.opActive, --this.active);
    unwind(op.span);
  }

  private pumpBudget(): void {
    for (let next = this.budget.next(); next !== undefined; next = this.budget.next()) {
      next.state = OP_NEW;
      this.begin(next);
    }
  }

  // Replies.

  private handleOpReply(con: Connection, m: MOSDOpReply): void {
    const session = con.session;
    if (!(session instanceof OSDSession) || session.con !== con) return;
    const op = session.ops.get(m.tid);
    if (op === undefined) {
      if (this.on(7)) this.log(7, `handle_osd_op_reply ${m.tid} ... stray`);
      return;
    }
    if (m.retryAttempt >= 0 && m.retryAttempt !== op.attempts - 1) {
      if (this.on(7))
        this.log(7, `ignoring reply from attempt ${m.retryAttempt}, last attempt ${op.attempts - 1}`);
      return;
    }
    const span = tracing()
      ? wind('Objecter.handle_osd_op_reply', op.span, {
          link: `client.${this.gid}:${op.tid}`,
          result: m.result,
        })
      : undefined;
    if (m.redirect !== undefined) this.redirect(op, m);
    else if (m.result === -ERRNO['EAGAIN']) this.tryElsewhere(op);
    else {
      const { counters, ids } = this.perf;
      counters.inc(ids.opReply);
      counters.tinc(ids.opLatency, this.context.env.clock.mono() - op.submitted);
      op.reply = m;
      unwind(span);
      this.finish(op, m.result);
      m.borrowed = op.borrows;
      return;
    }
    unwind(span);
  }

  private redirect(op: Op, m: MOSDOpReply): void {
    const { target } = op;
    this.detach(op);
    op.tid = 0;
    const { locator, object } = m.redirect!;
    target.oloc = locator;
    if (object !== '') target.oid = object;
    target.flags |= CEPH_OSD_FLAG_REDIRECTED | CEPH_OSD_FLAG_IGNORE_CACHE | CEPH_OSD_FLAG_IGNORE_OVERLAY;
    this.route(op);
  }

  /** A replica that cannot serve the read, or a PG that has moved: the primary, as of the map, is asked. */
  private tryElsewhere(op: Op): void {
    this.detach(op);
    op.tid = 0;
    op.target.flags &= ~(CEPH_OSD_FLAG_BALANCE_READS | CEPH_OSD_FLAG_LOCALIZE_READS);
    op.target.forget();
    this.route(op);
  }

  resend(op: Op): void {
    this.perf.counters.inc(this.perf.ids.opResend);
    this.send(op);
  }

  // Dispatcher.

  canFastDispatch(m: Message): boolean {
    return m.type === CEPH_MSG_OSD_OPREPLY || m.type === CEPH_MSG_WATCH_NOTIFY;
  }

  fastDispatch(con: Connection, m: Message): void {
    if (m.type === CEPH_MSG_OSD_OPREPLY) this.handleOpReply(con, m as MOSDOpReply);
    else this.lingers.handleWatchNotify(m as MWatchNotify);
  }

  dispatch(con: Connection, m: Message): boolean {
    if (this.closed) return false;
    switch (m.type) {
      case CEPH_MSG_OSD_OPREPLY:
        this.handleOpReply(con, m as MOSDOpReply);
        return true;
      case CEPH_MSG_OSD_BACKOFF:
        this.sessions.handleBackoff(con, m as MOSDBackoff);
        return true;
      case CEPH_MSG_WATCH_NOTIFY:
        this.lingers.handleWatchNotify(m as MWatchNotify);
        return true;
      case MSG_COMMAND_REPLY:
        if (con.peerType !== ENTITY_TYPE_OSD) return false;
        this.commands.handleReply(con, m as MCommandReply);
        return true;
      case MSG_GETPOOLSTATSREPLY:
      case CEPH_MSG_POOLOP_REPLY:
      case CEPH_MSG_STATFS_REPLY:
        this.monOps.handleReply(m);
        return true;
      case CEPH_MSG_OSD_MAP:
        this.maps.handleMap(m as MOSDMap);
        return false;
      default:
        return false;
    }
  }

  handleConnect(con: Connection): void {
    if (con.peerType === ENTITY_TYPE_MON && !this.closed) this.monOps.resend();
  }

  handleReset(con: Connection): void {
    if (con.peerType === ENTITY_TYPE_MON && !this.closed) {
      // The monitor client looks for another one; not within this call, whoever of us hears of it first.
      queueMicrotask(() => this.monOps.resend());
      return;
    }
    if (!this.closed && this.sessions.reset(con)) this.maps.maybeRequestMap();
  }

  handleRemoteReset(con: Connection): void {
    this.handleReset(con);
  }

  // Looking after everything.

  /** Pings OSDs that keep someone waiting, so that a dead connection shows, and looks for a newer map. */
  private tick(): void {
    const { config, env } = this.context;
    const now = env.clock.mono();
    const cutoff = now - config.get('objecter_timeout') * 1000;
    const recent = now - config.get('objecter_tick_interval') * 1000;
    let laggyOps = 0;
    let pinged = 0;
    let waiting = false;
    for (const session of this.sessions.open.values()) {
      let laggy = 0;
      for (const op of session.ops.values()) {
        if (op.stamp < cutoff) laggy++;
        // An OSD whose PG is gone says nothing at all: perhaps the next map does.
        if (op.stamp < recent) waiting = true;
      }
      laggyOps += laggy;
      const wanted = laggy > 0 || session.lingerOps.size > 0 || session.commandOps.size > 0;
      if (!wanted || session.con === undefined) continue;
      pinged++;
      this.lingers.pingAll(session);
      session.con.send(new MPing());
    }
    const { counters, ids } = this.perf;
    counters.set(ids.opLaggy, laggyOps);
    counters.set(ids.osdLaggy, pinged);
    const { ops, lingerOps } = this.sessions.homeless;
    if (waiting || ops.size > 0 || lingerOps.size > 0 || pinged > 0) this.maps.maybeRequestMap();
  }

  on(level: number): boolean {
    return this.context.log.on(SUBSYS_OBJECTER, level);
  }

  log(level: number, message: string): void {
    this.context.log.write(SUBSYS_OBJECTER, level, message);
  }

  /** What 'objecter_requests' on the admin socket shows. */
  dumpRequests(): RequestsDump {
    return dumpRequests(this);
  }

  /** Fails everything that is under way with ESHUTDOWN and closes the sessions. Idempotent. */
  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    if (this.tickTimer !== undefined) this.context.env.timers.clear(this.tickTimer);
    const gone = -ERRNO['ESHUTDOWN'];
    for (const op of this.budget.drain()) this.finish(op, gone);
    this.lingers.close(gone);
    this.commands.close(gone);
    this.monOps.close(gone);
    this.sessions.closeAll();
    for (const op of this.sessions.homeless.ops.values()) this.finish(op, gone);
    this.maps.close(gone);
    for (const d of this.disposables) d[Symbol.dispose]();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
