import { RULE_CHOOSE_FIRSTN, RULE_EMIT } from './constants.ts';
import { eachBucket, fullLocation } from './location.ts';
import type { CrushMap } from './map.ts';

/*
 * What crushtool draws from the C library's generator, which starts the same on every run: random placements
 * (--simulate) and devices that are taken to be down (--mark-down-ratio).
 */

/** lrand48(3) as it is without a seed: x = x * 0x5deece66d + 11 mod 2^48, the upper 31 bits of it. */
export class Lrand48 {
  private upper = 0;
  private lower = 0;

  next(): number {
    // In halves of 24 bits, so that products stay exact.
    const low = this.lower * 0xece66d + 11;
    const carry = Math.floor(low / 0x1000000);
    const high = this.upper * 0xece66d + this.lower * 0x5de + carry;
    this.lower = low % 0x1000000;
    this.upper = high % 0x1000000;
    return Math.floor((this.upper * 0x1000000 + this.lower) / 0x20000);
  }
}

/** Exchanges each entry with a random one; the last is never drawn. */
function shuffle(list: number[], random: Lrand48): void {
  for (let i = 0; i < list.length; i++) {
    const j = random.next() % Math.max(1, list.length - 1);
    const t = list[i];
    list[i] = list[j];
    list[j] = t;
  }
}

/** Takes a share of the devices under a share of the buckets down: their weights become 0. */
export function adjustTestWeights(
  map: CrushMap,
  weights: Uint32Array,
  options: { readonly markDownRatio?: number; readonly markDownBucketRatio?: number },
  random: Lrand48,
): void {
  const deviceRatio = Math.fround(options.markDownRatio ?? 0);
  const bucketRatio = Math.fround(options.markDownBucketRatio ?? 1);
  if (!(deviceRatio > 0)) return;
  const buckets: number[] = [];
  for (const bucket of eachBucket(map))
    if ((bucket.weight | 0) > 0 && bucket.items.length > 0 && bucket.items[0] >= 0) buckets.push(bucket.id);
  shuffle(buckets, random);
  const visit = Math.trunc(Math.fround(bucketRatio * buckets.length));
  for (const id of buckets.slice(0, visit)) {
    const { items } = map.bucket(id)!;
    // The draws for an order of the items are made, but the first items go.
    shuffle([...items], random);
    const down = Math.trunc(Math.fround(deviceRatio * items.length));
    for (const item of items.slice(0, down)) if (item >= 0) weights[item] = 0;
  }
}

/** Names of the types that a rule chooses; the empty name for a step that sets something. */
function affectedTypes(map: CrushMap, ruleId: number): string[] {
  const types: string[] = [];
  for (const { op, arg2 } of map.rules[ruleId]?.steps ?? [])
    if (op >= RULE_CHOOSE_FIRSTN && op !== RULE_EMIT) types.push(map.types.name(arg2) ?? '');
  return types;
}

/** Whether devices are distinct, up, and no two under one bucket of a type that the rule chooses. */
function isValidPlacement(
  map: CrushMap,
  types: readonly string[],
  placed: readonly number[],
  weights: Uint32Array,
): boolean {
  if (placed.some(device => weights[device] === 0)) return false;
  if (new Set(placed).size !== placed.length) return false;
  const lowest = Math.min(map.types.size, ...map.types.ids());
  const lowestName = map.types.name(lowest) ?? '';
  if (types.length === 1 && types[0] === lowestName && lowestName === 'osd') return true;
  const seen = new Set<string>();
  for (const device of placed) {
    const location = new Map(fullLocation(map, device));
    for (const type of types) {
      const bucket = location.get(type) ?? '';
      if (seen.has(bucket)) return false;
      seen.add(bucket);
    }
  }
  return true;
}

/** A random placement that the rule would allow; empty when a hundred draws gave none. */
export function randomPlacement(
  map: CrushMap,
  ruleId: number,
  replicas: number,
  weights: Uint32Array,
  random: Lrand48,
  maximumAffected: (map: CrushMap, ruleId: number) => number,
): number[] {
  if (map.maxDevices === 0) return [];
  const count = Math.min(replicas, maximumAffected(map, ruleId));
  const types = affectedTypes(map, ruleId);
  for (let tries = 0; tries < 100; tries++) {
    const placed = Array.from({ length: count }, () => random.next() % map.maxDevices);
    if (isValidPlacement(map, types, placed, weights)) return placed;
  }
  return [];
}
