import type { Encoder } from '../../base/encoder.ts';
import { list, optional } from '../types/codec.ts';
import { eversionText } from '../types/eversion.ts';
import type { Features } from '../types/features.ts';
import { decodeSpgId, encodeSpgId, type SpgId, spgText } from '../types/pg.ts';
import {
  type PastIntervals,
  type PgInfo,
  type PgLease,
  type PgLeaseAck,
  type PgNotify,
  type PgQuery,
  pastIntervals,
  pgInfo,
  pgLease,
  pgLeaseAck,
  pgNotify,
  pgQuery,
} from '../types/pg-info.ts';
import { type PgLog, type PgMissing, pgLog, pgMissing } from '../types/pg-log.ts';
import { Message, PRIO_HIGH, registerMessage } from './message.ts';
import {
  MSG_OSD_PG_INFO2,
  MSG_OSD_PG_LEASE,
  MSG_OSD_PG_LEASE_ACK,
  MSG_OSD_PG_LOG,
  MSG_OSD_PG_NOTIFY,
  MSG_OSD_PG_NOTIFY2,
  MSG_OSD_PG_QUERY2,
} from './message-types.ts';
import { PeeringOp } from './peering-op.ts';
import { pastIntervalsText, pgInfoText, pgLeaseText, pgNotifyText, pgQueryText } from './pg-text.ts';
import { spanText } from './span.ts';

const optionalLease = optional(pgLease);
const optionalLeaseAck = optional(pgLeaseAck);
const notifies = list(pgNotify);

/**
 * MOSDPGNotify (messages/MOSDPGNotify.h), version 7: u32 epoch, vector of pg_notify_t. The older way to say what
 * MOSDPGNotify2 says, still in use between OSDs of 16.2.
 */
export class MOSDPGNotify extends Message {
  readonly type = MSG_OSD_PG_NOTIFY;
  version = 7;
  compatVersion = 6;
  epoch: number;
  pgs: readonly PgNotify[];

  constructor(epoch: number, pgs: readonly PgNotify[]) {
    super();
    this.priority = PRIO_HIGH;
    this.epoch = epoch;
    this.pgs = pgs;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.epoch);
    notifies.encode(e, this.pgs, features);
  }

  override describe(): string {
    return `pg_notify(${this.pgs.map(pgNotifyText).join(' ')} epoch ${this.epoch})`;
  }
}

/** MOSDPGNotify2 (messages/MOSDPGNotify2.h): spg_t, pg_notify_t. A replica or stray tells the primary what it has. */
export class MOSDPGNotify2 extends PeeringOp {
  readonly type = MSG_OSD_PG_NOTIFY2;
  protected readonly typeName = 'pg_notify2';
  version = 1;
  compatVersion = 1;
  spg: SpgId;
  notify: PgNotify;

  constructor(spg: SpgId, notify: PgNotify) {
    super();
    this.priority = PRIO_HIGH;
    this.spg = spg;
    this.notify = notify;
  }

  get mapEpoch(): number {
    return this.notify.epochSent;
  }

  get minEpoch(): number {
    return this.notify.queryEpoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    encodeSpgId(e, this.spg);
    pgNotify.encode(e, this.notify, features);
  }

  protected override detailText(): string {
    return `${spgText(this.spg)} ${pgNotifyText(this.notify)}`;
  }
}

/** MOSDPGQuery2 (messages/MOSDPGQuery2.h): spg_t, pg_query_t. The primary asks for info, log or missing set. */
export class MOSDPGQuery2 extends PeeringOp {
  readonly type = MSG_OSD_PG_QUERY2;
  protected readonly typeName = 'pg_query2';
  version = 1;
  compatVersion = 1;
  spg: SpgId;
  query: PgQuery;

  constructor(spg: SpgId, query: PgQuery) {
    super();
    this.priority = PRIO_HIGH;
    this.spg = spg;
    this.query = query;
  }

  get mapEpoch(): number {
    return this.query.epochSent;
  }

  get minEpoch(): number {
    return this.query.epochSent;
  }

  override encodePayload(e: Encoder, features: Features): void {
    encodeSpgId(e, this.spg);
    pgQuery.encode(e, this.query, features);
  }

  protected override detailText(): string {
    return `${spgText(this.spg)} ${pgQueryText(this.query)}`;
  }
}

/**
 * MOSDPGInfo2 (messages/MOSDPGInfo2.h): spg_t, u32 epoch sent, u32 min epoch, pg_info_t, optional pg_lease_t,
 * optional pg_lease_ack_t. The primary activates a replica with it, which answers with one.
 */
export class MOSDPGInfo2 extends PeeringOp {
  readonly type = MSG_OSD_PG_INFO2;
  protected readonly typeName = 'pg_info2';
  version = 1;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  info: PgInfo;
  lease: PgLease | undefined = undefined;
  leaseAck: PgLeaseAck | undefined = undefined;

  constructor(spg: SpgId, info: PgInfo, mapEpoch: number, minEpoch: number) {
    super();
    this.priority = PRIO_HIGH;
    this.spg = spg;
    this.info = info;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    pgInfo.encode(e, this.info, features);
    optionalLease.encode(e, this.lease, features);
    optionalLeaseAck.encode(e, this.leaseAck, features);
  }

  protected override detailText(): string {
    return `${spgText(this.spg)} ${pgInfoText(this.info)}`;
  }
}

/**
 * MOSDPGLog (messages/MOSDPGLog.h), version 6: u32 epoch, pg_info_t, pg_log_t, pg_missing_t, u32 query epoch,
 * PastIntervals, s8 to, s8 from, optional pg_lease_t (since 6).
 */
export class MOSDPGLog extends PeeringOp {
  readonly type = MSG_OSD_PG_LOG;
  protected readonly typeName = 'PGlog';
  version = 6;
  compatVersion = 5;
  mapEpoch: number;
  /** Of the query that this answers, or the current one. */
  minEpoch: number;
  /** Shards of receiver and sender. */
  to: number;
  from: number;
  info: PgInfo;
  log: PgLog = pgLog.zero();
  missing: PgMissing = pgMissing.zero();
  pastIntervals: PastIntervals = pastIntervals.zero();
  lease: PgLease | undefined = undefined;

  constructor(to: number, from: number, mapEpoch: number, info: PgInfo, queryEpoch: number) {
    super();
    this.priority = PRIO_HIGH;
    this.to = to;
    this.from = from;
    this.mapEpoch = mapEpoch;
    this.info = info;
    this.minEpoch = queryEpoch;
  }

  get spg(): SpgId {
    return { pgid: this.info.pgid, shard: this.to };
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.mapEpoch);
    pgInfo.encode(e, this.info, features);
    pgLog.encode(e, this.log, features);
    pgMissing.encode(e, this.missing, features);
    e.u32(this.minEpoch);
    pastIntervals.encode(e, this.pastIntervals, features);
    e.u8(this.to);
    e.u8(this.from);
    optionalLease.encode(e, this.lease, features);
  }

  protected override detailText(): string {
    const { log } = this;
    const lease = this.lease === undefined ? '' : ` ${pgLeaseText(this.lease)}`;
    const range = `(${eversionText(log.tail)},${eversionText(log.head)}]`;
    const past = pastIntervalsText(this.pastIntervals);
    return `log log(${range}, crt=${eversionText(log.canRollbackTo)}) pi ${past}${lease}`;
  }
}

/** MOSDPGLease (messages/MOSDPGLease.h): u32 epoch, spg_t, pg_lease_t. */
export class MOSDPGLease extends PeeringOp {
  readonly type = MSG_OSD_PG_LEASE;
  protected readonly typeName = 'pg_lease';
  version = 1;
  compatVersion = 1;
  mapEpoch: number;
  spg: SpgId;
  lease: PgLease;

  constructor(mapEpoch: number, spg: SpgId, lease: PgLease) {
    super();
    this.mapEpoch = mapEpoch;
    this.spg = spg;
    this.lease = lease;
  }

  get minEpoch(): number {
    return this.mapEpoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.mapEpoch);
    encodeSpgId(e, this.spg);
    pgLease.encode(e, this.lease, features);
  }

  protected override detailText(): string {
    return pgLeaseText(this.lease);
  }
}

/** MOSDPGLeaseAck (messages/MOSDPGLeaseAck.h): u32 epoch, spg_t, pg_lease_ack_t. */
export class MOSDPGLeaseAck extends PeeringOp {
  readonly type = MSG_OSD_PG_LEASE_ACK;
  protected readonly typeName = 'pg_lease_ack';
  version = 1;
  compatVersion = 1;
  mapEpoch: number;
  spg: SpgId;
  leaseAck: PgLeaseAck;

  constructor(mapEpoch: number, spg: SpgId, leaseAck: PgLeaseAck) {
    super();
    this.mapEpoch = mapEpoch;
    this.spg = spg;
    this.leaseAck = leaseAck;
  }

  get minEpoch(): number {
    return this.mapEpoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.mapEpoch);
    encodeSpgId(e, this.spg);
    pgLeaseAck.encode(e, this.leaseAck, features);
  }

  protected override detailText(): string {
    return `pg_lease_ack(ruub ${spanText(this.leaseAck.readableUntilUb)})`;
  }
}

registerMessage(MSG_OSD_PG_NOTIFY, (d, header) => {
  if (header.version < 7) d.fail(`version ${header.version} is older than what is read`);
  const epoch = d.u32();
  return new MOSDPGNotify(epoch, notifies.decode(d));
});
registerMessage(MSG_OSD_PG_NOTIFY2, d => {
  const spg = decodeSpgId(d);
  return new MOSDPGNotify2(spg, pgNotify.decode(d));
});
registerMessage(MSG_OSD_PG_QUERY2, d => {
  const spg = decodeSpgId(d);
  return new MOSDPGQuery2(spg, pgQuery.decode(d));
});
registerMessage(MSG_OSD_PG_INFO2, d => {
  const spg = decodeSpgId(d);
  const mapEpoch = d.u32();
  const minEpoch = d.u32();
  const m = new MOSDPGInfo2(spg, pgInfo.decode(d), mapEpoch, minEpoch);
  m.lease = optionalLease.decode(d);
  m.leaseAck = optionalLeaseAck.decode(d);
  return m;
});
registerMessage(MSG_OSD_PG_LOG, (d, header) => {
  const mapEpoch = d.u32();
  const m = new MOSDPGLog(-1, -1, mapEpoch, pgInfo.decode(d), 0);
  m.log = pgLog.decode(d);
  m.missing = pgMissing.decode(d);
  m.minEpoch = d.u32();
  m.pastIntervals = pastIntervals.decode(d);
  m.to = d.i8();
  m.from = d.i8();
  if (header.version >= 6) m.lease = optionalLease.decode(d);
  return m;
});
registerMessage(MSG_OSD_PG_LEASE, d => {
  const mapEpoch = d.u32();
  const spg = decodeSpgId(d);
  return new MOSDPGLease(mapEpoch, spg, pgLease.decode(d));
});
registerMessage(MSG_OSD_PG_LEASE_ACK, d => {
  const mapEpoch = d.u32();
  const spg = decodeSpgId(d);
  return new MOSDPGLeaseAck(mapEpoch, spg, pgLeaseAck.decode(d));
});
