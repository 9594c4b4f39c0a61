import { objectCleanRegions } from '../../../src/ceph/types/clean-regions.ts';
import * as lock from '../../../src/ceph/types/cls-lock.ts';
import * as refcount from '../../../src/ceph/types/cls-refcount.ts';
import * as version from '../../../src/ceph/types/cls-version.ts';
import { str, uuid } from '../../../src/ceph/types/codec.ts';
import * as c from '../../../src/ceph/types/codecs.ts';
import { decodeColl, encodeColl } from '../../../src/ceph/types/coll.ts';
import { compatSet } from '../../../src/ceph/types/compat-set.ts';
import * as health from '../../../src/ceph/types/health.ts';
import * as hits from '../../../src/ceph/types/hit-set.ts';
import * as log from '../../../src/ceph/types/log-entry.ts';
import * as mgr from '../../../src/ceph/types/mgr-map.ts';
import * as mon from '../../../src/ceph/types/mon-types.ts';
import * as object from '../../../src/ceph/types/object-info.ts';
import * as pg from '../../../src/ceph/types/pg-info.ts';
import * as pglog from '../../../src/ceph/types/pg-log.ts';
import * as pgmap from '../../../src/ceph/types/pg-map.ts';
import { pgStat } from '../../../src/ceph/types/pg-stat.ts';
import * as recovery from '../../../src/ceph/types/recovery.ts';
import { decodeRequestRedirect, encodeRequestRedirect } from '../../../src/ceph/types/redirect.ts';
import * as replies from '../../../src/ceph/types/replies.ts';
import { decodePoolSnapInfo, encodePoolSnapInfo } from '../../../src/ceph/types/snap.ts';
import * as stats from '../../../src/ceph/types/stats.ts';
import { osdSuperblock } from '../../../src/ceph/types/superblock.ts';
import { decodeUTime, encodeUTime } from '../../../src/ceph/types/utime.ts';
import * as w from '../../../src/ceph/types/wrappers.ts';
import { entry, type Registry } from '../registry-entry.ts';

const basics: Registry = {
  entity_name_t: entry(c.entityName),
  entity_addr_t: entry(c.entityAddr),
  entity_addrvec_t: entry(c.entityAddrVec),
  entity_inst_t: entry(c.entityInst),
  eversion_t: entry(c.eversion),
  pg_t: entry(c.pgId),
  spg_t: entry(c.spgId),
  pg_shard_t: entry(c.pgShard),
  shard_id_t: entry(w.shardId),
  hobject_t: entry(c.hobject),
  ghobject_t: entry(c.ghobject),
  object_t: entry(w.objectName),
  sobject_t: entry(w.sobject),
  object_locator_t: entry(c.objectLocator),
  osd_reqid_t: entry(c.reqid),
  SnapContext: entry(c.snapContext),
  SnapSet: entry(c.snapSet),
  pool_snap_info_t: { decode: decodePoolSnapInfo, encode: encodePoolSnapInfo },
  request_redirect_t: { decode: decodeRequestRedirect, encode: encodeRequestRedirect },
  coll_t: { decode: decodeColl, encode: encodeColl },
  utime_t: { decode: decodeUTime, encode: encodeUTime },
  uuid_d: entry(uuid),
  errorcode32_t: entry(w.errorcode32),
  sha256_digest_t: entry(w.sha256Digest),
  real_time_wrapper: entry(w.realTime),
  coarse_real_time_wrapper: entry(w.realTime),
  timespan_wrapper: entry(w.timespan),
  string_wrapper: entry(str),
  CompatSet: entry(compatSet),
};

const osd: Registry = {
  object_stat_sum_t: entry(stats.objectStatSum),
  object_stat_collection_t: entry(stats.objectStatCollection),
  store_statfs_t: entry(stats.storeStatfs),
  objectstore_perf_stat_t: entry(stats.objectStorePerfStat),
  pow2_hist_t: entry(stats.pow2Hist),
  osd_stat_t: entry(stats.osdStat),
  pool_stat_t: entry(stats.poolStat),
  pg_stat_t: entry(pgStat),
  pg_history_t: entry(pg.pgHistory),
  pg_info_t: entry(pg.pgInfo),
  pg_notify_t: entry(pg.pgNotify),
  pg_query_t: entry(pg.pgQuery),
  PastIntervals: entry(pg.pastIntervals),
  'PastIntervals::pg_interval_t': entry(pg.pgInterval),
  compact_interval_t: entry(pg.compactInterval),
  pg_hit_set_info_t: entry(pg.pgHitSetInfo),
  pg_hit_set_history_t: entry(pg.pgHitSetHistory),
  pg_fast_info_t: entry(pg.pgFastInfo),
  pg_lease_t: entry(pg.pgLease),
  pg_lease_ack_t: entry(pg.pgLeaseAck),
  pg_create_t: entry(pg.pgCreate),
  pg_merge_meta_t: entry(pg.pgMergeMeta),
  pg_log_entry_t: entry(pglog.pgLogEntry),
  pg_log_t: entry(pglog.pgLog),
  pg_log_dup_t: entry(pglog.pgLogDup),
  pg_log_op_return_item_t: entry(pglog.pgLogOpReturnItem),
  pg_missing_item: entry(pglog.pgMissingItem),
  pg_missing_t: entry(pglog.pgMissing),
  ObjectModDesc: entry(pglog.objectModDesc),
  ObjectCleanRegions: entry(objectCleanRegions),
  object_info_t: entry(object.objectInfo),
  object_manifest_t: entry(object.objectManifest),
  chunk_info_t: entry(object.chunkInfo),
  watch_info_t: entry(object.watchInfo),
  'SnapMapper::object_snaps': entry(object.objectSnaps),
  'SnapMapper::Mapping': entry(object.snapMapping),
  watch_item_t: entry(replies.watchItem),
  obj_list_watch_response_t: entry(replies.objListWatchResponse),
  clone_info: entry(replies.cloneInfo),
  obj_list_snap_response_t: entry(replies.objListSnapResponse),
  object_copy_cursor_t: entry(replies.objectCopyCursor),
  object_copy_data_t: entry(replies.objectCopyData),
  pg_ls_response_t: entry(replies.pgLsResponse),
  pg_nls_response_t: entry(replies.pgNlsResponse),
  PushOp: entry(recovery.pushOp),
  PullOp: entry(recovery.pullOp),
  PushReplyOp: entry(recovery.pushReplyOp),
  ObjectRecoveryInfo: entry(recovery.objectRecoveryInfo),
  ObjectRecoveryProgress: entry(recovery.objectRecoveryProgress),
  ScrubMap: entry(recovery.scrubMap),
  'ScrubMap::object': entry(recovery.scrubObject),
  OSDSuperblock: entry(osdSuperblock),
  HitSet: entry(hits.hitSet),
  BloomHitSet: entry(hits.bloomHitSet),
  ExplicitHashHitSet: entry(hits.explicitHashHitSet),
  ExplicitObjectHitSet: entry(hits.explicitObjectHitSet),
  bloom_filter: entry(hits.bloomFilter),
  compressible_bloom_filter: entry(hits.compressibleBloomFilter),
};

const monitors: Registry = {
  LogEntry: entry(log.logEntry),
  LogEntryKey: entry(log.logEntryKey),
  LogSummary: entry(log.logSummary),
  health_check_t: entry(health.healthCheck),
  health_check_map_t: entry(health.healthCheckMap),
  DaemonHealthMetric: entry(health.daemonHealthMetric),
  PGMap: entry(pgmap.pgMap),
  PGMapDigest: entry(pgmap.pgMapDigest),
  'PGMapDigest::pg_count': entry(pgmap.pgCount),
  creating_pgs_t: entry(pgmap.creatingPgs),
  'creating_pgs_t::pg_create_info': entry(pg.pgCreateInfo),
  pool_pg_num_history_t: entry(pgmap.poolPgNumHistory),
  MgrMap: entry(mgr.mgrMap),
  'MgrMap::ModuleInfo': entry(mgr.mgrModuleInfo),
  'MgrMap::ModuleOption': {
    ...entry(mgr.mgrModuleOption),
    broken: {
      f97d85482139c3de61f9ec00522b6bd6:
        '13 bytes of another option follow what the length of the struct covers',
    },
  },
  'MgrMap::StandbyInfo': entry(mgr.mgrStandbyInfo),
  ServiceMap: entry(mgr.serviceMap),
  'ServiceMap::Daemon': entry(mgr.serviceDaemon),
  'ServiceMap::Service': entry(mgr.service),
  mon_feature_t: entry(mon.monFeature),
  FeatureMap: entry(mon.featureMap),
  MonCommand: entry(mon.monCommand),
  'MonitorDBStore::Op': entry(mon.monDbOp),
  'MonitorDBStore::Transaction': entry(mon.monDbTransaction),
  MonitorDBStoreStats: entry(mon.monStoreStats),
  LevelDBStoreStats: entry(mon.monStoreStats),
  ceph_data_stats: entry(mon.dataSpace),
  DataStats: entry(mon.dataStats),
  ScrubResult: entry(mon.monScrubResult),
  ProgressEvent: entry(mon.progressEvent),
  ConnectionReport: entry(mon.connectionReport),
  ConnectionTracker: entry(mon.connectionTracker),
  PerfCounterType: entry(mon.perfCounterType),
};

const classes: Registry = {
  cls_lock_lock_op: entry(lock.clsLockLockOp),
  cls_lock_unlock_op: entry(lock.clsLockUnlockOp),
  cls_lock_break_op: entry(lock.clsLockBreakOp),
  cls_lock_get_info_op: entry(lock.clsLockGetInfoOp),
  cls_lock_get_info_reply: entry(lock.clsLockGetInfoReply),
  cls_lock_list_locks_reply: entry(lock.clsLockListLocksReply),
  cls_lock_assert_op: entry(lock.clsLockAssertOp),
  cls_lock_set_cookie_op: entry(lock.clsLockSetCookieOp),
  lock_info_t: entry(lock.lockInfo),
  locker_id_t: entry(lock.lockerId),
  locker_info_t: entry(lock.lockerInfo),
  'rados::cls::lock::lock_info_t': entry(lock.lockInfo),
  'rados::cls::lock::locker_id_t': entry(lock.lockerId),
  'rados::cls::lock::locker_info_t': entry(lock.lockerInfo),
  cls_refcount_get_op: entry(refcount.clsRefcountGetOp),
  cls_refcount_put_op: entry(refcount.clsRefcountPutOp),
  cls_refcount_set_op: entry(refcount.clsRefcountSetOp),
  cls_refcount_read_op: entry(refcount.clsRefcountReadOp),
  cls_refcount_read_ret: entry(refcount.clsRefcountReadRet),
  obj_refcount: entry(refcount.objRefcount),
  obj_version: entry(version.objVersion),
  obj_version_cond: entry(version.objVersionCond),
  cls_version_set_op: entry(version.clsVersionSetOp),
  cls_version_inc_op: entry(version.clsVersionIncOp),
  cls_version_check_op: entry(version.clsVersionCheckOp),
  cls_version_read_ret: entry(version.clsVersionReadRet),
};

export const registry: Registry = { ...basics, ...osd, ...monitors, ...classes };
