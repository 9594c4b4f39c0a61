import type { Encoder } from '../../base/encoder.ts';
import { list, pairs } from '../types/codec.ts';
import { eversion, hobject } from '../types/codecs.ts';
import type { Pairs } from '../types/collections.ts';
import {
  decodeEVersion,
  EVERSION_ZERO,
  type EVersion,
  encodeEVersion,
  eversionText,
} from '../types/eversion.ts';
import type { Features } from '../types/features.ts';
import { decodeHObject, encodeHObject, HOBJECT_MIN, type HObject, hobjectText } from '../types/hobject.ts';
import {
  decodePgId,
  decodePgShard,
  decodeSpgId,
  encodePgId,
  encodePgShard,
  encodeSpgId,
  type PgShard,
  type SpgId,
  spgText,
} from '../types/pg.ts';
import { type PgLogEntry, pgLogEntry } from '../types/pg-log.ts';
import { type PgStat, pgStat } from '../types/pg-stat.ts';
import { objectStatCollection } from '../types/stats.ts';
import { Message, registerMessage } from './message.ts';
import {
  MSG_OSD_BACKFILL_RESERVE,
  MSG_OSD_PG_BACKFILL,
  MSG_OSD_PG_BACKFILL_REMOVE,
  MSG_OSD_PG_SCAN,
  MSG_OSD_PG_UPDATE_LOG_MISSING,
  MSG_OSD_PG_UPDATE_LOG_MISSING_REPLY,
} from './message-types.ts';
import { PeeringOp } from './peering-op.ts';
import { pgLogEntryText } from './pg-text.ts';

const objectVersions = pairs(hobject, eversion);
const logEntries = list(pgLogEntry);

/** MOSDPGScan ops. */
export const PG_SCAN_GET_DIGEST = 1;
export const PG_SCAN_DIGEST = 2;

const SCAN_NAMES: Readonly<Record<number, string>> = { 1: 'get_digest', 2: 'digest' };

/**
 * MOSDPGScan (messages/MOSDPGScan.h): u32 op, u32 map epoch, u32 query epoch, pg_t, hobject_t begin, hobject_t end,
 * pg_shard_t from, s8 shard. The digest (map hobject_t -> eversion_t) is the data.
 */
export class MOSDPGScan extends Message {
  readonly type = MSG_OSD_PG_SCAN;
  version = 2;
  compatVersion = 2;
  /** PG_SCAN_*. */
  op: number;
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  from: PgShard;
  begin: HObject = HOBJECT_MIN;
  end: HObject = HOBJECT_MIN;

  constructor(op: number, spg: SpgId, mapEpoch: number, minEpoch: number, from: PgShard) {
    super();
    this.op = op;
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
    this.from = from;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.op);
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    encodePgId(e, this.spg.pgid);
    encodeHObject(e, this.begin);
    encodeHObject(e, this.end);
    encodePgShard(e, this.from);
    e.u8(this.spg.shard);
  }

  override describe(): string {
    return (
      `pg_scan(${SCAN_NAMES[this.op] ?? '???'} ${spgText(this.spg)} ${hobjectText(this.begin)}-` +
      `${hobjectText(this.end)} e ${this.mapEpoch}/${this.minEpoch})`
    );
  }
}

/** MOSDPGBackfill ops. */
export const PG_BACKFILL_PROGRESS = 2;
export const PG_BACKFILL_FINISH = 3;
export const PG_BACKFILL_FINISH_ACK = 4;

const BACKFILL_NAMES: Readonly<Record<number, string>> = { 2: 'progress', 3: 'finish', 4: 'finish_ack' };

/**
 * MOSDPGBackfill (messages/MOSDPGBackfill.h): u32 op, u32 map epoch, u32 query epoch, pg_t, hobject_t last
 * backfill, object_stat_collection_t (that of the statistics once more), pg_stat_t, s8 shard.
 */
export class MOSDPGBackfill extends Message {
  readonly type = MSG_OSD_PG_BACKFILL;
  version = 3;
  compatVersion = 3;
  /** PG_BACKFILL_*. */
  op: number;
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  /** Objects before it are there. */
  lastBackfill: HObject = HOBJECT_MIN;
  stats: PgStat = pgStat.zero();

  constructor(op: number, spg: SpgId, mapEpoch: number, minEpoch: number) {
    super();
    this.op = op;
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.op);
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    encodePgId(e, this.spg.pgid);
    encodeHObject(e, this.lastBackfill);
    objectStatCollection.encode(e, this.stats.stats, features);
    pgStat.encode(e, this.stats, features);
    e.u8(this.spg.shard);
  }

  override describe(): string {
    return (
      `pg_backfill(${BACKFILL_NAMES[this.op] ?? '???'} ${spgText(this.spg)} ` +
      `e ${this.mapEpoch}/${this.minEpoch} lb ${hobjectText(this.lastBackfill)})`
    );
  }
}

/** MOSDPGBackfillRemove (messages/MOSDPGBackfillRemove.h): spg_t, u32 map epoch, list of (hobject_t, eversion_t). */
export class MOSDPGBackfillRemove extends Message {
  readonly type = MSG_OSD_PG_BACKFILL_REMOVE;
  version = 1;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  objects: Pairs<HObject, EVersion>;

  constructor(spg: SpgId, mapEpoch: number, objects: Pairs<HObject, EVersion>) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.objects = objects;
  }

  override encodePayload(e: Encoder): void {
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    objectVersions.encode(e, this.objects);
  }

  override describe(): string {
    const objects = this.objects.map(([oid, v]) => `${hobjectText(oid)},${eversionText(v)}`);
    return `backfill_remove(${spgText(this.spg)} e${this.mapEpoch} ${objects.join(',')})`;
  }
}

/** MBackfillReserve kinds. */
export const BACKFILL_RESERVE_REQUEST = 0;
export const BACKFILL_RESERVE_GRANT = 1;
export const BACKFILL_RESERVE_REJECT_TOOFULL = 2;
export const BACKFILL_RESERVE_RELEASE = 3;
export const BACKFILL_RESERVE_REVOKE_TOOFULL = 4;
export const BACKFILL_RESERVE_REVOKE = 5;

const RESERVE_NAMES = ['REQUEST', 'GRANT', 'REJECT_TOOFULL', 'RELEASE', 'REVOKE_TOOFULL', 'REVOKE'];

/**
 * MBackfillReserve (messages/MBackfillReserve.h), version 5: pg_t, u32 epoch, u32 kind, u32 priority, s8 shard, s64
 * bytes on the primary, s64 bytes on the shard (since 5).
 */
export class MBackfillReserve extends PeeringOp {
  readonly type = MSG_OSD_BACKFILL_RESERVE;
  protected readonly typeName = 'MBackfillReserve';
  version = 5;
  compatVersion = 4;
  spg: SpgId;
  mapEpoch: number;
  /** BACKFILL_RESERVE_*. */
  kind: number;
  reservePriority = 0xffff_ffff;
  primaryNumBytes = 0;
  shardNumBytes = 0;

  constructor(kind: number, spg: SpgId, mapEpoch: number) {
    super();
    this.kind = kind;
    this.spg = spg;
    this.mapEpoch = mapEpoch;
  }

  get minEpoch(): number {
    return this.mapEpoch;
  }

  override encodePayload(e: Encoder): void {
    encodePgId(e, this.spg.pgid);
    e.u32(this.mapEpoch);
    e.u32(this.kind);
    e.u32(this.reservePriority);
    e.u8(this.spg.shard);
    e.i64(this.primaryNumBytes);
    e.i64(this.shardNumBytes);
  }

  protected override detailText(): string {
    const priority = this.kind === BACKFILL_RESERVE_REQUEST ? ` prio: ${this.reservePriority}` : '';
    return `${RESERVE_NAMES[this.kind] ?? ''}${priority}`;
  }
}

/**
 * MOSDPGUpdateLogMissing (messages/MOSDPGUpdateLogMissing.h), version 3: u32 map epoch, spg_t, s8 from, u64 tid, list
 * of pg_log_entry_t, u32 min epoch (since 2), eversion_t trim to, eversion_t roll forward to (since 3). Adds log
 * entries without a transaction (marking lost objects, failed ops).
 */
export class MOSDPGUpdateLogMissing extends Message {
  readonly type = MSG_OSD_PG_UPDATE_LOG_MISSING;
  version = 3;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  /** Shard of the sender. */
  from: number;
  repTid: number;
  entries: readonly PgLogEntry[] = [];
  pgTrimTo: EVersion = EVERSION_ZERO;
  pgRollForwardTo: EVersion = EVERSION_ZERO;

  constructor(spg: SpgId, from: number, mapEpoch: number, minEpoch: number, repTid: number) {
    super();
    this.spg = spg;
    this.from = from;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
    this.repTid = repTid;
  }

  override encodePayload(e: Encoder, features: Features): void {
    e.u32(this.mapEpoch);
    encodeSpgId(e, this.spg);
    e.u8(this.from);
    e.u64(this.repTid);
    logEntries.encode(e, this.entries, features);
    e.u32(this.minEpoch);
    encodeEVersion(e, this.pgTrimTo);
    encodeEVersion(e, this.pgRollForwardTo);
  }

  override describe(): string {
    return (
      `pg_update_log_missing(${spgText(this.spg)} epoch ${this.mapEpoch}/${this.minEpoch} ` +
      `rep_tid ${this.repTid} entries ${this.entries.map(pgLogEntryText).join(',')} trim_to ${eversionText(this.pgTrimTo)} ` +
      `roll_forward_to ${eversionText(this.pgRollForwardTo)})`
    );
  }
}

/**
 * MOSDPGUpdateLogMissingReply (messages/MOSDPGUpdateLogMissingReply.h), version 3: u32 map epoch, spg_t, s8 from, u64
 * tid, u32 min epoch (since 2), eversion_t last complete on disk (since 3).
 */
export class MOSDPGUpdateLogMissingReply extends Message {
  readonly type = MSG_OSD_PG_UPDATE_LOG_MISSING_REPLY;
  version = 3;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  /** Shard of the sender. */
  from: number;
  repTid: number;
  lastCompleteOndisk: EVersion = EVERSION_ZERO;

  constructor(spg: SpgId, from: number, mapEpoch: number, minEpoch: number, repTid: number) {
    super();
    this.spg = spg;
    this.from = from;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
    this.repTid = repTid;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.mapEpoch);
    encodeSpgId(e, this.spg);
    e.u8(this.from);
    e.u64(this.repTid);
    e.u32(this.minEpoch);
    encodeEVersion(e, this.lastCompleteOndisk);
  }

  override describe(): string {
    return (
      `pg_update_log_missing_reply(${spgText(this.spg)} epoch ${this.mapEpoch}/${this.minEpoch} ` +
      `rep_tid ${this.repTid} lcod ${eversionText(this.lastCompleteOndisk)})`
    );
  }
}

registerMessage(MSG_OSD_PG_SCAN, (d, _header, data) => {
  const op = d.u32();
  const mapEpoch = d.u32();
  const minEpoch = d.u32();
  const pgid = decodePgId(d);
  const begin = decodeHObject(d);
  const end = decodeHObject(d);
  const from = decodePgShard(d);
  const m = new MOSDPGScan(op, { pgid, shard: d.i8() }, mapEpoch, minEpoch, from);
  m.begin = begin;
  m.end = end;
  if (data !== undefined) m.data = [data];
  return m;
});
registerMessage(MSG_OSD_PG_BACKFILL, d => {
  const op = d.u32();
  const mapEpoch = d.u32();
  const minEpoch = d.u32();
  const pgid = decodePgId(d);
  const lastBackfill = decodeHObject(d);
  objectStatCollection.decode(d);
  const stats = pgStat.decode(d);
  const m = new MOSDPGBackfill(op, { pgid, shard: d.i8() }, mapEpoch, minEpoch);
  m.lastBackfill = lastBackfill;
  m.stats = stats;
  return m;
});
registerMessage(MSG_OSD_PG_BACKFILL_REMOVE, d => {
  const spg = decodeSpgId(d);
  const mapEpoch = d.u32();
  return new MOSDPGBackfillRemove(spg, mapEpoch, objectVersions.decode(d));
});
registerMessage(MSG_OSD_BACKFILL_RESERVE, (d, header) => {
  const pgid = decodePgId(d);
  const epoch = d.u32();
  const kind = d.u32();
  const priority = d.u32();
  const m = new MBackfillReserve(kind, { pgid, shard: d.i8() }, epoch);
  m.reservePriority = priority;
  if (header.version >= 5) {
    m.primaryNumBytes = d.i64();
    m.shardNumBytes = d.i64();
  }
  return m;
});
registerMessage(MSG_OSD_PG_UPDATE_LOG_MISSING, (d, header) => {
  const mapEpoch = d.u32();
  const spg = decodeSpgId(d);
  const from = d.i8();
  const m = new MOSDPGUpdateLogMissing(spg, from, mapEpoch, mapEpoch, d.u64());
  m.entries = logEntries.decode(d);
  if (header.version >= 2) m.minEpoch = d.u32();
  if (header.version >= 3) {
    m.pgTrimTo = decodeEVersion(d);
    m.pgRollForwardTo = decodeEVersion(d);
  }
  return m;
});
registerMessage(MSG_OSD_PG_UPDATE_LOG_MISSING_REPLY, (d, header) => {
  const mapEpoch = d.u32();
  const spg = decodeSpgId(d);
  const from = d.i8();
  const m = new MOSDPGUpdateLogMissingReply(spg, from, mapEpoch, mapEpoch, d.u64());
  if (header.version >= 2) m.minEpoch = d.u32();
  if (header.version >= 3) m.lastCompleteOndisk = decodeEVersion(d);
  return m;
});
