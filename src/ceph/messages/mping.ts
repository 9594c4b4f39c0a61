import type { Encoder } from '../../base/encoder.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_PING } from './message-types.ts';

const NOTHING = Buffer.alloc(0);

/** MPing (messages/MPing.h): nothing in it; a monitor answers with one that holds its status as a str of JSON. */
export class MPing extends Message {
  readonly type = CEPH_MSG_PING;
  version = 1;
  compatVersion = 1;
  /** The whole front. */
  payload: Uint8Array;

  constructor(payload: Uint8Array = NOTHING) {
    super();
    this.payload = payload;
  }

  override encodePayload(e: Encoder): void {
    e.bytes(this.payload);
  }

  override describe(): string {
    return 'ping';
  }
}

registerMessage(CEPH_MSG_PING, d => new MPing(d.rest()));
