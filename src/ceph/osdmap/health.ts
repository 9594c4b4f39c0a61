import { formatGeneral } from '../../base/printf.ts';
import { immediateParent, itemWeight } from '../crush/location.ts';
import type { CrushMap } from '../crush/map.ts';
import { isShadowItem } from '../crush/names.ts';
import {
  FEATURE_SERVER_NAUTILUS,
  FEATURE_SERVER_OCTOPUS,
  FEATURE_SERVER_PACIFIC,
} from '../types/features.ts';
import { crushLocation } from './crush-tree.ts';
import * as f from './flags.ts';
import { HIT_SET_NONE } from './hit-set-params.ts';
import type { OsdMap } from './osdmap.ts';
import {
  CACHEMODE_READFORWARD,
  CACHEMODE_READPROXY,
  CACHEMODE_WRITEBACK,
  cacheModeName,
  POOL_FLAG_BACKFILLFULL,
  POOL_FLAG_FULL,
  POOL_FLAG_FULL_QUOTA,
  POOL_FLAG_NEARFULL,
  POOL_FLAG_NODEEP_SCRUB,
  POOL_FLAG_NOSCRUB,
} from './pool-flags.ts';
import { crushMinRelease } from './required-features.ts';

export type HealthSeverity = 'HEALTH_OK' | 'HEALTH_WARN' | 'HEALTH_ERR';

/** health_check_t (mon/health_check.h). */
export interface HealthCheck {
  readonly severity: HealthSeverity;
  readonly summary: string;
  readonly count: number;
  readonly detail: readonly string[];
}

/** By code: 'OSD_DOWN'. */
export type HealthChecks = Map<string, HealthCheck>;

/** Settings that the checks heed, with Ceph's defaults. */
export interface HealthOptions {
  readonly failsafeFullRatio?: number;
  readonly warnOnLegacyCrushTunables?: boolean;
  readonly crushMinRequiredVersion?: string;
  readonly warnOnCrushStrawCalcVersionZero?: boolean;
  readonly warnOnCachePoolsWithoutHitSets?: boolean;
  readonly warnOnPoolPgNumNotPowerOfTwo?: boolean;
  readonly warnOnPoolNoRedundancy?: boolean;
}

const WARN = 'HEALTH_WARN';
const TUNABLES_URL = 'see http://docs.ceph.com/en/latest/rados/operations/crush-map/#tunables';

function set(
  checks: HealthChecks,
  code: string,
  severity: HealthSeverity,
  summary: string,
  count: number,
  detail: readonly string[] = [],
): void {
  checks.set(code, { severity, summary, count, detail });
}

/** A check whose count is that of its details, if there are any: 'N what'. */
function list(
  checks: HealthChecks,
  code: string,
  severity: HealthSeverity,
  what: string,
  detail: readonly string[],
): void {
  if (detail.length > 0) set(checks, code, severity, `${detail.length} ${what}`, detail.length, detail);
}

/** What the map alone says of the cluster's health (OSDMap::check_health). */
export function checkHealth(map: OsdMap, options: HealthOptions = {}): HealthChecks {
  const checks: HealthChecks = new Map();
  checkDown(map, checks);
  checkScrubFlags(map, checks);
  checkRatios(map, checks, options.failsafeFullRatio ?? 0.97);
  checkFull(map, checks);
  checkFlags(map, checks);
  checkCrush(map, checks, options);
  checkPools(map, checks, options);
  checkRelease(map, checks);
  checkStretch(map, checks);
  return new Map([...checks].sort((a, b) => (a[0] < b[0] ? -1 : 1)));
}

/** As Ceph's formatters dump checks. */
export function dumpHealthChecks(checks: HealthChecks): Map<string, object> {
  const out = new Map<string, object>();
  for (const [code, { severity, summary, count, detail }] of checks)
    out.set(code, {
      severity,
      summary: { message: summary, count },
      detail: detail.map(message => ({ message })),
    });
  return out;
}

/** Subtrees all of whose OSDs are down, by type: those around the OSDs that are down and in. */
class DownTrees {
  readonly byType = new Map<number, Set<number>>();
  private readonly map: OsdMap;
  private readonly crush: CrushMap;
  private readonly up = new Set<number>();

  constructor(map: OsdMap) {
    this.map = map;
    this.crush = map.crush;
  }

  /** Climbs from an OSD that is down for as long as everything below is down. */
  climb(osd: number): void {
    let at = osd;
    for (let hops = 0; hops <= this.crush.maxBuckets; hops++) {
      const parent = immediateParent(this.crush, at);
      if (parent === undefined || this.up.has(parent.id) || !this.isDown(parent.id, 0)) return;
      at = parent.id;
    }
  }

  private isDown(id: number, depth: number): boolean {
    if (id >= 0) return this.map.isDown(id);
    const bucket = this.crush.bucket(id);
    if (bucket === undefined || depth > this.crush.maxBuckets) return true;
    let ofType = this.byType.get(bucket.type);
    if (ofType?.has(id)) return true;
    for (const child of bucket.items)
      if (!this.isDown(child, depth + 1)) {
        this.up.add(id);
        return false;
      }
    if (ofType === undefined) this.byType.set(bucket.type, (ofType = new Set()));
    ofType.add(id);
    return true;
  }

  /** How many OSDs are in a subtree that is down. */
  osdsIn(id: number): number {
    let n = 0;
    for (const child of this.crush.bucket(id)?.items ?? []) n += child >= 0 ? 1 : this.osdsIn(child);
    return n;
  }
}

function checkDown(map: OsdMap, checks: HealthChecks): void {
  const { crush } = map;
  const orphans: string[] = [];
  const down: number[] = [];
  const trees = new DownTrees(map);
  for (let osd = 0; osd < map.maxOsd; osd++) {
    if (!map.exists(osd)) {
      if (crush.names.has(osd)) orphans.push(`osd.${osd} exists in crush map but not in osdmap`);
      continue;
    }
    if (map.isOut(osd) || (map.osdState[osd] & f.OSD_NEW) !== 0 || map.isUp(osd)) continue;
    down.push(osd);
    trees.climb(osd);
  }
  if (down.length > 0) {
    const types = crush.types.ids().filter(type => type > 0);
    const top = types.at(-1);
    for (const type of types.reverse()) {
      const ids = [...(trees.byType.get(type) ?? [])].sort((a, b) => b - a);
      if (ids.length === 0) continue;
      const name = crush.types.name(type)!;
      const osds = ids.reduce((sum, id) => sum + trees.osdsIn(id), 0);
      const detail = ids.map(id => {
        const where = type === top ? '' : ` (${crushLocation(crush, id)})`;
        return `${name} ${crush.names.name(id)}${where} (${trees.osdsIn(id)} osds) is down`;
      });
      const summary = `${ids.length} ${name}${ids.length > 1 ? 's' : ''} (${osds} osds) down`;
      set(checks, `OSD_${name.toUpperCase()}_DOWN`, WARN, summary, ids.length, detail);
    }
    const detail = down.map(osd => `osd.${osd} (${crushLocation(crush, osd)}) is down`);
    list(checks, 'OSD_DOWN', WARN, 'osds down', detail);
  }
  list(checks, 'OSD_ORPHAN', WARN, 'osds exist in the crush map but not in the osdmap', orphans);
}

function checkScrubFlags(map: OsdMap, checks: HealthChecks): void {
  const detail: string[] = [];
  const flags = new Set<string>();
  for (const [id, pool] of map.sortedPools())
    for (const [flag, name] of [
      [POOL_FLAG_NOSCRUB, 'noscrub'],
      [POOL_FLAG_NODEEP_SCRUB, 'nodeep-scrub'],
    ] as const)
      if (pool.hasFlag(flag)) {
        detail.push(`Pool ${map.poolNames.get(id)} has ${name} flag`);
        flags.add(name);
      }
  if (flags.size === 0) return;
  const names = ['noscrub', 'nodeep-scrub'].filter(name => flags.has(name)).join(', ');
  set(checks, 'POOL_SCRUB_FLAGS', 'HEALTH_OK', `Some pool(s) have the ${names} flag(s) set`, 0, detail);
}

function checkRatios(map: OsdMap, checks: HealthChecks, failsafe: number): void {
  const fsr = Math.fround(failsafe > 1 ? failsafe / 100 : failsafe);
  let { fullRatio: fr, backfillfullRatio: br } = map;
  const nr = map.nearfullRatio;
  const detail: string[] = [];
  const g = formatGeneral;
  if (br < nr) {
    detail.push(`backfillfull_ratio (${g(br)}) < nearfull_ratio (${g(nr)}), increased`);
    br = nr;
  }
  if (fr < br) {
    detail.push(`full_ratio (${g(fr)}) < backfillfull_ratio (${g(br)}), increased`);
    fr = br;
  }
  if (fsr < fr) detail.push(`osd_failsafe_full_ratio (${g(fsr)}) < full_ratio (${g(fr)}), increased`);
  if (detail.length > 0)
    set(checks, 'OSD_OUT_OF_ORDER_FULL', 'HEALTH_ERR', 'full ratio(s) out of order', 0, detail);
}

function checkFull(map: OsdMap, checks: HealthChecks): void {
  const full: string[] = [];
  const backfillfull: string[] = [];
  const nearfull: string[] = [];
  for (let osd = 0; osd < map.maxOsd; osd++) {
    if (!map.isUp(osd) || !map.isIn(osd)) continue;
    const state = map.osdState[osd];
    if ((state & f.OSD_FULL) !== 0) full.push(`osd.${osd} is full`);
    else if ((state & f.OSD_BACKFILLFULL) !== 0) backfillfull.push(`osd.${osd} is backfill full`);
    else if ((state & f.OSD_NEARFULL) !== 0) nearfull.push(`osd.${osd} is near full`);
  }
  list(checks, 'OSD_FULL', 'HEALTH_ERR', 'full osd(s)', full);
  list(checks, 'OSD_BACKFILLFULL', WARN, 'backfillfull osd(s)', backfillfull);
  list(checks, 'OSD_NEARFULL', WARN, 'nearfull osd(s)', nearfull);
}

const WARN_FLAGS =
  f.OSDMAP_PAUSERD |
  f.OSDMAP_PAUSEWR |
  f.OSDMAP_PAUSEREC |
  f.OSDMAP_NOUP |
  f.OSDMAP_NODOWN |
  f.OSDMAP_NOIN |
  f.OSDMAP_NOOUT |
  f.OSDMAP_NOBACKFILL |
  f.OSDMAP_NORECOVER |
  f.OSDMAP_NOSCRUB |
  f.OSDMAP_NODEEP_SCRUB |
  f.OSDMAP_NOTIERAGENT |
  f.OSDMAP_NOSNAPTRIM |
  f.OSDMAP_NOREBALANCE;
const OSD_WARN_FLAGS = f.OSD_NOUP | f.OSD_NOIN | f.OSD_NODOWN | f.OSD_NOOUT;

function checkFlags(map: OsdMap, checks: HealthChecks): void {
  if (map.testFlag(WARN_FLAGS)) {
    const names = osdMapFlags(map);
    set(checks, 'OSDMAP_FLAGS', WARN, `${names} flag(s) set`, names.length);
  }
  const { crush } = map;
  const detail: string[] = [];
  const names = (bits: number): string => f.osdStateNames(bits).join(',');
  for (let osd = 0; osd < map.maxOsd; osd++) {
    const bits = map.osdState[osd] & OSD_WARN_FLAGS;
    if (bits !== 0) detail.push(`osd.${osd} has flags ${names(bits)}`);
  }
  for (const [id, bits] of [...map.crushNodeFlags].sort((a, b) => a[0] - b[0])) {
    if (bits === 0 || !crush.names.has(id)) continue;
    const type = crush.types.name(crush.bucket(id)?.type ?? 0) ?? 'node';
    detail.push(`${type} ${crush.names.name(id)} has flags ${names(bits)}`);
  }
  for (const [id, bits] of [...map.deviceClassFlags].sort((a, b) => a[0] - b[0]))
    if (bits !== 0 && crush.classes.has(id))
      detail.push(`device class '${crush.classes.name(id)}' has flags ${names(bits)}`);
  list(
    checks,
    'OSD_FLAGS',
    WARN,
    'OSDs or CRUSH {nodes, device-classes} have {NOUP,NODOWN,NOIN,NOOUT} flags set',
    detail,
  );
  if (!map.testFlag(f.OSDMAP_SORTBITWISE))
    set(checks, 'OSD_NO_SORTBITWISE', WARN, "'sortbitwise' flag is not set", 0);
}

function osdMapFlags(map: OsdMap): string {
  return f.osdMapFlagsText(map.flags & WARN_FLAGS);
}

function checkCrush(map: OsdMap, checks: HealthChecks, options: HealthOptions): void {
  const min = crushMinRelease(map.crush);
  const least = options.crushMinRequiredVersion ?? 'hammer';
  if ((options.warnOnLegacyCrushTunables ?? true) && min < least)
    set(
      checks,
      'OLD_CRUSH_TUNABLES',
      WARN,
      `crush map has legacy tunables (require ${min}, min is ${least})`,
      0,
      [TUNABLES_URL],
    );
  if ((options.warnOnCrushStrawCalcVersionZero ?? true) && map.crush.tunables.strawCalcVersion === 0)
    set(checks, 'OLD_CRUSH_STRAW_CALC_VERSION', WARN, 'crush map has straw_calc_version=0', 0, [
      TUNABLES_URL,
    ]);
}

const NEEDS_HIT_SET = [CACHEMODE_WRITEBACK, CACHEMODE_READFORWARD, CACHEMODE_READPROXY];

function checkPools(map: OsdMap, checks: HealthChecks, options: HealthOptions): void {
  const noHitSet: string[] = [];
  const full: string[] = [];
  const backfillfull: string[] = [];
  const nearfull: string[] = [];
  const odd: string[] = [];
  const single: string[] = [];
  for (const [id, pool] of map.sortedPools()) {
    const name = `pool '${map.poolNames.get(id) ?? ''}'`;
    if (NEEDS_HIT_SET.includes(pool.cacheMode) && pool.hitSetParams.type === HIT_SET_NONE)
      noHitSet.push(
        `${name} with cache_mode ${cacheModeName(pool.cacheMode)} needs hit_set_type to be set but it is not`,
      );
    if (pool.hasFlag(POOL_FLAG_FULL))
      full.push(
        `${name} is full (${pool.hasFlag(POOL_FLAG_FULL_QUOTA) ? 'running out of quota' : 'no space'})`,
      );
    else if (pool.hasFlag(POOL_FLAG_BACKFILLFULL)) backfillfull.push(`${name} is backfillfull`);
    else if (pool.hasFlag(POOL_FLAG_NEARFULL)) nearfull.push(`${name} is nearfull`);
    const target = pool.pgNumTarget;
    if (target === 0 || (target & (target - 1)) !== 0)
      odd.push(`${name} pg_num ${target} is not a power of two`);
    if (pool.size === 1) single.push(`${name} has no replicas configured`);
  }
  if (options.warnOnCachePoolsWithoutHitSets ?? true)
    list(checks, 'CACHE_POOL_NO_HIT_SET', WARN, 'cache pools are missing hit_sets', noHitSet);
  list(checks, 'POOL_FULL', WARN, 'pool(s) full', full);
  list(checks, 'POOL_BACKFILLFULL', WARN, 'pool(s) backfillfull', backfillfull);
  list(checks, 'POOL_NEARFULL', WARN, 'pool(s) nearfull', nearfull);
  if (options.warnOnPoolPgNumNotPowerOfTwo ?? true)
    list(checks, 'POOL_PG_NUM_NOT_POWER_OF_TWO', WARN, 'pool(s) have non-power-of-two pg_num', odd);
  if (options.warnOnPoolNoRedundancy ?? true)
    list(checks, 'POOL_NO_REDUNDANCY', WARN, 'pool(s) have no replicas configured', single);
}

/** Releases by the feature that all their OSDs have, newest first. */
const RELEASE_FEATURES: readonly (readonly [number, bigint])[] = [
  [f.RELEASE_PACIFIC, FEATURE_SERVER_PACIFIC],
  [f.RELEASE_OCTOPUS, FEATURE_SERVER_OCTOPUS],
  [f.RELEASE_NAUTILUS, FEATURE_SERVER_NAUTILUS],
];

function checkRelease(map: OsdMap, checks: HealthChecks): void {
  const features = map.upOsdFeatures;
  for (const [release, feature] of RELEASE_FEATURES) {
    if ((features & feature) !== feature) continue;
    if (map.requireOsdRelease >= release) return;
    const name = f.releaseName(release);
    const summary = `all OSDs are running ${name} or later but require_osd_release < ${name}`;
    set(checks, 'OSD_UPGRADE_FINISHED', WARN, summary, 0, [summary]);
    return;
  }
}

function checkStretch(map: OsdMap, checks: HealthChecks): void {
  const { stretch, crush } = map;
  const rest = `only requiring ${stretch.degraded} of ${stretch.bucketCount} buckets to peer`;
  if (stretch.recovering !== 0)
    set(checks, 'RECOVERING_STRETCH_MODE', WARN, `We are recovering stretch mode buckets, ${rest}`, 0);
  else if (stretch.degraded !== 0)
    set(checks, 'DEGRADED_STRETCH_MODE', WARN, `We are missing stretch mode buckets, ${rest}`, 0);
  if (!stretch.enabled) return;
  const sites = crush.buckets.filter(b => b?.type === stretch.bucket && !isShadowItem(crush, b.id));
  if (sites.length !== 2)
    set(checks, 'INCORRECT_NUM_BUCKETS_STRETCH_MODE', WARN, 'Stretch mode buckets != 2', 0);
  else if (itemWeight(crush, sites[0]!.id) !== itemWeight(crush, sites[1]!.id))
    set(checks, 'UNEVEN_WEIGHTS_STRETCH_MODE', WARN, 'Stretch mode buckets have different weights!', 0);
}
