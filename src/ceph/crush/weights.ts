import { NacreError } from '../../base/errors.ts';
import { addBucketItem, adjustBucketItemWeight, removeBucketItem, reweightBucket } from './buckets.ts';
import { rebuildRootsWithClasses } from './classes.ts';
import { chooseArgsPositions } from './codec.ts';
import { type CrushLocation, eachBucket, findRoots } from './location.ts';
import {
  bucketItemWeight,
  type CrushBucket,
  type CrushChooseArg,
  type CrushChooseArgs,
  type CrushMap,
  sortedKeys,
} from './map.ts';

/*
 * Weights of items, up through all buckets around them, and the weight sets of choose_args alongside.
 */

/**
 * A weight as 16.16 fixed point, through 32 bits of precision as Ceph computes it.
 * @throws NacreError EOVERFLOW for weights of 32768 and more and for negative ones
 */
export function weightFromFloat(weight: number): number {
  const fixed = Math.trunc(Math.fround(weight) * 0x10000);
  if (!(fixed >= 0 && fixed <= 0x7fffffff))
    throw new NacreError('EOVERFLOW', 'crush.weight', `${weight} is no weight of an item`);
  return fixed;
}

/** The choose_args of one bucket in all pools that have some. */
function* argsOf(map: CrushMap, bucket: CrushBucket): Generator<CrushChooseArg> {
  for (const pool of sortedKeys(map.chooseArgs)) {
    const arg = map.chooseArgs.get(pool)!.get(-1 - bucket.id);
    if (arg !== undefined) yield arg;
  }
}

/** Appends an item to a bucket and to its weight sets. */
export function bucketAddItem(map: CrushMap, bucket: CrushBucket, item: number, weight: number): void {
  addBucketItem(map, bucket, item, weight);
  for (const arg of argsOf(map, bucket)) {
    for (const weights of arg.weightSet) weights.push(weight);
    if (arg.ids.length > 0) arg.ids.push(item);
  }
}

/** Takes an item out of a bucket and of its weight sets. */
export function bucketRemoveItem(map: CrushMap, bucket: CrushBucket, item: number): void {
  const at = bucket.items.indexOf(item);
  removeBucketItem(map, bucket, item);
  for (const arg of argsOf(map, bucket)) {
    for (const weights of arg.weightSet) weights.splice(at, 1);
    if (arg.ids.length > 0) arg.ids.splice(at, 1);
  }
}

function sumOfSets(arg: CrushChooseArg, size: number): number[] {
  return arg.weightSet.map(weights => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum = (sum + weights[i]) | 0;
    return sum;
  });
}

/**
 * Sets an item's weights in the weight sets of one bucket. A bucket without weight sets gets some, equal to its
 * weights, so that the tree stays whole.
 */
function adjustArgsInBucket(
  map: CrushMap,
  args: CrushChooseArgs,
  bucket: CrushBucket,
  item: number,
  weights: readonly number[],
): boolean {
  let changed = false;
  let arg = args.get(-1 - bucket.id);
  if (arg === undefined || arg.weightSet.length === 0) {
    const own = bucket.items.map((_, i) => bucketItemWeight(bucket, i));
    const positions = chooseArgsPositions(args);
    const weightSet = Array.from({ length: positions }, () => [...own]);
    arg = { weightSet, ids: arg?.ids ?? [] };
    args.set(-1 - bucket.id, arg);
    changed = true;
  }
  if (arg.weightSet.length !== weights.length) return false;
  bucket.items.forEach((id, i) => {
    if (id !== item) return;
    for (let j = 0; j < weights.length; j++) arg.weightSet[j][i] = weights[j] >>> 0;
    changed = true;
  });
  if (changed) adjustArgsItemWeight(map, args, bucket.id, sumOfSets(arg, bucket.items.length));
  return changed;
}

/**
 * Sets an item's weights, one a position, in one pool's choose_args, and the sums in the buckets around it
 * (CrushWrapper::choose_args_adjust_item_weight).
 * @returns whether some bucket has the item
 */
export function adjustArgsItemWeight(
  map: CrushMap,
  args: CrushChooseArgs,
  item: number,
  weights: readonly number[],
): boolean {
  let changed = false;
  for (const bucket of eachBucket(map))
    if (adjustArgsInBucket(map, args, bucket, item, weights)) changed = true;
  return changed;
}

/**
 * Gives an item another weight in one bucket and that bucket its new weight in those around it.
 * @param weightSets - whether the item's weight in weight sets becomes the same
 * @returns whether the bucket has the item
 */
export function adjustItemWeightInBucket(
  map: CrushMap,
  item: number,
  weight: number,
  bucket: CrushBucket,
  weightSets: boolean,
): boolean {
  let changed = false;
  bucket.items.forEach((id, i) => {
    if (id !== item) return;
    if (weightSets) {
      const first = bucket.items.indexOf(item);
      for (const arg of argsOf(map, bucket)) for (const weights of arg.weightSet) weights[first] = weight;
    }
    adjustBucketItemWeight(map, bucket, bucket.items[i], weight);
    adjustItemWeight(map, bucket.id, bucket.weight, false);
    changed = true;
  });
  for (const pool of sortedKeys(map.chooseArgs)) {
    const args = map.chooseArgs.get(pool)!;
    const arg = args.get(-1 - bucket.id);
    if (arg === undefined || arg.weightSet.length === 0) continue;
    adjustArgsItemWeight(map, args, bucket.id, sumOfSets(arg, bucket.items.length));
  }
  return changed;
}

/**
 * Gives an item another weight wherever it is (CrushWrapper::adjust_item_weight).
 * @returns in how many buckets it is
 */
export function adjustItemWeight(map: CrushMap, item: number, weight: number, weightSets = true): number {
  let changed = 0;
  for (const bucket of eachBucket(map))
    if (adjustItemWeightInBucket(map, item, weight, bucket, weightSets)) changed++;
  return changed;
}

/** The same in the buckets that a location names. */
export function adjustItemWeightInLoc(
  map: CrushMap,
  item: number,
  weight: number,
  loc: CrushLocation,
  weightSets = true,
): number {
  let changed = 0;
  for (const type of [...loc.keys()].sort()) {
    const id = map.names.id(loc.get(type)!);
    const bucket = id === undefined ? undefined : map.bucket(id);
    if (bucket !== undefined && adjustItemWeightInBucket(map, item, weight, bucket, weightSets)) changed++;
  }
  return changed;
}

/** Gives every device below a bucket the same weight; how many there are. */
export function adjustSubtreeWeight(map: CrushMap, id: number, weight: number, weightSets = true): number {
  const root = map.bucket(id);
  if (root === undefined) throw new NacreError('ENOENT', 'crush.adjust_subtree_weight', `no bucket ${id}`);
  let changed = 0;
  const queue = [root];
  const seen = new Set<number>();
  for (let bucket = queue.shift(); bucket !== undefined; bucket = queue.shift()) {
    if (seen.has(bucket.id)) continue;
    seen.add(bucket.id);
    for (const item of bucket.items) {
      const child = map.bucket(item);
      if (item < 0) {
        if (child !== undefined) queue.push(child);
        continue;
      }
      adjustItemWeightInBucket(map, item, weight, bucket, weightSets);
      changed++;
    }
  }
  rebuildRootsWithClasses(map);
  return changed;
}

/** Sums of a bucket's first weight set for each of its positions; the sets of buckets below first. */
function reweightArgs(map: CrushMap, args: CrushChooseArgs, bucket: CrushBucket): number[] {
  const arg = args.get(-1 - bucket.id);
  const sums: number[] = new Array(arg?.weightSet.length ?? 0).fill(0);
  bucket.items.forEach((item, i) => {
    const child = item < 0 ? map.bucket(item) : undefined;
    const below = child === undefined ? undefined : reweightArgs(map, args, child);
    for (let position = 0; position < sums.length; position++) {
      // All positions read and write the first set: that is what reweighting has always done.
      const [weights] = arg!.weightSet;
      if (below !== undefined) weights[i] = below[position] ?? 0;
      sums[position] = (sums[position] + weights[i]) >>> 0;
    }
  });
  return sums;
}

/** Recomputes the weights of all buckets from their items (crushtool --reweight). */
export function reweight(map: CrushMap): void {
  for (const root of findRoots(map, 'nonshadow')) {
    const bucket = map.bucket(root)!;
    reweightBucket(map, bucket);
    for (const pool of sortedKeys(map.chooseArgs)) reweightArgs(map, map.chooseArgs.get(pool)!, bucket);
  }
  rebuildRootsWithClasses(map);
}
