import { NacreError } from '../../base/errors.ts';
import { formatFixed } from '../../base/printf.ts';
import {
  ALG_LIST,
  ALG_TREE,
  ALG_UNIFORM,
  bucketAlgName,
  hashName,
  LEGACY_ALLOWED_BUCKET_ALGS,
  RULE_CHOOSE_FIRSTN,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_FIRSTN,
  RULE_CHOOSELEAF_INDEP,
  RULE_EMIT,
  RULE_NOOP,
  RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES,
  RULE_SET_CHOOSE_LOCAL_TRIES,
  RULE_SET_CHOOSE_TRIES,
  RULE_SET_CHOOSELEAF_STABLE,
  RULE_SET_CHOOSELEAF_TRIES,
  RULE_SET_CHOOSELEAF_VARY_R,
  RULE_TAKE,
  RULE_TYPE_ERASURE,
  RULE_TYPE_REPLICATED,
} from './constants.ts';
import { weightToFloat } from './format.ts';
import {
  bucketItemWeight,
  type CrushBucket,
  type CrushChooseArg,
  type CrushMap,
  type CrushRule,
  type CrushStep,
  sortedKeys,
} from './map.ts';
import { isValidCrushName, splitIdClass } from './names.ts';

function typeName(map: CrushMap, type: number): string {
  return map.types.name(type) ?? (type === 0 ? 'device' : `type${type}`);
}

function itemName(map: CrushMap, id: number): string {
  return map.names.name(id) ?? (id >= 0 ? `device${id}` : `bucket${-1 - id}`);
}

export interface DecompileOptions {
  /** Decimals of weights: 3 is what crushtool 16.2 writes, later releases write 5, and 16 lose nothing. */
  readonly weightDecimals?: number;
}

function weightText(weight: number, decimals: number): string {
  return formatFixed(weightToFloat(weight | 0), decimals);
}

function tunableLines(map: CrushMap): string {
  const t = map.tunables;
  // What is not told has the value that compiling starts from.
  const told: [string, number, number][] = [
    ['choose_local_tries', t.chooseLocalTries | 0, 2],
    ['choose_local_fallback_tries', t.chooseLocalFallbackTries | 0, 5],
    ['choose_total_tries', t.chooseTotalTries | 0, 19],
    ['chooseleaf_descend_once', t.chooseleafDescendOnce | 0, 0],
    ['chooseleaf_vary_r', t.chooseleafVaryR, 0],
    ['chooseleaf_stable', t.chooseleafStable, 0],
    ['straw_calc_version', t.strawCalcVersion, 0],
    ['allowed_bucket_algs', t.allowedBucketAlgs, LEGACY_ALLOWED_BUCKET_ALGS],
  ];
  let out = '';
  for (const [name, value, start] of told) if (value !== start) out += `tunable ${name} ${value}\n`;
  return out;
}

const BUCKET_NOTES: Readonly<Record<number, (size: number) => string>> = {
  [ALG_UNIFORM]: size => `\t# do not change bucket size (${size}) unnecessarily`,
  [ALG_LIST]: () => '\t# add new items at the end; do not change order unnecessarily',
  [ALG_TREE]: () => '\t# do not change pos for existing items unnecessarily',
};

function bucketText(map: CrushMap, bucket: CrushBucket, decimals: number): string {
  const { id, alg, items } = bucket;
  const name = map.names.name(id);
  // Shadows of device classes come back by themselves.
  if (name !== undefined && !isValidCrushName(name)) return '';
  let out = `${typeName(map, bucket.type)} ${itemName(map, id)} {\n`;
  out += `\tid ${id}\t\t# do not change unnecessarily\n`;
  const shadows = map.classBuckets.get(id);
  if (shadows !== undefined)
    for (const classId of sortedKeys(shadows))
      out += `\tid ${shadows.get(classId)} class ${map.classes.name(classId) ?? ''}\t\t# do not change unnecessarily\n`;
  out += `\t# weight ${weightText(bucket.weight, decimals)}\n`;
  out += `\talg ${bucketAlgName(alg)}${BUCKET_NOTES[alg]?.(items.length) ?? ''}\n`;
  out += `\thash ${bucket.hash}\t# ${hashName(bucket.hash)}\n`;
  const positions = alg === ALG_UNIFORM || alg === ALG_TREE;
  items.forEach((item, i) => {
    const weight = weightText(bucketItemWeight(bucket, i), decimals);
    out += `\titem ${itemName(map, item)} weight ${weight}${positions ? ` pos ${i}` : ''}\n`;
  });
  return `${out}}\n`;
}

/** All buckets, those that hold others after them. */
function bucketTexts(map: CrushMap, decimals: number): string {
  const state = new Map<number, 'open' | 'done'>();
  let out = '';
  const visit = (bucket: CrushBucket): void => {
    state.set(bucket.id, 'open');
    for (const item of bucket.items) {
      if (state.get(item) === 'open')
        throw new NacreError(
          'EINVAL',
          'crush.decompile',
          `bucket ${bucket.id} contains bucket ${item}, which contains it`,
        );
      const child = item < 0 && !state.has(item) ? map.bucket(item) : undefined;
      if (child !== undefined) visit(child);
    }
    out += bucketText(map, bucket, decimals);
    state.set(bucket.id, 'done');
  };
  for (const bucket of map.buckets) if (bucket !== undefined && !state.has(bucket.id)) visit(bucket);
  return out;
}

const SET_NAMES: Readonly<Record<number, string>> = {
  [RULE_SET_CHOOSE_TRIES]: 'set_choose_tries',
  [RULE_SET_CHOOSE_LOCAL_TRIES]: 'set_choose_local_tries',
  [RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES]: 'set_choose_local_fallback_tries',
  [RULE_SET_CHOOSELEAF_TRIES]: 'set_chooseleaf_tries',
  [RULE_SET_CHOOSELEAF_VARY_R]: 'set_chooseleaf_vary_r',
  [RULE_SET_CHOOSELEAF_STABLE]: 'set_chooseleaf_stable',
};

const CHOOSE_NAMES: Readonly<Record<number, string>> = {
  [RULE_CHOOSE_FIRSTN]: 'choose firstn',
  [RULE_CHOOSE_INDEP]: 'choose indep',
  [RULE_CHOOSELEAF_FIRSTN]: 'chooseleaf firstn',
  [RULE_CHOOSELEAF_INDEP]: 'chooseleaf indep',
};

function stepText(map: CrushMap, { op, arg1, arg2 }: CrushStep): string {
  if (op === RULE_NOOP) return '\tstep noop\n';
  if (op === RULE_EMIT) return '\tstep emit\n';
  if (op === RULE_TAKE) {
    const { id, classId } = splitIdClass(map, arg1);
    const deviceClass = classId === undefined ? '' : ` class ${map.classes.name(classId)}`;
    return `\tstep take ${itemName(map, id)}${deviceClass}\n`;
  }
  const set = SET_NAMES[op];
  if (set !== undefined) return `\tstep ${set} ${arg1}\n`;
  const choose = CHOOSE_NAMES[op];
  return choose === undefined ? '' : `\tstep ${choose} ${arg1} type ${typeName(map, arg2)}\n`;
}

function ruleText(map: CrushMap, id: number, rule: CrushRule): string {
  let out = `rule ${map.ruleNames.name(id) ?? ''} {\n\tid ${id}\n`;
  if (rule.ruleset !== id)
    out += `\t# WARNING: ruleset ${rule.ruleset} != id ${id}; this will not recompile to the same map\n`;
  const type =
    rule.type === RULE_TYPE_REPLICATED
      ? 'replicated'
      : rule.type === RULE_TYPE_ERASURE
        ? 'erasure'
        : rule.type;
  out += `\ttype ${type}\n\tmin_size ${rule.minSize}\n\tmax_size ${rule.maxSize}\n`;
  for (const step of rule.steps) out += stepText(map, step);
  return `${out}}\n`;
}

function chooseArgText(index: number, arg: CrushChooseArg, decimals: number): string {
  let out = `  {\n    bucket_id ${-1 - index}\n`;
  if (arg.weightSet.length > 0) {
    out += '    weight_set [\n';
    for (const weights of arg.weightSet)
      out += `      [ ${weights.map(weight => `${weightText(weight, decimals)} `).join('')}]\n`;
    out += '    ]\n';
  }
  if (arg.ids.length > 0) out += `    ids [ ${arg.ids.map(id => `${id} `).join('')}]\n`;
  return `${out}  }\n`;
}

/**
 * The text of a map, byte for byte what `crushtool -d` writes.
 * @throws NacreError EINVAL for buckets that contain themselves and rules that take what has no name
 */
export function decompileCrush(map: CrushMap, options: DecompileOptions = {}): string {
  const decimals = options.weightDecimals ?? 3;
  let out = `# begin crush map\n${tunableLines(map)}\n# devices\n`;
  for (const id of map.names.ids()) {
    if (id < 0 || id >= map.maxDevices) continue;
    const deviceClass = map.itemClass(id);
    out += `device ${id} ${map.names.name(id)}${deviceClass === undefined ? '' : ` class ${deviceClass}`}\n`;
  }
  out += '\n# types\n';
  // Ids count up from 0; one that has no name is noted only when it is the devices'.
  if (map.types.size > 0 && !map.types.has(0)) out += 'type 0 osd\n';
  for (const type of map.types.ids()) if (type >= 0) out += `type ${type} ${map.types.name(type)}\n`;
  out += `\n# buckets\n${bucketTexts(map, decimals)}\n# rules\n`;
  map.rules.forEach((rule, id) => {
    if (rule !== undefined) out += ruleText(map, id, rule);
  });
  if (map.chooseArgs.size > 0) {
    out += '\n# choose_args\n';
    for (const pool of sortedKeys(map.chooseArgs)) {
      const args = map.chooseArgs.get(pool)!;
      // The key is printed unsigned, so the default ones (-1) become 2^64 - 1.
      out += `choose_args ${BigInt.asUintN(64, BigInt(pool))} {\n`;
      for (const index of sortedKeys(args)) {
        const arg = args.get(index)!;
        if (arg.weightSet.length > 0 || arg.ids.length > 0) out += chooseArgText(index, arg, decimals);
      }
      out += '}\n';
    }
  }
  return `${out}\n# end crush map\n`;
}
