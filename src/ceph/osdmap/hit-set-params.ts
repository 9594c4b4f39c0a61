import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/** HitSet::Params (osd/HitSet.h): how a cache tier remembers which objects were used. */
export interface HitSetParams {
  /** HIT_SET_*. */
  readonly type: number;
  /** Of a bloom filter only. */
  readonly bloom?: { readonly fppMicro: number; readonly targetSize: bigint; readonly seed: bigint };
}

export const HIT_SET_NONE = 0;
export const HIT_SET_EXPLICIT_HASH = 1;
export const HIT_SET_EXPLICIT_OBJECT = 2;
export const HIT_SET_BLOOM = 3;

export const NO_HIT_SET: HitSetParams = { type: HIT_SET_NONE };

const NAMES = ['none', 'explicit_hash', 'explicit_object', 'bloom'];

export function hitSetTypeName(type: number): string {
  return NAMES[type] ?? '???';
}

// ENCODE_START(1, 1): u8 type; of a bloom filter ENCODE_START(1, 1): u32 false positive probability in
// millionths, u64 target size, u64 seed.

export function encodeHitSetParams(e: Encoder, p: HitSetParams): void {
  const mark = e.start(1, 1);
  e.u8(p.type);
  if (p.bloom !== undefined) {
    const inner = e.start(1, 1);
    e.u32(p.bloom.fppMicro);
    e.u64b(p.bloom.targetSize);
    e.u64b(p.bloom.seed);
    e.finish(inner);
  }
  e.finish(mark);
}

export function decodeHitSetParams(d: Decoder): HitSetParams {
  const end = d.start('HitSet::Params', 1);
  const type = d.u8();
  let params: HitSetParams = { type };
  if (type === HIT_SET_BLOOM) {
    const inner = d.start('BloomHitSet::Params', 1);
    params = { type, bloom: { fppMicro: d.u32(), targetSize: d.u64b(), seed: d.u64b() } };
    d.finish(inner);
  } else if (type > HIT_SET_BLOOM) {
    d.fail(`hit set of unknown type ${type}`);
  }
  d.finish(end);
  return params;
}
