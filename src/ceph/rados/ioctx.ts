import type { Readable, Writable } from 'node:stream';
import { Decoder } from '../../base/decoder.ts';
import { ERRNO, errnoName, errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import {
  POOL_OP_CREATE_SNAP,
  POOL_OP_CREATE_UNMANAGED_SNAP,
  POOL_OP_DELETE_SNAP,
  POOL_OP_DELETE_UNMANAGED_SNAP,
} from '../messages/mpool-op.ts';
import { opRollback } from '../messages/osd-op-build.ts';
import { Aborter } from '../objecter/aborter.ts';
import { decodeNotifyResponse, type NotifyAck, type NotifyTimeout } from '../objecter/notify-response.ts';
import type { Op } from '../objecter/op.ts';
import type { PoolSnapInfo } from '../types/snap.ts';
import { utimeToMs } from '../types/utime.ts';
import { type Data, EMPTY, toBytes } from './bytes.ts';
import { OperationError, type OpOutcome, opError, radosErrorCode } from './errors.ts';
import { IoAttrs } from './io-attrs.ts';
import type { CallOptions, IoOptions, WriteCallOptions } from './io-base.ts';
import {
  type CursorRange,
  type ListOptions,
  type ListPage,
  listPage,
  ObjectCursor,
  ObjectLister,
  sliceRange,
} from './listing.ts';
import * as locks from './locks.ts';
import type { Operation } from './operation.ts';
import { ReadOperation } from './operation.ts';
import { nothing, versionOf } from './outputs.ts';
import * as streams from './streams.ts';
import { Watch, type WatchHost, type WatchOptions } from './watch.ts';

/** What a compound operation came to. */
export interface OperationResult {
  /** The object's version that was read or written. */
  readonly version: number;
  /** Of each op, in the order in which they were added. */
  readonly results: readonly OpOutcome[];
}

export interface NotifyResult {
  readonly acks: readonly NotifyAck[];
  /** Watchers that did not answer in time. */
  readonly timeouts: readonly NotifyTimeout[];
}

/** A snapshot of a whole pool. */
export interface PoolSnapshot {
  readonly id: bigint;
  readonly name: string;
  readonly stamp: Date;
}

const snapshotOf = ({ snapid, name, stamp }: PoolSnapInfo): PoolSnapshot => ({
  id: snapid,
  name,
  stamp: new Date(utimeToMs(stamp)),
});

/**
 * A pool, looked at in one way (rados_ioctx_t): namespace, locator, snapshot. `with` gives other ways of looking
 * at it. Nothing has to be closed; it lives as long as its cluster handle.
 */
export class IoCtx extends IoAttrs {
  /** The same pool with other options; those that are not named stay. */
  with(options: IoOptions): IoCtx {
    return new IoCtx(this.objecter, this.pool, { ...this.options, ...options });
  }

  /**
   * Runs a compound operation. Resolves once it is done, with what each of its ops gave; rejects with an
   * OperationError that has the same when one failed.
   */
  operate(oid: string, operation: Operation, options?: WriteCallOptions): Promise<OperationResult> {
    const settle = (op: Op, result: number): OperationResult => {
      const results = operation.settle(op);
      if (result >= 0) return { version: op.reply!.userVersion, results };
      if (op.reply === undefined) throw opError('operate', op, result);
      const text = `${errnoText(result)}: ${operation.length} ops on '${oid}' in pool ${this.pool}`;
      throw new OperationError(result, 'rados.operate', text, results);
    };
    const { ops } = operation;
    if (operation instanceof ReadOperation) return this.readOp('operate', oid, ops, settle, options, true);
    return this.writeOp('operate', oid, ops, settle, options, true);
  }

  /** Version of the object that the last finished operation on this IoCtx read or wrote. */
  getLastVersion(): number {
    return this.lastVersion;
  }

  // Listing.

  /** The objects of the namespace; of all with `namespace: ALL_NAMESPACES`. */
  list(options: ListOptions = {}): ObjectLister {
    return new ObjectLister(this.objecter, this.locator, options);
  }

  /** One page of a listing, for those who keep the cursor themselves. */
  listPage(range: Partial<CursorRange> = {}, max = 1024, signal?: AbortSignal): Promise<ListPage> {
    const { start = ObjectCursor.begin, end = ObjectCursor.end } = range;
    return listPage(this.objecter, this.locator, { start, end }, max, signal);
  }

  /** Part `n` (from 0) of `m` of the pool or of a range, to be listed beside the others. */
  listSlice(n: number, m: number, range: Partial<CursorRange> = {}): CursorRange {
    const { start = ObjectCursor.begin, end = ObjectCursor.end } = range;
    return sliceRange(this.pool, { start, end }, n, m);
  }

  // Watch and notify.

  /** Watches an object, which must exist. Resolves once the OSD knows of it. */
  watch(oid: string, options: WatchOptions = {}): Promise<Watch> {
    const { signal, timeout = 0 } = options;
    signal?.throwIfAborted();
    const { lingers } = this.objecter;
    const host: WatchHost = {
      unregister: linger => lingers.unregister(linger),
      check: linger => lingers.check(linger),
      sendUnwatch: ops => this.writeOp('unwatch', oid, ops, nothing),
      sendAck: ops => this.readOp('notifyAck', oid, ops, nothing),
    };
    const watch = new Watch(host, oid, options);
    return new Promise((resolve, reject) => {
      let aborter: Aborter | undefined;
      const done = (result: number) => {
        aborter?.release();
        if (result >= 0) {
          resolve(watch);
          return;
        }
        lingers.unregister(linger);
        reject(this.lingerError('watch', oid, result));
      };
      const linger = lingers.watch(oid, this.locator, this.writeFlags, this.snapc, timeout, watch, done);
      watch.begin(linger);
      if (signal === undefined) return;
      const abort = (reason: unknown) => {
        // The OSD may have it by now, and would wait for our answer to every notification.
        watch.unwatch().catch(() => {});
        reject(reason);
      };
      aborter = new Aborter(signal, { abort });
    });
  }

  /**
   * Notifies those who watch an object and resolves to their answers. Watchers that have not answered after
   * the time-out (milliseconds; client_notify_timeout by default) are named.
   */
  notify(
    oid: string,
    payload: Data = EMPTY,
    options: { timeout?: number; signal?: AbortSignal } = {},
  ): Promise<NotifyResult> {
    const { signal } = options;
    signal?.throwIfAborted();
    const { lingers, context } = this.objecter;
    const seconds =
      options.timeout === undefined
        ? context.config.get('client_notify_timeout')
        : Math.max(1, Math.ceil(options.timeout / 1000));
    return new Promise((resolve, reject) => {
      let aborter: Aborter | undefined;
      const done = (result: number, data: Buffer) => {
        aborter?.release();
        // Watchers that are too slow are no failure of the notify: the answer names them.
        if (result >= 0 || (result === -ERRNO['ETIMEDOUT'] && data.length > 0)) {
          try {
            resolve(decodeNotifyResponse(data));
          } catch (error) {
            reject(error);
          }
        } else reject(this.lingerError('notify', oid, result));
      };
      const linger = lingers.notify(oid, this.locator, this.readFlags, seconds, toBytes(payload), done);
      if (signal === undefined) return;
      const abort = (reason: unknown) => {
        lingers.unregister(linger);
        reject(reason);
      };
      aborter = new Aborter(signal, { abort });
    });
  }

  private lingerError(name: string, oid: string, result: number): NacreError {
    const code = this.objecter.closed ? errnoName(result) : radosErrorCode(result);
    return new NacreError(
      code,
      `rados.${name}`,
      `${errnoText(result)}: object '${oid}' in pool ${this.pool}`,
    );
  }

  // Advisory locks (object class "lock").

  /** EBUSY when someone else holds it, EEXIST when we do. */
  lockExclusive(oid: string, name: string, options: locks.LockOptions & CallOptions = {}): Promise<void> {
    return this.lockOp(oid, 'lock', locks.lockInput('exclusive', name, options), options);
  }

  /** EBUSY when it is held exclusively or under another tag, EEXIST when we hold it with that cookie. */
  lockShared(oid: string, name: string, options: locks.LockOptions & CallOptions = {}): Promise<void> {
    return this.lockOp(oid, 'lock', locks.lockInput('shared', name, options), options);
  }

  /** ENOENT when we do not hold it with that cookie. */
  unlock(oid: string, name: string, cookie = '', options?: CallOptions): Promise<void> {
    return this.lockOp(oid, 'unlock', locks.unlockInput(name, cookie), options);
  }

  /** Takes a lock from its holder, 'client.4123'. */
  async breakLock(
    oid: string,
    name: string,
    client: string,
    cookie = '',
    options?: CallOptions,
  ): Promise<void> {
    await this.lockOp(oid, 'break_lock', locks.breakInput(name, client, cookie), options);
  }

  /** Who holds a lock. */
  async listLockers(oid: string, name: string, options?: CallOptions): Promise<locks.LockInfo> {
    const out = await this.exec(oid, locks.LOCK_CLASS, 'get_info', locks.getInfoInput(name), options);
    return locks.decodeLockInfo(out);
  }

  /** Names of the locks on an object. */
  async listLocks(oid: string, options?: CallOptions): Promise<readonly string[]> {
    return locks.decodeLockNames(await this.exec(oid, locks.LOCK_CLASS, 'list_locks', EMPTY, options));
  }

  private async lockOp(oid: string, method: string, input: Buffer, options?: CallOptions): Promise<void> {
    await this.exec(oid, locks.LOCK_CLASS, method, input, options);
  }

  // Snapshots of the whole pool.

  /** EEXIST when there is one of that name; EINVAL in a pool that has self-managed snapshots. */
  async createSnapshot(name: string, options?: { signal?: AbortSignal }): Promise<PoolSnapshot> {
    const exists = () => new NacreError('EEXIST', 'rados.createSnapshot', `snapshot '${name}' exists`);
    if (this.poolInfo.snapByName(name) !== undefined) throw exists();
    const change = { op: POOL_OP_CREATE_SNAP, pool: this.pool, name };
    await this.objecter.monOps.poolOp(change, options?.signal);
    return this.lookupSnapshot(name);
  }

  async removeSnapshot(name: string, options?: { signal?: AbortSignal }): Promise<void> {
    this.lookupSnapshot(name);
    const change = { op: POOL_OP_DELETE_SNAP, pool: this.pool, name };
    await this.objecter.monOps.poolOp(change, options?.signal);
  }

  /** Oldest first, as of the map that we have. */
  listSnapshots(): PoolSnapshot[] {
    return [...this.poolInfo.snaps.values()]
      .map(snapshotOf)
      .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }

  /** By name or id. @throws NacreError ENOENT when there is none. */
  lookupSnapshot(which: string | bigint): PoolSnapshot {
    const { snaps } = this.poolInfo;
    for (const snap of snaps.values())
      if (snap.name === which || snap.snapid === which) return snapshotOf(snap);
    throw new NacreError(
      'ENOENT',
      'rados.lookupSnapshot',
      `there is no snapshot '${which}' of ${this.poolName}`,
    );
  }

  /** Brings an object back to what it was at a snapshot of the pool (its name or id). */
  async rollback(oid: string, snapshot: string | bigint, options?: WriteCallOptions): Promise<number> {
    const { id } = this.lookupSnapshot(snapshot);
    return this.writeOp('rollback', oid, [opRollback(id)], versionOf, options);
  }

  // Self-managed snapshots: ids that the application gives a meaning (RBD's snapshots of an image).

  /** A new id. EINVAL in a pool that has pool snapshots. */
  async createSelfManagedSnapshot(options?: { signal?: AbortSignal }): Promise<bigint> {
    const change = { op: POOL_OP_CREATE_UNMANAGED_SNAP, pool: this.pool };
    const response = await this.objecter.monOps.poolOp(change, options?.signal);
    return new Decoder(response ?? EMPTY, 'snapid').u64b();
  }

  /** The OSDs remove its clones by and by. */
  async removeSelfManagedSnapshot(id: bigint, options?: { signal?: AbortSignal }): Promise<void> {
    const change = { op: POOL_OP_DELETE_UNMANAGED_SNAP, pool: this.pool, snapid: id };
    await this.objecter.monOps.poolOp(change, options?.signal);
  }

  /** Brings an object back to what it was at a self-managed snapshot. */
  rollbackSelfManaged(oid: string, id: bigint, options?: WriteCallOptions): Promise<number> {
    return this.writeOp('rollbackSelfManaged', oid, [opRollback(id)], versionOf, options);
  }

  // Streams.

  /** A Node stream of the object's bytes, read ahead. */
  createReadStream(oid: string, options: streams.ReadStreamOptions = {}): Readable {
    return streams.createReadStream(this, oid, options);
  }

  /** A Node stream into the object. */
  createWriteStream(oid: string, options: streams.WriteStreamOptions = {}): Writable {
    return streams.createWriteStream(this, oid, options);
  }

  /** A Web stream of the object's bytes, read ahead. */
  readable(oid: string, options: streams.ReadStreamOptions = {}): ReadableStream<Uint8Array> {
    return streams.webReadable(this, oid, options);
  }

  /** A Web stream into the object. */
  writable(oid: string, options: streams.WriteStreamOptions = {}): WritableStream<Data> {
    return streams.webWritable(this, oid, options);
  }
}
