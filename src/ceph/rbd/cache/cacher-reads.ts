import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import type { ObjectLayer, ObjectRead } from '../io/types.ts';
import { BLOCK_MAX } from './block-pool.ts';
import type { CacheStore } from './cache-store.ts';
import { BH_CLEAN, BH_RX, BH_ZERO, BufferHead, type CachedObject } from './cached-object.ts';
import type { CacherCounters } from './cacher-counters.ts';
import { DirectRead, Fill, type FillOwner, PendingRead } from './cacher-read.ts';
import type { Finisher } from './finisher.ts';

/** CEPH_OSD_OP_FLAG_FADVISE_* (include/rados.h). */
const FADVISE_DONTNEED = 0x20;
const FADVISE_NOCACHE = 0x40;

function entered({ span, objectNo, offset, length }: ObjectRead): Span | undefined {
  const above = wind('ImageCtx.aio_read_from_cache', span, { object: objectNo, offset, length });
  return wind('ObjectCacher.readx', above);
}

function left(span: Span | undefined, result: number): void {
  if (span === undefined) return;
  unwind(span, result < 0 ? result : undefined);
  unwind(span.parent, result < 0 ? result : undefined);
}

/** How reads are answered: from what is there, with what is missing read from below, each byte once for all who want it. */
export class CacherReads implements FillOwner {
  private readonly store: CacheStore;
  private readonly lower: ObjectLayer;
  private readonly finisher: Finisher;
  private readonly counters: CacherCounters;
  private readonly readDone = (read: PendingRead, result: number) => {
    left(read.span, result);
    read.read.finished(result);
  };

  constructor(store: CacheStore, lower: ObjectLayer, finisher: Finisher, counters: CacherCounters) {
    this.store = store;
    this.lower = lower;
    this.finisher = finisher;
    this.counters = counters;
  }

  read(read: ObjectRead): void {
    const { offset, length } = read;
    const end = offset + length;
    const span = tracing() ? entered(read) : undefined;
    read.into ??= Buffer.allocUnsafe(length);
    const object = this.store.object(read.objectNo, read.snapId);
    object.pins++;
    let pending: PendingRead | undefined;
    let at = offset;
    let hit = 0;
    let holes = 0;
    for (let i = object.find(offset); at < end; ) {
      const head = object.heads[i];
      if (head === undefined || head.start > at) {
        const upTo = head === undefined ? end : Math.min(end, head.start);
        pending ??= new PendingRead(read, span, this.readDone);
        this.miss(object, pending, at, upTo);
        i = object.find(upTo); // what was there may have made room
        at = upTo;
        continue;
      }
      const upTo = Math.min(end, head.end);
      if (head.state === BH_RX) {
        pending ??= new PendingRead(read, span, this.readDone);
        head.fill!.wait(pending, at, upTo);
      } else {
        const to = at - offset;
        hit += upTo - at;
        if (head.state === BH_ZERO) {
          read.into.fill(0, to, to + upTo - at);
          holes += upTo - at;
        } else read.into.set(head.bytes(at, upTo), to);
        if (head.state <= BH_ZERO) this.store.clean.touch(head);
      }
      at = upTo;
      i++;
    }
    object.pins--;
    this.store.dropIfIdle(object);
    if (holes === length) read.extents = [];
    this.countRead(length, hit);
    if (pending !== undefined) {
      pending.partDone(0);
      return;
    }
    left(span, 0);
    this.finisher.finish(read, 0);
  }

  private countRead(length: number, hit: number): void {
    const { counters } = this;
    counters.perf.inc(counters.dataRead, length);
    if (hit === length) {
      counters.perf.inc(counters.opsHit);
      counters.perf.inc(counters.bytesHit, length);
    } else {
      counters.perf.inc(counters.opsMiss);
      counters.perf.inc(counters.bytesMiss, length - hit);
    }
  }

  /** Reads what is missing, for the cache to keep if it has room. */
  private miss(object: CachedObject, reader: PendingRead, start: number, end: number): void {
    const size = end - start;
    const { pool } = this.store;
    if (!this.store.trim(size)) {
      this.lower.read(new DirectRead(reader, start, end));
      return;
    }
    const block = size > BLOCK_MAX ? pool.takeLarge(size) : pool.take(size);
    block.used = block.bytes.length;
    // The read itself holds the block, too.
    block.refs++;
    const fill = new Fill(this, object, block, start, size, reader);
    const head = new BufferHead(object, start, end, BH_RX, block, 0);
    head.fill = fill;
    object.insert(object.find(start), head);
    fill.wait(reader, start, end);
    this.lower.read(fill);
  }

  filled(fill: Fill, result: number): void {
    const { object, offset, block } = fill;
    const end = offset + fill.length;
    const empty = fill.extents?.length === 0;
    const { heads } = object;
    for (let i = object.find(offset); i < heads.length && heads[i].start < end; ) {
      const head = heads[i];
      if (head.fill !== fill || head.state !== BH_RX) {
        i++; // written meanwhile
        continue;
      }
      head.fill = undefined;
      if (result < 0) {
        object.remove(head); // the next reader tries again
        continue;
      }
      object.setState(head, empty ? BH_ZERO : BH_CLEAN);
      if (empty) {
        this.store.pool.release(block);
        head.block = undefined;
      }
      if ((fill.flags & (FADVISE_DONTNEED | FADVISE_NOCACHE)) !== 0) {
        this.store.clean.remove(head);
        this.store.clean.addOldest(head);
      }
      i++;
    }
    fill.serve(result);
    this.store.pool.release(block);
    this.store.dropIfIdle(object);
    this.store.trim();
  }
}
