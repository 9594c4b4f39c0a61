import { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { serviceMap } from '../types/mgr-map.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_FS_MAP, MSG_MGR_MAP, MSG_SERVICE_MAP } from './message-types.ts';

/** MMgrMap (messages/MMgrMap.h): a MgrMap, which fills the front. */
export class MMgrMap extends Message {
  readonly type = MSG_MGR_MAP;
  version = 1;
  compatVersion = 1;
  /** Encoded MgrMap. */
  map: Uint8Array;

  constructor(map: Uint8Array) {
    super();
    this.map = map;
  }

  override encodePayload(e: Encoder): void {
    e.ref(this.map);
  }

  override describe(): string {
    // ENCODE_START, then u32 epoch.
    const { map } = this;
    const epoch = map.length >= 10 ? Buffer.from(map.buffer, map.byteOffset, map.length).readUInt32LE(6) : 0;
    return `mgrmap(e ${epoch})`;
  }
}

/** MServiceMap (messages/MServiceMap.h): a ServiceMap, which fills the front. */
export class MServiceMap extends Message {
  readonly type = MSG_SERVICE_MAP;
  version = 1;
  compatVersion = 1;
  /** Encoded ServiceMap. */
  map: Uint8Array;

  constructor(map: Uint8Array) {
    super();
    this.map = map;
  }

  override encodePayload(e: Encoder): void {
    e.ref(this.map);
  }

  override describe(): string {
    try {
      const { epoch, services } = serviceMap.decode(new Decoder(this.map, 'ServiceMap'));
      return `service_map(e${epoch} ${services.size} svc)`;
    } catch {
      return 'service_map(undecodable)';
    }
  }
}

/** MFSMap (messages/MFSMap.h): u32 epoch, then an FSMap, which fills the rest. */
export class MFSMap extends Message {
  readonly type = CEPH_MSG_FS_MAP;
  version = 1;
  compatVersion = 1;
  epoch: number;
  /** Encoded FSMap. */
  map: Uint8Array;

  constructor(epoch: number, map: Uint8Array) {
    super();
    this.epoch = epoch;
    this.map = map;
  }

  override encodePayload(e: Encoder): void {
    e.u32(this.epoch);
    e.ref(this.map);
  }

  override describe(): string {
    return `fsmap(e ${this.epoch})`;
  }
}

registerMessage(CEPH_MSG_FS_MAP, d => {
  const epoch = d.u32();
  return new MFSMap(epoch, d.rest());
});
registerMessage(MSG_MGR_MAP, d => new MMgrMap(d.rest()));
registerMessage(MSG_SERVICE_MAP, d => new MServiceMap(d.rest()));
