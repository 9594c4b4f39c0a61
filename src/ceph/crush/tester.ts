import { NacreError } from '../../base/errors.ts';
import { formatGeneral } from '../../base/printf.ts';
import { CRUSH_ITEM_NONE, RULE_CHOOSE_FIRSTN, RULE_EMIT } from './constants.ts';
import { checkDeviceCount } from './dump.ts';
import { hash32_2 } from './hash.ts';
import { eachBucket } from './location.ts';
import type { CrushMap } from './map.ts';
import { CrushMapper } from './mapper.ts';
import { adjustTestWeights, Lrand48, randomPlacement } from './simulate.ts';

/** What `crushtool --test` is asked for. */
export interface CrushTestOptions {
  readonly minRule?: number;
  readonly maxRule?: number;
  readonly ruleset?: number;
  readonly minX?: number;
  readonly maxX?: number;
  readonly minRep?: number;
  readonly maxRep?: number;
  /** Inputs are hashed with it, as those of a pool's PGs are. */
  readonly poolId?: number;
  readonly batches?: number;
  /** 16.16 fixed point, for devices that shall not have 1.0. */
  readonly weights?: ReadonlyMap<number, number>;
  /** Random placements instead of CRUSH's. */
  readonly simulate?: boolean;
  readonly markDownRatio?: number;
  readonly markDownBucketRatio?: number;
  readonly showMappings?: boolean;
  readonly showBadMappings?: boolean;
  readonly showStatistics?: boolean;
  readonly showUtilization?: boolean;
  readonly showUtilizationAll?: boolean;
  readonly showChooseTries?: boolean;
}

/** Where the text goes, in pieces of whole lines. */
export interface CrushTestOutput {
  out(text: string): void;
  err(text: string): void;
}

const FLUSH = 1 << 16;
/** Lines of a histogram of tries, at most. */
const MAX_TRIES = 1 << 20;

/** Most devices that placements by this rule can involve: the fewest buckets of any type that it chooses. */
function maximumAffectedByRule(map: CrushMap, ruleId: number): number {
  const wanted = new Map<number, number>();
  for (const { op, arg1, arg2 } of map.rules[ruleId]?.steps ?? [])
    if (op >= RULE_CHOOSE_FIRSTN && op !== RULE_EMIT) wanted.set(arg2, arg1);
  const counts = new Map<number, number>();
  for (const id of map.names.ids()) {
    const type = map.bucket(id)?.type;
    if (type !== undefined && wanted.has(type)) counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  let most = Math.max(map.maxBuckets, map.maxDevices);
  for (const [type, replicas] of wanted) {
    const count = counts.get(type) ?? 0;
    const usable = replicas > 0 && replicas < count ? replicas : count;
    if (usable > 0 && usable < most) most = usable;
  }
  return most;
}

/** The weights that placements are tested with: those given, 1.0 for devices in the map, 0 for the rest. */
export function testWeights(map: CrushMap, given: ReadonlyMap<number, number> | undefined): Uint32Array {
  checkDeviceCount(map);
  const weights = new Uint32Array(map.maxDevices);
  for (const bucket of eachBucket(map))
    for (const item of bucket.items) if (item >= 0) weights[item] = 0x10000;
  for (const [device, weight] of given ?? []) if (device >= 0) weights[device] = weight;
  return weights;
}

/** A weight of the command line in 16.16, between 0 and 1. */
export function testWeight(weight: number): number {
  return Math.min(0x10000, Math.max(0, Math.trunc(Math.fround(weight) * 0x10000) || 0));
}

interface Ranges {
  readonly minRule: number;
  readonly maxRule: number;
  readonly minX: number;
  readonly maxX: number;
}

function rangesOf(map: CrushMap, options: CrushTestOptions): Ranges {
  const { minRule = -1, maxRule = -1, minX = -1, maxX = -1 } = options;
  const rules = minRule < 0 || maxRule < 0;
  const inputs = minX < 0 || maxX < 0;
  return {
    minRule: rules ? 0 : minRule,
    maxRule: Math.min(rules ? Number.MAX_SAFE_INTEGER : maxRule, map.maxRules - 1),
    minX: inputs ? 0 : minX,
    maxX: inputs ? 1023 : maxX,
  };
}

/** Sizes of results that a rule is tried with: those asked for, else those that it is for. */
function replicasOf(map: CrushMap, rule: number, options: CrushTestOptions): [number, number] {
  const { minRep = -1, maxRep = -1 } = options;
  return minRep < 0 || maxRep < 0 ? [map.rules[rule]!.minSize, map.rules[rule]!.maxSize] : [minRep, maxRep];
}

class Tester {
  private readonly map: CrushMap;
  private readonly options: CrushTestOptions;
  private readonly output: CrushTestOutput;
  private readonly mapper: CrushMapper;
  private readonly weights: Uint32Array;
  private readonly ranges: Ranges;
  private readonly random = new Lrand48();
  private buffer = '';

  constructor(map: CrushMap, options: CrushTestOptions, output: CrushTestOutput) {
    this.map = map;
    this.options = options;
    this.output = output;
    this.mapper = new CrushMapper(map);
    this.ranges = rangesOf(map, options);
    this.weights = testWeights(map, options.weights);
    if (options.showUtilizationAll)
      output.err(
        `devices weights (hex): [${Array.from(this.weights, weight => weight.toString(16)).join(',')}]\n`,
      );
    adjustTestWeights(map, this.weights, options, this.random);
  }

  private write(text: string): void {
    this.buffer += text;
    if (this.buffer.length > FLUSH) this.flush();
  }

  private flush(): void {
    if (this.buffer !== '') this.output.out(this.buffer);
    this.buffer = '';
  }

  run(): void {
    const { map, options, mapper } = this;
    const { minRule, maxRule, minX, maxX } = this.ranges;
    if (options.showChooseTries && map.tunables.chooseTotalTries > MAX_TRIES)
      throw new NacreError('ERANGE', 'crush.test', `a histogram of ${map.tunables.chooseTotalTries} tries`);
    if (options.showChooseTries) mapper.chooseTries = new Uint32Array(map.tunables.chooseTotalTries + 1);
    for (let r = minRule; r <= maxRule; r++) {
      const rule = map.rules[r];
      if (rule === undefined) {
        if (options.showStatistics) this.write(`rule ${r} dne\n`);
        continue;
      }
      if (options.ruleset !== undefined && options.ruleset >= 0 && rule.ruleset !== options.ruleset) continue;
      const [minRep, maxRep] = replicasOf(map, r, options);
      if (options.showStatistics)
        this.write(
          `rule ${r} (${map.ruleNames.name(r) ?? ''}), x = ${minX}..${maxX}, numrep = ${minRep}..${maxRep}\n`,
        );
      for (let n = minRep; n <= maxRep; n++) this.testRule(r, n);
    }
    if (mapper.chooseTries !== undefined)
      for (let i = 0; i < map.tunables.chooseTotalTries; i++)
        this.write(`${String(i).padStart(2)}: ${String(mapper.chooseTries[i]).padStart(9)}\n`);
    this.flush();
  }

  /** All inputs by one rule with one size of result. */
  private testRule(r: number, replicas: number): void {
    const { map, options, weights } = this;
    const { minX, maxX } = this.ranges;
    let total = 0;
    for (const weight of weights) total = (total + weight) | 0;
    if (total === 0) return;
    const stored = new Uint32Array(map.maxDevices);
    const sizes = new Map<number, number>();
    for (let x = minX; x <= maxX; x++) this.testInput(r, replicas, x, stored, sizes);

    if (!options.showStatistics) return;
    const inputs = maxX - minX + 1;
    for (const size of [...sizes.keys()].sort((a, b) => a - b))
      this.write(
        `rule ${r} (${map.ruleNames.name(r) ?? ''}) num_rep ${replicas} result size == ${size}:\t` +
          `${sizes.get(size)}/${inputs}\n`,
      );
    if (!options.showUtilization && !options.showUtilizationAll) return;
    const objects = Math.fround(Math.min(replicas, maximumAffectedByRule(map, r)) * inputs);
    for (let device = 0; device < map.maxDevices; device++) {
      const share = Math.fround(Math.fround(weights[device]) / Math.fround(total));
      const expected = Math.fround(share * objects);
      if (options.showUtilization && !(expected > 0 && stored[device] > 0)) continue;
      this.write(
        `  device ${device}:\t\t stored : ${stored[device]}\t expected : ${formatGeneral(expected)}\n`,
      );
    }
  }

  private testInput(
    r: number,
    replicas: number,
    x: number,
    stored: Uint32Array,
    sizes: Map<number, number>,
  ): void {
    const { options, weights } = this;
    let placed: ArrayLike<number>;
    if (options.simulate)
      placed = randomPlacement(this.map, r, replicas, weights, this.random, maximumAffectedByRule);
    else {
      const { poolId = -1 } = options;
      placed = this.mapper.doRule(r, poolId === -1 ? x : hash32_2(x, poolId | 0), replicas, weights, 0);
    }
    let holes = false;
    for (let i = 0; i < placed.length; i++) {
      if (placed[i] === CRUSH_ITEM_NONE) holes = true;
      else stored[placed[i]]++;
    }
    sizes.set(placed.length, (sizes.get(placed.length) ?? 0) + 1);
    const bad = options.showBadMappings && (placed.length !== replicas || holes);
    if (!options.showMappings && !bad) return;
    const list = Array.prototype.join.call(placed, ',');
    if (options.showMappings)
      this.write(`${options.simulate ? 'RNG' : 'CRUSH'} rule ${r} x ${x} [${list}]\n`);
    if (bad) this.write(`bad mapping rule ${r} x ${x} num_rep ${replicas} result [${list}]\n`);
  }
}

/**
 * Places a range of inputs by rules of the map and reports, as `crushtool --test` does, line by line the same.
 * @throws NacreError ENOTSUP, ERANGE
 */
export function testCrush(map: CrushMap, options: CrushTestOptions, output: CrushTestOutput): void {
  if ((options.batches ?? 1) < 1)
    throw new NacreError('EINVAL', 'crush.test', `cannot place in ${options.batches} batches`);
  new Tester(map, options, output).run();
}

/**
 * Places inputs by two maps (crushtool --compare).
 * @returns whether all placements are the same
 */
export function compareCrush(
  map: CrushMap,
  other: CrushMap,
  options: CrushTestOptions,
  output: CrushTestOutput,
): boolean {
  const { minRule, maxRule, minX, maxX } = rangesOf(map, options);
  const weights = testWeights(map, options.weights);
  adjustTestWeights(map, weights, options, new Lrand48());
  const first = new CrushMapper(map);
  const second = new CrushMapper(other);
  let same = true;
  for (let r = minRule; r <= maxRule; r++) {
    const rule = map.rules[r];
    if (rule === undefined) {
      if (options.showStatistics) output.out(`rule ${r} dne\n`);
      continue;
    }
    if (options.ruleset !== undefined && options.ruleset >= 0 && rule.ruleset !== options.ruleset) continue;
    const [minRep, maxRep] = replicasOf(map, r, options);
    let bad = 0;
    for (let n = minRep; n <= maxRep; n++)
      for (let x = minX; x <= maxX; x++) {
        const a = first.doRule(r, x, n, weights, 0);
        const b = second.doRule(r, x, n, weights, 0);
        let equal = a.length === b.length;
        for (let i = 0; equal && i < a.length; i++) equal = a[i] === b[i];
        if (!equal) bad++;
      }
    if (bad > 0) same = false;
    const all = (maxRep - minRep + 1) * (maxX - minX + 1);
    output.out(`rule ${r} had ${bad}/${all} mismatched mappings (${formatGeneral(bad / all)})\n`);
  }
  if (same) output.out('maps appear equivalent\n');
  else output.err('warning: maps are NOT equivalent\n');
  return same;
}
