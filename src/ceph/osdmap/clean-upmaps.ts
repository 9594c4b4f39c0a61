import {
  CRUSH_ITEM_NONE,
  RULE_CHOOSE_FIRSTN,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_FIRSTN,
  RULE_CHOOSELEAF_INDEP,
  RULE_EMIT,
  RULE_TAKE,
} from '../crush/constants.ts';
import { subtreeContains } from '../crush/location.ts';
import { bucketItemWeight, type CrushMap } from '../crush/map.ts';
import type { PgId } from '../types/pg.ts';
import type { OsdMapIncremental } from './incremental.ts';
import type { OsdMap } from './osdmap.ts';
import type { UpmapItems } from './pg-map.ts';

/** Buckets of a type at or below an item, nearest first. */
function bucketsOfType(crush: CrushMap, item: number, type: number, depth = 0): number[] {
  const bucket = crush.bucket(item);
  if (bucket === undefined || bucket.type < type || depth > crush.maxBuckets) return [];
  if (bucket.type === type) return [item];
  return bucket.items.flatMap(child => bucketsOfType(crush, child, type, depth + 1));
}

/** The bucket of a type around an OSD among those that a rule takes from; undefined when there is none. */
function parentByRule(crush: CrushMap, osd: number, type: number, rule: number): number | undefined {
  const steps = crush.rules[rule]?.steps ?? [];
  const roots = [...new Set(steps.filter(s => s.op === RULE_TAKE).map(s => s.arg1))].sort((a, b) => a - b);
  for (const root of roots)
    for (const candidate of bucketsOfType(crush, root, type))
      if (subtreeContains(crush, candidate, osd)) return candidate;
  return undefined;
}

/** Whether a rule could have given these OSDs: failure domains apart, all below what it takes (verify_upmap). */
export function rulePermits(crush: CrushMap, ruleId: number, size: number, osds: readonly number[]): boolean {
  const rule = crush.rules[ruleId];
  if (rule === undefined) return false;
  let root = 0;
  let cursor = 0;
  let counts = new Map<number, number>();
  for (const { op, arg1, arg2 } of rule.steps) {
    if (op === RULE_TAKE) root = arg1;
    const leaf = op === RULE_CHOOSELEAF_FIRSTN || op === RULE_CHOOSELEAF_INDEP;
    if (leaf || op === RULE_CHOOSE_FIRSTN || op === RULE_CHOOSE_INDEP) {
      const numrep = arg1 > 0 ? arg1 : arg1 + size;
      if (!counts.has(arg2)) counts.set(arg2, numrep);
      if (arg2 === 0) continue;
      const parents = new Map<number, Set<number>>();
      for (const osd of osds) {
        const parent = parentByRule(crush, osd, arg2, ruleId);
        if (parent !== undefined) parents.set(parent, (parents.get(parent) ?? new Set()).add(osd));
      }
      if (leaf && [...parents.values()].some(set => set.size > 1)) return false;
      if (!leaf && parents.size > numrep) return false;
    }
    if (op === RULE_EMIT) {
      if (root < 0) {
        let n = 1;
        for (const count of counts.values()) n *= count;
        for (let c = 0; cursor < osds.length && c < n; cursor++, c++)
          if (!subtreeContains(crush, root, osds[cursor])) return false;
      }
      counts = new Map();
      root = 0;
    }
  }
  return true;
}

/** Devices that a rule can reach and their weights, 16.16. */
function ruleWeights(crush: CrushMap, ruleId: number): Map<number, number> {
  const weights = new Map<number, number>();
  for (const { op, arg1 } of crush.rules[ruleId]?.steps ?? []) {
    if (op !== RULE_TAKE) continue;
    if (arg1 >= 0) weights.set(arg1, 0x10000);
    const seen = new Set<number>();
    const queue = [arg1];
    for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
      const bucket = crush.bucket(id);
      if (bucket === undefined || seen.has(id)) continue;
      seen.add(id);
      bucket.items.forEach((item, k) => {
        if (item >= 0) weights.set(item, bucketItemWeight(bucket, k));
        else queue.push(item);
      });
    }
  }
  return weights;
}

type Verdict = 'keep' | 'cancel' | { readonly items: UpmapItems };

function judge(map: OsdMap, { pool, seed }: PgId, weightsOf: (rule: number) => Map<number, number>): Verdict {
  const p = map.pools.get(pool);
  if (p === undefined || seed >= p.pgNumPending || p.isPendingMerge(seed)) return 'cancel';
  const { raw, upmapped } = map.placement.rawUpmap(pool, seed);
  if (!rulePermits(map.crush, p.crushRule, p.size, upmapped)) return 'cancel';
  const weights = weightsOf(p.crushRule);
  for (const osd of upmapped) {
    const weight = weights.get(osd);
    if (weight === undefined || weight * (map.osdWeight[osd] ?? 0) === 0) return 'cancel';
  }
  const explicit = map.pgUpmap.get(pool, seed);
  if (explicit !== undefined) {
    const same = explicit.length === raw.length && explicit.every((osd, i) => osd === raw[i]);
    if (same || explicit.length !== p.size) return 'cancel';
  }
  const items = map.pgUpmapItems.get(pool, seed);
  if (items === undefined) return 'keep';
  const kept = items.filter(([from, to]) => {
    if (!raw.includes(from)) return false;
    return to === CRUSH_ITEM_NONE || to < 0 || to >= map.maxOsd || map.osdWeight[to] !== 0;
  });
  if (kept.length === 0) return 'cancel';
  return kept.length < items.length ? { items: kept } : 'keep';
}

/**
 * Takes back upmap entries that break a rule, lead to OSDs that are out or gone, or do nothing
 * (OSDMap::clean_pg_upmaps).
 * @returns whether anything was to do
 */
export function cleanUpmaps(map: OsdMap, inc: OsdMapIncremental): boolean {
  const known = new Map<number, Map<number, number>>();
  const weightsOf = (rule: number): Map<number, number> => {
    let weights = known.get(rule);
    if (weights === undefined) known.set(rule, (weights = ruleWeights(map.crush, rule)));
    return weights;
  };
  const cancelled = new Map<string, PgId>();
  let changed = false;
  for (const [pg] of [...map.pgUpmap, ...map.pgUpmapItems] as [PgId, unknown][]) {
    const verdict = judge(map, pg, weightsOf);
    if (verdict === 'keep') continue;
    changed = true;
    if (verdict === 'cancel') cancelled.set(`${pg.pool}.${pg.seed}`, pg);
    else inc.newPgUpmapItems.set(pg.pool, pg.seed, verdict.items);
  }
  for (const pg of cancelled.values()) {
    inc.newPgUpmap.delete(pg.pool, pg.seed);
    inc.newPgUpmapItems.delete(pg.pool, pg.seed);
    if (map.pgUpmap.has(pg.pool, pg.seed)) inc.oldPgUpmap = [...inc.oldPgUpmap, pg];
    if (map.pgUpmapItems.has(pg.pool, pg.seed)) inc.oldPgUpmapItems = [...inc.oldPgUpmapItems, pg];
  }
  return changed;
}
