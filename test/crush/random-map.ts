import * as crush from '../../src/ceph/crush/index.ts';
import { prng } from '../support/fuzz.ts';

export const ALGS = ['uniform', 'list', 'tree', 'straw', 'straw2', 'mixed'] as const;
export type AlgChoice = (typeof ALGS)[number];
export const PROFILES = ['argonaut', 'bobtail', 'firefly', 'hammer', 'jewel'] as const;

export interface RandomMapOptions {
  readonly seed: number;
  readonly alg: AlgChoice;
  readonly profile: crush.TunablesProfile;
  readonly classes?: boolean;
  readonly chooseArgs?: boolean;
}

const TYPES = ['osd', 'host', 'rack', 'root'];

type Next = () => number;

function pick<T>(next: Next, list: readonly T[]): T {
  return list[next() % list.length];
}

function algOf(next: Next, choice: AlgChoice): crush.BucketAlg {
  const name = choice === 'mixed' ? pick(next, ['uniform', 'list', 'tree', 'straw', 'straw2']) : choice;
  return crush.bucketAlgFromName(name)!;
}

/** Weights for so many items: equal for uniform buckets, else of all sorts, with some 0. */
function weightsFor(next: Next, alg: number, n: number): number[] {
  const same = 0x1000 + (next() % 0x40000);
  return Array.from({ length: n }, () => {
    if (alg === crush.ALG_UNIFORM || next() % 3 === 0) return same;
    return next() % 8 === 0 ? 0 : 1 + (next() % 0x50000);
  });
}

function addRules(map: crush.CrushMap, next: Next, root: number): void {
  const { RULE_TAKE: take, RULE_EMIT: emit } = crush;
  const firstn = crush.RULE_CHOOSE_FIRSTN;
  const indep = crush.RULE_CHOOSE_INDEP;
  const leafFirstn = crush.RULE_CHOOSELEAF_FIRSTN;
  const leafIndep = crush.RULE_CHOOSELEAF_INDEP;
  const other = map.names.id('rack0') ?? root;
  const rules: [number, number, number][][] = [
    [
      [take, root, 0],
      [leafFirstn, 0, 1],
      [emit, 0, 0],
    ],
    [
      [take, root, 0],
      [firstn, 0, 0],
      [emit, 0, 0],
    ],
    [
      [crush.RULE_SET_CHOOSELEAF_TRIES, 5, 0],
      [crush.RULE_SET_CHOOSE_TRIES, 30, 0],
      [take, root, 0],
      [leafIndep, 0, 1],
      [emit, 0, 0],
    ],
    [
      [take, root, 0],
      [indep, 0, 0],
      [emit, 0, 0],
    ],
    [
      [take, root, 0],
      [firstn, 2, 2],
      [leafFirstn, 2, 1],
      [emit, 0, 0],
    ],
    [
      [take, root, 0],
      [indep, 2, 2],
      [leafIndep, 2, 1],
      [emit, 0, 0],
    ],
    [
      [take, other, 0],
      [leafFirstn, 1, 1],
      [emit, 0, 0],
      [take, root, 0],
      [leafFirstn, -1, 1],
      [emit, 0, 0],
    ],
    [
      [crush.RULE_SET_CHOOSE_LOCAL_TRIES, next() % 4, 0],
      [crush.RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES, next() % 4, 0],
      [crush.RULE_SET_CHOOSELEAF_VARY_R, next() % 5, 0],
      [crush.RULE_SET_CHOOSELEAF_STABLE, next() % 2, 0],
      [take, root, 0],
      [leafFirstn, 0, 2],
      [emit, 0, 0],
    ],
  ];
  for (const steps of rules) {
    const id = crush.addRule(map, {
      ruleset: map.maxRules,
      type: crush.RULE_TYPE_REPLICATED,
      minSize: 1,
      maxSize: 10,
      steps: steps.map(([op, arg1, arg2]) => ({ op, arg1, arg2 })),
    });
    map.ruleNames.set(id, `rule-${id}`);
  }
}

function addChooseArgs(map: crush.CrushMap, next: Next): void {
  const args: crush.CrushChooseArgs = new Map();
  map.buckets.forEach((bucket, index) => {
    if (bucket?.alg !== crush.ALG_STRAW2 || next() % 3 === 0) return;
    const weightSet = Array.from({ length: 1 + (next() % 1) }, () =>
      bucket.items.map(() => (next() % 9 === 0 ? 0 : 1 + (next() % 0x30000))),
    );
    const ids = next() % 2 === 0 ? bucket.items.map(id => id - 1000 - (next() % 50)) : [];
    args.set(index, { weightSet, ids });
  });
  map.chooseArgs.set(crush.DEFAULT_CHOOSE_ARGS, args);
}

/** A map of racks, hosts and devices of all sizes and weights, with a rule of each kind. The same for the same seed. */
export function randomMap(options: RandomMapOptions): crush.CrushMap {
  const next = prng(options.seed);
  // The first numbers of near seeds are near.
  for (let i = 0; i < 8; i++) next();
  const map = new crush.CrushMap();
  crush.setTunables(map.tunables, options.profile);
  map.tunables.strawCalcVersion = next() % 2;
  TYPES.forEach((name, type) => {
    map.types.set(type, name);
  });
  let device = 0;
  const racks: number[] = [];
  const racksWanted = 2 + (next() % 4);
  for (let r = 0; r < racksWanted; r++) {
    const hosts: number[] = [];
    const hostsWanted = 1 + (next() % 5);
    for (let h = 0; h < hostsWanted; h++) {
      const items = Array.from({ length: next() % 12 === 0 ? 0 : 1 + (next() % 7) }, () => device++);
      for (const id of items) {
        map.names.set(id, `osd.${id}`);
        if (options.classes) crush.setItemClass(map, id, pick(next, ['hdd', 'ssd']));
      }
      const alg = algOf(next, options.alg);
      const id = crush.addBucket(map, { alg, type: 1, items, weights: weightsFor(next, alg, items.length) });
      map.names.set(id, `host${r}-${h}`);
      hosts.push(id);
    }
    const alg = algOf(next, options.alg);
    const weights =
      alg === crush.ALG_UNIFORM
        ? weightsFor(next, alg, hosts.length)
        : hosts.map(id => map.bucket(id)!.weight);
    const id = crush.addBucket(map, { alg, type: 2, items: hosts, weights });
    map.names.set(id, `rack${r}`);
    racks.push(id);
  }
  const alg = algOf(next, options.alg);
  const weights =
    alg === crush.ALG_UNIFORM ? weightsFor(next, alg, racks.length) : racks.map(id => map.bucket(id)!.weight);
  const root = crush.addBucket(map, { alg, type: 3, items: racks, weights });
  map.names.set(root, 'default');
  if (options.classes) crush.populateClasses(map, new Map());
  addRules(map, next, root);
  if (map.classes.id('ssd') !== undefined)
    crush.addSimpleRule(map, {
      name: 'ssd-only',
      root: 'default',
      failureDomain: 'host',
      deviceClass: 'ssd',
      mode: 'firstn',
      type: crush.RULE_TYPE_REPLICATED,
    });
  if (options.chooseArgs) addChooseArgs(map, next);
  map.finalize();
  return map;
}
