import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import { Fifo } from '../../messenger/fifo.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { ImageCtx } from '../image-ctx.ts';
import {
  type FlushSource,
  type IoFlags,
  OBJECT_COMPARE_AND_WRITE,
  type ObjectLayer,
  type ObjectRead,
  type ObjectWrite,
  type ObjectWriteKind,
} from '../io/types.ts';
import { BLOCK_MAX, Block, BlockPool } from './block-pool.ts';
import { Finisher } from './finisher.ts';
import { FADVISE_FUA } from './object-cacher.ts';
import { sameView } from './pass.ts';
import { copyPieces } from './pieces.ts';
import { type CacheSettings, cacheSettings } from './settings.ts';

const ESHUTDOWN = -108;
const WAITING = 0;
const SENT = 1;
const FINISHED = 2;

/**
 * Writes that the layers below have at a time. The OSDs work no faster with more, and what waits for them here is a fraction of
 * what a request on its way holds: with the thousands of small writes that a cache has room for, that was most of the work.
 */
const MOST_BELOW = 512;

/** Bytes of memory for large writes that are kept for the next ones. */
const KEEP_LARGE = 16 << 20;

/** A write that its writer believes to be done. */
class AroundWrite implements ObjectWrite {
  /** Until it is finished: not kept longer, as it holds its writer's memory. */
  write: ObjectWrite | undefined;
  readonly kind: ObjectWriteKind;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  data: readonly Uint8Array[];
  readonly compare: Uint8Array | undefined;
  readonly view: IoCtx;
  readonly discardFlags: number;
  readonly flags: IoFlags;
  span: Span | undefined;
  mismatch = -1;
  state: 0 | 1 | 2 = WAITING;
  /** Number in the order of coming. */
  readonly seq: number;
  /** It is finished early; otherwise with its result. */
  readonly early: boolean;
  /** The copy of its data. */
  block: Block | undefined = undefined;
  private readonly owner: WriteAround;

  constructor(owner: WriteAround, write: ObjectWrite, seq: number, early: boolean) {
    this.owner = owner;
    this.write = write;
    this.seq = seq;
    this.early = early;
    this.kind = write.kind;
    this.objectNo = write.objectNo;
    this.offset = write.offset;
    this.length = write.length;
    this.data = write.data;
    this.compare = write.compare;
    this.view = write.view;
    this.discardFlags = write.discardFlags;
    this.flags = write.flags;
    this.span = write.span;
  }

  finished(result: number): void {
    this.owner.wrote(this, result);
  }
}

interface WaitingFlush {
  /** Everything up to this number has to be through. */
  readonly seq: number;
  readonly source: FlushSource;
  readonly done: (result: number) => void;
}

/**
 * The cache of rbd_cache_policy writearound, the default (librbd/cache/WriteAroundObjectDispatch.cc). Nothing is kept: a write goes
 * to the OSDs at once, and is finished as soon as it is on its way. Whatever touches a range that a write is on its way to waits for
 * it. A write that fails after it was finished makes the next flush fail.
 */
export class WriteAround implements ObjectLayer {
  private readonly lower: ObjectLayer;
  private readonly settings: CacheSettings;
  private readonly finisher: Finisher;
  private readonly pool = new BlockPool();
  /** 0: writes go through. */
  private maxDirty: number;
  private seq = 0;
  private bytes = 0;
  private error = 0;
  private closed = false;
  /** What is on its way, or waits for something that overlaps, by object and in order. */
  private readonly objects = new Map<number, AroundWrite[]>();
  /** Reads that wait for writes. */
  private readonly reads = new Map<number, { read: ObjectRead; seq: number }[]>();
  /** Writes that wait for room. */
  private queue: AroundWrite[] = [];
  /** All that were finished early and are not through, in order of their numbers. */
  private early: AroundWrite[] = [];
  private readonly flushes: WaitingFlush[] = [];
  /** Finished early, and with the layers below. */
  private below = 0;
  /** Finished early, and waiting for their turn there. */
  private readonly behind = new Fifo<AroundWrite>();
  private pumping = false;
  /** Memory of large writes that is free again. */
  private readonly large: Block[] = [];
  private largeFree = 0;
  /** Writes that wait for something that overlaps. */
  private blocked = 0;

  constructor(ctx: ImageCtx, lower: ObjectLayer, settings: CacheSettings) {
    this.lower = lower;
    this.settings = settings;
    this.finisher = new Finisher(ctx.context.env.timers);
    this.maxDirty = settings.writethroughUntilFlush ? 0 : settings.maxDirty;
  }

  read(read: ObjectRead): void {
    const writes = this.objects.get(read.objectNo);
    if (writes === undefined || !overlapping(writes, read, Number.POSITIVE_INFINITY)) {
      this.lower.read(read);
      return;
    }
    const waiting = this.reads.get(read.objectNo);
    const entry = { read, seq: this.seq };
    if (waiting === undefined) this.reads.set(read.objectNo, [entry]);
    else waiting.push(entry);
  }

  write(write: ObjectWrite): void {
    if (this.closed) {
      this.finisher.finish(write, ESHUTDOWN);
      return;
    }
    const early =
      this.maxDirty > 0 && write.kind !== OBJECT_COMPARE_AND_WRITE && (write.flags & FADVISE_FUA) === 0;
    const writes = this.objects.get(write.objectNo);
    if (!early && (writes === undefined || !overlapping(writes, write, Number.POSITIVE_INFINITY))) {
      this.lower.write(write);
      return;
    }
    const around = new AroundWrite(this, write, ++this.seq, early);
    if (writes === undefined) this.objects.set(write.objectNo, [around]);
    else {
      const blocked = overlapping(writes, write, around.seq);
      writes.push(around);
      if (blocked) {
        this.blocked++;
        return;
      }
    }
    this.start(around);
  }

  /** Nothing that overlaps is in the way any more. */
  private start(around: AroundWrite): void {
    if (!around.early) this.send(around);
    else if (this.queue.length > 0 || !this.fits(around)) this.queue.push(around);
    else this.sendEarly(around);
  }

  private fits({ length }: AroundWrite): boolean {
    return this.bytes === 0 || this.bytes + length <= this.maxDirty;
  }

  private send(around: AroundWrite): void {
    around.state = SENT;
    this.lower.write(around);
  }

  private sendEarly(around: AroundWrite): void {
    const write = around.write!;
    around.write = undefined;
    this.bytes += around.length;
    this.early.push(around);
    if (tracing()) around.span = wind('LibrbdWriteback.write', write.span, { object: write.objectNo });
    if (write.constant !== true) this.copy(around);
    this.finisher.finish(write, 0);
    around.state = SENT;
    this.behind.push(around);
    this.pump();
  }

  /** Hands down what was finished early. Not entered again by writes that are done at once. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    while (this.below < MOST_BELOW && this.behind.length > 0) {
      this.below++;
      this.lower.write(this.behind.shift()!);
    }
    this.pumping = false;
  }

  /** The writer may use his memory for something else as soon as the write is finished. */
  private copy(around: AroundWrite): void {
    const { data } = around;
    let total = 0;
    for (let i = 0; i < data.length; i++) total += data[i].length;
    if (total === 0) return;
    // In one piece: a request with many of them would gather them again.
    const block = total > BLOCK_MAX ? this.takeLarge(total) : this.pool.take(total);
    const { bytes } = block;
    copyPieces(data, 0, total, bytes, 0);
    around.block = block;
    around.data = [bytes.length === total ? bytes : bytes.subarray(0, total)];
  }

  /** Fresh memory costs more than filling it: large writes are mostly of one size, so theirs goes round. */
  private takeLarge(size: number): Block {
    const { large } = this;
    for (let i = large.length - 1; i >= 0; i--)
      if (large[i].bytes.length === size) {
        const [block] = large.splice(i, 1);
        this.largeFree -= size;
        return block;
      }
    return new Block(Buffer.allocUnsafeSlow(size));
  }

  private release(block: Block): void {
    const size = block.bytes.length;
    if (size <= BLOCK_MAX) this.pool.release(block);
    else if (size <= KEEP_LARGE) {
      this.large.push(block);
      this.largeFree += size;
      while (this.largeFree > KEEP_LARGE) this.largeFree -= this.large.shift()!.bytes.length;
    }
  }

  wrote(around: AroundWrite, result: number): void {
    const { objectNo } = around;
    around.state = FINISHED;
    const writes = this.objects.get(objectNo)!;
    writes.splice(writes.indexOf(around), 1);
    if (around.early) {
      this.below--;
      this.pump();
      unwind(around.span, result < 0 ? result : undefined);
      this.bytes -= around.length;
      if (around.block !== undefined) this.release(around.block);
      if (result < 0 && this.error === 0) this.error = result;
      while (this.early.length > 0 && this.early[0].state === FINISHED) this.early.shift();
    } else {
      const write = around.write!;
      write.mismatch = around.mismatch;
      write.finished(result);
    }
    this.unblock(objectNo, writes);
    this.finishFlushes();
    while (this.queue.length > 0 && this.fits(this.queue[0])) this.sendEarly(this.queue.shift()!);
  }

  /** Starts what waited for something that overlaps. */
  private unblock(objectNo: number, writes: AroundWrite[]): void {
    if (writes.length === 0) this.objects.delete(objectNo);
    else if (this.blocked > 0)
      for (const waiting of writes.slice())
        if (
          waiting.state === WAITING &&
          !this.queue.includes(waiting) &&
          !overlapping(writes, waiting, waiting.seq)
        ) {
          this.blocked--;
          this.start(waiting);
        }
    const reads = this.reads.get(objectNo);
    if (reads === undefined) return;
    const ready = reads.filter(({ read, seq }) => !overlapping(writes, read, seq + 1));
    if (ready.length === reads.length) this.reads.delete(objectNo);
    else if (ready.length > 0)
      this.reads.set(
        objectNo,
        reads.filter(entry => !ready.includes(entry)),
      );
    for (const { read } of ready) this.lower.read(read);
  }

  flush(source: FlushSource, done: (result: number) => void): void {
    if (source === 'user' && this.maxDirty === 0) this.maxDirty = this.settings.maxDirty;
    this.flushes.push({ seq: this.seq, source, done });
    this.finishFlushes();
  }

  /** The first flush to end tells of what failed before. */
  private finishFlushes(): void {
    while (this.flushes.length > 0) {
      const { seq, source, done } = this.flushes[0];
      if (this.early.some(around => around.seq <= seq && around.state !== FINISHED)) return;
      this.flushes.shift();
      const { error } = this;
      this.error = 0;
      this.lower.flush(source, result => done(error < 0 ? error : result));
    }
  }

  /** Nothing is kept that could be dropped. */
  invalidate(): void {
    this.lower.invalidate();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.lower.close();
  }
}

/** Whether any of the writes numbered below `before` touches the range, or has another view. */
function overlapping(
  writes: readonly AroundWrite[],
  { offset, length, view }: { readonly offset: number; readonly length: number; readonly view?: IoCtx },
  before: number,
): boolean {
  for (let i = 0; i < writes.length; i++) {
    const other = writes[i];
    if (other.seq >= before) continue;
    if (other.offset < offset + length && offset < other.offset + other.length) return true;
    if (view !== undefined && !sameView(other.view, view)) return true;
  }
  return false;
}

export function createWriteAround(
  ctx: ImageCtx,
  lower: ObjectLayer,
  settings = cacheSettings(ctx),
): ObjectLayer {
  return new WriteAround(ctx, lower, settings);
}
