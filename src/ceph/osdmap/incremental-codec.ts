import { crc32c } from '../../base/crc32c.ts';
import type { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import {
  decI32,
  decI64,
  decodeList,
  decodeMap,
  decStr,
  decU32,
  encI32,
  encI64,
  encodeList,
  encStr,
  encU32,
} from '../types/collections.ts';
import {
  decodeEntityAddr,
  decodeEntityAddrVec,
  type EntityAddr,
  type EntityAddrVec,
  encodeEntityAddr,
} from '../types/entity.ts';
import { ALL_FEATURES } from '../types/features.ts';
import { comparePgId, decodePgId, encodePgId, type PgId } from '../types/pg.ts';
import { decodeUTime, encodeUTime } from '../types/utime.ts';
import { decodeUuid, encodeUuid } from '../types/uuid.ts';
import {
  decodeBlocklist,
  decodeProfiles,
  decodeSnapQueues,
  encAddrVec,
  encodeBlocklist,
  encodeById,
  encodePools,
  encodeProfiles,
  encodeSnapQueues,
  readCrc,
  releaseOfFlags,
} from './codec-parts.ts';
import { OSDMAP_LEGACY_REQUIRE_FLAGS, RELEASE_LUMINOUS, releaseByName } from './flags.ts';
import { OsdMapIncremental } from './incremental.ts';
import { decodeOsdXinfo, encodeOsdXinfo } from './osd-info.ts';
import {
  decodeOsdList,
  decodePgMap,
  decodeUpmapItems,
  encodeOsdList,
  encodePgMap,
  encodeUpmapItems,
} from './pg-map.ts';
import { decodePgPool } from './pool-codec.ts';

/*
 * OSDMap::Incremental (osd/OSDMap.cc): ENCODE_START(8, 7), in it two versioned sections and two crcs.
 *
 * What clients use, ENCODE_START(8 or 9, 1):
 *   uuid fsid, u32 epoch, utime modified, s64 new_pool_max, s32 new_flags, blob fullmap, blob crush,
 *   s32 new_max_osd, map<s64, pg_pool_t> new_pools, map<s64, str> new_pool_names, set<s64> old_pools,
 *   map<s32, entity_addrvec_t> new_up_client, map<s32, u32> new_state, map<s32, u32> new_weight,
 *   map<pg_t, vector<s32>> new_pg_temp, map<pg_t, s32> new_primary_temp, map<s32, u32> new_primary_affinity,
 *   map<str, map<str, str>> new EC profiles, vector<str> old ones, map<pg_t, vector<s32>> new_pg_upmap,
 *   set<pg_t> old_pg_upmap, map<pg_t, vector<pair<s32, s32>>> new_pg_upmap_items, set<pg_t> old_pg_upmap_items,
 *   map<s64, interval_set> new_removed_snaps, new_purged_snaps, utime new_last_up_change, new_last_in_change
 *   9: map<pg_t, s32> new_pg_upmap_primary, set<pg_t> old_pg_upmap_primary
 * What OSDs use too, ENCODE_START(9, 1), 10 when stretch mode changes, 11 with range blocklists, 12 with crimson:
 *   map<s32, entity_addrvec_t> new_hb_back_up, map<s32, u32> new_up_thru,
 *   map<s32, pair<u32, u32>> new_last_clean_interval, map<s32, u32> new_lost, map<entity_addr_t, utime>
 *   new_blocklist, vector<entity_addr_t> old_blocklist, map<s32, entity_addrvec_t> new_up_cluster,
 *   str cluster_snapshot, map<s32, uuid> new_uuid, map<s32, osd_xinfo_t> new_xinfo,
 *   map<s32, entity_addrvec_t> new_hb_front_up, u64 features, f32 nearfull, full, backfillfull,
 *   u8 new_require_min_compat_client, u8 new_require_osd_release, map<s32, u32> new_crush_node_flags,
 *   map<s32, u32> new_device_class_flags
 *   10: u8 change_stretch_mode, u32 bucket_count, u32 degraded, u32 recovering, s32 bucket, u8 enabled
 *   11: map<entity_addr_t, utime> new_range_blocklist, vector<entity_addr_t> old_range_blocklist
 *   12: u8 mutate_allow_crimson
 * u32 crc32c of all but itself, u32 crc32c of the full map that results.
 */

const WRAPPER = 8;
const CLIENT = 9;
const OSD_ONLY = 12;
const OLDEST_CLIENT_WRITTEN = 8;

const encAddr = (e: Encoder, addr: EntityAddr): void => encodeEntityAddr(e, addr, ALL_FEATURES);
const encPair = (e: Encoder, pair: readonly [number, number]): void => {
  e.u32(pair[0]);
  e.u32(pair[1]);
};
const encPgs = (e: Encoder, pgs: readonly PgId[]): void =>
  encodeList(e, pgs.slice().sort(comparePgId), encodePgId);

function encodeClientSection(e: Encoder, inc: OsdMapIncremental): void {
  const primaries = inc.newPgUpmapPrimary.size > 0 || inc.oldPgUpmapPrimary.length > 0;
  const known = inc.clientTail !== undefined ? inc.clientV : Math.min(inc.clientV, CLIENT);
  const v = primaries ? Math.max(9, known) : known;
  if (v < OLDEST_CLIENT_WRITTEN)
    throw new NacreError('ENOTSUP', 'osdmap.encode', `OSDMap::Incremental before nautilus (version ${v})`);
  const mark = e.start(v, 1);
  encodeUuid(e, inc.fsid);
  e.u32(inc.epoch);
  encodeUTime(e, inc.modified);
  e.i64(inc.newPoolMax);
  e.i32(inc.newFlags);
  e.blob(inc.fullmap);
  e.blob(inc.crush);
  e.i32(inc.newMaxOsd);
  encodePools(e, inc.newPools);
  encodeById(e, inc.newPoolNames, encI64, encStr);
  encodeList(
    e,
    inc.oldPools.slice().sort((a, b) => a - b),
    encI64,
  );
  encodeById(e, inc.newUpClient, encI32, encAddrVec);
  encodeById(e, inc.newState, encI32, encU32);
  encodeById(e, inc.newWeight, encI32, encU32);
  encodePgMap(e, inc.newPgTemp, encodeOsdList);
  encodePgMap(e, inc.newPrimaryTemp, encI32);
  encodeById(e, inc.newPrimaryAffinity, encI32, encU32);
  encodeProfiles(e, inc.newErasureCodeProfiles);
  encodeList(e, inc.oldErasureCodeProfiles, encStr);
  encodePgMap(e, inc.newPgUpmap, encodeOsdList);
  encPgs(e, inc.oldPgUpmap);
  encodePgMap(e, inc.newPgUpmapItems, encodeUpmapItems);
  encPgs(e, inc.oldPgUpmapItems);
  encodeSnapQueues(e, inc.newRemovedSnaps);
  encodeSnapQueues(e, inc.newPurgedSnaps);
  encodeUTime(e, inc.newLastUpChange);
  encodeUTime(e, inc.newLastInChange);
  if (v >= 9) {
    encodePgMap(e, inc.newPgUpmapPrimary, encI32);
    encPgs(e, inc.oldPgUpmapPrimary);
  }
  if (inc.clientTail !== undefined) e.bytes(inc.clientTail);
  e.finish(mark);
}

function encodeOsdSection(e: Encoder, inc: OsdMapIncremental): void {
  let v = inc.osdTail !== undefined ? inc.osdV : 9;
  if (inc.changeStretchMode) v = Math.max(10, v);
  if (inc.newRangeBlocklist.size > 0 || inc.oldRangeBlocklist.length > 0) v = Math.max(11, v);
  if (inc.mutateAllowCrimson !== 0) v = Math.max(12, v);
  const mark = e.start(v, 1);
  encodeById(e, inc.newHbBackUp, encI32, encAddrVec);
  encodeById(e, inc.newUpThru, encI32, encU32);
  encodeById(e, inc.newLastCleanInterval, encI32, encPair);
  encodeById(e, inc.newLost, encI32, encU32);
  encodeBlocklist(e, inc.newBlocklist);
  encodeList(e, inc.oldBlocklist, encAddr);
  encodeById(e, inc.newUpCluster, encI32, encAddrVec);
  e.str(inc.clusterSnapshot);
  encodeById(e, inc.newUuid, encI32, encodeUuid);
  encodeById(e, inc.newXinfo, encI32, (into, x) => encodeOsdXinfo(into, x));
  encodeById(e, inc.newHbFrontUp, encI32, encAddrVec);
  e.u64b(inc.encodeFeatures);
  e.f32(inc.newNearfullRatio);
  e.f32(inc.newFullRatio);
  e.f32(inc.newBackfillfullRatio);
  e.u8(inc.newRequireMinCompatClient);
  e.u8(inc.newRequireOsdRelease);
  encodeById(e, inc.newCrushNodeFlags, encI32, encU32);
  encodeById(e, inc.newDeviceClassFlags, encI32, encU32);
  if (v >= 10) {
    e.bool(inc.changeStretchMode);
    e.u32(inc.stretch.bucketCount);
    e.u32(inc.stretch.degraded);
    e.u32(inc.stretch.recovering);
    e.i32(inc.stretch.bucket);
    e.bool(inc.stretch.enabled);
  }
  if (v >= 11) {
    encodeBlocklist(e, inc.newRangeBlocklist);
    encodeList(e, inc.oldRangeBlocklist, encAddr);
  }
  if (v >= 12) e.u8(inc.mutateAllowCrimson);
  if (inc.osdTail !== undefined) e.bytes(inc.osdTail);
  e.finish(mark);
}

/**
 * Encodes with the full crc that the incremental states, and sets its own.
 * @throws NacreError ENOTSUP for one that was decoded from before nautilus
 */
export function encodeIncremental(inc: OsdMapIncremental): Buffer {
  const e = new Encoder(1024);
  const mark = e.start(WRAPPER, 7);
  encodeClientSection(e, inc);
  encodeOsdSection(e, inc);
  const crcAt = e.length;
  e.u32(0);
  e.u32(inc.fullCrc);
  e.finish(mark);
  const bytes = e.result();
  const front = crc32c(bytes, 0xffffffff, 0, crcAt);
  inc.incCrc = crc32c(bytes, front, crcAt + 4);
  inc.haveCrc = true;
  bytes.writeUInt32LE(inc.incCrc, crcAt);
  return bytes;
}

const decAddrVecs = (d: Decoder): Map<number, EntityAddrVec> => decodeMap(d, 9, decI32, decodeEntityAddrVec);
const decNumbers = (d: Decoder): Map<number, number> => decodeMap(d, 8, decI32, decU32);
const decPgs = (d: Decoder): PgId[] => decodeList(d, 17, decodePgId);
const decAddrs = (d: Decoder): EntityAddr[] => decodeList(d, 19, decodeEntityAddr);
const decU8 = (d: Decoder): number => d.u8();

function decodeClientSection(d: Decoder, inc: OsdMapIncremental): void {
  const end = d.start('OSDMap::Incremental', CLIENT);
  const v = d.structV;
  inc.clientV = v;
  inc.fsid = decodeUuid(d);
  inc.epoch = d.u32();
  inc.modified = decodeUTime(d);
  inc.newPoolMax = d.i64();
  inc.newFlags = d.i32();
  inc.fullmap = d.blob();
  inc.crush = d.blob();
  inc.newMaxOsd = d.i32();
  inc.newPools = decodeMap(d, 68, decI64, decodePgPool);
  d.type = 'OSDMap::Incremental';
  inc.newPoolNames = decodeMap(d, 12, decI64, decStr);
  inc.oldPools = decodeList(d, 8, decI64);
  inc.newUpClient = decAddrVecs(d);
  inc.newState = v >= 5 ? decNumbers(d) : decodeMap(d, 5, decI32, decU8);
  inc.newWeight = decNumbers(d);
  inc.newPgTemp = decodePgMap(d, 4, decodeOsdList);
  inc.newPrimaryTemp = decodePgMap(d, 4, decI32);
  if (v >= 2) inc.newPrimaryAffinity = decNumbers(d);
  if (v >= 3) {
    inc.newErasureCodeProfiles = decodeProfiles(d);
    inc.oldErasureCodeProfiles = decodeList(d, 4, decStr);
  }
  if (v >= 4) {
    inc.newPgUpmap = decodePgMap(d, 4, decodeOsdList);
    inc.oldPgUpmap = decPgs(d);
    inc.newPgUpmapItems = decodePgMap(d, 4, decodeUpmapItems);
    inc.oldPgUpmapItems = decPgs(d);
  }
  if (v >= 6) {
    inc.newRemovedSnaps = decodeSnapQueues(d);
    inc.newPurgedSnaps = decodeSnapQueues(d);
  }
  if (v >= 8) {
    inc.newLastUpChange = decodeUTime(d);
    inc.newLastInChange = decodeUTime(d);
  }
  if (v >= 9) {
    inc.newPgUpmapPrimary = decodePgMap(d, 4, decI32);
    inc.oldPgUpmapPrimary = decPgs(d);
  }
  if (v > CLIENT && d.remaining > 0) inc.clientTail = Buffer.from(d.rest());
  d.finish(end);
}

function decodeOsdSection(d: Decoder, inc: OsdMapIncremental): void {
  const end = d.start('OSDMap::Incremental osd-only section', OSD_ONLY);
  const v = d.structV;
  inc.osdV = v;
  inc.newHbBackUp = decAddrVecs(d);
  inc.newUpThru = decNumbers(d);
  inc.newLastCleanInterval = decodeMap(d, 12, decI32, pair => [pair.u32(), pair.u32()] as const);
  inc.newLost = decNumbers(d);
  inc.newBlocklist = decodeBlocklist(d);
  inc.oldBlocklist = decAddrs(d);
  inc.newUpCluster = decAddrVecs(d);
  inc.clusterSnapshot = d.str();
  inc.newUuid = decodeMap(d, 20, decI32, decodeUuid);
  inc.newXinfo = decodeMap(d, 26, decI32, decodeOsdXinfo);
  inc.newHbFrontUp = decAddrVecs(d);
  d.type = 'OSDMap::Incremental osd-only section';
  if (v >= 2) inc.encodeFeatures = d.u64b();
  if (v >= 3) {
    inc.newNearfullRatio = d.f32();
    inc.newFullRatio = d.f32();
  }
  if (v >= 4) inc.newBackfillfullRatio = d.f32();
  if (v === 5) {
    const name = d.str();
    if (name !== '') inc.newRequireMinCompatClient = releaseByName(name);
  }
  if (v >= 6) {
    inc.newRequireMinCompatClient = d.u8();
    inc.newRequireOsdRelease = d.u8();
  } else if (inc.newFlags >= 0) {
    inc.newRequireOsdRelease = releaseOfFlags(inc.newFlags);
    if (inc.newRequireOsdRelease === RELEASE_LUMINOUS) inc.newFlags &= ~OSDMAP_LEGACY_REQUIRE_FLAGS;
  } else inc.newRequireOsdRelease = 0;
  if (v >= 8) inc.newCrushNodeFlags = decNumbers(d);
  if (v >= 9) inc.newDeviceClassFlags = decNumbers(d);
  if (v >= 10) {
    inc.changeStretchMode = d.bool();
    const [bucketCount, degraded, recovering, bucket] = [d.u32(), d.u32(), d.u32(), d.i32()];
    inc.stretch = { bucketCount, degraded, recovering, bucket, enabled: d.bool() };
  }
  if (v >= 11) {
    inc.newRangeBlocklist = decodeBlocklist(d);
    inc.oldRangeBlocklist = decAddrs(d);
  }
  if (v >= 12) inc.mutateAllowCrimson = d.u8();
  if (v > OSD_ONLY && d.remaining > 0) inc.osdTail = Buffer.from(d.rest());
  d.finish(end);
}

/**
 * Decodes one incremental from its wrapper on.
 * @throws DecodeError, also for the form from before firefly
 */
export function decodeIncremental(d: Decoder): OsdMapIncremental {
  const start = d.offset;
  const end = d.startLegacy('OSDMap::Incremental', WRAPPER, 7, 7);
  const v = d.structV;
  if (v < 7) d.fail(`the classic form (version ${v}), from before firefly, is not read here`);
  const inc = new OsdMapIncremental();
  decodeClientSection(d, inc);
  decodeOsdSection(d, inc);
  d.type = 'OSDMap::Incremental';
  if (v >= 8) {
    inc.haveCrc = true;
    inc.incCrc = readCrc(d, start);
    inc.fullCrc = d.u32();
  }
  d.finish(end);
  return inc;
}
