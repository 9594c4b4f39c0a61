import type { Encoder } from '../../base/encoder.ts';
import { errnoText } from '../../base/errno.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_AUTH, CEPH_MSG_AUTH_REPLY } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

/** MAuth (messages/MAuth.h): paxos head, u32 protocol, blob, u32 epoch of the sender's monmap. */
export class MAuth extends PaxosServiceMessage {
  readonly type = CEPH_MSG_AUTH;
  version = 1;
  compatVersion = 1;
  /** CEPH_AUTH_*; 0 in the first message of protocol v1, where the payload lists what the client can do. */
  protocol: number;
  payload: Uint8Array;
  monmapEpoch: number;

  constructor(protocol: number, payload: Uint8Array, monmapEpoch = 0) {
    super();
    this.protocol = protocol;
    this.payload = payload;
    this.monmapEpoch = monmapEpoch;
  }

  override encodePayload(e: Encoder): void {
    this.encodePaxos(e);
    e.u32(this.protocol);
    e.blob(this.payload);
    e.u32(this.monmapEpoch);
  }

  override describe(): string {
    return `auth(proto ${this.protocol} ${this.payload.length} bytes epoch ${this.monmapEpoch})`;
  }
}

/** MAuthReply (messages/MAuthReply.h): u32 protocol, s32 result, u64 global id, blob, str message. */
export class MAuthReply extends Message {
  readonly type = CEPH_MSG_AUTH_REPLY;
  version = 1;
  compatVersion = 1;
  protocol: number;
  /** 0 or a negative errno. */
  result: number;
  /** 0 says nothing. */
  globalId: bigint;
  payload: Uint8Array;
  message: string;

  constructor(protocol: number, result: number, globalId: bigint, payload: Uint8Array, message = '') {
    super();
    this.protocol = protocol;
    this.result = result;
    this.globalId = globalId;
    this.payload = payload;
    this.message = message;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.protocol);
    e.i32(this.result);
    e.u64b(this.globalId);
    e.blob(this.payload);
    e.str(this.message);
  }

  override describe(): string {
    const result = `${this.result} (${-this.result}) ${errnoText(this.result)}`;
    return `auth_reply(proto ${this.protocol} ${result}${this.message === '' ? '' : `: ${this.message}`})`;
  }
}

registerMessage(CEPH_MSG_AUTH, d => {
  const m = new MAuth(0, Buffer.alloc(0));
  m.decodePaxos(d);
  m.protocol = d.u32();
  m.payload = d.blob();
  if (d.remaining > 0) m.monmapEpoch = d.u32();
  return m;
});
registerMessage(CEPH_MSG_AUTH_REPLY, d => {
  const protocol = d.u32();
  const result = d.i32();
  const globalId = d.u64b();
  const payload = d.blob();
  return new MAuthReply(protocol, result, globalId, payload, d.str());
});
