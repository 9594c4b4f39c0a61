import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { decodeSpgId, encodeSpgId, NO_SHARD, parseSpgId, type SpgId, spgText } from './pg.ts';
import { SNAP_NOSNAP } from './snap.ts';

export const COLL_META = 0;
export const COLL_PG = 2;
export const COLL_PG_TEMP = 3;

/**
 * coll_t (osd/osd_types.h): a collection of objects in one OSD's store. u8 2, u8 type, spg_t, u64 NOSNAP; for
 * temporary ones u8 3, str name. No length: unlike other versioned types this is not ENCODE_START.
 */
export interface Coll {
  /** COLL_*. */
  readonly type: number;
  readonly pgid: SpgId;
}

const NO_PG: SpgId = { pgid: { pool: 0, seed: 0 }, shard: NO_SHARD };
export const META_COLL: Coll = { type: COLL_META, pgid: NO_PG };

/** 'meta', '1.7f_head', '1.7fs2_TEMP'. */
export function collText(c: Coll): string {
  if (c.type === COLL_META) return 'meta';
  return spgText(c.pgid) + (c.type === COLL_PG ? '_head' : '_TEMP');
}

/** Reads what `collText` writes; undefined for anything else. */
export function parseColl(text: string): Coll | undefined {
  if (text === 'meta') return META_COLL;
  const type = text.endsWith('_head') ? COLL_PG : text.endsWith('_TEMP') ? COLL_PG_TEMP : undefined;
  const pgid = parseSpgId(text.slice(0, -5));
  return type === undefined || pgid === undefined ? undefined : { type, pgid };
}

export function encodeColl(e: Encoder, c: Coll): void {
  if (c.type === COLL_PG_TEMP) {
    e.u8(3);
    e.str(collText(c));
    return;
  }
  e.u8(2);
  e.u8(c.type);
  encodeSpgId(e, c.pgid);
  e.u64b(SNAP_NOSNAP);
}

export function decodeColl(d: Decoder): Coll {
  const v = d.u8();
  if (v === 3) {
    const name = d.str();
    return parseColl(name) ?? d.fail(`collection '${name}'`);
  }
  if (v !== 2) d.fail(`coll_t version ${v}`);
  const type = d.u8();
  if (type > COLL_PG_TEMP) d.fail(`collection of type ${type}`);
  const pgid = decodeSpgId(d);
  d.skip(8);
  return { type, pgid };
}
