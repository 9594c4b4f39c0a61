import { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import {
  decodeEntityAddr,
  decodeEntityAddrVec,
  type EntityAddr,
  type EntityAddrVec,
  encodeEntityAddr,
  encodeEntityAddrVec,
} from '../types/entity-addr.ts';
import { FEATURE_MSG_ADDR2, FEATURE_SERVER_NAUTILUS, Features } from '../types/features.ts';
import { decodeUTime, encodeUTime, type UTime } from '../types/utime.ts';

/** Features that frames themselves are encoded with, whoever the peer is. */
const FRAME_FEATURES = new Features(FEATURE_MSG_ADDR2 | FEATURE_SERVER_NAUTILUS);
/** Every v2 peer must have this. */
export const MSGR2_REQUIRED = FEATURE_MSG_ADDR2;

/** CEPH_MSG_CONNECT_LOSSY, in the flags of both idents. */
export const CONNECT_LOSSY = 1n;

function encodeU32s(e: Encoder, values: readonly number[]): void {
  e.u32(values.length);
  for (let i = 0; i < values.length; i++) e.u32(values[i]);
}

function decodeU32s(d: Decoder): number[] {
  const n = d.count(4);
  const values: number[] = [];
  for (let i = 0; i < n; i++) values.push(d.u32());
  return values;
}

/** A bufferlist that outlives the frame. */
function decodeOwnBlob(d: Decoder): Buffer {
  return Buffer.from(d.blob());
}

// HELLO: u8 entity type, entity_addr_t of the peer as the sender sees it.
export interface Hello {
  readonly entityType: number;
  readonly peerAddr: EntityAddr;
}

export function encodeHello(e: Encoder, v: Hello): void {
  e.u8(v.entityType);
  encodeEntityAddr(e, v.peerAddr, FRAME_FEATURES);
}

export function decodeHello(d: Decoder): Hello {
  return { entityType: d.u8(), peerAddr: decodeEntityAddr(d) };
}

// AUTH_REQUEST: u32 method, u32 count, u32 preferred modes, bufferlist payload.
export interface AuthRequest {
  readonly method: number;
  readonly preferredModes: number[];
  readonly payload: Buffer;
}

export function encodeAuthRequest(e: Encoder, v: AuthRequest): void {
  e.u32(v.method);
  encodeU32s(e, v.preferredModes);
  e.blob(v.payload);
}

export function decodeAuthRequest(d: Decoder): AuthRequest {
  return { method: d.u32(), preferredModes: decodeU32s(d), payload: decodeOwnBlob(d) };
}

// AUTH_BAD_METHOD: u32 method, s32 result, u32 count, u32 allowed methods, u32 count, u32 allowed modes.
export interface AuthBadMethod {
  readonly method: number;
  readonly result: number;
  readonly allowedMethods: number[];
  readonly allowedModes: number[];
}

export function encodeAuthBadMethod(e: Encoder, v: AuthBadMethod): void {
  e.u32(v.method);
  e.i32(v.result);
  encodeU32s(e, v.allowedMethods);
  encodeU32s(e, v.allowedModes);
}

export function decodeAuthBadMethod(d: Decoder): AuthBadMethod {
  return {
    method: d.u32(),
    result: d.i32(),
    allowedMethods: decodeU32s(d),
    allowedModes: decodeU32s(d),
  };
}

// AUTH_REPLY_MORE, AUTH_REQUEST_MORE: bufferlist payload.
export function encodeAuthMore(e: Encoder, payload: Buffer): void {
  e.blob(payload);
}

export function decodeAuthMore(d: Decoder): Buffer {
  return decodeOwnBlob(d);
}

// AUTH_DONE: u64 global id, u32 connection mode, bufferlist payload.
export interface AuthDoneFrame {
  readonly globalId: bigint;
  readonly conMode: number;
  readonly payload: Buffer;
}

export function encodeAuthDone(e: Encoder, v: AuthDoneFrame): void {
  e.u64b(v.globalId);
  e.u32(v.conMode);
  e.blob(v.payload);
}

export function decodeAuthDone(d: Decoder): AuthDoneFrame {
  return { globalId: d.u64b(), conMode: d.u32(), payload: decodeOwnBlob(d) };
}

// AUTH_SIGNATURE: 32 bytes, HMAC-SHA256 with the session key over all bytes received so far; zeros without a key.
export const SIGNATURE_SIZE = 32;

export function decodeSignature(d: Decoder): Buffer {
  return Buffer.from(d.bytes(SIGNATURE_SIZE));
}

/*
 * CLIENT_IDENT: entity_addrvec_t mine, entity_addr_t target, s64 global id, u64 global seq,
 *   u64 supported features, u64 required features, u64 flags, u64 client cookie
 * SERVER_IDENT: the same without target; its cookie is the server's.
 */
export interface Ident {
  readonly addrs: EntityAddrVec;
  /** In CLIENT_IDENT only. */
  readonly target: EntityAddr | undefined;
  readonly gid: number;
  readonly globalSeq: number;
  readonly supported: bigint;
  readonly required: bigint;
  readonly flags: bigint;
  readonly cookie: bigint;
}

export function encodeIdent(e: Encoder, v: Ident): void {
  encodeEntityAddrVec(e, v.addrs, FRAME_FEATURES);
  if (v.target !== undefined) encodeEntityAddr(e, v.target, FRAME_FEATURES);
  e.i64(v.gid);
  e.u64(v.globalSeq);
  e.u64b(v.supported);
  e.u64b(v.required);
  e.u64b(v.flags);
  e.u64b(v.cookie);
}

function decodeIdent(d: Decoder, withTarget: boolean): Ident {
  return {
    addrs: decodeEntityAddrVec(d),
    target: withTarget ? decodeEntityAddr(d) : undefined,
    gid: d.i64(),
    globalSeq: d.u64(),
    supported: d.u64b(),
    required: d.u64b(),
    flags: d.u64b(),
    cookie: d.u64b(),
  };
}

export function decodeClientIdent(d: Decoder): Ident {
  return decodeIdent(d, true);
}

export function decodeServerIdent(d: Decoder): Ident {
  return decodeIdent(d, false);
}

// SESSION_RECONNECT: entity_addrvec_t mine, u64 client cookie, u64 server cookie, u64 global seq, u64 connect seq,
// u64 seq of the last message received.
export interface Reconnect {
  readonly addrs: EntityAddrVec;
  readonly clientCookie: bigint;
  readonly serverCookie: bigint;
  readonly globalSeq: number;
  readonly connectSeq: number;
  readonly msgSeq: number;
}

export function encodeReconnect(e: Encoder, v: Reconnect): void {
  encodeEntityAddrVec(e, v.addrs, FRAME_FEATURES);
  e.u64b(v.clientCookie);
  e.u64b(v.serverCookie);
  e.u64(v.globalSeq);
  e.u64(v.connectSeq);
  e.u64(v.msgSeq);
}

export function decodeReconnect(d: Decoder): Reconnect {
  return {
    addrs: decodeEntityAddrVec(d),
    clientCookie: d.u64b(),
    serverCookie: d.u64b(),
    globalSeq: d.u64(),
    connectSeq: d.u64(),
    msgSeq: d.u64(),
  };
}

// SESSION_RESET: bool full. SESSION_RETRY: u64 connect seq. SESSION_RETRY_GLOBAL: u64 global seq.
// SESSION_RECONNECT_OK, ACK: u64 message seq. IDENT_MISSING_FEATURES: u64 features. WAIT: nothing.
// KEEPALIVE2: utime_t of the sender's clock; KEEPALIVE2_ACK: the same back.
export function decodeStamp(d: Decoder): UTime {
  return decodeUTime(d);
}

export function encodeStamp(e: Encoder, stamp: UTime): void {
  encodeUTime(e, stamp);
}

/** The decoders of control frames by what they read, for whoever wants to try them all. */
export const CONTROL_DECODERS: Readonly<Record<string, (d: Decoder) => unknown>> = {
  HELLO: decodeHello,
  AUTH_REQUEST: decodeAuthRequest,
  AUTH_BAD_METHOD: decodeAuthBadMethod,
  AUTH_REPLY_MORE: decodeAuthMore,
  AUTH_REQUEST_MORE: decodeAuthMore,
  AUTH_DONE: decodeAuthDone,
  AUTH_SIGNATURE: decodeSignature,
  CLIENT_IDENT: decodeClientIdent,
  SERVER_IDENT: decodeServerIdent,
  IDENT_MISSING_FEATURES: d => d.u64b(),
  SESSION_RECONNECT: decodeReconnect,
  SESSION_RESET: d => d.bool(),
  SESSION_RETRY: d => d.u64(),
  SESSION_RETRY_GLOBAL: d => d.u64(),
  SESSION_RECONNECT_OK: d => d.u64(),
  WAIT: () => undefined,
  KEEPALIVE2: decodeStamp,
  KEEPALIVE2_ACK: decodeStamp,
  ACK: d => d.u64(),
};

/** The payload of a control frame. Throws DecodeError. */
export function decodeControl<T>(name: string, payload: Uint8Array, decode: (d: Decoder) => T): T {
  return decode(new Decoder(payload, name));
}
