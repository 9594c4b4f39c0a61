import { NacreError } from '../../base/errors.ts';
import { rawNumber } from '../../base/format.ts';
import { formatGeneral } from '../../base/printf.ts';
import {
  ALG_STRAW2,
  bucketAlgName,
  hashName,
  RULE_CHOOSE_FIRSTN,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_FIRSTN,
  RULE_CHOOSELEAF_INDEP,
  RULE_EMIT,
  RULE_NOOP,
  RULE_SET_CHOOSE_TRIES,
  RULE_SET_CHOOSELEAF_STABLE,
  RULE_SET_CHOOSELEAF_TRIES,
  RULE_SET_CHOOSELEAF_VARY_R,
  RULE_TAKE,
} from './constants.ts';
import { weightToFloat } from './format.ts';
import { bucketItemWeight, type CrushBucket, type CrushMap, type CrushStep, sortedKeys } from './map.ts';
import { hasTunables } from './tunables.ts';

/** What has no name is listed for every id below the highest device, so that one must be of this world. */
const MAX_DEVICES = 1 << 24;

/** @throws NacreError ERANGE for maps whose highest device id is beyond 2^24 */
export function checkDeviceCount(map: CrushMap): void {
  if (map.maxDevices > MAX_DEVICES)
    throw new NacreError('ERANGE', 'crush', `a map of ${map.maxDevices} devices, ${MAX_DEVICES} at most`);
}

function dumpDevices(map: CrushMap): object[] {
  checkDeviceCount(map);
  const devices: object[] = [];
  for (let id = 0; id < map.maxDevices; id++)
    devices.push({ id, name: map.names.name(id) ?? `device${id}`, class: map.itemClass(id) });
  return devices;
}

function dumpTypes(map: CrushMap): object[] {
  const types: object[] = [];
  if (map.types.size > 0 && !map.types.has(0)) types.push({ type_id: 0, name: 'device' });
  for (const id of map.types.ids()) if (id >= 0) types.push({ type_id: id, name: map.types.name(id) });
  return types;
}

function dumpBucket(map: CrushMap, bucket: CrushBucket): object {
  return {
    id: bucket.id,
    name: map.names.name(bucket.id),
    type_id: bucket.type,
    type_name: map.types.name(bucket.type),
    weight: bucket.weight | 0,
    alg: bucketAlgName(bucket.alg),
    hash: hashName(bucket.hash),
    items: bucket.items.map((id, pos) => ({ id, weight: bucketItemWeight(bucket, pos) | 0, pos })),
  };
}

const CHOOSE_NAMES: Readonly<Record<number, string>> = {
  [RULE_CHOOSE_FIRSTN]: 'choose_firstn',
  [RULE_CHOOSE_INDEP]: 'choose_indep',
  [RULE_CHOOSELEAF_FIRSTN]: 'chooseleaf_firstn',
  [RULE_CHOOSELEAF_INDEP]: 'chooseleaf_indep',
};

function dumpStep(map: CrushMap, { op, arg1, arg2 }: CrushStep): object {
  if (op === RULE_NOOP) return { op: 'noop' };
  if (op === RULE_EMIT) return { op: 'emit' };
  if (op === RULE_TAKE) return { op: 'take', item: arg1, item_name: map.names.name(arg1) ?? '' };
  if (op === RULE_SET_CHOOSE_TRIES) return { op: 'set_choose_tries', num: arg1 };
  if (op === RULE_SET_CHOOSELEAF_TRIES) return { op: 'set_chooseleaf_tries', num: arg1 };
  const choose = CHOOSE_NAMES[op];
  if (choose !== undefined) return { op: choose, num: arg1, type: map.types.name(arg2) ?? '' };
  return { opcode: op, arg1, arg2 };
}

/** One rule as `ceph osd crush rule dump` and `crushtool --dump` have it; undefined when there is none. */
export function dumpRule(map: CrushMap, id: number): object | undefined {
  const rule = map.rules[id];
  if (rule === undefined) return undefined;
  return {
    rule_id: id,
    rule_name: map.ruleNames.name(id),
    ruleset: rule.ruleset,
    type: rule.type,
    min_size: rule.minSize,
    max_size: rule.maxSize,
    steps: rule.steps.map(step => dumpStep(map, step)),
  };
}

function rulesUse(map: CrushMap, ...ops: number[]): boolean {
  return map.rules.some(rule => rule?.steps.some(step => ops.includes(step.op)));
}

/** The tunables with what they ask of clients, as `ceph osd crush show-tunables` has them. */
export function dumpTunables(map: CrushMap): object {
  const t = map.tunables;
  const profiles = ['jewel', 'hammer', 'firefly', 'bobtail', 'argonaut'] as const;
  const v2Rules = rulesUse(
    map,
    RULE_CHOOSE_INDEP,
    RULE_CHOOSELEAF_INDEP,
    RULE_SET_CHOOSE_TRIES,
    RULE_SET_CHOOSELEAF_TRIES,
  );
  const v3Rules = rulesUse(map, RULE_SET_CHOOSELEAF_VARY_R);
  const v5Rules = rulesUse(map, RULE_SET_CHOOSELEAF_STABLE);
  const v4Buckets = map.buckets.some(bucket => bucket?.alg === ALG_STRAW2);
  const tunables1 = t.chooseLocalTries !== 2 || t.chooseLocalFallbackTries !== 5 || t.chooseTotalTries !== 19;
  const tunables2 = t.chooseleafDescendOnce !== 0;
  const tunables3 = t.chooseleafVaryR !== 0;
  const tunables5 = t.chooseleafStable !== 0;
  let minimum = 'argonaut';
  if (v5Rules || tunables5) minimum = 'jewel';
  else if (v4Buckets) minimum = 'hammer';
  else if (tunables3) minimum = 'firefly';
  else if (tunables1 || tunables2) minimum = 'bobtail';
  return {
    choose_local_tries: t.chooseLocalTries | 0,
    choose_local_fallback_tries: t.chooseLocalFallbackTries | 0,
    choose_total_tries: t.chooseTotalTries | 0,
    chooseleaf_descend_once: t.chooseleafDescendOnce | 0,
    chooseleaf_vary_r: t.chooseleafVaryR,
    chooseleaf_stable: t.chooseleafStable,
    straw_calc_version: t.strawCalcVersion,
    allowed_bucket_algs: t.allowedBucketAlgs | 0,
    profile: profiles.find(profile => hasTunables(t, profile)) ?? 'unknown',
    optimal_tunables: Number(hasTunables(t, 'optimal')),
    legacy_tunables: Number(hasTunables(t, 'legacy')),
    minimum_required_version: minimum,
    require_feature_tunables: Number(tunables1),
    require_feature_tunables2: Number(tunables2),
    has_v2_rules: Number(v2Rules),
    require_feature_tunables3: Number(tunables3),
    has_v3_rules: Number(v3Rules),
    has_v4_buckets: Number(v4Buckets),
    require_feature_tunables5: Number(tunables5),
    has_v5_rules: Number(v5Rules),
  };
}

function dumpWeight(weight: number): object {
  return rawNumber(formatGeneral(weightToFloat(weight), 17));
}

function dumpChooseArgs(map: CrushMap): Map<string, object[]> {
  const pools = new Map<string, object[]>();
  for (const pool of sortedKeys(map.chooseArgs)) {
    const args = map.chooseArgs.get(pool)!;
    const list: object[] = [];
    for (const index of sortedKeys(args)) {
      const { weightSet, ids } = args.get(index)!;
      if (weightSet.length === 0 && ids.length === 0) continue;
      list.push({
        bucket_id: -1 - index,
        weight_set: weightSet.length === 0 ? undefined : weightSet.map(weights => weights.map(dumpWeight)),
        ids: ids.length === 0 ? undefined : ids,
      });
    }
    pools.set(String(pool), list);
  }
  return pools;
}

/** The map as `crushtool --dump` and `ceph osd crush dump` have it; formatJson of base/format prints it. */
export function dumpCrush(map: CrushMap): object {
  return {
    devices: dumpDevices(map),
    types: dumpTypes(map),
    buckets: map.buckets.filter(bucket => bucket !== undefined).map(bucket => dumpBucket(map, bucket)),
    rules: map.rules.map((_, id) => dumpRule(map, id)).filter(rule => rule !== undefined),
    tunables: dumpTunables(map),
    choose_args: dumpChooseArgs(map),
  };
}
