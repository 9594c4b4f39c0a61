import { hash32_2 } from '../crush/hash.ts';
import type { EVersion } from '../types/eversion.ts';
import { EVERSION_ZERO } from '../types/eversion.ts';
import type { SnapInterval } from '../types/interval-set.ts';
import type { PgId } from '../types/pg.ts';
import type { PoolSnapInfo, SnapContext } from '../types/snap.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import { type HitSetParams, NO_HIT_SET } from './hit-set-params.ts';
import {
  AUTOSCALE_UNKNOWN,
  CACHEMODE_NONE,
  POOL_ERASURE,
  POOL_FLAG_EC_OVERWRITES,
  POOL_FLAG_HASHPSPOOL,
  POOL_FLAG_POOL_SNAPS,
  POOL_FLAG_SELFMANAGED_SNAPS,
  POOL_REPLICATED,
} from './pool-flags.ts';
import type { PoolOpts } from './pool-opts.ts';
import { hashObjectName } from './str-hash.ts';

/** CRUSH_ITEM_NONE where a bucket is meant: no bucket is mandatory. */
export const NO_MANDATORY_MEMBER = 0x7fffffff;

/** pg_merge_meta_t: the last merge of two PGs of a pool. */
export interface PgMergeMeta {
  readonly sourcePgid: PgId;
  readonly readyEpoch: number;
  readonly lastEpochStarted: number;
  readonly lastEpochClean: number;
  readonly sourceVersion: EVersion;
  readonly targetVersion: EVersion;
}

export const NO_MERGE: PgMergeMeta = {
  sourcePgid: { pool: 0, seed: 0 },
  readyEpoch: 0,
  lastEpochStarted: 0,
  lastEpochClean: 0,
  sourceVersion: EVERSION_ZERO,
  targetVersion: EVERSION_ZERO,
};

/** All ones up to the highest bit of n - 1: what folds a hash onto n PGs or fewer than twice as many. */
function pgMask(n: number): number {
  return n <= 1 ? 0 : 2 ** (32 - Math.clz32(n - 1)) - 1;
}

/**
 * ceph_stable_mod (include/rados.h): x modulo b, such that most x keep their place while b grows. `mask` is
 * the smallest 2^n - 1 that is not below b - 1.
 */
export function stableMod(x: number, b: number, mask: number): number {
  const low = (x & mask) >>> 0;
  return low < b ? low : (x & (mask >>> 1)) >>> 0;
}

/** pg_pool_t (osd/osd_types.h): everything the map says about one pool. */
export class PgPool {
  /** Version that it was decoded from; 0 for one made here. */
  structV = 0;
  /** What a version newer than we know appended, kept so that encoding gives the same bytes. */
  tail: Buffer | undefined = undefined;

  createTime: UTime = UTIME_ZERO;
  /** POOL_FLAG_*. */
  flags = 0;
  /** POOL_REPLICATED or POOL_ERASURE. */
  type = POOL_REPLICATED;
  size = 0;
  minSize = 0;
  crushRule = 0;
  /** STR_HASH_*. */
  objectHash = 0;
  autoscaleMode = AUTOSCALE_UNKNOWN;
  /** Number of PGs; change it with `setPgNum`. */
  pgNum = 0;
  /** Number of PGs that are placed on their own; change it with `setPgpNum`. */
  pgpNum = 0;
  pgNumMask = 0;
  pgpNumMask = 0;
  pgNumPending = 0;
  pgNumTarget = 0;
  pgpNumTarget = 0;
  /** Obsolete. */
  properties = new Map<string, string>();
  erasureCodeProfile = '';
  /** Epoch. */
  lastChange = 0;
  peeringCrushBucketCount = 0;
  peeringCrushBucketTarget = 0;
  peeringCrushBucketBarrier = 0;
  peeringCrushMandatoryMember = NO_MANDATORY_MEMBER;
  /** Epochs since which clients must have resent, for clients of today, before nautilus, before luminous. */
  lastForceOpResend = 0;
  lastForceOpResendPrenautilus = 0;
  lastForceOpResendPreluminous = 0;
  lastPgMergeMeta: PgMergeMeta = NO_MERGE;
  snapSeq = 0n;
  /** Epoch of the last snapshot. */
  snapEpoch = 0;
  auid = 0n;
  /** 0 for no quota. */
  quotaMaxBytes = 0;
  quotaMaxObjects = 0;
  /** Snapshots of the whole pool, by id. */
  snaps = new Map<bigint, PoolSnapInfo>();
  removedSnaps: readonly SnapInterval[] = [];
  /** Pools that are tiers of this one. */
  tiers: readonly number[] = [];
  /** Pool ids; -1 for none. */
  tierOf = -1;
  readTier = -1;
  writeTier = -1;
  cacheMode = CACHEMODE_NONE;
  targetMaxBytes = 0;
  targetMaxObjects = 0;
  /** Ratios in millionths. */
  cacheTargetDirtyRatioMicro = 0;
  cacheTargetDirtyHighRatioMicro = 0;
  cacheTargetFullRatioMicro = 0;
  /** Seconds. */
  cacheMinFlushAge = 0;
  cacheMinEvictAge = 0;
  hitSetParams: HitSetParams = NO_HIT_SET;
  /** Seconds. */
  hitSetPeriod = 0;
  hitSetCount = 0;
  useGmtHitset = true;
  minReadRecencyForPromote = 0;
  minWriteRecencyForPromote = 0;
  hitSetGradeDecayRate = 0;
  hitSetSearchLastN = 0;
  /** Bytes of one stripe over all data chunks; 0 in replicated pools. */
  stripeWidth = 0;
  expectedNumObjects = 0;
  fastRead = false;
  opts: PoolOpts = new Map();
  /** Application -> its key/value metadata. */
  applicationMetadata = new Map<string, Map<string, string>>();

  clone(): PgPool {
    const copy = Object.assign(new PgPool(), this);
    copy.properties = new Map(this.properties);
    copy.snaps = new Map(this.snaps);
    copy.opts = new Map(this.opts);
    copy.applicationMetadata = new Map();
    for (const [app, meta] of this.applicationMetadata) copy.applicationMetadata.set(app, new Map(meta));
    return copy;
  }

  setPgNum(n: number): void {
    this.pgNum = n;
    this.pgNumPending = n;
    this.pgNumMask = pgMask(n);
  }

  setPgpNum(n: number): void {
    this.pgpNum = n;
    this.pgpNumMask = pgMask(n);
  }

  get isReplicated(): boolean {
    return this.type === POOL_REPLICATED;
  }

  get isErasure(): boolean {
    return this.type === POOL_ERASURE;
  }

  /** Whether OSDs move up when one before them is gone; in an erasure pool the position is the shard. */
  get canShiftOsds(): boolean {
    return this.type !== POOL_ERASURE;
  }

  get isStretchPool(): boolean {
    return this.peeringCrushBucketCount !== 0;
  }

  get isPoolSnapsMode(): boolean {
    return this.hasFlag(POOL_FLAG_POOL_SNAPS);
  }

  get isUnmanagedSnapsMode(): boolean {
    return this.hasFlag(POOL_FLAG_SELFMANAGED_SNAPS);
  }

  /** Whether reads must be of whole stripes and writes append whole ones. */
  get requiresAlignedAppend(): boolean {
    return this.type === POOL_ERASURE && !this.hasFlag(POOL_FLAG_EC_OVERWRITES);
  }

  get requiredAlignment(): number {
    return this.stripeWidth;
  }

  hasFlag(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  setFlag(flag: number): void {
    if (!this.hasFlag(flag)) this.flags += flag;
  }

  clearFlag(flag: number): void {
    if (this.hasFlag(flag)) this.flags -= flag;
  }

  /** The full-precision seed of an object: what a raw PG id has. */
  hashKey(name: string, nspace = ''): number {
    return hashObjectName(this.objectHash, name, nspace);
  }

  /** Raw seed -> the PG that holds it. */
  rawSeedToPg(seed: number): number {
    return stableMod(seed, this.pgNum, this.pgNumMask);
  }

  /** Seed -> what CRUSH is asked with. Signed 32 bits: CRUSH hashes bits, not values. */
  rawSeedToPps(pool: number, seed: number): number {
    const ps = stableMod(seed, this.pgpNum, this.pgpNumMask);
    if ((this.flags & POOL_FLAG_HASHPSPOOL) !== 0) return hash32_2(ps, pool);
    return (ps + pool) | 0;
  }

  /** How many PGs of the size of this one would make the whole pool. */
  pgNumDivisor(seed: number): number {
    if (this.pgNum === this.pgNumMask + 1) return this.pgNum;
    const mask = this.pgNumMask >>> 1;
    return (seed & mask) < (this.pgNum & mask) ? this.pgNumMask + 1 : (this.pgNumMask + 1) / 2;
  }

  /** Whether the PG is about to be merged into another, or another into it. */
  isPendingMerge(seed: number): boolean {
    if (this.pgNumPending >= this.pgNum) return false;
    if (seed >= this.pgNumPending && seed < this.pgNum) return true;
    // Those that merge into it have one bit more, above all of its own.
    for (let bit = 32 - Math.clz32(seed); bit < 32; bit++) {
      const source = seed + 2 ** bit;
      if (source >= this.pgNumPending && source < this.pgNum) return true;
    }
    return false;
  }

  /** The snap context of writes to a pool with pool snapshots. */
  snapContext(): SnapContext {
    const snaps = [...this.snaps.keys()].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
    return { seq: this.snapSeq, snaps };
  }

  /** Whether a snapshot of that id was removed or never made. */
  isRemovedSnap(snap: bigint): boolean {
    if (this.isPoolSnapsMode) return snap <= this.snapSeq && !this.snaps.has(snap);
    return this.removedSnaps.some(({ start, length }) => snap >= start && snap < start + length);
  }

  /** Id of the pool snapshot of that name; undefined when there is none. */
  snapByName(name: string): bigint | undefined {
    for (const [id, snap] of this.snaps) if (snap.name === name) return id;
    return undefined;
  }
}

/** The PG that a PG was split from: its seed without the highest bit. */
export function pgParent(seed: number): number {
  return seed === 0 ? 0 : (seed & ~(1 << (31 - Math.clz32(seed)))) >>> 0;
}
