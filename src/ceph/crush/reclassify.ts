import { NacreError } from '../../base/errors.ts';
import { makeBucket } from './buckets.ts';
import { getOrCreateClass, rebuildRootsWithClasses } from './classes.ts';
import { RULE_TAKE } from './constants.ts';
import { insertItem, linkBucket } from './edit.ts';
import { eachBucket, immediateParent, subtreeContains } from './location.ts';
import { bucketItemWeight, type CrushBucket, type CrushMap } from './map.ts';
import { isShadowItem, splitIdClass } from './names.ts';

/*
 * Turns maps that kept kinds of devices apart in trees of their own into maps with device classes, such that no
 * placement moves: old buckets become the shadows (crushtool --reclassify).
 */

export interface Reclassify {
  /** Root -> class of all devices below it. */
  readonly roots: ReadonlyMap<string, string>;
  /** 'prefix%' or '%suffix' of bucket names, or one name -> class and the parent for buckets that get made. */
  readonly buckets: ReadonlyMap<string, { readonly deviceClass: string; readonly defaultParent: string }>;
  /** Is told of each step, as crushtool prints it. */
  readonly log?: (line: string) => void;
}

function refuse(code: string, message: string): never {
  throw new NacreError(code, 'crush.reclassify', message);
}

/** The highest free id; the array grows by one when it is full. */
function newBucketId(map: CrushMap): number {
  let at = 0;
  while (at < map.maxBuckets && map.buckets[at] !== undefined) at++;
  if (at === map.maxBuckets) map.buckets.push(undefined);
  return -1 - at;
}

function emptyLike(map: CrushMap, bucket: CrushBucket, id: number): CrushBucket {
  const made = makeBucket(map, bucket.alg, bucket.hash, bucket.type, [], []);
  made.id = id;
  map.buckets[-1 - id] = made;
  return made;
}

/** Gives every bucket below a root a new id; the old ids become the class's shadows, where rules find them. */
function reclassifyRoot(map: CrushMap, root: string, deviceClass: string, log: (line: string) => void): void {
  const rootId = map.names.id(root);
  if (rootId === undefined) refuse('EINVAL', `root ${root} does not exist`);
  const classId = getOrCreateClass(map, deviceClass);
  log(`classify_root ${root} (${rootId}) as ${deviceClass}`);
  map.rules.forEach((rule, ruleId) => {
    for (const step of rule?.steps ?? []) {
      if (step.op !== RULE_TAKE) continue;
      const taken = splitIdClass(map, step.arg1);
      if (taken.classId !== undefined && taken.id === rootId)
        refuse('EINVAL', `  rule ${ruleId} includes take on root ${root} class ${taken.classId}`);
    }
  });
  const renumber = new Map<number, number>();
  const queue = [rootId];
  for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
    const bucket = map.bucket(id);
    if (bucket === undefined) refuse('ENOENT', `cannot find bucket ${id}`);
    if (renumber.has(id)) refuse('EINVAL', `bucket ${id} is at two places`);
    const moved = newBucketId(map);
    log(`  renumbering bucket ${id} -> ${moved}`);
    renumber.set(id, moved);
    map.buckets[-1 - moved] = bucket;
    bucket.id = moved;
    emptyLike(map, bucket, id);
    for (const args of map.chooseArgs.values()) {
      const arg = args.get(-1 - id);
      if (arg !== undefined) args.set(-1 - moved, arg);
      args.delete(-1 - id);
    }
    map.classBuckets.delete(id);
    map.classBuckets.set(moved, new Map([[classId, id]]));
    const name = map.names.name(id) ?? '';
    map.names.set(moved, name);
    map.names.set(id, `${name}~${deviceClass}`);
    for (const item of bucket.items) if (item < 0) queue.unshift(item);
  }
  for (const bucket of eachBucket(map))
    bucket.items.forEach((item, i) => {
      bucket.items[i] = renumber.get(item) ?? item;
    });
  rebuildRootsWithClasses(map);
}

/** What `name` is without the part that `match` names; undefined when it does not match. */
function baseName(match: string, name: string, defaultParent: string): string | undefined {
  if (name.length < match.length) return undefined;
  if (match.startsWith('%'))
    return name.endsWith(match.slice(1)) ? name.slice(0, name.length - match.length + 1) : undefined;
  if (match.endsWith('%'))
    return name.startsWith(match.slice(0, -1)) ? name.slice(match.length - 1) : undefined;
  return match === name ? defaultParent : undefined;
}

/** State of one run over the bucket matches. */
class BucketMerge {
  private readonly map: CrushMap;
  private readonly log: (line: string) => void;
  private readonly sendTo = new Map<number, number>();
  private readonly classBuckets = new Map<number, Map<number, number>>();
  private readonly newNames = new Map<number, string>();
  private readonly newParents = new Map<number, Map<string, string>>();
  private readonly newByName = new Map<string, number>();

  constructor(map: CrushMap, log: (line: string) => void) {
    this.map = map;
    this.log = log;
  }

  private baseFor(name: string, bucket: CrushBucket, parentLoc: Map<string, string>): number {
    const { map } = this;
    const known = map.names.id(name);
    if (known !== undefined && !this.newByName.has(name)) {
      this.log(`  have base ${known}`);
      return known;
    }
    const made = this.newByName.get(name);
    if (made !== undefined) {
      this.log(`  already creating base ${made}`);
      return made;
    }
    const id = newBucketId(map);
    emptyLike(map, bucket, id);
    this.newByName.set(name, id);
    map.names.set(id, name);
    this.log(`  created base ${id}`);
    this.newParents.set(id, parentLoc);
    return id;
  }

  match(match: string, deviceClass: string, defaultParent: string): void {
    const { map } = this;
    const parentId = map.names.id(defaultParent);
    const parent = parentId === undefined ? undefined : map.bucket(parentId);
    if (parent === undefined) refuse('EINVAL', `default parent ${defaultParent} does not exist`);
    const parentType = map.types.name(parent.type) ?? '';
    this.log(`classify_bucket ${match} as ${deviceClass} default bucket ${defaultParent} (${parentType})`);
    const classId = getOrCreateClass(map, deviceClass);
    for (let i = 0; i < map.maxBuckets; i++) {
      const bucket = map.buckets[i];
      const name = bucket === undefined ? undefined : map.names.name(bucket.id);
      if (bucket === undefined || name === undefined || isShadowItem(map, bucket.id)) continue;
      const base = baseName(match, name, defaultParent);
      if (base === undefined) continue;
      this.log(`match ${match} to ${name} basename ${base}`);
      const baseId = this.baseFor(base, bucket, new Map([[parentType, defaultParent]]));
      this.sendTo.set(bucket.id, baseId);
      const shadows = this.classBuckets.get(baseId) ?? new Map<number, number>();
      shadows.set(classId, bucket.id);
      this.classBuckets.set(baseId, shadows);
      this.newNames.set(bucket.id, `${base}~${deviceClass}`);
      for (const item of bucket.items) if (item >= 0) map.classOf.set(item, classId);
    }
  }

  finish(): void {
    const { map } = this;
    for (const id of [...this.sendTo.keys()].sort((a, b) => a - b)) this.moveItems(id, this.sendTo.get(id)!);
    for (const id of [...this.newParents.keys()].sort((a, b) => a - b)) {
      if (immediateParent(map, id) !== undefined) continue;
      const loc = this.newParents.get(id)!;
      const text = [...loc].map(([type, name]) => `${type}=${name}`).join(',');
      this.log(`new bucket ${id} missing parent, adding at {${text}}`);
      linkBucket(map, id, loc);
    }
    for (const [id, shadows] of this.classBuckets) {
      const known = map.classBuckets.get(id) ?? new Map<number, number>();
      for (const [classId, shadow] of shadows) known.set(classId, shadow);
      map.classBuckets.set(id, known);
    }
    for (const [id, name] of this.newNames) map.names.set(id, name);
    rebuildRootsWithClasses(map);
  }

  private moveItems(fromId: number, toId: number): void {
    const { map } = this;
    const from = map.bucket(fromId)!;
    const to = map.bucket(toId)!;
    const fromName = map.names.name(fromId) ?? '';
    const toName = map.names.name(toId) ?? '';
    this.log(`moving items from ${fromId} (${fromName}) to ${toId} (${toName})`);
    const loc = new Map([[map.types.name(to.type) ?? '', toName]]);
    for (let i = 0; i < from.items.length; i++) {
      const item = from.items[i];
      if (item >= 0) {
        if (subtreeContains(map, toId, item)) continue;
        insertItem(map, item, bucketItemWeight(from, i) / 0x10000, map.names.name(item) ?? '', loc);
        continue;
      }
      const target = this.sendTo.get(item);
      if (target === undefined)
        refuse('EINVAL', `item ${item} in bucket ${fromId} is not also a reclassified bucket`);
      if (!subtreeContains(map, toId, target)) linkBucket(map, target, loc);
    }
  }
}

/**
 * @throws NacreError EINVAL, ENOENT and as insertItem; the map may be half changed then
 */
export function reclassify(map: CrushMap, options: Reclassify): void {
  const log = options.log ?? (() => {});
  for (const root of [...options.roots.keys()].sort())
    reclassifyRoot(map, root, options.roots.get(root)!, log);
  const merge = new BucketMerge(map, log);
  for (const match of [...options.buckets.keys()].sort()) {
    const { deviceClass, defaultParent } = options.buckets.get(match)!;
    merge.match(match, deviceClass, defaultParent);
  }
  merge.finish();
}
