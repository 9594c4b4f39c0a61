import type { Encoder } from '../../base/encoder.ts';
import { list } from '../types/codec.ts';
import type { Features } from '../types/features.ts';
import { type LogEntry, logEntry } from '../types/log-entry.ts';
import { utimeText } from '../types/utime.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import { MSG_LOG, MSG_LOGACK } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

const logEntries = list(logEntry);

/** MLog (messages/MLog.h): paxos head, uuid fsid, list of LogEntry. */
export class MLog extends PaxosServiceMessage {
  readonly type = MSG_LOG;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  entries: readonly LogEntry[];

  constructor(fsid: Uuid, entries: readonly LogEntry[]) {
    super();
    this.fsid = fsid;
    this.entries = entries;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    logEntries.encode(e, this.entries, features);
  }

  override describe(): string {
    const first = this.entries.at(0);
    if (first === undefined) return 'log(0 entries)';
    return `log(${this.entries.length} entries from seq ${first.seq} at ${utimeText(first.stamp)})`;
  }
}

/** MLogAck (messages/MLogAck.h): uuid fsid, u64 seq of the last entry that is safe, str channel. */
export class MLogAck extends Message {
  readonly type = MSG_LOGACK;
  version = 1;
  compatVersion = 1;
  fsid: Uuid;
  last: number;
  channel = '';

  constructor(fsid: Uuid, last: number) {
    super();
    this.fsid = fsid;
    this.last = last;
  }

  override encodePayload(e: Encoder): void {
    encodeUuid(e, this.fsid);
    e.u64(this.last);
    e.str(this.channel);
  }

  override describe(): string {
    return `log(last ${this.last})`;
  }
}

registerMessage(MSG_LOG, d => {
  const m = new MLog(UUID_ZERO, []);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.entries = logEntries.decode(d);
  return m;
});
registerMessage(MSG_LOGACK, d => {
  const fsid = decodeUuid(d);
  const m = new MLogAck(fsid, d.u64());
  if (d.remaining > 0) m.channel = d.str();
  return m;
});
