import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import {
  blob,
  bool,
  codecOf,
  i32,
  list,
  map,
  optional,
  pair,
  pairs,
  plain,
  since,
  str,
  struct,
  u32,
  u64,
  type ValueOf,
} from '../types/codec.ts';
import { eversion, hobject, pgShard, reqid } from '../types/codecs.ts';
import { eversionText } from '../types/eversion.ts';
import type { Features } from '../types/features.ts';
import { hobjectText } from '../types/hobject.ts';
import { decodeSpgId, encodeSpgId, type SpgId, spgText } from '../types/pg.ts';
import { pgHitSetHistory } from '../types/pg-info.ts';
import { pgLogEntry } from '../types/pg-log.ts';
import { reqidText } from '../types/reqid.ts';
import { Message, type MessageHeader, registerMessage } from './message.ts';
import {
  MSG_OSD_EC_READ,
  MSG_OSD_EC_READ_REPLY,
  MSG_OSD_EC_WRITE,
  MSG_OSD_EC_WRITE_REPLY,
} from './message-types.ts';
import { decodeRawStruct } from './raw-struct.ts';
import { decodeTraceInfo, encodeTraceInfo } from './trace-info.ts';

const rawStruct = codecOf<Buffer>(
  6,
  () => Buffer.alloc(0),
  (e, v) => e.bytes(v),
  decodeRawStruct,
);

/** ECSubWrite (osd/ECMsgTypes.h): a shard's part of a write. `stats` and `transaction` are encoded structs. */
export const ecSubWrite = struct(
  'ECSubWrite',
  { version: 4, compat: 1, oldest: 2 },
  {
    from: pgShard,
    tid: u64,
    reqid,
    soid: hobject,
    stats: rawStruct,
    transaction: rawStruct,
    atVersion: eversion,
    trimTo: eversion,
    logEntries: list(pgLogEntry),
    tempAdded: list(hobject),
    tempRemoved: list(hobject),
    updatedHitSetHistory: optional(pgHitSetHistory),
    rollForwardTo: since(3, eversion),
    backfillOrAsyncRecovery: since(4, bool),
  },
);
export type EcSubWrite = ValueOf<typeof ecSubWrite>;

/** ECSubWriteReply. */
export const ecSubWriteReply = struct(
  'ECSubWriteReply',
  { version: 1, compat: 1 },
  { from: pgShard, tid: u64, lastComplete: eversion, committed: bool, applied: bool },
);
export type EcSubWriteReply = ValueOf<typeof ecSubWriteReply>;

/** ECSubRead: extents (offset, length, flags) and sub-chunks (index, count) by object. */
export const ecSubRead = struct(
  'ECSubRead',
  { version: 3, compat: 2, oldest: 3 },
  {
    from: pgShard,
    tid: u64,
    toRead: pairs(hobject, list(plain({ offset: u64, length: u64, flags: u32 }))),
    attrsToRead: list(hobject),
    subchunks: pairs(hobject, list(pair(i32, i32))),
  },
);
export type EcSubRead = ValueOf<typeof ecSubRead>;

/** ECSubReadReply: bytes by offset, attributes and errors by object. */
export const ecSubReadReply = struct(
  'ECSubReadReply',
  { version: 1, compat: 1 },
  {
    from: pgShard,
    tid: u64,
    buffersRead: pairs(hobject, list(pair(u64, blob))),
    attrsRead: pairs(hobject, map(str, blob)),
    errors: pairs(hobject, i32),
  },
);
export type EcSubReadReply = ValueOf<typeof ecSubReadReply>;

/** What the four have in common: spg_t, u32 map epoch, the op, u32 min epoch, trace info. */
abstract class EcMessage<Op> extends Message {
  spg: SpgId;
  mapEpoch: number;
  minEpoch: number;
  op: Op;
  traceInfo: Buffer | undefined = undefined;

  constructor(spg: SpgId, mapEpoch: number, minEpoch: number, op: Op) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.minEpoch = minEpoch;
    this.op = op;
  }

  protected abstract encodeOp(e: Encoder, features: Features): void;

  override encodePayload(e: Encoder, features: Features): void {
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    this.encodeOp(e, features);
    e.u32(this.minEpoch);
    encodeTraceInfo(e, this.traceInfo);
  }

  protected text(name: string, op: string): string {
    return `${name}(${spgText(this.spg)} ${this.mapEpoch}/${this.minEpoch} ${op})`;
  }
}

/** MOSDECSubOpWrite (messages/MOSDECSubOpWrite.h), version 2. */
export class MOSDECSubOpWrite extends EcMessage<EcSubWrite> {
  readonly type = MSG_OSD_EC_WRITE;
  version = 2;
  compatVersion = 1;

  protected override encodeOp(e: Encoder, features: Features): void {
    ecSubWrite.encode(e, this.op, features);
  }

  override describe(): string {
    const { op } = this;
    const hitSet = op.updatedHitSetHistory === undefined ? '' : ', has_updated_hit_set_history';
    const backfill = op.backfillOrAsyncRecovery ? ', backfill_or_async_recovery' : '';
    return this.text(
      'MOSDECSubOpWrite',
      `ECSubWrite(tid=${op.tid}, reqid=${reqidText(op.reqid)}, at_version=${eversionText(op.atVersion)}, ` +
        `trim_to=${eversionText(op.trimTo)}, roll_forward_to=${eversionText(op.rollForwardTo)}${hitSet}${backfill})`,
    );
  }
}

/** MOSDECSubOpWriteReply (messages/MOSDECSubOpWriteReply.h), version 2. */
export class MOSDECSubOpWriteReply extends EcMessage<EcSubWriteReply> {
  readonly type = MSG_OSD_EC_WRITE_REPLY;
  version = 2;
  compatVersion = 1;

  protected override encodeOp(e: Encoder, features: Features): void {
    ecSubWriteReply.encode(e, this.op, features);
  }

  override describe(): string {
    const { op } = this;
    return this.text(
      'MOSDECSubOpWriteReply',
      `ECSubWriteReply(tid=${op.tid}, last_complete=${eversionText(op.lastComplete)}, ` +
        `committed=${op.committed ? 1 : 0}, applied=${op.applied ? 1 : 0})`,
    );
  }
}

/** MOSDECSubOpRead (messages/MOSDECSubOpRead.h), version 3. */
export class MOSDECSubOpRead extends EcMessage<EcSubRead> {
  readonly type = MSG_OSD_EC_READ;
  version = 3;
  compatVersion = 1;

  protected override encodeOp(e: Encoder, features: Features): void {
    ecSubRead.encode(e, this.op, features);
  }

  override describe(): string {
    const { op } = this;
    const extents = op.toRead.map(([oid, list]) => {
      const ranges = list.map(r => `${r.offset},${r.length},${r.flags}`);
      return `${hobjectText(oid)}=${ranges.join(',')}`;
    });
    const chunks = op.subchunks.map(([oid, list]) => `${hobjectText(oid)}=[${list.join(',')}]`);
    const attrs = op.attrsToRead.map(hobjectText).join(',');
    return this.text(
      'MOSDECSubOpRead',
      `ECSubRead(tid=${op.tid}, to_read={${extents.join(',')}}, subchunks={${chunks.join(',')}}, attrs_to_read=${attrs})`,
    );
  }
}

/** MOSDECSubOpReadReply (messages/MOSDECSubOpReadReply.h), version 2. */
export class MOSDECSubOpReadReply extends EcMessage<EcSubReadReply> {
  readonly type = MSG_OSD_EC_READ_REPLY;
  version = 2;
  compatVersion = 1;

  protected override encodeOp(e: Encoder, features: Features): void {
    ecSubReadReply.encode(e, this.op, features);
  }

  override describe(): string {
    const { op } = this;
    return this.text(
      'MOSDECSubOpReadReply',
      `ECSubReadReply(tid=${op.tid}, attrs_read=${op.attrsRead.length})`,
    );
  }
}

type Make<Op, M> = new (spg: SpgId, mapEpoch: number, minEpoch: number, op: Op) => M;

function decodeEc<Op, M extends EcMessage<Op>>(
  d: Decoder,
  header: MessageHeader,
  since: number,
  make: Make<Op, M>,
  decodeOp: (d: Decoder) => Op,
): M {
  const spg = decodeSpgId(d);
  const mapEpoch = d.u32();
  const op = decodeOp(d);
  const tail = header.version >= since;
  const m = new make(spg, mapEpoch, tail ? d.u32() : mapEpoch, op);
  if (tail) m.traceInfo = decodeTraceInfo(d);
  return m;
}

registerMessage(MSG_OSD_EC_WRITE, (d, header) => decodeEc(d, header, 2, MOSDECSubOpWrite, ecSubWrite.decode));
registerMessage(MSG_OSD_EC_WRITE_REPLY, (d, header) =>
  decodeEc(d, header, 2, MOSDECSubOpWriteReply, ecSubWriteReply.decode),
);
registerMessage(MSG_OSD_EC_READ, (d, header) => decodeEc(d, header, 3, MOSDECSubOpRead, ecSubRead.decode));
registerMessage(MSG_OSD_EC_READ_REPLY, (d, header) =>
  decodeEc(d, header, 2, MOSDECSubOpReadReply, ecSubReadReply.decode),
);
