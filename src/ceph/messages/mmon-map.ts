import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_MON_GET_MAP, CEPH_MSG_MON_MAP } from './message-types.ts';

/** MMonMap (messages/MMonMap.h): blob of an encoded MonMap. */
export class MMonMap extends Message {
  readonly type = CEPH_MSG_MON_MAP;
  version = 1;
  compatVersion = 1;
  /** Encoded MonMap. */
  monmap: Uint8Array;

  constructor(monmap: Uint8Array) {
    super();
    this.monmap = monmap;
  }

  override encodePayload(e: Encoder): void {
    e.refBlob(this.monmap);
  }

  override describe(): string {
    return 'mon_map magic: 0';
  }
}

/** MMonGetMap (messages/MMonGetMap.h): asks for the monmap; nothing in it. */
export class MMonGetMap extends Message {
  readonly type = CEPH_MSG_MON_GET_MAP;
  version = 1;
  compatVersion = 1;

  override encodePayload(): void {}

  override describe(): string {
    return 'mon_getmap magic: 0';
  }
}

registerMessage(CEPH_MSG_MON_MAP, (d: Decoder) => new MMonMap(d.blob()));
registerMessage(CEPH_MSG_MON_GET_MAP, () => new MMonGetMap());
