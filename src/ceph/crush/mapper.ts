import { NacreError } from '../../base/errors.ts';
import {
  BAD_ITEM,
  bucketChoose,
  linkBucket,
  MapperBucket,
  type MapperChooseArg,
  mapperChooseArg,
  permChoose,
} from './choose.ts';
import {
  ALG_UNIFORM,
  CRUSH_ITEM_NONE,
  CRUSH_ITEM_UNDEF,
  DEFAULT_CHOOSE_ARGS,
  RULE_CHOOSE_FIRSTN,
  RULE_CHOOSE_INDEP,
  RULE_CHOOSELEAF_FIRSTN,
  RULE_CHOOSELEAF_INDEP,
  RULE_EMIT,
  RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES,
  RULE_SET_CHOOSE_LOCAL_TRIES,
  RULE_SET_CHOOSE_TRIES,
  RULE_SET_CHOOSELEAF_STABLE,
  RULE_SET_CHOOSELEAF_TRIES,
  RULE_SET_CHOOSELEAF_VARY_R,
  RULE_TAKE,
  RULE_TYPE_MSR_FIRSTN,
  RULE_TYPE_MSR_INDEP,
} from './constants.ts';
import { hash32_2 } from './hash.ts';
import type { CrushMap, CrushRule } from './map.ts';

type MapperChooseArgs = readonly (MapperChooseArg | undefined)[];

const NO_WEIGHTS = new Uint32Array(0);

/**
 * Places inputs by the rules of one map (crush_do_rule of crush/mapper.c). It keeps its own copy of what it needs:
 * a changed map wants a new mapper. Nothing is allocated per placement.
 */
export class CrushMapper {
  private readonly rules: readonly (CrushRule | undefined)[];
  private readonly buckets: readonly (MapperBucket | undefined)[];
  private readonly maxDevices: number;
  private readonly totalTries: number;
  private readonly localTries: number;
  private readonly localFallbackTries: number;
  private readonly descendOnce: boolean;
  private readonly varyRDefault: number;
  private readonly stableDefault: number;
  private readonly argsByPool = new Map<number, MapperChooseArgs>();
  /** Three working vectors of `room` places: from, to, leaves. */
  private work = new Int32Array(0);
  private room = 0;
  private result = new Int32Array(0);
  /** Views of `result` by length. */
  private views: Int32Array[] = [];

  // Of the placement under way; fields instead of arguments because the recursion passes them unchanged.
  private x = 0;
  private weights: Uint32Array = NO_WEIGHTS;
  private args: MapperChooseArgs | undefined;
  private localRetries = 0;
  private localFallbackRetries = 0;
  private varyR = 0;
  private stable = false;

  /** When set, [n] counts the choices that took n retries (crushtool --show-choose-tries). */
  chooseTries: Uint32Array | undefined;

  constructor(map: CrushMap) {
    const t = map.tunables;
    this.rules = map.rules.map(rule => rule && { ...rule, steps: rule.steps.map(step => ({ ...step })) });
    this.buckets = map.buckets.map(bucket => bucket && new MapperBucket(bucket));
    this.maxDevices = map.maxDevices;
    for (const bucket of this.buckets)
      if (bucket !== undefined) linkBucket(bucket, this.buckets, this.maxDevices);
    this.totalTries = t.chooseTotalTries;
    this.localTries = t.chooseLocalTries;
    this.localFallbackTries = t.chooseLocalFallbackTries;
    this.descendOnce = t.chooseleafDescendOnce !== 0;
    this.varyRDefault = t.chooseleafVaryR;
    this.stableDefault = t.chooseleafStable;
    for (const [pool, args] of map.chooseArgs) {
      const list: (MapperChooseArg | undefined)[] = new Array(this.buckets.length).fill(undefined);
      for (const [index, arg] of args)
        list[index] = mapperChooseArg(arg, map.buckets[index]?.items.length ?? 0);
      this.argsByPool.set(pool, list);
    }
  }

  ruleExists(rule: number): boolean {
    return this.rules[rule] !== undefined;
  }

  /**
   * The items that a rule gives an input.
   * @param x - 32 bits, signed or not
   * @param resultMax - the pool's size
   * @param weights - 16.16 fixed point by device: 0 is out, 0x10000 in; devices past its end are out
   * @param pool - whose choose_args hold; the default ones for pools that have none
   * @throws NacreError ENOTSUP for multi-step retry rules (squid's msr_firstn and msr_indep)
   * @returns a view that the next call overwrites; CRUSH_ITEM_NONE where an indep rule found nothing. Empty when
   *   there is no such rule.
   */
  doRule(
    ruleId: number,
    x: number,
    resultMax: number,
    weights: Uint32Array,
    pool = DEFAULT_CHOOSE_ARGS,
  ): Int32Array {
    if (resultMax > this.room || this.room === 0) this.makeRoom(resultMax);
    const rule = this.rules[ruleId];
    if (rule !== undefined && (rule.type === RULE_TYPE_MSR_FIRSTN || rule.type === RULE_TYPE_MSR_INDEP))
      throw new NacreError('ENOTSUP', 'crush.do_rule', `rule ${ruleId} is a multi-step retry rule`);
    const n = rule === undefined ? 0 : this.run(rule, x | 0, resultMax, weights, pool);
    return this.views[n];
  }

  private makeRoom(n: number): void {
    this.room = Math.max(16, n);
    this.work = new Int32Array(3 * this.room);
    this.result = new Int32Array(this.room);
    this.views = [];
    for (let i = 0; i <= this.room; i++) this.views.push(this.result.subarray(0, i));
  }

  private run(rule: CrushRule, x: number, resultMax: number, weights: Uint32Array, pool: number): number {
    this.x = x;
    this.weights = weights;
    this.args =
      this.argsByPool.size === 0
        ? undefined
        : (this.argsByPool.get(pool) ?? this.argsByPool.get(DEFAULT_CHOOSE_ARGS));
    // The tunable counted retries.
    let tries = (this.totalTries + 1) >>> 0;
    let leafTries = 0;
    this.localRetries = this.localTries;
    this.localFallbackRetries = this.localFallbackTries;
    this.varyR = this.varyRDefault;
    this.stable = this.stableDefault !== 0;

    const { work, result, room } = this;
    let from = 0;
    let to = room;
    const leaves = 2 * room;
    let fromSize = 0;
    let resultSize = 0;
    const { steps } = rule;
    for (let s = 0; s < steps.length; s++) {
      const { op, arg1, arg2 } = steps[s];
      switch (op) {
        case RULE_TAKE:
          if ((arg1 >= 0 && arg1 < this.maxDevices) || this.bucket(arg1) !== undefined) {
            work[from] = arg1;
            fromSize = 1;
          }
          break;
        case RULE_SET_CHOOSE_TRIES:
          if (arg1 > 0) tries = arg1;
          break;
        case RULE_SET_CHOOSELEAF_TRIES:
          if (arg1 > 0) leafTries = arg1;
          break;
        case RULE_SET_CHOOSE_LOCAL_TRIES:
          if (arg1 >= 0) this.localRetries = arg1;
          break;
        case RULE_SET_CHOOSE_LOCAL_FALLBACK_TRIES:
          if (arg1 >= 0) this.localFallbackRetries = arg1;
          break;
        case RULE_SET_CHOOSELEAF_VARY_R:
          if (arg1 >= 0) this.varyR = arg1;
          break;
        case RULE_SET_CHOOSELEAF_STABLE:
          if (arg1 >= 0) this.stable = arg1 !== 0;
          break;
        case RULE_CHOOSE_FIRSTN:
        case RULE_CHOOSELEAF_FIRSTN:
        case RULE_CHOOSE_INDEP:
        case RULE_CHOOSELEAF_INDEP: {
          if (fromSize === 0) break;
          const firstn = op === RULE_CHOOSE_FIRSTN || op === RULE_CHOOSELEAF_FIRSTN;
          const leaf = op === RULE_CHOOSELEAF_FIRSTN || op === RULE_CHOOSELEAF_INDEP;
          let size = 0;
          for (let i = 0; i < fromSize; i++) {
            const numrep = arg1 > 0 ? arg1 : arg1 + resultMax;
            if (numrep <= 0) continue;
            // A device or CRUSH_ITEM_NONE has nothing below it.
            const bucket = this.bucket(work[from + i]);
            if (bucket === undefined) continue;
            const out2 = leaf ? leaves + size : -1;
            if (firstn) {
              const recurseTries = leafTries !== 0 ? leafTries : this.descendOnce ? 1 : tries;
              size += this.chooseFirstn(
                bucket,
                numrep,
                arg2,
                to + size,
                0,
                resultMax - size,
                tries,
                recurseTries,
                out2,
                0,
              );
            } else {
              const count = Math.min(numrep, resultMax - size);
              const recurseTries = leafTries !== 0 ? leafTries : 1;
              this.chooseIndep(bucket, count, numrep, arg2, to + size, 0, tries, recurseTries, out2, 0);
              size += count;
            }
          }
          if (leaf) work.copyWithin(to, leaves, leaves + size);
          const t = from;
          from = to;
          to = t;
          fromSize = size;
          break;
        }
        case RULE_EMIT:
          for (let i = 0; i < fromSize && resultSize < resultMax; i++) result[resultSize++] = work[from + i];
          fromSize = 0;
          break;
      }
    }
    return resultSize;
  }

  private bucket(id: number): MapperBucket | undefined {
    const index = -1 - id;
    return index >= 0 && index < this.buckets.length ? this.buckets[index] : undefined;
  }

  /** Whether a device is out for this input: fully, or by the share of inputs that its weight below 1 turns away. */
  private isOut(item: number): boolean {
    const { weights } = this;
    if (item < 0 || item >= weights.length) return true;
    const weight = weights[item];
    if (weight >= 0x10000) return false;
    if (weight === 0) return true;
    return (hash32_2(this.x, item) & 0xffff) >= weight;
  }

  /**
   * Depth first: up to `numrep` distinct items of a type below a bucket.
   * @param out - where in `work` the items go; positions before `outpos` are taken already
   * @param count - how many more there is room for
   * @param out2 - where the device below each item goes; -1 to choose no devices
   * @returns the position after the last item
   */
  private chooseFirstn(
    start: MapperBucket,
    numrep: number,
    type: number,
    out: number,
    outpos: number,
    count: number,
    tries: number,
    recurseTries: number,
    out2: number,
    parentR: number,
  ): number {
    const { work, buckets, x } = this;
    const localFallbackRetries = this.localFallbackRetries;
    for (let rep = this.stable ? 0 : outpos; rep < numrep && count > 0; rep++) {
      let total = 0;
      let item = 0;
      let skip = false;
      let descend: boolean;
      do {
        descend = false;
        let bucket = start;
        let local = 0;
        let again: boolean;
        let hops = 0;
        do {
          again = false;
          let collide = false;
          let reject = false;
          const r = rep + parentR + total;
          if (bucket.size === 0) {
            reject = true;
          } else {
            let at: number;
            if (localFallbackRetries > 0 && local >= bucket.size >> 1 && local > localFallbackRetries)
              at = permChoose(bucket, x, r);
            else {
              const arg = this.args === undefined ? undefined : this.args[-1 - bucket.id];
              at = bucketChoose(bucket, x, r, arg, outpos);
            }
            item = bucket.items[at];
            const itemType = bucket.itemTypes[at];
            const below = bucket.below[at];
            if (itemType !== type || itemType === BAD_ITEM) {
              // A device above the type, nothing at all, or buckets in a ring: no way on.
              if (below === undefined || ++hops > buckets.length) {
                skip = true;
                break;
              }
              bucket = below;
              again = true;
              continue;
            }
            for (let i = 0; i < outpos; i++)
              if (work[out + i] === item) {
                collide = true;
                break;
              }
            if (!collide && out2 >= 0) {
              if (below !== undefined) {
                const subR = this.varyR !== 0 ? r >> (this.varyR - 1) : 0;
                const placed = this.chooseFirstn(
                  below,
                  this.stable ? 1 : outpos + 1,
                  0,
                  out2,
                  outpos,
                  count,
                  recurseTries,
                  0,
                  -1,
                  subR,
                );
                if (placed <= outpos) reject = true;
              } else {
                work[out2 + outpos] = item;
              }
            }
            if (!reject && !collide && itemType === 0) reject = this.isOut(item);
          }
          if (reject || collide) {
            total++;
            local++;
            if (collide && local <= this.localRetries) again = true;
            else if (localFallbackRetries > 0 && local <= bucket.size + localFallbackRetries) again = true;
            else if (total < tries) descend = true;
            else skip = true;
          }
        } while (again);
      } while (descend);
      if (skip) continue;
      work[out + outpos] = item;
      outpos++;
      count--;
      if (this.chooseTries !== undefined && total <= this.totalTries) this.chooseTries[total]++;
    }
    return outpos;
  }

  /**
   * Breadth first: items whose positions stay when others fail. Fills positions `outpos` to `outpos + left` of
   * `out`, with CRUSH_ITEM_NONE where nothing was found.
   */
  private chooseIndep(
    start: MapperBucket,
    left: number,
    numrep: number,
    type: number,
    out: number,
    outpos: number,
    tries: number,
    recurseTries: number,
    out2: number,
    parentR: number,
  ): void {
    const { work, buckets, x } = this;
    const endpos = outpos + left;
    for (let rep = outpos; rep < endpos; rep++) {
      work[out + rep] = CRUSH_ITEM_UNDEF;
      if (out2 >= 0) work[out2 + rep] = CRUSH_ITEM_UNDEF;
    }
    let total = 0;
    for (; left > 0 && total < tries; total++) {
      for (let rep = outpos; rep < endpos; rep++) {
        if (work[out + rep] !== CRUSH_ITEM_UNDEF) continue;
        let bucket = start;
        for (let hops = 0; ; hops++) {
          const { size } = bucket;
          if (size === 0) break;
          // A uniform bucket whose size the count divides would give the same items on every retry.
          const stride = bucket.alg === ALG_UNIFORM && size % numrep === 0 ? numrep + 1 : numrep;
          const r = rep + parentR + Math.imul(stride, total);
          const arg = this.args === undefined ? undefined : this.args[-1 - bucket.id];
          const at = bucketChoose(bucket, x, r, arg, outpos);
          const item = bucket.items[at];
          const itemType = bucket.itemTypes[at];
          const below = bucket.below[at];
          if (itemType !== type || itemType === BAD_ITEM) {
            if (below === undefined || hops > buckets.length) {
              work[out + rep] = CRUSH_ITEM_NONE;
              if (out2 >= 0) work[out2 + rep] = CRUSH_ITEM_NONE;
              left--;
              break;
            }
            bucket = below;
            continue;
          }
          let collide = false;
          for (let i = outpos; i < endpos; i++)
            if (work[out + i] === item) {
              collide = true;
              break;
            }
          if (collide) break;
          if (out2 >= 0) {
            if (below !== undefined) {
              this.chooseIndep(below, 1, numrep, 0, out2, rep, recurseTries, 0, -1, r);
              if (work[out2 + rep] === CRUSH_ITEM_NONE) break;
            } else {
              work[out2 + rep] = item;
            }
          }
          if (itemType === 0 && this.isOut(item)) break;
          work[out + rep] = item;
          left--;
          break;
        }
      }
    }
    for (let rep = outpos; rep < endpos; rep++) {
      if (work[out + rep] === CRUSH_ITEM_UNDEF) work[out + rep] = CRUSH_ITEM_NONE;
      if (out2 >= 0 && work[out2 + rep] === CRUSH_ITEM_UNDEF) work[out2 + rep] = CRUSH_ITEM_NONE;
    }
    if (this.chooseTries !== undefined && total <= this.totalTries) this.chooseTries[total]++;
  }
}
