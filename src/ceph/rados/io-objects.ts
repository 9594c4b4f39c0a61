import {
  opAppend,
  opCall,
  opCmpExt,
  opCopyFrom,
  opCopyFrom2,
  opCreate,
  opDelete,
  opListSnaps,
  opListWatchers,
  opPlain,
  opRead,
  opSetAllocHint,
  opSparseRead,
  opStat,
  opTruncate,
  opWrite,
  opWriteFull,
  opWriteSame,
  opZero,
} from '../messages/osd-op-build.ts';
import type { Op } from '../objecter/op.ts';
import * as r from '../types/rados.ts';
import { SNAP_DIR } from '../types/snap.ts';
import { type Data, EMPTY, toBytes } from './bytes.ts';
import { MAX_ERRNO, opError } from './errors.ts';
import { CHECKSUM_TYPES } from './flags.ts';
import { type ChecksumRequest, checksumRequest } from './inputs.ts';
import { type CallOptions, IoBase, type WriteCallOptions } from './io-base.ts';
import {
  dataOf,
  decodeChecksums,
  decodeSnaps,
  decodeSparse,
  decodeStat,
  decodeWatchers,
  nothing,
  type ObjectSnaps,
  type ObjectStat,
  type SparseData,
  versionOf,
  type Watcher,
} from './outputs.ts';

export interface ReadOptions extends CallOptions {
  /** Bytes; 0 by default. */
  readonly offset?: number;
  /** Bytes; to the end by default. Fewer come back where the object ends before. */
  readonly length?: number;
  /** Takes the data; what is returned is then the part of it that was filled. */
  readonly into?: Uint8Array;
}

export interface WriteOptions extends WriteCallOptions {
  /** Bytes; 0 by default. */
  readonly offset?: number;
}

/** Another object to copy. */
export interface CopyOptions extends WriteCallOptions {
  /** The source as of a snapshot. */
  readonly snapshot?: bigint;
  /** Version that the source must have; 0 for any. */
  readonly version?: number;
  /** CEPH_OSD_COPY_FROM_FLAG_*. */
  readonly copyFlags?: number;
  /** Truncation sequence and size for the copy. */
  readonly truncate?: { readonly seq: number; readonly size: number };
}

const statOf = (op: Op): ObjectStat => decodeStat(dataOf(op));
const sparseOf = (op: Op): SparseData => decodeSparse(dataOf(op));
const watchersOf = (op: Op): Watcher[] => decodeWatchers(dataOf(op));
const snapsOf = (op: Op): ObjectSnaps => decodeSnaps(dataOf(op));
const crcsOf = (op: Op): number[] => decodeChecksums(dataOf(op), CHECKSUM_TYPES.crc32c) as number[];
const hashes64Of = (op: Op): bigint[] => decodeChecksums(dataOf(op), CHECKSUM_TYPES.xxhash64) as bigint[];

function mismatchOf(op: Op, result: number): number | undefined {
  if (result >= 0) return undefined;
  if (result <= -MAX_ERRNO) return -MAX_ERRNO - result;
  throw opError('compareExt', op, result);
}

/**
 * Operations on the data of objects. All reject with a NacreError that has the errno's name as its code
 * (ENOENT for an object that is not there). Operations on one object take effect in the order of the calls.
 * Writes resolve to the object's new version. Buffers that come back are views of what was received.
 */
export abstract class IoObjects extends IoBase {
  /** Bytes of an object. ENOENT when there is none; past its end an empty buffer. */
  read(oid: string, options?: ReadOptions): Promise<Buffer> {
    if (options === undefined) return this.readOp('read', oid, [opRead(0, 0)], dataOf);
    const { offset = 0, length, into } = options;
    if (into !== undefined) return this.readInto(oid, offset, length, into, options);
    // A length of 0 is "all" on the wire.
    if (length === 0) return this.readOp('read', oid, [opStat()], () => EMPTY, options);
    return this.readOp('read', oid, [opRead(offset, length ?? 0)], dataOf, options);
  }

  private readInto(
    oid: string,
    offset: number,
    length: number | undefined,
    into: Uint8Array,
    options: ReadOptions,
  ): Promise<Buffer> {
    const most = Math.min(length ?? into.length, into.length);
    const place = (op: Op) => {
      const data = most === 0 ? EMPTY : dataOf(op);
      const n = Math.min(data.length, most);
      into.set(data.subarray(0, n));
      op.borrows = true;
      return Buffer.from(into.buffer, into.byteOffset, n);
    };
    const op = most === 0 ? opStat() : opRead(offset, most);
    return this.readOp('read', oid, [op], place, options);
  }

  /** What exists of a range, and where. */
  sparseRead(oid: string, options: CallOptions & { offset?: number; length: number }): Promise<SparseData> {
    const op = opSparseRead(options.offset ?? 0, options.length);
    return this.readOp('sparseRead', oid, [op], sparseOf, options);
  }

  /** Checksums that the OSD computes: numbers, for xxhash64 bigints. */
  checksum(
    oid: string,
    request: ChecksumRequest & { type: 'crc32c' | 'xxhash32' } & CallOptions,
  ): Promise<number[]>;
  checksum(oid: string, request: ChecksumRequest & { type: 'xxhash64' } & CallOptions): Promise<bigint[]>;
  checksum(oid: string, request: ChecksumRequest & CallOptions): Promise<number[] | bigint[]> {
    const op = checksumRequest(request);
    if (request.type === 'xxhash64') return this.readOp('checksum', oid, [op], hashes64Of, request);
    return this.readOp('checksum', oid, [op], crcsOf, request);
  }

  stat(oid: string, options?: CallOptions): Promise<ObjectStat> {
    return this.readOp('stat', oid, [opStat()], statOf, options);
  }

  /** Writes at an offset; makes the object if need be, keeps what else is in it. */
  write(oid: string, data: Data, options?: WriteOptions): Promise<number> {
    const op = opWrite(options?.offset ?? 0, toBytes(data));
    return this.writeOp('write', oid, [op], versionOf, options);
  }

  /** The data becomes the whole object. */
  writeFull(oid: string, data: Data, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('writeFull', oid, [opWriteFull(toBytes(data))], versionOf, options);
  }

  append(oid: string, data: Data, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('append', oid, [opAppend(toBytes(data))], versionOf, options);
  }

  /** Writes the data again and again over `length` bytes, a multiple of its length. */
  writeSame(oid: string, data: Data, options: WriteOptions & { length: number }): Promise<number> {
    const op = opWriteSame(options.offset ?? 0, options.length, toBytes(data));
    return this.writeOp('writeSame', oid, [op], versionOf, options);
  }

  /** Cuts the object, or makes it longer with zeros. */
  truncate(oid: string, size: number, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('truncate', oid, [opTruncate(size)], versionOf, options);
  }

  /** Makes a hole; does not make the object longer. */
  zero(oid: string, offset: number, length: number, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('zero', oid, [opZero(offset, length)], versionOf, options);
  }

  /** Makes an empty object. With `exclusive`, EEXIST when it is there. */
  create(oid: string, options?: WriteCallOptions & { exclusive?: boolean }): Promise<number> {
    return this.writeOp('create', oid, [opCreate(options?.exclusive === true)], versionOf, options);
  }

  remove(oid: string, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('remove', oid, [opDelete()], versionOf, options);
  }

  /** Where in the data the object's bytes at the offset begin to differ; undefined when they do not. */
  compareExt(
    oid: string,
    data: Data,
    options?: CallOptions & { offset?: number },
  ): Promise<number | undefined> {
    const op = opCmpExt(options?.offset ?? 0, toBytes(data));
    return this.readOp('compareExt', oid, [op], mismatchOf, options, true);
  }

  /** Runs a method of an object class on the object; resolves to its output. */
  exec(
    oid: string,
    cls: string,
    method: string,
    input: Data = EMPTY,
    options?: CallOptions,
  ): Promise<Buffer> {
    return this.readOp('exec', oid, [opCall(cls, method, toBytes(input))], dataOf, options);
  }

  /** Makes the object a copy of another one, of this pool or of another; the OSDs move the data. */
  copyFrom(oid: string, source: { io?: IoBase; oid: string }, options: CopyOptions = {}): Promise<number> {
    const from = source.io ?? this;
    const { version = 0, copyFlags = 0, truncate } = options;
    const snapid = options.snapshot ?? from.snapid;
    const op =
      truncate === undefined
        ? opCopyFrom(source.oid, snapid, from.locator, version, copyFlags)
        : opCopyFrom2(source.oid, snapid, from.locator, version, truncate.seq, truncate.size, copyFlags);
    return this.writeOp('copyFrom', oid, [op], versionOf, options);
  }

  /** Tells how large the object and writes to it will be; makes the object if need be. Flags: ALLOC_HINT_*. */
  setAllocHint(
    oid: string,
    hint: { expectedObjectSize: number; expectedWriteSize: number; flags?: number },
    options?: WriteCallOptions,
  ): Promise<number> {
    const op = opSetAllocHint(hint.expectedObjectSize, hint.expectedWriteSize, hint.flags);
    return this.writeOp('setAllocHint', oid, [op], versionOf, options);
  }

  listWatchers(oid: string, options?: CallOptions): Promise<Watcher[]> {
    return this.readOp('listWatchers', oid, [opListWatchers()], watchersOf, options);
  }

  /** The clones of an object and which snapshots they serve. */
  listSnaps(oid: string, options?: CallOptions): Promise<ObjectSnaps> {
    return this.readOpAt(SNAP_DIR, 'listSnaps', oid, [opListSnaps()], snapsOf, options);
  }

  // Cache tiers.

  /** Keeps the object in the cache tier. */
  cachePin(oid: string, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('cachePin', oid, [opPlain(r.CEPH_OSD_OP_CACHE_PIN)], versionOf, options);
  }

  cacheUnpin(oid: string, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('cacheUnpin', oid, [opPlain(r.CEPH_OSD_OP_CACHE_UNPIN)], versionOf, options);
  }

  /** Writes the cached object to the base pool. */
  cacheFlush(oid: string, options?: CallOptions): Promise<void> {
    return this.cacheOp('cacheFlush', oid, r.CEPH_OSD_OP_CACHE_FLUSH, options);
  }

  /** The same; EBUSY when the object is in use. */
  cacheTryFlush(oid: string, options?: CallOptions): Promise<void> {
    // One that does not wait takes no locks either, and OSDs insist that it says so.
    const flags = (options?.flags ?? 0) | r.CEPH_OSD_FLAG_SKIPRWLOCKS;
    return this.cacheOp('cacheTryFlush', oid, r.CEPH_OSD_OP_CACHE_TRY_FLUSH, { ...options, flags });
  }

  /** Drops the clean cached object. */
  cacheEvict(oid: string, options?: CallOptions): Promise<void> {
    return this.cacheOp('cacheEvict', oid, r.CEPH_OSD_OP_CACHE_EVICT, options);
  }

  /** Reads that must not be answered by promoting the object, but go to the cache pool itself. */
  private cacheOp(name: string, oid: string, op: number, options: CallOptions = {}): Promise<void> {
    const flags = (options.flags ?? 0) | r.CEPH_OSD_FLAG_IGNORE_OVERLAY | r.CEPH_OSD_FLAG_IGNORE_CACHE;
    return this.readOp(name, oid, [opPlain(op)], nothing, { ...options, flags });
  }

  /** Turns a redirect or chunked object into a plain one. */
  unsetManifest(oid: string, options?: WriteCallOptions): Promise<number> {
    const op = opPlain(r.CEPH_OSD_OP_UNSET_MANIFEST);
    return this.writeOp('unsetManifest', oid, [op], versionOf, options);
  }

  /** Brings the data of a manifest object here. */
  tierPromote(oid: string, options?: WriteCallOptions): Promise<number> {
    const op = opPlain(r.CEPH_OSD_OP_TIER_PROMOTE);
    return this.writeOp('tierPromote', oid, [op], versionOf, options);
  }
}
