import { ATTR_VERBS } from './attrs.ts';
import { BENCH_VERBS } from './bench.ts';
import { CLEANUP_VERBS } from './cleanup.ts';
import { DUMP_VERBS } from './export-import.ts';
import { LOCK_VERBS } from './locks.ts';
import { OBJECT_VERBS } from './objects.ts';
import { POOL_VERBS } from './pools.ts';
import type { Verb } from './session.ts';
import { SNAP_VERBS } from './snaps.ts';
import { TIER_VERBS } from './tiers.ts';
import { WATCH_VERBS } from './watch.ts';

/** Everything that `nacre rados` does. */
export const VERBS: readonly Verb[] = [
  ...POOL_VERBS,
  ...OBJECT_VERBS,
  ...ATTR_VERBS,
  ...SNAP_VERBS,
  ...WATCH_VERBS,
  ...LOCK_VERBS,
  ...BENCH_VERBS,
  ...CLEANUP_VERBS,
  ...DUMP_VERBS,
  ...TIER_VERBS,
];
