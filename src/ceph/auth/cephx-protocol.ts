import { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import { decodeUTime, encodeUTime, type UTime } from '../types/utime.ts';
import { type CryptoKey, decodeCryptoKey, encodeCryptoKey, seal } from './crypto.ts';
import { type AuthTicket, decodeAuthTicket, encodeAuthTicket } from './tickets.ts';

// The structs of the cephx protocol (auth/cephx/CephxProtocol.h). Each starts with a version byte of its own,
// without compat version and length.

/** What a client asks of a monitor: CephXRequestHeader's request_type. */
export const CEPHX_GET_AUTH_SESSION_KEY = 0x0100;
export const CEPHX_GET_PRINCIPAL_SESSION_KEY = 0x0200;
export const CEPHX_GET_ROTATING_KEY = 0x0400;

/** First byte of a first auth payload in protocol v2 (AUTH_MODE_*, include/ceph_fs.h). */
export const AUTH_MODE_AUTHORIZER = 1;
export const AUTH_MODE_AUTHORIZER_MAX = 9;
export const AUTH_MODE_MON = 10;
export const AUTH_MODE_MON_MAX = 19;

const U64_MASK = 0xffff_ffff_ffff_ffffn;

/** Nonces count in 64 bits and wrap. */
export function plusOne(value: bigint): bigint {
  return (value + 1n) & U64_MASK;
}

/** The monitor's first words. */
export interface CephXServerChallenge {
  readonly serverChallenge: bigint;
}

// CephXServerChallenge, CephXAuthorizeChallenge: u8 version 1, u64 server_challenge.
export function encodeServerChallenge(e: Encoder, value: CephXServerChallenge): void {
  e.u8(1);
  e.u64b(value.serverChallenge);
}

export function decodeServerChallenge(d: Decoder): CephXServerChallenge {
  d.u8();
  return { serverChallenge: d.u64b() };
}

/** What both sides encrypt with the client's secret to prove and check that it is known. */
export interface CephXChallengeBlob {
  readonly serverChallenge: bigint;
  readonly clientChallenge: bigint;
}

// CephXChallengeBlob: u64 server_challenge, u64 client_challenge.
export function encodeChallengeBlob(e: Encoder, value: CephXChallengeBlob): void {
  e.u64b(value.serverChallenge);
  e.u64b(value.clientChallenge);
}

export function decodeChallengeBlob(d: Decoder): CephXChallengeBlob {
  return { serverChallenge: d.u64b(), clientChallenge: d.u64b() };
}

/** CEPHX_*; heads everything after the first challenge. */
export interface CephXRequestHeader {
  readonly requestType: number;
}

// CephXRequestHeader: u16 request_type.
export function encodeRequestHeader(e: Encoder, value: CephXRequestHeader): void {
  e.u16(value.requestType);
}

export function decodeRequestHeader(d: Decoder): CephXRequestHeader {
  return { requestType: d.u16() };
}

export interface CephXResponseHeader {
  readonly requestType: number;
  /** Negative errno or 0. */
  readonly status: number;
}

// CephXResponseHeader: u16 request_type, s32 status.
export function encodeResponseHeader(e: Encoder, value: CephXResponseHeader): void {
  e.u16(value.requestType);
  e.i32(value.status);
}

export function decodeResponseHeader(d: Decoder): CephXResponseHeader {
  return { requestType: d.u16(), status: d.i32() };
}

/** A CephXServiceTicketInfo sealed with the service secret of that id: opaque to its bearer. */
export interface CephXTicketBlob {
  readonly secretId: bigint;
  readonly blob: Buffer;
}

export const NO_TICKET: CephXTicketBlob = { secretId: 0n, blob: Buffer.alloc(0) };

// CephXTicketBlob: u8 version 1, u64 secret_id, bufferlist blob.
export function encodeTicketBlob(e: Encoder, value: CephXTicketBlob): void {
  e.u8(1);
  e.u64b(value.secretId);
  e.blob(value.blob);
}

export function decodeTicketBlob(d: Decoder): CephXTicketBlob {
  d.u8();
  return { secretId: d.u64b(), blob: d.blob() };
}

/** The answer to the server's challenge. */
export interface CephXAuthenticate {
  /**
   * 2 from clients that may leave out the old ticket when they reclaim a global id; 3 from those that never
   * do.
   */
  readonly structV: number;
  readonly clientChallenge: bigint;
  /** Proof: the fold of the encrypted challenge blob (challengeProof). */
  readonly key: bigint;
  /** The AUTH ticket held so far; proves the right to the global id. */
  readonly oldTicket: CephXTicketBlob;
  /** CEPH_ENTITY_TYPE_* bits of the services whose tickets are wanted in the same answer; since version 2. */
  readonly otherKeys: number;
}

// CephXAuthenticate: u8 version, u64 client_challenge, u64 key, CephXTicketBlob old_ticket, u32 other_keys
// (since 2).
export function encodeAuthenticate(e: Encoder, value: CephXAuthenticate): void {
  e.u8(value.structV);
  e.u64b(value.clientChallenge);
  e.u64b(value.key);
  encodeTicketBlob(e, value.oldTicket);
  if (value.structV >= 2) e.u32(value.otherKeys);
}

export function decodeAuthenticate(d: Decoder): CephXAuthenticate {
  d.type = 'CephXAuthenticate';
  const structV = d.u8();
  const clientChallenge = d.u64b();
  const key = d.u64b();
  const oldTicket = decodeTicketBlob(d);
  return { structV, clientChallenge, key, oldTicket, otherKeys: structV >= 2 ? d.u32() : 0 };
}

/** Asks for tickets of services; follows an authorizer made with the AUTH ticket. */
export interface CephXServiceTicketRequest {
  /** CEPH_ENTITY_TYPE_* bits. */
  readonly keys: number;
}

// CephXServiceTicketRequest: u8 version 1, u32 keys.
export function encodeServiceTicketRequest(e: Encoder, value: CephXServiceTicketRequest): void {
  e.u8(1);
  e.u32(value.keys);
}

export function decodeServiceTicketRequest(d: Decoder): CephXServiceTicketRequest {
  d.u8();
  return { keys: d.u32() };
}

/** The bearer's half of a ticket. */
export interface CephXServiceTicket {
  readonly sessionKey: CryptoKey;
  /** How long it is good for. */
  readonly validity: UTime;
}

// CephXServiceTicket: u8 version 1, CryptoKey session_key, utime_t validity.
export function encodeServiceTicket(e: Encoder, value: CephXServiceTicket): void {
  e.u8(1);
  encodeCryptoKey(e, value.sessionKey);
  encodeUTime(e, value.validity);
}

export function decodeServiceTicket(d: Decoder): CephXServiceTicket {
  d.type = 'CephXServiceTicket';
  d.u8();
  const sessionKey = decodeCryptoKey(d);
  return { sessionKey, validity: decodeUTime(d) };
}

/** The service's half of a ticket. */
export interface CephXServiceTicketInfo {
  readonly ticket: AuthTicket;
  readonly sessionKey: CryptoKey;
}

// CephXServiceTicketInfo: u8 version 1, AuthTicket ticket, CryptoKey session_key.
export function encodeServiceTicketInfo(e: Encoder, value: CephXServiceTicketInfo): void {
  e.u8(1);
  encodeAuthTicket(e, value.ticket);
  encodeCryptoKey(e, value.sessionKey);
}

export function decodeServiceTicketInfo(d: Decoder): CephXServiceTicketInfo {
  d.type = 'CephXServiceTicketInfo';
  d.u8();
  const ticket = decodeAuthTicket(d);
  return { ticket, sessionKey: decodeCryptoKey(d) };
}

/** The part of an authorizer that proves knowledge of the session key. */
export interface CephXAuthorize {
  readonly nonce: bigint;
  readonly haveChallenge: boolean;
  readonly serverChallengePlusOne: bigint;
}

// CephXAuthorize: u8 version 2, u64 nonce, bool have_challenge, u64 server_challenge_plus_one (both since 2).
export function encodeAuthorize(e: Encoder, value: CephXAuthorize): void {
  e.u8(2);
  e.u64b(value.nonce);
  e.bool(value.haveChallenge);
  e.u64b(value.serverChallengePlusOne);
}

export function decodeAuthorize(d: Decoder): CephXAuthorize {
  d.type = 'CephXAuthorize';
  const v = d.u8();
  const nonce = d.u64b();
  if (v < 2) return { nonce, haveChallenge: false, serverChallengePlusOne: 0n };
  return { nonce, haveChallenge: d.bool(), serverChallengePlusOne: d.u64b() };
}

/** The service's proof, and the secret of a secure connection. */
export interface CephXAuthorizeReply {
  readonly noncePlusOne: bigint;
  /** Empty without secure mode. */
  readonly connectionSecret: Buffer;
}

// CephXAuthorizeReply: u8 version (1, or 2 with a secret), u64 nonce_plus_one, string connection_secret
// (since 2).
export function encodeAuthorizeReply(e: Encoder, value: CephXAuthorizeReply): void {
  const withSecret = value.connectionSecret.length > 0;
  e.u8(withSecret ? 2 : 1);
  e.u64b(value.noncePlusOne);
  if (withSecret) e.blob(value.connectionSecret);
}

export function decodeAuthorizeReply(d: Decoder): CephXAuthorizeReply {
  d.type = 'CephXAuthorizeReply';
  const v = d.u8();
  const noncePlusOne = d.u64b();
  return { noncePlusOne, connectionSecret: v >= 2 ? d.blob() : Buffer.alloc(0) };
}

/**
 * The proof that a client knows its secret (cephx_calc_client_server_challenge): the 64-bit little-endian
 * words of the length-prefixed, sealed challenge blob, folded with xor. Bytes after the last whole word don't
 * count.
 */
export function challengeProof(secret: CryptoKey, challenge: CephXChallengeBlob): bigint {
  const sealed = seal(secret, e => encodeChallengeBlob(e, challenge));
  const e = new Encoder(64);
  e.blob(sealed);
  const bytes = e.result();
  const d = new Decoder(bytes, 'challenge');
  let proof = 0n;
  while (d.remaining >= 8) proof ^= d.u64b();
  return proof;
}
