import { errnoName, errnoText } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import type { OSDOp } from '../../ceph/messages/osd-op.ts';
import { opOmapSetVals, opSetAllocHint, opSetXattr, opWrite } from '../../ceph/messages/osd-op-build.ts';
import type { Op, OpCompletion } from '../../ceph/objecter/op.ts';
import {
  ALLOC_HINT_APPEND_ONLY,
  ALLOC_HINT_IMMUTABLE,
  ALLOC_HINT_SEQUENTIAL_READ,
  ALLOC_HINT_SEQUENTIAL_WRITE,
  type IoCtx,
} from '../../ceph/rados/index.ts';
import { makeContents, numberContents } from './bench-data.ts';

export interface BenchRequest {
  readonly io: IoCtx;
  readonly operation: 'write' | 'seq' | 'rand';
  /** 0 for no limit. */
  readonly seconds: number;
  /** Operations in flight. */
  readonly depth: number;
  readonly opSize: number;
  readonly objectSize: number;
  /** Name of the run's objects without '_objectN'. */
  readonly prefix: string;
  /** Operations that may be done: those of the run that is read, or of --max-objects; 0 for any number. */
  readonly maxOps: number;
  readonly verify: boolean;
  readonly hints: boolean;
  readonly writeTo: { readonly object: boolean; readonly omap: boolean; readonly xattr: boolean };
}

const HINTS =
  ALLOC_HINT_SEQUENTIAL_WRITE | ALLOC_HINT_SEQUENTIAL_READ | ALLOC_HINT_APPEND_ONLY | ALLOC_HINT_IMMUTABLE;

/** One of the operations in flight; finished, it becomes the next one. */
class Slot implements OpCompletion {
  private readonly run: BenchRun;
  /** What it writes, or is to find. */
  readonly contents: Buffer;
  index = 0;
  /** Milliseconds. */
  started = 0;

  constructor(run: BenchRun, contents: Buffer) {
    this.run = run;
    this.contents = contents;
  }

  opFinished(op: Op, result: number): void {
    this.run.finish(this, op, result);
  }
}

/**
 * The inner loop of a benchmark: keeps operations in flight until the time is up and counts. Works from completion
 * to completion, without promises; times are milliseconds, latencies seconds.
 */
export class BenchRun {
  private readonly request: BenchRequest;
  private readonly opsPerObject: number;
  private readonly submitNext: (slot: Slot) => void;
  private readonly isRead: boolean;
  private readonly io: IoCtx;
  private stopAt = Number.POSITIVE_INFINITY;
  private stopping = false;
  private failure: unknown;
  private resolve: () => void = () => {};
  private reject: (error: unknown) => void = () => {};
  /** Milliseconds at which the first operation was sent. */
  startedAt = 0;
  started = 0;
  finished = 0;
  inFlight = 0;
  /** Objects whose contents were not what they should be. */
  errors = 0;
  lastLatency = 0;
  minLatency = Number.POSITIVE_INFINITY;
  maxLatency = 0;
  private sumLatency = 0;
  // Welford's running variance: the spread of any number of latencies without keeping them.
  private mean = 0;
  private squares = 0;

  constructor(request: BenchRequest) {
    this.request = request;
    this.io = request.io;
    this.isRead = request.operation !== 'write';
    this.opsPerObject = Math.max(1, Math.floor(request.objectSize / request.opSize));
    this.submitNext = this.isRead ? this.submitRead : this.submitWrite;
  }

  get averageLatency(): number {
    return this.finished === 0 ? 0 : this.sumLatency / this.finished;
  }

  get stddevLatency(): number {
    return this.finished < 2 ? 0 : Math.sqrt(this.squares / (this.finished - 1));
  }

  /** Resolves when all operations are finished; rejects with what the first failed with. */
  start(): Promise<void> {
    const { depth, seconds, opSize, maxOps, operation } = this.request;
    const done = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.startedAt = performance.now();
    if (seconds > 0) this.stopAt = this.startedAt + seconds * 1000;
    // Fewer operations than slots: a run that is read has no more of them than were written.
    const slots = operation === 'seq' && maxOps > 0 ? Math.min(depth, maxOps) : depth;
    // Reads are looked at one at a time, so one buffer serves to compare them with.
    const shared = this.isRead ? makeContents(opSize) : undefined;
    for (let i = 0; i < slots; i++) this.submitNext(new Slot(this, shared ?? makeContents(opSize)));
    return done;
  }

  /** Sends no more operations; those in flight are still counted. */
  stop(): void {
    this.stopping = true;
  }

  private nameOf(index: number): string {
    return `${this.request.prefix}_object${Math.floor(index / this.opsPerObject)}`;
  }

  private submitRead(slot: Slot): void {
    const { opSize, operation, maxOps } = this.request;
    const index = operation === 'rand' ? Math.floor(Math.random() * maxOps) : this.started;
    slot.index = index;
    this.started++;
    this.inFlight++;
    slot.started = performance.now();
    this.io.submitRead(this.nameOf(index), (index % this.opsPerObject) * opSize, opSize, slot);
  }

  private submitWrite(slot: Slot): void {
    const { opSize } = this.request;
    const index = this.started++;
    slot.index = index;
    numberContents(slot.contents, index);
    this.inFlight++;
    slot.started = performance.now();
    const ops = this.opsOf(slot.contents, (index % this.opsPerObject) * opSize);
    this.io.submitWriteOps(this.nameOf(index), ops, slot);
  }

  private opsOf(contents: Buffer, offset: number): OSDOp[] {
    const { hints, objectSize, opSize, writeTo } = this.request;
    if (writeTo.object && hints && !writeTo.omap && !writeTo.xattr)
      return [opSetAllocHint(objectSize, opSize, HINTS), opWrite(offset, contents)];
    const ops: OSDOp[] = [];
    if (writeTo.object) {
      if (hints) ops.push(opSetAllocHint(objectSize, opSize, HINTS));
      ops.push(opWrite(offset, contents));
    }
    if (writeTo.omap) ops.push(opOmapSetVals(new Map([[`bench-omap-key-${offset}`, contents]])));
    if (writeTo.xattr) ops.push(opSetXattr(`bench-xattr-key-${offset}`, contents));
    return ops;
  }

  finish(slot: Slot, op: Op, result: number): void {
    const now = performance.now();
    this.inFlight--;
    if (result < 0) this.fail(op, result);
    else {
      const latency = (now - slot.started) / 1000;
      this.lastLatency = latency;
      if (latency > this.maxLatency) this.maxLatency = latency;
      if (latency < this.minLatency) this.minLatency = latency;
      this.sumLatency += latency;
      const n = ++this.finished;
      const away = latency - this.mean;
      this.mean += away / n;
      this.squares += away * (latency - this.mean);
      if (this.isRead && this.request.verify) this.check(slot, op);
    }
    if (!this.stopping && now < this.stopAt && this.mayStart()) {
      this.submitNext(slot);
      return;
    }
    if (this.inFlight > 0) return;
    if (this.failure === undefined) this.resolve();
    else this.reject(this.failure);
  }

  private mayStart(): boolean {
    const { operation, maxOps } = this.request;
    return operation === 'rand' || maxOps === 0 || this.started < maxOps;
  }

  private check(slot: Slot, op: Op): void {
    const { contents, index } = slot;
    numberContents(contents, index);
    const data = op.reply!.ops[0].outdata;
    if (data !== undefined && contents.equals(data)) return;
    this.errors++;
    process.stderr.write(`${this.nameOf(index)} is not correct!\n`);
  }

  private fail(op: Op, result: number): void {
    this.stopping = true;
    if (this.failure !== undefined) return;
    if (this.isRead) process.stderr.write(`read got ${result}\n`);
    this.failure = new NacreError(errnoName(result), 'bench', `${errnoText(result)}: '${op.target.baseOid}'`);
  }
}
