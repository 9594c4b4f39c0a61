import { tracing, unwind, wind } from '../../../base/trace.ts';
import type { Clock, TimerHandle, Timers } from '../../../env/env.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import {
  type FlushSource,
  OBJECT_COMPARE_AND_WRITE,
  OBJECT_WRITE,
  type ObjectLayer,
  type ObjectRead,
  type ObjectWrite,
} from '../io/types.ts';
import type { Block } from './block-pool.ts';
import { CacheStore } from './cache-store.ts';
import { BH_CLEAN, BH_DIRTY, BH_TX, type BufferHead, type CachedObject } from './cached-object.ts';
import { CacherCounters } from './cacher-counters.ts';
import { CacherReads } from './cacher-reads.ts';
import { Finisher } from './finisher.ts';
import { Flush } from './flush.ts';
import { PASS_CACHED, PASS_THROUGH, Pass, type PassOwner, sameView } from './pass.ts';
import { type CacheSettings, cacheSettings } from './settings.ts';
import { appendToHead, insertWrite, oldestDirty, overwriteHead } from './take-in.ts';
import { WriteBack, type WriteBackOwner } from './write-back.ts';

/** CEPH_OSD_OP_FLAG_FADVISE_FUA (include/rados.h). */
export const FADVISE_FUA = 0x80;

const ESHUTDOWN = -108;
const ECANCELED = -125;
/** Milliseconds; a timer is not set for less. */
const LEAST_DELAY = 1;

interface Blocked {
  readonly write: ObjectWrite;
  readonly since: number;
}

/**
 * The cache of rbd_cache_policy writeback and writethrough (osdc/ObjectCacher.cc). It keeps what was read and written by object,
 * finishes writes as soon as it has a copy of them, and writes back later, what is adjacent in one write.
 *
 * What it promises: a read gives what finished writes left; a flush covers what was finished before it; data of one object that
 * overlaps, or was written under different snapshots, reaches the OSDs in the order in which it was written. What could not
 * be written back stays dirty and is tried again, and the flushes that waited for it fail.
 */
export class ObjectCacher implements ObjectLayer, WriteBackOwner, PassOwner {
  private readonly store: CacheStore;
  private readonly reads: CacherReads;
  /** Bytes being written back. */
  private tx = 0;
  private maxDirty: number;
  private seq = 0;
  private closed = false;
  private readonly settings: CacheSettings;
  private readonly lower: ObjectLayer;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly finisher: Finisher;
  private readonly counters: CacherCounters;
  private readonly registration: Disposable;
  /** Objects with dirty data, that with the oldest first. */
  private readonly dirtyObjects = new Set<CachedObject>();
  /** Writes that wait for room, in the order of their coming. */
  private blocked: Blocked[] = [];
  private blockedBytes = 0;
  private timer: TimerHandle | undefined;
  private readonly ageFlush = () => this.flushAged();
  private readonly releaseBlock = (block: Block) => this.store.pool.release(block);
  constructor(ctx: ImageCtx, lower: ObjectLayer, settings: CacheSettings) {
    const { env, perf } = ctx.context;
    this.settings = settings;
    this.lower = lower;
    this.clock = env.clock;
    this.timers = env.timers;
    this.finisher = new Finisher(env.timers);
    this.maxDirty = settings.writethroughUntilFlush ? 0 : settings.maxDirty;
    const { id, name } = ctx.identity;
    this.counters = new CacherCounters(`librbd-${id}-${ctx.data.pool}-${name}`);
    this.registration = perf.add(this.counters.perf);
    this.store = new CacheStore(settings.size);
    this.reads = new CacherReads(this.store, lower, this.finisher, this.counters);
  }

  /** Bytes of memory that it holds. */
  get memory(): number {
    return this.store.pool.live;
  }

  read(read: ObjectRead): void {
    if (this.closed) this.finisher.finish(read, ESHUTDOWN);
    else this.reads.read(read);
  }

  // Writes.

  write(write: ObjectWrite): void {
    if (this.closed) {
      this.finisher.finish(write, ESHUTDOWN);
      return;
    }
    const object = this.store.object(write.objectNo, SNAP_HEAD);
    const through = write.kind !== OBJECT_WRITE || this.maxDirty === 0 || (write.flags & FADVISE_FUA) !== 0;
    if (!through && !this.mustWait(object, write)) {
      this.take(object, write);
      return;
    }
    object.passes.push(new Pass(this, write, through ? PASS_THROUGH : PASS_CACHED));
    this.advance(object);
  }

  private otherView(object: CachedObject, view: IoCtx): boolean {
    if (object.dirty === 0 && object.inFlight.length === 0) return false;
    return !sameView(object.view!, view);
  }

  /** Whether something that goes past the cache, or data of another view, keeps a write from going into it. */
  private mustWait(object: CachedObject, write: ObjectWrite): boolean {
    if (object.passes.length > 0 && this.conflicts(object, write, object.passes.length)) return true;
    return this.otherView(object, write.view);
  }

  /** Whether a change has to wait for one of the first `count` passes. */
  private conflicts(object: CachedObject, { offset, length, view }: ObjectWrite, count: number): boolean {
    for (let i = 0; i < count; i++) {
      const pass = object.passes[i];
      if ((pass.offset < offset + length && offset < pass.end) || !sameView(pass.view, view)) return true;
    }
    return false;
  }

  /** Lets go of what no longer has to wait at an object. */
  private advance(object: CachedObject): void {
    const { passes } = object;
    for (let i = 0; i < passes.length; i++) {
      const pass = passes[i];
      if (pass.active || this.conflicts(object, pass, i) || !this.ready(object, pass)) continue;
      if (pass.way === PASS_CACHED) {
        passes.splice(i, 1);
        this.take(object, pass.write);
      } else {
        pass.active = true;
        this.lower.write(pass);
      }
      i = -1; // anything may have happened
    }
  }

  private ready(object: CachedObject, pass: Pass): boolean {
    if (this.otherView(object, pass.view)) {
      this.writeBack(object);
      return false;
    }
    if (pass.way === PASS_CACHED) return true;
    if (pass.kind === OBJECT_COMPARE_AND_WRITE && this.dirtyIn(object, pass.offset, pass.end)) {
      this.writeBack(object);
      return false;
    }
    for (const write of object.inFlight) if (write.overlaps(pass.offset, pass.end)) return false;
    return true;
  }

  private dirtyIn(object: CachedObject, start: number, end: number): boolean {
    const { heads } = object;
    for (let i = object.find(start); i < heads.length && heads[i].start < end; i++)
      if (heads[i].state === BH_DIRTY) return true;
    return false;
  }

  passed(pass: Pass, result: number): void {
    const { write, offset, end } = pass;
    const object = this.store.object(pass.objectNo, SNAP_HEAD);
    object.passes.splice(object.passes.indexOf(pass), 1);
    if (result >= 0) {
      object.carve(offset, end);
      if (object.dirty === 0) this.dirtyObjects.delete(object);
      if (pass.kind === OBJECT_WRITE && !this.closed) this.insert(object, write, BH_CLEAN);
    } else object.dropClean(offset, end);
    write.mismatch = pass.mismatch;
    write.finished(result);
    this.settle(object, 0, 0);
    this.progress();
  }

  /** Takes a write into the cache, or lets it wait for room. */
  private take(object: CachedObject, write: ObjectWrite): void {
    if (this.closed) {
      this.finisher.finish(write, ESHUTDOWN);
      return;
    }
    const { length } = write;
    const used = this.store.dirty + this.tx;
    if (this.blocked.length > 0 || (used > 0 && used + length > this.maxDirty)) {
      this.blocked.push({ write, since: this.clock.mono() });
      this.blockedBytes += length;
      this.kick();
      return;
    }
    this.accept(object, write);
  }

  private accept(object: CachedObject, write: ObjectWrite): void {
    const { length, offset } = write;
    const { counters } = this;
    if (tracing()) {
      const above = wind('ImageCtx.write_to_cache', write.span, { object: write.objectNo, offset, length });
      const span = wind('ObjectCacher.writex', above);
      object.span = span;
      this.absorb(object, write);
      unwind(span);
      unwind(above);
    } else this.absorb(object, write);
    counters.perf.inc(counters.dataWritten, length);
    this.finisher.finish(write, 0);
    if (this.store.dirty > this.settings.targetDirty || this.settings.maxDirtyObjects > 0) this.kick();
    if (this.store.full) this.store.trim();
  }

  private absorb(object: CachedObject, write: ObjectWrite): void {
    const { offset, length } = write;
    const end = offset + length;
    object.view = write.view;
    const seq = ++this.seq;
    if (!overwriteHead(object, write, seq) && !appendToHead(object, write))
      this.insert(object, write, BH_DIRTY);
    object.sequential = object.lastEnd === offset;
    object.lastEnd = end;
    if (!this.dirtyObjects.has(object)) {
      this.dirtyObjects.add(object);
      object.dirtySince = this.clock.mono();
      if (this.timer === undefined) this.arm(object.dirtySince);
    }
  }

  private insert(object: CachedObject, write: ObjectWrite, state: typeof BH_CLEAN | typeof BH_DIRTY): void {
    const { offset, length } = write;
    if (object.inFlight.length > 0) this.countOverwritten(object, offset, offset + length);
    insertWrite(this.store.pool, object, write, state, this.seq);
  }

  private countOverwritten(object: CachedObject, start: number, end: number): void {
    const { counters } = this;
    for (const { offset, length } of object.inFlight) {
      const bytes = Math.min(end, offset + length) - Math.max(start, offset);
      if (bytes > 0) counters.perf.inc(counters.overwritten, bytes);
    }
  }

  // Writing back.

  /** Sends an object's dirty data on its way, as far as nothing older that overlaps is under way; data up to `upTo` only. */
  private writeBack(object: CachedObject, upTo = Number.POSITIVE_INFINITY): number {
    if (object.dirty === 0) return 0;
    const { heads } = object;
    const runs: WriteBack[] = [];
    let bytes = 0;
    for (let i = 0; i < heads.length; ) {
      if (!this.sendable(object, heads[i], upTo)) {
        i++;
        continue;
      }
      let to = i + 1;
      while (
        to < heads.length &&
        heads[to].start === heads[to - 1].end &&
        this.sendable(object, heads[to], upTo)
      )
        to++;
      const write = new WriteBack(this, object, heads, i, to);
      bytes += write.length;
      runs.push(write);
      i = to;
    }
    this.tx += bytes;
    this.counters.perf.inc(this.counters.dataFlushed, bytes);
    this.dirtyObjects.delete(object);
    if (object.dirty > 0) {
      this.dirtyObjects.add(object);
      object.dirtySince = this.clock.mono();
    } else object.span = undefined;
    for (const write of runs) object.inFlight.push(write);
    for (const write of runs) this.lower.write(write);
    return bytes;
  }

  private sendable(object: CachedObject, head: BufferHead, upTo: number): boolean {
    if (head.state !== BH_DIRTY || head.seq > upTo) return false;
    for (const write of object.inFlight) if (write.overlaps(head.start, head.end)) return false;
    for (const pass of object.passes)
      if (pass.active && pass.offset < head.end && head.start < pass.end) return false;
    return true;
  }

  wroteBack(write: WriteBack, result: number): void {
    const { object, offset, length } = write;
    const { heads } = object;
    this.tx -= length;
    object.inFlight.splice(object.inFlight.indexOf(write), 1);
    for (let i = object.find(offset); i < heads.length && heads[i].start < offset + length; i++) {
      const head = heads[i];
      if (head.tx !== write) continue;
      head.tx = undefined;
      if (head.state === BH_TX) object.setState(head, result < 0 ? BH_DIRTY : BH_CLEAN);
    }
    write.release(this.releaseBlock);
    if (result < 0) this.failed(object);
    this.settle(object, result, write.minSeq);
    if (result < 0) this.failWaiting(object, result);
    this.progress();
  }

  /** What could not be written back is tried again after a while. */
  private failed(object: CachedObject): void {
    if (object.dirty === 0) return;
    this.dirtyObjects.delete(object);
    this.dirtyObjects.add(object);
    object.dirtySince = this.clock.mono();
    if (this.timer === undefined) this.arm(object.dirtySince);
  }

  /** Whoever waits for room, or for the object, would wait for ever if what fails goes on failing. */
  private failWaiting(object: CachedObject, result: number): void {
    const stuck = object.passes.filter(pass => !pass.active);
    for (const pass of stuck) object.passes.splice(object.passes.indexOf(pass), 1);
    const { blocked } = this;
    this.blocked = [];
    this.blockedBytes = 0;
    for (const pass of stuck) pass.write.finished(result);
    for (const { write } of blocked) write.finished(result);
  }

  /** Something of an object is through: finishes the flushes that waited for it, and goes on with what waits there. */
  private settle(object: CachedObject, result: number, minSeq: number): void {
    const { waits } = object;
    if (waits.length > 0) {
      // A flush that the failed data was of has its answer; it does not wait for the next try.
      if (result < 0) this.finishWaits(object, wait => wait.seq >= minSeq, result);
      if (waits.length > 0) {
        if (object.dirty > 0) this.writeBack(object, waits[waits.length - 1].seq);
        const oldest = this.oldest(object);
        this.finishWaits(object, wait => wait.seq < oldest, 0);
      }
    }
    if (object.passes.length > 0) this.advance(object);
    this.store.dropIfIdle(object);
  }

  private finishWaits(object: CachedObject, which: (wait: { seq: number }) => boolean, result: number): void {
    const { waits } = object;
    for (let i = 0; i < waits.length; )
      if (which(waits[i])) waits.splice(i, 1)[0].flush.objectDone(result);
      else i++;
  }

  /** Number of the oldest write of an object that is not safe. */
  private oldest(object: CachedObject): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const write of object.inFlight) oldest = Math.min(oldest, write.minSeq);
    return object.dirty === 0 ? oldest : Math.min(oldest, oldestDirty(object, 0, Number.MAX_SAFE_INTEGER));
  }

  /** There is less dirty data than before: takes in writes that waited for room. */
  private progress(): void {
    while (this.blocked.length > 0) {
      const { write, since } = this.blocked[0];
      const used = this.store.dirty + this.tx;
      if (used > 0 && used + write.length > this.maxDirty) break;
      this.blocked.shift();
      this.blockedBytes -= write.length;
      this.countBlocked(write, since);
      const object = this.store.object(write.objectNo, SNAP_HEAD);
      if (this.mustWait(object, write)) {
        object.passes.push(new Pass(this, write, PASS_CACHED));
        this.advance(object);
      } else this.accept(object, write);
    }
    if (this.blocked.length > 0) this.kick();
    if (this.store.full) this.store.trim();
  }

  private countBlocked(write: ObjectWrite, since: number): void {
    const { counters } = this;
    counters.perf.inc(counters.opsBlocked);
    counters.perf.inc(counters.bytesBlocked, write.length);
    counters.perf.tinc(counters.timeBlocked, this.clock.mono() - since);
  }

  /** Writes back the oldest data that is over the limits. */
  private kick(): void {
    const { targetDirty, maxDirtyObjects } = this.settings;
    let over = this.store.dirty + this.blockedBytes - targetDirty;
    let objectsOver = maxDirtyObjects === 0 ? 0 : this.dirtyObjects.size - maxDirtyObjects;
    // Those that cannot go yet come back at the end of the set: each gets one try.
    let left = this.dirtyObjects.size;
    for (const object of this.dirtyObjects) {
      if ((over <= 0 && objectsOver <= 0) || left-- === 0) break;
      over -= this.writeBack(object);
      objectsOver--;
    }
  }

  private arm(oldestSince: number): void {
    const due = oldestSince + this.settings.maxDirtyAge - this.clock.mono();
    this.timer = this.timers.set(this.ageFlush, Math.max(LEAST_DELAY, due));
  }

  private flushAged(): void {
    this.timer = undefined;
    const cutoff = this.clock.mono() - this.settings.maxDirtyAge;
    let left = this.dirtyObjects.size;
    for (const object of this.dirtyObjects) {
      if (object.dirtySince > cutoff || left-- === 0) break;
      this.writeBack(object);
    }
    // Written back at once and failed at once, it may have set the timer already.
    if (this.timer !== undefined) return;
    for (const object of this.dirtyObjects) {
      this.arm(object.dirtySince);
      return;
    }
  }

  // All of it.

  flush(source: FlushSource, done: (result: number) => void): void {
    if (source === 'user' && this.maxDirty === 0) this.maxDirty = this.settings.maxDirty;
    const { seq } = this;
    const flush = new Flush(result => this.lower.flush(source, lower => done(result < 0 ? result : lower)));
    // What is under way and what is dirty: only the head's objects can be either.
    const unsafe: CachedObject[] = [];
    for (const object of this.store.heads.values())
      if (object.dirty > 0 || object.inFlight.length > 0) unsafe.push(object);
    for (const object of unsafe) {
      flush.pending++;
      object.waits.push({ flush, seq });
      this.writeBack(object);
      this.settle(object, 0, 0);
    }
    flush.objectDone(0);
  }

  invalidate(): void {
    this.dirtyObjects.clear();
    for (const object of this.store.all()) {
      const lost = object.dirty > 0;
      object.carve(0, Number.MAX_SAFE_INTEGER);
      // A flush that waits for data which is no more will not see it written.
      if (lost) this.finishWaits(object, () => true, ECANCELED);
      this.settle(object, 0, 0);
    }
    this.progress();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.timer !== undefined) this.timers.clear(this.timer);
    this.timer = undefined;
    const { blocked } = this;
    this.blocked = [];
    this.blockedBytes = 0;
    for (const { write } of blocked) this.finisher.finish(write, ESHUTDOWN);
    this.invalidate();
    this.registration[Symbol.dispose]();
    this.lower.close();
  }
}

/** A cache over `lower`, as the image's configuration has it. */
export function createObjectCacher(
  ctx: ImageCtx,
  lower: ObjectLayer,
  settings = cacheSettings(ctx),
): ObjectLayer {
  return new ObjectCacher(ctx, lower, settings);
}
