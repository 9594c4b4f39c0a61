import { ERRNO } from '../../../base/errno.ts';
import { NacreError } from '../../../base/errors.ts';
import { unwind } from '../../../base/trace.ts';
import { OP_FADVISE_RANDOM } from '../../rados/flags.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { AheadRead } from './ahead-read.ts';
import { FlushEpochs } from './flush-epochs.ts';
import { ImageFlush } from './image-flush.ts';
import { ImageRead } from './image-read.ts';
import { type ImageIoRequest, IO_FLUSH, IO_READ } from './image-request.ts';
import { ImageTimes } from './image-times.ts';
import {
  ImageCompareAndWrite,
  ImageDiscard,
  ImageThickZeroes,
  ImageWrite,
  ImageWriteSame,
} from './image-write.ts';
import { createObjectRequests } from './object-requests.ts';
import { countWrite, type ImagePerf, imagePerf } from './perf.ts';
import { Readahead } from './readahead.ts';
import { type IoSettings, readIoSettings } from './settings.ts';
import { fileToExtents } from './striper.ts';
import type {
  DiscardIoOptions,
  FlushSource,
  ImageIo,
  ImageRequest,
  IoCompletion,
  ObjectLayer,
  ReadIoOptions,
  WriteIoOptions,
  WriteZeroesIoOptions,
} from './types.ts';

const EROFS = -ERRNO['EROFS'];
const EIO = -ERRNO['EIO'];

export interface ImageIoParts {
  /** The stack that takes objects' I/O; the layer that talks to the OSDs by default. */
  readonly objects?: ObjectLayer;
  /** The stack keeps what is read, so reading ahead is of use. */
  readonly caches?: boolean;
  /** The same stack without what keeps data, for reads of what others may write. */
  readonly uncached?: ObjectLayer;
  /** Takes in a header update that was announced (`ctx.refreshNeeded`). */
  readonly refresh?: (ctx: ImageCtx) => Promise<void>;
}

/**
 * Admits I/O on an image (librbd's ImageDispatcher and its layers). What may not go on yet waits in the order of the calls: writes
 * never overtake writes, nor flushes the writes before them; reads overtake what does not hold them back themselves.
 */
export class ImageIoQueue implements ImageIo {
  readonly ctx: ImageCtx;
  readonly objects: ObjectLayer;
  readonly settings: IoSettings;
  private readonly uncached: ObjectLayer | undefined;
  private readonly perf: ImagePerf;
  private readonly perfEntry: Disposable;
  private readonly ahead: Readahead | undefined;
  private readonly refreshImage: ((ctx: ImageCtx) => Promise<void>) | undefined;
  private readonly epochs = new FlushEpochs();
  private waiting: ImageIoRequest[] = [];
  /** Of those: writes, and flushes behind them. */
  private waitingWrites = 0;
  private refreshing = false;
  private blocked = 0;
  private lockReads = false;
  private lockWrites = false;
  /** Negative errno once it was shut down. */
  private down = 0;
  private writes = 0;
  private active = 0;
  private readonly whenNoWrites: (() => void)[] = [];
  private readonly whenIdle: (() => void)[] = [];
  private later: ImageIoRequest[] = [];
  private readonly runLater = () => this.finishAll();
  private readonly times: ImageTimes;

  constructor(ctx: ImageCtx, parts: ImageIoParts = {}) {
    this.ctx = ctx;
    const { identity, context } = ctx;
    this.objects = parts.objects ?? createObjectRequests(ctx);
    this.settings = readIoSettings(ctx.config, identity.layout.objectSize);
    this.uncached = parts.uncached;
    this.refreshImage = parts.refresh;
    this.ahead = parts.caches === true ? new Readahead(this.settings, identity.layout) : undefined;
    const snap = ctx.snapId === SNAP_HEAD ? '' : `-${ctx.snap(ctx.snapId)?.name ?? ctx.snapId}`;
    this.perf = imagePerf(`librbd-${identity.id}-${ctx.header.poolName}-${identity.name}${snap}`);
    this.perfEntry = context.perf.add(this.perf.counters);
    this.times = new ImageTimes(ctx, this.settings);
  }

  read(offset: number, length: number, completion: IoCompletion, options?: ReadIoOptions): void {
    this.begin(new ImageRead(this, offset, length, completion, options));
  }

  write(
    offset: number,
    data: readonly Uint8Array[],
    completion: IoCompletion,
    options?: WriteIoOptions,
  ): void {
    this.begin(new ImageWrite(this, offset, data, completion, options));
  }

  discard(offset: number, length: number, completion: IoCompletion, options?: DiscardIoOptions): void {
    const granularity = options?.granularity ?? this.settings.discardGranularity;
    this.begin(new ImageDiscard(this, offset, length, granularity, completion, options));
  }

  writeZeroes(
    offset: number,
    length: number,
    completion: IoCompletion,
    options?: WriteZeroesIoOptions,
  ): void {
    if (options?.thick === true) this.begin(new ImageThickZeroes(this, offset, length, completion, options));
    else this.begin(new ImageDiscard(this, offset, length, 0, completion, options));
  }

  writeSame(
    offset: number,
    length: number,
    data: Uint8Array,
    completion: IoCompletion,
    options?: WriteIoOptions,
  ): void {
    if (
      this.settings.discardOnZeroedWriteSame &&
      data.length > 0 &&
      length % data.length === 0 &&
      data.every(byte => byte === 0)
    )
      this.writeZeroes(offset, length, completion, options);
    else this.begin(new ImageWriteSame(this, offset, length, data, completion, options));
  }

  compareAndWrite(
    offset: number,
    compare: Uint8Array,
    data: Uint8Array,
    completion: IoCompletion,
    options?: WriteIoOptions,
  ): void {
    this.begin(new ImageCompareAndWrite(this, offset, compare, data, completion, options));
  }

  flush(completion: IoCompletion, source: FlushSource = 'user'): void {
    this.begin(new ImageFlush(this, source, completion));
  }

  flushAsync(source: FlushSource = 'user'): Promise<void> {
    return new Promise((resolve, reject) => {
      const ioFinished = (_request: ImageRequest, result: number) => {
        if (result >= 0) resolve();
        else reject(NacreError.fromErrno(result, 'rbd.flush', `image '${this.ctx.identity.name}'`));
      };
      this.flush({ ioFinished }, source);
    });
  }

  /** Sends a flush on, once the writes before it are finished. */
  sendFlush(source: FlushSource, done: (result: number) => void): void {
    const flush = () => this.objects.flush(source, done);
    if (source === 'writeback') flush();
    else this.epochs.wait(flush);
  }

  // Admission.

  private begin(request: ImageIoRequest): void {
    request.begun = this.ctx.context.env.clock.mono();
    this.active++;
    if (this.down < 0 && !isInternal(request)) this.reject(request, this.down);
    else if (request.isWrite && (this.ctx.readOnly || this.ctx.snapId !== SNAP_HEAD))
      this.reject(request, EROFS);
    else if (this.mustWait(request, this.waitingWrites > 0)) {
      this.waiting.push(request);
      if (request.type !== IO_READ) this.waitingWrites++;
      this.urge(request);
    } else this.issue(request);
  }

  /** Whether a request may not go on yet; `behind`: writes before it do not either. */
  private mustWait(request: ImageIoRequest, behind: boolean): boolean {
    if (request.type === IO_FLUSH) return !isInternal(request) && (behind || this.blocked > 0);
    if (this.refreshing || (this.ctx.refreshNeeded && this.refreshImage !== undefined)) return true;
    if (request.type === IO_READ) return this.lockReads;
    return behind || this.blocked > 0 || this.lockWrites;
  }

  /** Sets in motion what the request waits for, where that is up to us. */
  private urge(request: ImageIoRequest): void {
    if (this.ctx.refreshNeeded && this.refreshImage !== undefined) this.refresh();
    else if (!this.refreshing && (request.type === IO_READ ? this.lockReads : this.lockWrites))
      this.ctx.exclusiveLock?.wantLock();
  }

  private refresh(): void {
    if (this.refreshing) return;
    this.refreshing = true;
    this.refreshImage!(this.ctx).then(
      () => {
        this.refreshing = false;
        this.pump();
      },
      (error: { errno?: number }) => {
        this.refreshing = false;
        this.failWaiting(error.errno === undefined ? EIO : -Math.abs(error.errno));
      },
    );
  }

  /** Lets go on what may. */
  private pump(): void {
    if (this.waiting.length === 0) return;
    const before = this.waiting;
    this.waiting = [];
    const held: ImageIoRequest[] = [];
    let behind = false;
    for (const request of before)
      if (this.mustWait(request, behind)) {
        held.push(request);
        if (request.type !== IO_READ) behind = true;
      } else {
        if (request.type !== IO_READ) this.waitingWrites--;
        this.issue(request);
      }
    this.waiting = held.concat(this.waiting);
    if (held.length > 0) this.urge(held.find(({ type }) => type !== IO_FLUSH) ?? held[0]);
  }

  /** Fails what waits: the lock or the header could not be had. `result` is a negative errno. */
  failWaiting(result: number): void {
    const { waiting } = this;
    this.waiting = [];
    this.waitingWrites = 0;
    for (const request of waiting) this.reject(request, result);
  }

  private reject(request: ImageIoRequest, result: number): void {
    request.result = result;
    this.finishLater(request);
  }

  private issue(request: ImageIoRequest): void {
    if (request.isWrite) {
      request.epoch = this.epochs.enter();
      this.writes++;
    }
    request.issue();
  }

  // Ends.

  /** For requests that end during the call that began them. */
  finishLater(request: ImageIoRequest): void {
    this.later.push(request);
    if (this.later.length === 1) queueMicrotask(this.runLater);
  }

  private finishAll(): void {
    const { later } = this;
    this.later = [];
    for (const request of later) this.finish(request);
  }

  finish(request: ImageIoRequest): void {
    const now = this.ctx.context.env.clock.mono();
    this.active--;
    if (request.result === 0) this.count(request, now);
    request.settle();
    if (request.span !== undefined)
      unwind(request.span, request.result < 0 ? `errno ${-request.result}` : undefined);
    request.completion.ioFinished(request, request.result < 0 ? request.result : request.length);
    if (request.epoch !== undefined) {
      this.epochs.leave(request.epoch);
      if (--this.writes === 0) run(this.whenNoWrites);
    }
    if (this.active === 0) run(this.whenIdle);
  }

  private count(request: ImageIoRequest, now: number): void {
    const { perf } = this;
    const { counters } = perf;
    const ms = now - request.begun;
    const { length } = request;
    switch (request.type) {
      case IO_READ:
        counters.inc(perf.rd);
        counters.inc(perf.rdBytes, length);
        counters.tinc(perf.rdLatency, ms);
        this.times.read(now);
        return;
      case IO_FLUSH:
        counters.inc(perf.flush);
        counters.tinc(perf.flushLatency, ms);
        return;
      default:
        countWrite(perf, request.type, length, ms);
        this.times.written(now);
    }
  }

  /**
   * What reads go to. Who does not have the lock is not told of writes, so what he read may not be kept; and there is nothing
   * of his that only the cache knows, as it is flushed before the lock goes.
   */
  reader(snapId: bigint): ObjectLayer {
    const { uncached } = this;
    if (uncached === undefined || snapId !== SNAP_HEAD) return this.objects;
    const { exclusiveLock } = this.ctx;
    return exclusiveLock === undefined || exclusiveLock.isOwner ? this.objects : uncached;
  }

  readahead(request: ImageRead, size: number): void {
    const { ahead } = this;
    if (this.reader(request.snapId) === this.uncached) return;
    if (ahead === undefined || (request.flags & OP_FADVISE_RANDOM) !== 0) return;
    const next = ahead.observe(request.offset, request.length, size);
    if (next === undefined) return;
    const { counters } = this.perf;
    counters.inc(this.perf.readahead);
    counters.inc(this.perf.readaheadBytes, next.length);
    for (const { objectNo, offset, length } of fileToExtents(
      this.ctx.identity.layout,
      next.offset,
      next.length,
    ))
      this.objects.read(new AheadRead(this, objectNo, offset, length, request.snapId));
  }

  /** Reads ahead count as I/O that is under way, so that nothing is closed beneath them. */
  aheadBegun(): void {
    this.active++;
  }

  aheadFinished(): void {
    if (--this.active === 0) run(this.whenIdle);
  }

  // Blocking.

  blockWrites(): Promise<void> {
    this.blocked++;
    if (this.writes === 0) return Promise.resolve();
    return new Promise(resolve => this.whenNoWrites.push(resolve));
  }

  unblockWrites(): void {
    if (this.blocked === 0) throw new NacreError('EINVAL', 'rbd.unblockWrites', 'writes are not blocked');
    if (--this.blocked === 0) this.pump();
  }

  get writesBlocked(): boolean {
    return this.blocked > 0;
  }

  requireLock(reads: boolean, writes: boolean): void {
    const freed = (this.lockReads && !reads) || (this.lockWrites && !writes);
    this.lockReads = reads;
    this.lockWrites = writes;
    if (freed) this.pump();
  }

  lockFailed(result: number): void {
    this.failWaiting(result);
  }

  async shutDown(result: number): Promise<void> {
    const first = this.down === 0;
    if (first) this.down = result;
    this.failWaiting(this.down);
    if (this.active > 0) await new Promise<void>(resolve => this.whenIdle.push(resolve));
    if (!first) return;
    this.perfEntry[Symbol.dispose]();
    this.objects.close();
  }

  get inFlight(): number {
    return this.active;
  }
}

function isInternal(request: ImageIoRequest): boolean {
  return request instanceof ImageFlush && request.source !== 'user';
}

function run(waiters: (() => void)[]): void {
  for (const waiter of waiters.splice(0)) waiter();
}

export function createImageIo(ctx: ImageCtx, parts?: ImageIoParts): ImageIo {
  return new ImageIoQueue(ctx, parts);
}
