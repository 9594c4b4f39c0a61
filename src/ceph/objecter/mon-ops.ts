import { ERRNO } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { TimerHandle } from '../../env/env.ts';
import type { Message } from '../messages/message.ts';
import { CEPH_MSG_POOLOP_REPLY, CEPH_MSG_STATFS_REPLY } from '../messages/message-types.ts';
import { MGetPoolStats, type MGetPoolStatsReply } from '../messages/mget-pool-stats.ts';
import { MPoolOp, type MPoolOpReply, poolOpName } from '../messages/mpool-op.ts';
import { MStatfs, type MStatfsReply } from '../messages/mstatfs.ts';
import type { Connection } from '../messenger/types.ts';
import { Aborter } from './aborter.ts';
import type { Objecter } from './objecter.ts';

/** 'pool' changes a pool, 'pool-stat' and 'statfs' ask for numbers. */
export type MonOpKind = 'pool' | 'pool-stat' | 'statfs';

/** One question to the monitors that is asked again after a reconnect (PoolOp, PoolStatOp, StatfsOp). */
export interface MonOp {
  readonly tid: number;
  readonly kind: MonOpKind;
  /** Makes the message, anew for each time it is sent. */
  readonly make: () => Message;
  readonly resolve: (reply: Message) => void;
  readonly reject: (error: unknown) => void;
  /** Monotonic milliseconds. */
  lastSubmit: number;
  /** The session that it was sent over; what that one did not answer, no other will. */
  sentOver: Connection | undefined;
  aborter: Aborter | undefined;
  timer: TimerHandle | undefined;
  /** For the list of requests. */
  readonly pool?: {
    readonly id: number;
    readonly name: string;
    readonly op: number;
    readonly snapid: bigint;
  };
  readonly pools?: readonly string[];
}

/** How often it is looked whether there is a session again. */
const RETRY_MS = 50;

type Description = Pick<MonOp, 'pool' | 'pools'>;

/** What there is to change on a pool. */
export interface PoolChange {
  /** POOL_OP_*. */
  readonly op: number;
  /** 0 for a pool that is to be made. */
  readonly pool: number;
  readonly name?: string;
  readonly snapid?: bigint;
  readonly crushRule?: number;
}

export class MonOps {
  private readonly objecter: Objecter;
  readonly all = new Map<number, MonOp>();
  private statVersion = 0;
  private again: TimerHandle | undefined;

  constructor(objecter: Objecter) {
    this.objecter = objecter;
  }

  /**
   * Makes or deletes pools and snapshots. Resolves to what the monitor sent along (the id of a self-managed
   * snapshot) once our map has the change. Rejects with the monitor's errno.
   */
  async poolOp(change: PoolChange, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const { objecter } = this;
    const { op, pool, name = '', snapid = 0n, crushRule = -1 } = change;
    const make = (tid: number) => {
      const m = new MPoolOp(objecter.mon.fsid, pool, op);
      m.tid = tid;
      m.name = name;
      m.snapid = snapid;
      m.crushRule = crushRule;
      m.paxosVersion = objecter.map.epoch;
      return m;
    };
    const about = { pool: { id: pool, name, op, snapid } };
    const reply = (await this.ask('pool', make, about, signal)) as MPoolOpReply;
    if (reply.result < 0)
      throw NacreError.fromErrno(reply.result, 'pool_op', `${poolOpName(op)} '${name}' of pool ${pool}`);
    await objecter.maps.waitFor(reply.epoch, signal);
    return reply.response;
  }

  /** Space in the cluster, or behind one pool. */
  async statfs(pool?: number, signal?: AbortSignal): Promise<MStatfsReply> {
    const make = (tid: number) => {
      const m = new MStatfs(this.objecter.mon.fsid, pool);
      m.tid = tid;
      m.paxosVersion = this.statVersion;
      return m;
    };
    const reply = (await this.ask('statfs', make, {}, signal)) as MStatfsReply;
    if (reply.statVersion > this.statVersion) this.statVersion = reply.statVersion;
    return reply;
  }

  /** Usage of pools by name. */
  async poolStats(pools: readonly string[], signal?: AbortSignal): Promise<MGetPoolStatsReply> {
    const make = (tid: number) => {
      const m = new MGetPoolStats(this.objecter.mon.fsid, pools);
      m.tid = tid;
      m.paxosVersion = this.statVersion;
      return m;
    };
    return (await this.ask('pool-stat', make, { pools }, signal)) as MGetPoolStatsReply;
  }

  private ask(
    kind: MonOpKind,
    make: (tid: number) => Message,
    about: Description,
    signal: AbortSignal | undefined,
  ): Promise<Message> {
    signal?.throwIfAborted();
    const { objecter } = this;
    if (objecter.closed) return Promise.reject(new NacreError('ESHUTDOWN', kind, 'the client was closed'));
    return new Promise((resolve, reject) => {
      const tid = objecter.nextTid();
      const op: MonOp = {
        ...about,
        tid,
        kind,
        make: () => make(tid),
        resolve,
        reject,
        lastSubmit: 0,
        sentOver: undefined,
        aborter: undefined,
        timer: undefined,
      };
      if (signal !== undefined)
        op.aborter = new Aborter(signal, { abort: reason => this.end(op) && reject(reason) });
      const seconds = objecter.context.config.get('rados_mon_op_timeout');
      if (seconds > 0) {
        const late = new NacreError('ETIMEDOUT', kind, `no answer from the monitors in ${seconds} s`);
        op.timer = objecter.context.env.timers.set(() => this.end(op) && reject(late), seconds * 1000);
      }
      this.all.set(tid, op);
      this.count();
      this.resend();
    });
  }

  private send(op: MonOp, session: Connection): void {
    const { objecter } = this;
    const { counters, ids } = objecter.perf;
    const again = op.sentOver !== undefined;
    op.sentOver = session;
    if (op.kind === 'pool') counters.inc(again ? ids.poolopResend : ids.poolopSend);
    else if (op.kind === 'statfs') counters.inc(again ? ids.statfsResend : ids.statfsSend);
    else counters.inc(again ? ids.poolstatResend : ids.poolstatSend);
    op.lastSubmit = objecter.context.env.clock.mono();
    objecter.mon.sendMonMessage(op.make());
  }

  private count(): void {
    const { counters, ids } = this.objecter.perf;
    const active = { pool: 0, 'pool-stat': 0, statfs: 0 };
    for (const op of this.all.values()) active[op.kind]++;
    counters.set(ids.poolopActive, active.pool);
    counters.set(ids.poolstatActive, active['pool-stat']);
    counters.set(ids.statfsActive, active.statfs);
  }

  /** False when it was over already. */
  private end(op: MonOp): boolean {
    if (!this.all.delete(op.tid)) return false;
    op.aborter?.release();
    if (op.timer !== undefined) this.objecter.context.env.timers.clear(op.timer);
    this.count();
    return true;
  }

  handleReply(m: Message): void {
    const op = this.all.get(m.tid);
    if (op === undefined) return;
    const kind =
      m.type === CEPH_MSG_POOLOP_REPLY ? 'pool' : m.type === CEPH_MSG_STATFS_REPLY ? 'statfs' : 'pool-stat';
    if (op.kind === kind && this.end(op)) op.resolve(m);
  }

  /** Asks again over the session that there is now what was not asked over it; looks again while there is none. */
  resend(): void {
    const session = this.objecter.mon.activeConnection;
    if (this.again !== undefined) this.objecter.context.env.timers.clear(this.again);
    this.again = undefined;
    if (this.all.size === 0) return;
    if (session === undefined) {
      this.again = this.objecter.context.env.timers.set(() => this.resend(), RETRY_MS);
      return;
    }
    for (const op of [...this.all.values()]) if (op.sentOver !== session) this.send(op, session);
  }

  close(errno: number): void {
    if (this.again !== undefined) this.objecter.context.env.timers.clear(this.again);
    const gone = NacreError.fromErrno(errno || -ERRNO['ESHUTDOWN'], 'mon_op', 'the client was closed');
    for (const op of [...this.all.values()]) if (this.end(op)) op.reject(gone);
  }
}
