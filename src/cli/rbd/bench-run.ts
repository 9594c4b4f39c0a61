import { errnoName, errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type {
  Image,
  ImageRequest,
  IoCompletion,
  ReadIoOptions,
  WriteIoOptions,
} from '../../ceph/rbd/index.ts';

export interface BenchRequest {
  readonly type: 'read' | 'write' | 'readwrite';
  /** Bytes an operation. */
  readonly size: number;
  /** Operations in flight. */
  readonly depth: number;
  /** Bytes in all. */
  readonly total: number;
  readonly pattern: 'rand' | 'seq' | 'full-seq';
  /** Percentage of reads in 'readwrite'. */
  readonly readMix: number;
}

/** What a second of the run came to. */
export type BenchTick = (seconds: number, operations: number) => void;

// include/rados.h: CEPH_OSD_OP_FLAG_FADVISE_*
const FADVISE_RANDOM = 0x4;
const FADVISE_SEQUENTIAL = 0x8;

/** Completions in a row without a turn of the event loop, after which one is taken. */
const MOST_IN_A_ROW = 256;

/** One of the operations in flight; finished, it becomes the next one. */
class Slot implements IoCompletion {
  private readonly run: BenchRun;
  readonly index: number;
  readonly reading: ReadIoOptions;
  /** Sequential: where the next one goes, and the part of the image that is this slot's. */
  next: number;
  readonly first: number;
  readonly end: number;
  isRead = false;

  constructor(run: BenchRun, index: number, reading: ReadIoOptions, first: number, end: number) {
    this.run = run;
    this.index = index;
    this.reading = reading;
    this.next = first;
    this.first = first;
    this.end = end;
  }

  ioFinished(_request: ImageRequest, result: number): void {
    this.run.finish(this, result);
  }
}

/**
 * The inner loop of a benchmark: keeps operations in flight until all bytes are asked for. Works from completion to
 * completion, with the same objects and memory all along.
 */
export class BenchRun {
  private readonly image: Image;
  private readonly request: BenchRequest;
  private readonly tick: BenchTick;
  private readonly blocks: number;
  private readonly data: readonly Buffer[];
  private readonly writing: WriteIoOptions;
  private readonly free: Slot[] = [];
  private pumping = false;
  private inARow = 0;
  private failure: NacreError | undefined;
  private resolve: () => void = () => {};
  private reject: (error: unknown) => void = () => {};
  private asked = 0;
  private inFlight = 0;
  private sequence = 0;
  private second = 0;
  /** Milliseconds. */
  startedAt = 0;
  reads = 0;
  writes = 0;

  constructor(image: Image, request: BenchRequest, tick: BenchTick) {
    this.image = image;
    this.request = request;
    this.tick = tick;
    const { size, pattern } = request;
    this.blocks = Math.floor(image.size / size);
    this.data = [Buffer.alloc(size, Math.floor(Math.random() * 256))];
    this.writing = {
      flags: pattern === 'rand' ? FADVISE_RANDOM : FADVISE_SEQUENTIAL,
      constant: true,
    };
  }

  get finished(): number {
    return this.reads + this.writes;
  }

  /** Resolves when all operations are finished. Rejects with what the first failed with. */
  start(): Promise<void> {
    const { depth, size, type } = this.request;
    // Each slot goes through a part of its own; at least one block.
    const part = Math.max(1, Math.floor(this.blocks / depth));
    for (let i = depth - 1; i >= 0; i--) {
      const into = type === 'write' ? undefined : Buffer.allocUnsafeSlow(size);
      const first = (i * part) % this.blocks;
      this.free.push(
        new Slot(this, i, { ...this.writing, into }, first, Math.min(first + part, this.blocks)),
      );
    }
    const done = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.startedAt = performance.now();
    this.pump();
    return done;
  }

  /** Sends no more operations; those in flight are still counted. */
  stop(): void {
    this.asked = Number.POSITIVE_INFINITY;
  }

  private blockOf(slot: Slot): number {
    const { pattern } = this.request;
    if (pattern === 'rand') return Math.floor(Math.random() * this.blocks);
    if (pattern === 'full-seq') {
      const block = this.sequence++;
      if (this.sequence >= this.blocks) this.sequence = 0;
      return block;
    }
    const block = slot.next++;
    if (slot.next >= slot.end) slot.next = slot.first;
    return block;
  }

  private submit(slot: Slot): void {
    const { type, size, readMix } = this.request;
    const offset = this.blockOf(slot) * size;
    this.asked += size;
    this.inFlight++;
    slot.isRead = type === 'read' || (type === 'readwrite' && Math.random() * 100 < readMix);
    if (slot.isRead) this.image.ctx.io.read(offset, size, slot, slot.reading);
    else this.image.ctx.io.write(offset, this.data, slot, this.writing);
  }

  /** Gives every free slot something to do. Not entered again by operations that finish at once. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    const { total } = this.request;
    while (this.free.length > 0 && this.asked < total && this.failure === undefined) {
      if (++this.inARow > MOST_IN_A_ROW) {
        setImmediate(this.pumpLater);
        return;
      }
      this.submit(this.free.pop()!);
    }
    this.pumping = false;
    if (this.inFlight > 0) return;
    if (this.failure === undefined) this.resolve();
    else this.reject(this.failure);
  }

  private readonly pumpLater = (): void => {
    this.inARow = 0;
    this.pumping = false;
    this.pump();
  };

  finish(slot: Slot, result: number): void {
    this.inFlight--;
    if (result < 0)
      this.failure ??= new NacreError(errnoName(result), slot.isRead ? 'read' : 'write', errnoText(result));
    else if (slot.isRead) this.reads++;
    else this.writes++;
    const second = Math.floor((performance.now() - this.startedAt) / 1000);
    if (second !== this.second) {
      this.second = second;
      this.tick((performance.now() - this.startedAt) / 1000, this.finished);
    }
    this.free.push(slot);
    if (!this.pumping) {
      this.inARow = 0;
      this.pump();
    }
  }
}
