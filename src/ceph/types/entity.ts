import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeEntityAddr, type EntityAddr, encodeEntityAddr } from './entity-addr.ts';
import type { Features } from './features.ts';

/** CEPH_ENTITY_TYPE_* (include/msgr.h). */
export const ENTITY_TYPE_MON = 0x01;
export const ENTITY_TYPE_MDS = 0x02;
export const ENTITY_TYPE_OSD = 0x04;
export const ENTITY_TYPE_CLIENT = 0x08;
export const ENTITY_TYPE_MGR = 0x10;
export const ENTITY_TYPE_AUTH = 0x20;
export const ENTITY_TYPE_ANY = 0xff;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [ENTITY_TYPE_MON]: 'mon',
  [ENTITY_TYPE_MDS]: 'mds',
  [ENTITY_TYPE_OSD]: 'osd',
  [ENTITY_TYPE_CLIENT]: 'client',
  [ENTITY_TYPE_MGR]: 'mgr',
  [ENTITY_TYPE_AUTH]: 'auth',
};

export function entityTypeName(type: number): string {
  return TYPE_NAMES[type] ?? '???';
}

/** The type number of 'mon', 'osd' ...; 0 when there is none of that name. */
export function entityTypeFromName(name: string): number {
  for (const [type, known] of Object.entries(TYPE_NAMES)) if (known === name) return Number(type);
  return 0;
}

/** entity_name_t: u8 type, s64 number. A client's number is its global id. */
export interface EntityName {
  readonly type: number;
  /** -1 when it is not known yet. */
  readonly num: number;
}

export function encodeEntityName(e: Encoder, name: EntityName): void {
  e.u8(name.type);
  e.i64(name.num);
}

export function decodeEntityName(d: Decoder): EntityName {
  return { type: d.u8(), num: d.i64() };
}

/** 'osd.3'; 'client.?' when the number is unknown. */
export function entityNameText(name: EntityName): string {
  return `${entityTypeName(name.type)}.${name.num < 0 ? '?' : name.num}`;
}

/** Undefined when the text is not like 'osd.3' or 'client.4123'. */
export function parseEntityName(text: string): EntityName | undefined {
  const m = /^(mon|osd|mds|mgr|client)\.(-?\d{1,16})$/.exec(text);
  return m === null ? undefined : { type: entityTypeFromName(m[1]), num: Number(m[2]) };
}

export function sameEntityName(a: EntityName, b: EntityName): boolean {
  return a.num === b.num && a.type === b.type;
}

/** entity_inst_t: entity_name_t, entity_addr_t. */
export interface EntityInst {
  readonly name: EntityName;
  readonly addr: EntityAddr;
}

export function encodeEntityInst(e: Encoder, inst: EntityInst, features: Features): void {
  encodeEntityName(e, inst.name);
  encodeEntityAddr(e, inst.addr, features);
}

export function decodeEntityInst(d: Decoder): EntityInst {
  const name = decodeEntityName(d);
  return { name, addr: decodeEntityAddr(d) };
}

export * from './addr-text.ts';
export * from './entity-addr.ts';
