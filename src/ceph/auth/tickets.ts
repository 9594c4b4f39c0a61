import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeUTime, encodeUTime, type UTime, utimeFromMs } from '../types/utime.ts';
import { type CryptoKey, decodeCryptoKey, encodeCryptoKey } from './crypto.ts';
import { type AuthEntityName, decodeAuthEntityName, encodeAuthEntityName } from './entity-name.ts';

// What tickets and the monitors' key database are made of (auth/Auth.h).

/** CEPH_AUTH_UID_DEFAULT: stands where an auid once was. */
const AUID_DEFAULT = 0xffff_ffff_ffff_ffffn;

/** What a ticket's bearer may do. `caps` is an encoded string (u32 length, text) or empty. */
export interface AuthCapsInfo {
  readonly allowAll: boolean;
  readonly caps: Buffer;
}

// AuthCapsInfo: u8 version 1, u8 allow_all, bufferlist caps.
export function encodeAuthCapsInfo(e: Encoder, info: AuthCapsInfo): void {
  e.u8(1);
  e.bool(info.allowAll);
  e.blob(info.caps);
}

export function decodeAuthCapsInfo(d: Decoder): AuthCapsInfo {
  d.type = 'AuthCapsInfo';
  d.u8();
  return { allowAll: d.bool(), caps: d.blob() };
}

/** What a service learns of a client: sealed with the service's secret, so only the service can read it. */
export interface AuthTicket {
  readonly name: AuthEntityName;
  readonly globalId: bigint;
  readonly created: UTime;
  readonly expires: UTime;
  readonly caps: AuthCapsInfo;
  readonly flags: number;
}

// AuthTicket: u8 version 2, EntityName name, u64 global_id, u64 auid (since 2), utime_t created, utime_t
// expires, AuthCapsInfo caps, u32 flags.
export function encodeAuthTicket(e: Encoder, ticket: AuthTicket): void {
  e.u8(2);
  encodeAuthEntityName(e, ticket.name);
  e.u64b(ticket.globalId);
  e.u64b(AUID_DEFAULT);
  encodeUTime(e, ticket.created);
  encodeUTime(e, ticket.expires);
  encodeAuthCapsInfo(e, ticket.caps);
  e.u32(ticket.flags);
}

export function decodeAuthTicket(d: Decoder): AuthTicket {
  d.type = 'AuthTicket';
  const v = d.u8();
  const name = decodeAuthEntityName(d);
  const globalId = d.u64b();
  if (v >= 2) d.u64b();
  const created = decodeUTime(d);
  const expires = decodeUTime(d);
  const caps = decodeAuthCapsInfo(d);
  return { name, globalId, created, expires, caps, flags: d.u32() };
}

/** One entity of the key database. */
export interface EntityAuth {
  readonly key: CryptoKey;
  /** Service ('mon', 'osd' ...) to an encoded string (u32 length, text). */
  readonly caps: ReadonlyMap<string, Buffer>;
  /** A key that will replace `key` once the entity has used it; since Ceph 17.2.6 (version 3). */
  readonly pendingKey?: CryptoKey;
}

// EntityAuth: u8 version, u64 auid (since 2), CryptoKey key, map<string, bufferlist> caps, CryptoKey
// pending_key (since 3).
export function encodeEntityAuth(e: Encoder, auth: EntityAuth): void {
  e.u8(auth.pendingKey === undefined ? 2 : 3);
  e.u64b(AUID_DEFAULT);
  encodeCryptoKey(e, auth.key);
  e.u32(auth.caps.size);
  for (const [service, caps] of auth.caps) {
    e.str(service);
    e.blob(caps);
  }
  if (auth.pendingKey !== undefined) encodeCryptoKey(e, auth.pendingKey);
}

export function decodeEntityAuth(d: Decoder): EntityAuth {
  d.type = 'EntityAuth';
  const v = d.u8();
  if (v >= 2) d.u64b();
  const key = decodeCryptoKey(d);
  const caps = new Map<string, Buffer>();
  for (let n = d.count(8); n > 0; n--) {
    const service = d.str();
    caps.set(service, d.blob());
  }
  return v >= 3 ? { key, caps, pendingKey: decodeCryptoKey(d) } : { key, caps };
}

export interface ExpiringCryptoKey {
  readonly key: CryptoKey;
  readonly expiration: UTime;
}

// ExpiringCryptoKey: u8 version 1, CryptoKey key, utime_t expiration.
export function encodeExpiringCryptoKey(e: Encoder, value: ExpiringCryptoKey): void {
  e.u8(1);
  encodeCryptoKey(e, value.key);
  encodeUTime(e, value.expiration);
}

export function decodeExpiringCryptoKey(d: Decoder): ExpiringCryptoKey {
  d.type = 'ExpiringCryptoKey';
  d.u8();
  const key = decodeCryptoKey(d);
  return { key, expiration: decodeUTime(d) };
}

/** KEY_ROTATE_NUM: previous, current, next. */
export const ROTATING_KEYS = 3;

/** The keys of one service kind by id, oldest first. A new one joins and the oldest leaves once per ttl. */
export interface RotatingSecrets {
  readonly secrets: ReadonlyMap<bigint, ExpiringCryptoKey>;
  /** Id given last. */
  readonly maxVersion: bigint;
}

export const NO_ROTATING_SECRETS: RotatingSecrets = { secrets: new Map(), maxVersion: 0n };

// RotatingSecrets: u8 version 1, map<u64, ExpiringCryptoKey> secrets, u64 max_ver.
export function encodeRotatingSecrets(e: Encoder, value: RotatingSecrets): void {
  e.u8(1);
  e.u32(value.secrets.size);
  for (const [id, secret] of value.secrets) {
    e.u64b(id);
    encodeExpiringCryptoKey(e, secret);
  }
  e.u64b(value.maxVersion);
}

export function decodeRotatingSecrets(d: Decoder): RotatingSecrets {
  d.type = 'RotatingSecrets';
  d.u8();
  const secrets = new Map<bigint, ExpiringCryptoKey>();
  for (let n = d.count(29); n > 0; n--) {
    const id = d.u64b();
    secrets.set(id, decodeExpiringCryptoKey(d));
  }
  return { secrets, maxVersion: d.u64b() };
}

/** The n-th key by age: 0 previous, 1 current, 2 next. */
export function rotatingKeyAt(
  value: RotatingSecrets,
  index: number,
): { id: bigint; secret: ExpiringCryptoKey } | undefined {
  let i = 0;
  for (const [id, secret] of value.secrets) if (i++ === index) return { id, secret };
  return undefined;
}

/** True when a key is missing or the current one has expired at `nowMs` (milliseconds since the epoch). */
export function needNewSecrets(value: RotatingSecrets, nowMs: number): boolean {
  const current = rotatingKeyAt(value, 1);
  if (value.secrets.size < ROTATING_KEYS || current === undefined) return true;
  return !isAfter(current.secret.expiration, utimeFromMs(nowMs));
}

/** True when `a` is later than `b`. */
export function isAfter(a: UTime, b: UTime): boolean {
  return a.sec > b.sec || (a.sec === b.sec && a.nsec > b.nsec);
}
