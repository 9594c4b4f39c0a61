import type { Env } from '../../env/env.ts';
import { authEntityNameText } from '../auth/entity-name.ts';
import { MLog } from '../messages/mlog.ts';
import { dumpAddrVec } from '../osdmap/dump.ts';
import { entityAddrVecText } from '../types/addr-text.ts';
import { ENTITY_TYPE_MON, type EntityAddrVec, entityNameText } from '../types/entity.ts';
import {
  CLOG_DEBUG,
  CLOG_ERROR,
  CLOG_INFO,
  CLOG_SEC,
  CLOG_WARN,
  clogLevelTag,
  type LogEntry,
} from '../types/log-entry.ts';
import { utimeFromMs, utimeText } from '../types/utime.ts';
import type { Uuid } from '../types/uuid.ts';
import type { MonSession } from './session.ts';

/** Entries kept of each channel (mon_log_max_summary, larger). */
const KEEP = 1000;

const SUBS: Readonly<Record<string, number>> = {
  'log-debug': CLOG_DEBUG,
  'log-info': CLOG_INFO,
  'log-sec': CLOG_SEC,
  'log-warn': CLOG_WARN,
  'log-error': CLOG_ERROR,
};

/** '2024-05-06T07:08:09.123456+0000 mon.a (mon.0) 1 : cluster [INF] text'. */
export function logEntryText(entry: LogEntry): string {
  return (
    `${utimeText(entry.stamp)} ${authEntityNameText(entry.name)} (${entityNameText(entry.rank)}) ${entry.seq} : ` +
    `${entry.channel} ${clogLevelTag(entry.prio)} ${entry.msg}`
  );
}

export function logEntryJson(entry: LogEntry): object {
  return {
    name: authEntityNameText(entry.name),
    rank: entityNameText(entry.rank),
    addrs: dumpAddrVec(entry.addrs as EntityAddrVec),
    stamp: utimeText(entry.stamp),
    seq: entry.seq,
    channel: entry.channel,
    priority: clogLevelTag(entry.prio),
    message: entry.msg,
  };
}

/** The cluster's log: what daemons and the monitor itself have to tell (mon/LogMonitor.h). */
export class ClusterLog {
  private readonly env: Env;
  private readonly name: string;
  private readonly rank: number;
  private readonly fsid: Uuid;
  /** With their number; the last ones of all channels in order. */
  private readonly entries: { readonly version: number; readonly entry: LogEntry }[] = [];
  private version = 0;
  private seq = 0;
  addrs: EntityAddrVec = [];
  /** An entry came. */
  onEntry: () => void = () => {};

  constructor(env: Env, name: string, rank: number, fsid: Uuid) {
    this.env = env;
    this.name = name;
    this.rank = rank;
    this.fsid = fsid;
  }

  add(entry: LogEntry): void {
    this.entries.push({ version: ++this.version, entry });
    if (this.entries.length > 2 * KEEP) this.entries.splice(0, KEEP);
    this.onEntry();
  }

  private own(prio: number, msg: string, channel = 'cluster'): void {
    this.add({
      name: { type: ENTITY_TYPE_MON, id: this.name },
      rank: { type: ENTITY_TYPE_MON, num: this.rank },
      addrs: this.addrs,
      stamp: utimeFromMs(this.env.clock.now()),
      seq: ++this.seq,
      prio,
      msg,
      channel,
    });
  }

  debug(msg: string): void {
    this.own(CLOG_DEBUG, msg);
  }

  info(msg: string): void {
    this.own(CLOG_INFO, msg);
  }

  warn(msg: string): void {
    this.own(CLOG_WARN, msg);
  }

  /** Who did what: the audit channel. */
  audit(prio: number, msg: string): void {
    this.own(prio, msg, 'audit');
  }

  /** The last entries of a channel ('*': of all) from a level on. */
  last(n: number, level = CLOG_INFO, channel = 'cluster'): LogEntry[] {
    const fits = this.entries.filter(
      ({ entry }) => entry.prio >= level && (channel === '*' || entry.channel === channel),
    );
    return fits.slice(-n).map(({ entry }) => entry);
  }

  /** Sends what a session that watches has not seen. */
  checkSub(session: MonSession): void {
    for (const [what, sub] of session.subs) {
      const level = SUBS[what];
      if (level === undefined) continue;
      // 0: only what comes from now on.
      if (sub.sent === 0 && sub.next === 0) {
        sub.next = this.version + 1;
        continue;
      }
      const news = this.entries.filter(({ version, entry }) => version >= sub.next && entry.prio >= level);
      sub.next = this.version + 1;
      if (news.length === 0) continue;
      const m = new MLog(
        this.fsid,
        news.map(({ entry }) => entry),
      );
      m.paxosVersion = this.version;
      session.con.send(m);
      if (sub.onetime) session.subs.delete(what);
    }
  }

  /** For logs of this process. */
  describe(): string {
    return `log v${this.version} of ${entityAddrVecText(this.addrs)}`;
  }
}

export function isLogSub(what: string): boolean {
  return SUBS[what] !== undefined;
}
