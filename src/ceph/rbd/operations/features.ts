import { NacreError } from '../../../base/errors.ts';
import {
  RBD_FEATURE_DATA_POOL,
  RBD_FEATURE_DEEP_FLATTEN,
  RBD_FEATURE_DIRTY_CACHE,
  RBD_FEATURE_EXCLUSIVE_LOCK,
  RBD_FEATURE_FAST_DIFF,
  RBD_FEATURE_JOURNALING,
  RBD_FEATURE_LAYERING,
  RBD_FEATURE_MIGRATING,
  RBD_FEATURE_NON_PRIMARY,
  RBD_FEATURE_OBJECT_MAP,
  RBD_FEATURE_OPERATIONS,
  RBD_FEATURE_STRIPINGV2,
  RBD_FLAG_FAST_DIFF_INVALID,
  RBD_FLAG_OBJECT_MAP_INVALID,
  RBD_OPERATION_FEATURE_CLONE_CHILD,
  RBD_OPERATION_FEATURE_CLONE_PARENT,
  RBD_OPERATION_FEATURE_GROUP,
  RBD_OPERATION_FEATURE_SNAP_TRASH,
} from '../types.ts';

// Which features go together (include/rbd/features.h, librbd/Features.cc).

/** Names as `rbd` reads and prints them, in the order of the bits. */
export const FEATURE_NAMES: readonly (readonly [bit: bigint, name: string])[] = [
  [RBD_FEATURE_LAYERING, 'layering'],
  [RBD_FEATURE_STRIPINGV2, 'striping'],
  [RBD_FEATURE_EXCLUSIVE_LOCK, 'exclusive-lock'],
  [RBD_FEATURE_OBJECT_MAP, 'object-map'],
  [RBD_FEATURE_FAST_DIFF, 'fast-diff'],
  [RBD_FEATURE_DEEP_FLATTEN, 'deep-flatten'],
  [RBD_FEATURE_JOURNALING, 'journaling'],
  [RBD_FEATURE_DATA_POOL, 'data-pool'],
  [RBD_FEATURE_OPERATIONS, 'operations'],
  [RBD_FEATURE_MIGRATING, 'migrating'],
  [RBD_FEATURE_NON_PRIMARY, 'non-primary'],
  [RBD_FEATURE_DIRTY_CACHE, 'dirty-cache'],
];

const OPERATION_FEATURE_NAMES: readonly (readonly [bit: bigint, name: string])[] = [
  [RBD_OPERATION_FEATURE_CLONE_PARENT, 'clone-parent'],
  [RBD_OPERATION_FEATURE_CLONE_CHILD, 'clone-child'],
  [RBD_OPERATION_FEATURE_GROUP, 'group'],
  [RBD_OPERATION_FEATURE_SNAP_TRASH, 'snap-trash'],
];

const FLAG_NAMES: readonly (readonly [bit: bigint, name: string])[] = [
  [RBD_FLAG_OBJECT_MAP_INVALID, 'object map invalid'],
  [RBD_FLAG_FAST_DIFF_INVALID, 'fast diff invalid'],
];

/** RBD_FEATURES_ALL. */
export const FEATURES_ALL = FEATURE_NAMES.reduce((all, [bit]) => all | bit, 0n);

/** RBD_FEATURES_MUTABLE without what librbd keeps for itself (RBD_FEATURES_MUTABLE_INTERNAL). */
export const FEATURES_MUTABLE =
  RBD_FEATURE_EXCLUSIVE_LOCK | RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_FAST_DIFF | RBD_FEATURE_JOURNALING;

/** RBD_FEATURES_DISABLE_ONLY. */
export const FEATURES_DISABLE_ONLY = RBD_FEATURE_DEEP_FLATTEN;

/** RBD_FEATURES_IMPLICIT_ENABLE: what an image has for its options or its state, not because it was asked for. */
export const FEATURES_IMPLICIT =
  RBD_FEATURE_STRIPINGV2 |
  RBD_FEATURE_DATA_POOL |
  RBD_FEATURE_FAST_DIFF |
  RBD_FEATURE_OPERATIONS |
  RBD_FEATURE_MIGRATING |
  RBD_FEATURE_NON_PRIMARY |
  RBD_FEATURE_DIRTY_CACHE;

/** RBD_FEATURES_INTERNAL: never by the user's wish. */
export const FEATURES_INTERNAL = RBD_FEATURE_OPERATIONS | RBD_FEATURE_MIGRATING;

/** RBD_FEATURES_DEFAULT. */
export const FEATURES_DEFAULT =
  RBD_FEATURE_LAYERING |
  RBD_FEATURE_EXCLUSIVE_LOCK |
  RBD_FEATURE_OBJECT_MAP |
  RBD_FEATURE_FAST_DIFF |
  RBD_FEATURE_DEEP_FLATTEN;

/** RBD_OPERATION_FEATURES_ALL. */
export const OPERATION_FEATURES_ALL = OPERATION_FEATURE_NAMES.reduce((all, [bit]) => all | bit, 0n);

function names(bits: bigint, table: readonly (readonly [bigint, string])[]): string[] {
  return table.filter(([bit]) => (bits & bit) !== 0n).map(([, name]) => name);
}

/** Names of the bits that are set; unknown ones as hexadecimal numbers. */
export function featureNames(features: bigint): string[] {
  const unknown = features & ~FEATURES_ALL;
  const known = names(features, FEATURE_NAMES);
  return unknown === 0n ? known : [...known, `0x${unknown.toString(16)}`];
}

export function operationFeatureNames(features: bigint): string[] {
  return names(features, OPERATION_FEATURE_NAMES);
}

/** ['object map invalid']. */
export function flagNames(flags: bigint): string[] {
  return names(flags, FLAG_NAMES);
}

/** The bit of a feature's name. @throws NacreError EINVAL for an unknown name. */
export function featureByName(name: string): bigint {
  const found = FEATURE_NAMES.find(([, known]) => known === name);
  if (found === undefined) throw new NacreError('EINVAL', 'rbd.features', `there is no feature '${name}'`);
  return found[0];
}

/**
 * The value of rbd_default_features: a number, or names with commas between. What it cannot be for its kind is left out,
 * and a list with an unknown name stands for the defaults, as librbd takes it.
 */
export function parseDefaultFeatures(text: string): bigint {
  const trimmed = text.trim();
  if (trimmed === '') return FEATURES_DEFAULT;
  if (/^\+?\d+$/.test(trimmed)) return BigInt(trimmed.replace('+', '')) & FEATURES_ALL & ~FEATURES_INTERNAL;
  let features = 0n;
  for (const name of trimmed.split(',')) {
    const found = FEATURE_NAMES.find(
      ([bit, known]) => known === name.trim() && (bit & FEATURES_INTERNAL) === 0n,
    );
    if (found === undefined) return FEATURES_DEFAULT;
    features |= found[0];
  }
  return features;
}

/**
 * Whether an image may be made with these features.
 * @throws NacreError ENOSYS for unknown bits; EINVAL for internal ones and for one without that which it needs;
 * ENOTSUP for what Nacre does not do.
 */
export function validateFeatures(features: bigint): void {
  const invalid = (why: string) => new NacreError('EINVAL', 'rbd.create', why);
  if ((features & ~FEATURES_ALL) !== 0n)
    throw new NacreError(
      'ENOSYS',
      'rbd.create',
      `unknown features 0x${(features & ~FEATURES_ALL).toString(16)}`,
    );
  if ((features & RBD_FEATURE_OPERATIONS) !== 0n) throw invalid('feature operations is internal');
  const has = (bit: bigint) => (features & bit) !== 0n;
  if (has(RBD_FEATURE_FAST_DIFF) && !has(RBD_FEATURE_OBJECT_MAP)) throw invalid('fast-diff needs object-map');
  if (has(RBD_FEATURE_OBJECT_MAP) && !has(RBD_FEATURE_EXCLUSIVE_LOCK))
    throw invalid('object-map needs exclusive-lock');
  if (has(RBD_FEATURE_JOURNALING) && !has(RBD_FEATURE_EXCLUSIVE_LOCK))
    throw invalid('journaling needs exclusive-lock');
  refuseUnsupported(features, 'rbd.create');
}

const UNSUPPORTED =
  RBD_FEATURE_JOURNALING | RBD_FEATURE_MIGRATING | RBD_FEATURE_NON_PRIMARY | RBD_FEATURE_DIRTY_CACHE;

/** @throws NacreError ENOTSUP that names the features among these which Nacre does not do. */
export function refuseUnsupported(features: bigint, op: string): void {
  const refused = features & UNSUPPORTED;
  if (refused !== 0n)
    throw new NacreError('ENOTSUP', op, `feature ${featureNames(refused).join(', ')} is not supported`);
}
