import type { Span } from '../../../base/trace.ts';
import type { IoCtx } from '../../rados/ioctx.ts';

// An I/O goes down three steps. ImageIo takes a range of the image, holds it back where it must (lock, refresh,
// blocked writes), clips it and splits it by the striping into ObjectRead and ObjectWrite. These go through a stack
// of ObjectLayers: the cache, if there is one, over the layer that talks to the OSDs (object map, copy-up). Every
// step calls back; promises exist only at the API.

/** Advice of the caller's, passed on as the op's flags (CEPH_OSD_OP_FLAG_FADVISE_*). */
export type IoFlags = number;

/** A read of a range of one object. The one who makes it owns it; it is finished once. */
export interface ObjectRead {
  readonly objectNo: number;
  /** Bytes, within the object. */
  readonly offset: number;
  readonly length: number;
  /** SNAP_HEAD or a snapshot. */
  readonly snapId: bigint;
  readonly flags: IoFlags;
  readonly span: Span | undefined;
  /**
   * Where the bytes go: exactly `length` of them, holes as zeros. When undefined, the layer that finishes the read
   * sets it to memory that the reader may keep.
   */
  into: Buffer | undefined;
  /**
   * Where data was, as pairs of offset and length within the read, in order; the rest are holes (zeros in `into`).
   * Undefined when that is not known: all of it counts as data.
   */
  extents: number[] | undefined;
  /** Called once. `result` is 0 or a negative errno; ENOENT never comes up: what is not there is zeros. */
  finished(result: number): void;
}

export const OBJECT_WRITE = 0;
export const OBJECT_DISCARD = 1;
export const OBJECT_WRITE_SAME = 2;
export const OBJECT_COMPARE_AND_WRITE = 3;
export type ObjectWriteKind = 0 | 1 | 2 | 3;

/** Discards that may leave an object smaller must not when this is set: zeros are written (librbd's write-zeroes). */
export const DISCARD_NO_TRUNCATE = 1;
/** The object may not be removed, as a parent would shine through. Set by whoever knows the overlap. */
export const DISCARD_KEEP_OBJECT = 2;

/** A change of a range of one object. */
export interface ObjectWrite {
  readonly kind: ObjectWriteKind;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  /**
   * The bytes, in order, `length` in all; empty for a discard; the pattern for write-same. They do not change until
   * the write is finished, and whoever keeps them longer copies them.
   */
  readonly data: readonly Uint8Array[];
  /** They never change, so there is no need for a copy. */
  readonly constant?: boolean;
  /** What must be there for compare-and-write. */
  readonly compare: Uint8Array | undefined;
  /** The data pool, seen with the snap context that was the image's when the write was issued. */
  readonly view: IoCtx;
  /** DISCARD_*. */
  readonly discardFlags: number;
  readonly flags: IoFlags;
  readonly span: Span | undefined;
  /** Where a comparison failed, bytes within the object, when it did (EILSEQ). */
  mismatch: number;
  /** Called once: 0 or a negative errno. */
  finished(result: number): void;
}

export type FlushSource = 'user' | 'internal' | 'shutdown' | 'refresh' | 'lock' | 'writeback';

/** One layer of the way that objects' I/O takes. */
export interface ObjectLayer {
  read(read: ObjectRead): void;
  write(write: ObjectWrite): void;
  /** `done` once everything that was finished before the call is safe on the OSDs: 0 or a negative errno. */
  flush(source: FlushSource, done: (result: number) => void): void;
  /** Drops what is remembered of objects' content; dirty data is lost if it was not flushed. */
  invalidate(): void;
  /** The layer ends; it was flushed before. Idempotent. */
  close(): void;
}

/** Who hears of the end of an I/O on the image. */
export interface IoCompletion {
  /** `result`: bytes read or written, or a negative errno. */
  ioFinished(request: ImageRequest, result: number): void;
}

/** An I/O on the image, as its completion sees it. */
export interface ImageRequest {
  readonly offset: number;
  readonly length: number;
  /** What was read: `length` bytes. */
  readonly data: Buffer | undefined;
  /** Of a read with `sparse`: where data was, as ObjectRead.extents, within the request. */
  readonly extents: number[] | undefined;
  /** Offset within the image where compare-and-write found a difference; -1 otherwise. */
  readonly mismatch: number;
}

export interface ReadIoOptions {
  /** Memory to read into, `length` bytes. */
  readonly into?: Buffer;
  /** SNAP_HEAD or a snapshot; that of the handle by default. */
  readonly snapId?: bigint;
  readonly flags?: IoFlags;
  /** Wants `extents`. */
  readonly sparse?: boolean;
  readonly span?: Span;
}

export interface WriteIoOptions {
  readonly flags?: IoFlags;
  /** The caller leaves the memory as it is for good: a cache need not copy it. */
  readonly constant?: boolean;
  readonly span?: Span;
}

export interface DiscardIoOptions extends WriteIoOptions {
  /** Bytes; smaller and unaligned parts are left out. rbd_discard_granularity_bytes by default; 0: exact. */
  readonly granularity?: number;
}

export interface WriteZeroesIoOptions extends WriteIoOptions {
  /** Writes zeros, so that the space is taken (RBD_WRITE_ZEROES_FLAG_THICK_PROVISION). */
  readonly thick?: boolean;
}

/**
 * The way of I/O into an image (librbd's ImageRequestWQ and dispatchers). The calls without a promise return at once and
 * report to the completion; offsets past the end give EINVAL, ranges over the end are clipped for reads as librbd does.
 */
export interface ImageIo {
  read(offset: number, length: number, completion: IoCompletion, options?: ReadIoOptions): void;
  write(
    offset: number,
    data: readonly Uint8Array[],
    completion: IoCompletion,
    options?: WriteIoOptions,
  ): void;
  discard(offset: number, length: number, completion: IoCompletion, options?: DiscardIoOptions): void;
  writeZeroes(offset: number, length: number, completion: IoCompletion, options?: WriteZeroesIoOptions): void;
  writeSame(
    offset: number,
    length: number,
    data: Uint8Array,
    completion: IoCompletion,
    options?: WriteIoOptions,
  ): void;
  compareAndWrite(
    offset: number,
    compare: Uint8Array,
    data: Uint8Array,
    completion: IoCompletion,
    options?: WriteIoOptions,
  ): void;
  /** Waits for the writes issued before it, and flushes the cache. */
  flush(completion: IoCompletion, source?: FlushSource): void;
  flushAsync(source?: FlushSource): Promise<void>;

  /**
   * New writes wait from now on; resolves when those that were under way are finished (not: flushed). Calls nest:
   * each needs its unblockWrites.
   */
  blockWrites(): Promise<void>;
  unblockWrites(): void;
  readonly writesBlocked: boolean;
  /**
   * Whether I/O must have the exclusive lock before it may go on. While required, it waits and
   * `ctx.exclusiveLock.wantLock()` is called; setting false lets it go.
   */
  requireLock(reads: boolean, writes: boolean): void;
  /** Fails all I/O that waits, with this errno (negative): what it waits for cannot be had. */
  failWaiting(result: number): void;
  /** The lock that I/O waits for cannot be had: what waits fails with this errno (negative). */
  lockFailed?(result: number): void;
  /** Fails everything that waits, and all to come, with this errno (negative). */
  shutDown(result: number): Promise<void>;
  /** The stack's top, for those who move whole objects (flatten, copy). */
  readonly objects: ObjectLayer;
  /** I/O that was issued and not finished. */
  readonly inFlight: number;
}
