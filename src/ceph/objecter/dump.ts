import { osdOpText } from '../messages/osd-op-text.ts';
import { locatorText } from '../types/object-locator.ts';
import { pgText } from '../types/pg.ts';
import { snapContextText, snapText } from '../types/snap.ts';
import { utimeText } from '../types/utime.ts';
import type { Objecter } from './objecter.ts';
import type { OpTarget } from './target.ts';

type Fields = Record<string, unknown>;

/** The JSON of 'objecter_requests' (Objecter::dump_requests). */
export interface RequestsDump {
  ops: Fields[];
  linger_ops: Fields[];
  pool_ops: Fields[];
  pool_stat_ops: Fields[];
  statfs_ops: Fields[];
  command_ops: Fields[];
}

function targetFields(t: OpTarget): Fields {
  return {
    // The raw PG: the name's whole hash.
    pg: t.entry === undefined ? '0.0' : pgText({ pool: t.entry.spg.pgid.pool, seed: t.hash }),
    osd: t.osd,
    object_id: t.baseOid,
    object_locator: locatorText(t.baseOloc),
    target_object_id: t.oid,
    target_object_locator: locatorText(t.oloc),
    paused: t.paused ? 1 : 0,
    used_replica: t.usedReplica ? 1 : 0,
    precalc_pgid: t.baseSeed >= 0 ? 1 : 0,
  };
}

export function dumpRequests(objecter: Objecter): RequestsDump {
  const now = objecter.context.env.clock.mono();
  const sent = (stamp: number) => `${(stamp / 1000).toFixed(6)}s`;
  const sessions = [
    objecter.sessions.homeless,
    ...[...objecter.sessions.open.values()].sort((a, b) => a.osd - b.osd),
  ];
  const dump: RequestsDump = {
    ops: [],
    linger_ops: [],
    pool_ops: [],
    pool_stat_ops: [],
    statfs_ops: [],
    command_ops: [],
  };
  for (const session of sessions)
    for (const op of session.ops.values())
      dump.ops.push({
        tid: op.tid,
        ...targetFields(op.target),
        last_sent: sent(op.stamp),
        age: (now - op.submitted) / 1000,
        attempts: op.attempts,
        snapid: snapText(op.snapid),
        snap_context: snapContextText(op.snapc),
        mtime: utimeText(op.mtime),
        osd_ops: op.ops.map(osdOpText),
      });
  for (const session of sessions)
    for (const linger of session.lingerOps.values())
      dump.linger_ops.push({
        linger_id: linger.id,
        ...targetFields(linger.target),
        snapid: snapText(linger.snapid),
        registered: linger.registered ? '1' : '0',
      });
  for (const op of objecter.monOps.all.values()) {
    if (op.kind === 'pool')
      dump.pool_ops.push({
        tid: op.tid,
        pool: op.pool!.id,
        name: op.pool!.name,
        operation_type: op.pool!.op,
        crush_rule: 0,
        snapid: snapText(op.pool!.snapid),
        last_sent: sent(op.lastSubmit),
      });
    else if (op.kind === 'pool-stat')
      dump.pool_stat_ops.push({ tid: op.tid, last_sent: sent(op.lastSubmit), pools: op.pools });
    else dump.statfs_ops.push({ tid: op.tid, last_sent: sent(op.lastSubmit) });
  }
  for (const c of objecter.commands.all.values()) {
    const { target } = c;
    dump.command_ops.push({
      command_id: c.tid,
      osd: c.session === undefined ? -1 : c.session.osd,
      command: c.cmd,
      ...('osd' in target ? { target_osd: target.osd } : { target_pg: pgText(target.pg) }),
    });
  }
  return dump;
}
