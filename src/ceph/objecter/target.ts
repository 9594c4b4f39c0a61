import type { Random } from '../../env/env.ts';
import {
  OSDMAP_FULL,
  OSDMAP_PAUSERD,
  OSDMAP_PAUSEWR,
  OSDMAP_RECOVERY_DELETES,
  OSDMAP_SORTBITWISE,
} from '../osdmap/flags.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import type { PgMapping } from '../osdmap/placement.ts';
import type { PgPool } from '../osdmap/pool.ts';
import { stableMod } from '../osdmap/pool.ts';
import { POOL_FLAG_EIO, POOL_FLAG_FULL } from '../osdmap/pool-flags.ts';
import type { HObject } from '../types/hobject.ts';
import type { ObjectLocator } from '../types/object-locator.ts';
import type { SpgId } from '../types/pg.ts';
import {
  CEPH_OSD_FLAG_BALANCE_READS,
  CEPH_OSD_FLAG_FULL_FORCE,
  CEPH_OSD_FLAG_FULL_TRY,
  CEPH_OSD_FLAG_IGNORE_OVERLAY,
  CEPH_OSD_FLAG_LOCALIZE_READS,
  CEPH_OSD_FLAG_READ,
  CEPH_OSD_FLAG_REDIRECTED,
  CEPH_OSD_FLAG_WRITE,
} from '../types/rados.ts';
import { SNAP_NOSNAP } from '../types/snap.ts';

/** One PG on one map: what an op is addressed to, and what decides whether its interval has changed. */
export interface PgEntry {
  readonly spg: SpgId;
  readonly mapping: PgMapping;
  readonly pool: PgPool;
  /** OSDMAP_SORTBITWISE and OSDMAP_RECOVERY_DELETES as they were. */
  readonly mapFlags: number;
}

/** Who a request goes to (Objecter::op_target_t), and what that was computed from. */
export class OpTarget {
  /** CEPH_OSD_FLAG_*. */
  flags: number;
  readonly baseOid: string;
  readonly baseOloc: ObjectLocator;
  /** After tiering and redirects. */
  oid: string;
  oloc: ObjectLocator;
  /** Seed of the PG of an op on a PG itself; -1 for ops on objects. */
  baseSeed = -1;
  /** Epoch of the map that it was computed on. */
  epoch = 0;
  /** The name's hash: the raw PG's seed; -1 until there was a pool to ask. */
  hash = -1;
  entry: PgEntry | undefined = undefined;
  /** -1 for nobody. */
  osd = -1;
  usedReplica = false;
  paused = false;
  poolEverExisted = false;
  lastForceResend = 0;

  constructor(oid: string, oloc: ObjectLocator, flags: number) {
    // A key that is the name anyhow is none: OSDs sort and hash both alike.
    const loc = oloc.key !== '' && oloc.key === oid ? { ...oloc, key: '' } : oloc;
    this.baseOid = oid;
    this.baseOloc = loc;
    this.oid = oid;
    this.oloc = loc;
    this.flags = flags;
  }

  /** A copy for another request to the same place. */
  clone(): OpTarget {
    return Object.assign(new OpTarget(this.baseOid, this.baseOloc, this.flags), this);
  }

  /** Forgets the PG, so that the next calculation sends it in any case. */
  forget(): void {
    this.hash = -1;
    this.entry = undefined;
  }

  get hobj(): HObject {
    const { oloc, oid } = this;
    return {
      key: oloc.key,
      oid,
      snap: SNAP_NOSNAP,
      hash: oloc.hash >= 0 ? oloc.hash : this.hash,
      max: false,
      nspace: oloc.nspace,
      pool: oloc.pool,
    };
  }
}

export const TARGET_NO_ACTION = 0;
export const TARGET_NEED_RESEND = 1;
export const TARGET_POOL_DNE = 2;
export const TARGET_POOL_EIO = 3;

/** What the choice of a replica wants to know: how far an OSD is, -1 for unknown (localized reads). */
export type Locality = (map: OsdMap, osd: number) => number;

const FULL_ANYWAY = CEPH_OSD_FLAG_FULL_TRY | CEPH_OSD_FLAG_FULL_FORCE;
const INTERVAL_FLAGS = OSDMAP_SORTBITWISE | OSDMAP_RECOVERY_DELETES;

/** Whether a write waits for space. Writes that free or force space do not. */
function respectsFull(flags: number): boolean {
  return (flags & CEPH_OSD_FLAG_WRITE) !== 0 && (flags & FULL_ANYWAY) === 0;
}

function sameOsds(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Whether the PG's replies can come from someone else now: another primary, for erasure-coded pools another
 * shard of it, and with `anyChange` any other OSD (Objecter::is_pg_changed).
 */
function isPgChanged(a: PgMapping | undefined, b: PgMapping, anyChange: boolean): boolean {
  if (a === b) return false;
  if (a === undefined) return true;
  const none = b.acting.length === 0;
  if (a.acting.length === 0) return !none;
  if (none || a.actingPrimary !== b.actingPrimary || a.primaryShard !== b.primaryShard) return true;
  return anyChange && !sameOsds(a.acting, b.acting);
}

/** Whether PG `seed` of `from` PGs has a part that is another PG of `to`, which are more. */
function splits(seed: number, from: number, to: number): boolean {
  const mask = from <= 1 ? 0 : 2 ** (32 - Math.clz32(from - 1)) - 1;
  // Its parts have at least those low bits in common that no folding takes away.
  const step = from === mask + 1 ? from : (mask + 1) / 2;
  for (let s = seed % step; s < to; s += step)
    if (s >= from && stableMod(s, from, mask) === seed) return true;
  return false;
}

/** Whether another number of PGs makes PG `seed` give something to other PGs, or take it from them, or go. */
function splitOrMerge(seed: number, oldPgNum: number, pgNum: number): boolean {
  if (oldPgNum === pgNum || seed >= oldPgNum) return false;
  if (oldPgNum < pgNum) return splits(seed, oldPgNum, pgNum);
  return seed >= pgNum || splits(seed, pgNum, oldPgNum);
}

/** PastIntervals::is_new_interval (osd/osd_types.cc), of the PG that `seed` fell into before. */
function isNewInterval(a: PgEntry, b: PgEntry, seed: number): boolean {
  const p = a.pool;
  const q = b.pool;
  return (
    a.mapping.actingPrimary !== b.mapping.actingPrimary ||
    a.mapping.upPrimary !== b.mapping.upPrimary ||
    !sameOsds(a.mapping.acting, b.mapping.acting) ||
    !sameOsds(a.mapping.up, b.mapping.up) ||
    p.size !== q.size ||
    p.minSize !== q.minSize ||
    splitOrMerge(seed, p.pgNum, q.pgNum) ||
    p.isPendingMerge(seed) !== q.isPendingMerge(seed) ||
    p.peeringCrushBucketCount !== q.peeringCrushBucketCount ||
    p.peeringCrushBucketTarget !== q.peeringCrushBucketTarget ||
    p.peeringCrushMandatoryMember !== q.peeringCrushMandatoryMember ||
    a.mapFlags !== b.mapFlags
  );
}

interface PoolEntries {
  readonly pool: PgPool;
  readonly bySeed: (PgEntry | undefined)[];
}

/** Targets on one map at a time. */
export class TargetCalculator {
  /** What the cluster is like; replaced by `setMap`. */
  map: OsdMap;
  /** Writes wait while the map, their pool or its quota is full; off, they fail at the OSD with ENOSPC. */
  honorPoolFull = true;
  /** Ops wait until the map has this epoch. */
  epochBarrier = 0;
  locality: Locality | undefined = undefined;
  private readonly random: Random;
  private pools = new Map<number, PoolEntries>();

  constructor(map: OsdMap, random: Random) {
    this.map = map;
    this.random = random;
  }

  setMap(map: OsdMap): void {
    this.map = map;
    this.pools = new Map();
  }

  /** The PG with that seed, raw or not. The pool must exist. */
  private entryOf(poolId: number, pool: PgPool, rawSeed: number): PgEntry {
    let known = this.pools.get(poolId);
    if (known === undefined) {
      // Filled densely, so that looking up stays an array access.
      const bySeed: (PgEntry | undefined)[] = [];
      for (let i = 0; i < pool.pgNum; i++) bySeed.push(undefined);
      known = { pool, bySeed };
      this.pools.set(poolId, known);
    }
    const seed = stableMod(rawSeed, pool.pgNum, pool.pgNumMask);
    let entry = known.bySeed[seed];
    if (entry === undefined) {
      const mapping = this.map.placement.lookup(poolId, seed);
      const spg = { pgid: { pool: poolId, seed }, shard: mapping.primaryShard };
      const mapFlags = this.map.flags & INTERVAL_FLAGS;
      entry = { spg, mapping, pool, mapFlags };
      known.bySeed[seed] = entry;
    }
    return entry;
  }

  get isFull(): boolean {
    return this.honorPoolFull && this.map.testFlag(OSDMAP_FULL);
  }

  private isPoolFull(poolId: number): boolean {
    return this.honorPoolFull && this.map.pools.get(poolId)?.hasFlag(POOL_FLAG_FULL) === true;
  }

  /** Whether the map holds the target's ops back for now. */
  shouldBePaused(t: OpTarget): boolean {
    const { map } = this;
    const { flags } = t;
    if (map.epoch < this.epochBarrier) return true;
    if ((flags & CEPH_OSD_FLAG_READ) !== 0 && map.testFlag(OSDMAP_PAUSERD)) return true;
    if ((flags & CEPH_OSD_FLAG_WRITE) === 0) return false;
    if (map.testFlag(OSDMAP_PAUSEWR)) return true;
    return respectsFull(flags) && (this.isFull || this.isPoolFull(t.baseOloc.pool));
  }

  /**
   * Brings a target up to the map (Objecter::_calc_target). With `anyChange` every new interval of the PG
   * counts (watches have to be made known to it); without, only what takes the op to another OSD.
   */
  calc(t: OpTarget, anyChange: boolean): number {
    const { map } = this;
    t.epoch = map.epoch;
    const { baseOloc } = t;
    let pool = map.pools.get(baseOloc.pool);
    if (pool === undefined) {
      t.osd = -1;
      return TARGET_POOL_DNE;
    }
    t.poolEverExisted = true;
    if ((pool.flags & POOL_FLAG_EIO) !== 0) return TARGET_POOL_EIO;

    let force = false;
    if (map.epoch === pool.lastForceOpResend) {
      if (t.lastForceResend < pool.lastForceOpResend) {
        t.lastForceResend = pool.lastForceOpResend;
        force = true;
      } else if (t.lastForceResend === 0) force = true;
    }

    let poolId = t.oloc.pool;
    if ((t.flags & CEPH_OSD_FLAG_REDIRECTED) !== 0) pool = map.pools.get(poolId);
    else {
      poolId = baseOloc.pool;
      if ((t.flags & CEPH_OSD_FLAG_IGNORE_OVERLAY) === 0) {
        if ((t.flags & CEPH_OSD_FLAG_READ) !== 0 && pool.readTier >= 0) poolId = pool.readTier;
        if ((t.flags & CEPH_OSD_FLAG_WRITE) !== 0 && pool.writeTier >= 0) poolId = pool.writeTier;
      }
      if (poolId !== t.oloc.pool)
        t.oloc = poolId === baseOloc.pool ? baseOloc : { ...baseOloc, pool: poolId };
      if (poolId !== baseOloc.pool) pool = map.pools.get(poolId);
    }
    if (pool === undefined) {
      t.osd = -1;
      return TARGET_POOL_DNE;
    }

    let hash = t.baseSeed;
    if (hash < 0) {
      const { oloc } = t;
      hash = oloc.hash >= 0 ? oloc.hash : pool.hashKey(oloc.key === '' ? t.oid : oloc.key, oloc.nspace);
    }
    const entry = this.entryOf(poolId, pool, hash);
    return this.compare(t, entry, hash, force, anyChange);
  }

  private compare(t: OpTarget, entry: PgEntry, hash: number, force: boolean, anyChange: boolean): number {
    const before = t.entry;
    let split = false;
    if (before !== undefined && before !== entry) {
      const seed = stableMod(hash, before.pool.pgNum, before.pool.pgNumMask);
      split = splitOrMerge(seed, before.pool.pgNum, entry.pool.pgNum);
      if (anyChange && isNewInterval(before, entry, seed)) force = true;
    }

    const paused = this.shouldBePaused(t);
    const unpaused = t.paused && !paused;
    t.paused = paused;

    const moved =
      t.hash !== hash ||
      before === undefined ||
      before.spg.pgid.pool !== entry.spg.pgid.pool ||
      isPgChanged(before.mapping, entry.mapping, t.usedReplica || anyChange);
    if (moved || split || force) {
      t.hash = hash;
      t.entry = entry;
      t.usedReplica = false;
      t.osd = this.chooseOsd(t, entry.mapping);
    }
    return moved || split || unpaused || force ? TARGET_NEED_RESEND : TARGET_NO_ACTION;
  }

  private chooseOsd(t: OpTarget, mapping: PgMapping): number {
    const { acting, actingPrimary } = mapping;
    if (actingPrimary < 0) return -1;
    const { flags } = t;
    const reads = (flags & (CEPH_OSD_FLAG_READ | CEPH_OSD_FLAG_WRITE)) === CEPH_OSD_FLAG_READ;
    // An erasure-coded pool's data can be had from its primary only.
    if (!reads || mapping.primaryShard >= 0 || acting.length < 2) return actingPrimary;
    if ((flags & CEPH_OSD_FLAG_BALANCE_READS) !== 0) {
      const osd = acting[this.random.u32() % acting.length];
      t.usedReplica = osd !== actingPrimary;
      return osd;
    }
    if ((flags & CEPH_OSD_FLAG_LOCALIZE_READS) !== 0 && this.locality !== undefined)
      return this.chooseNearest(t, mapping);
    return actingPrimary;
  }

  /** The primary unless another OSD is nearer. */
  private chooseNearest(t: OpTarget, mapping: PgMapping): number {
    let best = mapping.actingPrimary;
    let bestAt = this.locality!(this.map, best);
    for (const osd of mapping.acting) {
      const at = this.locality!(this.map, osd);
      if (at < 0 || (bestAt >= 0 && at >= bestAt)) continue;
      best = osd;
      bestAt = at;
    }
    t.usedReplica = best !== mapping.actingPrimary;
    return best;
  }
}
