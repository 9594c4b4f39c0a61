import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { NO_SHARD } from './pg.ts';
import { decodeSnapId, encodeSnapId, SNAP_NOSNAP, snapText } from './snap.ts';

/** Pool of the object that sorts before all others (INT64_MIN). */
export const POOL_MIN = -(2 ** 63);
/** The pool of a temporary object of pool p is TEMP_POOL_START - p. */
export const TEMP_POOL_START = -2;

/**
 * hobject_t (common/hobject.h): the full name of an object in the cluster.
 * ENCODE_START(4, 3): str key, str oid, u64 snap, u32 hash, u8 max, str nspace, s64 pool.
 */
export interface HObject {
  /** Locator key; '' when it is the name. */
  readonly key: string;
  readonly oid: string;
  readonly snap: bigint;
  /** rjenkins hash of key or name, with the namespace. */
  readonly hash: number;
  /** The one that sorts after all others; the other fields are then the defaults. */
  readonly max: boolean;
  readonly nspace: string;
  readonly pool: number;
}

export const HOBJECT_MIN: HObject = {
  key: '',
  oid: '',
  snap: 0n,
  hash: 0,
  max: false,
  nspace: '',
  pool: POOL_MIN,
};
export const HOBJECT_MAX: HObject = { ...HOBJECT_MIN, max: true };

/** The live object of that name. */
export function headObject(pool: number, oid: string, hash: number, nspace = '', key = ''): HObject {
  return { key: key === oid ? '' : key, oid, snap: SNAP_NOSNAP, hash, max: false, nspace, pool };
}

function encodeFields(e: Encoder, o: HObject): void {
  e.str(o.key);
  e.str(o.oid);
  encodeSnapId(e, o.snap);
  e.u32(o.hash);
  e.bool(o.max);
  e.str(o.nspace);
  e.i64(o.pool);
}

function decodeFields(d: Decoder, v: number): HObject {
  const key = v >= 1 ? d.str() : '';
  const oid = d.str();
  const snap = decodeSnapId(d);
  const hash = d.u32();
  const max = v >= 2 && d.bool();
  let nspace = '';
  let pool = -1;
  if (v >= 4) {
    nspace = d.str();
    const low = d.u32();
    const high = d.i32();
    pool = high * 0x1_0000_0000 + low;
    if (!Number.isSafeInteger(pool) && pool !== POOL_MIN) d.fail(`pool ${pool} is beyond 2^53`);
    if (max) return HOBJECT_MAX;
    // Hammer and before encoded the least object with pool -1.
    if (pool === -1 && snap === 0n && hash === 0 && oid === '') pool = POOL_MIN;
  }
  return { key, oid, snap, hash, max, nspace, pool };
}

export function encodeHObject(e: Encoder, o: HObject): void {
  const mark = e.start(4, 3);
  encodeFields(e, o);
  e.finish(mark);
}

export function decodeHObject(d: Decoder): HObject {
  const end = d.startLegacy('hobject_t', 4, 3, 3);
  const o = decodeFields(d, d.structV);
  d.finish(end);
  return o;
}

export function isMinHObject(o: HObject): boolean {
  return !o.max && o.pool === POOL_MIN && o.hash === 0 && o.snap === 0n && o.oid === '' && o.key === '';
}

/** Bits in opposite order: objects sort by this, so that a PG's split parts are contiguous. */
export function reverseBits(value: number): number {
  let v = value;
  v = ((v >>> 1) & 0x5555_5555) | ((v & 0x5555_5555) << 1);
  v = ((v >>> 2) & 0x3333_3333) | ((v & 0x3333_3333) << 2);
  v = ((v >>> 4) & 0x0f0f_0f0f) | ((v & 0x0f0f_0f0f) << 4);
  v = ((v >>> 8) & 0x00ff_00ff) | ((v & 0x00ff_00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}

/** Order of the UTF-8 bytes, which is how C++ compares strings; UTF-16 order differs past the BMP. */
export function compareBytewise(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all of the BMP.
    if (x >= 0xd800 && y >= 0xd800) {
      x = x >= 0xe000 ? x - 0x800 : x + 0x2000;
      y = y >= 0xe000 ? y - 0x800 : y + 0x2000;
    }
    return x < y ? -1 : 1;
  }
  return a.length - b.length < 0 ? -1 : a.length > b.length ? 1 : 0;
}

/** The order of objects in a collection: max, pool, reversed hash, namespace, key, name, snap. */
export function compareHObject(a: HObject, b: HObject): number {
  if (a.max !== b.max) return a.max ? 1 : -1;
  if (a.pool !== b.pool) return a.pool < b.pool ? -1 : 1;
  if (a.hash !== b.hash) return reverseBits(a.hash) < reverseBits(b.hash) ? -1 : 1;
  let c = compareBytewise(a.nspace, b.nspace);
  if (c !== 0) return c;
  if (a.key !== '' || b.key !== '') {
    c = compareBytewise(a.key === '' ? a.oid : a.key, b.key === '' ? b.oid : b.key);
    if (c !== 0) return c;
  }
  c = compareBytewise(a.oid, b.oid);
  if (c !== 0) return c;
  return a.snap < b.snap ? -1 : a.snap > b.snap ? 1 : 0;
}

function percentEncode(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    if (byte === 0x25 || byte === 0x3a || byte === 0x2f || byte < 32 || byte >= 127)
      out += `%${byte.toString(16).padStart(2, '0')}`;
    else out += String.fromCharCode(byte);
  }
  return out;
}

/** '3:bd63b0f1:nspace:key:name:head', 'MIN', 'MAX'. */
export function hobjectText(o: HObject): string {
  if (o.max) return 'MAX';
  if (isMinHObject(o)) return 'MIN';
  const hash = reverseBits(o.hash).toString(16).padStart(8, '0');
  return `${o.pool}:${hash}:${percentEncode(o.nspace)}:${percentEncode(o.key)}:${percentEncode(o.oid)}:${snapText(o.snap)}`;
}

function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '%') {
      bytes.push(Number.parseInt(text.slice(i + 1, i + 3), 16));
      i += 2;
    } else bytes.push(text.charCodeAt(i));
  }
  return Buffer.from(bytes).toString('utf8');
}

/** Reads what `hobjectText` writes; undefined for anything else. */
export function parseHObject(text: string): HObject | undefined {
  if (text === 'MIN') return HOBJECT_MIN;
  if (text === 'MAX') return HOBJECT_MAX;
  const m = /^(-?\d{1,16}):([0-9a-f]{1,8}):([^:]*):([^:]*):([^:]*):(head|snapdir|[0-9a-f]{1,16})$/.exec(text);
  if (m === null) return undefined;
  const snap = m[6] === 'head' ? SNAP_NOSNAP : m[6] === 'snapdir' ? SNAP_NOSNAP + 1n : BigInt(`0x${m[6]}`);
  return {
    pool: Number(m[1]),
    hash: reverseBits(Number.parseInt(m[2], 16)),
    nspace: percentDecode(m[3]),
    key: percentDecode(m[4]),
    oid: percentDecode(m[5]),
    snap,
    max: false,
  };
}

/** Generation of objects that have none. */
export const NO_GEN = 0xffff_ffff_ffff_ffffn;

/**
 * ghobject_t (common/hobject.h): an object as one OSD stores it.
 * ENCODE_START(6, 3): the fields of hobject_t, u64 generation, s8 shard, u8 max.
 */
export interface GHObject {
  readonly hobj: HObject;
  /** Kept for roll-back in erasure-coded pools; NO_GEN otherwise. */
  readonly generation: bigint;
  readonly shard: number;
  readonly max: boolean;
}

export const GHOBJECT_MIN: GHObject = { hobj: HOBJECT_MIN, generation: NO_GEN, shard: NO_SHARD, max: false };
export const GHOBJECT_MAX: GHObject = { hobj: HOBJECT_MIN, generation: NO_GEN, shard: NO_SHARD, max: true };

export function makeGHObject(hobj: HObject, shard = NO_SHARD, generation = NO_GEN): GHObject {
  return { hobj, generation, shard, max: false };
}

export function encodeGHObject(e: Encoder, o: GHObject): void {
  const mark = e.start(6, 3);
  encodeFields(e, o.hobj);
  e.u64b(o.generation);
  e.u8(o.shard);
  e.bool(o.max);
  e.finish(mark);
}

export function decodeGHObject(d: Decoder): GHObject {
  const end = d.startLegacy('ghobject_t', 6, 3, 3);
  const v = d.structV;
  const hobj = decodeFields(d, v);
  const generation = v >= 5 ? d.u64b() : NO_GEN;
  const shard = v >= 5 ? d.i8() : NO_SHARD;
  const max = v >= 6 && d.bool();
  d.finish(end);
  return { hobj, generation, shard, max };
}

export function compareGHObject(a: GHObject, b: GHObject): number {
  if (a.max !== b.max) return a.max ? 1 : -1;
  if (a.shard !== b.shard) return a.shard < b.shard ? -1 : 1;
  const c = compareHObject(a.hobj, b.hobj);
  if (c !== 0) return c;
  return a.generation < b.generation ? -1 : a.generation > b.generation ? 1 : 0;
}

/** '2#3:bd63b0f1:::name:head#', with the shard before and the generation after when there are any. */
export function ghobjectText(o: GHObject): string {
  if (o.max) return 'GHMAX';
  if (o.generation === NO_GEN && o.shard === NO_SHARD && isMinHObject(o.hobj)) return 'GHMIN';
  const shard = o.shard === NO_SHARD ? '' : o.shard.toString(16);
  const generation = o.generation === NO_GEN ? '' : o.generation.toString(16);
  return `${shard}#${hobjectText(o.hobj)}#${generation}`;
}
