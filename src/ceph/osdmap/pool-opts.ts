import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/**
 * pool_opts_t (osd/osd_types.h): options of a pool that are seldom set, by key number. A string is a STR
 * option, a bigint an INT, a number a DOUBLE.
 */
export type PoolOpts = Map<number, string | bigint | number>;

const TYPE_STR = 0;
const TYPE_INT = 1;
const TYPE_DOUBLE = 2;

/** Kind of value that an option takes. */
export type PoolOptKind = 'str' | 'int' | 'double';

export interface PoolOptDesc {
  readonly key: number;
  readonly kind: PoolOptKind;
}

/** By name; Ceph dumps them in the order of their names. */
export const POOL_OPTS: Readonly<Record<string, PoolOptDesc>> = {
  scrub_min_interval: { key: 0, kind: 'double' },
  scrub_max_interval: { key: 1, kind: 'double' },
  deep_scrub_interval: { key: 2, kind: 'double' },
  recovery_priority: { key: 3, kind: 'int' },
  recovery_op_priority: { key: 4, kind: 'int' },
  scrub_priority: { key: 5, kind: 'int' },
  compression_mode: { key: 6, kind: 'str' },
  compression_algorithm: { key: 7, kind: 'str' },
  compression_required_ratio: { key: 8, kind: 'double' },
  compression_max_blob_size: { key: 9, kind: 'int' },
  compression_min_blob_size: { key: 10, kind: 'int' },
  csum_type: { key: 11, kind: 'int' },
  csum_max_block: { key: 12, kind: 'int' },
  csum_min_block: { key: 13, kind: 'int' },
  fingerprint_algorithm: { key: 14, kind: 'str' },
  pg_num_min: { key: 15, kind: 'int' },
  target_size_bytes: { key: 16, kind: 'int' },
  target_size_ratio: { key: 17, kind: 'double' },
  pg_autoscale_bias: { key: 18, kind: 'double' },
  read_lease_interval: { key: 19, kind: 'double' },
  dedup_tier: { key: 20, kind: 'int' },
  dedup_chunk_algorithm: { key: 21, kind: 'str' },
  dedup_cdc_chunk_size: { key: 22, kind: 'int' },
  pg_num_max: { key: 23, kind: 'int' },
  read_ratio: { key: 24, kind: 'int' },
};

const NAMES = Object.keys(POOL_OPTS).sort();

/** The options that are set and known by name, in the order in which Ceph lists them. */
export function poolOptsByName(opts: PoolOpts): [string, string | bigint | number][] {
  const found: [string, string | bigint | number][] = [];
  for (const name of NAMES) {
    const value = opts.get(POOL_OPTS[name].key);
    if (value !== undefined) found.push([name, value]);
  }
  return found;
}

// ENCODE_START(2, 1): u32 count, then by key: s32 key, s32 type, and a str, an s64 (before version 2 an s32)
// or a double.

export function encodePoolOpts(e: Encoder, opts: PoolOpts, v = 2): void {
  const mark = e.start(v, 1);
  e.u32(opts.size);
  for (const key of [...opts.keys()].sort((a, b) => a - b)) {
    const value = opts.get(key)!;
    e.i32(key);
    if (typeof value === 'string') {
      e.i32(TYPE_STR);
      e.str(value);
    } else if (typeof value === 'bigint') {
      e.i32(TYPE_INT);
      if (v >= 2) e.u64b(value);
      else e.i32(Number(BigInt.asIntN(32, value)));
    } else {
      e.i32(TYPE_DOUBLE);
      e.f64(value);
    }
  }
  e.finish(mark);
}

export function decodePoolOpts(d: Decoder): PoolOpts {
  const end = d.start('pool_opts_t', 2);
  const v = d.structV;
  const n = d.count(12);
  const opts: PoolOpts = new Map();
  for (let i = 0; i < n; i++) {
    const key = d.i32();
    const type = d.i32();
    if (type === TYPE_STR) opts.set(key, d.str());
    else if (type === TYPE_INT) opts.set(key, v >= 2 ? d.i64b() : BigInt(d.i32()));
    else if (type === TYPE_DOUBLE) opts.set(key, d.f64());
    else d.fail(`option ${key} has type ${type}`);
  }
  d.finish(end);
  return opts;
}
