import {
  type Codec,
  codecOf,
  derived,
  i32,
  i64,
  list,
  map,
  plain,
  since,
  str,
  struct,
  tuple,
  u32,
  u64,
  u64b,
  unused,
  type ValueOf,
} from './codec.ts';

// Statistics that OSDs report (osd/osd_types.h).

/** object_stat_sum_t: sums over the objects of a PG or pool. Counts unless the name says bytes or kb. */
export const objectStatSum = struct(
  'object_stat_sum_t',
  { version: 20, compat: 14, oldest: 14 },
  {
    numBytes: i64,
    numObjects: i64,
    numObjectClones: i64,
    /** Objects times replicas. */
    numObjectCopies: i64,
    numObjectsMissingOnPrimary: i64,
    numObjectsDegraded: i64,
    numObjectsUnfound: i64,
    numRd: i64,
    numRdKb: i64,
    numWr: i64,
    numWrKb: i64,
    numScrubErrors: i64,
    numObjectsRecovered: i64,
    numBytesRecovered: i64,
    numKeysRecovered: i64,
    numShallowScrubErrors: i64,
    numDeepScrubErrors: i64,
    numObjectsDirty: i64,
    numWhiteouts: i64,
    numObjectsOmap: i64,
    numObjectsHitSetArchive: i64,
    numObjectsMisplaced: i64,
    numBytesHitSetArchive: i64,
    numFlush: i64,
    numFlushKb: i64,
    numEvict: i64,
    numEvictKb: i64,
    numPromote: i64,
    numFlushModeHigh: i32,
    numFlushModeLow: i32,
    numEvictModeSome: i32,
    numEvictModeFull: i32,
    numObjectsPinned: i64,
    numObjectsMissing: i64,
    numLegacySnapsets: since(16, i64),
    numLargeOmapObjects: since(17, i64),
    numObjectsManifest: since(18, i64),
    numOmapBytes: since(19, i64),
    numOmapKeys: since(19, i64),
    numObjectsRepaired: since(20, i64),
  },
);
export type ObjectStatSum = ValueOf<typeof objectStatSum>;

/** object_stat_collection_t: the sum, and once sums by category. */
export const objectStatCollection = struct(
  'object_stat_collection_t',
  { version: 2, compat: 2, legacy: [2, 2] },
  { sum: objectStatSum, categories: unused(map(str, objectStatSum)) },
);
export type ObjectStatCollection = ValueOf<typeof objectStatCollection>;

/** store_statfs_t: bytes of an object store. */
export const storeStatfs = struct(
  'store_statfs_t',
  { version: 1, compat: 1 },
  {
    total: i64,
    available: i64,
    internallyReserved: i64,
    allocated: i64,
    dataStored: i64,
    dataCompressed: i64,
    dataCompressedAllocated: i64,
    dataCompressedOriginal: i64,
    omapAllocated: i64,
    internalMetadata: i64,
  },
);
export type StoreStatfs = ValueOf<typeof storeStatfs>;

/** objectstore_perf_stat_t. Version 1, which 16.2 sends, has milliseconds in u32; version 2 nanoseconds. */
export interface ObjectStorePerfStat {
  readonly commitLatencyNs: number;
  readonly applyLatencyNs: number;
  readonly structV?: number;
}

const NS_PER_MS = 1_000_000;

export const objectStorePerfStat: Codec<ObjectStorePerfStat> = codecOf<ObjectStorePerfStat>(
  14,
  () => ({ commitLatencyNs: 0, applyLatencyNs: 0 }),
  (e, v) => {
    const version = v.structV === 2 ? 2 : 1;
    const mark = e.start(version, version);
    if (version === 2) {
      e.u64(v.commitLatencyNs);
      e.u64(v.applyLatencyNs);
    } else {
      e.u32(Math.floor(v.commitLatencyNs / NS_PER_MS));
      e.u32(Math.floor(v.applyLatencyNs / NS_PER_MS));
    }
    e.finish(mark);
  },
  d => {
    const end = d.start('objectstore_perf_stat_t', 2);
    const version = d.structV;
    const value =
      version >= 2
        ? { commitLatencyNs: d.u64(), applyLatencyNs: d.u64(), structV: 2 }
        : { commitLatencyNs: d.u32() * NS_PER_MS, applyLatencyNs: d.u32() * NS_PER_MS };
    d.finish(end);
    return value;
  },
);

/** pow2_hist_t: counts by power of two. */
export const pow2Hist = struct('pow2_hist_t', { version: 1, compat: 1 }, { h: list(i32) });
export type Pow2Hist = ValueOf<typeof pow2Hist>;

const pingTimes = {
  /** Averages over 1, 5 and 15 minutes, in microseconds, as are all here. */
  pingtime: tuple(3, u32),
  min: tuple(3, u32),
  max: tuple(3, u32),
  last: u32,
};

/** Heartbeat round trips to one OSD. */
export const pingInterfaces = plain({
  /** Seconds since 1970. */
  lastUpdate: u32,
  back: plain(pingTimes),
  /** Zeros when there is only one network. */
  front: plain(pingTimes),
});
export type PingInterfaces = ValueOf<typeof pingInterfaces>;

interface HasStatfs {
  readonly statfs: StoreStatfs;
}

const kb = (bytes: number): number => Math.floor(bytes / 1024);

/** osd_stat_t: what an OSD says of itself. */
export const osdStat = struct(
  'osd_stat_t',
  { version: 14, compat: 2, legacy: [2, 2], oldest: 9 },
  {
    kb: derived(i64, (v: HasStatfs) => kb(v.statfs.total)),
    kbUsed: derived(i64, (v: HasStatfs) => kb(v.statfs.total - v.statfs.available)),
    kbAvail: derived(i64, (v: HasStatfs) => kb(v.statfs.available)),
    snapTrimQueueLen: i32,
    numSnapTrimming: i32,
    hbPeers: list(i32),
    numHbOut: unused(list(i32)),
    opQueueAgeHist: pow2Hist,
    osPerfStat: objectStorePerfStat,
    upFrom: u32,
    /** Epoch of boot in the upper half, a counter in the lower. */
    seq: u64b,
    numPgs: u32,
    kbUsedData: derived(i64, (v: HasStatfs) => kb(v.statfs.allocated)),
    kbUsedOmap: derived(i64, (v: HasStatfs) => kb(v.statfs.omapAllocated)),
    kbUsedMeta: derived(i64, (v: HasStatfs) => kb(v.statfs.internalMetadata)),
    statfs: storeStatfs,
    /** By OSD (-1 is this one): alert to text. */
    osAlerts: since(10, map(i32, map(str, str))),
    numShardsRepaired: since(11, u64),
    numOsds: since(12, u32),
    numPerPoolOsds: since(12, u32),
    numPerPoolOmapOsds: since(13, u32),
    hbPingtime: since(14, map(i32, pingInterfaces)),
  },
);
export type OsdStat = ValueOf<typeof osdStat>;

/** pool_stat_t. */
export const poolStat = struct(
  'pool_stat_t',
  { version: 7, compat: 5, legacy: [5, 5], oldest: 5 },
  {
    stats: objectStatCollection,
    logSize: i64,
    ondiskLogSize: i64,
    up: since(6, i32),
    acting: since(6, i32),
    storeStats: since(7, storeStatfs),
    numStoreStats: since(7, i32),
  },
);
export type PoolStat = ValueOf<typeof poolStat>;
