import { eversionText } from '../types/eversion.ts';
import { hobjectText } from '../types/hobject.ts';
import { intervalsText } from '../types/interval-set.ts';
import { NO_SHARD, pgShardText, spgText } from '../types/pg.ts';
import {
  type PastIntervals,
  PG_QUERY_FULLLOG,
  PG_QUERY_INFO,
  PG_QUERY_LOG,
  PG_QUERY_MISSING,
  type PgInfo,
  type PgLease,
  type PgNotify,
  type PgQuery,
} from '../types/pg-info.ts';
import { type PgLogEntry, pgLogOpName } from '../types/pg-log.ts';
import type { ObjectRecoveryInfo, ObjectRecoveryProgress, PushOp } from '../types/recovery.ts';
import { reqidText } from '../types/reqid.ts';
import { utimeText } from '../types/utime.ts';
import { spanText } from './span.ts';

// What Ceph prints for the parts of peering and recovery messages.

/** "1.7( v 10'5 (0'0,10'5] local-lis/les=9/10 n=2 ec=8/8 lis/c=9/9 les/c/f=10/10/0 sis=9)". */
export function pgInfoText(info: PgInfo): string {
  const { history: h, lastUpdate, lastComplete } = info;
  let text = `${spgText({ pgid: info.pgid, shard: info.shard })}(`;
  if (h.epochCreated === 0) text += ' DNE';
  if (lastUpdate.version === 0) text += ' empty';
  else {
    text += ` v ${eversionText(lastUpdate)}`;
    if (lastComplete.version !== lastUpdate.version || lastComplete.epoch !== lastUpdate.epoch)
      text += ` lc ${eversionText(lastComplete)}`;
    text += ` (${eversionText(info.logTail)},${eversionText(lastUpdate)}]`;
  }
  if (!info.lastBackfill.max) text += ` lb ${hobjectText(info.lastBackfill)}`;
  text += ` local-lis/les=${info.lastIntervalStarted}/${info.lastEpochStarted}`;
  text += ` n=${info.stats.stats.sum.numObjects} ec=${h.epochCreated}/${h.epochPoolCreated}`;
  text += ` lis/c=${h.lastIntervalStarted}/${h.lastIntervalClean}`;
  text += ` les/c/f=${h.lastEpochStarted}/${h.lastEpochClean}/${h.lastEpochMarkedFull}`;
  text += ` sis=${h.sameIntervalSince}`;
  const ub = h.priorReadableUntilUb;
  return ub.sec === 0 && ub.nsec === 0 ? `${text})` : `${text} pruub=${spanText(ub)})`;
}

/** '([8,10] all_participants=0,1,2 intervals=([8,10] acting 0,1,2))'. */
export function pastIntervalsText(past: PastIntervals): string {
  if (past === undefined) return '(empty)';
  const intervals = past.intervals.map(
    i => `([${i.first},${i.last}] acting ${i.acting.map(pgShardText).join(',')})`,
  );
  const all = past.allParticipants.map(pgShardText).join(',');
  return `([${past.first},${past.last}] all_participants=${all} intervals=${intervals.join(',')})`;
}

export function pgNotifyText(n: PgNotify): string {
  const shards = n.from === NO_SHARD && n.to === NO_SHARD ? '' : ` ${n.from >>> 0}->${n.to >>> 0}`;
  const info = pgInfoText(n.info);
  return `(query:${n.queryEpoch} sent:${n.epochSent} ${info}${shards} ${pastIntervalsText(n.pastIntervals)})`;
}

const QUERY_NAMES: Readonly<Record<number, string>> = {
  [PG_QUERY_INFO]: 'info',
  [PG_QUERY_LOG]: 'log',
  [PG_QUERY_MISSING]: 'missing',
  [PG_QUERY_FULLLOG]: 'fulllog',
};

/** "query(log 9'3 epoch_sent 10)". */
export function pgQueryText(query: PgQuery): string {
  return `query(${QUERY_NAMES[query.type] ?? '???'} ${eversionText(query.since)} epoch_sent ${query.epochSent})`;
}

export function pgLeaseText(lease: PgLease): string {
  return (
    `pg_lease(ru ${spanText(lease.readableUntil)} ub ${spanText(lease.readableUntilUb)} ` +
    `int ${spanText(lease.interval)})`
  );
}

/** "18'25 (18'24) modify   2:847a3d55:::obj:head by client.4134.0:41 0.000000 0 ...". */
export function pgLogEntryText(entry: PgLogEntry): string {
  const { cleanRegions: r } = entry;
  const regions =
    `ObjectCleanRegions clean_offsets: ${intervalsText(r.cleanOffsets)}, ` +
    `clean_omap: ${r.cleanOmap ? 1 : 0}, new_object: ${r.newObject ? 1 : 0}`;
  return (
    `${eversionText(entry.version)} (${eversionText(entry.priorVersion)}) ` +
    `${pgLogOpName(entry.op).padEnd(8)} ${hobjectText(entry.soid)} by ${reqidText(entry.reqid)} ` +
    `${utimeText(entry.mtime)} ${entry.returnCode} ${regions}`
  );
}

function recoveryInfoText(info: ObjectRecoveryInfo): string {
  const clones = info.cloneSubset.map(([oid, set]) => `${hobjectText(oid)}=${intervalsText(set)}`);
  const { ss } = info;
  const snapset = `${ss.seq.toString(16)}=[${ss.snaps.map(s => s.toString(16)).join(',')}]:{}`;
  return (
    `ObjectRecoveryInfo(${hobjectText(info.soid)}@${eversionText(info.version)}, size: ${info.size}, ` +
    `copy_subset: ${intervalsText(info.copySubset)}, clone_subset: {${clones.join(',')}}, ` +
    `snapset: ${snapset}, object_exist: ${info.objectExist ? 1 : 0})`
  );
}

function recoveryProgressText(p: ObjectRecoveryProgress): string {
  return (
    `ObjectRecoveryProgress(${p.first ? '' : '!'}first, data_recovered_to:${p.dataRecoveredTo}, ` +
    `data_complete:${p.dataComplete}, omap_recovered_to:${String(p.omapRecoveredTo)}, ` +
    `omap_complete:${p.omapComplete}, error:false)`
  );
}

export function pushOpText(op: PushOp): string {
  return (
    `PushOp(${hobjectText(op.soid)}, version: ${eversionText(op.version)}, ` +
    `data_included: ${intervalsText(op.dataIncluded)}, data_size: ${op.data.length}, ` +
    `omap_header_size: ${op.omapHeader.length}, omap_entries_size: ${op.omapEntries.size}, ` +
    `attrset_size: ${op.attrset.size}, recovery_info: ${recoveryInfoText(op.recoveryInfo)}, ` +
    `after_progress: ${recoveryProgressText(op.afterProgress)}, ` +
    `before_progress: ${recoveryProgressText(op.beforeProgress)})`
  );
}
