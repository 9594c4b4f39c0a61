import { type Codec, codecOf, map, plain, str, u64, type ValueOf } from './codec.ts';

/**
 * CompatSet::FeatureSet (include/CompatSet.h): u64 mask without bit 0, map u64 id -> str name. Feature n has bit
 * n of the mask, which follows from the names.
 */
const names = map(u64, str);

export type FeatureNames = ReadonlyMap<number, string>;

const featureSet: Codec<FeatureNames> = codecOf<FeatureNames>(
  12,
  () => new Map(),
  (e, set) => {
    let mask = 0n;
    for (const id of set.keys()) mask |= 1n << BigInt(id);
    e.u64b(mask & ~1n);
    names.encode(e, set);
  },
  d => {
    d.skip(8);
    const set = names.decode(d);
    for (const id of set.keys()) if (id > 63) d.fail(`feature ${id}`);
    return set;
  },
);

/** CompatSet: who may read and write a store: compat anyone, ro_compat readers, incompat only who knows them. */
export const compatSet = plain({ compat: featureSet, roCompat: featureSet, incompat: featureSet });
export type CompatSet = ValueOf<typeof compatSet>;

/** Whether a program with `ours` may write what has `theirs`. */
export function compatSetWriteable(ours: CompatSet, theirs: CompatSet): boolean {
  for (const id of theirs.incompat.keys()) if (!ours.incompat.has(id)) return false;
  for (const id of theirs.roCompat.keys()) if (!ours.roCompat.has(id)) return false;
  return true;
}
