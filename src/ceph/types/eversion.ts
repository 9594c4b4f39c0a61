import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/** eversion_t (osd/osd_types.h): a PG's position in its history. On the wire u64 version, then u32 epoch. */
export interface EVersion {
  readonly version: number;
  readonly epoch: number;
}

export const EVERSION_ZERO: EVersion = { version: 0, epoch: 0 };

/** eversion_t::max(): all bits of the version are set, for which 2^64, the nearest double, stands here. */
export const EVERSION_MAX: EVersion = { version: 2 ** 64, epoch: 0xffff_ffff };

export function encodeEVersion(e: Encoder, v: EVersion): void {
  if (v.version === EVERSION_MAX.version) e.u64b(0xffff_ffff_ffff_ffffn);
  else e.u64(v.version);
  e.u32(v.epoch);
}

export function decodeEVersion(d: Decoder): EVersion {
  const low = d.u32();
  const high = d.u32();
  if (high > 0x1f_ffff && (high !== 0xffff_ffff || low !== 0xffff_ffff))
    d.fail(`version 0x${high.toString(16)}${low.toString(16).padStart(8, '0')} is above 2^53`);
  // All ones becomes 2^64, which encodeEVersion recognises.
  const version = high * 0x1_0000_0000 + low;
  return { version, epoch: d.u32() };
}

/** Epoch first: a newer epoch is newer whatever the version. */
export function compareEVersion(a: EVersion, b: EVersion): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.version < b.version ? -1 : a.version > b.version ? 1 : 0;
}

/** `12'345`: epoch, version. */
export function eversionText(v: EVersion): string {
  return `${v.epoch}'${v.version}`;
}
