import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decI32, decodeList, encI32, encodeList } from '../types/collections.ts';
import { decodePgId, encodePgId, type PgId } from '../types/pg.ts';

/** A map by pg_t: by pool, then by seed, so that no key has to be made to look something up. */
export class PgMap<T> {
  private readonly pools = new Map<number, Map<number, T>>();

  get size(): number {
    let n = 0;
    for (const seeds of this.pools.values()) n += seeds.size;
    return n;
  }

  get(pool: number, seed: number): T | undefined {
    return this.pools.get(pool)?.get(seed);
  }

  has(pool: number, seed: number): boolean {
    return this.pools.get(pool)?.has(seed) === true;
  }

  set(pool: number, seed: number, value: T): void {
    let seeds = this.pools.get(pool);
    if (seeds === undefined) this.pools.set(pool, (seeds = new Map()));
    seeds.set(seed, value);
  }

  delete(pool: number, seed: number): void {
    const seeds = this.pools.get(pool);
    if (seeds === undefined) return;
    seeds.delete(seed);
    if (seeds.size === 0) this.pools.delete(pool);
  }

  clear(): void {
    this.pools.clear();
  }

  clone(): PgMap<T> {
    const copy = new PgMap<T>();
    for (const [pool, seeds] of this.pools) copy.pools.set(pool, new Map(seeds));
    return copy;
  }

  /** In the order of C++'s maps: by pool, then by seed. */
  *entries(): IterableIterator<[PgId, T]> {
    for (const pool of [...this.pools.keys()].sort((a, b) => a - b)) {
      const seeds = this.pools.get(pool)!;
      for (const seed of [...seeds.keys()].sort((a, b) => a - b)) yield [{ pool, seed }, seeds.get(seed)!];
    }
  }

  [Symbol.iterator](): IterableIterator<[PgId, T]> {
    return this.entries();
  }
}

/** Bytes of a pg_t. */
const PG_BYTES = 17;

// map<pg_t, T>: u32 count, then pg_t and value, sorted.

export function encodePgMap<T>(e: Encoder, map: PgMap<T>, encode: (e: Encoder, value: T) => void): void {
  e.u32(map.size);
  for (const [pg, value] of map) {
    encodePgId(e, pg);
    encode(e, value);
  }
}

/** `minBytes`: the least that one value takes. */
export function decodePgMap<T>(d: Decoder, minBytes: number, decode: (d: Decoder) => T): PgMap<T> {
  const map = new PgMap<T>();
  for (let n = d.count(PG_BYTES + minBytes); n > 0; n--) {
    const pg = decodePgId(d);
    map.set(pg.pool, pg.seed, decode(d));
  }
  return map;
}

/** vector<s32> of OSDs. */
export const encodeOsdList = (e: Encoder, osds: readonly number[]): void => encodeList(e, osds, encI32);
export const decodeOsdList = (d: Decoder): readonly number[] => decodeList(d, 4, decI32);

/** Pairs of (from, to) of pg_upmap_items. */
export type UpmapItems = readonly (readonly [number, number])[];

export function encodeUpmapItems(e: Encoder, items: UpmapItems): void {
  e.u32(items.length);
  for (const [from, to] of items) {
    e.i32(from);
    e.i32(to);
  }
}

export function decodeUpmapItems(d: Decoder): UpmapItems {
  const items: [number, number][] = [];
  for (let n = d.count(8); n > 0; n--) items.push([d.i32(), d.i32()]);
  return items;
}

/** PGTempMap: map<pg_t, vector<s32>>; which OSDs act for a PG instead of those that CRUSH chose. */
export type PgTempMap = PgMap<readonly number[]>;

export function encodePgTempMap(e: Encoder, map: PgTempMap): void {
  encodePgMap(e, map, encodeOsdList);
}

export function decodePgTempMap(d: Decoder): PgTempMap {
  return decodePgMap(d, 4, decodeOsdList);
}
