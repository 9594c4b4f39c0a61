import { NacreError } from '../../base/errors.ts';
import { type Span, tracing, wind } from '../../base/trace.ts';
import type { OSDOp } from '../messages/osd-op.ts';
import { opRead, opWrite } from '../messages/osd-op-build.ts';
import type { Objecter } from '../objecter/objecter.ts';
import { Op, type OpCompletion } from '../objecter/op.ts';
import type { PgPool } from '../osdmap/pool.ts';
import { makeLocator, type ObjectLocator } from '../types/object-locator.ts';
import { CEPH_OSD_FLAG_READ, CEPH_OSD_FLAG_WRITE } from '../types/rados.ts';
import { SNAP_HEAD, SNAPC_EMPTY, type SnapContext } from '../types/snap.ts';
import { utimeFromMs } from '../types/utime.ts';
import { Completion, type Decode } from './completion.ts';
import { OPERATION_BALANCE_READS, OPERATION_LOCALIZE_READS } from './flags.ts';

/** Names all namespaces of a pool in a listing (LIBRADOS_ALL_NSPACES). */
export const ALL_NAMESPACES = '\u0001';

/** How the objects of a pool are looked at. */
export interface IoOptions {
  /** Objects of different namespaces may have the same name; '' is the default one. */
  readonly namespace?: string;
  /** Hashed in place of objects' names, so that objects of one key lie together. */
  readonly locator?: string;
  /** Reads see this snapshot; writes fail with EROFS. */
  readonly snapshot?: bigint;
  /** Snapshots that writes preserve (self-managed ones). */
  readonly snapContext?: SnapContext;
  /** Who serves reads: the primary, any replica, or the nearest. */
  readonly readFrom?: 'primary' | 'any' | 'nearest';
  /** OPERATION_* of every operation. */
  readonly flags?: number;
}

/** What any operation takes. */
export interface CallOptions {
  /** Gives the operation up. What was sent already may take effect all the same. */
  readonly signal?: AbortSignal;
  /** OPERATION_*. */
  readonly flags?: number;
  /** OP_*: advice on caching. */
  readonly opFlags?: number;
  /** Span of the caller's that the operation belongs to. */
  readonly trace?: Span;
}

export interface WriteCallOptions extends CallOptions {
  /** The object's new modification time; now by default. */
  readonly mtime?: Date;
}

const NONE: WriteCallOptions = {};

const READ_FROM = { primary: 0, any: OPERATION_BALANCE_READS, nearest: OPERATION_LOCALIZE_READS } as const;

/** A pool, seen one way, and how operations get from it to the objecter. */
export abstract class IoBase {
  readonly objecter: Objecter;
  /** Pool id. */
  readonly pool: number;
  readonly options: IoOptions;
  readonly locator: ObjectLocator;
  readonly snapid: bigint;
  readonly snapc: SnapContext;
  /** Version of the object that the last finished operation read or wrote (rados_get_last_version). */
  lastVersion = 0;
  protected readonly readFlags: number;
  protected readonly writeFlags: number;

  constructor(objecter: Objecter, pool: number, options: IoOptions) {
    this.objecter = objecter;
    this.pool = pool;
    this.options = options;
    this.locator = makeLocator(pool, options.namespace ?? '', options.locator ?? '');
    this.snapid = options.snapshot ?? SNAP_HEAD;
    this.snapc = options.snapContext ?? SNAPC_EMPTY;
    const flags = options.flags ?? 0;
    this.readFlags = CEPH_OSD_FLAG_READ | flags | READ_FROM[options.readFrom ?? 'primary'];
    this.writeFlags = CEPH_OSD_FLAG_WRITE | flags;
  }

  get namespace(): string {
    return this.locator.nspace;
  }

  /** The pool's name, as of the map that we have. */
  get poolName(): string {
    return this.objecter.map.poolNames.get(this.pool) ?? '';
  }

  /** The pool as the map has it. @throws NacreError ENOENT when it was deleted. */
  get poolInfo(): PgPool {
    const pool = this.objecter.map.pools.get(this.pool);
    if (pool === undefined) throw new NacreError('ENOENT', 'rados.pool', `pool ${this.pool} was deleted`);
    return pool;
  }

  /** An op that reads. */
  protected readOp<T>(
    name: string,
    oid: string,
    ops: OSDOp[],
    decode: Decode<T>,
    options: CallOptions = NONE,
    raw = false,
  ): Promise<T> {
    return this.readOpAt(this.snapid, name, oid, ops, decode, options, raw);
  }

  /** An op that reads a snapshot of its own choice. */
  protected readOpAt<T>(
    snapid: bigint,
    name: string,
    oid: string,
    ops: OSDOp[],
    decode: Decode<T>,
    options: CallOptions = NONE,
    raw = false,
  ): Promise<T> {
    const span = tracing() ? this.enter(name, oid, options) : undefined;
    const completion = new Completion(this, name, decode, raw, span);
    const flags = options.flags === undefined ? this.readFlags : this.readFlags | options.flags;
    const op = new Op(oid, this.locator, flags, ops, completion);
    op.snapid = snapid;
    op.span = span;
    if (options.opFlags !== undefined) for (const o of ops) o.flags |= options.opFlags;
    this.objecter.submit(op, options.signal);
    return completion.promise;
  }

  /** An op that writes. */
  protected writeOp<T>(
    name: string,
    oid: string,
    ops: OSDOp[],
    decode: Decode<T>,
    options: WriteCallOptions = NONE,
    raw = false,
  ): Promise<T> {
    if (this.snapid !== SNAP_HEAD) return Promise.reject(this.readOnly(name, oid));
    const span = tracing() ? this.enter(name, oid, options) : undefined;
    const completion = new Completion(this, name, decode, raw, span);
    const flags = options.flags === undefined ? this.writeFlags : this.writeFlags | options.flags;
    const op = new Op(oid, this.locator, flags, ops, completion);
    op.snapc = this.snapc;
    op.mtime = options.mtime === undefined ? this.objecter.now() : utimeFromMs(options.mtime.getTime());
    op.span = span;
    if (options.opFlags !== undefined) for (const o of ops) o.flags |= options.opFlags;
    this.objecter.submit(op, options.signal);
    return completion.promise;
  }

  private readOnly(name: string, oid: string): NacreError {
    return new NacreError('EROFS', `rados.${name}`, `'${oid}' is looked at as of snapshot ${this.snapid}`);
  }

  private enter(name: string, oid: string, options: CallOptions): Span | undefined {
    return wind(`librados.IoCtx.${name}`, options.trace, { oid, pool: this.pool });
  }

  // The ways without a promise, for those who count microseconds.

  /**
   * Reads; `completion` is called with the op, whose reply has the data (`op.reply.ops[0].outdata`), which is only
   * there during the call. False when the op waits for room in the client's budget: submit no more until
   * something finished.
   */
  submitRead(oid: string, offset: number, length: number, completion: OpCompletion): boolean {
    const op = new Op(oid, this.locator, this.readFlags, [opRead(offset, length)], completion);
    op.snapid = this.snapid;
    op.borrows = true;
    return this.objecter.submit(op);
  }

  /** Writes at an offset; otherwise as submitRead. The bytes must not change until it is finished. */
  submitWrite(oid: string, offset: number, data: Uint8Array, completion: OpCompletion): boolean {
    return this.submitWriteOps(oid, [opWrite(offset, data)], completion);
  }

  /** Any ops that write; otherwise as submitRead. */
  submitWriteOps(oid: string, ops: OSDOp[], completion: OpCompletion): boolean {
    const op = new Op(oid, this.locator, this.writeFlags, ops, completion);
    op.snapc = this.snapc;
    op.mtime = this.objecter.now();
    return this.objecter.submit(op);
  }

  /**
   * Any ops at a snapshot of the caller's choice, with flags (OPERATION_*) and a span; otherwise as submitRead. With `write`
   * they are ops that write, and go to the head with this snap context. `borrows`: the completion keeps none of the
   * reply's data.
   */
  submitOps(
    oid: string,
    ops: OSDOp[],
    write: boolean,
    snapid: bigint,
    flags: number,
    borrows: boolean,
    span: Span | undefined,
    completion: OpCompletion,
  ): boolean {
    const op = new Op(oid, this.locator, (write ? this.writeFlags : this.readFlags) | flags, ops, completion);
    op.borrows = borrows;
    op.span = span;
    if (write) {
      op.snapc = this.snapc;
      op.mtime = this.objecter.now();
    } else op.snapid = snapid;
    return this.objecter.submit(op);
  }
}
