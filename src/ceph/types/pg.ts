import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/** shard_id_t of PGs that have no shards. */
export const NO_SHARD = -1;

/** pg_t (osd/osd_types.h): u8 1, s64 pool, u32 seed, s32 -1 (once a preferred OSD). */
export interface PgId {
  readonly pool: number;
  /** Placement seed: which PG of the pool. */
  readonly seed: number;
}

export function encodePgId(e: Encoder, pg: PgId): void {
  e.u8(1);
  e.i64(pg.pool);
  e.u32(pg.seed);
  e.i32(-1);
}

export function decodePgId(d: Decoder): PgId {
  d.u8();
  const pool = d.i64();
  const seed = d.u32();
  d.skip(4);
  return { pool, seed };
}

/** '1.7f': decimal pool, hexadecimal seed. */
export function pgText(pg: PgId): string {
  return `${pg.pool}.${pg.seed.toString(16)}`;
}

/** Undefined when the text is no PG id. */
export function parsePgId(text: string): PgId | undefined {
  const m = /^(\d{1,15})\.([0-9a-f]{1,8})$/.exec(text);
  return m === null ? undefined : { pool: Number(m[1]), seed: Number.parseInt(m[2], 16) };
}

export function comparePgId(a: PgId, b: PgId): number {
  return a.pool !== b.pool ? (a.pool < b.pool ? -1 : 1) : a.seed < b.seed ? -1 : a.seed > b.seed ? 1 : 0;
}

export function samePg(a: PgId, b: PgId): boolean {
  return a.seed === b.seed && a.pool === b.pool;
}

/** spg_t: ENCODE_START(1, 1), pg_t, s8 shard. */
export interface SpgId {
  readonly pgid: PgId;
  /** NO_SHARD for replicated pools. */
  readonly shard: number;
}

export function encodeSpgId(e: Encoder, spg: SpgId): void {
  const mark = e.start(1, 1);
  encodePgId(e, spg.pgid);
  e.u8(spg.shard);
  e.finish(mark);
}

export function decodeSpgId(d: Decoder): SpgId {
  const end = d.start('spg_t', 1);
  const pgid = decodePgId(d);
  const shard = d.i8();
  d.finish(end);
  return { pgid, shard };
}

/** '1.7fs2', or '1.7f' without a shard. */
export function spgText(spg: SpgId): string {
  return spg.shard === NO_SHARD ? pgText(spg.pgid) : `${pgText(spg.pgid)}s${spg.shard}`;
}

/** Undefined when the text is neither of the forms. */
export function parseSpgId(text: string): SpgId | undefined {
  const cut = text.indexOf('s');
  const pgid = parsePgId(cut < 0 ? text : text.slice(0, cut));
  if (pgid === undefined) return undefined;
  if (cut < 0) return { pgid, shard: NO_SHARD };
  const shard = text.slice(cut + 1);
  return /^\d{1,3}$/.test(shard) && Number(shard) < 128 ? { pgid, shard: Number(shard) } : undefined;
}

export function compareSpgId(a: SpgId, b: SpgId): number {
  return comparePgId(a.pgid, b.pgid) || (a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0);
}

/** pg_shard_t: ENCODE_START(1, 1), s32 osd, s8 shard: who holds which part of a PG. */
export interface PgShard {
  readonly osd: number;
  readonly shard: number;
}

export function encodePgShard(e: Encoder, s: PgShard): void {
  const mark = e.start(1, 1);
  e.i32(s.osd);
  e.u8(s.shard);
  e.finish(mark);
}

export function decodePgShard(d: Decoder): PgShard {
  const end = d.start('pg_shard_t', 1);
  const osd = d.i32();
  const shard = d.i8();
  d.finish(end);
  return { osd, shard };
}

/** '3(1)', '3' without a shard, '?' when there is no OSD. */
export function pgShardText(s: PgShard): string {
  if (s.osd === -1) return '?';
  return s.shard === NO_SHARD ? String(s.osd) : `${s.osd}(${s.shard})`;
}

export function comparePgShard(a: PgShard, b: PgShard): number {
  return a.osd !== b.osd ? (a.osd < b.osd ? -1 : 1) : a.shard < b.shard ? -1 : a.shard > b.shard ? 1 : 0;
}
