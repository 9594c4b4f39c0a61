import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Features } from '../types/features.ts';
import {
  ALG_LIST,
  ALG_STRAW,
  ALG_STRAW2,
  ALG_TREE,
  ALG_UNIFORM,
  type BucketAlg,
  CRUSH_MAGIC,
  DEFAULT_CHOOSE_ARGS,
} from './constants.ts';
import {
  type CrushBucket,
  type CrushChooseArg,
  type CrushChooseArgs,
  CrushMap,
  type CrushRule,
  type CrushStep,
  type NameTable,
  sortedKeys,
} from './map.ts';
import { defaultTunables } from './tunables.ts';

/*
 * The map (CrushWrapper::encode, unversioned; what is new was put at the end):
 *
 *   u32 magic, s32 max_buckets, u32 max_rules, s32 max_devices
 *   max_buckets times: u32 alg, and unless it is 0
 *       s32 id, u16 type, u8 alg, u8 hash, u32 weight, u32 size, s32 items[size], then by alg
 *       uniform: u32 item_weight
 *       list:    size times u32 item_weight, u32 sum_weight
 *       tree:    u8 num_nodes, u32 node_weights[num_nodes]
 *       straw:   size times u32 item_weight, u32 straw
 *       straw2:  u32 item_weights[size]
 *   max_rules times: u32 yes, and unless it is 0
 *       u32 len, u8 ruleset, u8 type, u8 min_size, u8 max_size, len times u32 op, s32 arg1, s32 arg2
 *   type names, item names, rule names: each a map of s32 to string
 *   u32 choose_local_tries, u32 choose_local_fallback_tries, u32 choose_total_tries
 *   u32 chooseleaf_descend_once
 *   u8 chooseleaf_vary_r
 *   u8 straw_calc_version
 *   u32 allowed_bucket_algs
 *   u8 chooseleaf_stable                                    (CRUSH_TUNABLES5)
 *   class_map: map of s32 to s32; class_name: map of s32 to string;
 *   class_bucket: map of s32 to map of s32 to s32           (SERVER_LUMINOUS)
 *   u32 count of choose_args, each: s64 pool, u32 count of
 *       u32 bucket index, u32 positions, each u32 size, u32 weights[size]; u32 ids_size, s32 ids[ids_size]
 *   u32 msr_descents, u32 msr_collision_tries               (CRUSH_MSR)
 */

const INCARNATION_2 = 1n << 57n;
const TUNABLES5 = 1n << 58n;
const LUMINOUS = (1n << 21n) | INCARNATION_2;
const MSR = (1n << 38n) | INCARNATION_2;

function decodeArray(d: Decoder, n: number): number[] {
  const list: number[] = [];
  for (let i = 0; i < n; i++) list.push(d.u32());
  return list;
}

/** Arrays that lie interleaved: a0 b0 a1 b1 ... */
function decodePairs(d: Decoder, n: number, second: number[]): number[] {
  const first: number[] = [];
  for (let i = 0; i < n; i++) {
    first.push(d.u32());
    second.push(d.u32());
  }
  return first;
}

function decodeBucket(d: Decoder, index: number): CrushBucket | undefined {
  d.type = 'crush_bucket';
  const alg = d.u32();
  if (alg === 0) return undefined;
  if (alg > ALG_STRAW2) d.fail(`unsupported bucket algorithm ${alg}`);
  const id = d.i32();
  if (id !== -1 - index) d.fail(`bucket id ${id} in place ${index}`);
  const type = d.u16();
  if (d.u8() !== alg) d.fail('two bucket algorithms');
  const hash = d.u8();
  const weight = d.u32();
  const size = d.count(4);
  const items: number[] = [];
  for (let i = 0; i < size; i++) items.push(d.i32());
  const head = { id, type, hash, weight, items };
  switch (alg as BucketAlg) {
    case ALG_UNIFORM:
      return { ...head, alg: ALG_UNIFORM, itemWeight: d.u32() };
    case ALG_LIST: {
      const sumWeights: number[] = [];
      const itemWeights = decodePairs(d, size, sumWeights);
      return { ...head, alg: ALG_LIST, itemWeights, sumWeights };
    }
    case ALG_TREE:
      return { ...head, alg: ALG_TREE, nodeWeights: decodeArray(d, d.u8()) };
    case ALG_STRAW: {
      const straws: number[] = [];
      const itemWeights = decodePairs(d, size, straws);
      return { ...head, alg: ALG_STRAW, itemWeights, straws };
    }
    case ALG_STRAW2:
      return { ...head, alg: ALG_STRAW2, itemWeights: decodeArray(d, size) };
  }
}

function decodeRule(d: Decoder): CrushRule | undefined {
  d.type = 'crush_rule';
  if (d.u32() === 0) return undefined;
  // A step takes 12 bytes; the mask that lies between takes 4, which the first step's check leaves room for.
  const len = d.count(12);
  const ruleset = d.u8();
  const type = d.u8();
  const minSize = d.u8();
  const maxSize = d.u8();
  const steps: CrushStep[] = [];
  for (let i = 0; i < len; i++) steps.push({ op: d.u32(), arg1: d.i32(), arg2: d.i32() });
  return { ruleset, type, minSize, maxSize, steps };
}

/**
 * Some writers of old wrote the key in 64 bits. Names are never empty, so a length of 0 is the upper half of
 * such a key, and the length follows.
 */
function decodeNames(d: Decoder, table: NameTable): void {
  const n = d.count(8);
  for (let i = 0; i < n; i++) {
    const key = d.i32();
    const length = d.u32() || d.u32();
    table.set(key, d.bytes(length).toString('utf8'));
  }
}

function decodeChooseArg(d: Decoder): CrushChooseArg {
  const positions = d.count(4);
  const weightSet: number[][] = [];
  for (let i = 0; i < positions; i++) weightSet.push(decodeArray(d, d.count(4)));
  const size = d.count(4);
  const ids: number[] = [];
  for (let i = 0; i < size; i++) ids.push(d.i32());
  return { weightSet, ids };
}

function decodeChooseArgs(d: Decoder, map: CrushMap): void {
  d.type = 'crush_choose_arg_map';
  const n = d.count(12);
  for (let i = 0; i < n; i++) {
    const pool = d.i64();
    const args: CrushChooseArgs = new Map();
    const size = d.count(12);
    for (let j = 0; j < size; j++) {
      const index = d.u32();
      if (index >= map.maxBuckets) d.fail(`bucket index ${index} of ${map.maxBuckets}`);
      const arg = decodeChooseArg(d);
      if (arg.ids.length > 0 && arg.ids.length !== map.buckets[index]?.items.length)
        d.fail(`${arg.ids.length} ids for bucket ${-1 - index}`);
      args.set(index, arg);
    }
    map.chooseArgs.set(pool, args);
  }
}

/** How many positions the weight sets of some choose_args have; 1 when there is none. */
export function chooseArgsPositions(args: CrushChooseArgs): number {
  for (const index of sortedKeys(args)) {
    const { length } = args.get(index)!.weightSet;
    if (length > 0) return length;
  }
  return 1;
}

/**
 * Brings choose_args in line with the buckets (CrushWrapper::update_choose_args): those of buckets that are
 * gone or not straw2 go, weight sets get as many weights as the bucket has items.
 */
export function updateChooseArgs(map: CrushMap): void {
  for (const args of map.chooseArgs.values()) {
    const positions = chooseArgsPositions(args);
    for (const [index, arg] of [...args]) {
      const bucket = map.buckets[index];
      if (bucket === undefined || bucket.alg !== ALG_STRAW2) {
        args.delete(index);
        continue;
      }
      if (arg.weightSet.length === 0 && arg.ids.length === 0) args.delete(index);
      if (arg.weightSet.length !== positions) continue;
      const size = bucket.items.length;
      for (const weights of arg.weightSet) {
        if (weights.length > size) weights.length = size;
        while (weights.length < size) weights.push(0);
      }
    }
  }
}

/**
 * CrushWrapper::decode. Reads to the end of what the decoder may read: the map has no length of its own, and
 * fields that an old writer did not have keep their legacy values.
 * @throws DecodeError
 */
export function decodeCrushMap(d: Decoder): CrushMap {
  d.type = 'CrushWrapper';
  const magic = d.u32();
  if (magic !== CRUSH_MAGIC) d.fail(`bad magic number 0x${magic.toString(16)}`);
  const map = new CrushMap();
  const maxBuckets = d.u32();
  const maxRules = d.u32();
  map.maxDevices = d.i32();
  if ((maxBuckets + maxRules) * 4 > d.remaining) d.fail(`${maxBuckets} buckets and ${maxRules} rules`);
  for (let i = 0; i < maxBuckets; i++) map.buckets.push(decodeBucket(d, i));
  for (let i = 0; i < maxRules; i++) map.rules.push(decodeRule(d));
  d.type = 'CrushWrapper';
  decodeNames(d, map.types);
  decodeNames(d, map.names);
  decodeNames(d, map.ruleNames);

  const t = defaultTunables('legacy');
  map.tunables = t;
  if (d.remaining > 0) {
    t.chooseLocalTries = d.u32();
    t.chooseLocalFallbackTries = d.u32();
    t.chooseTotalTries = d.u32();
  }
  if (d.remaining > 0) t.chooseleafDescendOnce = d.u32();
  if (d.remaining > 0) t.chooseleafVaryR = d.u8();
  if (d.remaining > 0) t.strawCalcVersion = d.u8();
  if (d.remaining > 0) t.allowedBucketAlgs = d.u32();
  if (d.remaining > 0) t.chooseleafStable = d.u8();
  if (d.remaining > 0) {
    for (let n = d.count(8); n > 0; n--) {
      const item = d.i32();
      map.classOf.set(item, d.i32());
    }
    for (let n = d.count(8); n > 0; n--) {
      const id = d.i32();
      map.classes.set(id, d.str());
    }
    for (let n = d.count(8); n > 0; n--) {
      const shadows = new Map<number, number>();
      map.classBuckets.set(d.i32(), shadows);
      for (let m = d.count(8); m > 0; m--) {
        const classId = d.i32();
        shadows.set(classId, d.i32());
      }
    }
  }
  if (d.remaining > 0) decodeChooseArgs(d, map);
  if (d.remaining > 0) map.msr = { descents: d.u32(), collisionTries: d.u32() };
  updateChooseArgs(map);
  map.finalize();
  return map;
}

function encodeBucket(e: Encoder, bucket: CrushBucket, weights: readonly number[] | undefined): void {
  e.u32(bucket.alg);
  e.i32(bucket.id);
  e.u16(bucket.type);
  e.u8(bucket.alg);
  e.u8(bucket.hash);
  e.u32(bucket.weight);
  e.u32(bucket.items.length);
  for (const item of bucket.items) e.i32(item);
  switch (bucket.alg) {
    case ALG_UNIFORM:
      e.u32(bucket.itemWeight);
      break;
    case ALG_LIST:
      for (let i = 0; i < bucket.items.length; i++) {
        e.u32(bucket.itemWeights[i]);
        e.u32(bucket.sumWeights[i]);
      }
      break;
    case ALG_TREE: {
      // The count is a u8 on the wire, so a tree of 128 items or more loses its nodes there.
      const n = bucket.nodeWeights.length & 0xff;
      e.u8(n);
      for (let i = 0; i < n; i++) e.u32(bucket.nodeWeights[i]);
      break;
    }
    case ALG_STRAW:
      for (let i = 0; i < bucket.items.length; i++) {
        e.u32(bucket.itemWeights[i]);
        e.u32(bucket.straws[i]);
      }
      break;
    case ALG_STRAW2:
      for (const weight of weights ?? bucket.itemWeights) e.u32(weight);
      break;
  }
}

function encodeNames(e: Encoder, table: NameTable): void {
  e.u32(table.size);
  for (const id of table.ids()) {
    e.i32(id);
    e.str(table.name(id)!);
  }
}

function encodeChooseArgs(e: Encoder, map: CrushMap): void {
  e.u32(map.chooseArgs.size);
  for (const pool of sortedKeys(map.chooseArgs)) {
    const args = map.chooseArgs.get(pool)!;
    e.i64(pool);
    const count = e.holdU32();
    let n = 0;
    for (const index of sortedKeys(args)) {
      const arg = args.get(index)!;
      if (arg.weightSet.length === 0 && arg.ids.length === 0) continue;
      n++;
      e.u32(index);
      e.u32(arg.weightSet.length);
      for (const weights of arg.weightSet) {
        e.u32(weights.length);
        for (const weight of weights) e.u32(weight);
      }
      e.u32(arg.ids.length);
      for (const id of arg.ids) e.i32(id);
    }
    e.fillU32(count, n);
  }
}

/** Whether a reader from before luminous cannot be told of the choose_args in place of the straw2 weights. */
export function hasIncompatChooseArgs(map: CrushMap): boolean {
  if (map.chooseArgs.size === 0) return false;
  if (map.chooseArgs.size > 1 || !map.chooseArgs.has(DEFAULT_CHOOSE_ARGS)) return true;
  for (const args of map.chooseArgs.values())
    for (const arg of args.values()) {
      if (arg.weightSet.length === 0 && arg.ids.length === 0) continue;
      if (arg.weightSet.length !== 1 || arg.ids.length !== 0) return true;
    }
  return false;
}

/**
 * CrushWrapper::encode for a reader with these features; without features, with all that the map has.
 * @throws NacreError ENOTSUP when the reader could not place as the map says (choose_args before luminous)
 */
export function encodeCrushMap(e: Encoder, map: CrushMap, features?: Features): void {
  const luminous = features === undefined || features.has(LUMINOUS);
  let compat: CrushChooseArgs | undefined;
  if (!luminous && map.chooseArgs.size > 0) {
    if (hasIncompatChooseArgs(map))
      throw new NacreError(
        'ENOTSUP',
        'crush.encode',
        'choose_args that a reader before luminous cannot follow',
      );
    compat = [...map.chooseArgs.values()][0];
  }
  e.u32(CRUSH_MAGIC);
  e.u32(map.maxBuckets);
  e.u32(map.maxRules);
  e.i32(map.maxDevices);
  for (let i = 0; i < map.maxBuckets; i++) {
    const bucket = map.buckets[i];
    if (bucket === undefined) e.u32(0);
    else encodeBucket(e, bucket, compat?.get(i)?.weightSet[0]);
  }
  for (const rule of map.rules) {
    e.u32(rule === undefined ? 0 : 1);
    if (rule === undefined) continue;
    e.u32(rule.steps.length);
    e.u8(rule.ruleset);
    e.u8(rule.type);
    e.u8(rule.minSize);
    e.u8(rule.maxSize);
    for (const { op, arg1, arg2 } of rule.steps) {
      e.u32(op);
      e.i32(arg1);
      e.i32(arg2);
    }
  }
  encodeNames(e, map.types);
  encodeNames(e, map.names);
  encodeNames(e, map.ruleNames);
  const t = map.tunables;
  e.u32(t.chooseLocalTries);
  e.u32(t.chooseLocalFallbackTries);
  e.u32(t.chooseTotalTries);
  e.u32(t.chooseleafDescendOnce);
  e.u8(t.chooseleafVaryR);
  e.u8(t.strawCalcVersion);
  e.u32(t.allowedBucketAlgs);
  if (features === undefined || features.has(TUNABLES5)) e.u8(t.chooseleafStable);
  if (luminous) {
    e.u32(map.classOf.size);
    for (const item of sortedKeys(map.classOf)) {
      e.i32(item);
      e.i32(map.classOf.get(item)!);
    }
    encodeNames(e, map.classes);
    e.u32(map.classBuckets.size);
    for (const id of sortedKeys(map.classBuckets)) {
      const shadows = map.classBuckets.get(id)!;
      e.i32(id);
      e.u32(shadows.size);
      for (const classId of sortedKeys(shadows)) {
        e.i32(classId);
        e.i32(shadows.get(classId)!);
      }
    }
    encodeChooseArgs(e, map);
  }
  if (features === undefined ? map.msr !== undefined : features.has(MSR)) {
    e.u32(map.msr?.descents ?? 100);
    e.u32(map.msr?.collisionTries ?? 100);
  }
}
