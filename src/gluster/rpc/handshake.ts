import { Dict } from '../types/dict.ts';
import { decodeOldDict, encodeOldDict } from './dict.ts';
import type { XdrDecoder } from './xdr-decoder.ts';
import type { XdrEncoder } from './xdr-encoder.ts';

/* Program "GlusterFS Handshake" (glusterfs4-xdr.x, the gf_ structures): with bricks, and with glusterd for volfiles. */

/* SETVOLUME { opaque dict<>; } */
export function setvolumeRequest(e: XdrEncoder, dict: Dict): void {
  encodeOldDict(e, dict);
}

/* gf_setvolume_rsp { int op_ret, op_errno; opaque dict<>; } */
export function setvolumeReply(d: XdrDecoder): { ret: number; errno: number; dict: Dict } {
  d.type = 'gf_setvolume_rsp';
  const ret = d.i32();
  const errno = d.i32();
  return { ret, errno, dict: decodeOldDict(d) ?? new Dict() };
}

/** With GETSPEC: the answer's dict names the servers that have volfiles too. */
export const GETSPEC_SERVERS_LIST = 1;

/* GETSPEC { u32 flags; string key<>; opaque xdata<>; } */
export function getspecRequest(e: XdrEncoder, flags: number, key: string, xdata: Dict | undefined): void {
  e.u32(flags);
  e.text(key);
  encodeOldDict(e, xdata);
}

/* gf_getspec_rsp { int op_ret, op_errno; string spec<>; opaque xdata<>; }; op_ret is the volfile's length */
export function getspecReply(d: XdrDecoder): {
  ret: number;
  errno: number;
  spec: string;
  xdata: Dict | undefined;
} {
  d.type = 'gf_getspec_rsp';
  const ret = d.i32();
  const errno = d.i32();
  const spec = d.textz();
  return { ret, errno, spec, xdata: decodeOldDict(d) };
}

/* SET_LK_VER { string uid<>; int lk_ver; }: asked by bricks before 6 */
export function setLkVerRequest(e: XdrEncoder, uid: string, version: number): void {
  e.text(uid);
  e.i32(version);
}

/* gf_set_lk_ver_rsp { int op_ret, op_errno, lk_ver; } */
export function setLkVerReply(d: XdrDecoder): { ret: number; errno: number; version: number } {
  d.type = 'gf_set_lk_ver_rsp';
  const ret = d.i32();
  const errno = d.i32();
  return { ret, errno, version: d.i32() };
}

/* GET_VOLUME_INFO { opaque dict<>; } */
export function getVolumeInfoRequest(e: XdrEncoder, dict: Dict): void {
  encodeOldDict(e, dict);
}

/* gf_get_volume_info_rsp { int op_ret, op_errno; string op_errstr<>; opaque dict<>; } */
export function getVolumeInfoReply(d: XdrDecoder): {
  ret: number;
  errno: number;
  message: string;
  dict: Dict | undefined;
} {
  d.type = 'gf_get_volume_info_rsp';
  const ret = d.i32();
  const errno = d.i32();
  const message = d.textz();
  return { ret, errno, message, dict: decodeOldDict(d) };
}

/* EVENT_NOTIFY { int op; opaque dict<>; } */
export function eventNotifyRequest(e: XdrEncoder, op: number, dict: Dict | undefined): void {
  e.i32(op);
  encodeOldDict(e, dict);
}

/* gf_event_notify_rsp { int op_ret, op_errno; opaque dict<>; } */
export function eventNotifyReply(d: XdrDecoder): { ret: number; errno: number; dict: Dict | undefined } {
  d.type = 'gf_event_notify_rsp';
  const ret = d.i32();
  const errno = d.i32();
  return { ret, errno, dict: decodeOldDict(d) };
}
