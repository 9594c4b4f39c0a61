// xxHash, both widths, after its public specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).

const P32_1 = 0x9e3779b1;
const P32_2 = 0x85ebca77;
const P32_3 = 0xc2b2ae3d;
const P32_4 = 0x27d4eb2f;
const P32_5 = 0x165667b1;

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
const round32 = (acc: number, lane: number): number =>
  Math.imul(rotl((acc + Math.imul(lane, P32_2)) | 0, 13), P32_1);

/** XXH32 of [start, end). */
export function xxhash32(bytes: Uint8Array, seed: number, start = 0, end = bytes.length): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = end - start;
  let at = start;
  let h: number;
  if (length >= 16) {
    let a = (seed + P32_1 + P32_2) | 0;
    let b = (seed + P32_2) | 0;
    let c = seed | 0;
    let d = (seed - P32_1) | 0;
    for (; at + 16 <= end; at += 16) {
      a = round32(a, view.getUint32(at, true));
      b = round32(b, view.getUint32(at + 4, true));
      c = round32(c, view.getUint32(at + 8, true));
      d = round32(d, view.getUint32(at + 12, true));
    }
    h = (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) | 0;
  } else h = (seed + P32_5) | 0;
  h = (h + length) | 0;
  for (; at + 4 <= end; at += 4)
    h = Math.imul(rotl((h + Math.imul(view.getUint32(at, true), P32_3)) | 0, 17), P32_4);
  for (; at < end; at++) h = Math.imul(rotl((h + Math.imul(bytes[at], P32_5)) | 0, 11), P32_1);
  h = Math.imul(h ^ (h >>> 15), P32_2);
  h = Math.imul(h ^ (h >>> 13), P32_3);
  return (h ^ (h >>> 16)) >>> 0;
}

const P64_1 = 0x9e3779b185ebca87n;
const P64_2 = 0xc2b2ae3d27d4eb4fn;
const P64_3 = 0x165667b19e3779f9n;
const P64_4 = 0x85ebca77c2b2ae63n;
const P64_5 = 0x27d4eb2f165667c5n;

const u64 = (x: bigint): bigint => BigInt.asUintN(64, x);
const rotl64 = (x: bigint, n: bigint): bigint => u64((x << n) | (x >> (64n - n)));
const round64 = (acc: bigint, lane: bigint): bigint => u64(rotl64(u64(acc + u64(lane * P64_2)), 31n) * P64_1);
const merge64 = (acc: bigint, v: bigint): bigint => u64((acc ^ round64(0n, v)) * P64_1 + P64_4);

/** XXH64 of [start, end). */
export function xxhash64(bytes: Uint8Array, seed: bigint, start = 0, end = bytes.length): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = end - start;
  let at = start;
  let h: bigint;
  if (length >= 32) {
    let a = u64(seed + P64_1 + P64_2);
    let b = u64(seed + P64_2);
    let c = u64(seed);
    let d = u64(seed - P64_1);
    for (; at + 32 <= end; at += 32) {
      a = round64(a, view.getBigUint64(at, true));
      b = round64(b, view.getBigUint64(at + 8, true));
      c = round64(c, view.getBigUint64(at + 16, true));
      d = round64(d, view.getBigUint64(at + 24, true));
    }
    h = u64(rotl64(a, 1n) + rotl64(b, 7n) + rotl64(c, 12n) + rotl64(d, 18n));
    h = merge64(merge64(merge64(merge64(h, a), b), c), d);
  } else h = u64(seed + P64_5);
  h = u64(h + BigInt(length));
  for (; at + 8 <= end; at += 8)
    h = u64(rotl64(h ^ round64(0n, view.getBigUint64(at, true)), 27n) * P64_1 + P64_4);
  if (at + 4 <= end) {
    h = u64(rotl64(h ^ u64(BigInt(view.getUint32(at, true)) * P64_1), 23n) * P64_2 + P64_3);
    at += 4;
  }
  for (; at < end; at++) h = u64(rotl64(h ^ u64(BigInt(bytes[at]) * P64_5), 11n) * P64_1);
  h = u64((h ^ (h >> 33n)) * P64_2);
  h = u64((h ^ (h >> 29n)) * P64_3);
  return h ^ (h >> 32n);
}
