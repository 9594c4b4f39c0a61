import { hasIncompatChooseArgs } from '../crush/codec.ts';
import {
  ALG_STRAW2,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_INDEP,
  RULE_SET_CHOOSE_TRIES,
  RULE_SET_CHOOSELEAF_STABLE,
  RULE_SET_CHOOSELEAF_TRIES,
  RULE_SET_CHOOSELEAF_VARY_R,
} from '../crush/constants.ts';
import type { CrushMap } from '../crush/map.ts';
import { findRule } from '../crush/rules.ts';
import { ENTITY_TYPE_OSD } from '../types/entity.ts';
import * as f from '../types/features.ts';
import * as r from './flags.ts';
import type { OsdMap } from './osdmap.ts';

const V2_STEPS = [RULE_CHOOSE_INDEP, RULE_CHOOSELEAF_INDEP, RULE_SET_CHOOSE_TRIES, RULE_SET_CHOOSELEAF_TRIES];

function hasStep(crush: CrushMap, rule: number, ops: readonly number[]): boolean {
  return crush.rules[rule]?.steps.some(step => ops.includes(step.op)) ?? false;
}

function oldTunables(crush: CrushMap): boolean {
  const t = crush.tunables;
  return t.chooseLocalTries === 2 && t.chooseLocalFallbackTries === 5 && t.chooseTotalTries === 19;
}

function hasStraw2(crush: CrushMap): boolean {
  return crush.buckets.some(b => b?.alg === ALG_STRAW2);
}

function crushFeatures(crush: CrushMap): bigint {
  const t = crush.tunables;
  let bits = 0n;
  if (!oldTunables(crush)) bits |= f.FEATURE_CRUSH_TUNABLES;
  if (t.chooseleafDescendOnce !== 0) bits |= f.FEATURE_CRUSH_TUNABLES2;
  if (t.chooseleafVaryR !== 0) bits |= f.FEATURE_CRUSH_TUNABLES3;
  if (hasStraw2(crush)) bits |= f.FEATURE_CRUSH_V4;
  if (t.chooseleafStable !== 0) bits |= f.FEATURE_CRUSH_TUNABLES5;
  if (hasIncompatChooseArgs(crush)) bits |= f.FEATURE_CRUSH_CHOOSE_ARGS;
  return bits;
}

/** Features that entities of a type must have to understand the map (OSDMap::get_features). */
export function requiredFeatures(map: OsdMap, entityType: number): bigint {
  const { crush } = map;
  let bits = crushFeatures(crush);
  if (map.pgUpmap.size + map.pgUpmapItems.size + map.pgUpmapPrimaries.size > 0)
    bits |= f.FEATURE_OSDMAP_PG_UPMAP;
  for (const pool of map.pools.values()) {
    if (pool.hasFlag(1)) bits |= f.FEATURE_OSDHASHPSPOOL;
    if (pool.tiers.length > 0 || pool.tierOf >= 0) bits |= f.FEATURE_OSD_CACHEPOOL;
    const rule = findRule(crush, pool.crushRule, pool.type, pool.size) ?? -1;
    if (hasStep(crush, rule, V2_STEPS)) bits |= f.FEATURE_CRUSH_V2;
    if (hasStep(crush, rule, [RULE_SET_CHOOSELEAF_VARY_R])) bits |= f.FEATURE_CRUSH_TUNABLES3;
    if (hasStep(crush, rule, [RULE_SET_CHOOSELEAF_STABLE])) bits |= f.FEATURE_CRUSH_TUNABLES5;
  }
  if (map.primaryAffinity?.some(a => a !== r.DEFAULT_PRIMARY_AFFINITY) === true)
    bits |= f.FEATURE_OSD_PRIMARY_AFFINITY;
  const osd = entityType === ENTITY_TYPE_OSD;
  if (osd) {
    if (map.requireOsdRelease >= r.RELEASE_JEWEL) bits |= f.FEATURE_SERVER_JEWEL;
    if (map.requireOsdRelease >= r.RELEASE_KRAKEN) bits |= f.FEATURE_SERVER_KRAKEN | f.FEATURE_MSG_ADDR2;
    if (map.stretch.enabled) bits |= f.FEATURE_STRETCH_MODE;
  }
  if (
    map.requireMinCompatClient >= r.RELEASE_NAUTILUS ||
    (osd && map.requireOsdRelease >= r.RELEASE_NAUTILUS)
  )
    bits |= f.FEATURE_CEPHX_V2;
  return bits;
}

/** The oldest release whose clients understand the map (OSDMap::get_min_compat_client). */
export function minCompatClient(map: OsdMap): number {
  const bits = requiredFeatures(map, 0);
  const needs = (mask: bigint): boolean => (bits & mask) === mask;
  if (needs(f.FEATURE_OSDMAP_PG_UPMAP) || needs(f.FEATURE_CRUSH_CHOOSE_ARGS)) return r.RELEASE_LUMINOUS;
  if (needs(f.FEATURE_CRUSH_TUNABLES5)) return r.RELEASE_JEWEL;
  if (needs(f.FEATURE_CRUSH_V4)) return r.RELEASE_HAMMER;
  if (
    needs(f.FEATURE_OSD_PRIMARY_AFFINITY) ||
    needs(f.FEATURE_CRUSH_TUNABLES3) ||
    needs(f.FEATURE_OSD_CACHEPOOL)
  )
    return r.RELEASE_FIREFLY;
  if (needs(f.FEATURE_CRUSH_TUNABLES2) || needs(f.FEATURE_OSDHASHPSPOOL)) return r.RELEASE_DUMPLING;
  return r.RELEASE_ARGONAUT;
}

/** The release that the CRUSH map alone asks of clients. */
export function crushMinRelease(crush: CrushMap): string {
  const t = crush.tunables;
  const stable = crush.rules.some((_, i) => hasStep(crush, i, [RULE_SET_CHOOSELEAF_STABLE]));
  if (stable || t.chooseleafStable !== 0) return 'jewel';
  if (hasStraw2(crush)) return 'hammer';
  if (t.chooseleafVaryR !== 0) return 'firefly';
  return t.chooseleafDescendOnce !== 0 || !oldTunables(crush) ? 'bobtail' : 'argonaut';
}
