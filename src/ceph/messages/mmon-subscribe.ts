import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeMap, decStr, encodeMap, encStr } from '../types/collections.ts';
import { decodeUuid, encodeUuid, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_MON_SUBSCRIBE, CEPH_MSG_MON_SUBSCRIBE_ACK } from './message-types.ts';

/** CEPH_SUBSCRIBE_ONETIME: the next one only. */
export const SUBSCRIBE_ONETIME = 1;

export interface SubscribeItem {
  /** First version wanted; 0 for the newest. */
  readonly start: number;
  /** SUBSCRIBE_*. */
  readonly flags: number;
}

function encodeItem(e: Encoder, item: SubscribeItem): void {
  e.u64(item.start);
  e.u8(item.flags);
}

function decodeItem(d: Decoder): SubscribeItem {
  return { start: d.u64(), flags: d.u8() };
}

/** MMonSubscribe (messages/MMonSubscribe.h): map str what -> (u64 start, u8 flags); version 3: str hostname. */
export class MMonSubscribe extends Message {
  readonly type = CEPH_MSG_MON_SUBSCRIBE;
  version = 3;
  compatVersion = 1;
  /** By name of what is wanted: 'osdmap', 'monmap', 'config', 'mgrmap' ... */
  what: ReadonlyMap<string, SubscribeItem>;
  hostname = '';

  constructor(what: ReadonlyMap<string, SubscribeItem>) {
    super();
    this.what = what;
  }

  override encodePayload(e: Encoder): void {
    encodeMap(e, this.what, encStr, encodeItem);
    e.str(this.hostname);
  }

  override describe(): string {
    let items = '';
    for (const [name, { start, flags }] of this.what)
      items += `${items === '' ? '' : ','}${name}=${start}${(flags & SUBSCRIBE_ONETIME) !== 0 ? '' : '+'}`;
    return `mon_subscribe({${items}})`;
  }
}

/** MMonSubscribeAck (messages/MMonSubscribeAck.h): u32 seconds until renewal is due, uuid fsid. */
export class MMonSubscribeAck extends Message {
  readonly type = CEPH_MSG_MON_SUBSCRIBE_ACK;
  version = 1;
  compatVersion = 1;
  /** Seconds. */
  interval: number;
  fsid: Uuid;

  constructor(interval: number, fsid: Uuid) {
    super();
    this.interval = interval;
    this.fsid = fsid;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.interval);
    encodeUuid(e, this.fsid);
  }

  override describe(): string {
    return `mon_subscribe_ack(${this.interval}s)`;
  }
}

registerMessage(CEPH_MSG_MON_SUBSCRIBE, (d, header) => {
  if (header.version < 2) d.fail(`version ${header.version} is older than what is read`);
  const m = new MMonSubscribe(decodeMap(d, 13, decStr, decodeItem));
  if (header.version >= 3) m.hostname = d.str();
  return m;
});
registerMessage(CEPH_MSG_MON_SUBSCRIBE_ACK, (d: Decoder) => {
  const interval = d.u32();
  return new MMonSubscribeAck(interval, decodeUuid(d));
});
