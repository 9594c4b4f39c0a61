import { cephFloat } from '../../base/format.ts';
import { weightToFloat } from '../crush/format.ts';
import { entityAddrText, legacyAddrText, sockaddrText } from '../types/addr-text.ts';
import { type EntityAddr, type EntityAddrVec, legacyOrFrontAddr } from '../types/entity.ts';
import { eversionText } from '../types/eversion.ts';
import { intervalsText } from '../types/interval-set.ts';
import { pgText } from '../types/pg.ts';
import { utimeText } from '../types/utime.ts';
import { osdMapFlagsText, osdStateNames, releaseName } from './flags.ts';
import { type HitSetParams, hitSetTypeName } from './hit-set-params.ts';
import type { OsdXinfo } from './osd-info.ts';
import { type Blocklist, type OsdMap, type PoolSnapIntervals, sortedBlocklist } from './osdmap.ts';
import type { PgMap } from './pg-map.ts';
import type { PgPool } from './pool.ts';
import { autoscaleModeName, cacheModeName, poolFlagsText } from './pool-flags.ts';
import { poolOptsByName } from './pool-opts.ts';
import { minCompatClient } from './required-features.ts';

/*
 * The map as Ceph's formatters dump it (OSDMap::dump): values for formatJson. Member order and types (epochs as
 * strings here and there) are part of the format that tools read.
 */

/** entity_addrvec_t::dump. */
export function dumpAddrVec(vec: EntityAddrVec): object {
  return { addrvec: vec.map(dumpAddr) };
}

const ADDR_TYPES = ['none', 'v1', 'v2', 'any', 'cidr'];

function dumpAddr(addr: EntityAddr): object {
  return { type: ADDR_TYPES[addr.type] ?? '???', addr: sockaddrText(addr), nonce: addr.nonce };
}

function dumpHitSet(p: HitSetParams): object {
  if (p.bloom === undefined) return { type: hitSetTypeName(p.type) };
  return {
    type: hitSetTypeName(p.type),
    false_positive_probability: cephFloat(p.bloom.fppMicro / 1_000_000),
    target_size: p.bloom.targetSize,
    seed: p.bloom.seed,
  };
}

/** How much the hits of older hit sets count, in millionths. */
function gradeTable(p: PgPool): number[] {
  const table: number[] = [];
  let grade = 1_000_000;
  for (let i = 0; i < Math.min(p.hitSetCount, 10_000); i++) {
    grade = Math.trunc(grade * (1 - p.hitSetGradeDecayRate / 100)) >>> 0;
    table.push(grade);
  }
  return table;
}

/** pg_pool_t::dump. */
export function dumpPgPool(p: PgPool): object {
  const options = new Map<string, unknown>();
  for (const [name, value] of poolOptsByName(p.opts))
    options.set(name, typeof value === 'number' ? cephFloat(value) : value);
  const merge = p.lastPgMergeMeta;
  return {
    create_time: utimeText(p.createTime),
    flags: p.flags,
    flags_names: poolFlagsText(p.flags),
    type: p.type,
    size: p.size,
    min_size: p.minSize,
    crush_rule: p.crushRule,
    peering_crush_bucket_count: p.peeringCrushBucketCount,
    peering_crush_bucket_target: p.peeringCrushBucketTarget,
    peering_crush_bucket_barrier: p.peeringCrushBucketBarrier,
    peering_crush_bucket_mandatory_member: p.peeringCrushMandatoryMember,
    object_hash: p.objectHash,
    pg_autoscale_mode: autoscaleModeName(p.autoscaleMode),
    pg_num: p.pgNum,
    pg_placement_num: p.pgpNum,
    pg_placement_num_target: p.pgpNumTarget,
    pg_num_target: p.pgNumTarget,
    pg_num_pending: p.pgNumPending,
    last_pg_merge_meta: {
      source_pgid: pgText(merge.sourcePgid),
      ready_epoch: merge.readyEpoch,
      last_epoch_started: merge.lastEpochStarted,
      last_epoch_clean: merge.lastEpochClean,
      source_version: eversionText(merge.sourceVersion),
      target_version: eversionText(merge.targetVersion),
    },
    last_change: String(p.lastChange),
    last_force_op_resend: String(p.lastForceOpResend),
    last_force_op_resend_prenautilus: String(p.lastForceOpResendPrenautilus),
    last_force_op_resend_preluminous: String(p.lastForceOpResendPreluminous),
    auid: p.auid,
    snap_mode: p.isPoolSnapsMode ? 'pool' : 'selfmanaged',
    snap_seq: p.snapSeq,
    snap_epoch: p.snapEpoch,
    pool_snaps: [...p.snaps.values()].map(s => ({
      snapid: s.snapid,
      stamp: utimeText(s.stamp),
      name: s.name,
    })),
    removed_snaps: intervalsText(p.removedSnaps),
    quota_max_bytes: p.quotaMaxBytes,
    quota_max_objects: p.quotaMaxObjects,
    tiers: p.tiers,
    tier_of: p.tierOf,
    read_tier: p.readTier,
    write_tier: p.writeTier,
    cache_mode: cacheModeName(p.cacheMode),
    target_max_bytes: p.targetMaxBytes,
    target_max_objects: p.targetMaxObjects,
    cache_target_dirty_ratio_micro: p.cacheTargetDirtyRatioMicro,
    cache_target_dirty_high_ratio_micro: p.cacheTargetDirtyHighRatioMicro,
    cache_target_full_ratio_micro: p.cacheTargetFullRatioMicro,
    cache_min_flush_age: p.cacheMinFlushAge,
    cache_min_evict_age: p.cacheMinEvictAge,
    erasure_code_profile: p.erasureCodeProfile,
    hit_set_params: dumpHitSet(p.hitSetParams),
    hit_set_period: p.hitSetPeriod,
    hit_set_count: p.hitSetCount,
    use_gmt_hitset: p.useGmtHitset,
    min_read_recency_for_promote: p.minReadRecencyForPromote,
    min_write_recency_for_promote: p.minWriteRecencyForPromote,
    hit_set_grade_decay_rate: p.hitSetGradeDecayRate,
    hit_set_search_last_n: p.hitSetSearchLastN,
    grade_table: gradeTable(p),
    stripe_width: p.stripeWidth,
    expected_num_objects: p.expectedNumObjects,
    fast_read: p.fastRead,
    options,
    application_metadata: p.applicationMetadata,
  };
}

/** One pool with its id and name: an element of `pools`, and of `osd pool ls detail`. */
export function dumpPool(map: OsdMap, id: number, pool: PgPool): object {
  return { pool: id, pool_name: map.poolNames.get(id) ?? '<unknown>', ...dumpPgPool(pool) };
}

/** One OSD: an element of `osds`. */
export function dumpOsd(map: OsdMap, osd: number): object {
  const info = map.osdInfo[osd];
  const client = map.clientAddrs[osd];
  const cluster = map.clusterAddrs[osd];
  const back = map.hbBackAddrs[osd];
  const front = map.hbFrontAddrs[osd];
  return {
    osd,
    uuid: map.osdUuid[osd],
    up: map.isUp(osd) ? 1 : 0,
    in: map.isIn(osd) ? 1 : 0,
    weight: cephFloat(weightToFloat(map.osdWeight[osd])),
    primary_affinity: cephFloat(weightToFloat(map.affinityOf(osd))),
    last_clean_begin: info.lastCleanBegin,
    last_clean_end: info.lastCleanEnd,
    up_from: info.upFrom,
    up_thru: info.upThru,
    down_at: info.downAt,
    lost_at: info.lostAt,
    public_addrs: dumpAddrVec(client),
    cluster_addrs: dumpAddrVec(cluster),
    heartbeat_back_addrs: dumpAddrVec(back),
    heartbeat_front_addrs: dumpAddrVec(front),
    public_addr: legacyAddrText(legacyOrFrontAddr(client)),
    cluster_addr: legacyAddrText(legacyOrFrontAddr(cluster)),
    heartbeat_back_addr: legacyAddrText(legacyOrFrontAddr(back)),
    heartbeat_front_addr: legacyAddrText(legacyOrFrontAddr(front)),
    state: osdStateNames(map.osdState[osd]),
  };
}

export function dumpOsdXinfo(x: OsdXinfo): object {
  return {
    down_stamp: utimeText(x.downStamp),
    laggy_probability: cephFloat(Math.fround(x.laggyProbability) / 2 ** 32),
    laggy_interval: x.laggyInterval,
    features: BigInt.asIntN(64, x.features),
    old_weight: x.oldWeight,
    last_purged_snaps_scrub: utimeText(x.lastPurgedSnapsScrub),
    dead_epoch: x.deadEpoch,
  };
}

function dumpBlocklist(list: Blocklist): Map<string, string> {
  const out = new Map<string, string>();
  for (const { addr, until } of sortedBlocklist(list)) out.set(entityAddrText(addr), utimeText(until));
  return out;
}

function dumpSnapQueues(queues: PoolSnapIntervals): object[] {
  return [...queues]
    .sort((a, b) => a[0] - b[0])
    .map(([pool, snaps]) => ({
      pool,
      snaps: snaps.map(({ start, length }) => ({ begin: start, length })),
    }));
}

/** Alternating PG ids and OSDs: Ceph dumps these as members of an array. */
function dumpPrimaries(primaries: PgMap<number>): unknown[] {
  const out: unknown[] = [];
  for (const [pg, osd] of primaries) out.push(pgText(pg), osd);
  return out;
}

function dumpFlags(flags: ReadonlyMap<number, number>, name: (id: number) => string): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const [id, bits] of [...flags].sort((a, b) => a[0] - b[0])) out.set(name(id), osdStateNames(bits));
  return out;
}

function flagSet(flags: number): string[] {
  const names = new Set<string>();
  for (let bit = 0; bit < 32; bit++) if ((flags >>> bit) & 1) names.add(osdMapFlagsText(1 << bit));
  return [...names].sort();
}

/** Profiles and their members in the order of their names. */
export function dumpProfiles(
  profiles: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Map<string, Map<string, string>> {
  const out = new Map<string, Map<string, string>>();
  for (const name of [...profiles.keys()].sort())
    out.set(name, new Map([...profiles.get(name)!].sort((a, b) => (a[0] < b[0] ? -1 : 1))));
  return out;
}

/** `ceph osd dump` and `osdmaptool --dump json`, as a value for formatJson. */
export function dumpOsdMap(map: OsdMap): object {
  const osds: number[] = [];
  for (let osd = 0; osd < map.maxOsd; osd++) if (map.exists(osd)) osds.push(osd);
  const { crush, stretch } = map;
  return {
    epoch: map.epoch,
    fsid: map.fsid,
    created: utimeText(map.created),
    modified: utimeText(map.modified),
    last_up_change: utimeText(map.lastUpChange),
    last_in_change: utimeText(map.lastInChange),
    flags: osdMapFlagsText(map.flags),
    flags_num: map.flags,
    flags_set: flagSet(map.flags),
    crush_version: map.crushVersion,
    full_ratio: cephFloat(map.fullRatio),
    backfillfull_ratio: cephFloat(map.backfillfullRatio),
    nearfull_ratio: cephFloat(map.nearfullRatio),
    cluster_snapshot: map.snapshotOfEpoch,
    pool_max: map.poolMax,
    max_osd: map.maxOsd,
    require_min_compat_client: releaseName(map.requireMinCompatClient),
    min_compat_client: releaseName(minCompatClient(map)),
    require_osd_release: releaseName(map.requireOsdRelease),
    pools: map.sortedPools().map(([id, pool]) => dumpPool(map, id, pool)),
    osds: osds.map(osd => dumpOsd(map, osd)),
    osd_xinfo: osds.map(osd => ({ osd, ...dumpOsdXinfo(map.osdXinfo[osd]) })),
    pg_upmap: [...map.pgUpmap].map(([pg, targets]) => ({ pgid: pgText(pg), osds: targets })),
    pg_upmap_items: [...map.pgUpmapItems].map(([pg, items]) => ({
      pgid: pgText(pg),
      mappings: items.map(([from, to]) => ({ from, to })),
    })),
    // Maps of reef and newer have these; tools of pacific know nothing of them.
    pg_upmap_primaries:
      map.pgUpmapPrimaries.size === 0
        ? undefined
        : [...map.pgUpmapPrimaries].map(([pg, osd]) => ({ pgid: pgText(pg), primary_osd: osd })),
    pg_temp: [...map.pgTemp].map(([pg, temp]) => ({ pgid: pgText(pg), osds: temp })),
    primary_temp: dumpPrimaries(map.primaryTemp),
    blocklist: dumpBlocklist(map.blocklist),
    range_blocklist: dumpBlocklist(map.rangeBlocklist),
    erasure_code_profiles: dumpProfiles(map.erasureCodeProfiles),
    removed_snaps_queue: dumpSnapQueues(map.removedSnapsQueue),
    new_removed_snaps: dumpSnapQueues(map.newRemovedSnaps),
    new_purged_snaps: dumpSnapQueues(map.newPurgedSnaps),
    crush_node_flags: dumpFlags(map.crushNodeFlags, id => crush.names.name(id) ?? String(id)),
    device_class_flags: dumpFlags(map.deviceClassFlags, id => crush.classes.name(id) ?? String(id)),
    stretch_mode: {
      stretch_mode_enabled: stretch.enabled,
      stretch_bucket_count: stretch.bucketCount,
      degraded_stretch_mode: stretch.degraded,
      recovering_stretch_mode: stretch.recovering,
      stretch_mode_bucket: stretch.bucket,
    },
  };
}
