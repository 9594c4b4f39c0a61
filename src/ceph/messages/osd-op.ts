import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import {
  CEPH_OSD_OP_ASSERT_VER,
  CEPH_OSD_OP_CALL,
  CEPH_OSD_OP_CHECKSUM,
  CEPH_OSD_OP_CMPXATTR,
  CEPH_OSD_OP_COPY_FROM,
  CEPH_OSD_OP_COPY_FROM2,
  CEPH_OSD_OP_GETXATTR,
  CEPH_OSD_OP_GETXATTRS,
  CEPH_OSD_OP_NOTIFY,
  CEPH_OSD_OP_NOTIFY_ACK,
  CEPH_OSD_OP_PG_HITSET_GET,
  CEPH_OSD_OP_PGLS,
  CEPH_OSD_OP_PGLS_FILTER,
  CEPH_OSD_OP_PGNLS,
  CEPH_OSD_OP_PGNLS_FILTER,
  CEPH_OSD_OP_RESETXATTRS,
  CEPH_OSD_OP_RMXATTR,
  CEPH_OSD_OP_ROLLBACK,
  CEPH_OSD_OP_SET_REDIRECT,
  CEPH_OSD_OP_SETALLOCHINT,
  CEPH_OSD_OP_SETXATTR,
  CEPH_OSD_OP_SETXATTRS,
  CEPH_OSD_OP_WATCH,
  CEPH_OSD_OP_WRITESAME,
} from '../types/rados.ts';
import { decodeSnapId, encodeSnapId } from '../types/snap.ts';
import type {
  AllocHintArg,
  AssertVerArg,
  ChecksumArg,
  ClsArg,
  CopyFromArg,
  HitSetArg,
  NotifyArg,
  OSDOpArg,
  PglsArg,
  SnapArg,
  WatchArg,
  WriteSameArg,
  XattrArg,
} from './osd-op-args.ts';

export type * from './osd-op-args.ts';

/** Bytes of ceph_osd_op on the wire, and of the union in it. */
export const OSD_OP_BYTES = 38;
const UNION_BYTES = 28;

/**
 * One operation of an MOSDOp with its input and, in the reply, its output and result (OSDOp).
 *
 * The union of ceph_osd_op is held so that reads and writes, which are nearly all there is, touch numbers of
 * this object only: extent ops use offset, length, truncateSize and truncateSeq; other ops have their part in
 * `arg`, which the accessor of its name gives with its type.
 */
export class OSDOp {
  /** CEPH_OSD_OP_*. */
  op: number;
  /** CEPH_OSD_OP_FLAG_*. */
  flags = 0;
  offset: number;
  length: number;
  truncateSize = 0;
  truncateSeq = 0;
  arg: OSDOpArg | undefined;
  indata: Uint8Array | undefined;
  outdata: Buffer | undefined = undefined;
  /** Result of this op alone: 0, a length, or a negative errno. */
  rval = 0;
  /** Bytes of this op in the message's data, as decoded. Encoding takes the length of what is there. */
  payloadLen = 0;
  /** The union's bytes, when they hold an extent beyond 2^53 (the fields above are then capped). */
  raw: Buffer | undefined = undefined;

  constructor(op: number, offset = 0, length = 0, indata?: Uint8Array, arg?: OSDOpArg) {
    this.op = op;
    this.offset = offset;
    this.length = length;
    this.indata = indata;
    this.arg = arg;
  }

  get xattr(): XattrArg {
    return this.arg as XattrArg;
  }
  get cls(): ClsArg {
    return this.arg as ClsArg;
  }
  get pgls(): PglsArg {
    return this.arg as PglsArg;
  }
  get snap(): SnapArg {
    return this.arg as SnapArg;
  }
  get watch(): WatchArg {
    return this.arg as WatchArg;
  }
  get notify(): NotifyArg {
    return this.arg as NotifyArg;
  }
  get assertVer(): AssertVerArg {
    return this.arg as AssertVerArg;
  }
  get copyFrom(): CopyFromArg {
    return this.arg as CopyFromArg;
  }
  get hitSet(): HitSetArg {
    return this.arg as HitSetArg;
  }
  get allocHint(): AllocHintArg {
    return this.arg as AllocHintArg;
  }
  get writeSame(): WriteSameArg {
    return this.arg as WriteSameArg;
  }
  get checksum(): ChecksumArg {
    return this.arg as ChecksumArg;
  }
}

/**
 * ceph_osd_op (include/rados.h), 38 bytes:
 *   u16 op, u32 flags, 28 bytes union, u32 payload_len
 * The union, little-endian, zero-padded:
 *   extent      u64 offset, u64 length, u64 truncate_size, u32 truncate_seq   (all ops not named below)
 *   xattr       u32 name_len, u32 value_len, u8 cmp_op, u8 cmp_mode
 *   cls         u8 class_len, u8 method_len, u8 argc, u32 indata_len; in a reply the OSD has also put the
 *               output's length where an extent has its own
 *   pgls        u64 count, u32 start_epoch
 *   snap        u64 snapid
 *   watch       u64 cookie, u64 ver, u8 op, u32 gen, u32 timeout
 *   notify      u64 cookie
 *   assert_ver  u64 unused, u64 ver
 *   copy_from   u64 snapid, u64 src_version, u8 flags, u32 src_fadvise_flags
 *   hit_set_get u32 sec, u32 nsec
 *   alloc_hint  u64 expected_object_size, u64 expected_write_size, u32 flags
 *   writesame   u64 offset, u64 length, u64 data_length
 *   checksum    u64 offset, u64 length, u32 chunk_size, u8 type
 */
export function encodeOSDOp(e: Encoder, o: OSDOp, payloadLen: number): void {
  e.reserve(OSD_OP_BYTES);
  e.u16(o.op);
  e.u32(o.flags);
  if (o.raw !== undefined) e.bytes(o.raw);
  else if (o.arg === undefined) {
    e.u64(o.offset);
    e.u64(o.length);
    e.u64(o.truncateSize);
    e.u32(o.truncateSeq);
  } else encodeArg(e, o);
  e.u32(payloadLen);
}

function encodeArg(e: Encoder, o: OSDOp): void {
  const end = e.length + UNION_BYTES;
  switch (o.op) {
    case CEPH_OSD_OP_GETXATTR:
    case CEPH_OSD_OP_GETXATTRS:
    case CEPH_OSD_OP_CMPXATTR:
    case CEPH_OSD_OP_SETXATTR:
    case CEPH_OSD_OP_SETXATTRS:
    case CEPH_OSD_OP_RESETXATTRS:
    case CEPH_OSD_OP_RMXATTR:
      e.u32(o.xattr.nameLen);
      e.u32(o.xattr.valueLen);
      e.u8(o.xattr.cmpOp);
      e.u8(o.xattr.cmpMode);
      break;
    case CEPH_OSD_OP_CALL:
      e.u8(o.cls.classLen);
      e.u8(o.cls.methodLen);
      e.u8(o.cls.argc);
      e.u32(o.cls.indataLen);
      e.u8(0);
      e.u64(o.length);
      break;
    case CEPH_OSD_OP_PGLS:
    case CEPH_OSD_OP_PGLS_FILTER:
    case CEPH_OSD_OP_PGNLS:
    case CEPH_OSD_OP_PGNLS_FILTER:
      e.u64(o.pgls.count);
      e.u32(o.pgls.startEpoch);
      break;
    case CEPH_OSD_OP_ROLLBACK:
      encodeSnapId(e, o.snap.snapid);
      break;
    case CEPH_OSD_OP_WATCH:
      e.u64b(o.watch.cookie);
      e.u64(o.watch.ver);
      e.u8(o.watch.op);
      e.u32(o.watch.gen);
      e.u32(o.watch.timeout);
      break;
    case CEPH_OSD_OP_NOTIFY:
    case CEPH_OSD_OP_NOTIFY_ACK:
      e.u64b(o.notify.cookie);
      break;
    case CEPH_OSD_OP_ASSERT_VER:
      e.zeros(8);
      e.u64(o.assertVer.ver);
      break;
    case CEPH_OSD_OP_COPY_FROM:
    case CEPH_OSD_OP_COPY_FROM2:
    case CEPH_OSD_OP_SET_REDIRECT:
      encodeSnapId(e, o.copyFrom.snapid);
      e.u64(o.copyFrom.srcVersion);
      e.u8(o.copyFrom.flags);
      e.u32(o.copyFrom.srcFadviseFlags);
      break;
    case CEPH_OSD_OP_PG_HITSET_GET:
      e.u32(o.hitSet.sec);
      e.u32(o.hitSet.nsec);
      break;
    case CEPH_OSD_OP_SETALLOCHINT:
      e.u64(o.allocHint.expectedObjectSize);
      e.u64(o.allocHint.expectedWriteSize);
      e.u32(o.allocHint.flags);
      break;
    case CEPH_OSD_OP_WRITESAME:
      e.u64(o.offset);
      e.u64(o.length);
      e.u64(o.writeSame.dataLength);
      break;
    case CEPH_OSD_OP_CHECKSUM:
      e.u64(o.offset);
      e.u64(o.length);
      e.u32(o.checksum.chunkSize);
      e.u8(o.checksum.type);
      break;
  }
  e.zeros(end - e.length);
}

/** Reads a ceph_osd_op; input and output stay undefined until the data is split. */
export function decodeOSDOp(d: Decoder): OSDOp {
  const o = new OSDOp(d.u16());
  o.flags = d.u32();
  const start = d.offset;
  switch (o.op) {
    case CEPH_OSD_OP_GETXATTR:
    case CEPH_OSD_OP_GETXATTRS:
    case CEPH_OSD_OP_CMPXATTR:
    case CEPH_OSD_OP_SETXATTR:
    case CEPH_OSD_OP_SETXATTRS:
    case CEPH_OSD_OP_RESETXATTRS:
    case CEPH_OSD_OP_RMXATTR:
      o.arg = { nameLen: d.u32(), valueLen: d.u32(), cmpOp: d.u8(), cmpMode: d.u8() };
      break;
    case CEPH_OSD_OP_CALL:
      o.arg = { classLen: d.u8(), methodLen: d.u8(), argc: d.u8(), indataLen: d.u32() };
      d.skip(1);
      o.length = d.u64();
      break;
    case CEPH_OSD_OP_PGLS:
    case CEPH_OSD_OP_PGLS_FILTER:
    case CEPH_OSD_OP_PGNLS:
    case CEPH_OSD_OP_PGNLS_FILTER:
      o.arg = { count: d.u64(), startEpoch: d.u32() };
      break;
    case CEPH_OSD_OP_ROLLBACK:
      o.arg = { snapid: decodeSnapId(d) };
      break;
    case CEPH_OSD_OP_WATCH:
      o.arg = { cookie: d.u64b(), ver: d.u64(), op: d.u8(), gen: d.u32(), timeout: d.u32() };
      break;
    case CEPH_OSD_OP_NOTIFY:
    case CEPH_OSD_OP_NOTIFY_ACK:
      o.arg = { cookie: d.u64b() };
      break;
    case CEPH_OSD_OP_ASSERT_VER:
      d.skip(8);
      o.arg = { ver: d.u64() };
      break;
    case CEPH_OSD_OP_COPY_FROM:
    case CEPH_OSD_OP_COPY_FROM2:
    case CEPH_OSD_OP_SET_REDIRECT:
      o.arg = { snapid: decodeSnapId(d), srcVersion: d.u64(), flags: d.u8(), srcFadviseFlags: d.u32() };
      break;
    case CEPH_OSD_OP_PG_HITSET_GET:
      o.arg = { sec: d.u32(), nsec: d.u32() };
      break;
    case CEPH_OSD_OP_SETALLOCHINT:
      o.arg = { expectedObjectSize: d.u64(), expectedWriteSize: d.u64(), flags: d.u32() };
      break;
    case CEPH_OSD_OP_WRITESAME:
      o.offset = d.u64();
      o.length = d.u64();
      o.arg = { dataLength: d.u64() };
      break;
    case CEPH_OSD_OP_CHECKSUM:
      o.offset = d.u64();
      o.length = d.u64();
      o.arg = { chunkSize: d.u32(), type: d.u8() };
      break;
    default:
      decodeExtent(d, o);
  }
  d.skip(start + UNION_BYTES - d.offset);
  o.payloadLen = d.u32();
  return o;
}

const TWO32 = 0x1_0000_0000;
/** High half of 2^53. */
const HIGH53 = 0x20_0000;

/**
 * An extent may legitimately hold values beyond 2^53 (file systems send a truncate size of 2^64 - 1): such
 * fields are capped for use and the bytes kept for encoding.
 */
function decodeExtent(d: Decoder, o: OSDOp): void {
  const start = d.offset;
  const offsetLow = d.u32();
  const offsetHigh = d.u32();
  const lengthLow = d.u32();
  const lengthHigh = d.u32();
  const sizeLow = d.u32();
  const sizeHigh = d.u32();
  o.truncateSeq = d.u32();
  if (offsetHigh < HIGH53 && lengthHigh < HIGH53 && sizeHigh < HIGH53) {
    o.offset = offsetHigh * TWO32 + offsetLow;
    o.length = lengthHigh * TWO32 + lengthLow;
    o.truncateSize = sizeHigh * TWO32 + sizeLow;
    return;
  }
  o.offset = capped(offsetHigh, offsetLow);
  o.length = capped(lengthHigh, lengthLow);
  o.truncateSize = capped(sizeHigh, sizeLow);
  o.raw = d.buf.subarray(start, start + UNION_BYTES);
}

function capped(high: number, low: number): number {
  return high < HIGH53 ? high * TWO32 + low : Number.MAX_SAFE_INTEGER;
}

/** Every op's input out of a message's data, in order, as views. */
export function splitInData(d: Decoder, ops: readonly OSDOp[], data: Uint8Array | undefined): void {
  let at = 0;
  for (let i = 0; i < ops.length; i++) {
    const n = ops[i].payloadLen;
    if (n === 0) continue;
    ops[i].indata = slice(d, data, at, n);
    at += n;
  }
}

/** Every op's output out of a reply's data, in order, as views. */
export function splitOutData(d: Decoder, ops: readonly OSDOp[], data: Uint8Array | undefined): void {
  let at = 0;
  for (let i = 0; i < ops.length; i++) {
    const n = ops[i].payloadLen;
    if (n === 0) continue;
    ops[i].outdata = slice(d, data, at, n);
    at += n;
  }
}

function slice(d: Decoder, data: Uint8Array | undefined, at: number, n: number): Buffer {
  if (data === undefined || at + n > data.length)
    d.fail(`an op has ${n} bytes at ${at} of the data, which has ${data === undefined ? 0 : data.length}`);
  if (at === 0 && n === data.length && Buffer.isBuffer(data)) return data;
  return Buffer.from(data.buffer, data.byteOffset + at, n);
}
