import { ENTITY_TYPE_CLIENT, type EntityName, entityNameText } from '../types/entity.ts';

/** Names a request the same at both ends: by its client and tid. */
export function traceLink(me: EntityName, peer: EntityName, tid: number): string {
  const client = me.type === ENTITY_TYPE_CLIENT || peer.type !== ENTITY_TYPE_CLIENT ? me : peer;
  return `${entityNameText(client)}:${tid}`;
}
