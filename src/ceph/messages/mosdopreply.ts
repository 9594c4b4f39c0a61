import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { errnoText } from '../../base/errno.ts';
import {
  decodeEVersion,
  EVERSION_ZERO,
  type EVersion,
  encodeEVersion,
  eversionText,
} from '../types/eversion.ts';
import { FEATURE_NEW_OSDOPREPLY_ENCODING, type Features } from '../types/features.ts';
import { decodePgId, encodePgId, type PgId } from '../types/pg.ts';
import { CEPH_OSD_FLAG_ACK, CEPH_OSD_FLAG_ONDISK, CEPH_OSD_FLAG_ONNVRAM } from '../types/rados.ts';
import { decodeRequestRedirect, encodeRequestRedirect, type RequestRedirect } from '../types/redirect.ts';
import { Message, type MessageHeader, NO_DATA, registerMessage } from './message.ts';
import { CEPH_MSG_OSD_OPREPLY } from './message-types.ts';
import type { MOSDOp } from './mosdop.ts';
import { decodeOSDOp, encodeOSDOp, OSD_OP_BYTES, type OSDOp, splitOutData } from './osd-op.ts';
import { osdOpsText } from './osd-op-text.ts';
import { decodeTraceInfo, encodeTraceInfo } from './trace-info.ts';

/** What a version 6 reply says when it redirects nowhere. */
const NO_REDIRECT: RequestRedirect = { locator: { pool: -1, key: '', nspace: '', hash: -1 }, object: '' };

/**
 * MOSDOpReply (messages/MOSDOpReply.h): the OSD's answer to an MOSDOp, tied to it by the tid.
 *
 * Version 8:
 *   str object, pg_t, u64 flags, s32 result, eversion_t bad replay version, u32 osdmap epoch,
 *   u32 op count, ceph_osd_op each, s32 retry attempt, s32 result of each op,
 *   eversion_t replay version, u64 user version, u8 redirected, [request_redirect_t,] trace info
 * The ops' output follows one after the other in the data segment.
 * Version 7 has no trace info; 6 always has the redirect (and no flag before it); 5 ends with the user
 * version, 4 with the results, 3 with the retry attempt.
 */
export class MOSDOpReply extends Message {
  readonly type = CEPH_MSG_OSD_OPREPLY;
  version = 8;
  compatVersion = 2;
  oid: string;
  pgid: PgId;
  /** CEPH_OSD_FLAG_*: the request's, with ONDISK when this is the commit. */
  flags = 0;
  /** 0, a length, or a negative errno. */
  result = 0;
  /** For clients older than replayVersion and userVersion. */
  badReplayVersion: EVersion = EVERSION_ZERO;
  osdmapEpoch = 0;
  ops: OSDOp[];
  retryAttempt = -1;
  replayVersion: EVersion = EVERSION_ZERO;
  userVersion = 0;
  redirect: RequestRedirect | undefined = undefined;
  /** blkin_trace_info, when it is not zero. */
  traceInfo: Buffer | undefined = undefined;

  constructor(oid: string, pgid: PgId, ops: OSDOp[]) {
    super();
    this.oid = oid;
    this.pgid = pgid;
    this.ops = ops;
  }

  /**
   * The answer to a request. The ops are the request's own, with outdata and rval filled in by whoever ran
   * them; without `withOutData` the output is left out.
   */
  static to(
    request: MOSDOp,
    result: number,
    osdmapEpoch: number,
    ackFlags: number,
    withOutData: boolean,
  ): MOSDOpReply {
    const m = new MOSDOpReply(request.oid, request.spg.pgid, request.ops);
    m.tid = request.tid;
    m.result = result;
    m.flags =
      (request.flags & ~(CEPH_OSD_FLAG_ONDISK | CEPH_OSD_FLAG_ONNVRAM | CEPH_OSD_FLAG_ACK)) | ackFlags;
    m.osdmapEpoch = osdmapEpoch;
    m.retryAttempt = request.retryAttempt;
    if (!withOutData) for (const op of m.ops) op.outdata = undefined;
    return m;
  }

  /** Of a write: where it stands in the PG's history, and the version that the user sees. */
  setReplyVersions(version: EVersion, userVersion: number): void {
    this.replayVersion = version;
    this.userVersion = userVersion;
    this.badReplayVersion = userVersion === 0 ? version : { version: userVersion, epoch: version.epoch };
  }

  /** Of anything that wrote nothing. */
  setEnoentReplyVersions(version: EVersion, userVersion: number): void {
    this.userVersion = userVersion;
    this.badReplayVersion = version;
  }

  get isOndisk(): boolean {
    return (this.flags & CEPH_OSD_FLAG_ONDISK) !== 0;
  }

  override encodePayload(e: Encoder, features: Features): void {
    const { ops } = this;
    let parts: Uint8Array[] | undefined;
    e.str(this.oid);
    encodePgId(e, this.pgid);
    e.u64(this.flags);
    e.i32(this.result);
    encodeEVersion(e, this.badReplayVersion);
    e.u32(this.osdmapEpoch);
    e.u32(ops.length);
    for (let i = 0; i < ops.length; i++) {
      const { outdata } = ops[i];
      const n = outdata === undefined ? 0 : outdata.length;
      encodeOSDOp(e, ops[i], n);
      if (n === 0) continue;
      if (parts === undefined) parts = [outdata!];
      else parts.push(outdata!);
    }
    this.data = parts ?? NO_DATA;
    e.i32(this.retryAttempt);
    for (let i = 0; i < ops.length; i++) e.i32(ops[i].rval);
    encodeEVersion(e, this.replayVersion);
    e.u64(this.userVersion);
    // Every peer since luminous has both features at once, so one question is asked for the usual case.
    if (features.resendOnSplit || features.has(FEATURE_NEW_OSDOPREPLY_ENCODING)) {
      this.version = 8;
      e.bool(this.redirect !== undefined);
      if (this.redirect !== undefined) encodeRequestRedirect(e, this.redirect);
    } else {
      this.version = 6;
      encodeRequestRedirect(e, this.redirect ?? NO_REDIRECT);
    }
    encodeTraceInfo(e, this.traceInfo);
  }

  override describe(): string {
    const { flags } = this;
    const kind =
      (flags & CEPH_OSD_FLAG_ONDISK) !== 0
        ? 'ondisk'
        : (flags & CEPH_OSD_FLAG_ONNVRAM) !== 0
          ? 'onnvram'
          : 'ack';
    const error = this.result < 0 ? ` ((${-this.result}) ${errnoText(this.result)})` : '';
    const redirect = this.redirect === undefined ? '' : ` redirect: { ${this.redirect.object} }`;
    return (
      `osd_op_reply(${this.tid} ${this.oid} ${osdOpsText(this.ops)} v${eversionText(this.replayVersion)} ` +
      `uv${this.userVersion} ${kind} = ${this.result}${error}${redirect})`
    );
  }
}

function decodeMOSDOpReply(d: Decoder, header: MessageHeader, data: Uint8Array | undefined): MOSDOpReply {
  const v = header.version;
  if (v < 2) d.fail(`version ${v} is older than what is read`);
  const oid = d.str();
  const pgid = decodePgId(d);
  const ops: OSDOp[] = [];
  const m = new MOSDOpReply(oid, pgid, ops);
  m.version = v;
  m.flags = d.u64();
  m.result = d.i32();
  m.badReplayVersion = decodeEVersion(d);
  m.osdmapEpoch = d.u32();
  const n = d.count(OSD_OP_BYTES);
  for (let i = 0; i < n; i++) ops.push(decodeOSDOp(d));
  if (v >= 3) m.retryAttempt = d.i32();
  if (v >= 4) for (let i = 0; i < n; i++) ops[i].rval = d.i32();
  if (v >= 5) {
    m.replayVersion = decodeEVersion(d);
    m.userVersion = d.u64();
  } else {
    m.replayVersion = m.badReplayVersion;
    m.userVersion = m.badReplayVersion.version;
  }
  if (v === 6) {
    const redirect = decodeRequestRedirect(d);
    if (redirect.object !== '' || redirect.locator.pool !== -1) m.redirect = redirect;
  }
  if (v >= 7 && d.bool()) m.redirect = decodeRequestRedirect(d);
  if (v >= 8) m.traceInfo = decodeTraceInfo(d);
  if (data !== undefined) m.data = [data];
  splitOutData(d, ops, data);
  return m;
}

registerMessage(CEPH_MSG_OSD_OPREPLY, decodeMOSDOpReply);
