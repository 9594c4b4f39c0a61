import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import { makePool } from '../../src/ceph/osdmap/build.ts';
import { IoCtx } from '../../src/ceph/rados/ioctx.ts';
import { ObjectCursor } from '../../src/ceph/rados/listing.ts';
import {
  compareHObject,
  decodeHObject,
  HOBJECT_MAX,
  type HObject,
  headObject,
  reverseBits,
} from '../../src/ceph/types/hobject.ts';
import { pgNlsResponse } from '../../src/ceph/types/replies.ts';
import { FakeCluster, settle } from '../objecter/fake-cluster.ts';
import { prng } from '../support/fuzz.ts';

/** A pool's objects in their order, and PGs that list as OSDs do: up to their own end, whatever was asked for. */
class ListingPool {
  readonly cluster = new FakeCluster();
  readonly io = new IoCtx(this.cluster.objecter, 1, {});
  readonly objects: HObject[];

  constructor(names: readonly string[]) {
    const pool = this.cluster.map.pools.get(1)!;
    this.objects = names.map(name => headObject(1, name, pool.hashKey(name))).sort(compareHObject);
  }

  get sorted(): string[] {
    return this.objects.map(({ oid }) => oid);
  }

  /** Where the PG of a hash ends: the first place that is another PG's. */
  private pgEnd(hash: number): HObject {
    const { pgNum } = this.cluster.map.pools.get(1)!;
    const bits = Math.log2(pgNum);
    const next = (reverseBits(hash % pgNum) >>> (32 - bits)) + 1;
    if (next === pgNum) return HOBJECT_MAX;
    return headObject(1, '', reverseBits(next * 2 ** (32 - bits)));
  }

  /** Answers listings until nothing asks any more. */
  async serve<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => {});
    while (!done) {
      await settle();
      for (const con of this.cluster.live)
        for (const m of con.take(MOSDOp)) {
          const start = decodeHObject(new Decoder(m.ops[0].indata!));
          const end = this.pgEnd(start.hash);
          const rest = this.objects.filter(o => compareHObject(o, start) >= 0 && compareHObject(o, end) < 0);
          const page = rest.slice(0, m.ops[0].pgls.count);
          const handle = page.length < rest.length ? rest[page.length] : end;
          expect(m.spg.pgid.seed).toBe(start.hash % this.cluster.map.pools.get(1)!.pgNum);
          const entries = page.map(({ oid, nspace, key }) => ({ oid, nspace, locator: key }));
          this.cluster.reply(con, m, 0, r => {
            r.ops[0].outdata = encodeToBuffer(e =>
              pgNlsResponse.encode(e, { ...pgNlsResponse.zero(), handle, entries }),
            );
          });
        }
    }
    return ended;
  }
}

async function collect(lister: AsyncIterable<{ oid: string }>): Promise<string[]> {
  const oids: string[] = [];
  for await (const { oid } of lister) oids.push(oid);
  return oids;
}

const NAMES = Array.from({ length: 200 }, (_, i) => `object-${i}`);

describe('listing', () => {
  it('goes from PG to PG in the order of the hashes', async () => {
    const pool = new ListingPool(NAMES);
    for (const pageSize of [1, 7, 1000])
      expect(await pool.serve(collect(pool.io.list({ pageSize })))).toEqual(pool.sorted);
  });

  it('lists each object in exactly one slice, for any number of slices', async () => {
    const pool = new ListingPool(NAMES);
    for (const m of [1, 2, 3, 8, 13, 64]) {
      const all: string[] = [];
      for (let n = 0; n < m; n++)
        all.push(...(await pool.serve(collect(pool.io.list({ ...pool.io.listSlice(n, m), pageSize: 5 })))));
      expect(all).toEqual(pool.sorted);
    }
  });

  it('slices slices', async () => {
    const pool = new ListingPool(NAMES);
    const all: string[] = [];
    for (let n = 0; n < 3; n++)
      for (let k = 0; k < 4; k++)
        all.push(
          ...(await pool.serve(collect(pool.io.list(pool.io.listSlice(k, 4, pool.io.listSlice(n, 3)))))),
        );
    expect(all).toEqual(pool.sorted);
    expect(() => pool.io.listSlice(3, 3)).toThrow('EINVAL');
  });

  it('goes on from any cursor, as text, and after a split of the PGs', async () => {
    const pool = new ListingPool(NAMES);
    const next = prng(5);
    for (let round = 0; round < 10; round++) {
      const stop = next() % NAMES.length;
      const lister = pool.io.list({ pageSize: 1 + (next() % 30) });
      const seen: string[] = [];
      await pool.serve(
        (async () => {
          for await (const { oid } of lister) if (seen.push(oid) > stop) break;
        })(),
      );
      const cursor = ObjectCursor.parse(JSON.parse(JSON.stringify(lister.cursor)));
      if (round === 5) {
        const split = makePool({ pgNum: 32 });
        pool.cluster.change(inc => inc.newPools.set(1, split));
      }
      const rest = await pool.serve(collect(pool.io.list({ start: cursor })));
      expect([...seen, ...rest]).toEqual(pool.sorted);
    }
  });

  it('has a cursor at both ends', () => {
    expect(ObjectCursor.begin.compare(ObjectCursor.end)).toBeLessThan(0);
    expect(ObjectCursor.end.isEnd).toBe(true);
    for (const cursor of [ObjectCursor.begin, ObjectCursor.end, ObjectCursor.atHash(3, 0xdeadbeef)])
      expect(ObjectCursor.parse(String(cursor)).compare(cursor)).toBe(0);
    expect(() => ObjectCursor.parse('nonsense')).toThrow('EINVAL');
  });
});
