import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import type { EntityName } from '../types/entity.ts';
import { decodeEVersion, EVERSION_ZERO, encodeEVersion } from '../types/eversion.ts';
import type { Features } from '../types/features.ts';
import { type HObject, hobjectText } from '../types/hobject.ts';
import { decodeObjectLocator, encodeObjectLocator, type ObjectLocator } from '../types/object-locator.ts';
import {
  decodePgId,
  decodeSpgId,
  encodePgId,
  encodeSpgId,
  NO_SHARD,
  type SpgId,
  spgText,
} from '../types/pg.ts';
import { CEPH_OSD_FLAG_RETRY, osdFlagText } from '../types/rados.ts';
import { decodeReqId, encodeReqId, type ReqId, reqidText } from '../types/reqid.ts';
import {
  decodeSnapContext,
  decodeSnapId,
  encodeSnapContext,
  encodeSnapId,
  SNAP_NOSNAP,
  SNAPC_EMPTY,
  type SnapContext,
  snapContextText,
} from '../types/snap.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from '../types/utime.ts';
import { Message, type MessageHeader, NO_DATA, registerMessage } from './message.ts';
import { CEPH_MSG_OSD_OP } from './message-types.ts';
import { decodeOSDOp, encodeOSDOp, OSD_OP_BYTES, type OSDOp, splitInData } from './osd-op.ts';
import { osdOpsText } from './osd-op-text.ts';
import { decodeTraceInfo, encodeTraceInfo } from './trace-info.ts';

/** Default of the option osd_client_op_priority. */
export const OSD_CLIENT_OP_PRIORITY = 63;

/** An osd_reqid_t that says nothing: the request is then named by who sent it and its tid. */
export const REQID_NONE: ReqId = { name: { type: 0, num: 0 }, tid: 0, inc: 0 };

/**
 * MOSDOp (messages/MOSDOp.h): a client asks the primary of a PG to run ops on one object.
 *
 * Version 8, to everyone since luminous:
 *   spg_t pg, u32 hash of the name, u32 osdmap epoch, u32 flags, osd_reqid_t, trace info,
 *   u32 client incarnation, utime_t mtime, object_locator_t, str name, u16 op count, ceph_osd_op each,
 *   u64 snap id, u64 snap seq, u32 count, u64 snaps, s32 retry attempt (-1 unknown), u64 features
 * The ops' input follows one after the other in the data segment. Version 9 (reef) has a versioned span
 * context after the trace info.
 * Version 7: pg_t raw pg in place of pg and hash, eversion_t after the flags, no trace info.
 * Versions 3 to 6 (NEW_OSDOP_ENCODING missing): client incarnation, epoch, flags, mtime, eversion_t, locator,
 *   pg_t, name, ops, snap id, snap seq, snaps, then from 4 retry attempt, from 5 features, from 6 reqid.
 */
export class MOSDOp extends Message {
  readonly type = CEPH_MSG_OSD_OP;
  version = 8;
  compatVersion = 3;
  /** The PG it goes to, after splits and with the shard in erasure-coded pools. */
  spg: SpgId;
  /** rjenkins hash of the name or key. */
  hash: number;
  osdmapEpoch = 0;
  /** CEPH_OSD_FLAG_*. */
  flags = 0;
  /** Set where the request's name differs from its sender and tid. */
  reqid: ReqId = REQID_NONE;
  clientInc = 0;
  mtime: UTime = UTIME_ZERO;
  oloc: ObjectLocator;
  oid: string;
  ops: OSDOp[];
  snapid = SNAP_NOSNAP;
  snapc: SnapContext = SNAPC_EMPTY;
  /** 0 for the first; -1 when the sender did not say. */
  retryAttempt = -1;
  /** What the sender can do; written from the connection's features when encoding. */
  features = 0n;
  /** blkin_trace_info, when it is not zero. */
  traceInfo: Buffer | undefined = undefined;

  constructor(oid: string, oloc: ObjectLocator, spg: SpgId, hash: number, ops: OSDOp[]) {
    super();
    this.priority = OSD_CLIENT_OP_PRIORITY;
    this.oid = oid;
    this.oloc = oloc;
    this.spg = spg;
    this.hash = hash;
    this.ops = ops;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.gatherData();
    if (!features.newOsdOpEncoding) {
      this.encodeV6(e, features);
      return;
    }
    if (features.resendOnSplit) {
      this.version = 8;
      encodeSpgId(e, this.spg);
      e.u32(this.hash);
      e.u32(this.osdmapEpoch);
      e.u32(this.flags);
      encodeReqId(e, this.reqid);
      encodeTraceInfo(e, this.traceInfo);
    } else {
      this.version = 7;
      encodePgId(e, { pool: this.spg.pgid.pool, seed: this.hash });
      e.u32(this.osdmapEpoch);
      e.u32(this.flags);
      encodeEVersion(e, EVERSION_ZERO);
      encodeReqId(e, this.reqid);
    }
    e.u32(this.clientInc);
    encodeUTime(e, this.mtime);
    encodeObjectLocator(e, this.oloc);
    e.str(this.oid);
    this.encodeOps(e);
    encodeSnapId(e, this.snapid);
    encodeSnapContext(e, this.snapc);
    e.i32(this.retryAttempt);
    e.u64b(features.bits);
  }

  private encodeV6(e: Encoder, features: Features): void {
    this.version = 6;
    e.u32(this.clientInc);
    e.u32(this.osdmapEpoch);
    e.u32(this.flags);
    encodeUTime(e, this.mtime);
    encodeEVersion(e, EVERSION_ZERO);
    encodeObjectLocator(e, this.oloc);
    encodePgId(e, { pool: this.spg.pgid.pool, seed: this.hash });
    e.str(this.oid);
    this.encodeOps(e);
    encodeSnapId(e, this.snapid);
    encodeSnapContext(e, this.snapc);
    e.i32(this.retryAttempt);
    e.u64b(features.bits);
    // Without a name of its own the incarnation stays out too: old peers would take it for one.
    const { reqid } = this;
    const named = reqid.tid !== 0 || reqid.name.type !== 0 || reqid.name.num !== 0;
    encodeReqId(e, named ? reqid : REQID_NONE);
  }

  private encodeOps(e: Encoder): void {
    const { ops } = this;
    e.u16(ops.length);
    for (let i = 0; i < ops.length; i++) {
      const { indata } = ops[i];
      encodeOSDOp(e, ops[i], indata === undefined ? 0 : indata.length);
    }
  }

  private gatherData(): void {
    const { ops } = this;
    let parts: Uint8Array[] | undefined;
    for (let i = 0; i < ops.length; i++) {
      const { indata } = ops[i];
      if (indata === undefined || indata.length === 0) continue;
      if (parts === undefined) parts = [indata];
      else parts.push(indata);
    }
    this.data = parts ?? NO_DATA;
  }

  hasFlag(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Marks a resend; `attempt` counts from 0. */
  setRetryAttempt(attempt: number): void {
    this.flags = attempt > 0 ? this.flags | CEPH_OSD_FLAG_RETRY : this.flags & ~CEPH_OSD_FLAG_RETRY;
    this.retryAttempt = attempt;
  }

  /** The request's name, given who sent it. */
  requestId(source: EntityName): ReqId {
    const { reqid } = this;
    if (reqid.tid !== 0 || reqid.name.type !== 0 || reqid.name.num !== 0) return reqid;
    return { name: source, tid: this.tid, inc: this.clientInc };
  }

  get hobj(): HObject {
    const { oloc, oid } = this;
    return {
      key: oloc.key === oid ? '' : oloc.key,
      oid,
      snap: this.snapid,
      hash: this.hash,
      max: false,
      nspace: oloc.nspace,
      pool: this.spg.pgid.pool,
    };
  }

  override describe(): string {
    const { reqid } = this;
    const name = reqid.tid !== 0 ? reqidText(reqid) : `unknown.0.${this.clientInc}:${this.tid}`;
    const retry = this.hasFlag(CEPH_OSD_FLAG_RETRY) ? ` RETRY=${this.retryAttempt}` : '';
    return (
      `osd_op(${name} ${spgText(this.spg)} ${hobjectText(this.hobj)} ${osdOpsText(this.ops)} ` +
      `snapc ${snapContextText(this.snapc)}${retry} ${osdFlagText(this.flags)} e${this.osdmapEpoch})`
    );
  }
}

function decodeOps(d: Decoder): OSDOp[] {
  const n = d.u16();
  if (n * OSD_OP_BYTES > d.remaining) d.fail(`${n} ops, ${d.remaining} bytes left`);
  const ops: OSDOp[] = [];
  for (let i = 0; i < n; i++) ops.push(decodeOSDOp(d));
  return ops;
}

function decodeMOSDOp(d: Decoder, header: MessageHeader, data: Uint8Array | undefined): MOSDOp {
  const v = header.version;
  if (v < 7) return decodeOld(d, v, data);
  let spg: SpgId;
  let hash: number;
  if (v >= 8) {
    spg = decodeSpgId(d);
    hash = d.u32();
  } else {
    const pgid = decodePgId(d);
    spg = { pgid, shard: NO_SHARD };
    hash = pgid.seed;
  }
  const epoch = d.u32();
  const flags = d.u32();
  let traceInfo: Buffer | undefined;
  if (v < 8) decodeEVersion(d);
  const reqid = decodeReqId(d);
  if (v >= 8) traceInfo = decodeTraceInfo(d);
  if (v >= 9) d.finish(d.start('jspan_context', 1));
  const clientInc = d.u32();
  const mtime = decodeUTime(d);
  const oloc = decodeObjectLocator(d);
  const oid = d.str();
  const m = new MOSDOp(oid, oloc, spg, hash, decodeOps(d));
  m.version = v;
  m.osdmapEpoch = epoch;
  m.flags = flags;
  m.reqid = reqid;
  m.traceInfo = traceInfo;
  m.clientInc = clientInc;
  m.mtime = mtime;
  m.snapid = decodeSnapId(d);
  m.snapc = decodeSnapContext(d);
  m.retryAttempt = d.i32();
  m.features = d.u64b();
  if (data !== undefined) m.data = [data];
  splitInData(d, m.ops, data);
  return m;
}

function decodeOld(d: Decoder, v: number, data: Uint8Array | undefined): MOSDOp {
  if (v < 3) d.fail(`version ${v} is older than what is read`);
  const clientInc = d.u32();
  const epoch = d.u32();
  const flags = d.u32();
  const mtime = decodeUTime(d);
  decodeEVersion(d);
  const oloc = decodeObjectLocator(d);
  const pgid = decodePgId(d);
  const oid = d.str();
  const m = new MOSDOp(oid, oloc, { pgid, shard: NO_SHARD }, pgid.seed, decodeOps(d));
  m.version = v;
  m.clientInc = clientInc;
  m.osdmapEpoch = epoch;
  m.flags = flags;
  m.mtime = mtime;
  m.snapid = decodeSnapId(d);
  m.snapc = decodeSnapContext(d);
  if (v >= 4) m.retryAttempt = d.i32();
  if (v >= 5) m.features = d.u64b();
  if (v >= 6) m.reqid = decodeReqId(d);
  if (data !== undefined) m.data = [data];
  splitInData(d, m.ops, data);
  return m;
}

registerMessage(CEPH_MSG_OSD_OP, decodeMOSDOp);
