import { blob, bool, type Codec, codecOf, list, struct, u32, u64, u64b, type ValueOf } from './codec.ts';
import { hobject } from './codecs.ts';

// Which objects of a cache pool were used lately (osd/HitSet.h, common/bloom_filter.hpp).

export const HIT_SET_NONE = 0;
export const HIT_SET_EXPLICIT_HASH = 1;
export const HIT_SET_EXPLICIT_OBJECT = 2;
export const HIT_SET_BLOOM = 3;

/** bloom_filter. */
export const bloomFilter = struct(
  'bloom_filter',
  { version: 2, compat: 2 },
  { saltCount: u64, insertCount: u64, targetElementCount: u64, randomSeed: u64b, bitTable: blob },
);
export type BloomFilter = ValueOf<typeof bloomFilter>;

/** compressible_bloom_filter: `sizes` are those of the table before each compression and now. */
export const compressibleBloomFilter = struct(
  'compressible_bloom_filter',
  { version: 2, compat: 2 },
  { filter: bloomFilter, sizes: list(u64) },
);
export type CompressibleBloomFilter = ValueOf<typeof compressibleBloomFilter>;

export const bloomHitSet = struct(
  'BloomHitSet',
  { version: 1, compat: 1 },
  { bloom: compressibleBloomFilter },
);
export type BloomHitSet = ValueOf<typeof bloomHitSet>;

export const explicitHashHitSet = struct(
  'ExplicitHashHitSet',
  { version: 1, compat: 1 },
  { count: u64, hits: list(u32) },
);
export type ExplicitHashHitSet = ValueOf<typeof explicitHashHitSet>;

export const explicitObjectHitSet = struct(
  'ExplicitObjectHitSet',
  { version: 1, compat: 1 },
  { count: u64, hits: list(hobject) },
);
export type ExplicitObjectHitSet = ValueOf<typeof explicitObjectHitSet>;

/** HitSet: ENCODE_START(1, 1): u8 sealed, u8 type, then the set of that type. */
export type HitSet =
  | { readonly sealed: boolean; readonly type: typeof HIT_SET_NONE }
  | {
      readonly sealed: boolean;
      readonly type: typeof HIT_SET_EXPLICIT_HASH;
      readonly set: ExplicitHashHitSet;
    }
  | {
      readonly sealed: boolean;
      readonly type: typeof HIT_SET_EXPLICIT_OBJECT;
      readonly set: ExplicitObjectHitSet;
    }
  | { readonly sealed: boolean; readonly type: typeof HIT_SET_BLOOM; readonly set: BloomHitSet };

export const hitSet: Codec<HitSet> = codecOf<HitSet>(
  8,
  () => ({ sealed: false, type: HIT_SET_NONE }),
  (e, v, features) => {
    const mark = e.start(1, 1);
    e.bool(v.sealed);
    e.u8(v.type);
    if (v.type === HIT_SET_EXPLICIT_HASH) explicitHashHitSet.encode(e, v.set, features);
    else if (v.type === HIT_SET_EXPLICIT_OBJECT) explicitObjectHitSet.encode(e, v.set, features);
    else if (v.type === HIT_SET_BLOOM) bloomHitSet.encode(e, v.set, features);
    e.finish(mark);
  },
  d => {
    const end = d.start('HitSet', 1);
    const sealed = bool.decode(d);
    const type = d.u8();
    let value: HitSet;
    if (type === HIT_SET_NONE) value = { sealed, type };
    else if (type === HIT_SET_EXPLICIT_HASH) value = { sealed, type, set: explicitHashHitSet.decode(d) };
    else if (type === HIT_SET_EXPLICIT_OBJECT) value = { sealed, type, set: explicitObjectHitSet.decode(d) };
    else if (type === HIT_SET_BLOOM) value = { sealed, type, set: bloomHitSet.decode(d) };
    else return d.fail(`hit set of type ${type}`);
    d.finish(end);
    return value;
  },
);
