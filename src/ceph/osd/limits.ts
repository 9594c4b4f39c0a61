import type { Config } from '../../base/config/config.ts';
import type { OsdLimits } from './pg-host.ts';

const MIB = 1 << 20;

export function limitsFrom(config: Config): OsdLimits {
  return {
    maxObjectSize: config.get('osd_max_object_size'),
    maxNameLength: config.get('osd_max_object_name_len'),
    maxNspaceLength: config.get('osd_max_object_namespace_len'),
    maxAttrName: config.get('osd_max_attr_name_len'),
    maxAttrSize: config.get('osd_max_attr_size'),
    maxOmapEntries: config.get('osd_max_omap_entries_per_request'),
    maxOmapBytes: config.get('osd_max_omap_bytes_per_request'),
    maxWriteBytes: config.get('osd_max_write_size') * MIB,
    maxWriteReply: config.get('osd_max_write_op_reply_len'),
    maxPgls: config.get('osd_max_pgls'),
    watchTimeoutSeconds: config.get('osd_client_watch_timeout'),
    notifyTimeoutSeconds: config.get('osd_default_notify_timeout'),
    minLogEntries: Math.max(config.get('osd_min_pg_log_entries'), config.get('osd_pg_log_dups_tracked')),
    dupsTracked: config.get('osd_pg_log_dups_tracked'),
    copyChunk: config.get('osd_copyfrom_max_chunk'),
  };
}
