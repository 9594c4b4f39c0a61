import { CRUSH_ITEM_NONE } from '../crush/constants.ts';
import { hash32_2 } from '../crush/hash.ts';
import { findRule } from '../crush/rules.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import { NO_SHARD, type PgId, type SpgId } from '../types/pg.ts';
import { DEFAULT_PRIMARY_AFFINITY, MAX_PRIMARY_AFFINITY } from './flags.ts';
import type { OsdMap } from './osdmap.ts';
import type { PgPool } from './pool.ts';

/** Which OSDs a PG belongs to. Shared and never changed: do not write to it. */
export interface PgMapping {
  /** Who should have it, by CRUSH and the exceptions to it; CRUSH_ITEM_NONE for a missing shard. */
  readonly up: readonly number[];
  /** -1 when there is nobody. */
  readonly upPrimary: number;
  /** Who has it at the moment: `up`, unless data still has to move there (pg_temp). */
  readonly acting: readonly number[];
  /** The OSD that clients talk to; -1 when there is nobody. */
  readonly actingPrimary: number;
  /** Position of the acting primary in an erasure pool, NO_SHARD in a replicated one. */
  readonly primaryShard: number;
}

/** OSDs in order with the one that leads them, -1 when there is nobody. */
export interface OsdSet {
  osds: number[];
  primary: number;
}

const NOWHERE: PgMapping = { up: [], upPrimary: -1, acting: [], actingPrimary: -1, primaryShard: NO_SHARD };

/** What is known of one pool. */
interface PoolPlacement {
  readonly pool: PgPool;
  /** The CRUSH rule; -1 for none. */
  readonly rule: number;
  /** By seed. */
  readonly pgs: (PgMapping | undefined)[];
}

/** Up to so many PGs a pool gets its whole array at once, which is quicker than one that grows with holes. */
const WHOLE_ARRAY = 1 << 20;

function firstOf(osds: readonly number[]): number {
  for (let i = 0; i < osds.length; i++) if (osds[i] !== CRUSH_ITEM_NONE) return osds[i];
  return -1;
}

/**
 * Object -> PG -> OSDs on one map (OSDMap::_pg_to_up_acting_osds, osd/OSDMap.cc), in the steps: CRUSH, then
 * the exceptions to it (pg_upmap, pg_upmap_items, pg_upmap_primaries), then who is up, then primary affinity,
 * then pg_temp and primary_temp. What was computed is remembered: asking again costs two look-ups.
 */
export class PgPlacement {
  private readonly map: OsdMap;
  private readonly known = new Map<number, PoolPlacement>();
  private readonly anyUpmap: boolean;
  private readonly anyTemp: boolean;

  constructor(map: OsdMap) {
    this.map = map;
    this.anyUpmap = map.pgUpmap.size + map.pgUpmapItems.size + map.pgUpmapPrimaries.size > 0;
    this.anyTemp = map.pgTemp.size + map.primaryTemp.size > 0;
  }

  /** The raw PG of an object: full-precision hash as its seed. Undefined when there is no such pool. */
  objectToPg(pool: number, name: string, key = '', nspace = ''): PgId | undefined {
    const p = this.map.pools.get(pool);
    if (p === undefined) return undefined;
    return { pool, seed: p.hashKey(key === '' ? name : key, nspace) };
  }

  /** The same for a locator, which may state the hash itself. */
  objectLocatorToPg(name: string, loc: ObjectLocator): PgId | undefined {
    const p = this.map.pools.get(loc.pool);
    if (p === undefined) return undefined;
    const seed = loc.hash >= 0 ? loc.hash : p.hashKey(loc.key === '' ? name : loc.key, loc.nspace);
    return { pool: loc.pool, seed };
  }

  /** Raw PG -> the PG that holds it. Undefined when there is no such pool. */
  rawPgToPg(raw: PgId): PgId | undefined {
    const p = this.map.pools.get(raw.pool);
    return p === undefined ? undefined : { pool: raw.pool, seed: p.rawSeedToPg(raw.seed) };
  }

  /** The OSDs of a PG, raw or not; nobody when there is no such pool. */
  pgToUpActing(pg: PgId): PgMapping {
    return this.lookup(pg.pool, pg.seed);
  }

  /** The same by number, for callers that have no PgId at hand. */
  lookup(pool: number, seed: number): PgMapping {
    const of = this.known.get(pool) ?? this.learn(pool);
    if (of === undefined) return NOWHERE;
    const ps = of.pool.rawSeedToPg(seed);
    const mapping = of.pgs[ps];
    if (mapping !== undefined) return mapping;
    const computed = this.compute(pool, of, ps);
    of.pgs[ps] = computed;
    return computed;
  }

  /**
   * Up to pacific a pool names a rule set, and the rule is the first of it that is for such pools; quincy and newer
   * write their rules such that this finds the rule of that number.
   */
  private learn(id: number): PoolPlacement | undefined {
    const pool = this.map.pools.get(id);
    if (pool === undefined) return undefined;
    const rule = findRule(this.map.crush, pool.crushRule, pool.type, pool.size) ?? -1;
    const pgs = pool.pgNum <= WHOLE_ARRAY ? new Array<PgMapping | undefined>(pool.pgNum) : [];
    const of = { pool, rule, pgs };
    this.known.set(id, of);
    return of;
  }

  /** The PG with the shard that its acting primary holds: the address of an op. */
  primarySpg(pg: PgId): SpgId {
    return { pgid: pg, shard: this.lookup(pg.pool, pg.seed).primaryShard };
  }

  /** What CRUSH alone says. */
  rawOsds(pool: number, seed: number): OsdSet {
    const of = this.known.get(pool) ?? this.learn(pool);
    if (of === undefined) return { osds: [], primary: -1 };
    const osds = this.crushOsds(pool, of, of.pool.rawSeedToPps(pool, seed));
    return { osds, primary: firstOf(osds) };
  }

  /** What CRUSH says, and that with the upmap exceptions applied. */
  rawUpmap(pool: number, seed: number): { raw: number[]; upmapped: number[] } {
    const of = this.known.get(pool) ?? this.learn(pool);
    if (of === undefined) return { raw: [], upmapped: [] };
    const raw = this.crushOsds(pool, of, of.pool.rawSeedToPps(pool, seed));
    return { raw, upmapped: this.applyUpmap(pool, of.pool.rawSeedToPg(seed), raw.slice()) };
  }

  /** The up set as if there were no pg_temp; the primary is the first that CRUSH named, up or not. */
  rawUp(pool: number, seed: number): OsdSet {
    const of = this.known.get(pool) ?? this.learn(pool);
    if (of === undefined) return { osds: [], primary: -1 };
    const pps = of.pool.rawSeedToPps(pool, seed);
    const raw = this.applyUpmap(pool, of.pool.rawSeedToPg(seed), this.crushOsds(pool, of, pps));
    const set = { osds: raw, primary: firstOf(raw) };
    this.dropDown(of.pool, set.osds);
    this.applyAffinity(pps, of.pool, set);
    return set;
  }

  private compute(pool: number, of: PoolPlacement, ps: number): PgMapping {
    const p = of.pool;
    const pps = p.rawSeedToPps(pool, ps);
    let osds = this.crushOsds(pool, of, pps);
    if (this.anyUpmap) osds = this.applyUpmap(pool, ps, osds);
    this.dropDown(p, osds);
    const up: OsdSet = { osds, primary: firstOf(osds) };
    this.applyAffinity(pps, p, up);

    let acting: readonly number[] = up.osds;
    let actingPrimary = up.primary;
    if (this.anyTemp) {
      const temp = this.tempOsds(pool, p, ps);
      if (temp.osds.length > 0) {
        acting = temp.osds;
        actingPrimary = temp.primary;
      } else if (temp.primary !== -1) actingPrimary = temp.primary;
    }
    const primaryShard = p.isErasure ? acting.indexOf(actingPrimary) : NO_SHARD;
    return { up: up.osds, upPrimary: up.primary, acting, actingPrimary, primaryShard };
  }

  private crushOsds(pool: number, of: PoolPlacement, pps: number): number[] {
    const { map } = this;
    const found = map.crushMapper.doRule(of.rule, pps, of.pool.size, map.osdWeight, pool);
    const osds: number[] = [];
    const shift = of.pool.canShiftOsds;
    for (let i = 0; i < found.length; i++) {
      const osd = found[i];
      if (map.exists(osd)) osds.push(osd);
      else if (!shift) osds.push(CRUSH_ITEM_NONE);
    }
    return osds;
  }

  private isMarkedOut(osd: number): boolean {
    return osd >= 0 && osd < this.map.maxOsd && this.map.osdWeight[osd] === 0;
  }

  /** Changes `raw` in place, or returns another list in its stead. */
  private applyUpmap(pool: number, ps: number, raw: number[]): number[] {
    const { map } = this;
    const explicit = map.pgUpmap.get(pool, ps);
    if (explicit !== undefined) {
      // One target that is out makes all exceptions of the PG void.
      for (let i = 0; i < explicit.length; i++) if (this.isMarkedOut(explicit[i])) return raw;
      raw = explicit.slice();
    }
    const items = map.pgUpmapItems.get(pool, ps);
    if (items !== undefined)
      for (const [from, to] of items) {
        if (raw.includes(to) || this.isMarkedOut(to)) continue;
        const at = raw.indexOf(from);
        if (at >= 0) raw[at] = to;
      }
    const primary = map.pgUpmapPrimaries.get(pool, ps);
    if (primary !== undefined && primary >= 0 && primary < map.maxOsd && map.osdWeight[primary] !== 0) {
      const at = raw.indexOf(primary, 1);
      if (at > 0) {
        raw[at] = raw[0];
        raw[0] = primary;
      }
    }
    return raw;
  }

  /** Takes out the OSDs that are not up, in place: what is behind them moves up, or they leave a hole. */
  private dropDown(p: PgPool, osds: number[]): void {
    const shift = p.canShiftOsds;
    let kept = 0;
    for (let i = 0; i < osds.length; i++) {
      if (this.map.isUp(osds[i])) osds[kept++] = osds[i];
      else if (!shift) osds[kept++] = CRUSH_ITEM_NONE;
    }
    if (kept < osds.length) osds.length = kept;
  }

  /**
   * An OSD with an affinity below 1 turns down that share of the PGs that it would lead: the draw is a hash
   * of the PG and the OSD. When all turn it down, the first leads nevertheless.
   */
  private applyAffinity(pps: number, p: PgPool, set: OsdSet): void {
    const affinity = this.map.primaryAffinity;
    if (affinity === undefined) return;
    const { osds } = set;
    let any = false;
    for (let i = 0; i < osds.length && !any; i++)
      any = osds[i] !== CRUSH_ITEM_NONE && affinity[osds[i]] !== DEFAULT_PRIMARY_AFFINITY;
    if (!any) return;
    let pos = -1;
    for (let i = 0; i < osds.length; i++) {
      const osd = osds[i];
      if (osd === CRUSH_ITEM_NONE) continue;
      const a = affinity[osd];
      if (a < MAX_PRIMARY_AFFINITY && hash32_2(pps, osd) >>> 16 >= a) {
        if (pos < 0) pos = i;
        continue;
      }
      pos = i;
      break;
    }
    if (pos < 0) return;
    set.primary = osds[pos];
    if (p.canShiftOsds && pos > 0) {
      osds.copyWithin(1, 0, pos);
      osds[0] = set.primary;
    }
  }

  private tempOsds(pool: number, p: PgPool, ps: number): OsdSet {
    const { map } = this;
    const osds: number[] = [];
    const temp = map.pgTemp.get(pool, ps);
    if (temp !== undefined) {
      const shift = p.canShiftOsds;
      for (let i = 0; i < temp.length; i++) {
        if (map.isUp(temp[i])) osds.push(temp[i]);
        else if (!shift) osds.push(CRUSH_ITEM_NONE);
      }
    }
    return { osds, primary: map.primaryTemp.get(pool, ps) ?? firstOf(osds) };
  }
}

/** Position of an OSD in an acting set; of a shard, whether it holds that shard; -1 when it has no part. */
export function pgRole(osd: number, shard: number, acting: readonly number[]): number {
  if (shard === NO_SHARD) return acting.indexOf(osd);
  return acting[shard] === osd ? shard : -1;
}
