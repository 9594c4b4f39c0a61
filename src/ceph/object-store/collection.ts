import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import {
  COLL_META,
  COLL_PG,
  COLL_PG_TEMP,
  collText,
  decodeColl,
  encodeColl,
  parseColl,
} from '../types/coll.ts';
import type { SpgId } from '../types/pg.ts';

// A store names collections by coll_t's text: 'meta', '1.7_head'. Texts make cheap map keys.

/** The collection of what belongs to no PG. */
export const META_COLLECTION = 'meta';

/** '1.7_head': the collection of a PG's objects. */
export function pgCollection(spg: SpgId): string {
  return collText({ type: COLL_PG, pgid: spg });
}

export function encodeCollection(e: Encoder, cid: string): void {
  const coll = parseColl(cid);
  if (coll === undefined) throw new TypeError(`'${cid}' names no collection`);
  encodeColl(e, coll);
}

export function decodeCollection(d: Decoder): string {
  const coll = decodeColl(d);
  if (coll.type !== COLL_META && coll.type !== COLL_PG && coll.type !== COLL_PG_TEMP)
    d.fail(`collection of type ${coll.type}`);
  return collText(coll);
}
