import type { Encoder } from '../../base/encoder.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_MON_GET_VERSION, CEPH_MSG_MON_GET_VERSION_REPLY } from './message-types.ts';

/** MMonGetVersion (messages/MMonGetVersion.h): u64 handle, str what. */
export class MMonGetVersion extends Message {
  readonly type = CEPH_MSG_MON_GET_VERSION;
  version = 1;
  compatVersion = 1;
  /** Comes back in the reply. */
  handle: number;
  /** 'osdmap', 'monmap' ... */
  what: string;

  constructor(handle: number, what: string) {
    super();
    this.handle = handle;
    this.what = what;
  }

  override encodePayload(e: Encoder): void {
    e.u64(this.handle);
    e.str(this.what);
  }

  override describe(): string {
    return `mon_get_version(what=${this.what} handle=${this.handle})`;
  }
}

/** MMonGetVersionReply (messages/MMonGetVersionReply.h): u64 handle, u64 version; version 2: u64 oldest. */
export class MMonGetVersionReply extends Message {
  readonly type = CEPH_MSG_MON_GET_VERSION_REPLY;
  version = 2;
  compatVersion = 2;
  handle: number;
  /** Newest that there is. */
  newest: number;
  oldest: number;

  constructor(handle: number, newest: number, oldest: number) {
    super();
    this.handle = handle;
    this.newest = newest;
    this.oldest = oldest;
  }

  override encodePayload(e: Encoder): void {
    e.u64(this.handle);
    e.u64(this.newest);
    e.u64(this.oldest);
  }

  override describe(): string {
    return `mon_get_version_reply(handle=${this.handle} version=${this.newest})`;
  }
}

registerMessage(CEPH_MSG_MON_GET_VERSION, d => {
  const handle = d.u64();
  return new MMonGetVersion(handle, d.str());
});
registerMessage(CEPH_MSG_MON_GET_VERSION_REPLY, (d, header) => {
  const handle = d.u64();
  const newest = d.u64();
  return new MMonGetVersionReply(handle, newest, header.version >= 2 ? d.u64() : 0);
});
