import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), slicing by eight for what is too short to be worth a native call. */
const TABLES = (() => {
  const tables: Uint32Array[] = [];
  for (let t = 0; t < 8; t++) tables.push(new Uint32Array(256));
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    tables[0][i] = c;
  }
  for (let i = 0; i < 256; i++)
    for (let t = 1; t < 8; t++) tables[t][i] = (tables[t - 1][i] >>> 8) ^ tables[0][tables[t - 1][i] & 0xff];
  return tables;
})();
const [T0, T1, T2, T3, T4, T5, T6, T7] = TABLES;

/** Above this many bytes the native code wins over its call. */
const NATIVE_FROM = 160;

/**
 * Ceph's crc32c (include/crc32c.h): continues from `seed` without the usual inversion at either end. Frames
 * start at 0xffffffff, messages of protocol v1 at 0.
 */
export function crc32c(bytes: Uint8Array, seed = 0xffffffff, start = 0, end = bytes.length): number {
  const n = end - start;
  if (n >= NATIVE_FROM) {
    const part = n === bytes.length ? bytes : bytes.subarray(start, end);
    return ~nativeCrc32c(part as Buffer, ~seed >>> 0) >>> 0;
  }
  let crc = seed | 0;
  let i = start;
  for (; i + 8 <= end; i += 8) {
    crc =
      T7[(crc ^ bytes[i]) & 0xff] ^
      T6[((crc >>> 8) ^ bytes[i + 1]) & 0xff] ^
      T5[((crc >>> 16) ^ bytes[i + 2]) & 0xff] ^
      T4[(crc >>> 24) ^ bytes[i + 3]] ^
      T3[bytes[i + 4]] ^
      T2[bytes[i + 5]] ^
      T1[bytes[i + 6]] ^
      T0[bytes[i + 7]];
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ T0[(crc ^ bytes[i]) & 0xff];
  return crc >>> 0;
}

/** The crc of several pieces in a row. */
export function crc32cParts(parts: readonly Uint8Array[], seed = 0xffffffff): number {
  let crc = seed;
  for (let i = 0; i < parts.length; i++) crc = crc32c(parts[i], crc);
  return crc;
}
