import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

// Containers of include/encoding.h: u32 count, then the elements; a map's element is its key and its value.
// C++ keeps maps and sets sorted. Decoded ones keep the order of the wire, and encoding keeps the order given.

export function encodeList<T>(e: Encoder, list: readonly T[], encode: (e: Encoder, value: T) => void): void {
  e.u32(list.length);
  for (let i = 0; i < list.length; i++) encode(e, list[i]);
}

/** `minBytes` is the least that one element takes: what the count is checked against. */
export function decodeList<T>(d: Decoder, minBytes: number, decode: (d: Decoder) => T): T[] {
  const n = d.count(minBytes);
  const list: T[] = [];
  for (let i = 0; i < n; i++) list.push(decode(d));
  return list;
}

export function encodeMap<K, V>(
  e: Encoder,
  map: ReadonlyMap<K, V>,
  encodeKey: (e: Encoder, key: K) => void,
  encodeValue: (e: Encoder, value: V) => void,
): void {
  e.u32(map.size);
  for (const [key, value] of map) {
    encodeKey(e, key);
    encodeValue(e, value);
  }
}

/** Keys that are objects stay apart even when they are equal in value: use `decodePairs` for those. */
export function decodeMap<K, V>(
  d: Decoder,
  minBytes: number,
  decodeKey: (d: Decoder) => K,
  decodeValue: (d: Decoder) => V,
): Map<K, V> {
  const n = d.count(minBytes);
  const map = new Map<K, V>();
  for (let i = 0; i < n; i++) {
    const key = decodeKey(d);
    map.set(key, decodeValue(d));
  }
  return map;
}

/** A map whose keys are structs. */
export type Pairs<K, V> = readonly (readonly [K, V])[];

export function encodePairs<K, V>(
  e: Encoder,
  pairs: Pairs<K, V>,
  encodeKey: (e: Encoder, key: K) => void,
  encodeValue: (e: Encoder, value: V) => void,
): void {
  e.u32(pairs.length);
  for (let i = 0; i < pairs.length; i++) {
    encodeKey(e, pairs[i][0]);
    encodeValue(e, pairs[i][1]);
  }
}

export function decodePairs<K, V>(
  d: Decoder,
  minBytes: number,
  decodeKey: (d: Decoder) => K,
  decodeValue: (d: Decoder) => V,
): [K, V][] {
  const n = d.count(minBytes);
  const pairs: [K, V][] = [];
  for (let i = 0; i < n; i++) {
    const key = decodeKey(d);
    pairs.push([key, decodeValue(d)]);
  }
  return pairs;
}

// Scalars as functions, for the helpers above.
export const encU8 = (e: Encoder, v: number): void => e.u8(v);
export const encBool = (e: Encoder, v: boolean): void => e.bool(v);
export const encU32 = (e: Encoder, v: number): void => e.u32(v);
export const encI32 = (e: Encoder, v: number): void => e.i32(v);
export const encU64 = (e: Encoder, v: number): void => e.u64(v);
export const encI64 = (e: Encoder, v: number): void => e.i64(v);
export const encU64b = (e: Encoder, v: bigint): void => e.u64b(v);
export const encStr = (e: Encoder, v: string): void => e.str(v);
export const encBlob = (e: Encoder, v: Uint8Array): void => e.blob(v);
export const decU8 = (d: Decoder): number => d.u8();
export const decBool = (d: Decoder): boolean => d.bool();
export const decU32 = (d: Decoder): number => d.u32();
export const decI32 = (d: Decoder): number => d.i32();
export const decU64 = (d: Decoder): number => d.u64();
export const decI64 = (d: Decoder): number => d.i64();
export const decU64b = (d: Decoder): bigint => d.u64b();
export const decStr = (d: Decoder): string => d.str();
export const decBlob = (d: Decoder): Buffer => d.blob();
