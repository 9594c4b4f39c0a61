import { PerfCollection } from '../../src/base/perf-counters.ts';
import type { IoCtx } from '../../src/ceph/rados/ioctx.ts';
import { type CacheSettings, createObjectCacher, createWriteAround } from '../../src/ceph/rbd/cache/index.ts';
import type { ImageCtx } from '../../src/ceph/rbd/image-ctx.ts';
import {
  type FlushSource,
  OBJECT_COMPARE_AND_WRITE,
  OBJECT_DISCARD,
  OBJECT_WRITE_SAME,
  type ObjectLayer,
  type ObjectRead,
  type ObjectWrite,
  type ObjectWriteKind,
} from '../../src/ceph/rbd/io/types.ts';
import { SNAP_HEAD } from '../../src/ceph/types/snap.ts';
import { nodeEnv } from '../../src/env/node.ts';

export const OBJECT_SIZE = 1 << 18;
export const SECTOR = 512;

/** Numbers that a seed decides. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const views = new Map<number, IoCtx>();
export function viewAt(seq: number): IoCtx {
  let view = views.get(seq);
  if (view === undefined)
    views.set(seq, (view = { snapc: { seq: BigInt(seq), snaps: [] } } as unknown as IoCtx));
  return view;
}

/**
 * What is below a cache: a disk that takes its time, keeps the order within an object but not between objects, and fails now and
 * then. It says so when it is used otherwise than the cache promises.
 */
export class Disk implements ObjectLayer {
  readonly objects = new Map<number, Buffer>();
  readonly faults: string[] = [];
  failEvery = 0;
  writes = 0;
  failures = 0;
  pieces = 0;
  flushes = 0;
  closed = 0;
  /** Called before a change is applied. */
  onWrite: ((write: ObjectWrite) => void) | undefined;
  private readonly chains = new Map<number, Promise<void>>();
  private readonly inFlight: ObjectWrite[] = [];
  private readonly lastView = new Map<number, bigint>();
  private readonly below: (below: number) => number;

  constructor(below: (below: number) => number) {
    this.below = below;
  }

  content(objectNo: number): Buffer {
    let content = this.objects.get(objectNo);
    if (content === undefined) this.objects.set(objectNo, (content = Buffer.alloc(OBJECT_SIZE)));
    return content;
  }

  private later(objectNo: number, what: () => void): void {
    const before = this.chains.get(objectNo) ?? Promise.resolve();
    const delay = this.below(3);
    this.chains.set(
      objectNo,
      before.then(async () => {
        for (let i = 0; i < delay; i++) await new Promise(resolve => setImmediate(resolve));
        what();
      }),
    );
  }

  read(read: ObjectRead): void {
    this.later(read.objectNo, () => {
      const { offset, length } = read;
      read.into ??= Buffer.alloc(length);
      this.content(read.objectNo).copy(read.into, 0, offset, offset + length);
      if (read.into.every(byte => byte === 0)) read.extents = [];
      read.finished(0);
    });
  }

  write(write: ObjectWrite): void {
    const { objectNo, offset, length, data, kind } = write;
    this.writes++;
    this.pieces += data.length;
    const sum = data.reduce((n, piece) => n + piece.length, 0);
    if (kind === 0 && sum !== length) this.faults.push(`${sum} bytes for a write of ${length}`);
    for (const other of this.inFlight)
      if (
        other.objectNo === objectNo &&
        other.offset < offset + length &&
        offset < other.offset + other.length
      )
        this.faults.push(`two writes under way to ${objectNo} ${offset}~${length}`);
    const seq = write.view.snapc.seq;
    if (seq < (this.lastView.get(objectNo) ?? 0n)) this.faults.push(`older view after newer at ${objectNo}`);
    this.lastView.set(objectNo, seq);
    this.inFlight.push(write);
    const copy = Buffer.concat(data);
    this.later(objectNo, () => {
      this.inFlight.splice(this.inFlight.indexOf(write), 1);
      if (kind === 0 && Buffer.compare(copy, Buffer.concat(data)) !== 0)
        this.faults.push('data changed under way');
      if (this.failEvery > 0 && this.below(this.failEvery) === 0) {
        this.failures++;
        write.finished(-5);
        return;
      }
      const content = this.content(objectNo);
      if (kind === OBJECT_COMPARE_AND_WRITE) {
        if (!content.subarray(offset, offset + length).equals(write.compare!)) {
          write.mismatch = offset;
          write.finished(-84);
          return;
        }
      }
      this.onWrite?.(write);
      if (kind === OBJECT_DISCARD) content.fill(0, offset, offset + length);
      else if (kind === OBJECT_WRITE_SAME)
        for (let at = 0; at < length; at += copy.length) copy.copy(content, offset + at);
      else copy.copy(content, offset);
      write.finished(0);
    });
  }

  flush(_source: FlushSource, done: (result: number) => void): void {
    this.flushes++;
    setImmediate(() => done(0));
  }

  invalidate(): void {}

  close(): void {
    this.closed++;
  }
}

export const SETTINGS: CacheSettings = {
  size: 1 << 20,
  maxDirty: 3 << 18,
  targetDirty: 1 << 19,
  maxDirtyAge: 20,
  maxDirtyObjects: 0,
  writethroughUntilFlush: false,
};

/** A cache over a disk, with calls that give promises of results (0 or a negative errno). */
export class World {
  readonly disk: Disk;
  readonly cache: ObjectLayer;
  readonly perf = new PerfCollection();

  constructor(kind: 'cacher' | 'around', seed: number, settings: Partial<CacheSettings> = {}) {
    this.disk = new Disk(random(seed));
    const ctx = {
      context: { env: nodeEnv, perf: this.perf },
      identity: { id: '1', name: 'image' },
      data: { pool: 1 },
    } as unknown as ImageCtx;
    const make = kind === 'cacher' ? createObjectCacher : createWriteAround;
    this.cache = make(ctx, this.disk, { ...SETTINGS, ...settings });
  }

  write(
    objectNo: number,
    offset: number,
    data: readonly Uint8Array[],
    more: {
      kind?: ObjectWriteKind;
      length?: number;
      view?: number;
      flags?: number;
      compare?: Uint8Array;
    } = {},
  ): Promise<number> {
    const length = more.length ?? data.reduce((n, piece) => n + piece.length, 0);
    return new Promise(resolve => {
      this.cache.write({
        kind: more.kind ?? 0,
        objectNo,
        offset,
        length,
        data,
        compare: more.compare,
        view: viewAt(more.view ?? 1),
        discardFlags: 0,
        flags: more.flags ?? 0,
        span: undefined,
        mismatch: -1,
        finished(result) {
          // Who wrote may use his memory again.
          for (const piece of data) piece.fill(0xee);
          resolve(result);
        },
      });
    });
  }

  read(objectNo: number, offset: number, length: number, snapId = SNAP_HEAD): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const read: ObjectRead = {
        objectNo,
        offset,
        length,
        snapId,
        flags: 0,
        span: undefined,
        into: undefined,
        extents: undefined,
        finished: result => (result < 0 ? reject(new Error(String(result))) : resolve(read.into!)),
      };
      this.cache.read(read);
    });
  }

  flush(source: FlushSource = 'user'): Promise<number> {
    return new Promise(resolve => this.cache.flush(source, resolve));
  }
}
