import { NacreError } from '../../base/errors.ts';
import { addBucketItem, makeBucket } from './buckets.ts';
import { updateChooseArgs } from './codec.ts';
import { RULE_TAKE } from './constants.ts';
import { findRoots } from './location.ts';
import { bucketItemWeight, type CrushMap, sortedKeys } from './map.ts';
import { isValidCrushName } from './names.ts';
import { placeBucket } from './place-bucket.ts';

/*
 * Device classes. For each class a tree of shadow buckets mirrors the buckets, with only the class's devices in
 * them; a rule that takes 'default class ssd' takes the shadow 'default~ssd'. Every change rebuilds all shadows.
 */

type ClassBuckets = ReadonlyMap<number, ReadonlyMap<number, number>>;

/** The class's id; it gets one if it has none. */
export function getOrCreateClass(map: CrushMap, name: string): number {
  const known = map.classes.id(name);
  if (known !== undefined) return known;
  const id = (map.classes.ids().at(-1) ?? -1) + 1;
  map.classes.set(id, name);
  return id;
}

/**
 * Puts a device into a class. The shadows are not rebuilt.
 * @throws NacreError EINVAL for a name that no class may have
 */
export function setItemClass(map: CrushMap, item: number, name: string): void {
  if (!isValidCrushName(name))
    throw new NacreError('EINVAL', 'crush.set_item_class', `'${name}' cannot be a device class`);
  map.classOf.set(item, getOrCreateClass(map, name));
}

/** Takes a shadow root and all below it out of the map. */
function removeRoot(map: CrushMap, id: number): void {
  const bucket = map.bucket(id);
  if (bucket === undefined) return;
  for (const item of bucket.items) if (item < 0) removeRoot(map, item);
  map.buckets[-1 - id] = undefined;
  map.names.delete(id);
  map.classBuckets.delete(id);
  map.classOf.delete(id);
  updateChooseArgs(map);
}

/** Weight of each finished shadow by pool and position, for the weight sets of the buckets around it. */
type ShadowWeights = Map<number, Map<number, number[]>>;

/** What one rebuild of the shadows goes by. */
interface Rebuild {
  /** Shadows get the ids that they had. */
  readonly old: ClassBuckets;
  readonly used: ReadonlySet<number>;
  readonly weights: ShadowWeights;
}

function shadowId(map: CrushMap, rebuild: Rebuild, original: number, classId: number): number {
  const old = rebuild.old.get(original)?.get(classId);
  if (old !== undefined) return old;
  let id = -1;
  while (map.bucket(id) !== undefined || rebuild.used.has(id)) id--;
  return id;
}

/** Makes the shadow of a bucket and of all below it (CrushWrapper::device_class_clone); its id. */
function cloneForClass(
  map: CrushMap,
  original: number,
  classId: number,
  rebuild: Rebuild,
  depth = 0,
): number {
  const name = map.names.name(original);
  const bucket = map.bucket(original);
  if (name === undefined || bucket === undefined)
    throw new NacreError('ECHILD', 'crush.device_class_clone', `bucket ${original} has no name`);
  if (depth > map.maxBuckets)
    throw new NacreError('ELOOP', 'crush.device_class_clone', `bucket ${name} contains itself`);
  const shadowName = `${name}~${map.classes.name(classId)!}`;
  const done = map.names.id(shadowName);
  if (done !== undefined) return done;

  const shadow = makeBucket(map, bucket.alg, bucket.hash, bucket.type, [], []);
  const origins: number[] = [];
  bucket.items.forEach((item, i) => {
    if (item >= 0) {
      if (map.classOf.get(item) !== classId) return;
      addBucketItem(map, shadow, item, bucketItemWeight(bucket, i));
    } else {
      const child = cloneForClass(map, item, classId, rebuild, depth + 1);
      addBucketItem(map, shadow, child, map.bucket(child)?.weight ?? 0);
    }
    origins.push(i);
  });

  const id = shadowId(map, rebuild, original, classId);
  placeBucket(map, id, shadow);
  map.classOf.set(id, classId);
  map.names.set(id, shadowName);
  let shadows = map.classBuckets.get(original);
  if (shadows === undefined) map.classBuckets.set(original, (shadows = new Map()));
  shadows.set(classId, id);

  for (const pool of sortedKeys(map.chooseArgs)) {
    const args = map.chooseArgs.get(pool)!;
    const sets = args.get(-1 - original)?.weightSet ?? [];
    let poolWeights = rebuild.weights.get(pool);
    if (poolWeights === undefined) rebuild.weights.set(pool, (poolWeights = new Map()));
    const sums: number[] = [];
    const weightSet = sets.map((set, position) => {
      const weights = shadow.items.map((item, i) =>
        item >= 0 ? (set[origins[i]] ?? 0) : (poolWeights.get(item)?.[position] ?? 0),
      );
      sums.push(weights.reduce((sum, weight) => (sum + weight) | 0, 0));
      return weights;
    });
    // Only the last position's sum is kept, the others are 0: weight sets of several positions have always been
    // shadowed so.
    if (sets.length > 0) {
      args.set(-1 - id, { weightSet, ids: [] });
      poolWeights.set(
        id,
        sums.map((sum, i) => (i === sums.length - 1 ? sum : 0)),
      );
    } else args.delete(-1 - id);
  }
  return id;
}

/** Makes the shadows of all classes (CrushWrapper::populate_classes), with the ids that `old` has for them. */
export function populateClasses(map: CrushMap, old: ClassBuckets): void {
  const used = new Set<number>();
  for (const shadows of old.values()) for (const id of shadows.values()) used.add(id);
  const rebuild: Rebuild = { old, used, weights: new Map() };
  for (const root of findRoots(map, 'nonshadow'))
    for (const classId of map.classes.ids()) cloneForClass(map, root, classId, rebuild);
}

/** Whether neither a device nor a rule needs the class. */
function classIsDead(map: CrushMap, classId: number): boolean {
  for (const [item, id] of map.classOf) if (item >= 0 && id === classId) return false;
  for (const rule of map.rules)
    for (const step of rule?.steps ?? [])
      if (step.op === RULE_TAKE)
        for (const shadows of map.classBuckets.values()) if (shadows.get(classId) === step.arg1) return false;
  return true;
}

/** Drops dead classes and builds all shadows anew (CrushWrapper::rebuild_roots_with_classes). */
export function rebuildRootsWithClasses(map: CrushMap): void {
  const old = new Map<number, Map<number, number>>();
  for (const [id, shadows] of map.classBuckets) old.set(id, new Map(shadows));
  for (const classId of map.classes.ids()) if (classIsDead(map, classId)) map.classes.delete(classId);
  for (const root of findRoots(map, 'shadow')) removeRoot(map, root);
  map.classBuckets.clear();
  populateClasses(map, old);
}

/**
 * Puts all devices below a bucket into a class (crushtool --set-subtree-class). The shadows are not rebuilt.
 * @throws NacreError ENOENT when there is no such bucket
 */
export function setSubtreeClass(map: CrushMap, subtree: string, className: string): void {
  const root = map.names.id(subtree);
  if (root === undefined) throw new NacreError('ENOENT', 'crush.set_subtree_class', `no bucket ${subtree}`);
  const classId = getOrCreateClass(map, className);
  const queue = [root];
  const seen = new Set<number>();
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const bucket = map.bucket(id);
    if (bucket === undefined) throw new NacreError('ENOENT', 'crush.set_subtree_class', `no bucket ${id}`);
    if (seen.has(id)) continue;
    seen.add(id);
    for (const item of bucket.items) {
      if (item >= 0) map.classOf.set(item, classId);
      else queue.push(item);
    }
  }
}
