import type { OSDOp } from '../messages/osd-op.ts';
import { type OmapAssertion, opChecksum, opCmpXattr, opOmapCmp } from '../messages/osd-op-build.ts';
import { CEPH_OSD_CMPXATTR_MODE_STRING, CEPH_OSD_CMPXATTR_MODE_U64 } from '../types/rados.ts';
import { type Data, toBytes } from './bytes.ts';
import { CHECKSUM_TYPES, type ChecksumType, COMPARISONS, type Comparison } from './flags.ts';

/** Values by name: a Map, any iterable of pairs, or a plain object. */
export type Values = Iterable<readonly [string, Data]> | Readonly<Record<string, Data>>;

export function toValues(values: Values): Map<string, Uint8Array> {
  const map = new Map<string, Uint8Array>();
  const pairs =
    Symbol.iterator in values ? (values as Iterable<readonly [string, Data]>) : Object.entries(values);
  for (const [name, value] of pairs) map.set(name, toBytes(value));
  return map;
}

/** What an xattr is compared with: bytes, or a number, for which the stored text is read as one. */
export function xattrComparison(name: string, op: Comparison, value: Data | bigint): OSDOp {
  if (typeof value !== 'bigint')
    return opCmpXattr(name, COMPARISONS[op], CEPH_OSD_CMPXATTR_MODE_STRING, toBytes(value));
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return opCmpXattr(name, COMPARISONS[op], CEPH_OSD_CMPXATTR_MODE_U64, bytes);
}

/** What an omap value must be; a key that is not there counts as an empty value. */
export interface OmapCondition {
  /** Only these three can be asked of the omap. */
  readonly op: 'eq' | 'lt' | 'gt';
  readonly value: Data;
}

export type OmapConditions =
  | Iterable<readonly [string, OmapCondition]>
  | Readonly<Record<string, OmapCondition>>;

export function omapComparison(conditions: OmapConditions): OSDOp {
  const pairs =
    Symbol.iterator in conditions
      ? (conditions as Iterable<readonly [string, OmapCondition]>)
      : Object.entries(conditions);
  const assertions = new Map<string, OmapAssertion>();
  for (const [key, { op, value }] of pairs)
    assertions.set(key, { value: toBytes(value), cmpOp: COMPARISONS[op] });
  return opOmapCmp(assertions);
}

/** Where and how to sum up an object on the OSD. */
export interface ChecksumRequest {
  readonly type: ChecksumType;
  /** Start value; all ones by default, as Ceph's crc32c is used. */
  readonly seed?: number | bigint;
  readonly offset?: number;
  /** Bytes; 0 for all that follow. */
  readonly length?: number;
  /** One sum for every so many bytes, which must divide the length (to be given then); 0 for one in all. */
  readonly chunkSize?: number;
}

export function checksumRequest(request: ChecksumRequest): OSDOp {
  const { type, seed, offset = 0, length = 0, chunkSize = 0 } = request;
  let init: Buffer;
  if (type === 'xxhash64') {
    init = Buffer.alloc(8);
    init.writeBigUInt64LE(BigInt.asUintN(64, BigInt(seed ?? -1)));
  } else {
    init = Buffer.alloc(4);
    init.writeUInt32LE(Number(BigInt.asUintN(32, BigInt(seed ?? -1))));
  }
  return opChecksum(CHECKSUM_TYPES[type], init, offset, length, chunkSize);
}
