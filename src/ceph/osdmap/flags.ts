/** States of an OSD: bits of osd_state (CEPH_OSD_*, include/rados.h). */
export const OSD_EXISTS = 1 << 0;
export const OSD_UP = 1 << 1;
/** Marked out automatically, not by an operator. */
export const OSD_AUTOOUT = 1 << 2;
/** Never marked in yet. */
export const OSD_NEW = 1 << 3;
export const OSD_FULL = 1 << 4;
export const OSD_NEARFULL = 1 << 5;
export const OSD_BACKFILLFULL = 1 << 6;
export const OSD_DESTROYED = 1 << 7;
export const OSD_NOUP = 1 << 8;
export const OSD_NODOWN = 1 << 9;
export const OSD_NOIN = 1 << 10;
export const OSD_NOOUT = 1 << 11;
/** Stopped by the administrator. */
export const OSD_STOP = 1 << 12;

const STATE_NAMES = [
  'exists',
  'up',
  'autoout',
  'new',
  'full',
  'nearfull',
  'backfillfull',
  'destroyed',
  'noup',
  'nodown',
  'noin',
  'noout',
  'stop',
];

/** Names of the bits that are set, sorted. */
export function osdStateNames(state: number): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < 32; bit++) if ((state >>> bit) & 1) names.push(STATE_NAMES[bit] ?? '???');
  return [...new Set(names)].sort();
}

/** osd_weight and primary affinity are 16.16 fixed point. */
export const OSD_IN = 0x10000;
export const OSD_OUT = 0;
export const MAX_PRIMARY_AFFINITY = 0x10000;
export const DEFAULT_PRIMARY_AFFINITY = 0x10000;

/** Flags of the whole map (CEPH_OSDMAP_*, include/rados.h). */
export const OSDMAP_NEARFULL = 1 << 0;
export const OSDMAP_FULL = 1 << 1;
export const OSDMAP_PAUSERD = 1 << 2;
export const OSDMAP_PAUSEWR = 1 << 3;
export const OSDMAP_PAUSEREC = 1 << 4;
export const OSDMAP_NOUP = 1 << 5;
export const OSDMAP_NODOWN = 1 << 6;
export const OSDMAP_NOOUT = 1 << 7;
export const OSDMAP_NOIN = 1 << 8;
export const OSDMAP_NOBACKFILL = 1 << 9;
export const OSDMAP_NORECOVER = 1 << 10;
export const OSDMAP_NOSCRUB = 1 << 11;
export const OSDMAP_NODEEP_SCRUB = 1 << 12;
export const OSDMAP_NOTIERAGENT = 1 << 13;
export const OSDMAP_NOREBALANCE = 1 << 14;
export const OSDMAP_SORTBITWISE = 1 << 15;
export const OSDMAP_REQUIRE_JEWEL = 1 << 16;
export const OSDMAP_REQUIRE_KRAKEN = 1 << 17;
export const OSDMAP_REQUIRE_LUMINOUS = 1 << 18;
export const OSDMAP_RECOVERY_DELETES = 1 << 19;
export const OSDMAP_PURGED_SNAPDIRS = 1 << 20;
export const OSDMAP_NOSNAPTRIM = 1 << 21;
export const OSDMAP_PGLOG_HARDLIMIT = 1 << 22;
export const OSDMAP_NOAUTOSCALE = 1 << 23;

export const OSDMAP_LEGACY_REQUIRE_FLAGS =
  OSDMAP_REQUIRE_JEWEL | OSDMAP_REQUIRE_KRAKEN | OSDMAP_REQUIRE_LUMINOUS;
/** Not worth a word in `ceph status`. */
export const OSDMAP_SEMIHIDDEN_FLAGS =
  OSDMAP_LEGACY_REQUIRE_FLAGS |
  OSDMAP_RECOVERY_DELETES |
  OSDMAP_SORTBITWISE |
  OSDMAP_PURGED_SNAPDIRS |
  OSDMAP_PGLOG_HARDLIMIT;

// In the order in which Ceph prints them.
const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [OSDMAP_PAUSERD, 'pauserd'],
  [OSDMAP_PAUSEWR, 'pausewr'],
  [OSDMAP_PAUSEREC, 'pauserec'],
  [OSDMAP_NOUP, 'noup'],
  [OSDMAP_NODOWN, 'nodown'],
  [OSDMAP_NOOUT, 'noout'],
  [OSDMAP_NOIN, 'noin'],
  [OSDMAP_NOBACKFILL, 'nobackfill'],
  [OSDMAP_NOREBALANCE, 'norebalance'],
  [OSDMAP_NORECOVER, 'norecover'],
  [OSDMAP_NOSCRUB, 'noscrub'],
  [OSDMAP_NODEEP_SCRUB, 'nodeep-scrub'],
  [OSDMAP_NOTIERAGENT, 'notieragent'],
  [OSDMAP_NOSNAPTRIM, 'nosnaptrim'],
  [OSDMAP_SORTBITWISE, 'sortbitwise'],
  [OSDMAP_REQUIRE_JEWEL, 'require_jewel_osds'],
  [OSDMAP_REQUIRE_KRAKEN, 'require_kraken_osds'],
  [OSDMAP_REQUIRE_LUMINOUS, 'require_luminous_osds'],
  [OSDMAP_RECOVERY_DELETES, 'recovery_deletes'],
  [OSDMAP_PURGED_SNAPDIRS, 'purged_snapdirs'],
  [OSDMAP_PGLOG_HARDLIMIT, 'pglog_hardlimit'],
  [OSDMAP_NOAUTOSCALE, 'noautoscale'],
];

/** 'noout,sortbitwise'. */
export function osdMapFlagsText(flags: number): string {
  const names: string[] = [];
  for (const [flag, name] of FLAG_NAMES) if ((flags & flag) !== 0) names.push(name);
  return names.join(',');
}

/** The flag's bit; 0 when there is none of that name. */
export function osdMapFlagByName(name: string): number {
  for (const [flag, known] of FLAG_NAMES) if (known === name) return flag;
  return 0;
}

/** Major releases by number (common/ceph_releases.h). */
const RELEASES = [
  'unknown',
  'argonaut',
  'bobtail',
  'cuttlefish',
  'dumpling',
  'emperor',
  'firefly',
  'giant',
  'hammer',
  'infernalis',
  'jewel',
  'kraken',
  'luminous',
  'mimic',
  'nautilus',
  'octopus',
  'pacific',
  'quincy',
  'reef',
  'squid',
  'tentacle',
];

export const RELEASE_UNKNOWN = 0;
export const RELEASE_ARGONAUT = 1;
export const RELEASE_DUMPLING = 4;
export const RELEASE_FIREFLY = 6;
export const RELEASE_HAMMER = 8;
export const RELEASE_JEWEL = 10;
export const RELEASE_KRAKEN = 11;
export const RELEASE_LUMINOUS = 12;
export const RELEASE_MIMIC = 13;
export const RELEASE_NAUTILUS = 14;
export const RELEASE_OCTOPUS = 15;
export const RELEASE_PACIFIC = 16;
export const RELEASE_SQUID = 19;
/** In an incremental: the release does not change. */
export const RELEASE_UNCHANGED = 0xff;

export function releaseName(release: number): string {
  return RELEASES[release] ?? 'unknown';
}

/** The release's number; 0 when there is none of that name. */
export function releaseByName(name: string): number {
  return Math.max(0, RELEASES.indexOf(name));
}
