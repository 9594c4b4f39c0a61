import { crc32c } from '../../base/crc32c.ts';
import { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { decodeCrushMap, encodeCrushMap } from '../crush/codec.ts';
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
import { decodeEntityAddrVec } from '../types/entity.ts';
import { decodeUTime, encodeUTime } from '../types/utime.ts';
import { decodeUuid, encodeUuid } from '../types/uuid.ts';
import {
  decodeBlocklist,
  decodeProfiles,
  decodeSnapQueues,
  decU8Array,
  decU32Array,
  encAddrVec,
  encodeBlocklist,
  encodeById,
  encodePools,
  encodeProfiles,
  encodeSnapQueues,
  encU32Array,
  readCrc,
  releaseOfFlags,
} from './codec-parts.ts';
import {
  OSDMAP_LEGACY_REQUIRE_FLAGS,
  OSDMAP_PGLOG_HARDLIMIT,
  OSDMAP_RECOVERY_DELETES,
  RELEASE_LUMINOUS,
  RELEASE_NAUTILUS,
  releaseByName,
} from './flags.ts';
import { decodeOsdInfo, decodeOsdXinfo, encodeOsdInfo, encodeOsdXinfo } from './osd-info.ts';
import { NO_STRETCH, OsdMap } from './osdmap.ts';
import {
  decodePgMap,
  decodePgTempMap,
  decodeUpmapItems,
  encodePgMap,
  encodePgTempMap,
  encodeUpmapItems,
} from './pg-map.ts';
import { decodePgPool } from './pool-codec.ts';

/*
 * OSDMap (osd/OSDMap.cc): ENCODE_START(8, 7), in it two versioned sections and a crc.
 *
 * What clients use, ENCODE_START(9 or 10, 1):
 *   uuid fsid, u32 epoch, utime created, utime modified, map<s64, pg_pool_t>, map<s64, str> names,
 *   s32 pool_max, u32 flags, s32 max_osd, vector<u32> osd_state, vector<u32> osd_weight,
 *   vector<entity_addrvec_t> client addresses, pg_temp, map<pg_t, s32> primary_temp,
 *   vector<u32> primary affinity (empty: all default), blob crush, map<str, map<str, str>> EC profiles,
 *   map<pg_t, vector<s32>> pg_upmap, map<pg_t, vector<pair<s32, s32>>> pg_upmap_items, u32 crush_version,
 *   map<s64, interval_set> new_removed_snaps, new_purged_snaps, utime last_up_change, last_in_change
 *   10: map<pg_t, s32> pg_upmap_primaries
 * What OSDs use too, ENCODE_START(9, 1), 10 in stretch mode, 11 with a range blocklist, 12 with crimson:
 *   vector<entity_addrvec_t> heartbeat back, vector<osd_info_t>, map<entity_addr_t, utime> blocklist,
 *   vector<entity_addrvec_t> cluster, u32 cluster_snapshot_epoch, str cluster_snapshot, vector<uuid>,
 *   vector<osd_xinfo_t>, vector<entity_addrvec_t> heartbeat front, f32 nearfull, full, backfillfull,
 *   u8 require_min_compat_client, u8 require_osd_release, map<s64, interval_set> removed_snaps_queue,
 *   map<s32, u32> crush_node_flags, map<s32, u32> device_class_flags
 *   10: u8 stretch_mode_enabled, u32 stretch_bucket_count, u32 degraded, u32 recovering, s32 bucket
 *   11: map<entity_addr_t, utime> range_blocklist   12: u8 allow_crimson
 * u32 crc32c of all before and behind it.
 */

/** The wrapper's, and those of the two sections, that decoding knows. */
const WRAPPER = 8;
const CLIENT = 10;
const OSD_ONLY = 12;
/** Before this version addresses were single ones, and readers had to be told less. */
const OLDEST_CLIENT_WRITTEN = 9;

function encodeClientSection(e: Encoder, m: OsdMap): void {
  const known = m.clientTail !== undefined ? m.clientV : Math.min(m.clientV, CLIENT);
  const v = m.pgUpmapPrimaries.size > 0 ? Math.max(10, known) : known;
  if (v < OLDEST_CLIENT_WRITTEN)
    throw new NacreError('ENOTSUP', 'osdmap.encode', `OSDMap for readers before nautilus (version ${v})`);
  const mark = e.start(v, 1);
  encodeUuid(e, m.fsid);
  e.u32(m.epoch);
  encodeUTime(e, m.created);
  encodeUTime(e, m.modified);
  encodePools(e, m.pools);
  encodeById(e, m.poolNames, encI64, encStr);
  e.i32(m.poolMax);
  e.u32(m.flags);
  e.i32(m.maxOsd);
  encU32Array(e, m.osdState);
  encU32Array(e, m.osdWeight);
  encodeList(e, m.clientAddrs, encAddrVec);
  encodePgTempMap(e, m.pgTemp);
  encodePgMap(e, m.primaryTemp, encI32);
  if (m.primaryAffinity === undefined) e.u32(0);
  else encU32Array(e, m.primaryAffinity);
  const length = e.holdU32();
  const before = e.length;
  encodeCrushMap(e, m.crush);
  e.fillU32(length, e.length - before);
  encodeProfiles(e, m.erasureCodeProfiles);
  encodePgTempMap(e, m.pgUpmap);
  encodePgMap(e, m.pgUpmapItems, encodeUpmapItems);
  e.u32(m.crushVersion);
  encodeSnapQueues(e, m.newRemovedSnaps);
  encodeSnapQueues(e, m.newPurgedSnaps);
  encodeUTime(e, m.lastUpChange);
  encodeUTime(e, m.lastInChange);
  if (v >= 10) encodePgMap(e, m.pgUpmapPrimaries, encI32);
  if (m.clientTail !== undefined) e.bytes(m.clientTail);
  e.finish(mark);
}

function encodeOsdSection(e: Encoder, m: OsdMap): void {
  let v = m.osdTail !== undefined ? m.osdV : 9;
  if (m.stretch.enabled) v = Math.max(10, v);
  if (m.rangeBlocklist.size > 0) v = Math.max(11, v);
  if (m.allowCrimson) v = Math.max(12, v);
  const mark = e.start(v, 1);
  encodeList(e, m.hbBackAddrs, encAddrVec);
  encodeList(e, m.osdInfo, encodeOsdInfo);
  encodeBlocklist(e, m.blocklist);
  encodeList(e, m.clusterAddrs, encAddrVec);
  e.u32(m.clusterSnapshotEpoch);
  e.str(m.clusterSnapshot);
  encodeList(e, m.osdUuid, encodeUuid);
  encodeList(e, m.osdXinfo, (into, x) => encodeOsdXinfo(into, x));
  encodeList(e, m.hbFrontAddrs, encAddrVec);
  e.f32(m.nearfullRatio);
  e.f32(m.fullRatio);
  e.f32(m.backfillfullRatio);
  e.u8(m.requireMinCompatClient);
  e.u8(m.requireOsdRelease);
  encodeSnapQueues(e, m.removedSnapsQueue);
  encodeById(e, m.crushNodeFlags, encI32, encU32);
  encodeById(e, m.deviceClassFlags, encI32, encU32);
  if (v >= 10) {
    e.bool(m.stretch.enabled);
    e.u32(m.stretch.bucketCount);
    e.u32(m.stretch.degraded);
    e.u32(m.stretch.recovering);
    e.i32(m.stretch.bucket);
  }
  if (v >= 11) encodeBlocklist(e, m.rangeBlocklist);
  if (v >= 12) e.bool(m.allowCrimson);
  if (m.osdTail !== undefined) e.bytes(m.osdTail);
  e.finish(mark);
}

/**
 * The map as monitors store and send it; sets its crc.
 * @throws NacreError ENOTSUP for a map that is decoded from before nautilus
 */
export function encodeOsdMap(m: OsdMap): Buffer {
  const e = new Encoder(4096);
  const mark = e.start(WRAPPER, 7);
  encodeClientSection(e, m);
  encodeOsdSection(e, m);
  const crcAt = e.length;
  e.u32(0);
  e.finish(mark);
  const bytes = e.result();
  m.crc = crc32c(bytes, 0xffffffff, 0, crcAt);
  bytes.writeUInt32LE(m.crc, crcAt);
  return bytes;
}

function decodeClientSection(d: Decoder, m: OsdMap): void {
  const end = d.start('OSDMap', CLIENT);
  const v = d.structV;
  m.clientV = v;
  m.fsid = decodeUuid(d);
  m.epoch = d.u32();
  m.created = decodeUTime(d);
  m.modified = decodeUTime(d);
  m.pools = decodeMap(d, 8 + 60, decI64, decodePgPool);
  d.type = 'OSDMap';
  m.poolNames = decodeMap(d, 12, decI64, decStr);
  m.poolMax = d.i32();
  m.flags = d.u32();
  m.maxOsd = d.i32();
  m.osdState = v >= 5 ? decU32Array(d) : decU8Array(d);
  m.osdWeight = decU32Array(d);
  m.clientAddrs = decodeList(d, 5, decodeEntityAddrVec);
  m.pgTemp = decodePgTempMap(d);
  m.primaryTemp = decodePgMap(d, 4, decI32);
  if (v >= 2) {
    const affinity = decU32Array(d);
    if (affinity.length > 0) m.primaryAffinity = affinity;
  }
  m.crush = decodeCrushMap(new Decoder(d.blob(), 'CrushWrapper'));
  if (v >= 3) m.erasureCodeProfiles = decodeProfiles(d);
  if (v >= 4) {
    m.pgUpmap = decodePgTempMap(d);
    m.pgUpmapItems = decodePgMap(d, 4, decodeUpmapItems);
  }
  if (v >= 6) m.crushVersion = d.u32();
  if (v >= 7) {
    m.newRemovedSnaps = decodeSnapQueues(d);
    m.newPurgedSnaps = decodeSnapQueues(d);
  }
  if (v >= 9) {
    m.lastUpChange = decodeUTime(d);
    m.lastInChange = decodeUTime(d);
  }
  if (v >= 10) m.pgUpmapPrimaries = decodePgMap(d, 4, decI32);
  if (v > CLIENT && d.remaining > 0) m.clientTail = Buffer.from(d.rest());
  d.finish(end);
}

function decodeOsdSection(d: Decoder, m: OsdMap): void {
  const end = d.start('OSDMap osd-only section', OSD_ONLY);
  const v = d.structV;
  m.osdV = v;
  m.hbBackAddrs = decodeList(d, 5, decodeEntityAddrVec);
  m.osdInfo = decodeList(d, 25, decodeOsdInfo);
  m.blocklist = decodeBlocklist(d);
  m.clusterAddrs = decodeList(d, 5, decodeEntityAddrVec);
  m.clusterSnapshotEpoch = d.u32();
  m.clusterSnapshot = d.str();
  m.osdUuid = decodeList(d, 16, decodeUuid);
  m.osdXinfo = decodeList(d, 22, decodeOsdXinfo);
  m.hbFrontAddrs = decodeList(d, 5, decodeEntityAddrVec);
  d.type = 'OSDMap osd-only section';
  if (v >= 2) {
    m.nearfullRatio = d.f32();
    m.fullRatio = d.f32();
  }
  if (v >= 3) m.backfillfullRatio = d.f32();
  if (v === 4) m.requireMinCompatClient = releaseByName(d.str());
  if (v >= 5) {
    m.requireMinCompatClient = d.u8();
    m.requireOsdRelease = d.u8();
    if (m.requireOsdRelease >= RELEASE_NAUTILUS) m.flags |= OSDMAP_PGLOG_HARDLIMIT;
    if (m.requireOsdRelease >= RELEASE_LUMINOUS)
      m.flags = (m.flags & ~OSDMAP_LEGACY_REQUIRE_FLAGS) | OSDMAP_RECOVERY_DELETES;
  } else {
    m.requireOsdRelease = releaseOfFlags(m.flags);
    if (m.requireOsdRelease === RELEASE_LUMINOUS)
      m.flags = (m.flags & ~OSDMAP_LEGACY_REQUIRE_FLAGS) | OSDMAP_RECOVERY_DELETES;
  }
  m.flags >>>= 0;
  if (v >= 6) m.removedSnapsQueue = decodeSnapQueues(d);
  if (v >= 8) m.crushNodeFlags = decodeMap(d, 8, decI32, decU32);
  if (v >= 9) m.deviceClassFlags = decodeMap(d, 8, decI32, decU32);
  m.stretch =
    v >= 10
      ? {
          enabled: d.bool(),
          bucketCount: d.u32(),
          degraded: d.u32(),
          recovering: d.u32(),
          bucket: d.i32(),
        }
      : NO_STRETCH;
  if (v >= 11) m.rangeBlocklist = decodeBlocklist(d);
  if (v >= 12) m.allowCrimson = d.bool();
  if (v > OSD_ONLY && d.remaining > 0) m.osdTail = Buffer.from(d.rest());
  d.finish(end);
}

/** Everything by OSD must reach to max_osd: code that looks an OSD up asks no more than that. */
function checkLengths(d: Decoder, m: OsdMap): void {
  const n = m.maxOsd;
  const lists = [
    m.osdState,
    m.osdWeight,
    m.clientAddrs,
    m.clusterAddrs,
    m.hbBackAddrs,
    m.hbFrontAddrs,
    m.osdInfo,
    m.osdXinfo,
    m.osdUuid,
    m.primaryAffinity ?? m.osdState,
  ];
  for (const list of lists) if (list.length !== n) d.fail(`${list.length} entries by OSD, max_osd is ${n}`);
}

/**
 * Decodes a full map from its wrapper on.
 * @throws DecodeError, also for the form from before firefly
 */
export function decodeOsdMap(d: Decoder): OsdMap {
  const start = d.offset;
  const end = d.startLegacy('OSDMap', WRAPPER, 7, 7);
  const v = d.structV;
  if (v < 7) d.fail(`the classic form (version ${v}), from before firefly, is not read here`);
  const m = new OsdMap();
  decodeClientSection(d, m);
  decodeOsdSection(d, m);
  d.type = 'OSDMap';
  if (v >= 8) m.crc = readCrc(d, start);
  d.finish(end);
  checkLengths(d, m);
  return m;
}
