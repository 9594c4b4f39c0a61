import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { ENTITY_TYPE_MDS, ENTITY_TYPE_MON, ENTITY_TYPE_OSD } from '../types/entity.ts';

// Protocol v1 (include/msgr.h). Every tag is one byte.
export const TAG_READY = 1;
export const TAG_RESETSESSION = 2;
export const TAG_WAIT = 3;
export const TAG_RETRY_SESSION = 4;
export const TAG_RETRY_GLOBAL = 5;
export const TAG_CLOSE = 6;
export const TAG_MSG = 7;
export const TAG_ACK = 8;
export const TAG_KEEPALIVE = 9;
export const TAG_BADPROTOVER = 10;
export const TAG_BADAUTHORIZER = 11;
export const TAG_FEATURES = 12;
export const TAG_SEQ = 13;
export const TAG_KEEPALIVE2 = 14;
export const TAG_KEEPALIVE2_ACK = 15;
export const TAG_CHALLENGE_AUTHORIZER = 16;

/**
 * Banner. The acceptor sends it with two ceph_entity_addr (its own, and the connector's as it sees it), the
 * connector sends it alone and, having read the acceptor's, its own address.
 * ceph_entity_addr: u32 type, u32 nonce, sockaddr_storage of 128 bytes.
 */
export const BANNER = Buffer.from('ceph v027');
export const ADDR_SIZE = 136;

/** CEPH_MSG_CONNECT_LOSSY. */
export const FLAG_LOSSY = 1;

/*
 * ceph_msg_connect, 33 bytes, and the authorizer behind it:
 *   u64 features, u32 host type, u32 global seq, u32 connect seq, u32 protocol version, u32 authorizer protocol,
 *   u32 authorizer length, u8 flags
 */
export const CONNECT_SIZE = 33;

export interface Connect {
  readonly features: bigint;
  readonly hostType: number;
  readonly globalSeq: number;
  readonly connectSeq: number;
  readonly protocolVersion: number;
  readonly authorizerProtocol: number;
  readonly authorizerLength: number;
  readonly flags: number;
}

export function encodeConnect(e: Encoder, v: Connect): void {
  e.u64b(v.features);
  e.u32(v.hostType);
  e.u32(v.globalSeq);
  e.u32(v.connectSeq);
  e.u32(v.protocolVersion);
  e.u32(v.authorizerProtocol);
  e.u32(v.authorizerLength);
  e.u8(v.flags);
}

export function decodeConnect(d: Decoder): Connect {
  return {
    features: d.u64b(),
    hostType: d.u32(),
    globalSeq: d.u32(),
    connectSeq: d.u32(),
    protocolVersion: d.u32(),
    authorizerProtocol: d.u32(),
    authorizerLength: d.u32(),
    flags: d.u8(),
  };
}

/*
 * ceph_msg_connect_reply, 26 bytes, and the authorizer's answer behind it:
 *   u8 tag, u64 features, u32 global seq, u32 connect seq, u32 protocol version, u32 authorizer length, u8 flags
 * Behind TAG_SEQ: u64 seq of the last message received; the connector answers with its own.
 */
export const CONNECT_REPLY_SIZE = 26;

export interface ConnectReply {
  readonly tag: number;
  readonly features: bigint;
  readonly globalSeq: number;
  readonly connectSeq: number;
  readonly protocolVersion: number;
  readonly authorizerLength: number;
  readonly flags: number;
}

export function encodeConnectReply(e: Encoder, v: ConnectReply): void {
  e.u8(v.tag);
  e.u64b(v.features);
  e.u32(v.globalSeq);
  e.u32(v.connectSeq);
  e.u32(v.protocolVersion);
  e.u32(v.authorizerLength);
  e.u8(v.flags);
}

export function decodeConnectReply(d: Decoder): ConnectReply {
  return {
    tag: d.u8(),
    features: d.u64b(),
    globalSeq: d.u32(),
    connectSeq: d.u32(),
    protocolVersion: d.u32(),
    authorizerLength: d.u32(),
    flags: d.u8(),
  };
}

/*
 * A message: TAG_MSG, ceph_msg_header, front, middle, data, ceph_msg_footer.
 * Header, 53 bytes: u64 seq, u64 tid, u16 type, u16 priority, u16 version, u32 front length, u32 middle length,
 *   u32 data length, u16 data offset, entity name of the sender (u8 type, s64 number), u16 compat version,
 *   u16 reserved, u32 crc32c of the 49 bytes before, seed 0
 * Footer, 21 bytes: u32 crc32c of front, of middle, of data (seed 0), u64 signature, u8 flags. Without MSG_AUTH
 *   there is no signature: 13 bytes.
 */
export const HEADER_SIZE = 53;
export const FOOTER_SIZE = 21;
export const OLD_FOOTER_SIZE = 13;
export const FOOTER_COMPLETE = 1;
export const FOOTER_NOCRC = 2;
export const FOOTER_SIGNED = 4;

/** Version of the protocol between us and a peer: what both must agree on (Messenger::get_proto_version). */
export function protocolVersion(myType: number, peerType: number, connecting: boolean): number {
  if (peerType === myType) {
    if (myType === ENTITY_TYPE_OSD) return 10;
    if (myType === ENTITY_TYPE_MON) return 13;
    return myType === ENTITY_TYPE_MDS ? 1 : 0;
  }
  switch (connecting ? peerType : myType) {
    case ENTITY_TYPE_OSD:
      return 24;
    case ENTITY_TYPE_MDS:
      return 32;
    case ENTITY_TYPE_MON:
      return 15;
    default:
      return 0;
  }
}
