import type { EntityAddr, EntityAddrVec } from '../types/entity.ts';
import type { PgId } from '../types/pg.ts';
import { UTIME_ZERO, type UTime } from '../types/utime.ts';
import { UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { RELEASE_UNCHANGED } from './flags.ts';
import type { OsdXinfo } from './osd-info.ts';
import { type Blocklist, NO_STRETCH, type PoolSnapIntervals, type StretchMode } from './osdmap.ts';
import { PgMap, type PgTempMap, type UpmapItems } from './pg-map.ts';
import type { PgPool } from './pool.ts';

const NOTHING = Buffer.alloc(0);

/**
 * The features that a pacific monitor encodes maps with (OSDMap::SIGNIFICANT_FEATURES among those of the
 * quorum); what an incremental says of itself, so that whoever applies it encodes the same full map.
 */
export const PACIFIC_MAP_FEATURES = 0x0f00_0880_1021_2a04n;

/** Changes of `mutateAllowCrimson`. */
export const CRIMSON_UNCHANGED = 0;
export const CRIMSON_SET = 1;
export const CRIMSON_CLEAR = 2;

/** OSDMap::Incremental (osd/OSDMap.h): what makes epoch N of epoch N - 1. */
export class OsdMapIncremental {
  /** Versions of the two sections, as decoded; what encoding writes unless the content needs more. */
  clientV = 8;
  osdV = 9;
  clientTail: Buffer | undefined = undefined;
  osdTail: Buffer | undefined = undefined;
  /** Whether crcs came with it. */
  haveCrc = false;
  /** crc32c of the full map that it leads to. */
  fullCrc = 0;
  /** crc32c of its own bytes; set by decoding and encoding. */
  incCrc = 0;
  encodeFeatures = PACIFIC_MAP_FEATURES;

  fsid: Uuid = UUID_ZERO;
  /** The epoch that it leads to. */
  epoch = 0;
  modified: UTime = UTIME_ZERO;
  /** -1: unchanged. */
  newPoolMax = -1;
  newFlags = -1;
  newMaxOsd = -1;
  /** An encoded full map that takes the place of everything else; empty for none. */
  fullmap: Buffer = NOTHING;
  /** An encoded CRUSH map; empty for none. */
  crush: Buffer = NOTHING;

  newPools = new Map<number, PgPool>();
  newPoolNames = new Map<number, string>();
  oldPools: readonly number[] = [];
  newUpClient = new Map<number, EntityAddrVec>();
  newUpCluster = new Map<number, EntityAddrVec>();
  newHbBackUp = new Map<number, EntityAddrVec>();
  newHbFrontUp = new Map<number, EntityAddrVec>();
  /** XORed onto the state. */
  newState = new Map<number, number>();
  newWeight = new Map<number, number>();
  newPrimaryAffinity = new Map<number, number>();
  newUpThru = new Map<number, number>();
  /** OSD -> begin and end of its last clean interval. */
  newLastCleanInterval = new Map<number, readonly [number, number]>();
  newLost = new Map<number, number>();
  newUuid = new Map<number, Uuid>();
  newXinfo = new Map<number, OsdXinfo>();
  /** An empty list removes. */
  newPgTemp: PgTempMap = new PgMap();
  /** -1 removes. */
  newPrimaryTemp = new PgMap<number>();
  newPgUpmap: PgTempMap = new PgMap();
  oldPgUpmap: readonly PgId[] = [];
  newPgUpmapItems = new PgMap<UpmapItems>();
  oldPgUpmapItems: readonly PgId[] = [];
  newPgUpmapPrimary = new PgMap<number>();
  oldPgUpmapPrimary: readonly PgId[] = [];
  newErasureCodeProfiles = new Map<string, ReadonlyMap<string, string>>();
  oldErasureCodeProfiles: readonly string[] = [];
  newRemovedSnaps: PoolSnapIntervals = new Map();
  newPurgedSnaps: PoolSnapIntervals = new Map();
  newLastUpChange: UTime = UTIME_ZERO;
  newLastInChange: UTime = UTIME_ZERO;

  newBlocklist: Blocklist = new Map();
  oldBlocklist: readonly EntityAddr[] = [];
  newRangeBlocklist: Blocklist = new Map();
  oldRangeBlocklist: readonly EntityAddr[] = [];
  clusterSnapshot = '';
  /** Below 0: unchanged. */
  newNearfullRatio = -1;
  newFullRatio = -1;
  newBackfillfullRatio = -1;
  newRequireMinCompatClient = RELEASE_UNCHANGED;
  newRequireOsdRelease = RELEASE_UNCHANGED;
  /** 0 removes. */
  newCrushNodeFlags = new Map<number, number>();
  newDeviceClassFlags = new Map<number, number>();
  changeStretchMode = false;
  stretch: StretchMode = NO_STRETCH;
  /** CRIMSON_*. */
  mutateAllowCrimson = CRIMSON_UNCHANGED;

  constructor(epoch = 0) {
    this.epoch = epoch;
  }
}
