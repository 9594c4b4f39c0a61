import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { decodeCrushMap } from '../crush/codec.ts';
import { addrKey } from '../types/addr-text.ts';
import { ADDRVEC_EMPTY, type EntityAddrVec } from '../types/entity.ts';
import { utimeIsZero } from '../types/utime.ts';
import { UUID_ZERO } from '../types/uuid.ts';
import {
  DEFAULT_PRIMARY_AFFINITY,
  OSD_AUTOOUT,
  OSD_EXISTS,
  OSD_NEW,
  OSD_STOP,
  OSD_UP,
  OSDMAP_LEGACY_REQUIRE_FLAGS,
  OSDMAP_PGLOG_HARDLIMIT,
  OSDMAP_RECOVERY_DELETES,
  OSDMAP_REQUIRE_JEWEL,
  OSDMAP_REQUIRE_KRAKEN,
  RELEASE_JEWEL,
  RELEASE_KRAKEN,
  RELEASE_LUMINOUS,
  RELEASE_NAUTILUS,
  RELEASE_UNCHANGED,
  RELEASE_UNKNOWN,
} from './flags.ts';
import { CRIMSON_CLEAR, CRIMSON_SET, type OsdMapIncremental } from './incremental.ts';
import { OSD_INFO_ZERO, OSD_XINFO_ZERO, type OsdInfo } from './osd-info.ts';
import type { OsdMap } from './osdmap.ts';
import { decodeOsdMap } from './osdmap-codec.ts';
import type { PgMap } from './pg-map.ts';
import { difference, unionOf } from './snap-sets.ts';

/** More OSDs than any cluster may have, so that a bad incremental cannot ask for all memory. */
const MAX_OSDS = 1 << 20;

function refuse(inc: OsdMapIncremental, why: string): never {
  throw new NacreError('EINVAL', 'osdmap.apply', `incremental to epoch ${inc.epoch}: ${why}`);
}

/**
 * The map that an incremental makes of another (OSDMap::apply_incremental). The old one stays as it is.
 * @throws NacreError EINVAL when the incremental is of another cluster or not for the next epoch, or names an
 *   OSD that the map has not; DecodeError when a map in it is broken
 */
export function applyIncremental(old: OsdMap, inc: OsdMapIncremental): OsdMap {
  if (inc.epoch !== old.epoch + 1) refuse(inc, `the map is at epoch ${old.epoch}`);
  if (inc.epoch !== 1 && inc.fsid !== old.fsid) refuse(inc, `fsid ${inc.fsid}, the map's is ${old.fsid}`);
  if (inc.fullmap.length > 0) return decodeOsdMap(new Decoder(inc.fullmap));

  const m = old.clone();
  // What writers of the incremental's version make of the full map; the sections of both went up together.
  m.clientV = Math.max(9, inc.clientV + 1);
  m.clientTail = undefined;
  m.osdTail = undefined;
  m.fsid = inc.fsid;
  m.epoch = inc.epoch;
  m.modified = inc.modified;
  applyFlags(m, inc);
  if (inc.newMaxOsd >= 0) {
    if (inc.newMaxOsd > MAX_OSDS) refuse(inc, `max_osd ${inc.newMaxOsd}`);
    m.setMaxOsd(inc.newMaxOsd);
  }
  checkOsds(m, inc);
  applyPools(m, inc);
  applySnaps(m, inc);
  applyOsds(m, inc);
  applyPgs(m, inc);
  applyLists(m, inc);
  applySettings(m, inc);
  if (inc.crush.length > 0) applyCrush(m, inc);
  if (inc.changeStretchMode) m.stretch = inc.stretch;
  if (inc.mutateAllowCrimson === CRIMSON_SET) m.allowCrimson = true;
  else if (inc.mutateAllowCrimson === CRIMSON_CLEAR) m.allowCrimson = false;
  if (leavesPlacement(inc)) m.sharePlacement(old);
  else m.placementChanged();
  return m;
}

/** Whether every PG stays where it was. */
function leavesPlacement(inc: OsdMapIncremental): boolean {
  return (
    inc.newMaxOsd < 0 &&
    inc.newPools.size === 0 &&
    inc.newPoolNames.size === 0 &&
    inc.oldPools.length === 0 &&
    inc.newUpClient.size === 0 &&
    inc.newState.size === 0 &&
    inc.newWeight.size === 0 &&
    inc.newPrimaryAffinity.size === 0 &&
    inc.newPgTemp.size === 0 &&
    inc.newPrimaryTemp.size === 0 &&
    inc.newPgUpmap.size === 0 &&
    inc.oldPgUpmap.length === 0 &&
    inc.newPgUpmapItems.size === 0 &&
    inc.oldPgUpmapItems.length === 0 &&
    inc.newPgUpmapPrimary.size === 0 &&
    inc.oldPgUpmapPrimary.length === 0 &&
    inc.crush.length === 0
  );
}

/** Every OSD that something is said of must be one of the map. */
function checkOsds(m: OsdMap, inc: OsdMapIncremental): void {
  const byOsd: readonly ReadonlyMap<number, unknown>[] = [
    inc.newState,
    inc.newWeight,
    inc.newPrimaryAffinity,
    inc.newUpClient,
    inc.newUpCluster,
    inc.newUpThru,
    inc.newLastCleanInterval,
    inc.newLost,
    inc.newUuid,
    inc.newXinfo,
  ];
  for (const map of byOsd)
    for (const osd of map.keys())
      if (osd < 0 || osd >= m.maxOsd) refuse(inc, `osd.${osd} is beyond max_osd ${m.maxOsd}`);
}

function applyFlags(m: OsdMap, inc: OsdMapIncremental): void {
  if (inc.newFlags < 0) return;
  m.flags = inc.newFlags;
  if ((m.flags & OSDMAP_REQUIRE_KRAKEN) !== 0)
    m.requireOsdRelease = Math.max(m.requireOsdRelease, RELEASE_KRAKEN);
  else if ((m.flags & OSDMAP_REQUIRE_JEWEL) !== 0)
    m.requireOsdRelease = Math.max(m.requireOsdRelease, RELEASE_JEWEL);
}

function applyPools(m: OsdMap, inc: OsdMapIncremental): void {
  if (inc.newPoolMax !== -1) m.poolMax = inc.newPoolMax;
  for (const [id, pool] of inc.newPools) {
    const copy = pool.clone();
    copy.lastChange = m.epoch;
    m.pools.set(id, copy);
  }
  for (const [id, name] of inc.newPoolNames) m.poolNames.set(id, name);
  for (const id of inc.oldPools) {
    m.pools.delete(id);
    m.poolNames.delete(id);
  }
  for (const name of inc.oldErasureCodeProfiles) m.erasureCodeProfiles.delete(name);
  for (const [name, profile] of inc.newErasureCodeProfiles) m.erasureCodeProfiles.set(name, profile);
}

function applySnaps(m: OsdMap, inc: OsdMapIncremental): void {
  m.newRemovedSnaps = inc.newRemovedSnaps;
  m.newPurgedSnaps = inc.newPurgedSnaps;
  const queue = m.removedSnapsQueue;
  for (const [pool, snaps] of inc.newRemovedSnaps) queue.set(pool, unionOf(queue.get(pool) ?? [], snaps));
  for (const [pool, snaps] of inc.newPurgedSnaps) {
    const left = difference(queue.get(pool) ?? [], snaps);
    if (left.length > 0) queue.set(pool, left);
    else queue.delete(pool);
  }
}

function applyOsds(m: OsdMap, inc: OsdMapIncremental): void {
  const info = (osd: number, change: Partial<OsdInfo>): void => {
    m.osdInfo[osd] = { ...m.osdInfo[osd], ...change };
  };
  for (const [osd, weight] of inc.newWeight) {
    m.setWeight(osd, weight);
    if (weight !== 0) {
      m.osdState[osd] &= ~(OSD_AUTOOUT | OSD_NEW);
      m.osdXinfo[osd] = { ...m.osdXinfo[osd], oldWeight: 0 };
    }
  }
  for (const [osd, affinity] of inc.newPrimaryAffinity) m.setAffinity(osd, affinity);
  for (const [osd, change] of inc.newState) {
    // In the oldest incrementals 0 meant that the OSD went down.
    const s = change === 0 ? OSD_UP : change;
    const was = m.osdState[osd];
    if ((was & s & OSD_UP) !== 0) {
      info(osd, { downAt: m.epoch });
      m.osdXinfo[osd] = { ...m.osdXinfo[osd], downStamp: m.modified };
    }
    if ((was & s & OSD_EXISTS) !== 0) forgetOsd(m, osd);
    else m.osdState[osd] = was ^ s;
  }
  for (const [osd, addrs] of inc.newUpClient) {
    m.osdState[osd] = (m.osdState[osd] | OSD_EXISTS | OSD_UP) & ~OSD_STOP;
    m.clientAddrs[osd] = addrs;
    m.hbBackAddrs[osd] = requireAddrs(inc, inc.newHbBackUp, osd);
    m.hbFrontAddrs[osd] = requireAddrs(inc, inc.newHbFrontUp, osd);
    info(osd, { upFrom: m.epoch });
  }
  for (const [osd, addrs] of inc.newUpCluster) m.clusterAddrs[osd] = addrs;
  for (const [osd, upThru] of inc.newUpThru) info(osd, { upThru });
  for (const [osd, [begin, end]] of inc.newLastCleanInterval)
    info(osd, { lastCleanBegin: begin, lastCleanEnd: end });
  for (const [osd, lostAt] of inc.newLost) info(osd, { lostAt });
  for (const [osd, xinfo] of inc.newXinfo) m.osdXinfo[osd] = xinfo;
  for (const [osd, uuid] of inc.newUuid) m.osdUuid[osd] = uuid;
}

function requireAddrs(
  inc: OsdMapIncremental,
  map: ReadonlyMap<number, EntityAddrVec>,
  osd: number,
): EntityAddrVec {
  return map.get(osd) ?? refuse(inc, `osd.${osd} comes up without heartbeat addresses`);
}

/** The OSD was removed from the cluster: its number may be given to another. */
function forgetOsd(m: OsdMap, osd: number): void {
  m.osdUuid[osd] = UUID_ZERO;
  m.osdInfo[osd] = OSD_INFO_ZERO;
  m.osdXinfo[osd] = OSD_XINFO_ZERO;
  m.setAffinity(osd, DEFAULT_PRIMARY_AFFINITY);
  m.clientAddrs[osd] = ADDRVEC_EMPTY;
  m.clusterAddrs[osd] = ADDRVEC_EMPTY;
  m.hbFrontAddrs[osd] = ADDRVEC_EMPTY;
  m.hbBackAddrs[osd] = ADDRVEC_EMPTY;
  m.osdState[osd] = 0;
}

function merge<T>(into: PgMap<T>, from: PgMap<T>, removes: (value: T) => boolean): void {
  for (const [{ pool, seed }, value] of from)
    if (removes(value)) into.delete(pool, seed);
    else into.set(pool, seed, value);
}

const never = (): boolean => false;

function applyPgs(m: OsdMap, inc: OsdMapIncremental): void {
  merge(m.pgTemp, inc.newPgTemp, osds => osds.length === 0);
  merge(m.primaryTemp, inc.newPrimaryTemp, osd => osd === -1);
  merge(m.pgUpmap, inc.newPgUpmap, never);
  for (const { pool, seed } of inc.oldPgUpmap) m.pgUpmap.delete(pool, seed);
  merge(m.pgUpmapItems, inc.newPgUpmapItems, never);
  for (const { pool, seed } of inc.oldPgUpmapItems) m.pgUpmapItems.delete(pool, seed);
  merge(m.pgUpmapPrimaries, inc.newPgUpmapPrimary, never);
  for (const { pool, seed } of inc.oldPgUpmapPrimary) m.pgUpmapPrimaries.delete(pool, seed);
}

function applyLists(m: OsdMap, inc: OsdMapIncremental): void {
  // An address that is listed already keeps its time: C++ inserts here and does not assign.
  for (const [key, entry] of inc.newBlocklist) if (!m.blocklist.has(key)) m.blocklist.set(key, entry);
  for (const addr of inc.oldBlocklist) m.blocklist.delete(addrKey(addr));
  for (const [key, entry] of inc.newRangeBlocklist)
    if (!m.rangeBlocklist.has(key)) m.rangeBlocklist.set(key, entry);
  for (const addr of inc.oldRangeBlocklist) m.rangeBlocklist.delete(addrKey(addr));
  for (const [item, flags] of inc.newCrushNodeFlags)
    if (flags !== 0) m.crushNodeFlags.set(item, flags);
    else m.crushNodeFlags.delete(item);
  for (const [id, flags] of inc.newDeviceClassFlags)
    if (flags !== 0) m.deviceClassFlags.set(id, flags);
    else m.deviceClassFlags.delete(id);
}

function applySettings(m: OsdMap, inc: OsdMapIncremental): void {
  m.clusterSnapshot = inc.clusterSnapshot;
  m.clusterSnapshotEpoch = inc.clusterSnapshot === '' ? 0 : inc.epoch;
  if (!utimeIsZero(inc.newLastUpChange)) m.lastUpChange = inc.newLastUpChange;
  if (!utimeIsZero(inc.newLastInChange)) m.lastInChange = inc.newLastInChange;
  if (inc.newNearfullRatio >= 0) m.nearfullRatio = inc.newNearfullRatio;
  if (inc.newBackfillfullRatio >= 0) m.backfillfullRatio = inc.newBackfillfullRatio;
  if (inc.newFullRatio >= 0) m.fullRatio = inc.newFullRatio;
  const client = inc.newRequireMinCompatClient;
  if (client !== RELEASE_UNCHANGED && client > RELEASE_UNKNOWN) m.requireMinCompatClient = client;
  if (inc.newRequireOsdRelease !== RELEASE_UNCHANGED) {
    m.requireOsdRelease = inc.newRequireOsdRelease;
    if (m.requireOsdRelease >= RELEASE_LUMINOUS)
      m.flags = (m.flags & ~OSDMAP_LEGACY_REQUIRE_FLAGS) | OSDMAP_RECOVERY_DELETES;
    if (m.requireOsdRelease >= RELEASE_NAUTILUS) m.flags |= OSDMAP_PGLOG_HARDLIMIT;
  }
  m.flags >>>= 0;
}

function applyCrush(m: OsdMap, inc: OsdMapIncremental): void {
  m.setCrush(decodeCrushMap(new Decoder(inc.crush, 'CrushWrapper')));
  if (m.requireOsdRelease >= RELEASE_LUMINOUS) m.crushVersion++;
  for (const id of m.deviceClassFlags.keys()) if (!m.crush.classes.has(id)) m.deviceClassFlags.delete(id);
}
