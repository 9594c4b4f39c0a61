import type { Decoder } from '../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../base/encoder.ts';
import {
  type AuthEntityName,
  authEntityNameText,
  compareAuthEntityNames,
  decodeAuthEntityName,
  encodeAuthEntityName,
} from './entity-name.ts';
import {
  decodeEntityAuth,
  decodeRotatingSecrets,
  type EntityAuth,
  encodeEntityAuth,
  encodeRotatingSecrets,
  type RotatingSecrets,
} from './tickets.ts';

/** One entry of the key database. */
export interface KeyServerEntry {
  readonly name: AuthEntityName;
  readonly auth: EntityAuth;
}

/** The monitors' key database (auth/cephx/CephxKeyServer.h). */
export interface KeyServerData {
  version: number;
  rotatingVersion: number;
  /** By the name's text ('osd.0'). */
  readonly secrets: Map<string, KeyServerEntry>;
  /** By service kind (CEPH_ENTITY_TYPE_*). */
  readonly rotating: Map<number, RotatingSecrets>;
}

export function emptyKeyServerData(): KeyServerData {
  return { version: 0, rotatingVersion: 0, secrets: new Map(), rotating: new Map() };
}

/** Entries in the order of the monitors' map. */
export function sortedEntries(data: KeyServerData): KeyServerEntry[] {
  return [...data.secrets.values()].sort((a, b) => compareAuthEntityNames(a.name, b.name));
}

function encodeRotatingMap(e: Encoder, rotating: ReadonlyMap<number, RotatingSecrets>): void {
  e.u32(rotating.size);
  for (const service of [...rotating.keys()].sort((a, b) => a - b)) {
    e.u32(service);
    encodeRotatingSecrets(e, rotating.get(service)!);
  }
}

function decodeRotatingMap(d: Decoder, into: Map<number, RotatingSecrets>): void {
  for (let n = d.count(17); n > 0; n--) {
    const service = d.u32();
    into.set(service, decodeRotatingSecrets(d));
  }
}

// KeyServerData: u8 version 1, u64 version, u64 rotating_ver, map<EntityName, EntityAuth> secrets,
// map<u32, RotatingSecrets> rotating_secrets.
export function encodeKeyServerData(e: Encoder, data: KeyServerData): void {
  e.u8(1);
  e.u64(data.version);
  e.u64(data.rotatingVersion);
  e.u32(data.secrets.size);
  for (const { name, auth } of sortedEntries(data)) {
    encodeAuthEntityName(e, name);
    encodeEntityAuth(e, auth);
  }
  encodeRotatingMap(e, data.rotating);
}

export function decodeKeyServerData(d: Decoder): KeyServerData {
  d.type = 'KeyServerData';
  const data = emptyKeyServerData();
  d.u8();
  data.version = d.u64();
  data.rotatingVersion = d.u64();
  for (let n = d.count(25); n > 0; n--) {
    const name = decodeAuthEntityName(d);
    data.secrets.set(authEntityNameText(name), { name, auth: decodeEntityAuth(d) });
  }
  decodeRotatingMap(d, data.rotating);
  return data;
}

// The rotating part alone: u8 version 1, u64 rotating_ver, map<u32, RotatingSecrets>.
export function encodeRotating(data: KeyServerData): Buffer {
  return encodeToBuffer(e => {
    e.u8(1);
    e.u64(data.rotatingVersion);
    encodeRotatingMap(e, data.rotating);
  });
}

export function decodeRotatingInto(d: Decoder, data: KeyServerData): void {
  d.type = 'KeyServerData';
  d.u8();
  const version = d.u64();
  const rotating = new Map<number, RotatingSecrets>();
  decodeRotatingMap(d, rotating);
  data.rotatingVersion = version;
  data.rotating.clear();
  for (const [service, secrets] of rotating) data.rotating.set(service, secrets);
}

/** KeyServerData::IncrementalOp. */
export const AUTH_INC_NOP = 0;
export const AUTH_INC_ADD = 1;
export const AUTH_INC_DEL = 2;
export const AUTH_INC_SET_ROTATING = 3;

/** One change of the key database. */
export type KeyServerIncremental =
  | { readonly op: typeof AUTH_INC_SET_ROTATING; readonly rotating: Buffer }
  | {
      readonly op: typeof AUTH_INC_NOP | typeof AUTH_INC_ADD | typeof AUTH_INC_DEL;
      readonly name: AuthEntityName;
      readonly auth: EntityAuth;
    };

// KeyServerData::Incremental: u8 version 1, u32 op, then bufferlist rotating_bl (SET_ROTATING) or EntityName,
// EntityAuth.
export function encodeKeyServerIncremental(e: Encoder, inc: KeyServerIncremental): void {
  e.u8(1);
  e.u32(inc.op);
  if (inc.op === AUTH_INC_SET_ROTATING) {
    e.blob(inc.rotating);
  } else {
    encodeAuthEntityName(e, inc.name);
    encodeEntityAuth(e, inc.auth);
  }
}

export function decodeKeyServerIncremental(d: Decoder): KeyServerIncremental {
  d.type = 'KeyServerData::Incremental';
  d.u8();
  const op = d.u32();
  if (op === AUTH_INC_SET_ROTATING) return { op, rotating: d.blob() };
  if (op !== AUTH_INC_NOP && op !== AUTH_INC_ADD && op !== AUTH_INC_DEL)
    d.fail(`operation ${op} is not known`);
  const name = decodeAuthEntityName(d);
  return { op, name, auth: decodeEntityAuth(d) };
}

/** AuthMonitor::Incremental's inc_type. */
export const AUTH_MON_GLOBAL_ID = 0;
export const AUTH_MON_AUTH_DATA = 1;

/** One change in the monitors' auth service (mon/AuthMonitor.h). */
export type AuthMonitorIncremental =
  | { readonly type: typeof AUTH_MON_GLOBAL_ID; readonly maxGlobalId: bigint }
  /** `data` is an encoded KeyServerData::Incremental, `authType` CEPH_AUTH_CEPHX. */
  | { readonly type: typeof AUTH_MON_AUTH_DATA; readonly authType: number; readonly data: Buffer };

// AuthMonitor::Incremental: struct v2 compat 2 {u32 inc_type, then u64 max_global_id, or u32 auth_type,
// bufferlist auth_data}.
export function encodeAuthMonitorIncremental(e: Encoder, inc: AuthMonitorIncremental): void {
  const mark = e.start(2, 2);
  e.u32(inc.type);
  if (inc.type === AUTH_MON_GLOBAL_ID) {
    e.u64b(inc.maxGlobalId);
  } else {
    e.u32(inc.authType);
    e.blob(inc.data);
  }
  e.finish(mark);
}

export function decodeAuthMonitorIncremental(d: Decoder): AuthMonitorIncremental {
  const end = d.startLegacy('AuthMonitor::Incremental', 2, 2, 2);
  const type = d.u32();
  if (type !== AUTH_MON_GLOBAL_ID && type !== AUTH_MON_AUTH_DATA)
    d.fail(`increment type ${type} is not known`);
  let inc: AuthMonitorIncremental;
  if (type === AUTH_MON_GLOBAL_ID) inc = { type, maxGlobalId: d.u64b() };
  else {
    const authType = d.u32();
    inc = { type, authType, data: d.blob() };
  }
  d.finish(end);
  return inc;
}

/** What the monitors' store keeps under auth/full_N. */
export interface AuthMonitorFull {
  readonly maxGlobalId: bigint;
  readonly keys: KeyServerData;
}

// auth/full_N: u8 version 1, u64 max_global_id, KeyServerData.
export function encodeAuthMonitorFull(e: Encoder, full: AuthMonitorFull): void {
  e.u8(1);
  e.u64b(full.maxGlobalId);
  encodeKeyServerData(e, full.keys);
}

export function decodeAuthMonitorFull(d: Decoder): AuthMonitorFull {
  d.type = 'AuthMonitor full';
  d.u8();
  const maxGlobalId = d.u64b();
  return { maxGlobalId, keys: decodeKeyServerData(d) };
}

// auth/N: u8 version 1, then AuthMonitor::Incremental one after the other to the end.
export function encodeAuthMonitorIncrementals(e: Encoder, incs: readonly AuthMonitorIncremental[]): void {
  e.u8(1);
  for (const inc of incs) encodeAuthMonitorIncremental(e, inc);
}

export function decodeAuthMonitorIncrementals(d: Decoder): AuthMonitorIncremental[] {
  d.u8();
  const incs: AuthMonitorIncremental[] = [];
  while (d.remaining > 0) incs.push(decodeAuthMonitorIncremental(d));
  return incs;
}
