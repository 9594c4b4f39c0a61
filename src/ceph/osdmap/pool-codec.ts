import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { decodeMap, decStr, encodeMap, encStr } from '../types/collections.ts';
import { decodeEVersion, encodeEVersion } from '../types/eversion.ts';
import {
  FEATURE_NEW_OSDOP_ENCODING,
  FEATURE_OSD_POOLRESEND,
  FEATURE_SERVER_LUMINOUS,
  FEATURE_SERVER_MIMIC,
  FEATURE_SERVER_NAUTILUS,
  type Features,
} from '../types/features.ts';
import { decodeSnapIntervals, encodeSnapIntervals } from '../types/interval-set.ts';
import { decodePgId, encodePgId } from '../types/pg.ts';
import { decodePoolSnapInfo, encodePoolSnapInfo } from '../types/snap.ts';
import { decodeUTime, encodeUTime } from '../types/utime.ts';
import { decodeHitSetParams, encodeHitSetParams } from './hit-set-params.ts';
import { type PgMergeMeta, PgPool } from './pool.ts';
import { AUTOSCALE_WARN, POOL_FLAG_POOL_SNAPS, POOL_FLAG_SELFMANAGED_SNAPS } from './pool-flags.ts';
import { decodePoolOpts, encodePoolOpts } from './pool-opts.ts';

const KNOWN = 31;
/** Bits that readers before mimic were never shown. */
const SINCE_MIMIC = (1 << 13) | (1 << 14) | (1 << 15);

/** The version that readers with these features get; without features, the one the pool came in or today's. */
function versionFor(p: PgPool, features: Features | undefined): number {
  if (features !== undefined) {
    if (!features.has(FEATURE_OSD_POOLRESEND))
      throw new NacreError('ENOTSUP', 'osdmap.encode', 'pg_pool_t for readers before hammer');
    if (!features.has(FEATURE_NEW_OSDOP_ENCODING)) return 21;
    if (!features.has(FEATURE_SERVER_LUMINOUS)) return 24;
    if (!features.has(FEATURE_SERVER_MIMIC)) return 26;
    if (!features.has(FEATURE_SERVER_NAUTILUS)) return 27;
  }
  if (p.structV > 30) return p.structV;
  return p.isStretchPool ? 30 : 29;
}

/*
 * pg_pool_t (osd/osd_types.cc): ENCODE_START(29, 5), or 30 when the pool is stretched over sites:
 *   u8 type, u8 size, u8 crush_rule, u8 object_hash, u32 pg_num, u32 pgp_num, u32 0, u32 0, u32 last_change,
 *   u64 snap_seq, u32 snap_epoch, map<u64, pool_snap_info_t> snaps, interval_set<u64> removed_snaps,
 *   u64 auid, u64 flags, u32 0, u8 min_size, u64 quota_max_bytes, u64 quota_max_objects, set<u64> tiers,
 *   s64 tier_of, u8 cache_mode, s64 read_tier, s64 write_tier, map<str, str> properties,
 *   HitSet::Params, u32 hit_set_period, u32 hit_set_count, u32 stripe_width, u64 target_max_bytes,
 *   u64 target_max_objects, u32 cache_target_dirty_ratio_micro, u32 cache_target_full_ratio_micro,
 *   u32 cache_min_flush_age, u32 cache_min_evict_age, str erasure_code_profile,
 *   u32 last_force_op_resend_preluminous, u32 min_read_recency_for_promote, u64 expected_num_objects
 *   19: u32 cache_target_dirty_high_ratio_micro   20: u32 min_write_recency_for_promote
 *   21: u8 use_gmt_hitset   22: u8 fast_read   23: u32 hit_set_grade_decay_rate, u32 hit_set_search_last_n
 *   24: pool_opts_t   25: u32 last_force_op_resend_prenautilus
 *   26: map<str, map<str, str>> application_metadata   27: utime_t create_time
 *   28: u32 pg_num_target, u32 pgp_num_target, u32 pg_num_pending, u32 0, u32 0, u32 last_force_op_resend,
 *       u8 pg_autoscale_mode   29: pg_merge_meta_t
 *   30: u32 peering_crush_bucket_count, _target, _barrier, s32 _mandatory_member
 *   31: the four of 30 behind a u8 that says whether they are there
 */
export function encodePgPool(e: Encoder, p: PgPool, features?: Features): void {
  const v = versionFor(p, features);
  const mark = e.start(v, 5);
  e.u8(p.type);
  e.u8(p.size);
  e.u8(p.crushRule);
  e.u8(p.objectHash);
  e.u32(p.pgNum);
  e.u32(p.pgpNum);
  e.u32(0);
  e.u32(0);
  e.u32(p.lastChange);
  e.u64b(p.snapSeq);
  e.u32(p.snapEpoch);
  e.u32(p.snaps.size);
  for (const id of sortedSnaps(p)) {
    e.u64b(id);
    encodePoolSnapInfo(e, p.snaps.get(id)!);
  }
  encodeSnapIntervals(e, p.removedSnaps);
  e.u64b(p.auid);
  e.u64(v >= 27 ? p.flags : p.flags - (p.flags & SINCE_MIMIC));
  e.u32(0);
  e.u8(p.minSize);
  e.u64(p.quotaMaxBytes);
  e.u64(p.quotaMaxObjects);
  e.u32(p.tiers.length);
  for (const tier of p.tiers) e.u64(tier);
  e.i64(p.tierOf);
  e.u8(p.cacheMode);
  e.i64(p.readTier);
  e.i64(p.writeTier);
  encodeMap(e, p.properties, encStr, encStr);
  encodeHitSetParams(e, p.hitSetParams);
  e.u32(p.hitSetPeriod);
  e.u32(p.hitSetCount);
  e.u32(p.stripeWidth);
  e.u64(p.targetMaxBytes);
  e.u64(p.targetMaxObjects);
  e.u32(p.cacheTargetDirtyRatioMicro);
  e.u32(p.cacheTargetFullRatioMicro);
  e.u32(p.cacheMinFlushAge);
  e.u32(p.cacheMinEvictAge);
  e.str(p.erasureCodeProfile);
  e.u32(p.lastForceOpResendPreluminous);
  e.u32(p.minReadRecencyForPromote);
  e.u64(p.expectedNumObjects);
  e.u32(p.cacheTargetDirtyHighRatioMicro);
  e.u32(p.minWriteRecencyForPromote);
  e.bool(p.useGmtHitset);
  if (v >= 22) e.bool(p.fastRead);
  if (v >= 23) {
    e.u32(p.hitSetGradeDecayRate);
    e.u32(p.hitSetSearchLastN);
  }
  if (v >= 24) encodePoolOpts(e, p.opts, v >= 28 ? 2 : 1);
  if (v >= 25) e.u32(p.lastForceOpResendPrenautilus);
  if (v >= 26) {
    e.u32(p.applicationMetadata.size);
    for (const app of [...p.applicationMetadata.keys()].sort()) {
      e.str(app);
      const meta = p.applicationMetadata.get(app)!;
      e.u32(meta.size);
      for (const key of [...meta.keys()].sort()) {
        e.str(key);
        e.str(meta.get(key)!);
      }
    }
  }
  if (v >= 27) encodeUTime(e, p.createTime);
  if (v >= 28) {
    e.u32(p.pgNumTarget);
    e.u32(p.pgpNumTarget);
    e.u32(p.pgNumPending);
    e.u32(0);
    e.u32(0);
    e.u32(p.lastForceOpResend);
    e.u8(p.autoscaleMode);
  }
  if (v >= 29) encodeMergeMeta(e, p.lastPgMergeMeta);
  if (v >= 31) e.bool(p.isStretchPool);
  if (v === 30 || (v >= 31 && p.isStretchPool)) {
    e.u32(p.peeringCrushBucketCount);
    e.u32(p.peeringCrushBucketTarget);
    e.u32(p.peeringCrushBucketBarrier);
    e.i32(p.peeringCrushMandatoryMember);
  }
  if (p.tail !== undefined && v === p.structV) e.bytes(p.tail);
  e.finish(mark);
}

function sortedSnaps(p: PgPool): bigint[] {
  return [...p.snaps.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

export function decodePgPool(d: Decoder): PgPool {
  const end = d.startLegacy('pg_pool_t', KNOWN, 5, 5);
  const p = new PgPool();
  const v = d.structV;
  p.structV = v;
  p.type = d.u8();
  p.size = d.u8();
  p.crushRule = d.u8();
  p.objectHash = d.u8();
  const pgNum = d.u32();
  p.setPgpNum(d.u32());
  p.setPgNum(pgNum);
  d.skip(8);
  p.lastChange = d.u32();
  p.snapSeq = d.u64b();
  p.snapEpoch = d.u32();
  if (v < 3) d.fail(`version ${v} is older than is known here`);
  for (let n = d.count(29); n > 0; n--) {
    const id = d.u64b();
    p.snaps.set(id, decodePoolSnapInfo(d));
  }
  p.removedSnaps = decodeSnapIntervals(d);
  p.auid = d.u64b();
  if (v >= 4) {
    p.flags = d.u64();
    d.skip(4);
  }
  // Maps from before the two flags: which kind of snapshots the pool has follows from what it removed.
  if (p.snapSeq > 0n && !p.isPoolSnapsMode && !p.isUnmanagedSnapsMode)
    p.setFlag(p.removedSnaps.length > 0 ? POOL_FLAG_SELFMANAGED_SNAPS : POOL_FLAG_POOL_SNAPS);
  p.minSize = v >= 7 ? d.u8() : p.size - Math.floor(p.size / 2);
  decodeTiering(d, p, v);
  p.cacheTargetDirtyHighRatioMicro = v >= 19 ? d.u32() : p.cacheTargetDirtyRatioMicro;
  p.minWriteRecencyForPromote = v >= 20 ? d.u32() : 1;
  p.useGmtHitset = v >= 21 ? d.bool() : false;
  p.fastRead = v >= 22 ? d.bool() : false;
  p.hitSetGradeDecayRate = v >= 23 ? d.u32() : 0;
  p.hitSetSearchLastN = v >= 23 ? d.u32() : 1;
  if (v >= 24) p.opts = decodePoolOpts(d);
  p.lastForceOpResendPrenautilus = v >= 25 ? d.u32() : p.lastForceOpResendPreluminous;
  if (v >= 26) p.applicationMetadata = decodeMap(d, 8, decStr, decodeStrMap);
  if (v >= 27) p.createTime = decodeUTime(d);
  if (v >= 28) decodeTargets(d, p, v);
  else {
    p.pgNumTarget = p.pgNum;
    p.pgpNumTarget = p.pgpNum;
    p.lastForceOpResend = p.lastForceOpResendPrenautilus;
    p.autoscaleMode = AUTOSCALE_WARN;
  }
  if (v === 30 || (v >= 31 && d.bool())) {
    p.peeringCrushBucketCount = d.u32();
    p.peeringCrushBucketTarget = d.u32();
    p.peeringCrushBucketBarrier = d.u32();
    p.peeringCrushMandatoryMember = d.i32();
  }
  if (v > KNOWN && d.remaining > 0) p.tail = Buffer.from(d.rest());
  d.finish(end);
  return p;
}

const decodeStrMap = (d: Decoder): Map<string, string> => decodeMap(d, 8, decStr, decStr);

/** Versions 8 to 17: quotas, cache tiering, hit sets, erasure coding. */
function decodeTiering(d: Decoder, p: PgPool, v: number): void {
  if (v >= 8) {
    p.quotaMaxBytes = d.u64();
    p.quotaMaxObjects = d.u64();
  }
  if (v >= 9) {
    const tiers: number[] = [];
    for (let n = d.count(8); n > 0; n--) tiers.push(d.u64());
    p.tiers = tiers;
    p.tierOf = d.i64();
    p.cacheMode = d.u8();
    p.readTier = d.i64();
    p.writeTier = d.i64();
  }
  if (v >= 10) p.properties = decodeStrMap(d);
  if (v >= 11) {
    p.hitSetParams = decodeHitSetParams(d);
    p.hitSetPeriod = d.u32();
    p.hitSetCount = d.u32();
  }
  if (v >= 12) p.stripeWidth = d.u32();
  if (v >= 13) {
    p.targetMaxBytes = d.u64();
    p.targetMaxObjects = d.u64();
    p.cacheTargetDirtyRatioMicro = d.u32();
    p.cacheTargetFullRatioMicro = d.u32();
    p.cacheMinFlushAge = d.u32();
    p.cacheMinEvictAge = d.u32();
  }
  if (v >= 14) p.erasureCodeProfile = d.str();
  if (v >= 15) p.lastForceOpResendPreluminous = d.u32();
  p.minReadRecencyForPromote = v >= 16 ? d.u32() : 1;
  if (v >= 17) p.expectedNumObjects = d.u64();
}

/** Versions 28 and 29: the sizes that the pool moves towards. */
function decodeTargets(d: Decoder, p: PgPool, v: number): void {
  p.pgNumTarget = d.u32();
  p.pgpNumTarget = d.u32();
  p.pgNumPending = d.u32();
  const lastEpochStarted = d.u32();
  const lastEpochClean = d.u32();
  p.lastForceOpResend = d.u32();
  p.autoscaleMode = d.u8();
  p.lastPgMergeMeta =
    v >= 29 ? decodeMergeMeta(d) : { ...p.lastPgMergeMeta, lastEpochStarted, lastEpochClean };
}

// pg_merge_meta_t: ENCODE_START(1, 1): pg_t, u32 ready_epoch, u32 last_epoch_started, u32 last_epoch_clean,
// eversion_t source_version, eversion_t target_version.

function encodeMergeMeta(e: Encoder, m: PgMergeMeta): void {
  const mark = e.start(1, 1);
  encodePgId(e, m.sourcePgid);
  e.u32(m.readyEpoch);
  e.u32(m.lastEpochStarted);
  e.u32(m.lastEpochClean);
  encodeEVersion(e, m.sourceVersion);
  encodeEVersion(e, m.targetVersion);
  e.finish(mark);
}

function decodeMergeMeta(d: Decoder): PgMergeMeta {
  const end = d.start('pg_merge_meta_t', 1);
  const m = {
    sourcePgid: decodePgId(d),
    readyEpoch: d.u32(),
    lastEpochStarted: d.u32(),
    lastEpochClean: d.u32(),
    sourceVersion: decodeEVersion(d),
    targetVersion: decodeEVersion(d),
  };
  d.finish(end);
  return m;
}
