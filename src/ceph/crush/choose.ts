import { ALG_LIST, ALG_STRAW, ALG_STRAW2, ALG_TREE, ALG_UNIFORM, HASH_RJENKINS1 } from './constants.ts';
import { DrawIds, drawAll, prepareDraws } from './draw.ts';
import { hash32_3, hash32_4 } from './hash.ts';
import { negLnTable } from './ln.ts';
import type { CrushBucket, CrushChooseArg } from './map.ts';

/*
 * Which item of a bucket a draw takes: crush_bucket_choose and what it calls (crush/mapper.c), on buckets
 * turned into typed arrays. Results are positions in the bucket's items.
 */

/** Weights and ids that replace a straw2 bucket's own. */
export interface MapperChooseArg {
  /** By position; empty when the bucket's weights hold. */
  readonly weights: readonly Float64Array[];
  readonly ids: DrawIds | undefined;
}

/** A bucket laid out for choosing. */
export class MapperBucket {
  readonly id: number;
  readonly alg: number;
  readonly type: number;
  readonly size: number;
  readonly items: Int32Array;
  /** Type of each item: 0 for devices, BAD_ITEM for what is not in the map. */
  readonly itemTypes: Int32Array;
  /** The bucket that each item is. */
  readonly below: (MapperBucket | undefined)[] = [];
  /** The items for drawing. */
  readonly ids: DrawIds;
  /** Item weights; a tree's node weights. */
  readonly weights: Float64Array;
  /** A list's sums, a straw bucket's straws. */
  readonly scales: Float64Array;
  /** Draws nothing from hashes when the hash is not one that we know, as crush_hash32_x gives 0 then. */
  readonly hashed: boolean;
  /** Place in the permutation's cache: the input it is for, how much of it is known (struct crush_work_bucket). */
  permX = 0;
  permN = 0;
  perm: Uint32Array | undefined;

  constructor(bucket: CrushBucket) {
    this.id = bucket.id;
    this.alg = bucket.alg;
    this.type = bucket.type;
    this.size = bucket.items.length;
    this.ids = new DrawIds(bucket.items);
    this.items = this.ids.list;
    this.itemTypes = new Int32Array(this.size);
    this.hashed = bucket.hash === HASH_RJENKINS1;
    this.scales = new Float64Array(0);
    if (bucket.alg === ALG_STRAW || bucket.alg === ALG_STRAW2) prepareDraws(this.size);
    switch (bucket.alg) {
      case ALG_UNIFORM:
        this.weights = new Float64Array(0);
        break;
      case ALG_TREE:
        this.weights = Float64Array.from(bucket.nodeWeights);
        break;
      case ALG_LIST:
        this.weights = Float64Array.from(bucket.itemWeights);
        this.scales = Float64Array.from(bucket.sumWeights);
        break;
      case ALG_STRAW:
        this.weights = Float64Array.from(bucket.itemWeights);
        this.scales = Float64Array.from(bucket.straws);
        break;
      case ALG_STRAW2:
        negLn = negLnTable();
        this.weights = straw2Weights(bucket.itemWeights, this.size);
        break;
    }
  }
}

/** Type of a device beyond the map's highest and of a bucket that does not exist. */
export const BAD_ITEM = -1;

/** Tells a bucket what its items are, once all buckets are there. */
export function linkBucket(
  bucket: MapperBucket,
  buckets: readonly (MapperBucket | undefined)[],
  maxDevices: number,
): void {
  bucket.items.forEach((item, i) => {
    const below = item < 0 ? buckets[-1 - item] : undefined;
    bucket.below.push(below);
    if (item < 0) bucket.itemTypes[i] = below === undefined ? BAD_ITEM : below.type;
    else bucket.itemTypes[i] = item < maxDevices ? 0 : BAD_ITEM;
  });
}

/** Weights of straw2 as the division sees them: signed, so 32768.0 and above are negative. */
function straw2Weights(weights: readonly number[], size: number): Float64Array {
  const list = new Float64Array(size);
  for (let i = 0; i < size; i++) list[i] = weights[i] | 0;
  return list;
}

export function mapperChooseArg(arg: CrushChooseArg, size: number): MapperChooseArg {
  return {
    weights: arg.weightSet.map(weights => straw2Weights(weights, size)),
    ids: arg.ids.length === 0 ? undefined : new DrawIds(arg.ids),
  };
}

/**
 * The r-th place of a random permutation of the bucket. The permutation is made only as far as it is asked
 * for, and place 0 alone, the usual case, without laying out the rest.
 */
export function permChoose(bucket: MapperBucket, x: number, r: number): number {
  const { size, id, hashed } = bucket;
  // All unsigned: a remainder of other numbers is computed in floating point.
  const place = (r >>> 0) % (size >>> 0);
  bucket.perm ??= new Uint32Array(size);
  const perm = bucket.perm;
  if (bucket.permX !== x || bucket.permN === 0) {
    bucket.permX = x;
    if (place === 0) {
      const first = hashed ? (hash32_3(x, id, 0) >>> 0) % (size >>> 0) : 0;
      perm[0] = first;
      bucket.permN = 0xffff;
      return first;
    }
    for (let i = 0; i < size; i++) perm[i] = i;
    bucket.permN = 0;
  } else if (bucket.permN === 0xffff) {
    for (let i = 1; i < size; i++) perm[i] = i;
    perm[perm[0]] = 0;
    bucket.permN = 1;
  }
  while (bucket.permN <= place) {
    const p = bucket.permN;
    if (p < size - 1) {
      const i = hashed ? (hash32_3(x, id, p) >>> 0) % ((size - p) >>> 0) : 0;
      if (i !== 0) {
        const t = perm[p + i];
        perm[p + i] = perm[p];
        perm[p] = t;
      }
    }
    bucket.permN++;
  }
  return perm[place];
}

function listChoose(bucket: MapperBucket, x: number, r: number): number {
  const { id, items, weights, scales, hashed } = bucket;
  for (let i = bucket.size - 1; i >= 0; i--) {
    const draw = hashed ? hash32_4(x, items[i], r, id) & 0xffff : 0;
    // draw * sum >> 16 < weight; the products stay below 2^48.
    if (draw * scales[i] < weights[i] * 0x10000) return i;
  }
  return 0;
}

/** Whether h * w >> 32 < left, for u32. */
function isLeft(h: number, w: number, left: number): boolean {
  // The product is rounded to 53 bits, which changes the order only where it makes both sides equal.
  const product = h * w;
  const bound = left * 0x1_0000_0000;
  if (product !== bound) return product < bound;
  const upper = Math.floor(w / 0x10000);
  const lower = w - upper * 0x10000;
  return Math.floor((h * upper + Math.floor((h * lower) / 0x10000)) / 0x10000) < left;
}

function treeChoose(bucket: MapperBucket, x: number, r: number): number {
  const { id, weights, hashed } = bucket;
  let n = weights.length >> 1;
  while ((n & 1) === 0 && n !== 0) {
    const h = hashed ? hash32_4(x, n, r, id) >>> 0 : 0;
    const half = (n & -n) >> 1;
    n = isLeft(h, weights[n], weights[n - half]) ? n - half : n + half;
  }
  return n >> 1;
}

function strawChoose(bucket: MapperBucket, x: number, r: number): number {
  const { size, scales } = bucket;
  if (!bucket.hashed) return 0;
  const drawn = drawAll(x, r, bucket.ids);
  let high = 0;
  let best = -1;
  for (let i = 0; i < size; i++) {
    const draw = drawn[i] * scales[i];
    if (draw > best) {
      high = i;
      best = draw;
    }
  }
  return high;
}

/** Made with the first bucket, not at load: it takes some milliseconds. */
let negLn: Float64Array = new Float64Array(0);

/**
 * Each item draws floor(L[u] / weight), u 16 bits of hash; the least wins, the first of equals. A candidate
 * divides only when it wins: with `best` a whole number, floor(L / w) < best is the same as L < best * w, and
 * that product is exact whenever it is not far beyond L anyway. Weight 0 never wins.
 */
function straw2Choose(x: number, r: number, size: number, ids: DrawIds, weights: Float64Array): number {
  let high = 0;
  let best = Number.POSITIVE_INFINITY;
  const table = negLn;
  const drawn = drawAll(x, r, ids);
  for (let i = 0; i < size; i++) {
    const w = weights[i];
    if (w < 0) return straw2ChooseSigned(x, r, size, ids, weights);
    const l = table[drawn[i]];
    if (l < best * w) {
      high = i;
      best = Math.floor(l / w);
    }
  }
  return high;
}

/** The same where some weight reads as negative: its draw is positive and beats all sane ones. */
function straw2ChooseSigned(x: number, r: number, size: number, ids: DrawIds, weights: Float64Array): number {
  let high = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < size; i++) {
    const w = weights[i];
    const draw =
      w === 0 ? Number.POSITIVE_INFINITY : Math.trunc(negLn[hash32_3(x, ids.list[i], r) & 0xffff] / w);
    if (draw < best) {
      high = i;
      best = draw;
    }
  }
  return high;
}

/** With a hash that we do not know every u is 0. */
function straw2ChooseUnhashed(size: number, weights: Float64Array): number {
  let high = 0;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < size; i++) {
    const draw = weights[i] === 0 ? Number.POSITIVE_INFINITY : Math.trunc(negLn[0] / weights[i]);
    if (draw < best) {
      high = i;
      best = draw;
    }
  }
  return high;
}

/**
 * Position of the item that draw `r` of input `x` takes from a bucket that is not empty.
 * @param arg - replacement weights and ids, for straw2
 * @param position - place in the result, which chooses among the weight sets
 */
export function bucketChoose(
  bucket: MapperBucket,
  x: number,
  r: number,
  arg: MapperChooseArg | undefined,
  position: number,
): number {
  let i: number;
  switch (bucket.alg) {
    case ALG_STRAW2: {
      let weights = bucket.weights;
      let ids = bucket.ids;
      if (arg !== undefined) {
        const sets = arg.weights.length;
        if (sets > 0) weights = arg.weights[position >= sets ? sets - 1 : position];
        if (arg.ids !== undefined) ids = arg.ids;
      }
      i = bucket.hashed
        ? straw2Choose(x, r, bucket.size, ids, weights)
        : straw2ChooseUnhashed(bucket.size, weights);
      break;
    }
    case ALG_STRAW:
      i = strawChoose(bucket, x, r);
      break;
    case ALG_UNIFORM:
      i = permChoose(bucket, x, r);
      break;
    case ALG_LIST:
      i = listChoose(bucket, x, r);
      break;
    default:
      i = treeChoose(bucket, x, r);
  }
  // A tree whose nodes and items disagree may point past its items.
  return i < bucket.size ? i : 0;
}
