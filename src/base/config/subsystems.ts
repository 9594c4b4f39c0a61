/**
 * Log subsystems with their default levels: what is logged, and what is gathered in memory
 * (common/subsys.h, by way of the debug_* defaults of Ceph 16.2).
 */
const LEVELS = {
  none: [0, 5],
  lockdep: [0, 1],
  context: [0, 1],
  crush: [1, 1],
  mds: [1, 5],
  mds_balancer: [1, 5],
  mds_locker: [1, 5],
  mds_log: [1, 5],
  mds_log_expire: [1, 5],
  mds_migrator: [1, 5],
  buffer: [0, 1],
  timer: [0, 1],
  filer: [0, 1],
  striper: [0, 1],
  objecter: [0, 1],
  rados: [0, 5],
  rbd: [0, 5],
  rbd_mirror: [0, 5],
  rbd_replay: [0, 5],
  rbd_pwl: [0, 5],
  journaler: [0, 5],
  objectcacher: [0, 5],
  immutable_obj_cache: [0, 5],
  client: [0, 5],
  osd: [1, 5],
  optracker: [0, 5],
  objclass: [0, 5],
  filestore: [1, 3],
  journal: [1, 3],
  ms: [0, 0],
  mon: [1, 5],
  monc: [0, 10],
  paxos: [1, 5],
  tp: [0, 5],
  auth: [1, 5],
  crypto: [1, 5],
  finisher: [1, 1],
  reserver: [1, 1],
  heartbeatmap: [1, 5],
  perfcounter: [1, 5],
  rgw: [1, 5],
  rgw_sync: [1, 5],
  civetweb: [1, 10],
  javaclient: [1, 5],
  asok: [1, 5],
  throttle: [1, 1],
  refs: [0, 0],
  compressor: [1, 5],
  bluestore: [1, 5],
  bluefs: [1, 5],
  bdev: [1, 3],
  kstore: [1, 5],
  rocksdb: [4, 5],
  leveldb: [4, 5],
  memdb: [4, 5],
  fuse: [1, 5],
  mgr: [2, 5],
  mgrc: [1, 5],
  dpdk: [1, 5],
  eventtrace: [1, 5],
  prioritycache: [1, 5],
  test: [0, 5],
  cephfs_mirror: [0, 5],
  cephsqlite: [0, 5],
} as const;

export type SubsystemName = keyof typeof LEVELS;

export interface Subsystem {
  readonly name: SubsystemName;
  readonly log: number;
  readonly gather: number;
}

/** All subsystems; a subsystem's number is its place here. */
export const SUBSYSTEMS: readonly Subsystem[] = Object.entries(LEVELS).map(([name, [log, gather]]) => ({
  name: name as SubsystemName,
  log,
  gather,
}));

/** The number that Log's methods take. */
export function subsystem(name: SubsystemName): number {
  return SUBSYSTEMS.findIndex(known => known.name === name);
}
