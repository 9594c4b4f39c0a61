import { crc32c } from '../../base/crc32c.ts';
import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { addrKey } from '../types/addr-text.ts';
import { decI64, decodeMap, decStr, encI64, encodeMap, encStr } from '../types/collections.ts';
import {
  decodeEntityAddr,
  type EntityAddrVec,
  encodeEntityAddr,
  encodeEntityAddrVec,
} from '../types/entity.ts';
import { ALL_FEATURES } from '../types/features.ts';
import { decodeSnapIntervals, encodeSnapIntervals } from '../types/interval-set.ts';
import { decodeUTime, encodeUTime } from '../types/utime.ts';
import {
  OSDMAP_REQUIRE_JEWEL,
  OSDMAP_REQUIRE_KRAKEN,
  OSDMAP_REQUIRE_LUMINOUS,
  RELEASE_JEWEL,
  RELEASE_KRAKEN,
  RELEASE_LUMINOUS,
  RELEASE_UNKNOWN,
} from './flags.ts';
import { type Blocklist, type PoolSnapIntervals, sortedBlocklist } from './osdmap.ts';
import type { PgPool } from './pool.ts';
import { encodePgPool } from './pool-codec.ts';

/*
 * What full maps and incrementals have in common on the wire.
 */

export const encAddrVec = (e: Encoder, vec: EntityAddrVec): void => encodeEntityAddrVec(e, vec, ALL_FEATURES);
export const encU32Array = (e: Encoder, list: Uint32Array): void => {
  e.u32(list.length);
  for (let i = 0; i < list.length; i++) e.u32(list[i]);
};

export function decU32Array(d: Decoder): Uint32Array {
  const n = d.count(4);
  const list = new Uint32Array(n);
  for (let i = 0; i < n; i++) list[i] = d.u32();
  return list;
}

/** States in maps from before luminous. */
export function decU8Array(d: Decoder): Uint32Array {
  return Uint32Array.from(d.blob());
}

/** map<K, V> by ascending number. */
export function encodeById<T>(
  e: Encoder,
  map: ReadonlyMap<number, T>,
  key: (e: Encoder, id: number) => void,
  value: (e: Encoder, v: T) => void,
): void {
  e.u32(map.size);
  for (const id of [...map.keys()].sort((a, b) => a - b)) {
    key(e, id);
    value(e, map.get(id)!);
  }
}

export function encodeProfiles(e: Encoder, profiles: ReadonlyMap<string, ReadonlyMap<string, string>>): void {
  e.u32(profiles.size);
  for (const name of [...profiles.keys()].sort()) {
    e.str(name);
    encodeMap(e, new Map([...profiles.get(name)!].sort((a, b) => (a[0] < b[0] ? -1 : 1))), encStr, encStr);
  }
}

export function decodeProfiles(d: Decoder): Map<string, Map<string, string>> {
  return decodeMap(d, 8, decStr, inner => decodeMap(inner, 8, decStr, decStr));
}

export function encodeSnapQueues(e: Encoder, queues: PoolSnapIntervals): void {
  encodeById(e, queues, encI64, encodeSnapIntervals);
}

export function decodeSnapQueues(d: Decoder): PoolSnapIntervals {
  return decodeMap(d, 12, decI64, decodeSnapIntervals);
}

export function encodeBlocklist(e: Encoder, list: Blocklist): void {
  const entries = sortedBlocklist(list);
  e.u32(entries.length);
  for (const { addr, until } of entries) {
    encodeEntityAddr(e, addr, ALL_FEATURES);
    encodeUTime(e, until);
  }
}

export function decodeBlocklist(d: Decoder): Blocklist {
  const list: Blocklist = new Map();
  for (let n = d.count(27); n > 0; n--) {
    const addr = decodeEntityAddr(d);
    list.set(addrKey(addr), { addr, until: decodeUTime(d) });
  }
  return list;
}

/** Pools as every version of the map has them. */
export function encodePools(e: Encoder, pools: ReadonlyMap<number, PgPool>): void {
  encodeById(e, pools, encI64, (into, pool) => encodePgPool(into, pool));
}

/** Before luminous the oldest release that OSDs may be of was a flag. */
export function releaseOfFlags(flags: number): number {
  if ((flags & OSDMAP_REQUIRE_LUMINOUS) !== 0) return RELEASE_LUMINOUS;
  if ((flags & OSDMAP_REQUIRE_KRAKEN) !== 0) return RELEASE_KRAKEN;
  return (flags & OSDMAP_REQUIRE_JEWEL) !== 0 ? RELEASE_JEWEL : RELEASE_UNKNOWN;
}

/**
 * Checks the crc of a wrapper whose sections were just read: the u32 at the decoder's place covers what is
 * before it and what is behind it.
 */
export function readCrc(d: Decoder, start: number): number {
  const at = d.offset;
  const crc = d.u32();
  const front = crc32c(d.buf, 0xffffffff, start, at);
  const actual = crc32c(d.buf, front, d.offset, d.limit);
  if (actual !== crc) d.fail(`bad crc, actual ${actual} != expected ${crc}`);
  return crc;
}
