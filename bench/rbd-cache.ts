// What a cached write costs the cache itself: 4 KiB writes and reads over a layer below that is done at once.
//
//   npx tsx bench/rbd-cache.ts [writes]

import { PerfCollection } from '../src/base/perf-counters.ts';
import type { IoCtx } from '../src/ceph/rados/ioctx.ts';
import { type CacheSettings, createObjectCacher, createWriteAround } from '../src/ceph/rbd/cache/index.ts';
import type { ImageCtx } from '../src/ceph/rbd/image-ctx.ts';
import type { ObjectLayer, ObjectRead, ObjectWrite } from '../src/ceph/rbd/io/types.ts';
import { SNAP_HEAD } from '../src/ceph/types/snap.ts';
import { nodeEnv } from '../src/env/node.ts';

const count = Number(process.argv[2] ?? 400_000);
const settings: CacheSettings = {
  size: 32 << 20,
  maxDirty: 24 << 20,
  targetDirty: 16 << 20,
  maxDirtyAge: 1000,
  maxDirtyObjects: 0,
  writethroughUntilFlush: false,
};

class Instant implements ObjectLayer {
  writes = 0;
  read(read: ObjectRead): void {
    setImmediate(() => read.finished(0));
  }
  write(write: ObjectWrite): void {
    this.writes++;
    setImmediate(() => write.finished(0));
  }
  flush(_source: string, done: (result: number) => void): void {
    setImmediate(() => done(0));
  }
  invalidate(): void {}
  close(): void {}
}

const view = { snapc: { seq: 0n, snaps: [] } } as unknown as IoCtx;
const data = [Buffer.alloc(4096, 7)];

class Write implements ObjectWrite {
  readonly kind = 0;
  readonly length = 4096;
  readonly data = data;
  readonly compare = undefined;
  readonly view = view;
  readonly discardFlags = 0;
  readonly flags = 0;
  readonly span = undefined;
  mismatch = -1;
  objectNo = 0;
  offset = 0;
  next: (self: Write) => void = () => {};
  finished(): void {
    this.next(this);
  }
}

function run(name: string, layer: ObjectLayer, place: (write: Write, n: number) => void): Promise<void> {
  return new Promise(resolve => {
    const cpu = process.cpuUsage();
    let issued = 0;
    let done = 0;
    const next = (write: Write) => {
      if (++done === count) {
        const { user, system } = process.cpuUsage(cpu);
        console.log(`${name}: ${((user + system) / count).toFixed(2)} us of CPU each`);
        resolve();
      } else if (issued < count) {
        place(write, issued++);
        layer.write(write);
      }
    };
    for (let i = 0; i < 16; i++) {
      const write = new Write();
      write.next = next;
      place(write, issued++);
      layer.write(write);
    }
  });
}

const ctx = {
  context: { env: nodeEnv, perf: new PerfCollection() },
  identity: { id: '1', name: 'bench' },
  data: { pool: 1 },
} as unknown as ImageCtx;
const randomly = (blocks: number) => (write: Write) => {
  const at = Math.floor(Math.random() * blocks);
  write.objectNo = at >> 10;
  write.offset = (at & 1023) * 4096;
};
const inOrder = (write: Write, n: number) => {
  write.objectNo = (n >> 10) & 255;
  write.offset = (n & 1023) * 4096;
};

for (const [name, blocks] of [
  ['4 MiB', 1024],
  ['1 GiB', 262_144],
] as const) {
  const below = new Instant();
  const cache = createObjectCacher(ctx, below, settings);
  await run(`write-back, random in ${name}`, cache, randomly(blocks));
  console.log(`  ${(below.writes / count).toFixed(3)} writes to the OSDs for each`);
  cache.close();
}
const below = new Instant();
const cache = createObjectCacher(ctx, below, settings);
await run('write-back, in order', cache, inOrder);
console.log(`  ${(below.writes / count).toFixed(3)} writes to the OSDs for each`);
await new Promise<void>(resolve => cache.flush('user', () => resolve()));
const cpu = process.cpuUsage();
const into = Buffer.alloc(4096);
for (let i = 0; i < 100_000; ) {
  let left = 16;
  await new Promise<void>(resolve => {
    for (let j = 0; j < 16; j++, i++) {
      cache.read({
        objectNo: ((count - 1) >> 10) & 255,
        offset: (((count - 1) & 1023) - (i % 64)) * 4096,
        length: 4096,
        snapId: SNAP_HEAD,
        flags: 0,
        span: undefined,
        into,
        extents: undefined,
        finished: () => {
          if (--left === 0) resolve();
        },
      });
    }
  });
}
const { user, system } = process.cpuUsage(cpu);
console.log(`reads of what is there: ${((user + system) / 100_000).toFixed(2)} us of CPU each`);
cache.close();
const around = createWriteAround(ctx, new Instant(), settings);
await run('write-around, random in 1 GiB', around, randomly(262_144));
around.close();
