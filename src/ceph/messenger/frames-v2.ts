import { GCM_TAG_SIZE } from './crypto-onwire.ts';

// Frame tags of protocol v2 (msg/async/frames_v2.h).
export const TAG_HELLO = 1;
export const TAG_AUTH_REQUEST = 2;
export const TAG_AUTH_BAD_METHOD = 3;
export const TAG_AUTH_REPLY_MORE = 4;
export const TAG_AUTH_REQUEST_MORE = 5;
export const TAG_AUTH_DONE = 6;
export const TAG_AUTH_SIGNATURE = 7;
export const TAG_CLIENT_IDENT = 8;
export const TAG_SERVER_IDENT = 9;
export const TAG_IDENT_MISSING_FEATURES = 10;
export const TAG_SESSION_RECONNECT = 11;
export const TAG_SESSION_RESET = 12;
export const TAG_SESSION_RETRY = 13;
export const TAG_SESSION_RETRY_GLOBAL = 14;
export const TAG_SESSION_RECONNECT_OK = 15;
export const TAG_WAIT = 16;
export const TAG_MESSAGE = 17;
export const TAG_KEEPALIVE2 = 18;
export const TAG_KEEPALIVE2_ACK = 19;
export const TAG_ACK = 20;

const TAG_NAMES = [
  '',
  'HELLO',
  'AUTH_REQUEST',
  'AUTH_BAD_METHOD',
  'AUTH_REPLY_MORE',
  'AUTH_REQUEST_MORE',
  'AUTH_DONE',
  'AUTH_SIGNATURE',
  'CLIENT_IDENT',
  'SERVER_IDENT',
  'IDENT_MISSING_FEATURES',
  'SESSION_RECONNECT',
  'SESSION_RESET',
  'SESSION_RETRY',
  'SESSION_RETRY_GLOBAL',
  'SESSION_RECONNECT_OK',
  'WAIT',
  'MESSAGE',
  'KEEPALIVE2',
  'KEEPALIVE2_ACK',
  'ACK',
];

export function tagName(tag: number): string {
  return TAG_NAMES[tag] || `tag ${tag}`;
}

/*
 * Preamble of every frame, 32 bytes:
 *   u8 tag, u8 segments (1..4), 4 x { u32 length, u16 alignment }, u8 flags, u8 reserved,
 *   u32 crc32c of the 28 bytes before, seed 0
 * Lengths are logical; the last segment is not empty unless it is the only one.
 *
 * 2.0, crc:     preamble, segments, u8 late flags, 4 x u32 crc32c of the segments (seed -1)
 * 2.0, secure:  one GCM message: preamble, segments each padded to 16, u8 late flags, 15 zeros; tag
 * 2.1, crc:     preamble, segment 0 and its u32 crc32c (neither when it is empty);
 *               if there are more segments: those, u8 late status, 3 x u32 crc32c
 * 2.1, secure:  GCM message: preamble and the first 48 bytes of segment 0 (padded with zeros); tag
 *               if segment 0 is longer: GCM message: the rest of it padded to 16; tag
 *               if there are more segments: GCM message: those, each padded to 16, u8 late status, 15 zeros; tag
 * Late flags of 2.0: bit 0, the frame was aborted. Late status of 2.1: 0xe complete, 0x1 aborted.
 */
export const PREAMBLE_SIZE = 32;
export const INLINE_SIZE = 48;
export const SECURE_PREAMBLE_SIZE = PREAMBLE_SIZE + INLINE_SIZE + GCM_TAG_SIZE;
export const EPILOGUE_CRC_REV0 = 17;
export const EPILOGUE_CRC_REV1 = 13;
export const EPILOGUE_SECURE = 16;
export const LATE_ABORTED = 0x1;
export const LATE_COMPLETE = 0xe;
export const LATE_MASK = 0xf;
/** Flag of compressed frames, which we do not negotiate. */
export const FLAG_COMPRESSED = 1;
export const ALIGN_DEFAULT = 8;
export const ALIGN_PAGE = 4096;
export const MAX_SEGMENTS = 4;

/*
 * Banner, before any frame: "ceph v2\n", u16 length of what follows, u64 supported, u64 required features.
 */
export const BANNER = Buffer.from('ceph v2\n');
export const BANNER_V1 = Buffer.from('ceph v');
export const BANNER_HEAD = BANNER.length + 2;
export const MAX_BANNER_PAYLOAD = 4096;
/** msgr 2.1 framing. */
export const MSGR2_FEATURE_REVISION_1 = 1n;

export function encodeBanner(supported: bigint, required: bigint): Buffer {
  const out = Buffer.alloc(BANNER_HEAD + 16);
  BANNER.copy(out);
  out.writeUInt16LE(16, BANNER.length);
  out.writeBigUInt64LE(supported, BANNER_HEAD);
  out.writeBigUInt64LE(required, BANNER_HEAD + 8);
  return out;
}

/*
 * Segment 0 of a MESSAGE (ceph_msg_header2), 41 bytes:
 *   u64 seq, u64 tid, u16 type, u16 priority, u16 version, u32 data_pre_padding_len, u16 data_off, u64 ack_seq,
 *   u8 flags, u16 compat_version, u16 reserved
 * Segments 1, 2, 3: front, middle, data.
 */
export const HEADER2_SIZE = 41;

/** Secure mode fills segments up to the cipher's block. */
export function pad16(n: number): number {
  return (n + 15) & ~15;
}
