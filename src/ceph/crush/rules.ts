import { NacreError } from '../../base/errors.ts';
import { rebuildRootsWithClasses } from './classes.ts';
import {
  CRUSH_MAX_RULES,
  RULE_CHOOSE_FIRSTN,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_FIRSTN,
  RULE_CHOOSELEAF_INDEP,
  RULE_EMIT,
  RULE_SET_CHOOSE_TRIES,
  RULE_SET_CHOOSELEAF_TRIES,
  RULE_TAKE,
} from './constants.ts';
import type { CrushMap, CrushRule, CrushStep } from './map.ts';

/**
 * Puts a rule into the map (crush_add_rule).
 * @param id - undefined for the first free one
 * @returns its id
 * @throws NacreError ENOSPC past 256 rules
 */
export function addRule(map: CrushMap, rule: CrushRule, id?: number): number {
  let at = id;
  if (at === undefined) {
    at = map.rules.indexOf(undefined);
    if (at < 0) at = map.rules.length;
  }
  if (at >= CRUSH_MAX_RULES) throw new NacreError('ENOSPC', 'crush.add_rule', `rule id ${at} is above 255`);
  while (map.rules.length <= at) map.rules.push(undefined);
  map.rules[at] = rule;
  return at;
}

export interface SimpleRule {
  readonly name: string;
  /** Bucket to start from. */
  readonly root: string;
  /** Type of which each replica gets its own; '' for devices. */
  readonly failureDomain: string;
  readonly deviceClass?: string;
  readonly mode: 'firstn' | 'indep' | string;
  /** RULE_TYPE_*. */
  readonly type: number;
  /** undefined for the first free one. */
  readonly id?: number;
}

function refuse(code: string, message: string): never {
  throw new NacreError(code, 'crush.add_simple_rule', message);
}

function rulesetExists(map: CrushMap, ruleset: number): boolean {
  return map.rules.some(rule => rule?.ruleset === ruleset);
}

/** The id for a new rule. */
function ruleIdFor(map: CrushMap, wanted: number | undefined): number {
  if (wanted !== undefined) {
    if (map.rules[wanted] !== undefined) refuse('EEXIST', `rule with ruleno ${wanted} exists`);
    if (rulesetExists(map, wanted)) refuse('EEXIST', `ruleset ${wanted} exists`);
    return wanted;
  }
  let id = 0;
  while (id < map.rules.length && (map.rules[id] !== undefined || rulesetExists(map, id))) id++;
  return id;
}

/**
 * Adds a rule that takes a root and chooses one device under each of so many buckets of a type
 * (CrushWrapper::add_simple_rule).
 * @returns its id
 * @throws NacreError EEXIST, ENOENT, EINVAL
 */
export function addSimpleRule(map: CrushMap, rule: SimpleRule): number {
  const { name, root: rootName, failureDomain, deviceClass = '', mode } = rule;
  if (map.ruleNames.id(name) !== undefined) refuse('EEXIST', `rule ${name} exists`);
  const id = ruleIdFor(map, rule.id);
  let root = map.names.id(rootName);
  if (root === undefined) refuse('ENOENT', `root item ${rootName} does not exist`);
  const type = failureDomain === '' ? 0 : map.types.id(failureDomain);
  if (type === undefined || type < 0) refuse('EINVAL', `unknown type ${failureDomain}`);
  if (deviceClass !== '') {
    const classId = map.classes.id(deviceClass);
    if (classId === undefined) refuse('EINVAL', `device class ${deviceClass} does not exist`);
    root = map.classBuckets.get(root)?.get(classId);
    if (root === undefined) refuse('EINVAL', `root ${rootName} has no devices with class ${deviceClass}`);
  }
  if (mode !== 'firstn' && mode !== 'indep') refuse('EINVAL', `unknown mode ${mode}`);
  const firstn = mode === 'firstn';
  const steps: CrushStep[] = [];
  if (!firstn) {
    steps.push({ op: RULE_SET_CHOOSELEAF_TRIES, arg1: 5, arg2: 0 });
    steps.push({ op: RULE_SET_CHOOSE_TRIES, arg1: 100, arg2: 0 });
  }
  steps.push({ op: RULE_TAKE, arg1: root, arg2: 0 });
  const leaf = firstn ? RULE_CHOOSELEAF_FIRSTN : RULE_CHOOSELEAF_INDEP;
  const device = firstn ? RULE_CHOOSE_FIRSTN : RULE_CHOOSE_INDEP;
  steps.push({ op: type === 0 ? device : leaf, arg1: 0, arg2: type });
  steps.push({ op: RULE_EMIT, arg1: 0, arg2: 0 });
  const minSize = firstn ? 1 : 3;
  const maxSize = firstn ? 10 : 20;
  addRule(map, { ruleset: id, type: rule.type, minSize, maxSize, steps }, id);
  map.ruleNames.set(id, name);
  return id;
}

/** @throws NacreError ENOENT */
export function removeRule(map: CrushMap, id: number): void {
  if (map.rules[id] === undefined) throw new NacreError('ENOENT', 'crush.remove_rule', `no rule ${id}`);
  map.rules[id] = undefined;
  map.ruleNames.delete(id);
  rebuildRootsWithClasses(map);
}

/**
 * The rule for a pool by the numbers that pools carried before rules had names: set, kind and size
 * (CrushWrapper::find_rule); undefined when none fits.
 */
export function findRule(map: CrushMap, ruleset: number, type: number, size: number): number | undefined {
  const fits = (rule: CrushRule | undefined): boolean =>
    rule !== undefined &&
    rule.ruleset === ruleset &&
    rule.type === type &&
    rule.minSize <= size &&
    rule.maxSize >= size;
  const id = map.rules.findIndex(fits);
  return id < 0 ? undefined : id;
}
