import { OPERATION_BALANCE_READS, OPERATION_LOCALIZE_READS } from '../../rados/flags.ts';
import {
  CEPH_OSD_ALLOC_HINT_FLAG_COMPRESSIBLE,
  CEPH_OSD_ALLOC_HINT_FLAG_INCOMPRESSIBLE,
} from '../../types/rados.ts';
import type { ImageConfig } from '../open/image-config.ts';

/** What the configuration says about I/O, read once for each image so that no I/O looks anything up by name. */
export interface IoSettings {
  /** Reads from this many bytes on ask for holes. */
  readonly sparseReadThreshold: number;
  /** OPERATION_* of reads of the head, and of snapshots. */
  readonly headReadFlags: number;
  readonly snapReadFlags: number;
  /** Whether writes that may make an object tell its size. */
  readonly allocHint: boolean;
  /** CEPH_OSD_ALLOC_HINT_FLAG_*. */
  readonly allocHintFlags: number;
  readonly copyOnRead: boolean;
  /** Bytes; 0: discards are exact. */
  readonly discardGranularity: number;
  readonly discardOnZeroedWriteSame: boolean;
  readonly readaheadTrigger: number;
  readonly readaheadMaxBytes: number;
  readonly readaheadDisableAfter: number;
  /** Seconds; 0: never. */
  readonly mtimeInterval: number;
  readonly atimeInterval: number;
  readonly concurrentManagementOps: number;
}

const REPLICA: Readonly<Record<string, number>> = {
  default: 0,
  balance: OPERATION_BALANCE_READS,
  localize: OPERATION_LOCALIZE_READS,
};

const COMPRESSION: Readonly<Record<string, number>> = {
  none: 0,
  compressible: CEPH_OSD_ALLOC_HINT_FLAG_COMPRESSIBLE,
  incompressible: CEPH_OSD_ALLOC_HINT_FLAG_INCOMPRESSIBLE,
};

export function readIoSettings(config: ImageConfig, objectSize: number): IoSettings {
  const headReadFlags = REPLICA[config.get('rbd_read_from_replica_policy')] ?? 0;
  let snapReadFlags = headReadFlags;
  if (snapReadFlags === 0)
    if (config.get('rbd_balance_snap_reads')) snapReadFlags = OPERATION_BALANCE_READS;
    else if (config.get('rbd_localize_snap_reads')) snapReadFlags = OPERATION_LOCALIZE_READS;
  const threshold = config.get('rbd_sparse_read_threshold_bytes');
  return {
    sparseReadThreshold: threshold === 0 ? objectSize : threshold,
    headReadFlags,
    snapReadFlags,
    allocHint: config.get('rbd_enable_alloc_hint'),
    allocHintFlags: COMPRESSION[config.get('rbd_compression_hint')] ?? 0,
    copyOnRead: config.get('rbd_clone_copy_on_read'),
    discardGranularity: config.get('rbd_skip_partial_discard')
      ? config.get('rbd_discard_granularity_bytes')
      : 0,
    discardOnZeroedWriteSame: config.get('rbd_discard_on_zeroed_write_same'),
    readaheadTrigger: config.get('rbd_readahead_trigger_requests'),
    readaheadMaxBytes: config.get('rbd_readahead_max_bytes'),
    readaheadDisableAfter: config.get('rbd_readahead_disable_after_bytes'),
    mtimeInterval: config.get('rbd_mtime_update_interval'),
    atimeInterval: config.get('rbd_atime_update_interval'),
    concurrentManagementOps: config.get('rbd_concurrent_management_ops'),
  };
}
