import { HAMMER_ALLOWED_BUCKET_ALGS, LEGACY_ALLOWED_BUCKET_ALGS } from './constants.ts';

/** What shapes every placement of a map (struct crush_map). */
export interface CrushTunables {
  chooseLocalTries: number;
  chooseLocalFallbackTries: number;
  /** Retries, so one less than tries. */
  chooseTotalTries: number;
  chooseleafDescendOnce: number;
  chooseleafVaryR: number;
  chooseleafStable: number;
  strawCalcVersion: number;
  /** Bit 1 << ALG_x for each kind that new buckets may have. */
  allowedBucketAlgs: number;
}

export type TunablesProfile =
  | 'argonaut'
  | 'legacy'
  | 'bobtail'
  | 'firefly'
  | 'hammer'
  | 'jewel'
  | 'optimal'
  | 'default';

type Shape = readonly [number, number, number, number, number, number, number];

// local tries, local fallback tries, total tries, descend once, vary r, stable, allowed algs.
const SHAPES: Readonly<Record<string, Shape>> = {
  argonaut: [2, 5, 19, 0, 0, 0, LEGACY_ALLOWED_BUCKET_ALGS],
  bobtail: [0, 0, 50, 1, 0, 0, LEGACY_ALLOWED_BUCKET_ALGS],
  firefly: [0, 0, 50, 1, 1, 0, LEGACY_ALLOWED_BUCKET_ALGS],
  hammer: [0, 0, 50, 1, 1, 0, HAMMER_ALLOWED_BUCKET_ALGS],
  jewel: [0, 0, 50, 1, 1, 1, HAMMER_ALLOWED_BUCKET_ALGS],
};

const ALIASES: Readonly<Record<string, string>> = { legacy: 'argonaut', optimal: 'jewel', default: 'jewel' };

export const TUNABLES_PROFILES: readonly TunablesProfile[] = [
  'legacy',
  'argonaut',
  'bobtail',
  'firefly',
  'hammer',
  'jewel',
  'optimal',
  'default',
];

/** Applies a profile; the named releases leave straw_calc_version as it is, as CrushWrapper::set_tunables_x does. */
export function setTunables(t: CrushTunables, profile: TunablesProfile): void {
  const shape = SHAPES[ALIASES[profile] ?? profile];
  t.chooseLocalTries = shape[0];
  t.chooseLocalFallbackTries = shape[1];
  t.chooseTotalTries = shape[2];
  t.chooseleafDescendOnce = shape[3];
  t.chooseleafVaryR = shape[4];
  t.chooseleafStable = shape[5];
  t.allowedBucketAlgs = shape[6];
  if (profile === 'legacy') t.strawCalcVersion = 0;
  if (profile === 'optimal' || profile === 'default') t.strawCalcVersion = 1;
}

export function defaultTunables(profile: 'default' | 'legacy' = 'default'): CrushTunables {
  const t: CrushTunables = {
    chooseLocalTries: 0,
    chooseLocalFallbackTries: 0,
    chooseTotalTries: 0,
    chooseleafDescendOnce: 0,
    chooseleafVaryR: 0,
    chooseleafStable: 0,
    strawCalcVersion: 0,
    allowedBucketAlgs: 0,
  };
  setTunables(t, profile);
  return t;
}

/** Whether the tunables are those of a release; straw_calc_version does not count. */
export function hasTunables(t: CrushTunables, profile: TunablesProfile): boolean {
  const shape = SHAPES[ALIASES[profile] ?? profile];
  return (
    t.chooseLocalTries === shape[0] &&
    t.chooseLocalFallbackTries === shape[1] &&
    t.chooseTotalTries === shape[2] &&
    t.chooseleafDescendOnce === shape[3] &&
    t.chooseleafVaryR === shape[4] &&
    t.chooseleafStable === shape[5] &&
    t.allowedBucketAlgs === shape[6]
  );
}
