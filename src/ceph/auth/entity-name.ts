import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { entityTypeFromName, entityTypeName } from '../types/entity.ts';

/**
 * EntityName (common/entity_name.h): who authenticates, such as client.admin or osd.3. Not to be taken for
 * entity_name_t, whose second half is a number.
 */
export interface AuthEntityName {
  /** CEPH_ENTITY_TYPE_*. */
  readonly type: number;
  readonly id: string;
}

// EntityName: u32 type, string id.
export function encodeAuthEntityName(e: Encoder, name: AuthEntityName): void {
  e.u32(name.type);
  e.str(name.id);
}

export function decodeAuthEntityName(d: Decoder): AuthEntityName {
  d.type = 'EntityName';
  return { type: d.u32(), id: d.str() };
}

/** 'client.admin'; the monitors' common name is 'mon.'. */
export function authEntityNameText(name: AuthEntityName): string {
  return `${entityTypeName(name.type)}.${name.id}`;
}

/** The reverse of authEntityNameText. Throws EINVAL for anything but TYPE.ID with a known type. */
export function parseAuthEntityName(text: string): AuthEntityName {
  const dot = text.indexOf('.');
  const type = dot < 0 ? 0 : entityTypeFromName(text.slice(0, dot));
  if (type === 0)
    throw new NacreError('EINVAL', 'auth.parse_entity', `'${text}' is no entity name (TYPE.ID)`);
  return { type, id: text.slice(dot + 1) };
}

/** The order that Ceph's maps keep entities in: by type number, then by the bytes of the id. */
export function compareAuthEntityNames(a: AuthEntityName, b: AuthEntityName): number {
  if (a.type !== b.type) return a.type - b.type;
  return Buffer.compare(Buffer.from(a.id), Buffer.from(b.id));
}
