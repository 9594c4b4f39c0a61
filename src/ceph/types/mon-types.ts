import {
  blob,
  bool,
  f32,
  f64,
  i32,
  list,
  map,
  since,
  str,
  struct,
  u8,
  u32,
  u64,
  u64b,
  utime,
  type ValueOf,
} from './codec.ts';

// Small types of the monitors (mon/mon_types.h, MonCommand.h, MonitorDBStore.h, ConnectionTracker.h).

/** mon_feature_t: features of monitors among themselves; bits FEATURE_KRAKEN 1, LUMINOUS 2 ... */
export const monFeature = struct('mon_feature_t', { version: 1, compat: 1 }, { features: u64b });
export type MonFeature = ValueOf<typeof monFeature>;

/** FeatureMap: entity type to feature bits to how many have them. */
export const featureMap = struct('FeatureMap', { version: 1, compat: 1 }, { m: map(u32, map(u64b, u64)) });
export type FeatureMap = ValueOf<typeof featureMap>;

/** MonCommand flags. */
export const MON_COMMAND_NOFORWARD = 1 << 0;
export const MON_COMMAND_OBSOLETE = 1 << 1;
export const MON_COMMAND_DEPRECATED = 1 << 2;
export const MON_COMMAND_MGR = 1 << 3;
export const MON_COMMAND_POLL = 1 << 4;
export const MON_COMMAND_HIDDEN = 1 << 5;
export const MON_COMMAND_TELL = 1 << 6;

/** MonCommand: the signature of a command. */
export const monCommand = struct(
  'MonCommand',
  { version: 1, compat: 1 },
  {
    cmdstring: str,
    helpstring: str,
    module: str,
    reqPerms: str,
    /** Once 'cli,rest'. */
    availability: str,
    flags: u64,
  },
);
export type MonCommand = ValueOf<typeof monCommand>;

/** MonitorDBStore::Op::type. */
export const MON_DB_PUT = 1;
export const MON_DB_ERASE = 2;
export const MON_DB_COMPACT = 3;
export const MON_DB_ERASE_RANGE = 4;

/** MonitorDBStore::Op. */
export const monDbOp = struct(
  'MonitorDBStore::Op',
  { version: 2, compat: 1 },
  { type: u8, prefix: str, key: str, bl: blob, endkey: since(2, str) },
);
export type MonDbOp = ValueOf<typeof monDbOp>;

/** MonitorDBStore::Transaction: ops, and their count and bytes. */
export const monDbTransaction = struct(
  'MonitorDBStore::Transaction',
  { version: 2, compat: 1 },
  { ops: list(monDbOp), keys: since(2, u64), bytes: since(2, u64) },
);
export type MonDbTransaction = ValueOf<typeof monDbTransaction>;

/** MonitorDBStoreStats (LevelDBStoreStats before 19.2): bytes of a monitor's store. */
export const monStoreStats = struct(
  'MonitorDBStoreStats',
  { version: 1, compat: 1 },
  { bytesTotal: u64, bytesSst: u64, bytesLog: u64, bytesMisc: u64, lastUpdate: utime },
);
export type MonStoreStats = ValueOf<typeof monStoreStats>;

/** ceph_data_stats: bytes of a file system. */
export const dataSpace = struct(
  'ceph_data_stats',
  { version: 1, compat: 1 },
  { byteTotal: u64, byteUsed: u64, byteAvail: u64, availPercent: i32 },
);
export type DataSpace = ValueOf<typeof dataSpace>;

/** DataStats: the space of a monitor. */
export const dataStats = struct(
  'DataStats',
  { version: 3, compat: 1, oldest: 3 },
  {
    byteTotal: u64,
    byteUsed: u64,
    byteAvail: u64,
    availPercent: i32,
    lastUpdate: utime,
    storeStats: monStoreStats,
  },
);
export type DataStats = ValueOf<typeof dataStats>;

/** ScrubResult: checksum and count of keys by prefix, for comparing the stores of monitors. */
export const monScrubResult = struct(
  'ScrubResult',
  { version: 1, compat: 1 },
  { prefixCrc: map(str, u32), prefixKeys: map(str, u64) },
);
export type MonScrubResult = ValueOf<typeof monScrubResult>;

/** ProgressEvent: a long task of the manager, with its share done. */
export const progressEvent = struct(
  'ProgressEvent',
  { version: 2, compat: 1 },
  { message: str, progress: f32, addToCephS: since(2, bool) },
);
export type ProgressEvent = ValueOf<typeof progressEvent>;

/** ConnectionReport: how one monitor sees the others. */
export const connectionReport = struct(
  'ConnectionReport',
  { version: 1, compat: 1 },
  { rank: i32, current: map(i32, bool), history: map(i32, f64), epoch: u32, epochVersion: u64 },
);
export type ConnectionReport = ValueOf<typeof connectionReport>;

/** ConnectionTracker: all reports, for elections by connectivity. `halfLife` in seconds. */
export const connectionTracker = struct(
  'ConnectionTracker',
  { version: 1, compat: 1 },
  { rank: i32, epoch: u32, version: u64, halfLife: f64, peerReports: map(i32, connectionReport) },
);
export type ConnectionTracker = ValueOf<typeof connectionTracker>;

/** PerfCounterType (mgr/MMgrReport.h): declares a counter before its values are sent. */
export const perfCounterType = struct(
  'PerfCounterType',
  { version: 3, compat: 1 },
  { path: str, description: str, nick: str, type: u8, priority: since(2, u8), unit: since(3, u8) },
);
export type PerfCounterType = ValueOf<typeof perfCounterType>;
