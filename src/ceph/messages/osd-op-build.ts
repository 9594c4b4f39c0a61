import { Encoder } from '../../base/encoder.ts';
import { encBlob, encodeList, encodeMap, encStr } from '../types/collections.ts';
import { encodeHObject, type HObject } from '../types/hobject.ts';
import { encodeObjectLocator, type ObjectLocator } from '../types/object-locator.ts';
import * as r from '../types/rados.ts';
import { OSDOp } from './osd-op.ts';

// One function an operation, as the Objecter's ObjectOperation has them: they fill in the union of
// ceph_osd_op and write the input in the form that the OSD reads. Lengths and offsets are bytes.

export function opRead(offset: number, length: number): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_READ, offset, length);
}

/** Output: map u64 offset -> u64 length of what is there, then the bytes of it as one blob. */
export function opSparseRead(offset: number, length: number): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_SPARSE_READ, offset, length);
}

/** Output: u64 size, utime_t mtime. Also asserts that the object exists. */
export function opStat(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_STAT);
}

/** Output: u32 count, then a u32 or u64 for each chunk. `init` is the seed, u32 or u64 as the type wants. */
export function opChecksum(
  type: number,
  init: Uint8Array,
  offset: number,
  length: number,
  chunkSize: number,
): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_CHECKSUM, offset, length, init, { chunkSize, type });
}

/** Fails with -(4095 + index) of the first byte that differs. */
export function opCmpExt(offset: number, data: Uint8Array): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_CMPEXT, offset, data.length, data);
}

export function opWrite(offset: number, data: Uint8Array): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_WRITE, offset, data.length, data);
}

export function opWriteFull(data: Uint8Array): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_WRITEFULL, 0, data.length, data);
}

export function opAppend(data: Uint8Array): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_APPEND, 0, data.length, data);
}

/** Writes `data` again and again over `length` bytes, a multiple of its length. */
export function opWriteSame(offset: number, length: number, data: Uint8Array): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_WRITESAME, offset, length, data, { dataLength: data.length });
}

export function opZero(offset: number, length: number): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_ZERO, offset, length);
}

export function opTruncate(size: number): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_TRUNCATE, size);
}

export function opDelete(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_DELETE);
}

export function opCreate(exclusive: boolean): OSDOp {
  const op = new OSDOp(r.CEPH_OSD_OP_CREATE);
  if (exclusive) op.flags = r.CEPH_OSD_OP_FLAG_EXCL;
  return op;
}

/** Advice only: an OSD that does not know it goes on with the next op. */
export function opSetAllocHint(expectedObjectSize: number, expectedWriteSize: number, flags = 0): OSDOp {
  const op = new OSDOp(r.CEPH_OSD_OP_SETALLOCHINT, 0, 0, undefined, {
    expectedObjectSize,
    expectedWriteSize,
    flags,
  });
  op.flags = r.CEPH_OSD_OP_FLAG_FAILOK;
  return op;
}

function xattr(op: number, name: string, value?: Uint8Array, cmpOp = 0, cmpMode = 0): OSDOp {
  const nameBytes = Buffer.from(name, 'utf8');
  const valueLen = value === undefined ? 0 : value.length;
  const indata = valueLen === 0 ? nameBytes : Buffer.concat([nameBytes, value!]);
  return new OSDOp(op, 0, 0, indata, { nameLen: nameBytes.length, valueLen, cmpOp, cmpMode });
}

export function opGetXattr(name: string): OSDOp {
  return xattr(r.CEPH_OSD_OP_GETXATTR, name);
}

/** Output: map str -> blob. */
export function opGetXattrs(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_GETXATTRS);
}

export function opSetXattr(name: string, value: Uint8Array): OSDOp {
  return xattr(r.CEPH_OSD_OP_SETXATTR, name, value);
}

export function opRmXattr(name: string): OSDOp {
  return xattr(r.CEPH_OSD_OP_RMXATTR, name);
}

/** `cmpOp` CEPH_OSD_CMPXATTR_OP_*, `mode` CEPH_OSD_CMPXATTR_MODE_*; in U64 mode the value is a u64. */
export function opCmpXattr(name: string, cmpOp: number, mode: number, value: Uint8Array): OSDOp {
  return xattr(r.CEPH_OSD_OP_CMPXATTR, name, value, cmpOp, mode);
}

/** Runs a method of an object class. Output: what the method gives. */
export function opCall(className: string, method: string, input: Uint8Array): OSDOp {
  const classBytes = Buffer.from(className, 'utf8');
  const methodBytes = Buffer.from(method, 'utf8');
  return new OSDOp(r.CEPH_OSD_OP_CALL, 0, 0, Buffer.concat([classBytes, methodBytes, input]), {
    classLen: classBytes.length,
    methodLen: methodBytes.length,
    argc: 0,
    indataLen: input.length,
  });
}

function input(encode: (e: Encoder) => void): Buffer {
  const e = new Encoder(64);
  encode(e);
  return e.result();
}

// omap ops have their input's length where an extent has its own, as the Objecter's do.

/** Output: set of str, then u8 whether there are more. */
export function opOmapGetKeys(startAfter: string, max: number): OSDOp {
  const indata = input(e => {
    e.str(startAfter);
    e.u64(max);
  });
  return new OSDOp(r.CEPH_OSD_OP_OMAPGETKEYS, 0, indata.length, indata);
}

/** Output: map str -> blob, then u8 whether there are more. */
export function opOmapGetVals(startAfter: string, filterPrefix: string, max: number): OSDOp {
  const indata = input(e => {
    e.str(startAfter);
    e.u64(max);
    e.str(filterPrefix);
  });
  return new OSDOp(r.CEPH_OSD_OP_OMAPGETVALS, 0, indata.length, indata);
}

/** Output: the header's bytes. */
export function opOmapGetHeader(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_OMAPGETHEADER);
}

function keySet(op: number, keys: readonly string[]): OSDOp {
  const indata = input(e => encodeList(e, keys, encStr));
  return new OSDOp(op, 0, indata.length, indata);
}

/** Output: map str -> blob, of the keys that exist. */
export function opOmapGetValsByKeys(keys: readonly string[]): OSDOp {
  return keySet(r.CEPH_OSD_OP_OMAPGETVALSBYKEYS, keys);
}

export function opOmapRmKeys(keys: readonly string[]): OSDOp {
  return keySet(r.CEPH_OSD_OP_OMAPRMKEYS, keys);
}

export interface OmapAssertion {
  readonly value: Uint8Array;
  /** CEPH_OSD_CMPXATTR_OP_EQ, _LT or _GT. */
  readonly cmpOp: number;
}

/** Fails with ECANCELED when one does not hold. */
export function opOmapCmp(assertions: ReadonlyMap<string, OmapAssertion>): OSDOp {
  const indata = input(e =>
    encodeMap(e, assertions, encStr, (e, a) => {
      e.blob(a.value);
      e.i32(a.cmpOp);
    }),
  );
  return new OSDOp(r.CEPH_OSD_OP_OMAP_CMP, 0, indata.length, indata);
}

export function opOmapSetVals(values: ReadonlyMap<string, Uint8Array>): OSDOp {
  const indata = input(e => encodeMap(e, values, encStr, encBlob));
  return new OSDOp(r.CEPH_OSD_OP_OMAPSETVALS, 0, indata.length, indata);
}

export function opOmapSetHeader(header: Uint8Array): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_OMAPSETHEADER, 0, header.length, header);
}

export function opOmapClear(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_OMAPCLEAR);
}

/** Removes the keys from `begin` up to and without `end`. */
export function opOmapRmKeyRange(begin: string, end: string): OSDOp {
  const indata = input(e => {
    e.str(begin);
    e.str(end);
  });
  return new OSDOp(r.CEPH_OSD_OP_OMAPRMKEYRANGE, 0, indata.length, indata);
}

/** Fails with ERANGE or EOVERFLOW when the object's user version is another. */
export function opAssertVer(ver: number): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_ASSERT_VER, 0, 0, undefined, { ver });
}

export function opRollback(snapid: bigint): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_ROLLBACK, 0, 0, undefined, { snapid });
}

/** Output: obj_list_snap_response_t. Wants the snap id SNAP_DIR in the message. */
export function opListSnaps(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_LIST_SNAPS);
}

/** Output: obj_list_watch_response_t. */
export function opListWatchers(): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_LIST_WATCHERS);
}

/** `op` CEPH_OSD_WATCH_OP_*; `timeout` in seconds, 0 for the OSD's own. */
export function opWatch(cookie: bigint, op: number, timeout = 0, gen = 0): OSDOp {
  return new OSDOp(r.CEPH_OSD_OP_WATCH, 0, 0, undefined, { cookie, ver: 0, op, gen, timeout });
}

/** Input: u32 protocol 1, u32 timeout in seconds, blob. Output: u64 notify id. */
export function opNotify(cookie: bigint, timeout: number, payload: Uint8Array): OSDOp {
  const indata = input(e => {
    e.u32(1);
    e.u32(timeout);
    e.blob(payload);
  });
  return new OSDOp(r.CEPH_OSD_OP_NOTIFY, 0, 0, indata, { cookie });
}

/** A watcher's answer. Input: u64 notify id, u64 cookie of the watch, blob. */
export function opNotifyAck(notifyId: bigint, cookie: bigint, reply: Uint8Array): OSDOp {
  const indata = input(e => {
    e.u64b(notifyId);
    e.u64b(cookie);
    e.blob(reply);
  });
  return new OSDOp(r.CEPH_OSD_OP_NOTIFY_ACK, 0, 0, indata);
}

/** The whole of another object. `version` is what the source must have, 0 for any. */
export function opCopyFrom(
  oid: string,
  snapid: bigint,
  oloc: ObjectLocator,
  version: number,
  flags = 0,
  srcFadviseFlags = 0,
): OSDOp {
  const indata = input(e => {
    e.str(oid);
    encodeObjectLocator(e, oloc);
  });
  const arg = { snapid, srcVersion: version, flags, srcFadviseFlags };
  return new OSDOp(r.CEPH_OSD_OP_COPY_FROM, 0, 0, indata, arg);
}

/** opCopyFrom that also sets the object's truncate sequence and size. */
export function opCopyFrom2(
  oid: string,
  snapid: bigint,
  oloc: ObjectLocator,
  version: number,
  truncateSeq: number,
  truncateSize: number,
  flags = 0,
  srcFadviseFlags = 0,
): OSDOp {
  const indata = input(e => {
    e.str(oid);
    encodeObjectLocator(e, oloc);
    e.u32(truncateSeq);
    e.u64(truncateSize);
  });
  const arg = {
    snapid,
    srcVersion: version,
    flags: flags | r.CEPH_OSD_COPY_FROM_FLAG_TRUNCATE_SEQ,
    srcFadviseFlags,
  };
  return new OSDOp(r.CEPH_OSD_OP_COPY_FROM2, 0, 0, indata, arg);
}

/**
 * Names of a PG from a cursor on, with namespaces and keys. Output: pg_nls_response_t (handle to go on
 * with, then the entries).
 */
export function opPgnls(count: number, cursor: HObject, startEpoch: number): OSDOp {
  const indata = input(e => encodeHObject(e, cursor));
  return new OSDOp(r.CEPH_OSD_OP_PGNLS, 0, 0, indata, { count, startEpoch });
}

/** opPgnls of those that an encoded filter ("plain" or a class's) lets through. */
export function opPgnlsFilter(count: number, filter: Uint8Array, cursor: HObject, startEpoch: number): OSDOp {
  const indata = input(e => {
    e.str('pg');
    e.str('filter');
    e.bytes(filter);
    encodeHObject(e, cursor);
  });
  return new OSDOp(r.CEPH_OSD_OP_PGNLS_FILTER, 0, 0, indata, { count, startEpoch });
}

/** An op without arguments: UNDIRTY, ISDIRTY, CACHE_FLUSH, CACHE_EVICT, CACHE_PIN, TIER_PROMOTE ... */
export function opPlain(op: number): OSDOp {
  return new OSDOp(op);
}
