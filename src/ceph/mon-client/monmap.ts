import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { releaseName } from '../osdmap/flags.ts';
import {
  decodeList,
  decodeMap,
  decStr,
  decU32,
  encodeList,
  encodeMap,
  encStr,
  encU32,
} from '../types/collections.ts';
import {
  ADDR_LEGACY,
  decodeEntityAddr,
  decodeEntityAddrVec,
  type EntityAddrVec,
  encodeEntityAddr,
  encodeEntityAddrVec,
  entityAddrVecText,
  isBlankIp,
  legacyAddr,
  sameAddr,
} from '../types/entity.ts';
import { ALL_FEATURES, type Features } from '../types/features.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime, utimeText } from '../types/utime.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';

/** Version of the encoding since Pacific, and the last one for readers before Nautilus. */
const MONMAP_VERSION = 9;
const MONMAP_VERSION_MIMIC = 5;
const MON_INFO_VERSION = 5;
const MON_INFO_VERSION_MIMIC = 2;

/** One monitor (mon_info_t, mon/MonMap.h). */
export interface MonInfo {
  readonly name: string;
  readonly addrs: EntityAddrVec;
  /** Lower is tried first. */
  readonly priority: number;
  /** Among those of equal priority: how often it is tried first. */
  readonly weight: number;
  /** Bucket type to name: 'datacenter' -> 'east'. */
  readonly crushLocation: ReadonlyMap<string, string>;
  /** Version that it was read at and is written at. */
  readonly structV: number;
}

export function makeMonInfo(name: string, addrs: EntityAddrVec, priority = 0, weight = 0): MonInfo {
  return { name, addrs, priority, weight, crushLocation: new Map(), structV: MON_INFO_VERSION };
}

// mon_info_t: struct v5 compat 1 {string name, entity_addrvec_t public_addrs (before 3: entity_addr_t), u16
// priority (since 2), u16 weight (since 4), map<string, string> crush_loc (since 5)}.
export function encodeMonInfo(e: Encoder, info: MonInfo, features: Features = ALL_FEATURES): void {
  const v = features.serverNautilus ? info.structV : Math.min(info.structV, MON_INFO_VERSION_MIMIC);
  const mark = e.start(v, 1);
  e.str(info.name);
  if (v < 3) encodeEntityAddr(e, legacyForm(info.addrs), features);
  else encodeEntityAddrVec(e, info.addrs, features);
  if (v >= 2) e.u16(info.priority);
  if (v >= 4) e.u16(info.weight);
  if (v >= 5) encodeMap(e, info.crushLocation, encStr, encStr);
  e.finish(mark);
}

/** A reader that knows no address vectors gets an address of the kind it knows, even where there is none. */
function legacyForm(addrs: EntityAddrVec) {
  const legacy = legacyAddr(addrs);
  return isBlankIp(legacy) && addrs.length > 0 ? { ...addrs[0], type: ADDR_LEGACY } : legacy;
}

export function decodeMonInfo(d: Decoder): MonInfo {
  const end = d.start('mon_info_t', MON_INFO_VERSION);
  const structV = d.structV;
  const name = d.str();
  const addrs = decodeEntityAddrVec(d);
  const info: MonInfo = {
    name,
    addrs,
    priority: structV >= 2 ? d.u16() : 0,
    weight: structV >= 4 ? d.u16() : 0,
    crushLocation: structV >= 5 ? decodeMap(d, 8, decStr, decStr) : new Map(),
    structV: Math.min(structV, MON_INFO_VERSION),
  };
  d.finish(end);
  return info;
}

/** The monitors of a cluster (MonMap, mon/MonMap.h). */
export interface MonMap {
  readonly epoch: number;
  readonly fsid: Uuid;
  readonly lastChanged: UTime;
  readonly created: UTime;
  /** mon_feature_t bits that every monitor has to know, and those that are merely in use. */
  readonly persistentFeatures: bigint;
  readonly optionalFeatures: bigint;
  /** By name, sorted by name. */
  readonly mons: ReadonlyMap<string, MonInfo>;
  /** Names by rank. */
  readonly ranks: readonly string[];
  /** Number of the release that all monitors have at least: 16 is Pacific. */
  readonly minMonRelease: number;
  readonly removedRanks: readonly number[];
  /** 1 classic, 2 disallow, 3 connectivity. */
  readonly strategy: number;
  readonly disallowedLeaders: readonly string[];
  readonly stretchMode: boolean;
  readonly tiebreakerMon: string;
  readonly stretchMarkedDownMons: readonly string[];
  /** Version that it was read at and is written at. */
  readonly structV: number;
}

/** A map that holds these monitors, ranked in the order given, with nothing else known. */
export function makeMonMap(mons: readonly MonInfo[], fields: Partial<MonMap> = {}): MonMap {
  const sorted = [...mons].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return {
    epoch: 0,
    fsid: UUID_ZERO,
    lastChanged: UTIME_ZERO,
    created: UTIME_ZERO,
    persistentFeatures: 0n,
    optionalFeatures: 0n,
    mons: new Map(sorted.map(mon => [mon.name, mon])),
    ranks: mons.map(mon => mon.name),
    minMonRelease: 0,
    removedRanks: [],
    strategy: 1,
    disallowedLeaders: [],
    stretchMode: false,
    tiebreakerMon: '',
    stretchMarkedDownMons: [],
    structV: MONMAP_VERSION,
    ...fields,
  };
}

// mon_feature_t: struct v1 compat 1 {u64}.
function encodeMonFeature(e: Encoder, bits: bigint): void {
  const mark = e.start(1, 1);
  e.u64b(bits);
  e.finish(mark);
}

function decodeMonFeature(d: Decoder): bigint {
  const end = d.start('mon_feature_t', 1);
  const bits = d.u64b();
  d.finish(end);
  return bits;
}

// MonMap: struct v9 compat 6 (before 6: compat 3) {16 bytes fsid, u32 epoch, map<string, entity_addr_t>
// (before 6), utime_t last_changed, utime_t created, mon_feature_t persistent, mon_feature_t optional (both
// since 4), map<string, mon_info_t> (since 5), vector<string> ranks (since 6), u8 min_mon_release (since 7),
// set<u32> removed_ranks, u8 strategy, set<string> disallowed_leaders (since 8), bool stretch_mode_enabled,
// string tiebreaker_mon, set<string> stretch_marked_down_mons (since 9)}.
export function encodeMonMap(e: Encoder, map: MonMap, features: Features = ALL_FEATURES): void {
  const v = features.serverNautilus ? map.structV : Math.min(map.structV, MONMAP_VERSION_MIMIC);
  const mark = e.start(v, v >= 6 ? 6 : 3);
  encodeUuid(e, map.fsid);
  e.u32(map.epoch);
  if (v < 6)
    encodeMap(e, map.mons, encStr, (inner, info) =>
      encodeEntityAddr(inner, legacyForm(info.addrs), features),
    );
  encodeUTime(e, map.lastChanged);
  encodeUTime(e, map.created);
  if (v >= 4) {
    encodeMonFeature(e, map.persistentFeatures);
    encodeMonFeature(e, map.optionalFeatures);
  }
  if (v >= 5) encodeMap(e, map.mons, encStr, (inner, info) => encodeMonInfo(inner, info, features));
  if (v >= 6) encodeList(e, map.ranks, encStr);
  if (v >= 7) e.u8(map.minMonRelease);
  if (v >= 8) {
    encodeList(e, map.removedRanks, encU32);
    e.u8(map.strategy);
    encodeList(e, map.disallowedLeaders, encStr);
  }
  if (v >= 9) {
    e.bool(map.stretchMode);
    e.str(map.tiebreakerMon);
    encodeList(e, map.stretchMarkedDownMons, encStr);
  }
  e.finish(mark);
}

/** Reads every form since version 3 (2012); older ones have another head and no monitor writes them. */
export function decodeMonMap(d: Decoder): MonMap {
  const end = d.start('MonMap', MONMAP_VERSION);
  const v = d.structV;
  if (v < 3) d.fail(`version ${v} is older than what is read`);
  const fsid = decodeUuid(d);
  const epoch = d.u32();
  const legacy = v < 6 ? decodeMap(d, 5, decStr, decodeEntityAddr) : undefined;
  const lastChanged = decodeUTime(d);
  const created = decodeUTime(d);
  const persistentFeatures = v >= 4 ? decodeMonFeature(d) : 0n;
  const optionalFeatures = v >= 4 ? decodeMonFeature(d) : 0n;
  let mons: Map<string, MonInfo>;
  if (v >= 5) mons = decodeMap(d, 10, decStr, decodeMonInfo);
  else {
    mons = new Map();
    for (const [name, addr] of legacy!) mons.set(name, makeMonInfo(name, [addr]));
  }
  const ranks = v >= 6 ? decodeList(d, 4, decStr) : [...mons.keys()];
  for (const name of ranks) if (!mons.has(name)) d.fail(`rank of mon.${name}, which is not in the map`);
  const map: MonMap = {
    epoch,
    fsid,
    lastChanged,
    created,
    persistentFeatures,
    optionalFeatures,
    mons,
    ranks,
    minMonRelease: v >= 7 ? d.u8() : 0,
    removedRanks: v >= 8 ? decodeList(d, 4, decU32) : [],
    strategy: v >= 8 ? d.u8() : 1,
    disallowedLeaders: v >= 8 ? decodeList(d, 4, decStr) : [],
    stretchMode: v >= 9 ? d.bool() : false,
    tiebreakerMon: v >= 9 ? d.str() : '',
    stretchMarkedDownMons: v >= 9 ? decodeList(d, 4, decStr) : [],
    structV: Math.min(v, MONMAP_VERSION),
  };
  d.finish(end);
  return map;
}

/** -1 when there is no such monitor. */
export function monRank(map: MonMap, name: string): number {
  return map.ranks.indexOf(name);
}

/** The monitor that has any of these addresses. */
export function monByAddrs(map: MonMap, addrs: EntityAddrVec): MonInfo | undefined {
  for (const info of map.mons.values())
    for (const theirs of info.addrs)
      for (const addr of addrs) if (sameAddr(addr, { ...theirs, nonce: addr.nonce })) return info;
  return undefined;
}

/** What `monmaptool --print` shows. */
export function monMapText(map: MonMap): string {
  let text =
    `epoch ${map.epoch}\nfsid ${map.fsid}\nlast_changed ${utimeText(map.lastChanged)}\ncreated ${utimeText(map.created)}\n` +
    `min_mon_release ${map.minMonRelease} (${map.minMonRelease === 0 ? 'unknown' : releaseName(map.minMonRelease)})\n` +
    `election_strategy: ${map.strategy}\n`;
  if (map.stretchMode) text += `stretch_mode_enabled 1\ntiebreaker_mon ${map.tiebreakerMon}\n`;
  if (map.stretchMode || map.disallowedLeaders.length > 0)
    text += `disallowed_leaders ${map.disallowedLeaders.join(',')}\n`;
  map.ranks.forEach((name, rank) => {
    const info = map.mons.get(name)!;
    text += `${rank}: ${entityAddrVecText(info.addrs)} mon.${name}`;
    if (info.crushLocation.size > 0)
      text += `; crush_location {${[...info.crushLocation].map(([type, at]) => `${type}=${at}`).join(', ')}}`;
    text += '\n';
  });
  return text;
}
