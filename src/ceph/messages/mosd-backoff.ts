import type { Encoder } from '../../base/encoder.ts';
import { decodeHObject, encodeHObject, type HObject, hobjectText } from '../types/hobject.ts';
import { decodeSpgId, encodeSpgId, type SpgId, spgText } from '../types/pg.ts';
import { backoffOpName } from '../types/rados.ts';
import { Message, registerMessage } from './message.ts';
import { CEPH_MSG_OSD_BACKOFF } from './message-types.ts';

/**
 * MOSDBackoff (messages/MOSDBackoff.h): spg_t, u32 osdmap epoch, u8 op, u64 id, hobject_t begin, hobject_t end.
 * The OSD tells a client to hold back ops on objects from begin up to end (on begin alone when both are the
 * same), and later to go on; the client acknowledges a block.
 */
export class MOSDBackoff extends Message {
  readonly type = CEPH_MSG_OSD_BACKOFF;
  version = 1;
  compatVersion = 1;
  spg: SpgId;
  mapEpoch: number;
  /** CEPH_OSD_BACKOFF_OP_*. */
  op: number;
  /** Unique within the session. */
  id: number;
  begin: HObject;
  end: HObject;

  constructor(spg: SpgId, mapEpoch: number, op: number, id: number, begin: HObject, end: HObject) {
    super();
    this.spg = spg;
    this.mapEpoch = mapEpoch;
    this.op = op;
    this.id = id;
    this.begin = begin;
    this.end = end;
  }

  override encodePayload(e: Encoder): void {
    encodeSpgId(e, this.spg);
    e.u32(this.mapEpoch);
    e.u8(this.op);
    e.u64(this.id);
    encodeHObject(e, this.begin);
    encodeHObject(e, this.end);
  }

  override describe(): string {
    const range = `[${hobjectText(this.begin)},${hobjectText(this.end)})`;
    return `osd_backoff(${spgText(this.spg)} ${backoffOpName(this.op)} id ${this.id} ${range} e${this.mapEpoch})`;
  }
}

registerMessage(CEPH_MSG_OSD_BACKOFF, d => {
  const spg = decodeSpgId(d);
  const epoch = d.u32();
  const op = d.u8();
  const id = d.u64();
  const begin = decodeHObject(d);
  return new MOSDBackoff(spg, epoch, op, id, begin, decodeHObject(d));
});
