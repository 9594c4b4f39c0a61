/** Numbers of the CRUSH map and of its rules (crush/crush.h). */

export const CRUSH_MAGIC = 0x00010000;

/** A position of an indep result that could not be filled. */
export const CRUSH_ITEM_NONE = 0x7fffffff;
/** Used while an indep choice is under way; never in a result. */
export const CRUSH_ITEM_UNDEF = 0x7ffffffe;

export const CRUSH_MAX_RULES = 256;
/** 16.16 fixed point. */
export const CRUSH_MAX_DEVICE_WEIGHT = 100 * 0x10000;
/** 16.16 fixed point. */
export const CRUSH_MAX_BUCKET_WEIGHT = 65535 * 0x10000;

export const ALG_UNIFORM = 1;
export const ALG_LIST = 2;
export const ALG_TREE = 3;
export const ALG_STRAW = 4;
export const ALG_STRAW2 = 5;

export type BucketAlg =
  | typeof ALG_UNIFORM
  | typeof ALG_LIST
  | typeof ALG_TREE
  | typeof ALG_STRAW
  | typeof ALG_STRAW2;

const ALG_NAMES = ['unknown', 'uniform', 'list', 'tree', 'straw', 'straw2'];

export function bucketAlgName(alg: number): string {
  return ALG_NAMES[alg] ?? 'unknown';
}

/** The number of 'straw2' and its kin; undefined when there is no such kind. */
export function bucketAlgFromName(name: string): BucketAlg | undefined {
  const alg = ALG_NAMES.indexOf(name);
  return alg > 0 ? (alg as BucketAlg) : undefined;
}

/** allowed_bucket_algs before hammer: uniform, list, straw (tree never worked well). */
export const LEGACY_ALLOWED_BUCKET_ALGS = (1 << ALG_UNIFORM) | (1 << ALG_LIST) | (1 << ALG_STRAW);
/** allowed_bucket_algs since hammer. */
export const HAMMER_ALLOWED_BUCKET_ALGS = LEGACY_ALLOWED_BUCKET_ALGS | (1 << ALG_STRAW2);

export const HASH_RJENKINS1 = 0;

export function hashName(hash: number): string {
  return hash === HASH_RJENKINS1 ? 'rjenkins1' : 'unknown';
}

export const RULE_NOOP = 0;
/** arg1: item. */
export const RULE_TAKE = 1;
/** arg1: how many (0 or less: so many below the pool's size), arg2: type. */
export const RULE_CHOOSE_FIRSTN = 2;
export const RULE_CHOOSE_INDEP = 3;
export const RULE_EMIT = 4;
export const RULE_CHOOSELEAF_FIRSTN = 6;
export const RULE_CHOOSELEAF_INDEP = 7;
export const RULE_SET_CHOOSE_TRIES = 8;
export const RULE_SET_CHOOSELEAF_TRIES = 9;
export const RULE_SET_CHOOSE_LOCAL_TRIES = 10;
export const RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES = 11;
export const RULE_SET_CHOOSELEAF_VARY_R = 12;
export const RULE_SET_CHOOSELEAF_STABLE = 13;

/** pg_pool_t types, as rules name them. */
export const RULE_TYPE_REPLICATED = 1;
export const RULE_TYPE_ERASURE = 3;
/** Multi-step retry rules (squid). */
export const RULE_TYPE_MSR_FIRSTN = 4;
export const RULE_TYPE_MSR_INDEP = 5;

/** Key of the choose_args that serve every pool without its own (CrushWrapper::DEFAULT_CHOOSE_ARGS). */
export const DEFAULT_CHOOSE_ARGS = -1;
