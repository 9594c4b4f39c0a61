import type { Encoder } from '../../base/encoder.ts';
import {
  decodeEVersion,
  EVERSION_ZERO,
  type EVersion,
  encodeEVersion,
  eversionText,
} from '../types/eversion.ts';
import { decodeHObject, encodeHObject, HOBJECT_MIN, type HObject, hobjectText } from '../types/hobject.ts';
import {
  decodePgShard,
  decodeSpgId,
  encodePgShard,
  encodeSpgId,
  type PgShard,
  type SpgId,
  spgText,
} from '../types/pg.ts';
import { CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK, CEPH_OSD_FLAG_ONNVRAM } from '../types/rados.ts';
import { decodeReqId, encodeReqId, type ReqId, reqidText } from '../types/reqid.ts';
import { Message, registerMessage } from './message.ts';
import { MSG_OSD_REPOP, MSG_OSD_REPOPREPLY } from './message-types.ts';
import { decodeRawStruct } from './raw-struct.ts';
import { decodeTraceInfo, encodeTraceInfo } from './trace-info.ts';

/**
 * MOSDRepOp (messages/MOSDRepOp.h), version 3: u32 map epoch, u32 epoch since which the PG has been led so (since
 * 2), trace info (since 2), osd_reqid_t, spg_t (the replica's), hobject_t, u8 acks wanted, eversion_t, blob
 * log entries, pg_stat_t, eversion_t trim to, hobject_t new temp, hobject_t discarded temp, pg_shard_t from,
 * optional pg_hit_set_history_t, eversion_t last version that all have on disk. The data is the encoded
 * ObjectStore transaction.
 */
export class MOSDRepOp extends Message {
  readonly type = MSG_OSD_REPOP;
  version = 3;
  compatVersion = 1;
  mapEpoch = 0;
  minEpoch = 0;
  traceInfo: Buffer | undefined = undefined;
  reqid: ReqId;
  spg: SpgId;
  poid: HObject;
  /** CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK. */
  acksWanted = CEPH_OSD_FLAG_ACK | CEPH_OSD_FLAG_ONDISK;
  /** Version that the PG has after the transaction. */
  pgVersion: EVersion;
  /** Encoded vector of pg_log_entry_t. */
  log: Uint8Array;
  /** Encoded pg_stat_t. */
  pgStats: Uint8Array;
  pgTrimTo: EVersion = EVERSION_ZERO;
  newTempOid: HObject = HOBJECT_MIN;
  discardTempOid: HObject = HOBJECT_MIN;
  from: PgShard;
  /** Encoded pg_hit_set_history_t. */
  hitSetHistory: Uint8Array | undefined = undefined;
  minLastCompleteOndisk: EVersion = EVERSION_ZERO;

  constructor(
    reqid: ReqId,
    spg: SpgId,
    poid: HObject,
    pgVersion: EVersion,
    from: PgShard,
    log: Uint8Array,
    pgStats: Uint8Array,
  ) {
    super();
    this.reqid = reqid;
    this.spg = spg;
    this.poid = poid;
    this.pgVersion = pgVersion;
    this.from = from;
    this.log = log;
    this.pgStats = pgStats;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    encodeTraceInfo(e, this.traceInfo);
    encodeReqId(e, this.reqid);
    encodeSpgId(e, this.spg);
    encodeHObject(e, this.poid);
    e.u8(this.acksWanted);
    encodeEVersion(e, this.pgVersion);
    e.blob(this.log);
    e.bytes(this.pgStats);
    encodeEVersion(e, this.pgTrimTo);
    encodeHObject(e, this.newTempOid);
    encodeHObject(e, this.discardTempOid);
    encodePgShard(e, this.from);
    const { hitSetHistory } = this;
    e.bool(hitSetHistory !== undefined);
    if (hitSetHistory !== undefined) e.bytes(hitSetHistory);
    encodeEVersion(e, this.minLastCompleteOndisk);
  }

  override describe(): string {
    const hitSet = this.hitSetHistory === undefined ? '' : ', has_updated_hit_set_history';
    return (
      `osd_repop(${reqidText(this.reqid)} ${spgText(this.spg)} e${this.mapEpoch}/${this.minEpoch} ` +
      `${hobjectText(this.poid)} v ${eversionText(this.pgVersion)}${hitSet}, ` +
      `mlcod=${eversionText(this.minLastCompleteOndisk)})`
    );
  }
}

/**
 * MOSDRepOpReply (messages/MOSDRepOpReply.h), version 2: u32 map epoch, u32 min epoch (since 2), trace info
 * (since 2), osd_reqid_t, spg_t (the primary's), u8 ack type, s32 result, eversion_t last complete on disk,
 * pg_shard_t from.
 */
export class MOSDRepOpReply extends Message {
  readonly type = MSG_OSD_REPOPREPLY;
  version = 2;
  compatVersion = 1;
  mapEpoch = 0;
  minEpoch = 0;
  traceInfo: Buffer | undefined = undefined;
  reqid: ReqId;
  spg: SpgId;
  /** CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK. */
  ackType: number;
  result: number;
  lastCompleteOndisk: EVersion = EVERSION_ZERO;
  from: PgShard;

  constructor(reqid: ReqId, spg: SpgId, from: PgShard, ackType: number, result: number) {
    super();
    this.reqid = reqid;
    this.spg = spg;
    this.from = from;
    this.ackType = ackType;
    this.result = result;
  }

  /** The answer to a primary's request; `from` is the replica that answers. */
  static to(request: MOSDRepOp, from: PgShard, result: number, ackType: number): MOSDRepOpReply {
    const spg = { pgid: request.spg.pgid, shard: request.from.shard };
    const m = new MOSDRepOpReply(request.reqid, spg, from, ackType, result);
    m.tid = request.tid;
    return m;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.mapEpoch);
    e.u32(this.minEpoch);
    encodeTraceInfo(e, this.traceInfo);
    encodeReqId(e, this.reqid);
    encodeSpgId(e, this.spg);
    e.u8(this.ackType);
    e.i32(this.result);
    encodeEVersion(e, this.lastCompleteOndisk);
    encodePgShard(e, this.from);
  }

  override describe(): string {
    const { ackType } = this;
    let kind = '';
    if ((ackType & CEPH_OSD_FLAG_ONDISK) !== 0) kind += ' ondisk';
    if ((ackType & CEPH_OSD_FLAG_ONNVRAM) !== 0) kind += ' onnvram';
    if ((ackType & CEPH_OSD_FLAG_ACK) !== 0) kind += ' ack';
    return (
      `osd_repop_reply(${reqidText(this.reqid)} ${spgText(this.spg)} e${this.mapEpoch}/${this.minEpoch}` +
      `${kind}, result = ${this.result})`
    );
  }
}

registerMessage(MSG_OSD_REPOP, (d, header, data) => {
  const v = header.version;
  const mapEpoch = d.u32();
  const minEpoch = v >= 2 ? d.u32() : mapEpoch;
  const traceInfo = v >= 2 ? decodeTraceInfo(d) : undefined;
  const reqid = decodeReqId(d);
  const spg = decodeSpgId(d);
  const poid = decodeHObject(d);
  const acksWanted = d.u8();
  const pgVersion = decodeEVersion(d);
  const log = d.blob();
  const pgStats = decodeRawStruct(d);
  const pgTrimTo = decodeEVersion(d);
  const newTempOid = decodeHObject(d);
  const discardTempOid = decodeHObject(d);
  const m = new MOSDRepOp(reqid, spg, poid, pgVersion, decodePgShard(d), log, pgStats);
  m.version = v;
  m.mapEpoch = mapEpoch;
  m.minEpoch = minEpoch;
  m.traceInfo = traceInfo;
  m.acksWanted = acksWanted;
  m.pgTrimTo = pgTrimTo;
  m.newTempOid = newTempOid;
  m.discardTempOid = discardTempOid;
  if (d.bool()) m.hitSetHistory = decodeRawStruct(d);
  // Before version 3 this was the version to roll forward to, which replicated pools never used.
  const last = decodeEVersion(d);
  if (v >= 3) m.minLastCompleteOndisk = last;
  if (data !== undefined) m.data = [data];
  return m;
});
registerMessage(MSG_OSD_REPOPREPLY, (d, header) => {
  const v = header.version;
  const mapEpoch = d.u32();
  const minEpoch = v >= 2 ? d.u32() : mapEpoch;
  const traceInfo = v >= 2 ? decodeTraceInfo(d) : undefined;
  const reqid = decodeReqId(d);
  const spg = decodeSpgId(d);
  const ackType = d.u8();
  const result = d.i32();
  const lastCompleteOndisk = decodeEVersion(d);
  const m = new MOSDRepOpReply(reqid, spg, decodePgShard(d), ackType, result);
  m.version = v;
  m.mapEpoch = mapEpoch;
  m.minEpoch = minEpoch;
  m.traceInfo = traceInfo;
  m.lastCompleteOndisk = lastCompleteOndisk;
  return m;
});
