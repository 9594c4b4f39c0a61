import type { Encoder } from '../../base/encoder.ts';
import { decBlob, decodeMap, decU32, encodeMap, encU32 } from '../types/collections.ts';
import { decodeUuid, encodeUuid, type Uuid } from '../types/uuid.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_OSD_MAP } from './message-types.ts';

const encRefBlob = (e: Encoder, value: Uint8Array): void => e.refBlob(value);

/**
 * MOSDMap (messages/MOSDMap.h), version 4: uuid fsid, map u32 epoch -> blob OSDMap::Incremental, map u32 epoch
 * -> blob OSDMap, u32 oldest, u32 newest epoch that the sender has, u32 0 (removed snaps of mimic and
 * nautilus). Version 2 has no last field, version 1 no epochs either.
 */
export class MOSDMap extends Message {
  readonly type = CEPH_MSG_OSD_MAP;
  version = 4;
  compatVersion = 3;
  fsid: Uuid;
  /** Encoded incrementals by the epoch that they lead to. */
  incrementals: ReadonlyMap<number, Uint8Array> = new Map();
  /** Encoded full maps by epoch. */
  maps: ReadonlyMap<number, Uint8Array> = new Map();
  /** 0 when the sender did not say. */
  oldest = 0;
  newest = 0;

  constructor(fsid: Uuid) {
    super();
    this.fsid = fsid;
  }

  /** Lowest epoch in it; 0 when there is none. */
  get first(): number {
    let first = 0;
    for (const epoch of this.maps.keys()) if (first === 0 || epoch < first) first = epoch;
    for (const epoch of this.incrementals.keys()) if (first === 0 || epoch < first) first = epoch;
    return first;
  }

  /** Highest epoch in it; 0 when there is none. */
  get last(): number {
    let last = 0;
    for (const epoch of this.maps.keys()) if (epoch > last) last = epoch;
    for (const epoch of this.incrementals.keys()) if (epoch > last) last = epoch;
    return last;
  }

  override encodePayload(e: Encoder): void {
    encodeUuid(e, this.fsid);
    encodeMap(e, this.incrementals, encU32, encRefBlob);
    encodeMap(e, this.maps, encU32, encRefBlob);
    e.u32(this.oldest);
    e.u32(this.newest);
    e.u32(0);
  }

  override describe(): string {
    const has = this.oldest > 0 || this.newest > 0 ? ` src has ${this.oldest}..${this.newest}` : '';
    return `osd_map(${this.first}..${this.last}${has})`;
  }
}

registerMessage(CEPH_MSG_OSD_MAP, (d, header) => {
  const m = new MOSDMap(decodeUuid(d));
  m.incrementals = decodeMap(d, 8, decU32, decBlob);
  m.maps = decodeMap(d, 8, decU32, decBlob);
  if (header.version >= 2) {
    m.oldest = d.u32();
    m.newest = d.u32();
  }
  if (header.version >= 4) {
    // map s64 pool -> intervals of (u64 start, u64 length)
    const pools = d.count(12);
    for (let i = 0; i < pools; i++) {
      d.skip(8);
      d.skip(d.count(16) * 16);
    }
  }
  return m;
});
