import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { onTrace } from '../../src/base/trace.ts';
import type { ObjectCacher } from '../../src/ceph/rbd/cache/object-cacher.ts';
import {
  OBJECT_COMPARE_AND_WRITE,
  OBJECT_DISCARD,
  OBJECT_WRITE,
  OBJECT_WRITE_SAME,
} from '../../src/ceph/rbd/io/types.ts';
import { OBJECT_SIZE, random, SECTOR, SETTINGS, World } from './cache-world.ts';

const OBJECTS = 4;
const SECTORS = OBJECT_SIZE / SECTOR;

const tagged = (sectors: number, version: number): Buffer => {
  const data = Buffer.alloc(sectors * SECTOR);
  for (let at = 0; at < data.length; at += 4) data.writeUInt32LE(version, at);
  return data;
};

/** Cuts data into pieces as a vectored write has them. */
function pieces(data: Buffer, below: (n: number) => number): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const n = Math.min(data.length - at, 1 + below(data.length));
    parts.push(data.subarray(at, at + n));
    at += n;
  }
  return parts;
}

/**
 * Random work on a few objects, many requests at a time but never two on the same sectors. Every change has a number, ascending,
 * which is what its sectors hold (0 where it made zeros, `zeroed` then has its number).
 */
async function work(
  kind: 'cacher' | 'around',
  seed: number,
  steps: number,
  failEvery: number,
  through: boolean,
) {
  const below = random(seed);
  const world = new World(kind, seed ^ 0x5555, { writethroughUntilFlush: through });
  const { disk } = world;
  disk.failEvery = failEvery;
  const size = OBJECTS * SECTORS;
  const busy = new Uint8Array(size);
  const content = new Uint32Array(size);
  const version = new Uint32Array(size);
  const safe = new Uint32Array(size);
  /** Sectors where a change failed: either is right. */
  const doubtful = new Uint8Array(size);
  const problems: string[] = [];
  let next = 1;
  let view = 1;
  let peak = 0;
  const running = new Set<Promise<unknown>>();
  let issued = version.slice();
  disk.onWrite = write => {
    const first = write.objectNo * SECTORS + write.offset / SECTOR;
    const all = write.kind === OBJECT_DISCARD ? undefined : Buffer.concat(write.data);
    for (let i = 0; i < write.length / SECTOR; i++) {
      const at = all === undefined ? issued[first + i] : all.readUInt32LE((i * SECTOR) % all.length);
      if (at < safe[first + i]) problems.push(`sector ${first + i}: ${at} after ${safe[first + i]}`);
      safe[first + i] = at;
    }
  };
  const start = (what: Promise<unknown>) => {
    running.add(what);
    what.then(() => running.delete(what));
  };
  for (let step = 0; step < steps; step++) {
    const objectNo = below(OBJECTS);
    const count = 1 + (below(20) === 0 ? below(300) : below(16));
    const from = below(SECTORS - count);
    const first = objectNo * SECTORS + from;
    const dice = below(100);
    if (dice < 4) {
      const need = version.map((v, i) => (busy[i] === 0 && doubtful[i] === 0 ? v : 0));
      start(
        world.flush().then(result => {
          if (result !== 0 && failEvery === 0) problems.push(`flush: ${result}`);
          if (result === 0)
            for (let i = 0; i < size; i++)
              if (safe[i] < need[i]) problems.push(`sector ${i} has ${safe[i]}, ${need[i]} was flushed`);
        }),
      );
    } else if (busy.subarray(first, first + count).every(n => n === 0)) {
      busy.fill(1, first, first + count);
      const done = () => busy.fill(0, first, first + count);
      if (dice < 40) {
        const want = content.slice(first, first + count);
        const unsure = doubtful.slice(first, first + count);
        start(
          world.read(objectNo, from * SECTOR, count * SECTOR).then(data => {
            for (let i = 0; i < count; i++)
              if (unsure[i] === 0)
                for (const at of [0, SECTOR - 4])
                  if (data.readUInt32LE(i * SECTOR + at) !== want[i])
                    problems.push(
                      `sector ${first + i} reads ${data.readUInt32LE(i * SECTOR + at)}, not ${want[i]}`,
                    );
            done();
          }),
        );
      } else {
        const own = next++;
        if (below(200) === 0) view++;
        issued.fill(own, first, first + count);
        const how =
          dice < 80
            ? OBJECT_WRITE
            : dice < 90
              ? OBJECT_DISCARD
              : dice < 95
                ? OBJECT_WRITE_SAME
                : OBJECT_COMPARE_AND_WRITE;
        const data = tagged(how === OBJECT_WRITE_SAME ? 1 : count, own);
        const compare = Buffer.alloc(count * SECTOR);
        for (let i = 0; i < count; i++) tagged(1, content[first + i]).copy(compare, i * SECTOR);
        const wrong = how === OBJECT_COMPARE_AND_WRITE && below(2) === 0;
        if (wrong) compare[below(compare.length)] ^= 1;
        const unsure = doubtful.subarray(first, first + count).some(n => n === 1);
        start(
          world
            .write(objectNo, from * SECTOR, how === OBJECT_DISCARD ? [] : pieces(data, below), {
              kind: how,
              length: count * SECTOR,
              view,
              flags: below(30) === 0 ? 0x80 : 0,
              compare: how === OBJECT_COMPARE_AND_WRITE ? compare : undefined,
            })
            .then(result => {
              if (result === 0) {
                if (wrong && !unsure) problems.push('compare-and-write found what is not there');
                content.fill(how === OBJECT_DISCARD ? 0 : own, first, first + count);
                version.fill(own, first, first + count);
                // What the write-around cache has finished may still fail.
                doubtful.fill(kind === 'around' && failEvery > 0 ? 1 : 0, first, first + count);
              } else if (result === -84) {
                if (!wrong && !unsure)
                  problems.push('compare-and-write found a difference where there is none');
                issued.set(version.subarray(first, first + count), first);
              } else {
                if (failEvery === 0) problems.push(`write: ${result}`);
                doubtful.fill(1, first, first + count);
              }
              done();
            }),
        );
      }
    }
    if (kind === 'cacher') peak = Math.max(peak, (world.cache as ObjectCacher).memory);
    while (running.size > below(24)) await Promise.race(running);
  }
  await Promise.all(running);
  // Failures are over: one flush makes everything safe.
  disk.failEvery = 0;
  await world.flush();
  expect(await world.flush()).toBe(0);
  for (let objectNo = 0; objectNo < OBJECTS; objectNo++)
    for (let i = 0; i < SECTORS; i++) {
      const at = objectNo * SECTORS + i;
      const is = disk.content(objectNo).readUInt32LE(i * SECTOR);
      if (doubtful[at] === 0 && is !== content[at])
        problems.push(`sector ${at} is ${is}, not ${content[at]}`);
    }
  world.cache.close();
  expect([...problems, ...disk.faults].slice(0, 5)).toEqual([]);
  issued = version;
  return { world, peak };
}

const runs = { numRuns: 20, endOnFailure: true };

describe.each(['cacher', 'around'] as const)('%s', kind => {
  test('reads see finished writes, flushes make them safe, order is kept', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, through) => {
        await work(kind, seed, 1500, 0, through);
      }),
      runs,
    );
  });

  test('nothing is lost where writes fail', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 2, max: 40 }), async (seed, failEvery) => {
        await work(kind, seed, 800, failEvery, false);
      }),
      runs,
    );
  });
});

test('memory stays within the size of the cache', async () => {
  const { peak } = await work('cacher', 7, 4000, 0, false);
  expect(peak).toBeGreaterThan(SETTINGS.size / 2);
  expect(peak).toBeLessThanOrEqual(SETTINGS.size + (1 << 17));
});

const block = (value: number) => Buffer.alloc(4096, value);

test.each(['cacher', 'around'] as const)('%s: writes go through until the user flushes', async kind => {
  const world = new World(kind, 1, { writethroughUntilFlush: true, maxDirtyAge: 1e6 });
  expect(await world.write(0, 0, [block(1)])).toBe(0);
  expect(world.disk.content(0)[0]).toBe(1);
  await world.flush('internal');
  expect(await world.write(0, 4096, [block(2)])).toBe(0);
  expect(world.disk.content(0)[4096]).toBe(2);
  await world.flush();
  expect(await world.write(0, 8192, [block(3)])).toBe(0);
  expect(world.disk.content(0)[8192]).toBe(0);
  await world.flush();
  expect(world.disk.content(0)[8192]).toBe(3);
  world.cache.close();
});

test('adjacent dirty data is one write, and a second flush has nothing to do', async () => {
  const world = new World('cacher', 1, { maxDirtyAge: 1e6 });
  for (const at of [3, 1, 0, 2, 7]) await world.write(0, at * 4096, [block(at + 1)]);
  expect(world.disk.writes).toBe(0);
  await world.flush();
  expect(world.disk.writes).toBe(2);
  await world.flush();
  expect(world.disk.writes).toBe(2);
  expect((await world.read(0, 4096, 4096))[0]).toBe(2);
  const counters = world.perf.dump()['objectcacher-librbd-1-1-image'] as Record<string, number>;
  expect(counters['cache_ops_hit']).toBe(1);
  expect(counters['data_written']).toBe(5 * 4096);
  expect(counters['data_flushed']).toBe(5 * 4096);
  world.cache.close();
});

test('dirty data is written back when it is old, or when there is much', async () => {
  const world = new World('cacher', 1, { maxDirtyAge: 5 });
  const written = new Promise<void>(resolve => {
    world.disk.onWrite = () => resolve();
  });
  await world.write(0, 0, [block(1)]);
  await written;
  const much = new World('cacher', 1, { maxDirtyAge: 1e6 });
  for (let i = 0; i < 200; i++) expect(await much.write(i % 4, (i >> 2) * 4096, [block(i)])).toBe(0);
  expect(much.disk.writes).toBeGreaterThan(0);
  await much.flush();
  world.cache.close();
  much.cache.close();
});

test.each(['cacher', 'around'] as const)('%s: a failed write-back shows in the flush', async kind => {
  const world = new World(kind, 1, { maxDirtyAge: 1e6 });
  world.disk.failEvery = 1;
  expect(await world.write(0, 0, [block(1)])).toBe(0);
  expect(await world.flush()).toBe(-5);
  if (kind === 'cacher') expect(await world.flush()).toBe(-5);
  world.disk.failEvery = 0;
  expect(await world.flush()).toBe(0);
  expect(world.disk.content(0)[0]).toBe(kind === 'cacher' ? 1 : 0);
  world.cache.close();
});

test('what is read is kept, once, and forgotten when told so', async () => {
  const world = new World('cacher', 1);
  world.disk.content(0).fill(9);
  const [a, b] = await Promise.all([world.read(0, 0, 8192), world.read(0, 4096, 8192)]);
  expect(a.equals(Buffer.alloc(8192, 9)) && b.equals(a)).toBe(true);
  world.disk.content(0).fill(8);
  expect((await world.read(0, 0, 12288))[12287]).toBe(9);
  world.cache.invalidate();
  expect((await world.read(0, 0, 4096))[0]).toBe(8);
  expect((world.cache as ObjectCacher).memory).toBe(4096);
  world.cache.close();
  expect((world.cache as ObjectCacher).memory).toBe(0);
  expect(await world.write(0, 0, [block(1)])).toBe(-108);
});

test('the layers that a request passes show in its trace', async () => {
  const chain = async (through: boolean) => {
    const world = new World('cacher', 1, { writethroughUntilFlush: through, maxDirtyAge: 1e6 });
    const seen: string[] = [];
    const listening = onTrace({
      wind: ({ layer, parent }) => seen.push(parent === undefined ? layer : `${parent.layer} > ${layer}`),
    });
    await world.write(0, 0, [block(1)]);
    await world.flush();
    await world.read(0, 0, 4096);
    listening[Symbol.dispose]();
    world.cache.close();
    return seen;
  };
  const expected = [
    'ImageCtx.write_to_cache',
    'ImageCtx.write_to_cache > ObjectCacher.writex',
    'ObjectCacher.writex > LibrbdWriteback.write',
    'ImageCtx.aio_read_from_cache',
    'ImageCtx.aio_read_from_cache > ObjectCacher.readx',
  ];
  expect(await chain(false)).toEqual(expected);
  expect(await chain(true)).toEqual(expected);
});
