import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeEntityName, type EntityName, encodeEntityName, entityNameText } from './entity.ts';

/**
 * osd_reqid_t (osd/osd_types.h): names one request for good, so that a replayed one is recognised.
 * ENCODE_START(2, 2): entity_name_t, u64 tid, s32 incarnation.
 */
export interface ReqId {
  readonly name: EntityName;
  readonly tid: number;
  /** Incarnation of the client. */
  readonly inc: number;
}

export function encodeReqId(e: Encoder, r: ReqId): void {
  const mark = e.start(2, 2);
  encodeEntityName(e, r.name);
  e.u64(r.tid);
  e.i32(r.inc);
  e.finish(mark);
}

export function decodeReqId(d: Decoder): ReqId {
  const end = d.start('osd_reqid_t', 2);
  const name = decodeEntityName(d);
  const tid = d.u64();
  const inc = d.i32();
  d.finish(end);
  return { name, tid, inc };
}

/** 'client.4123.0:17'. */
export function reqidText(r: ReqId): string {
  return `${entityNameText(r.name)}.${r.inc}:${r.tid}`;
}
