import { NacreError } from '../../base/errors.ts';
import { ALG_LIST, ALG_STRAW, ALG_STRAW2, ALG_TREE, ALG_UNIFORM, type BucketAlg } from './constants.ts';
import type { CrushBucket, CrushMap, ListBucket, StrawBucket, TreeBucket } from './map.ts';
import { exactPow } from './pow.ts';

/*
 * Making and changing single buckets (crush/builder.c). Weights are u32 in 16.16 fixed point and wrap as there.
 */

const U32 = 0x1_0000_0000;

function addChecked(sum: number, weight: number): number {
  if (sum + weight >= U32) throw new NacreError('ERANGE', 'crush.bucket', 'weights of the items overflow');
  return sum + weight;
}

// Tree buckets: nodes are numbered in order, leaves are the odd ones, item i is leaf 2i + 1.

function treeParent(node: number): number {
  const unit = node & -node;
  return (node & (unit << 1)) !== 0 ? node - unit : node + unit;
}

/** Levels of a tree for so many items. */
function treeDepth(size: number): number {
  return size === 0 ? 0 : 33 - Math.clz32(size - 1);
}

function checkTreeSize(size: number): void {
  // The format counts the nodes in eight bits.
  if (treeDepth(size) > 7)
    throw new NacreError('ERANGE', 'crush.bucket', `a tree bucket cannot hold ${size} items, 64 at most`);
}

/** The straw lengths of the weights, by tunable straw_calc_version (crush_calc_straw). */
function calcStraws(map: CrushMap, bucket: StrawBucket): void {
  const { itemWeights: weights } = bucket;
  const size = bucket.items.length;
  const legacy = map.tunables.strawCalcVersion === 0;
  const order = weights.map((_, i) => i).sort((a, b) => weights[a] - weights[b]);
  const straws: number[] = new Array(size).fill(0);
  bucket.straws = straws;
  let left = size;
  let straw = 1;
  let below = 0;
  let last = 0;
  let i = 0;
  while (i < size) {
    const weight = weights[order[i]];
    if (weight === 0) {
      i++;
      if (!legacy) left--;
      continue;
    }
    straws[order[i]] = Math.trunc(straw * 0x10000) >>> 0;
    i++;
    if (i === size) break;
    const next = weights[order[i]];
    if (legacy && next === weight) continue;
    below += (weight - last) * left;
    if (legacy) for (let j = i; j < size && weights[order[j]] === next; j++) left--;
    else left--;
    const above = Math.imul(left, next - weight) >>> 0;
    straw *= exactPow(1 / (below / (below + above)), 1 / left);
    last = weight;
  }
}

/**
 * A bucket of the given items (crush_make_bucket). It is in no map yet and its id is 0.
 * @throws NacreError EINVAL, ERANGE when the kind cannot hold the items or the weights overflow
 */
export function makeBucket(
  map: CrushMap,
  alg: BucketAlg,
  hash: number,
  type: number,
  items: readonly number[],
  weights: readonly number[],
): CrushBucket {
  const head = { id: 0, type: type & 0xffff, hash: hash & 0xff, weight: 0, items: [...items] };
  const size = items.length;
  let sum = 0;
  for (const weight of weights) sum += weight;
  switch (alg) {
    case ALG_UNIFORM: {
      const itemWeight = size > 0 ? weights[0] : 0;
      if (size > 0 && itemWeight === 0)
        throw new NacreError('EINVAL', 'crush.bucket', 'the items of a uniform bucket need a weight');
      if (size * itemWeight >= U32)
        throw new NacreError('ERANGE', 'crush.bucket', 'weights of the items overflow');
      return { ...head, alg, itemWeight, weight: size * itemWeight };
    }
    case ALG_LIST: {
      const bucket: ListBucket = { ...head, alg, itemWeights: [...weights], sumWeights: [] };
      for (const weight of weights) {
        bucket.weight = addChecked(bucket.weight, weight);
        bucket.sumWeights.push(bucket.weight);
      }
      return bucket;
    }
    case ALG_TREE: {
      checkTreeSize(size);
      const bucket: TreeBucket = { ...head, alg, nodeWeights: [], items: [] };
      for (let i = 0; i < size; i++) addTreeItem(bucket, items[i], weights[i]);
      return bucket;
    }
    case ALG_STRAW: {
      const bucket: StrawBucket = { ...head, alg, itemWeights: [...weights], straws: [], weight: sum >>> 0 };
      calcStraws(map, bucket);
      return bucket;
    }
    case ALG_STRAW2:
      return { ...head, alg, itemWeights: [...weights], weight: sum >>> 0 };
  }
}

function addTreeItem(bucket: TreeBucket, item: number, weight: number): void {
  const size = bucket.items.length + 1;
  checkTreeSize(size);
  const depth = treeDepth(size);
  const nodes = bucket.nodeWeights;
  while (nodes.length < 1 << depth) nodes.push(0);
  let node = 2 * size - 1;
  const root = nodes.length >> 1;
  // The first item of a new right half: the root takes over what the old root had.
  if (depth >= 2 && node - 1 === root) nodes[root] = nodes[root >> 1];
  const total = addChecked(bucket.weight, weight);
  nodes[node] = weight;
  for (let j = 1; j < depth; j++) {
    node = treeParent(node);
    nodes[node] = addChecked(nodes[node], weight);
  }
  bucket.items.push(item);
  bucket.weight = total;
}

/**
 * Appends an item (crush_bucket_add_item).
 * @throws NacreError EINVAL for another weight than the other items of a uniform bucket, ERANGE on overflow
 */
export function addBucketItem(map: CrushMap, bucket: CrushBucket, item: number, weight: number): void {
  if (bucket.alg === ALG_TREE) {
    addTreeItem(bucket, item, weight);
    return;
  }
  if (bucket.alg === ALG_UNIFORM && bucket.itemWeight !== weight)
    throw new NacreError(
      'EINVAL',
      'crush.bucket',
      `item ${item} of weight ${weight} in uniform bucket ${bucket.id} with items of ${bucket.itemWeight}`,
    );
  const total = addChecked(bucket.weight, weight);
  bucket.items.push(item);
  bucket.weight = total;
  if (bucket.alg === ALG_UNIFORM) return;
  bucket.itemWeights.push(weight);
  if (bucket.alg === ALG_LIST) bucket.sumWeights.push(((bucket.sumWeights.at(-1) ?? 0) + weight) >>> 0);
  else if (bucket.alg === ALG_STRAW) calcStraws(map, bucket);
}

/**
 * Takes an item out (crush_bucket_remove_item).
 * @throws NacreError ENOENT
 */
export function removeBucketItem(map: CrushMap, bucket: CrushBucket, item: number): void {
  const at = bucket.items.indexOf(item);
  if (at < 0) throw new NacreError('ENOENT', 'crush.bucket', `item ${item} is not in bucket ${bucket.id}`);
  if (bucket.alg === ALG_TREE) {
    removeTreeItem(bucket, at);
    return;
  }
  const weight = bucket.alg === ALG_UNIFORM ? bucket.itemWeight : bucket.itemWeights[at];
  bucket.items.splice(at, 1);
  bucket.weight = weight < bucket.weight ? bucket.weight - weight : 0;
  if (bucket.alg === ALG_UNIFORM) return;
  bucket.itemWeights.splice(at, 1);
  if (bucket.alg === ALG_LIST) {
    bucket.sumWeights.splice(at, 1);
    for (let i = at; i < bucket.sumWeights.length; i++)
      bucket.sumWeights[i] = (bucket.sumWeights[i] - weight) >>> 0;
  } else if (bucket.alg === ALG_STRAW) {
    bucket.straws.splice(at, 1);
    if (bucket.items.length > 0) calcStraws(map, bucket);
  }
}

/** The place stays as item 0 without weight, unless it is at the end: other items must not change theirs. */
function removeTreeItem(bucket: TreeBucket, at: number): void {
  const nodes = bucket.nodeWeights;
  const depth = treeDepth(bucket.items.length);
  bucket.items[at] = 0;
  let node = 2 * at + 1;
  const weight = nodes[node];
  nodes[node] = 0;
  for (let j = 1; j < depth; j++) {
    node = treeParent(node);
    nodes[node] = (nodes[node] - weight) >>> 0;
  }
  bucket.weight = weight < bucket.weight ? bucket.weight - weight : 0;
  let size = bucket.items.length;
  while (size > 0 && nodes[2 * size - 1] === 0) size--;
  bucket.items.length = size;
  nodes.length = Math.min(nodes.length, 1 << treeDepth(size));
}

/**
 * Gives an item another weight (crush_bucket_adjust_item_weight). In a uniform bucket all items get it.
 * @returns by how much the bucket's weight changed
 */
export function adjustBucketItemWeight(
  map: CrushMap,
  bucket: CrushBucket,
  item: number,
  weight: number,
): number {
  if (bucket.alg === ALG_UNIFORM) {
    const diff = Math.imul(weight - bucket.itemWeight, bucket.items.length);
    bucket.itemWeight = weight;
    bucket.weight = Math.imul(weight, bucket.items.length) >>> 0;
    return diff;
  }
  const at = bucket.items.indexOf(item);
  if (at < 0) return 0;
  const old = bucket.alg === ALG_TREE ? bucket.nodeWeights[2 * at + 1] : bucket.itemWeights[at];
  const diff = (weight - old) | 0;
  bucket.weight = (bucket.weight + diff) >>> 0;
  if (bucket.alg === ALG_TREE) {
    let node = 2 * at + 1;
    bucket.nodeWeights[node] = weight;
    for (let j = 1; j < treeDepth(bucket.items.length); j++) {
      node = treeParent(node);
      bucket.nodeWeights[node] = (bucket.nodeWeights[node] + diff) >>> 0;
    }
    return diff;
  }
  bucket.itemWeights[at] = weight;
  if (bucket.alg === ALG_LIST)
    for (let i = at; i < bucket.sumWeights.length; i++)
      bucket.sumWeights[i] = (bucket.sumWeights[i] + diff) >>> 0;
  else if (bucket.alg === ALG_STRAW) calcStraws(map, bucket);
  return diff;
}

/**
 * Recomputes a bucket's weight from its items, those of buckets below first (crush_reweight_bucket). A list's
 * sums and a tree's inner nodes stay as they were: so it is in Ceph, and every cluster's placements with it.
 */
export function reweightBucket(map: CrushMap, bucket: CrushBucket, path: readonly number[] = []): void {
  if (path.includes(bucket.id))
    throw new NacreError('ELOOP', 'crush.reweight', `bucket ${bucket.id} contains itself`);
  const below = [...path, bucket.id];
  const { items } = bucket;
  let sum = 0;
  let buckets = 0;
  for (let i = 0; i < items.length; i++) {
    let weight: number | undefined;
    if (items[i] < 0) {
      const child = map.bucket(items[i]);
      if (child === undefined)
        throw new NacreError(
          'ENOENT',
          'crush.reweight',
          `bucket ${bucket.id} has item ${items[i]}, which is not`,
        );
      reweightBucket(map, child, below);
      weight = child.weight;
      buckets++;
    }
    if (bucket.alg === ALG_UNIFORM) {
      sum = addChecked(sum, weight ?? 0);
    } else if (bucket.alg === ALG_TREE) {
      if (weight !== undefined) bucket.nodeWeights[2 * i + 1] = weight;
      sum = addChecked(sum, bucket.nodeWeights[2 * i + 1]);
    } else {
      if (weight !== undefined) bucket.itemWeights[i] = weight;
      sum = addChecked(sum, bucket.itemWeights[i]);
    }
  }
  if (bucket.alg === ALG_UNIFORM) {
    if (buckets > items.length - buckets) bucket.itemWeight = Math.floor(sum / buckets);
    bucket.weight = Math.imul(bucket.itemWeight, items.length) >>> 0;
    return;
  }
  bucket.weight = sum;
  if (bucket.alg === ALG_STRAW) calcStraws(map, bucket);
}
