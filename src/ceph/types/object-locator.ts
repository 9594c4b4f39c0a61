import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/**
 * object_locator_t (osd/osd_types.h): where an object belongs, besides its name.
 * ENCODE_START(6, 3): s64 pool, s32 -1, str key, str nspace, s64 hash. Needs version 6 when a hash is given.
 */
export interface ObjectLocator {
  readonly pool: number;
  /** Hashed in place of the name when not empty. */
  readonly key: string;
  readonly nspace: string;
  /** The hash itself, for listings; -1 when it follows from name and key. */
  readonly hash: number;
}

export function makeLocator(pool: number, nspace = '', key = ''): ObjectLocator {
  return { pool, key, nspace, hash: -1 };
}

export function encodeObjectLocator(e: Encoder, loc: ObjectLocator): void {
  const mark = e.start(6, loc.hash === -1 ? 3 : 6);
  e.i64(loc.pool);
  e.i32(-1);
  e.str(loc.key);
  e.str(loc.nspace);
  e.i64(loc.hash);
  e.finish(mark);
}

export function decodeObjectLocator(d: Decoder): ObjectLocator {
  const end = d.startLegacy('object_locator_t', 6, 3, 3);
  const v = d.structV;
  let pool: number;
  if (v < 2) {
    pool = d.i32();
    d.skip(2);
  } else {
    pool = d.i64();
    d.skip(4);
  }
  const key = d.str();
  const nspace = v >= 5 ? d.str() : '';
  const hash = v >= 6 ? d.i64() : -1;
  d.finish(end);
  return { pool, key, nspace, hash };
}

/** '@3', '@3:key', '@3;nspace', as Ceph prints a locator. */
export function locatorText(loc: ObjectLocator): string {
  let text = `@${loc.pool}`;
  if (loc.nspace !== '') text += `;${loc.nspace}`;
  if (loc.key !== '') text += `:${loc.key}`;
  return text;
}
