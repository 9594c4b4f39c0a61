import { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import { MOSDRepOp, MOSDRepOpReply } from '../messages/mosd-repop.ts';
import type { MOSDOpReply } from '../messages/mosdopreply.ts';
import type { Transaction } from '../object-store/transaction.ts';
import { decodeTransaction, encodeTransaction } from '../object-store/transaction-codec.ts';
import type { EVersion } from '../types/eversion.ts';
import { NO_SHARD } from '../types/pg.ts';
import { decodePgLogEntry, encodePgLogEntry, type PgLogEntry } from '../types/pg-log.ts';
import { pgStat } from '../types/pg-stat.ts';
import { CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK } from '../types/rados.ts';
import { EIO, resultOf } from './errors.ts';
import type { OpContext } from './op-context.ts';
import type { OpRequest } from './op-request.ts';
import type { PrimaryLogPG } from './primary-log-pg.ts';

const DURABLE = CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_ONDISK;

/** A write that is not committed by everyone yet (PrimaryLogPG::RepGather). */
export class RepGather {
  readonly tid: number;
  readonly ctx: OpContext;
  readonly version: EVersion;
  readonly reply: MOSDOpReply | undefined;
  /** OSDs that have not committed, this one included. */
  readonly waitingFor: number[];
  /** The same request come again, to be answered with this one's result. */
  dups: OpRequest[] | undefined = undefined;
  span = undefined as ReturnType<typeof wind>;

  constructor(
    tid: number,
    ctx: OpContext,
    version: EVersion,
    reply: MOSDOpReply | undefined,
    osds: readonly number[],
  ) {
    this.tid = tid;
    this.ctx = ctx;
    this.version = version;
    this.reply = reply;
    this.waitingFor = osds.slice();
  }
}

/** Writes to a replicated pool: applied here and by every replica, done when all have it (osd/ReplicatedBackend.h). */
export class ReplicatedBackend {
  private readonly pg: PrimaryLogPG;
  private readonly inFlight = new Map<number, RepGather>();
  private readonly byVersion = new Map<number, RepGather>();
  private statsBytes: Buffer | undefined;

  constructor(pg: PrimaryLogPG) {
    this.pg = pg;
  }

  /** The write of that version, while it is not committed everywhere. */
  find(version: EVersion): RepGather | undefined {
    return this.byVersion.get(version.version);
  }

  get size(): number {
    return this.inFlight.size;
  }

  /** Applies and sends to the replicas. Throws what the store throws, with nothing changed. */
  submit(
    ctx: OpContext,
    t: Transaction,
    entries: readonly PgLogEntry[],
    reply: MOSDOpReply | undefined,
  ): void {
    const { pg } = this;
    const { host } = pg;
    const { acting } = pg.mapping;
    const rep = new RepGather(host.nextTid(), ctx, ctx.atVersion, reply, acting);
    const parent = ctx.request?.span;
    if (parent !== undefined)
      rep.span = wind('ReplicatedBackend.submit_transaction', parent, {
        ops: t.ops.length,
        replicas: acting.length,
      });
    const stored = parent === undefined ? undefined : wind('ObjectStore.queue_transaction', rep.span);
    try {
      pg.store.queue(t, () => {
        unwind(stored);
        this.committed(rep, host.whoami);
      });
    } catch (error) {
      unwind(stored, error);
      unwind(rep.span, error);
      throw error;
    }
    this.inFlight.set(rep.tid, rep);
    this.byVersion.set(rep.version.version, rep);
    if (acting.length > 1) this.sendToReplicas(rep, t, entries);
  }

  private sendToReplicas(rep: RepGather, t: Transaction, entries: readonly PgLogEntry[]): void {
    const { pg } = this;
    const { host } = pg;
    const e = new Encoder(2048);
    encodeTransaction(e, t);
    const data = e.segments();
    const logEncoder = new Encoder(512 * entries.length);
    logEncoder.u32(entries.length);
    for (let i = 0; i < entries.length; i++) encodePgLogEntry(logEncoder, entries[i]);
    const log = logEncoder.result();
    // Replicas of ours take the sums from the primary when they become one; a Ceph OSD wants a decodable value.
    if (this.statsBytes === undefined) {
      const se = new Encoder(1024);
      pgStat.encode(se, pgStat.zero());
      this.statsBytes = se.result();
    }
    for (const osd of pg.mapping.acting) {
      if (osd === host.whoami) continue;
      const m = new MOSDRepOp(
        rep.ctx.reqid,
        pg.spg,
        rep.ctx.obc.hobj,
        rep.version,
        { osd: host.whoami, shard: NO_SHARD },
        log,
        this.statsBytes,
      );
      m.tid = rep.tid;
      m.mapEpoch = host.map.epoch;
      m.minEpoch = pg.intervalSince;
      m.minLastCompleteOndisk = pg.lastComplete;
      m.pgTrimTo = pg.log.tail;
      m.data = data;
      m.trace = rep.span;
      host.sendToOsd(osd, m);
    }
  }

  /** The replica's part: applies what the primary did. */
  handleRepOp(m: MOSDRepOp, from: number): void {
    const { pg } = this;
    const { host } = pg;
    const next = pg.lastUpdate.version;
    // Repops come in order over a lossless session; another interval's primary is not followed.
    if (pg.isPrimary || m.pgVersion.version <= next || !pg.mapping.acting.includes(from)) {
      host.log(1, `dropping ${m.describe()}, last update is ${next}`);
      return;
    }
    // Not below the messenger's span: the link hangs it into the tree of the client's operation.
    const span = tracing()
      ? wind('ReplicatedBackend.do_repop', undefined, {
          link: `client.${m.reqid.name.num}:${m.reqid.tid}`,
          osd: host.whoami,
        })
      : undefined;
    const answer = (result: number) => {
      const { whoami } = host;
      const reply = MOSDRepOpReply.to(m, { osd: whoami, shard: NO_SHARD }, result, CEPH_OSD_FLAG_ONDISK);
      reply.mapEpoch = host.map.epoch;
      reply.minEpoch = m.minEpoch;
      reply.lastCompleteOndisk = pg.lastComplete;
      reply.priority = m.priority;
      reply.trace = span;
      host.sendToOsd(from, reply);
      unwind(span);
    };
    try {
      const data = m.data.length === 1 ? m.data[0] : Buffer.concat(m.data);
      const t = decodeTransaction(new Decoder(data, 'ObjectStore::Transaction'));
      const d = new Decoder(m.log, 'log entries');
      const entries: PgLogEntry[] = [];
      for (let n = d.count(6); n > 0; n--) entries.push(decodePgLogEntry(d));
      pg.store.queue(t, () => answer(0));
      for (const entry of entries) pg.log.add(entry);
      pg.lastUpdate = m.pgVersion;
      const last = entries[entries.length - 1];
      if (last !== undefined) pg.lastUserVersion = Math.max(pg.lastUserVersion, last.userVersion);
      pg.lastComplete = m.minLastCompleteOndisk;
      pg.lastEpochStarted = Math.max(pg.lastEpochStarted, m.minEpoch);
      pg.forgetContexts();
    } catch (error) {
      const result = resultOf(error);
      host.log(-1, `cannot apply ${m.describe()}: ${(error as Error).message}`);
      answer(result === 0 ? EIO : result);
    }
  }

  handleRepOpReply(m: MOSDRepOpReply, from: number): void {
    const rep = this.inFlight.get(m.tid);
    if (rep === undefined) return;
    if (m.result < 0) {
      // It could not apply what we did: it is no longer a copy. The write stays open until the interval changes.
      this.pg.host.log(-1, `osd.${from} failed to apply ${m.describe()}`);
      return;
    }
    this.committed(rep, from);
  }

  private committed(rep: RepGather, osd: number): void {
    const at = rep.waitingFor.indexOf(osd);
    if (at < 0) return;
    rep.waitingFor.splice(at, 1);
    if (rep.waitingFor.length === 0) this.finish(rep);
  }

  private finish(rep: RepGather): void {
    if (!this.inFlight.delete(rep.tid)) return;
    this.byVersion.delete(rep.version.version);
    unwind(rep.span);
    this.pg.writeCommitted(rep, DURABLE);
  }

  /**
   * The interval changed. Who is still primary waits only for those that are still there; who is not forgets,
   * and the clients send again.
   */
  onIntervalChange(stillPrimary: boolean): void {
    const open = [...this.inFlight.values()];
    if (!stillPrimary) {
      this.inFlight.clear();
      this.byVersion.clear();
      for (const rep of open) unwind(rep.span, 'interval changed');
      return;
    }
    const { acting } = this.pg.mapping;
    for (const rep of open)
      for (const osd of rep.waitingFor.slice()) if (!acting.includes(osd)) this.committed(rep, osd);
  }
}
