import { NacreError } from '../../base/errors.ts';
import { formatGeneral } from '../../base/printf.ts';
import { getOrCreateClass, populateClasses, setItemClass } from './classes.ts';
import {
  ALG_UNIFORM,
  bucketAlgFromName,
  CRUSH_MAX_BUCKET_WEIGHT,
  CRUSH_MAX_DEVICE_WEIGHT,
  RULE_CHOOSE_FIRSTN,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_FIRSTN,
  RULE_CHOOSELEAF_INDEP,
  RULE_EMIT,
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
import { addBucket } from './edit.ts';
import { weightToFloat } from './format.ts';
import {
  type BucketNode,
  type ChooseArgNode,
  type ChooseArgsNode,
  CrushCompileError,
  type CrushNode,
  type DeviceNode,
  type RuleNode,
  type StepNode,
  type TunableNode,
} from './grammar.ts';
import { type CrushChooseArg, type CrushChooseArgs, CrushMap, type CrushStep } from './map.ts';
import { parseCrushText } from './parser.ts';
import { addRule } from './rules.ts';
import { setTunables } from './tunables.ts';

export interface CompileOptions {
  /** Is told of each thing that is defined, as `crushtool -v` does. */
  readonly log?: (line: string) => void;
}

const STEP_OPS: Readonly<Record<string, number>> = {
  set_choose_tries: RULE_SET_CHOOSE_TRIES,
  set_choose_local_tries: RULE_SET_CHOOSE_LOCAL_TRIES,
  set_choose_local_fallback_tries: RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES,
  set_chooseleaf_tries: RULE_SET_CHOOSELEAF_TRIES,
  set_chooseleaf_vary_r: RULE_SET_CHOOSELEAF_VARY_R,
  set_chooseleaf_stable: RULE_SET_CHOOSELEAF_STABLE,
  'choose firstn': RULE_CHOOSE_FIRSTN,
  'choose indep': RULE_CHOOSE_INDEP,
  'chooseleaf firstn': RULE_CHOOSELEAF_FIRSTN,
  'chooseleaf indep': RULE_CHOOSELEAF_INDEP,
};

/** A written weight in 16.16, through a 32-bit float. */
function fixedWeight(text: string): number {
  return Math.trunc(Math.fround(Number(text)) * 0x10000) >>> 0;
}

/**
 * Buckets that hold buckets defined after them change places with those (adjust_bucket_item_place). A place that
 * once was of a bucket stays known under its name, whatever has moved there.
 */
function orderBuckets(nodes: CrushNode[]): void {
  const names: string[] = [];
  const places = new Map<string, number>();
  const items = new Map<string, Set<string>>();
  const ranks = new Map<string, number[]>();
  nodes.forEach((node, at) => {
    if (node.kind !== 'bucket') return;
    const ofName = ranks.get(node.name) ?? [];
    ofName.push(names.length);
    ranks.set(node.name, ofName);
    names.push(node.name);
    places.set(node.name, at);
    const held = items.get(node.name) ?? new Set();
    for (const item of node.items) held.add(item.name);
    items.set(node.name, held);
  });
  names.forEach((name, rank) => {
    const later: number[] = [];
    for (const item of items.get(name)!) for (const r of ranks.get(item) ?? []) if (r > rank) later.push(r);
    for (const r of later.sort((a, b) => a - b)) {
      const other = names[r];
      const a = places.get(name)!;
      const b = places.get(other)!;
      if (items.get(other)!.has(name))
        throw new CrushCompileError(
          nodes[a].line,
          `bucket  '${name}' and bucket '${other}' are included each other`,
        );
      const node = nodes[a];
      nodes[a] = nodes[b];
      nodes[b] = node;
    }
  });
}

class Compiler {
  readonly map = new CrushMap();
  private readonly log: (line: string) => void;
  private readonly itemId = new Map<string, number>();
  private readonly usedIds = new Set<number>();
  private readonly typeId = new Map<string, number>();
  private readonly weightOf = new Map<number, number>();
  private readonly shadowIds = new Map<number, Map<number, number>>();
  private readonly ruleNames = new Set<string>();

  constructor(options: CompileOptions) {
    this.log = options.log ?? (() => {});
    // A text means the same whatever the defaults are one day.
    setTunables(this.map.tunables, 'legacy');
  }

  run(nodes: readonly CrushNode[]): void {
    for (const node of nodes) if (node.kind === 'bucket') for (const { id } of node.ids) this.usedIds.add(id);
    let sawRule = false;
    for (const node of nodes) {
      if (node.kind === 'bucket' && sawRule)
        throw new CrushCompileError(node.line, 'buckets must be defined before rules');
      if (node.kind === 'rule' && !sawRule) {
        sawRule = true;
        this.makeShadows();
      }
      this.define(node);
    }
    this.map.finalize();
  }

  private define(node: CrushNode): void {
    switch (node.kind) {
      case 'tunable':
        this.tunable(node);
        break;
      case 'device':
        this.device(node);
        break;
      case 'type':
        this.log(`type ${node.id} '${node.name}'`);
        this.typeId.set(node.name, node.id);
        this.map.types.set(node.id, node.name);
        break;
      case 'bucket':
        this.bucket(node);
        break;
      case 'rule':
        this.rule(node);
        break;
      case 'choose_args':
        this.chooseArgs(node);
        break;
    }
  }

  private makeShadows(): void {
    try {
      populateClasses(this.map, this.shadowIds);
    } catch (error) {
      // Shadows that cannot be (of uniform buckets with classes) are left out; a rule that wants one says so.
      if (!(error instanceof NacreError)) throw error;
    }
  }

  private tunable({ name, value, line }: TunableNode): void {
    const t = this.map.tunables;
    if (name === 'choose_local_tries') t.chooseLocalTries = value >>> 0;
    else if (name === 'choose_local_fallback_tries') t.chooseLocalFallbackTries = value >>> 0;
    else if (name === 'choose_total_tries') t.chooseTotalTries = value >>> 0;
    else if (name === 'chooseleaf_descend_once') t.chooseleafDescendOnce = value === 0 ? 0 : 1;
    else if (name === 'chooseleaf_vary_r') t.chooseleafVaryR = value & 0xff;
    else if (name === 'chooseleaf_stable') t.chooseleafStable = value & 0xff;
    else if (name === 'straw_calc_version') t.strawCalcVersion = value & 0xff;
    else if (name === 'allowed_bucket_algs') t.allowedBucketAlgs = value >>> 0;
    else throw new CrushCompileError(line, `tunable ${name} not recognized`);
    this.log(`tunable ${name} ${value}`);
  }

  private device({ id, name, deviceClass, line }: DeviceNode): void {
    this.map.names.set(id, name);
    if (this.itemId.has(name)) throw new CrushCompileError(line, `item ${name} defined twice`);
    this.itemId.set(name, id);
    this.usedIds.add(id);
    if (deviceClass !== undefined) setItemClass(this.map, id, deviceClass);
    this.log(`device ${id} '${name}'${deviceClass === undefined ? '' : ` class '${deviceClass}'`}`);
  }

  private bucketIds(node: BucketNode): { id: number; shadows: Map<number, number> } {
    let id = 0;
    const shadows = new Map<number, number>();
    for (const { id: given, deviceClass } of node.ids) {
      if (deviceClass === undefined) {
        id = given;
        this.log(`bucket ${node.name} id ${given}`);
        continue;
      }
      const classId = getOrCreateClass(this.map, deviceClass);
      if (shadows.has(classId))
        throw new CrushCompileError(
          node.line,
          `duplicate device class ${deviceClass} for bucket ${node.name}`,
          'ERANGE',
        );
      shadows.set(classId, given);
      this.log(`bucket ${node.name} id ${given} class '${deviceClass}'`);
    }
    return { id, shadows };
  }

  /** Items and weights of a bucket by position. */
  private bucketItems(node: BucketNode, uniform: boolean): { items: number[]; weights: number[] } {
    const used = new Set<number>();
    for (const { name, pos, line } of node.items) {
      if (pos === undefined) continue;
      if (used.has(pos))
        throw new CrushCompileError(
          line,
          `item '${name}' in bucket '${node.name}' has explicit pos ${pos}, which is occupied`,
        );
      used.add(pos);
    }
    // As many as there are items, or the highest position: crushtool counts it so, and refuses that position.
    const size = Math.min(Math.max(node.items.length, ...used), node.items.length + 65536);
    const items: number[] = new Array(size).fill(0);
    const weights: number[] = new Array(size).fill(0);
    let next = 0;
    let sum = 0;
    let uniformWeight: number | undefined;
    for (const item of node.items) {
      const id = this.itemId.get(item.name);
      if (id === undefined)
        throw new CrushCompileError(item.line, `item '${item.name}' in bucket '${node.name}' is not defined`);
      const weight = this.itemWeight(item.weight, id, item.line);
      if (uniform && uniformWeight !== undefined && uniformWeight !== weight)
        throw new CrushCompileError(
          item.line,
          `item '${item.name}' in uniform bucket '${node.name}' has weight ${weight} but previous item(s) have ` +
            `weight ${formatGeneral(weightToFloat(uniformWeight))}; uniform bucket items must all have identical weights.`,
        );
      uniformWeight = weight;
      let { pos } = item;
      if (pos !== undefined && pos >= size)
        throw new CrushCompileError(
          item.line,
          `item '${item.name}' in bucket '${node.name}' has pos ${pos} >= size ${size}`,
        );
      if (pos === undefined || pos < 0) {
        while (used.has(next)) next++;
        pos = next++;
      }
      items[pos] = id;
      weights[pos] = weight;
      sum += weight;
      if (sum > 0xffffffff)
        throw new CrushCompileError(
          item.line,
          'oh no! our bucket weights are overflowing all over the place, better lower the item weights',
          'ERANGE',
        );
    }
    return { items, weights };
  }

  private itemWeight(text: string | undefined, id: number, line: number): number {
    if (text === undefined) return this.weightOf.get(id) ?? 0x10000;
    const weight = fixedWeight(text);
    if (id >= 0 && weight > CRUSH_MAX_DEVICE_WEIGHT)
      throw new CrushCompileError(
        line,
        `device weight limited to ${CRUSH_MAX_DEVICE_WEIGHT / 0x10000}`,
        'ERANGE',
      );
    if (id < 0 && weight > CRUSH_MAX_BUCKET_WEIGHT)
      throw new CrushCompileError(
        line,
        `bucket weight limited to ${CRUSH_MAX_BUCKET_WEIGHT / 0x10000} to prevent overflow`,
        'ERANGE',
      );
    return weight;
  }

  private bucket(node: BucketNode): void {
    const { name, line } = node;
    const type = this.typeId.get(node.type);
    if (type === undefined) throw new CrushCompileError(line, `bucket type '${node.type}' is not defined`);
    if (this.itemId.has(name))
      throw new CrushCompileError(line, `bucket or device '${name}' is already defined`);
    const { id: given, shadows } = this.bucketIds(node);
    const alg = bucketAlgFromName(node.alg);
    if (alg === undefined) throw new CrushCompileError(line, `unknown bucket alg '${node.alg}'`);
    const { items, weights } = this.bucketItems(node, alg === ALG_UNIFORM);
    let id = given;
    if (id === 0) for (id = -1; this.usedIds.has(id); ) id--;
    if (shadows.size > 0) this.shadowIds.set(id, shadows);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    this.log(`bucket ${name} (${id}) ${items.length} items and weight ${formatGeneral(weightToFloat(sum))}`);
    this.usedIds.add(id);
    this.itemId.set(name, id);
    this.weightOf.set(id, sum);
    try {
      addBucket(this.map, { id, alg, hash: node.hash, type, items, weights });
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      const text =
        error.code === 'EEXIST' ? `Duplicate bucket id ${id}` : `add_bucket failed ${error.message}`;
      throw new CrushCompileError(line, text, error.code);
    }
    this.map.names.set(id, name);
  }

  private takeStep(rule: RuleNode, { name, deviceClass, line }: StepNode): CrushStep {
    const id = this.itemId.get(name);
    if (id === undefined)
      throw new CrushCompileError(line, `in rule '${rule.name}' item '${name}' not defined`);
    if (deviceClass === undefined) {
      this.log(`rule ${rule.name} take ${name}`);
      return { op: RULE_TAKE, arg1: id, arg2: 0 };
    }
    const classId = this.map.classes.id(deviceClass);
    if (classId === undefined)
      throw new CrushCompileError(line, `in rule '${rule.name}' device class '${deviceClass}' not defined`);
    const shadows = this.map.classBuckets.get(id);
    if (shadows === undefined)
      throw new CrushCompileError(line, `in rule '${rule.name}' step take ${name} has no class information`);
    const shadow = shadows.get(classId);
    if (shadow === undefined)
      throw new CrushCompileError(
        line,
        `in rule '${rule.name}' step take ${name} no matching bucket for class ${deviceClass}`,
      );
    this.log(`rule ${rule.name} take ${name} remapped to ${this.map.names.name(shadow)}`);
    return { op: RULE_TAKE, arg1: shadow, arg2: 0 };
  }

  private step(rule: RuleNode, step: StepNode): CrushStep {
    if (step.op === 'take') return this.takeStep(rule, step);
    if (step.op === 'emit') return { op: RULE_EMIT, arg1: 0, arg2: 0 };
    const op = STEP_OPS[step.op];
    if (step.name === '') return { op, arg1: step.value, arg2: 0 };
    const type = this.typeId.get(step.name);
    if (type === undefined)
      throw new CrushCompileError(step.line, `in rule '${rule.name}' type '${step.name}' not defined`);
    return { op, arg1: step.value, arg2: type };
  }

  private rule(node: RuleNode): void {
    const { name, id, line } = node;
    if (name !== '' && this.ruleNames.has(name))
      throw new CrushCompileError(line, `rule name '${name}' already defined\n`);
    if (this.map.rules[id] !== undefined) throw new CrushCompileError(line, `rule ${id} already exists`);
    const steps: CrushStep[] = [];
    try {
      addRule(
        this.map,
        {
          ruleset: id & 0xff,
          type: node.type === 'erasure' ? RULE_TYPE_ERASURE : RULE_TYPE_REPLICATED,
          minSize: node.minSize & 0xff,
          maxSize: node.maxSize & 0xff,
          steps,
        },
        id,
      );
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      throw new CrushCompileError(line, `unable to add rule id ${id} for rule '${name}'`, error.code);
    }
    if (name !== '') {
      this.map.ruleNames.set(id, name);
      this.ruleNames.add(name);
    }
    for (const step of node.steps) steps.push(this.step(node, step));
  }

  private chooseArg(node: ChooseArgNode): [number, CrushChooseArg] {
    const { bucketId, line } = node;
    const index = -1 - bucketId;
    if (index < 0 || index >= this.map.maxBuckets)
      throw new CrushCompileError(line, `${bucketId} is out of range`);
    const bucket = this.map.bucket(bucketId);
    if (bucket === undefined) throw new CrushCompileError(line, `${bucketId} does not exist`);
    const size = bucket.items.length;
    for (const weights of node.weightSet)
      if (weights.length !== size)
        throw new CrushCompileError(
          line,
          `${bucketId} needs exactly ${size} weights but got ${weights.length}`,
        );
    if (node.ids !== undefined && node.ids.length !== size)
      throw new CrushCompileError(line, `${bucketId} needs exactly ${size} ids but got ${node.ids.length}`);
    const weightSet = node.weightSet.map(weights => weights.map(fixedWeight));
    return [index, { weightSet, ids: [...(node.ids ?? [])] }];
  }

  private chooseArgs(node: ChooseArgsNode): void {
    if (this.map.chooseArgs.has(node.id)) throw new CrushCompileError(node.line, `${node.id} duplicated`);
    const args: CrushChooseArgs = new Map();
    for (const argNode of node.args) {
      const [index, arg] = this.chooseArg(argNode);
      args.set(index, arg);
    }
    this.map.chooseArgs.set(node.id, args);
  }
}

/**
 * Makes a map of its text (crushtool -c).
 * @throws CrushCompileError with the line
 */
export function compileCrush(text: string, options: CompileOptions = {}): CrushMap {
  const nodes = parseCrushText(text);
  orderBuckets(nodes);
  const compiler = new Compiler(options);
  compiler.run(nodes);
  return compiler.map;
}
