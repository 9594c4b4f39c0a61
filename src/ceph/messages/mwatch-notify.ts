import type { Encoder } from '../../base/encoder.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_WATCH_NOTIFY } from './message-types.ts';

/** CEPH_WATCH_EVENT_* (include/ceph_fs.h). */
export const WATCH_EVENT_NOTIFY = 1;
/** To the notifier: every watcher answered or timed out. */
export const WATCH_EVENT_NOTIFY_COMPLETE = 2;
/** To a watcher: the watch is gone. */
export const WATCH_EVENT_DISCONNECT = 3;

const NAMES: Readonly<Record<number, string>> = { 1: 'notify', 2: 'notify_complete', 3: 'disconnect' };

/**
 * MWatchNotify (messages/MWatchNotify.h): u8 1, u8 event, u64 cookie, u64 version, u64 notify id, blob payload;
 * version 2: s32 result; version 3: u64 global id of the notifier. The data of a completed notify is what the
 * watchers answered: map (u64 global id, u64 cookie) -> blob, then list of those that did not answer.
 */
export class MWatchNotify extends Message {
  readonly type = CEPH_MSG_WATCH_NOTIFY;
  version = 3;
  compatVersion = 1;
  /** Of the watch or of the notify: chosen by the client. */
  cookie: bigint;
  /** User version of the object. */
  ver = 0;
  notifyId: bigint;
  /** WATCH_EVENT_*. */
  event: number;
  payload: Uint8Array;
  /** Of a completed notify: 0 or a negative errno (ETIMEDOUT when a watcher stayed silent). */
  returnCode = 0;
  notifierGid = 0n;

  constructor(cookie: bigint, notifyId: bigint, event: number, payload: Uint8Array) {
    super();
    this.cookie = cookie;
    this.notifyId = notifyId;
    this.event = event;
    this.payload = payload;
  }

  override encodePayload(e: Encoder): void {
    e.u8(1);
    e.u8(this.event);
    e.u64b(this.cookie);
    e.u64(this.ver);
    e.u64b(this.notifyId);
    e.blob(this.payload);
    e.i32(this.returnCode);
    e.u64b(this.notifierGid);
  }

  override describe(): string {
    const event = `${NAMES[this.event] ?? '???'} (${this.event})`;
    return `watch-notify(${event} cookie ${this.cookie} notify ${this.notifyId} ret ${this.returnCode})`;
  }
}

registerMessage(CEPH_MSG_WATCH_NOTIFY, (d, header, data) => {
  const v = d.u8();
  const event = d.u8();
  const cookie = d.u64b();
  const ver = d.u64();
  const notifyId = d.u64b();
  const m = new MWatchNotify(cookie, notifyId, event, v >= 1 ? d.blob() : Buffer.alloc(0));
  m.ver = ver;
  if (data !== undefined) m.data = [data];
  if (header.version >= 2) m.returnCode = d.i32();
  if (header.version >= 3) m.notifierGid = d.u64b();
  return m;
});
