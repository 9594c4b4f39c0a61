import { PerfCountersBuilder, PRIO_CRITICAL } from '../../base/perf-counters.ts';
import * as r from '../types/rados.ts';

/** The counters of Ceph's 'objecter' section (osdc/Objecter.cc), by the same names. */
export function objecterPerf() {
  const b = new PerfCountersBuilder('objecter');
  const c = {
    opActive: b.u64('op_active', 'Operations active', { nick: 'actv', priority: PRIO_CRITICAL }),
    opLaggy: b.u64('op_laggy', 'Laggy operations'),
    opSend: b.u64Counter('op_send', 'Sent operations'),
    opSendBytes: b.u64Counter('op_send_bytes', 'Sent data', { unit: 'bytes' }),
    opResend: b.u64Counter('op_resend', 'Resent operations'),
    opReply: b.u64Counter('op_reply', 'Operation reply'),
    opLatency: b.timeAvg('op_latency', 'Operation latency'),
    oplenAvg: b.u64Avg('oplen_avg', 'Average length of operation vector'),
    op: b.u64Counter('op', 'Operations'),
    opR: b.u64Counter('op_r', 'Read operations', { nick: 'rd', priority: PRIO_CRITICAL }),
    opW: b.u64Counter('op_w', 'Write operations', { nick: 'wr', priority: PRIO_CRITICAL }),
    opRmw: b.u64Counter('op_rmw', 'Read-modify-write operations', { nick: 'rdwr', priority: PRIO_CRITICAL }),
    opPg: b.u64Counter('op_pg', 'PG operation'),
    osdop: new Map<number, number>(),
    osdopOther: 0,
    lingerActive: 0,
    lingerSend: 0,
    lingerResend: 0,
    lingerPing: 0,
    poolopActive: 0,
    poolopSend: 0,
    poolopResend: 0,
    poolstatActive: 0,
    poolstatSend: 0,
    poolstatResend: 0,
    statfsActive: 0,
    statfsSend: 0,
    statfsResend: 0,
    commandActive: 0,
    commandSend: 0,
    commandResend: 0,
    mapEpoch: 0,
    mapFull: 0,
    mapInc: 0,
    osdSessions: 0,
    osdSessionOpen: 0,
    osdSessionClose: 0,
    osdLaggy: 0,
  };
  const count = (codes: readonly number[], name: string, desc: string) => {
    const counter = b.u64Counter(name, desc);
    for (const op of codes) c.osdop.set(op, counter);
  };
  const osdop = (code: number, name: string, desc: string) => count([code], `osdop_${name}`, desc);
  osdop(r.CEPH_OSD_OP_STAT, 'stat', 'Stat operations');
  osdop(r.CEPH_OSD_OP_CREATE, 'create', 'Create object operations');
  osdop(r.CEPH_OSD_OP_READ, 'read', 'Read operations');
  osdop(r.CEPH_OSD_OP_WRITE, 'write', 'Write operations');
  osdop(r.CEPH_OSD_OP_WRITEFULL, 'writefull', 'Write full object operations');
  osdop(r.CEPH_OSD_OP_WRITESAME, 'writesame', 'Write same operations');
  osdop(r.CEPH_OSD_OP_APPEND, 'append', 'Append operation');
  osdop(r.CEPH_OSD_OP_ZERO, 'zero', 'Set object to zero operations');
  osdop(r.CEPH_OSD_OP_TRUNCATE, 'truncate', 'Truncate object operations');
  osdop(r.CEPH_OSD_OP_DELETE, 'delete', 'Delete object operations');
  osdop(r.CEPH_OSD_OP_MAPEXT, 'mapext', 'Map extent operations');
  osdop(r.CEPH_OSD_OP_SPARSE_READ, 'sparse_read', 'Sparse read operations');
  b.u64Counter('osdop_clonerange', 'Clone range operations');
  osdop(r.CEPH_OSD_OP_GETXATTR, 'getxattr', 'Get xattr operations');
  osdop(r.CEPH_OSD_OP_SETXATTR, 'setxattr', 'Set xattr operations');
  osdop(r.CEPH_OSD_OP_CMPXATTR, 'cmpxattr', 'Xattr comparison operations');
  osdop(r.CEPH_OSD_OP_RMXATTR, 'rmxattr', 'Remove xattr operations');
  osdop(r.CEPH_OSD_OP_RESETXATTRS, 'resetxattrs', 'Reset xattr operations');
  osdop(r.CEPH_OSD_OP_CALL, 'call', 'Call (execute) operations');
  osdop(r.CEPH_OSD_OP_WATCH, 'watch', 'Watch by object operations');
  osdop(r.CEPH_OSD_OP_NOTIFY, 'notify', 'Notify about object operations');
  b.u64Counter('osdop_src_cmpxattr', 'Extended attribute comparison in multi operations');
  osdop(r.CEPH_OSD_OP_PGLS, 'pgls', '');
  osdop(r.CEPH_OSD_OP_PGLS_FILTER, 'pgls_filter', '');
  c.osdopOther = b.u64Counter('osdop_other', 'Other operations');
  c.lingerActive = b.u64('linger_active', 'Active lingering operations');
  c.lingerSend = b.u64Counter('linger_send', 'Sent lingering operations');
  c.lingerResend = b.u64Counter('linger_resend', 'Resent lingering operations');
  c.lingerPing = b.u64Counter('linger_ping', 'Sent pings to lingering operations');
  c.poolopActive = b.u64('poolop_active', 'Active pool operations');
  c.poolopSend = b.u64Counter('poolop_send', 'Sent pool operations');
  c.poolopResend = b.u64Counter('poolop_resend', 'Resent pool operations');
  c.poolstatActive = b.u64('poolstat_active', 'Active get pool stat operations');
  c.poolstatSend = b.u64Counter('poolstat_send', 'Pool stat operations sent');
  c.poolstatResend = b.u64Counter('poolstat_resend', 'Resent pool stats');
  c.statfsActive = b.u64('statfs_active', 'Statfs operations');
  c.statfsSend = b.u64Counter('statfs_send', 'Sent FS stats');
  c.statfsResend = b.u64Counter('statfs_resend', 'Resent FS stats');
  c.commandActive = b.u64('command_active', 'Active commands');
  c.commandSend = b.u64Counter('command_send', 'Sent commands');
  c.commandResend = b.u64Counter('command_resend', 'Resent commands');
  c.mapEpoch = b.u64('map_epoch', 'OSD map epoch');
  c.mapFull = b.u64Counter('map_full', 'Full OSD maps received');
  c.mapInc = b.u64Counter('map_inc', 'Incremental OSD maps received');
  c.osdSessions = b.u64('osd_sessions', 'Open sessions');
  c.osdSessionOpen = b.u64Counter('osd_session_open', 'Sessions opened');
  c.osdSessionClose = b.u64Counter('osd_session_close', 'Sessions closed');
  c.osdLaggy = b.u64('osd_laggy', 'Laggy OSD sessions');
  count([r.CEPH_OSD_OP_OMAPSETVALS, r.CEPH_OSD_OP_OMAPSETHEADER], 'omap_wr', 'OSD OMAP write operations');
  count(
    [
      r.CEPH_OSD_OP_OMAPGETKEYS,
      r.CEPH_OSD_OP_OMAPGETVALS,
      r.CEPH_OSD_OP_OMAPGETHEADER,
      r.CEPH_OSD_OP_OMAPGETVALSBYKEYS,
      r.CEPH_OSD_OP_OMAP_CMP,
    ],
    'omap_rd',
    'OSD OMAP read operations',
  );
  count(
    [r.CEPH_OSD_OP_OMAPRMKEYS, r.CEPH_OSD_OP_OMAPCLEAR, r.CEPH_OSD_OP_OMAPRMKEYRANGE],
    'omap_del',
    'OSD OMAP delete operations',
  );
  return { counters: b.build(), ids: c };
}

export type ObjecterPerf = ReturnType<typeof objecterPerf>;
