import type { CrushBucket, CrushMap } from './map.ts';
import { bucketItemWeight } from './map.ts';
import { isShadowItem, isValidCrushName } from './names.ts';

/** Where an item is or shall be: name of a bucket by type name ('host' -> 'node3'). */
export type CrushLocation = ReadonlyMap<string, string>;

/** Every bucket that exists, by ascending index (-1, -2, ...). */
export function* eachBucket(map: CrushMap): Generator<CrushBucket> {
  for (const bucket of map.buckets) if (bucket !== undefined) yield bucket;
}

/** Whether some bucket holds the item. */
export function itemIsHeld(map: CrushMap, item: number): boolean {
  for (const bucket of eachBucket(map)) if (bucket.items.includes(item)) return true;
  return false;
}

/** Buckets that are in no other bucket, ascending. */
export function findRoots(map: CrushMap, which: 'all' | 'shadow' | 'nonshadow' = 'all'): number[] {
  const held = new Set<number>();
  for (const bucket of eachBucket(map)) for (const item of bucket.items) held.add(item);
  const roots: number[] = [];
  for (const { id } of eachBucket(map)) {
    if (held.has(id)) continue;
    if (which === 'all' || isShadowItem(map, id) === (which === 'shadow')) roots.push(id);
  }
  return roots.sort((a, b) => a - b);
}

/** Whether `item` is `root` or anywhere below it. */
export function subtreeContains(map: CrushMap, root: number, item: number): boolean {
  const seen = new Set<number>();
  const stack = [root];
  while (stack.length > 0) {
    const id = stack.pop()!;
    if (id === item) return true;
    const bucket = map.bucket(id);
    if (bucket === undefined || seen.has(id)) continue;
    seen.add(id);
    for (const child of bucket.items) stack.push(child);
  }
  return false;
}

/** The first bucket that holds the item and is no shadow. */
export function immediateParent(map: CrushMap, item: number): CrushBucket | undefined {
  for (const bucket of eachBucket(map))
    if (bucket.items.includes(item) && !isShadowItem(map, bucket.id)) return bucket;
  return undefined;
}

/** The buckets around an item, from the nearest up, as [type name, bucket name]. */
export function fullLocation(map: CrushMap, item: number): [string, string][] {
  const path: [string, string][] = [];
  if (!map.names.has(item)) return path;
  let parent = immediateParent(map, item);
  while (parent !== undefined && path.length <= map.maxBuckets) {
    const name = map.names.name(parent.id);
    const type = map.types.name(parent.type);
    if (name === undefined || type === undefined) break;
    path.push([type, name]);
    parent = immediateParent(map, parent.id);
  }
  return path;
}

/** The nearest bucket of a type around an item (CrushWrapper::get_parent_of_type without a rule). */
export function parentOfType(map: CrushMap, item: number, type: number): number | undefined {
  let parent = immediateParent(map, item);
  for (let hops = 0; parent !== undefined && hops <= map.maxBuckets; hops++) {
    if (parent.type === type) return parent.id;
    parent = immediateParent(map, parent.id);
  }
  return undefined;
}

/**
 * The item's weight at a location, if it is there: only the most specific bucket that the location names counts.
 */
export function weightAtLocation(map: CrushMap, item: number, loc: CrushLocation): number | undefined {
  for (const type of map.types.ids()) {
    if (type === 0) continue;
    const name = loc.get(map.types.name(type)!);
    if (name === undefined) continue;
    const id = map.names.id(name);
    const bucket = id === undefined ? undefined : map.bucket(id);
    const at = bucket === undefined ? -1 : bucket.items.indexOf(item);
    return at < 0 ? undefined : bucketItemWeight(bucket!, at);
  }
  return undefined;
}

/** Weight of a bucket, or of an item in the first bucket that holds it. */
export function itemWeight(map: CrushMap, item: number): number | undefined {
  for (const bucket of eachBucket(map)) {
    if (bucket.id === item) return bucket.weight;
    const at = bucket.items.indexOf(item);
    if (at >= 0) return bucketItemWeight(bucket, at);
  }
  return undefined;
}

/** Devices below an item, in the order of a depth-first walk; the item itself when it is a device. */
export function leavesOf(map: CrushMap, item: number): number[] {
  const leaves: number[] = [];
  const walk = (id: number, depth: number): void => {
    if (id >= 0) {
      leaves.push(id);
      return;
    }
    const bucket = map.bucket(id);
    if (bucket === undefined || depth > map.maxBuckets) return;
    for (const child of bucket.items) walk(child, depth + 1);
  };
  walk(item, 0);
  return leaves;
}

/** Whether every type and bucket of a location may be given as a name. */
export function isValidLocation(loc: CrushLocation): boolean {
  for (const [type, name] of loc) if (!isValidCrushName(type) || !isValidCrushName(name)) return false;
  return true;
}

/** '{host=a,root=default}', types in order. */
export function locationText(loc: CrushLocation): string {
  const parts = [...loc].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, name]) => `${type}=${name}`);
  return `{${parts.join(',')}}`;
}
