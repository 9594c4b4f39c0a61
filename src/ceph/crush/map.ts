import type { ALG_LIST, ALG_STRAW, ALG_STRAW2, ALG_TREE, ALG_UNIFORM } from './constants.ts';
import { DEFAULT_CHOOSE_ARGS } from './constants.ts';
import { type CrushTunables, defaultTunables } from './tunables.ts';

interface BucketHead {
  /** Below 0; its place in the map's array is -1-id. */
  id: number;
  /** Type id; 0 is for devices. */
  type: number;
  hash: number;
  /** 16.16 fixed point, as all weights. */
  weight: number;
  /** Devices from 0, buckets below 0. */
  items: number[];
}

export interface UniformBucket extends BucketHead {
  alg: typeof ALG_UNIFORM;
  /** Weight of each item. */
  itemWeight: number;
}

export interface ListBucket extends BucketHead {
  alg: typeof ALG_LIST;
  itemWeights: number[];
  /** Sum of the item weights up to and with this one. */
  sumWeights: number[];
}

export interface TreeBucket extends BucketHead {
  alg: typeof ALG_TREE;
  /** Item i is node 2i+1; a node's weight is the sum of its two below. A power of two many. */
  nodeWeights: number[];
}

export interface StrawBucket extends BucketHead {
  alg: typeof ALG_STRAW;
  itemWeights: number[];
  /** Length scale of each item's straw, 16.16. */
  straws: number[];
}

export interface Straw2Bucket extends BucketHead {
  alg: typeof ALG_STRAW2;
  itemWeights: number[];
}

export type CrushBucket = UniformBucket | ListBucket | TreeBucket | StrawBucket | Straw2Bucket;

export interface CrushStep {
  op: number;
  arg1: number;
  arg2: number;
}

/** struct crush_rule with its mask. */
export interface CrushRule {
  /** Number of the rule in the days when several rules made a set; its own id since. */
  ruleset: number;
  /** RULE_TYPE_*. */
  type: number;
  minSize: number;
  maxSize: number;
  steps: CrushStep[];
}

/** Replacement weights and ids of one straw2 bucket (struct crush_choose_arg). */
export interface CrushChooseArg {
  /** For each position of the result the weights of the bucket's items; the last serves all further positions. */
  weightSet: number[][];
  /** Ids that are hashed instead of the items'; empty for none. */
  ids: number[];
}

/** By bucket index (-1-id). */
export type CrushChooseArgs = Map<number, CrushChooseArg>;

/** The weight of the item at `pos` in the bucket, as crush_get_bucket_item_weight. */
export function bucketItemWeight(bucket: CrushBucket, pos: number): number {
  if (pos < 0 || pos >= bucket.items.length) return 0;
  switch (bucket.alg) {
    case 1:
      return bucket.itemWeight;
    case 3:
      return bucket.nodeWeights[2 * pos + 1] ?? 0;
    default:
      return bucket.itemWeights[pos];
  }
}

/** Keys of a map in ascending order, as std::map iterates. */
export function sortedKeys(map: ReadonlyMap<number, unknown>): number[] {
  return [...map.keys()].sort((a, b) => a - b);
}

/** Two-way names of numbered things. Where two have the same name, the name means the higher number. */
export class NameTable {
  private readonly byId = new Map<number, string>();
  private byName: Map<string, number> | undefined;

  get size(): number {
    return this.byId.size;
  }

  name(id: number): string | undefined {
    return this.byId.get(id);
  }

  has(id: number): boolean {
    return this.byId.has(id);
  }

  id(name: string): number | undefined {
    if (this.byName === undefined) {
      this.byName = new Map();
      for (const id of sortedKeys(this.byId)) this.byName.set(this.byId.get(id)!, id);
    }
    return this.byName.get(name);
  }

  set(id: number, name: string): void {
    const old = this.byId.get(id);
    this.byId.set(id, name);
    if (old !== undefined && old !== name) this.byName = undefined;
    else this.byName?.set(name, id);
  }

  delete(id: number): boolean {
    this.byName = undefined;
    return this.byId.delete(id);
  }

  clear(): void {
    this.byName = undefined;
    this.byId.clear();
  }

  /** Ids in ascending order. */
  ids(): number[] {
    return sortedKeys(this.byId);
  }
}

/** A CRUSH map with its names, device classes and choose_args (CrushWrapper). */
export class CrushMap {
  /** The bucket with id -1-i at i. Its length is max_buckets. */
  buckets: (CrushBucket | undefined)[] = [];
  /** Its length is max_rules. */
  rules: (CrushRule | undefined)[] = [];
  /** One more than the highest device. */
  maxDevices = 0;
  tunables: CrushTunables = defaultTunables();
  /** Tunables of multi-step retry rules, of a map by squid or newer. */
  msr: { descents: number; collisionTries: number } | undefined;
  readonly types = new NameTable();
  readonly names = new NameTable();
  readonly ruleNames = new NameTable();
  /** Device -> class id. */
  readonly classOf = new Map<number, number>();
  readonly classes = new NameTable();
  /** Bucket id -> class id -> id of the shadow bucket that holds only that class. */
  readonly classBuckets = new Map<number, Map<number, number>>();
  /** By pool id; DEFAULT_CHOOSE_ARGS for all others. */
  readonly chooseArgs = new Map<number, CrushChooseArgs>();

  get maxBuckets(): number {
    return this.buckets.length;
  }

  get maxRules(): number {
    return this.rules.length;
  }

  bucket(id: number): CrushBucket | undefined {
    return id < 0 ? this.buckets[-1 - id] : undefined;
  }

  /** Recomputes max_devices, as after every change (CrushWrapper::finalize). */
  finalize(): void {
    let max = 0;
    for (const bucket of this.buckets) {
      if (bucket === undefined) continue;
      for (const item of bucket.items) if (item >= max) max = item + 1;
    }
    for (const id of this.names.ids()) if (id >= max) max = id + 1;
    this.maxDevices = max;
  }

  /** The choose_args that serve a pool: its own, else the default ones, else none. */
  chooseArgsFor(pool: number): CrushChooseArgs | undefined {
    return this.chooseArgs.get(pool) ?? this.chooseArgs.get(DEFAULT_CHOOSE_ARGS);
  }

  /** Name of a device's class; undefined when it has none. */
  itemClass(item: number): string | undefined {
    const id = this.classOf.get(item);
    return id === undefined ? undefined : this.classes.name(id);
  }
}
