import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { ALL_FEATURES, type Features } from './features.ts';
import type { Interval, SnapInterval } from './interval-set.ts';
import {
  decodeIntervals,
  decodeSnapIntervals,
  encodeIntervals,
  encodeSnapIntervals,
} from './interval-set.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from './utime.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from './uuid.ts';

/**
 * Reads and writes one type. Structs that are not on the path of every operation are described once, as a
 * table of fields (`struct`), instead of twice as code.
 */
export interface Codec<T> {
  /** `features` are the reader's: some types have an older form for older readers. */
  readonly encode: (e: Encoder, value: T, features?: Features) => void;
  readonly decode: (d: Decoder) => T;
  /** Least bytes that a value takes: what element counts are checked against. */
  readonly min: number;
  /** What a reader has where the writer was too old to send the field: as a rule zero or empty, as C++ constructs it. */
  readonly zero: () => T;
}

function scalar<T>(
  min: number,
  zero: T,
  encode: (e: Encoder, value: T) => void,
  decode: (d: Decoder) => T,
): Codec<T> {
  return { encode, decode, min, zero: () => zero };
}

export const u8: Codec<number> = scalar(
  1,
  0,
  (e, v) => e.u8(v),
  d => d.u8(),
);
export const i8: Codec<number> = scalar(
  1,
  0,
  (e, v) => e.u8(v),
  d => d.i8(),
);
export const bool: Codec<boolean> = scalar(
  1,
  false,
  (e, v) => e.bool(v),
  d => d.bool(),
);
export const u16: Codec<number> = scalar(
  2,
  0,
  (e, v) => e.u16(v),
  d => d.u16(),
);
export const u32: Codec<number> = scalar(
  4,
  0,
  (e, v) => e.u32(v),
  d => d.u32(),
);
export const i32: Codec<number> = scalar(
  4,
  0,
  (e, v) => e.i32(v),
  d => d.i32(),
);
/** Below 2^53. */
export const u64: Codec<number> = scalar(
  8,
  0,
  (e, v) => e.u64(v),
  d => d.u64(),
);
export const i64: Codec<number> = scalar(
  8,
  0,
  (e, v) => e.i64(v),
  d => d.i64(),
);
/** All 64 bits. */
export const u64b: Codec<bigint> = scalar(
  8,
  0n,
  (e, v) => e.u64b(v),
  d => d.u64b(),
);
export const f32: Codec<number> = scalar(
  4,
  0,
  (e, v) => e.f32(v),
  d => d.f32(),
);
export const f64: Codec<number> = scalar(
  8,
  0,
  (e, v) => e.f64(v),
  d => d.f64(),
);
export const str: Codec<string> = scalar(
  4,
  '',
  (e, v) => e.str(v),
  d => d.str(),
);
/** Arbitrary bytes as a string of one character a byte: omap keys. */
export const bin: Codec<string> = scalar(
  4,
  '',
  (e, v) => e.bin(v),
  d => d.bin(),
);
const EMPTY: Buffer = Buffer.alloc(0);
/** u32 length, bytes. Decoded as a view of the input. */
export const blob: Codec<Buffer> = scalar<Buffer>(
  4,
  EMPTY,
  (e, v) => e.blob(v),
  d => d.blob(),
);
export const utime: Codec<UTime> = scalar(8, UTIME_ZERO, encodeUTime, decodeUTime);
export const uuid: Codec<Uuid> = scalar(16, UUID_ZERO, encodeUuid, decodeUuid);
export const intervals: Codec<readonly Interval[]> = scalar<readonly Interval[]>(
  4,
  [],
  encodeIntervals,
  decodeIntervals,
);
export const snapIntervals: Codec<readonly SnapInterval[]> = scalar<readonly SnapInterval[]>(
  4,
  [],
  encodeSnapIntervals,
  decodeSnapIntervals,
);

/** Exactly `n` bytes without a length. */
export function fixedBytes(n: number): Codec<Buffer> {
  return scalar<Buffer>(
    n,
    Buffer.alloc(n),
    (e, v) => e.bytes(v),
    d => d.bytes(n),
  );
}

/** For types that have an encode and a decode function. */
export function codecOf<T>(
  min: number,
  zero: () => T,
  encode: (e: Encoder, value: T, features: Features) => void,
  decode: (d: Decoder) => T,
): Codec<T> {
  return { min, zero, decode, encode: (e, v, features = ALL_FEATURES) => encode(e, v, features) };
}

/** vector, list, set: u32 count, elements. Sets are sorted in C++: keep that order. */
export function list<T>(item: Codec<T>): Codec<readonly T[]> {
  return {
    min: 4,
    zero: () => [],
    encode: (e, values, features) => {
      e.u32(values.length);
      for (let i = 0; i < values.length; i++) item.encode(e, values[i], features);
    },
    decode: d => {
      const n = d.count(Math.max(1, item.min));
      const values: T[] = [];
      for (let i = 0; i < n; i++) values.push(item.decode(d));
      return values;
    },
  };
}

/** map: u32 count, key and value each, in the order of the wire. For keys that are strings or numbers. */
export function map<K extends string | number | bigint, V>(
  key: Codec<K>,
  value: Codec<V>,
): Codec<ReadonlyMap<K, V>> {
  return {
    min: 4,
    zero: () => new Map(),
    encode: (e, entries, features) => {
      e.u32(entries.size);
      for (const [k, v] of entries) {
        key.encode(e, k, features);
        value.encode(e, v, features);
      }
    },
    decode: d => {
      const n = d.count(Math.max(1, key.min + value.min));
      const entries = new Map<K, V>();
      for (let i = 0; i < n; i++) {
        const k = key.decode(d);
        entries.set(k, value.decode(d));
      }
      return entries;
    },
  };
}

/** std::pair. */
export function pair<A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> {
  return {
    min: first.min + second.min,
    zero: () => [first.zero(), second.zero()],
    encode: (e, v, features) => {
      first.encode(e, v[0], features);
      second.encode(e, v[1], features);
    },
    decode: d => {
      const a = first.decode(d);
      return [a, second.decode(d)];
    },
  };
}

/** A map whose keys are structs; a list of pairs. */
export function pairs<K, V>(key: Codec<K>, value: Codec<V>): Codec<readonly (readonly [K, V])[]> {
  return list(pair(key, value));
}

/** `n` values without a count. */
export function tuple<T>(n: number, item: Codec<T>): Codec<readonly T[]> {
  return {
    min: n * item.min,
    zero: () => Array.from({ length: n }, item.zero),
    encode: (e, values, features) => {
      for (let i = 0; i < n; i++) item.encode(e, values[i], features);
    },
    decode: d => {
      const values: T[] = [];
      for (let i = 0; i < n; i++) values.push(item.decode(d));
      return values;
    },
  };
}

/** A u64 below 2^53, or all ones, which stands for "no limit" or "not known": Infinity here. */
export const u64OrMax: Codec<number> = scalar(8, 0, encodeU64OrMax, decodeU64OrMax);

export function encodeU64OrMax(e: Encoder, value: number): void {
  if (value === Number.POSITIVE_INFINITY) {
    e.u32(0xffff_ffff);
    e.u32(0xffff_ffff);
  } else e.u64(value);
}

export function decodeU64OrMax(d: Decoder): number {
  const low = d.u32();
  const high = d.u32();
  if (high <= 0x1f_ffff) return high * 0x1_0000_0000 + low;
  if (high !== 0xffff_ffff || low !== 0xffff_ffff)
    d.fail(`64-bit value 0x${high.toString(16)}${low.toString(16).padStart(8, '0')} is above 2^53`);
  return Number.POSITIVE_INFINITY;
}

/** std::optional: u8 whether, then the value. */
export function optional<T>(item: Codec<T>): Codec<T | undefined> {
  return {
    min: 1,
    zero: () => undefined,
    encode: (e, v, features) => {
      e.bool(v !== undefined);
      if (v !== undefined) item.encode(e, v, features);
    },
    decode: d => (d.bool() ? item.decode(d) : undefined),
  };
}

export * from './struct.ts';
