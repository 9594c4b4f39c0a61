import type { CrushMap } from '../crush/map.ts';
import { CrushMap as NewCrushMap } from '../crush/map.ts';
import { CrushMapper } from '../crush/mapper.ts';
import { addrKey, compareAddr } from '../types/addr-text.ts';
import {
  ADDR_ANY,
  ADDR_LEGACY,
  ADDRVEC_EMPTY,
  type EntityAddr,
  type EntityAddrVec,
} from '../types/entity.ts';
import type { SnapInterval } from '../types/interval-set.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import { UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { inAddrRange } from './addr-range.ts';
import {
  DEFAULT_PRIMARY_AFFINITY,
  OSD_DESTROYED,
  OSD_EXISTS,
  OSD_OUT,
  OSD_UP,
  RELEASE_NAUTILUS,
  RELEASE_UNKNOWN,
} from './flags.ts';
import { OSD_INFO_ZERO, OSD_XINFO_ZERO, type OsdInfo, type OsdXinfo } from './osd-info.ts';
import { PgMap, type PgTempMap, type UpmapItems } from './pg-map.ts';
import { PgPlacement } from './placement.ts';
import type { PgPool } from './pool.ts';

/** Intervals of snap ids by pool. */
export type PoolSnapIntervals = Map<number, readonly SnapInterval[]>;

/** One address (or range: the prefix length is its nonce) that may not do I/O until a time. */
export interface BlocklistEntry {
  readonly addr: EntityAddr;
  readonly until: UTime;
}

/** By `addrKey`. */
export type Blocklist = Map<string, BlocklistEntry>;

/** Entries in the order of the wire. Ceph itself prints them in that of a hash table, which means nothing. */
export function sortedBlocklist(list: Blocklist): BlocklistEntry[] {
  return [...list.values()].sort((a, b) => compareAddr(a.addr, b.addr));
}

/** Stretch mode: the cluster spans two sites and a tiebreaker. */
export interface StretchMode {
  readonly enabled: boolean;
  readonly bucketCount: number;
  readonly degraded: number;
  readonly recovering: number;
  readonly bucket: number;
}

export const NO_STRETCH: StretchMode = {
  enabled: false,
  bucketCount: 0,
  degraded: 0,
  recovering: 0,
  bucket: 0,
};

function resized(old: Uint32Array, n: number, fill: number): Uint32Array {
  const next = new Uint32Array(n);
  next.set(old.subarray(0, n));
  if (n > old.length && fill !== 0) next.fill(fill, old.length);
  return next;
}

function resizedList<T>(old: readonly T[], n: number, fill: T): T[] {
  const next = old.slice(0, n);
  while (next.length < n) next.push(fill);
  return next;
}

/**
 * OSDMap (osd/OSDMap.h): the state of the cluster at one epoch. What is reachable from it is not changed in
 * place once the map is in use: `clone` shares values and copies only the containers, so that the maps of
 * many epochs cost little, and incrementals are applied to a clone.
 */
export class OsdMap {
  /** Versions of the two sections, as decoded; what encoding writes unless the content needs more. */
  clientV = 9;
  osdV = 9;
  /** What newer writers appended to the sections. */
  clientTail: Buffer | undefined = undefined;
  osdTail: Buffer | undefined = undefined;
  /** crc32c of the encoded map; undefined when it was never encoded, or changed since. */
  crc: number | undefined = undefined;

  fsid: Uuid = UUID_ZERO;
  epoch = 0;
  created: UTime = UTIME_ZERO;
  modified: UTime = UTIME_ZERO;
  lastUpChange: UTime = UTIME_ZERO;
  lastInChange: UTime = UTIME_ZERO;
  /** OSDMAP_*. */
  flags = 0;
  pools = new Map<number, PgPool>();
  poolNames = new Map<number, string>();
  /** The largest pool id ever given. */
  poolMax = 0;

  maxOsd = 0;
  /** OSD_*, by OSD. */
  osdState: Uint32Array = new Uint32Array(0);
  /** 16.16: OSD_OUT to OSD_IN. */
  osdWeight: Uint32Array = new Uint32Array(0);
  /** 16.16; undefined while all OSDs have the default. */
  primaryAffinity: Uint32Array | undefined = undefined;
  clientAddrs: EntityAddrVec[] = [];
  clusterAddrs: EntityAddrVec[] = [];
  hbBackAddrs: EntityAddrVec[] = [];
  hbFrontAddrs: EntityAddrVec[] = [];
  osdInfo: OsdInfo[] = [];
  osdXinfo: OsdXinfo[] = [];
  osdUuid: Uuid[] = [];

  pgTemp: PgTempMap = new PgMap();
  primaryTemp = new PgMap<number>();
  pgUpmap: PgTempMap = new PgMap();
  pgUpmapItems = new PgMap<UpmapItems>();
  pgUpmapPrimaries = new PgMap<number>();

  crush: CrushMap = new NewCrushMap();
  crushVersion = 1;
  erasureCodeProfiles = new Map<string, ReadonlyMap<string, string>>();
  /** Snapshots to remove, what this epoch added to them, and what it took off. */
  removedSnapsQueue: PoolSnapIntervals = new Map();
  newRemovedSnaps: PoolSnapIntervals = new Map();
  newPurgedSnaps: PoolSnapIntervals = new Map();

  blocklist: Blocklist = new Map();
  rangeBlocklist: Blocklist = new Map();
  clusterSnapshotEpoch = 0;
  clusterSnapshot = '';
  /** Fractions of an OSD's space. */
  fullRatio = 0;
  backfillfullRatio = 0;
  nearfullRatio = 0;
  /** RELEASE_*. */
  requireMinCompatClient = RELEASE_UNKNOWN;
  requireOsdRelease = RELEASE_UNKNOWN;
  /** OSD_NO* by CRUSH item, and by device class. */
  crushNodeFlags = new Map<number, number>();
  deviceClassFlags = new Map<number, number>();
  stretch: StretchMode = NO_STRETCH;
  allowCrimson = false;

  private mapperOf: CrushMapper | undefined = undefined;
  private placementOf: PgPlacement | undefined = undefined;
  private poolIds: Map<string, number> | undefined = undefined;

  /** A map of its own with the same values. */
  clone(): OsdMap {
    const m = Object.assign(new OsdMap(), this) as OsdMap;
    m.crc = undefined;
    m.placementOf = undefined;
    m.poolIds = undefined;
    m.pools = new Map(this.pools);
    m.poolNames = new Map(this.poolNames);
    m.osdState = this.osdState.slice();
    m.osdWeight = this.osdWeight.slice();
    m.primaryAffinity = this.primaryAffinity?.slice();
    m.clientAddrs = this.clientAddrs.slice();
    m.clusterAddrs = this.clusterAddrs.slice();
    m.hbBackAddrs = this.hbBackAddrs.slice();
    m.hbFrontAddrs = this.hbFrontAddrs.slice();
    m.osdInfo = this.osdInfo.slice();
    m.osdXinfo = this.osdXinfo.slice();
    m.osdUuid = this.osdUuid.slice();
    m.pgTemp = this.pgTemp.clone();
    m.primaryTemp = this.primaryTemp.clone();
    m.pgUpmap = this.pgUpmap.clone();
    m.pgUpmapItems = this.pgUpmapItems.clone();
    m.pgUpmapPrimaries = this.pgUpmapPrimaries.clone();
    m.erasureCodeProfiles = new Map(this.erasureCodeProfiles);
    m.removedSnapsQueue = new Map(this.removedSnapsQueue);
    m.newRemovedSnaps = new Map(this.newRemovedSnaps);
    m.newPurgedSnaps = new Map(this.newPurgedSnaps);
    m.blocklist = new Map(this.blocklist);
    m.rangeBlocklist = new Map(this.rangeBlocklist);
    m.crushNodeFlags = new Map(this.crushNodeFlags);
    m.deviceClassFlags = new Map(this.deviceClassFlags);
    return m;
  }

  // Placement.

  /** Object -> PG -> OSDs, remembered for as long as nothing that decides it changes. */
  get placement(): PgPlacement {
    this.placementOf ??= new PgPlacement(this);
    return this.placementOf;
  }

  get crushMapper(): CrushMapper {
    this.mapperOf ??= new CrushMapper(this.crush);
    return this.mapperOf;
  }

  /** To be called after changing in place what decides placement. */
  placementChanged(): void {
    this.placementOf = undefined;
    this.poolIds = undefined;
    this.crc = undefined;
  }

  /** Takes over what another map, in which every PG lies where it does in this one, knows of placement. */
  sharePlacement(other: OsdMap): void {
    this.placementOf = other.placement;
    this.mapperOf = other.mapperOf;
  }

  setCrush(crush: CrushMap): void {
    this.crush = crush;
    this.mapperOf = undefined;
    this.placementChanged();
  }

  // Pools.

  poolIdByName(name: string): number | undefined {
    if (this.poolIds === undefined) {
      this.poolIds = new Map();
      for (const [id, known] of this.poolNames) this.poolIds.set(known, id);
    }
    return this.poolIds.get(name);
  }

  /** Pools in the order of their ids. */
  sortedPools(): [number, PgPool][] {
    return [...this.pools].sort((a, b) => a[0] - b[0]);
  }

  // OSDs.

  exists(osd: number): boolean {
    return osd >= 0 && osd < this.maxOsd && (this.osdState[osd] & OSD_EXISTS) !== 0;
  }

  isUp(osd: number): boolean {
    const both = OSD_EXISTS | OSD_UP;
    return osd >= 0 && osd < this.maxOsd && (this.osdState[osd] & both) === both;
  }

  isDown(osd: number): boolean {
    return !this.isUp(osd);
  }

  isOut(osd: number): boolean {
    return !this.exists(osd) || this.osdWeight[osd] === OSD_OUT;
  }

  isIn(osd: number): boolean {
    return !this.isOut(osd);
  }

  isDestroyed(osd: number): boolean {
    return this.exists(osd) && (this.osdState[osd] & OSD_DESTROYED) !== 0;
  }

  get numOsds(): number {
    return this.countOsds(OSD_EXISTS);
  }

  get numUpOsds(): number {
    return this.countOsds(OSD_EXISTS | OSD_UP);
  }

  get numInOsds(): number {
    let n = 0;
    for (let osd = 0; osd < this.maxOsd; osd++) if (this.isIn(osd)) n++;
    return n;
  }

  private countOsds(bits: number): number {
    let n = 0;
    for (let osd = 0; osd < this.maxOsd; osd++) if ((this.osdState[osd] & bits) === bits) n++;
    return n;
  }

  /** Features that all OSDs that are up have. */
  get upOsdFeatures(): bigint {
    let features: bigint | undefined;
    for (let osd = 0; osd < this.maxOsd; osd++) {
      if (!this.isUp(osd) || this.osdXinfo[osd].features === 0n) continue;
      features = (features ?? -1n) & this.osdXinfo[osd].features;
    }
    return features ?? 0n;
  }

  affinityOf(osd: number): number {
    return this.primaryAffinity === undefined ? DEFAULT_PRIMARY_AFFINITY : this.primaryAffinity[osd];
  }

  setMaxOsd(n: number): void {
    this.maxOsd = n;
    this.osdState = resized(this.osdState, n, 0);
    this.osdWeight = resized(this.osdWeight, n, OSD_OUT);
    if (this.primaryAffinity !== undefined)
      this.primaryAffinity = resized(this.primaryAffinity, n, DEFAULT_PRIMARY_AFFINITY);
    this.clientAddrs = resizedList(this.clientAddrs, n, ADDRVEC_EMPTY);
    this.clusterAddrs = resizedList(this.clusterAddrs, n, ADDRVEC_EMPTY);
    this.hbBackAddrs = resizedList(this.hbBackAddrs, n, ADDRVEC_EMPTY);
    this.hbFrontAddrs = resizedList(this.hbFrontAddrs, n, ADDRVEC_EMPTY);
    this.osdInfo = resizedList(this.osdInfo, n, OSD_INFO_ZERO);
    this.osdXinfo = resizedList(this.osdXinfo, n, OSD_XINFO_ZERO);
    this.osdUuid = resizedList(this.osdUuid, n, UUID_ZERO);
    this.placementChanged();
  }

  setState(osd: number, state: number): void {
    this.osdState[osd] = state;
    this.placementChanged();
  }

  setWeight(osd: number, weight: number): void {
    this.osdWeight[osd] = weight;
    if (weight !== 0) this.osdState[osd] |= OSD_EXISTS;
    this.placementChanged();
  }

  setAffinity(osd: number, affinity: number): void {
    this.primaryAffinity ??= new Uint32Array(this.maxOsd).fill(DEFAULT_PRIMARY_AFFINITY);
    this.primaryAffinity[osd] = affinity;
    this.placementChanged();
  }

  /** The OSD with that uuid; undefined when there is none. */
  osdByUuid(uuid: Uuid): number | undefined {
    for (let osd = 0; osd < this.maxOsd; osd++)
      if (this.exists(osd) && this.osdUuid[osd] === uuid) return osd;
    return undefined;
  }

  // The whole map.

  testFlag(flag: number): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Name of the cluster snapshot that this epoch took. */
  get snapshotOfEpoch(): string {
    return this.clusterSnapshotEpoch === this.epoch ? this.clusterSnapshot : '';
  }

  /** Whether an entity may do no I/O: it, its whole host, or a range around it is listed. */
  isBlocklisted(vec: EntityAddrVec): boolean {
    if (this.blocklist.size === 0 && this.rangeBlocklist.size === 0) return false;
    const type = this.requireOsdRelease < RELEASE_NAUTILUS ? ADDR_LEGACY : ADDR_ANY;
    for (const listed of vec) {
      const addr = { ...listed, type };
      if (this.blocklist.has(addrKey(addr))) return true;
      if (addr.ip !== '' && this.blocklist.has(addrKey({ ...addr, port: 0, nonce: 0 }))) return true;
      for (const { addr: range } of this.rangeBlocklist.values()) if (inAddrRange(addr, range)) return true;
    }
    return false;
  }
}
