import type { Message } from '../../ceph/messages/message.ts';
import { MSG_LOG } from '../../ceph/messages/message-types.ts';
import type { MLog } from '../../ceph/messages/mlog.ts';
import type { Connection, Dispatcher } from '../../ceph/messenger/types.ts';
import type { Rados } from '../../ceph/rados/index.ts';
import { entityTypeName } from '../../ceph/types/entity.ts';
import { clogLevelTag, type LogEntry } from '../../ceph/types/log-entry.ts';
import { localTime } from '../rados/time.ts';
import { LogColors } from './log-colors.ts';

export type WatchLevel = 'debug' | 'info' | 'sec' | 'warn' | 'error';

function entityText({ name }: LogEntry): string {
  return `${entityTypeName(name.type)}.${name.id}`;
}

/** Shows the cluster's log as it is written, by way of a subscription to it (librados monitor_log2). */
export class LogWatch implements Dispatcher {
  private readonly cluster: Rados;
  private readonly what: string;
  private readonly channel: string;
  private readonly colors = new LogColors();

  constructor(cluster: Rados, level: WatchLevel, channel: string) {
    this.cluster = cluster;
    this.what = `log-${level}`;
    this.channel = channel;
  }

  start(): void {
    const { objecter, mon } = this.cluster;
    objecter.messenger.addDispatcher(this);
    // 0: from now on.
    if (mon.subWant(this.what, 0)) mon.renewSubs();
  }

  dispatch(_con: Connection, m: Message): boolean {
    if (m.type !== MSG_LOG) return false;
    const log = m as MLog;
    this.cluster.mon.subGot(this.what, log.paxosVersion);
    for (const entry of log.entries) {
      if (this.channel !== '*' && entry.channel !== this.channel) continue;
      const { stamp, prio, msg } = entry;
      const tag = this.colors.tag(prio, clogLevelTag(prio));
      process.stdout.write(`${localTime(stamp.sec, stamp.nsec)} ${entityText(entry)} ${tag} ${msg}\n`);
    }
    return true;
  }
}
