import { formatGeneral } from '../../base/printf.ts';
import { weightToFloat } from '../crush/format.ts';
import { entityAddrText, entityAddrVecText } from '../types/addr-text.ts';
import { intervalsText } from '../types/interval-set.ts';
import { pgText } from '../types/pg.ts';
import { compareUTime, UTIME_ZERO, type UTime, utimeIsZero, utimeText } from '../types/utime.ts';
import { UUID_ZERO } from '../types/uuid.ts';
import {
  DEFAULT_PRIMARY_AFFINITY,
  OSDMAP_SEMIHIDDEN_FLAGS,
  osdMapFlagsText,
  osdStateNames,
  RELEASE_UNKNOWN,
  releaseName,
} from './flags.ts';
import { HIT_SET_NONE, hitSetTypeName } from './hit-set-params.ts';
import { type OsdMap, sortedBlocklist } from './osdmap.ts';
import type { PgPool } from './pool.ts';
import {
  AUTOSCALE_UNKNOWN,
  autoscaleModeName,
  cacheModeName,
  poolFlagsText,
  poolTypeName,
} from './pool-flags.ts';
import { poolOptsByName } from './pool-opts.ts';
import { minCompatClient } from './required-features.ts';
import { strHashName } from './str-hash.ts';

/** '[3,0,4]', with 2147483647 for a missing shard, as C++ prints a vector of OSDs. */
export function osdListText(osds: readonly number[]): string {
  return `[${osds.join(',')}]`;
}

function hitSetText(p: PgPool): string {
  const { type, bloom } = p.hitSetParams;
  let text = hitSetTypeName(type);
  if (bloom !== undefined)
    text += `{false_positive_probability: ${formatGeneral(bloom.fppMicro / 1_000_000)}, target_size: ${bloom.targetSize}, seed: ${bloom.seed}`;
  return `${text}}`;
}

/** A pool without its id and name: 'replicated size 3 min_size 2 ...'. */
export function poolText(p: PgPool): string {
  let out = poolTypeName(p.type);
  const add = (name: string, value: unknown, when: unknown = true): void => {
    if (when) out += ` ${name} ${value}`;
  };
  add('profile', p.erasureCodeProfile, p.isErasure);
  add('size', p.size);
  add('min_size', p.minSize);
  add('crush_rule', p.crushRule);
  add('object_hash', strHashName(p.objectHash));
  add('pg_num', p.pgNum);
  add('pgp_num', p.pgpNum);
  add('pg_num_target', p.pgNumTarget, p.pgNumTarget !== p.pgNum);
  add('pgp_num_target', p.pgpNumTarget, p.pgpNumTarget !== p.pgpNum);
  add('pg_num_pending', p.pgNumPending, p.pgNumPending !== p.pgNum);
  add('autoscale_mode', autoscaleModeName(p.autoscaleMode), p.autoscaleMode !== AUTOSCALE_UNKNOWN);
  add('last_change', p.lastChange);
  const resends = [p.lastForceOpResend, p.lastForceOpResendPrenautilus, p.lastForceOpResendPreluminous];
  add(
    'lfor',
    resends.join('/'),
    resends.some(e => e !== 0),
  );
  add('owner', p.auid, p.auid);
  add('flags', poolFlagsText(p.flags), p.flags);
  add('max_bytes', p.quotaMaxBytes, p.quotaMaxBytes);
  add('max_objects', p.quotaMaxObjects, p.quotaMaxObjects);
  add('tiers', p.tiers.join(','), p.tiers.length);
  add('tier_of', p.tierOf, p.tierOf >= 0);
  add('read_tier', p.readTier, p.readTier >= 0);
  add('write_tier', p.writeTier, p.writeTier >= 0);
  add('cache_mode', cacheModeName(p.cacheMode), p.cacheMode);
  add('target_bytes', p.targetMaxBytes, p.targetMaxBytes);
  add('target_objects', p.targetMaxObjects, p.targetMaxObjects);
  if (p.hitSetParams.type !== HIT_SET_NONE)
    out +=
      ` hit_set ${hitSetText(p)} ${p.hitSetPeriod}s x${p.hitSetCount}` +
      ` decay_rate ${p.hitSetGradeDecayRate} search_last_n ${p.hitSetSearchLastN}`;
  add('min_read_recency_for_promote', p.minReadRecencyForPromote, p.minReadRecencyForPromote);
  add('min_write_recency_for_promote', p.minWriteRecencyForPromote, p.minWriteRecencyForPromote);
  add('stripe_width', p.stripeWidth);
  add('expected_num_objects', p.expectedNumObjects, p.expectedNumObjects);
  add('fast_read', 1, p.fastRead);
  for (const [name, value] of poolOptsByName(p.opts))
    add(name, typeof value === 'number' ? formatGeneral(value) : value);
  add('application', [...p.applicationMetadata.keys()].sort().join(','), p.applicationMetadata.size);
  return out;
}

/** All pools with their snapshots, a line each: `osd pool ls detail`. */
export function poolsText(map: OsdMap): string {
  let out = '';
  for (const [id, pool] of map.sortedPools()) {
    out += `pool ${id} '${map.poolNames.get(id) ?? '<unknown>'}' ${poolText(pool)}\n`;
    for (const snap of pool.snaps.values())
      out += `\tsnap ${snap.snapid.toString(16)} '${snap.name}' ${utimeText(snap.stamp)}\n`;
    if (pool.removedSnaps.length > 0) out += `\tremoved_snaps ${intervalsText(pool.removedSnaps)}\n`;
    const queue = map.removedSnapsQueue.get(id);
    if (queue !== undefined) out += `\tremoved_snaps_queue ${intervalsText(queue)}\n`;
  }
  return out;
}

/** One OSD: 'osd.0 up   in  weight 1 ...'. */
export function osdText(map: OsdMap, osd: number): string {
  const info = map.osdInfo[osd];
  let out = `osd.${osd}${map.isUp(osd) ? ' up  ' : ' down'}${map.isIn(osd) ? ' in ' : ' out'}`;
  out += ` weight ${formatGeneral(weightToFloat(map.osdWeight[osd]))}`;
  if (map.affinityOf(osd) !== DEFAULT_PRIMARY_AFFINITY)
    out += ` primary_affinity ${formatGeneral(weightToFloat(map.affinityOf(osd)))}`;
  out += ` up_from ${info.upFrom} up_thru ${info.upThru} down_at ${info.downAt}`;
  out += ` last_clean_interval [${info.lastCleanBegin},${info.lastCleanEnd})`;
  if (info.lostAt !== 0) out += ` lost_at ${info.lostAt}`;
  out += ` ${entityAddrVecText(map.clientAddrs[osd])} ${entityAddrVecText(map.clusterAddrs[osd])}`;
  out += ` ${osdStateNames(map.osdState[osd]).join(',')}`;
  if (map.osdUuid[osd] !== UUID_ZERO) out += ` ${map.osdUuid[osd]}`;
  return out;
}

function headText(map: OsdMap): string {
  let out = `epoch ${map.epoch}\nfsid ${map.fsid}\n`;
  out += `created ${utimeText(map.created)}\nmodified ${utimeText(map.modified)}\n`;
  out += `flags ${osdMapFlagsText(map.flags)}\ncrush_version ${map.crushVersion}\n`;
  out += `full_ratio ${formatGeneral(map.fullRatio)}\n`;
  out += `backfillfull_ratio ${formatGeneral(map.backfillfullRatio)}\n`;
  out += `nearfull_ratio ${formatGeneral(map.nearfullRatio)}\n`;
  if (map.requireMinCompatClient !== RELEASE_UNKNOWN)
    out += `require_min_compat_client ${releaseName(map.requireMinCompatClient)}\n`;
  out += `min_compat_client ${releaseName(minCompatClient(map))}\n`;
  if (map.requireOsdRelease > RELEASE_UNKNOWN)
    out += `require_osd_release ${releaseName(map.requireOsdRelease)}\n`;
  const { stretch } = map;
  out += `stretch_mode_enabled ${stretch.enabled}\n`;
  if (stretch.enabled) {
    out += `stretch_bucket_count ${stretch.bucketCount}\ndegraded_stretch_mode ${stretch.degraded}\n`;
    out += `recovering_stretch_mode ${stretch.recovering}\nstretch_mode_bucket ${stretch.bucket}\n`;
  }
  if (map.snapshotOfEpoch !== '') out += `cluster_snapshot ${map.snapshotOfEpoch}\n`;
  if (map.allowCrimson) out += 'allow_crimson=true\n';
  return out;
}

/** `osdmaptool --print` and `ceph osd dump` as text. */
export function printOsdMap(map: OsdMap): string {
  let out = `${headText(map)}\n${poolsText(map)}\nmax_osd ${map.maxOsd}\n`;
  for (let osd = 0; osd < map.maxOsd; osd++) if (map.exists(osd)) out += `${osdText(map, osd)}\n`;
  out += '\n';
  for (const [pg, osds] of map.pgUpmap) out += `pg_upmap ${pgText(pg)} ${osdListText(osds)}\n`;
  for (const [pg, items] of map.pgUpmapItems)
    out += `pg_upmap_items ${pgText(pg)} ${osdListText(items.flat())}\n`;
  for (const [pg, osd] of map.pgUpmapPrimaries) out += `pg_upmap_primary ${pgText(pg)} ${osd}\n`;
  for (const [pg, osds] of map.pgTemp) out += `pg_temp ${pgText(pg)} ${osdListText(osds)}\n`;
  for (const [pg, osd] of map.primaryTemp) out += `primary_temp ${pgText(pg)} ${osd}\n`;
  for (const { addr, until } of sortedBlocklist(map.blocklist))
    out += `blocklist ${entityAddrText(addr)} expires ${utimeText(until)}\n`;
  for (const { addr, until } of sortedBlocklist(map.rangeBlocklist))
    out += `range blocklist ${entityAddrText(addr)} expires ${utimeText(until)}\n`;
  return out;
}

/** A span of time in its coarsest useful unit: '35s', '4m', '3h' (utimespan_str). */
export function timespanText(from: UTime, to: UTime): string {
  if (compareUTime(to, from) < 0) return '0s';
  const nanos = (to.sec - from.sec) * 1e9 + to.nsec - from.nsec;
  if (nanos < 2e9) return `${formatGeneral(Math.fround(nanos) / 1e9)}s`;
  const seconds = Math.floor(nanos / 1e9);
  const units: readonly (readonly [number, number, string])[] = [
    [120, 1, 's'],
    [120 * 60, 60, 'm'],
    [48 * 3600, 3600, 'h'],
    [14 * 86400, 86400, 'd'],
    [12 * 7 * 86400, 7 * 86400, 'w'],
    [24 * 30 * 86400, 30 * 86400, 'M'],
  ];
  for (const [below, unit, name] of units) if (seconds < below) return `${Math.floor(seconds / unit)}${name}`;
  return `${Math.floor(seconds / (365 * 86400))}y`;
}

/** '3 osds: 3 up (since 2m), 3 in (since 2m)' as in `ceph -s` and `ceph osd stat`, ending in a line end. */
export function osdSummaryText(map: OsdMap, now: UTime, prefix = '', withEpoch = true): string {
  const since = (t: UTime): string => (utimeIsZero(t) ? '' : ` (since ${timespanText(t, now)})`);
  let out = `${map.numOsds} osds: ${map.numUpOsds} up${since(map.lastUpChange)}`;
  out += `, ${map.numInOsds} in${since(map.lastInChange)}`;
  if (withEpoch) out += `; epoch: e${map.epoch}`;
  if (map.pgTemp.size > 0) out += `; ${map.pgTemp.size} remapped pgs`;
  out += '\n';
  const flags = map.flags & ~OSDMAP_SEMIHIDDEN_FLAGS;
  if (flags !== 0) out += `${prefix}flags ${osdMapFlagsText(flags)}\n`;
  return out;
}

/** The same as a value for formatJson. */
export function osdSummaryJson(map: OsdMap): object {
  const seconds = (t: UTime): number => (t === UTIME_ZERO ? 0 : t.sec);
  return {
    epoch: map.epoch,
    num_osds: map.numOsds,
    num_up_osds: map.numUpOsds,
    osd_up_since: seconds(map.lastUpChange),
    num_in_osds: map.numInOsds,
    osd_in_since: seconds(map.lastInChange),
    num_remapped_pgs: map.pgTemp.size,
  };
}
