import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import type { Features } from './features.ts';
import { ipBytes, ipv4Text, ipv6Text } from './ip.ts';

/** entity_addr_t types. */
export const ADDR_NONE = 0;
export const ADDR_LEGACY = 1;
export const ADDR_MSGR2 = 2;
export const ADDR_ANY = 3;
/** A range of addresses: the nonce is the length of its prefix in bits. */
export const ADDR_CIDR = 4;

/** entity_addr_t (msg/msg_types.h). */
export interface EntityAddr {
  /** ADDR_*. */
  readonly type: number;
  /** Told apart two lives of one ip:port; 0 for what is configured by hand. */
  readonly nonce: number;
  /** 0 (no address), AF_INET 2 or AF_INET6 10; anything else keeps its bytes in `raw`. */
  readonly family: number;
  /** Dotted quad, or an IPv6 address without brackets; '' when family is 0. */
  readonly ip: string;
  readonly port: number;
  /** What the other fields do not say: the tail of an IPv6 sockaddr (flow info, scope), other families' bytes. */
  readonly raw?: Buffer;
}

/** entity_addrvec_t: the same entity's addresses, one a protocol. */
export type EntityAddrVec = readonly EntityAddr[];

const AF_INET = 2;
const AF_INET6 = 10;
const MSGR_V1_STORAGE = 128;
/** Bytes of the union that entity_addr_t has, which is what families other than IP take. */
const UNION_SIZE = 28;

/** Nobody's address: what a field has before it is known. */
export const ADDR_BLANK: EntityAddr = { type: ADDR_NONE, nonce: 0, family: 0, ip: '', port: 0 };
export const ADDRVEC_EMPTY: EntityAddrVec = [];

/** `ip` without brackets. @throws NacreError EINVAL when it is not an IP address. */
export function makeEntityAddr(type: number, ip: string, port: number, nonce = 0): EntityAddr {
  return { type, nonce, family: ipBytes(ip).length === 4 ? AF_INET : AF_INET6, ip, port };
}

/** The sockaddr behind the family field: port (network order), then what the family has. */
export function sockaddrBytes(addr: EntityAddr): Buffer {
  if (addr.family === AF_INET) {
    const tail = Buffer.alloc(14);
    tail.writeUInt16BE(addr.port, 0);
    tail.set(ipBytes(addr.ip), 2);
    if (addr.raw !== undefined) tail.set(addr.raw.subarray(0, 8), 6);
    return tail;
  }
  if (addr.family === AF_INET6) {
    const tail = Buffer.alloc(26);
    tail.writeUInt16BE(addr.port, 0);
    tail.set(ipBytes(addr.ip), 6);
    if (addr.raw !== undefined && addr.raw.length === 8) {
      tail.set(addr.raw.subarray(0, 4), 2);
      tail.set(addr.raw.subarray(4, 8), 22);
    }
    return tail;
  }
  return addr.raw ?? Buffer.alloc(UNION_SIZE - 2);
}

function isZero(b: Uint8Array): boolean {
  for (let i = 0; i < b.length; i++) if (b[i] !== 0) return false;
  return true;
}

/** Bytes that are missing at the end count as zero, as they do in C. */
function fromSockaddr(type: number, nonce: number, family: number, bytes: Buffer): EntityAddr {
  if (family === AF_INET) {
    const tail = bytes.length >= 14 ? bytes : Buffer.concat([bytes, Buffer.alloc(14)]);
    const rest = tail.subarray(6, 14);
    const addr = { type, nonce, family, ip: ipv4Text(tail.subarray(2, 6)), port: tail.readUInt16BE(0) };
    return isZero(rest) ? addr : { ...addr, raw: Buffer.from(rest) };
  }
  if (family === AF_INET6) {
    const tail = bytes.length >= 26 ? bytes : Buffer.concat([bytes, Buffer.alloc(26)]);
    const rest = Buffer.concat([tail.subarray(2, 6), tail.subarray(22, 26)]);
    const addr = { type, nonce, family, ip: ipv6Text(tail.subarray(6, 22)), port: tail.readUInt16BE(0) };
    return isZero(rest) ? addr : { ...addr, raw: rest };
  }
  if (bytes.length === UNION_SIZE - 2 && isZero(bytes)) return { type, nonce, family, ip: '', port: 0 };
  return { type, nonce, family, ip: '', port: 0, raw: Buffer.from(bytes) };
}

/**
 * entity_addr_t. With MSG_ADDR2: u8 1, ENCODE_START(1, 1), u32 type, u32 nonce, u32 length, sockaddr (u16
 * family in little endian, the rest as C has it). Without: u32 0, u32 nonce, sockaddr_storage of 128 bytes with
 * the family in network order.
 */
export function encodeEntityAddr(e: Encoder, addr: EntityAddr, features: Features): void {
  const tail = sockaddrBytes(addr);
  if (!features.msgAddr2) {
    e.u32(0);
    e.u32(addr.nonce);
    encodeSockaddrStorage(e, addr);
    return;
  }
  e.u8(1);
  const mark = e.start(1, 1);
  // Before nautilus nobody knew "any".
  e.u32(addr.type === ADDR_ANY && !features.serverNautilus ? ADDR_LEGACY : addr.type);
  e.u32(addr.nonce);
  e.u32(tail.length + 2);
  e.u16(addr.family);
  e.bytes(tail);
  e.finish(mark);
}

function decodeLegacyAfterMarker(d: Decoder): EntityAddr {
  d.skip(3);
  const nonce = d.u32();
  return { ...decodeSockaddrStorage(d), nonce };
}

function decodeAddr2AfterMarker(d: Decoder): EntityAddr {
  const end = d.start('entity_addr_t', 1);
  const type = d.u32();
  const nonce = d.u32();
  const length = d.u32();
  let addr: EntityAddr;
  if (length === 0) addr = { type, nonce, family: 0, ip: '', port: 0 };
  else {
    if (length < 2 || length > MSGR_V1_STORAGE) d.fail(`sockaddr of ${length} bytes`);
    const family = d.u16();
    addr = fromSockaddr(type, nonce, family, d.bytes(length - 2));
  }
  d.finish(end);
  return addr;
}

export function decodeEntityAddr(d: Decoder): EntityAddr {
  const marker = d.u8();
  if (marker === 0) return decodeLegacyAfterMarker(d);
  if (marker !== 1) d.fail(`entity_addr_t with marker ${marker}`);
  return decodeAddr2AfterMarker(d);
}

/** sockaddr_storage as protocol v1 sends it: u16 family in network order, then up to 128 bytes in all. */
export function encodeSockaddrStorage(e: Encoder, addr: EntityAddr): void {
  const tail = sockaddrBytes(addr);
  e.u16(((addr.family & 0xff) << 8) | (addr.family >> 8));
  e.bytes(tail);
  e.zeros(MSGR_V1_STORAGE - 2 - tail.length);
}

/** The type is ADDR_LEGACY and the nonce 0. Families other than IP give no address. */
export function decodeSockaddrStorage(d: Decoder): EntityAddr {
  const bytes = d.bytes(MSGR_V1_STORAGE);
  const family = bytes.readUInt16BE(0);
  if (family === AF_INET) return fromSockaddr(ADDR_LEGACY, 0, family, bytes.subarray(2, 16));
  if (family === AF_INET6) return fromSockaddr(ADDR_LEGACY, 0, family, bytes.subarray(2, 28));
  return { type: ADDR_LEGACY, nonce: 0, family: 0, ip: '', port: 0 };
}

/**
 * entity_addrvec_t. With MSG_ADDR2: u8 2, u32 count, entity_addr_t each. Without: the legacy address alone.
 * Readers also take a single entity_addr_t of either form.
 */
export function encodeEntityAddrVec(e: Encoder, vec: EntityAddrVec, features: Features): void {
  if (!features.msgAddr2) {
    encodeEntityAddr(e, legacyAddr(vec), features);
    return;
  }
  e.u8(2);
  e.u32(vec.length);
  for (let i = 0; i < vec.length; i++) encodeEntityAddr(e, vec[i], features);
}

export function decodeEntityAddrVec(d: Decoder): EntityAddr[] {
  const marker = d.u8();
  if (marker === 0) return [decodeLegacyAfterMarker(d)];
  if (marker === 1) return [decodeAddr2AfterMarker(d)];
  if (marker !== 2) d.fail(`entity_addrvec_t with marker ${marker}`);
  const n = d.count(19);
  const vec: EntityAddr[] = [];
  for (let i = 0; i < n; i++) vec.push(decodeEntityAddr(d));
  return vec;
}

function firstOfType(vec: EntityAddrVec, type: number): EntityAddr | undefined {
  for (let i = 0; i < vec.length; i++) if (vec[i].type === type) return vec[i];
  return undefined;
}

/** The v1 address, or a blank one. */
export function legacyAddr(vec: EntityAddrVec): EntityAddr {
  return firstOfType(vec, ADDR_LEGACY) ?? ADDR_BLANK;
}

/** The v2 address, or a blank one. */
export function msgr2Addr(vec: EntityAddrVec): EntityAddr {
  return firstOfType(vec, ADDR_MSGR2) ?? ADDR_BLANK;
}

export function legacyOrFrontAddr(vec: EntityAddrVec): EntityAddr {
  return firstOfType(vec, ADDR_LEGACY) ?? vec[0] ?? ADDR_BLANK;
}

export function isBlankIp(addr: EntityAddr): boolean {
  if (addr.family === AF_INET) return addr.ip === '0.0.0.0';
  return addr.family !== AF_INET6 || addr.ip === '::';
}
