import { NacreError } from '../../base/errors.ts';
import { makeBucket } from './buckets.ts';
import { rebuildRootsWithClasses } from './classes.ts';
import { chooseArgsPositions, updateChooseArgs } from './codec.ts';
import {
  ALG_LIST,
  ALG_STRAW,
  ALG_STRAW2,
  ALG_TREE,
  ALG_UNIFORM,
  type BucketAlg,
  HASH_RJENKINS1,
  RULE_TAKE,
} from './constants.ts';
import {
  type CrushLocation,
  eachBucket,
  immediateParent,
  isValidLocation,
  itemIsHeld,
  itemWeight,
  locationText,
  subtreeContains,
  weightAtLocation,
} from './location.ts';
import { bucketItemWeight, type CrushMap } from './map.ts';
import { isValidCrushName, setItemName, splitIdClass } from './names.ts';
import { placeBucket } from './place-bucket.ts';
import {
  adjustItemWeight,
  adjustItemWeightInBucket,
  adjustItemWeightInLoc,
  bucketAddItem,
  bucketRemoveItem,
  weightFromFloat,
} from './weights.ts';

/*
 * Changing the hierarchy (CrushWrapper's insert_item, move_bucket and their kin).
 */

/** The kind for new buckets: the best that allowed_bucket_algs admits. */
export function defaultBucketAlg(map: CrushMap): BucketAlg {
  const allowed = map.tunables.allowedBucketAlgs;
  for (const alg of [ALG_STRAW2, ALG_STRAW, ALG_TREE, ALG_LIST, ALG_UNIFORM] as const)
    if ((allowed & (1 << alg)) !== 0) return alg;
  throw new NacreError('EINVAL', 'crush.add_bucket', 'allowed_bucket_algs admits no kind of bucket');
}

export interface NewBucket {
  /** 0 for the next free one. */
  readonly id?: number;
  /** undefined for the best that is allowed. */
  readonly alg?: BucketAlg;
  readonly hash?: number;
  readonly type: number;
  readonly items?: readonly number[];
  /** 16.16 fixed point, one an item. */
  readonly weights?: readonly number[];
}

/**
 * Adds a bucket with its items; it has no name yet.
 * @returns its id
 * @throws NacreError EEXIST, EINVAL, ENOSPC, ERANGE
 */
export function addBucket(map: CrushMap, bucket: NewBucket): number {
  const alg = bucket.alg ?? defaultBucketAlg(map);
  const items = bucket.items ?? [];
  const weights = bucket.weights ?? [];
  const made = makeBucket(map, alg, bucket.hash ?? HASH_RJENKINS1, bucket.type, items, weights);
  const id = placeBucket(map, bucket.id ?? 0, made);
  if (items.length > 0)
    for (const args of map.chooseArgs.values()) {
      const positions = chooseArgsPositions(args);
      args.set(-1 - id, { weightSet: Array.from({ length: positions }, () => [...weights]), ids: [] });
    }
  return id;
}

function refuse(code: string, message: string): never {
  throw new NacreError(code, 'crush.insert_item', message);
}

/** Goes up the types; adds the item to the first bucket of the location that exists and makes those below it. */
function linkIntoLocation(map: CrushMap, item: number, loc: CrushLocation): void {
  let current = item;
  for (const type of map.types.ids()) {
    if (type === 0) continue;
    const name = loc.get(map.types.name(type)!);
    if (name === undefined) continue;
    const id = map.names.id(name);
    if (id === undefined) {
      current = addBucket(map, { type, items: [current], weights: [0] });
      setItemName(map, current, name);
      continue;
    }
    const bucket = map.bucket(id);
    if (bucket === undefined) refuse('EINVAL', `${name} is no bucket`);
    if (subtreeContains(map, id, current)) refuse('EINVAL', `item ${current} is beneath ${name} already`);
    if (bucket.type !== type)
      refuse(
        'EINVAL',
        `${name} is a ${map.types.name(bucket.type) ?? bucket.type}, not a ${map.types.name(type)}`,
      );
    if (subtreeContains(map, current, id)) refuse('ELOOP', `item ${current} contains ${name}`);
    bucketAddItem(map, bucket, current, 0);
    return;
  }
}

/**
 * Adds an item at a place in the hierarchy; buckets that the location names and that do not exist are made below
 * the first that does.
 * @param weight - as a plain number, 1 for 0x10000
 * @param initWeightSets - whether weight sets get the weight too, instead of 0
 * @throws NacreError EINVAL, EEXIST (the name is another item's), ELOOP, EOVERFLOW
 */
export function insertItem(
  map: CrushMap,
  item: number,
  weight: number,
  name: string,
  loc: CrushLocation,
  initWeightSets = true,
): void {
  if (!isValidCrushName(name)) refuse('EINVAL', `'${name}' cannot be the name of an item`);
  if (!isValidLocation(loc)) refuse('EINVAL', `${locationText(loc)} has a name that no bucket may have`);
  const fixed = weightFromFloat(weight);
  const known = map.names.id(name);
  if (known === undefined) setItemName(map, item, name);
  else if (known !== item) refuse('EEXIST', `${name} is the name of item ${known}`);
  linkIntoLocation(map, item, loc);
  if (adjustItemWeightInLoc(map, item, fixed, loc, item >= 0 && initWeightSets) === 0)
    refuse('EINVAL', `nowhere to add item ${item} at ${locationText(loc)}`);
  if (item >= map.maxDevices) map.maxDevices = item + 1;
  rebuildRootsWithClasses(map);
}

/** Takes a bucket out of the one around it; its weight. */
function detachBucket(map: CrushMap, id: number): number {
  const weight = map.bucket(id)!.weight;
  const parent = immediateParent(map, id);
  if (parent !== undefined) {
    adjustItemWeightInBucket(map, id, 0, parent, true);
    bucketRemoveItem(map, parent, id);
  }
  return weight;
}

/**
 * Moves a bucket with all below it to another place.
 * @throws NacreError EINVAL for a device, ENOENT, and as insertItem
 */
export function moveBucket(map: CrushMap, id: number, loc: CrushLocation): void {
  const name = map.names.name(id);
  if (id >= 0) throw new NacreError('EINVAL', 'crush.move_bucket', `item ${id} is a device`);
  if (name === undefined || map.bucket(id) === undefined)
    throw new NacreError('ENOENT', 'crush.move_bucket', `no bucket ${id}`);
  const weight = Math.fround(detachBucket(map, id)) / 0x10000;
  insertItem(map, id, weight, name, loc, false);
}

/**
 * Puts a bucket at a second place too.
 * @throws NacreError as moveBucket
 */
export function linkBucket(map: CrushMap, id: number, loc: CrushLocation): void {
  const name = map.names.name(id);
  const bucket = map.bucket(id);
  if (id >= 0) throw new NacreError('EINVAL', 'crush.link_bucket', `item ${id} is a device`);
  if (name === undefined || bucket === undefined)
    throw new NacreError('ENOENT', 'crush.link_bucket', `no bucket ${id}`);
  insertItem(map, id, Math.fround(bucket.weight) / 0x10000, name, loc);
}

/**
 * Exchanges the contents and the names of two buckets; ids stay, so that rules follow the place.
 * @throws NacreError EINVAL when one is missing or above the other
 */
export function swapBucket(map: CrushMap, a: number, b: number): void {
  const first = map.bucket(a);
  const second = map.bucket(b);
  const firstName = map.names.name(a);
  const secondName = map.names.name(b);
  if (first === undefined || second === undefined || firstName === undefined || secondName === undefined)
    throw new NacreError('EINVAL', 'crush.swap_bucket', `${a} and ${b} are not both buckets`);
  if (subtreeContains(map, a, b) || subtreeContains(map, b, a))
    throw new NacreError(
      'EINVAL',
      'crush.swap_bucket',
      `one of ${firstName} and ${secondName} is above the other`,
    );
  const firstWeight = first.weight;
  const secondWeight = second.weight;
  adjustItemWeight(map, a, secondWeight);
  adjustItemWeight(map, b, firstWeight);
  const moved = new Map<number, number>();
  while (first.items.length > 0) {
    const [item] = first.items;
    moved.set(item, bucketItemWeight(first, 0));
    bucketRemoveItem(map, first, item);
  }
  while (second.items.length > 0) {
    const [item] = second.items;
    const weight = bucketItemWeight(second, 0);
    bucketRemoveItem(map, second, item);
    bucketAddItem(map, first, item, weight);
  }
  for (const [item, weight] of [...moved].sort(([x], [y]) => x - y)) bucketAddItem(map, second, item, weight);
  map.names.set(a, secondName);
  map.names.set(b, firstName);
  rebuildRootsWithClasses(map);
}

/**
 * Makes sure that an item is at a place; one that exists keeps its weight.
 * @returns whether anything changed
 */
export function createOrMoveItem(
  map: CrushMap,
  item: number,
  weight: number,
  name: string,
  loc: CrushLocation,
  initWeightSets = true,
): boolean {
  if (!isValidCrushName(name)) refuse('EINVAL', `'${name}' cannot be the name of an item`);
  if (weightAtLocation(map, item, loc) !== undefined) return false;
  let placed = weight;
  if (itemIsHeld(map, item)) {
    placed = Math.fround(itemWeight(map, item)!) / 0x10000;
    removeItem(map, item, true);
  }
  insertItem(map, item, placed, name, loc, item >= 0 && initWeightSets);
  return true;
}

/**
 * Makes sure that an item is at a place with a weight and a name, from wherever it was.
 * @returns whether anything changed
 */
export function updateItem(
  map: CrushMap,
  item: number,
  weight: number,
  name: string,
  loc: CrushLocation,
): boolean {
  if (!isValidCrushName(name)) refuse('EINVAL', `'${name}' cannot be the name of an item`);
  if (!isValidLocation(loc)) refuse('EINVAL', `${locationText(loc)} has a name that no bucket may have`);
  const fixed = weightFromFloat(weight);
  const old = weightAtLocation(map, item, loc);
  if (old === undefined) {
    if (map.names.has(item)) removeItem(map, item, true);
    insertItem(map, item, weight, name, loc);
    return true;
  }
  let changed = false;
  if (old !== fixed) {
    adjustItemWeightInLoc(map, item, fixed, loc);
    rebuildRootsWithClasses(map);
    changed = true;
  }
  if (map.names.name(item) !== name) {
    setItemName(map, item, name);
    changed = true;
  }
  return changed;
}

/** Whether a rule takes the bucket or a class of it, or it is the shadow of one. */
function bucketIsInUse(map: CrushMap, id: number): boolean {
  for (const shadows of map.classBuckets.values())
    for (const shadow of shadows.values()) if (shadow === id) return true;
  for (const rule of map.rules)
    for (const step of rule?.steps ?? []) {
      if (step.op !== RULE_TAKE) continue;
      let original: number;
      try {
        original = splitIdClass(map, step.arg1).id;
      } catch {
        return false;
      }
      if (step.arg1 === id || original === id) return true;
    }
  return false;
}

/** Forgets an item that no bucket holds any more. */
function removeLastInstance(map: CrushMap, item: number, unlinkOnly: boolean): boolean {
  if (itemIsHeld(map, item)) return false;
  if (item < 0 && bucketIsInUse(map, item)) return false;
  if (item < 0 && !unlinkOnly) {
    map.buckets[-1 - item] = undefined;
    map.classBuckets.delete(item);
    map.classOf.delete(item);
    updateChooseArgs(map);
  }
  if ((item >= 0 || !unlinkOnly) && map.names.has(item)) {
    map.names.delete(item);
    if (item >= 0 && !unlinkOnly) map.classOf.delete(item);
  }
  rebuildRootsWithClasses(map);
  return true;
}

/**
 * Takes an item out of all buckets and forgets it.
 * @param unlinkOnly - a bucket stays in the map, outside the hierarchy
 * @throws NacreError ENOENT, ENOTEMPTY (a bucket with items), EBUSY (a rule takes it)
 */
export function removeItem(map: CrushMap, item: number, unlinkOnly = false): void {
  if (item < 0 && !unlinkOnly) {
    const bucket = map.bucket(item);
    if (bucket === undefined) throw new NacreError('ENOENT', 'crush.remove_item', `no bucket ${item}`);
    if (bucket.items.length > 0)
      throw new NacreError(
        'ENOTEMPTY',
        'crush.remove_item',
        `bucket ${item} has ${bucket.items.length} items`,
      );
    if (bucketIsInUse(map, item))
      throw new NacreError('EBUSY', 'crush.remove_item', `bucket ${item} is in use by a rule`);
  }
  let found = false;
  for (const bucket of eachBucket(map))
    for (let i = 0; i < bucket.items.length; i++) {
      if (bucket.items[i] !== item) continue;
      adjustItemWeightInBucket(map, item, 0, bucket, true);
      bucketRemoveItem(map, bucket, item);
      found = true;
    }
  if (!removeLastInstance(map, item, unlinkOnly) && !found)
    throw new NacreError('ENOENT', 'crush.remove_item', `item ${item} is in no bucket`);
}
