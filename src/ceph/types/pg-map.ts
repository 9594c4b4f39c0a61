import {
  i32,
  i64,
  list,
  map,
  pair,
  pairs,
  plain,
  since,
  snapIntervals,
  str,
  struct,
  u32,
  u64,
  u64b,
  utime,
  type ValueOf,
} from './codec.ts';
import { pgId } from './codecs.ts';
import { pgCreateInfo } from './pg-info.ts';
import { pgStat } from './pg-stat.ts';
import { osdStat, poolStat, storeStatfs } from './stats.ts';

/** PGMapDigest::pg_count: how many PGs an OSD has. */
export const pgCount = plain({ acting: i32, upNotActing: i32, primary: i32 });
export type PgCount = ValueOf<typeof pgCount>;

/** PGMapDigest (mon/PGMap.h): the manager's summary of all PGs, which the monitors answer `ceph -s` and `df` from. */
export const pgMapDigest = struct(
  'PGMapDigest',
  { version: 4, known: 5, compat: 1, oldest: 4 },
  {
    numPg: i64,
    numPgActive: i64,
    numPgUnknown: i64,
    numOsd: i64,
    pgPoolSum: map(i32, poolStat),
    pgSum: poolStat,
    osdSum: osdStat,
    /** State bits (see pg-state.ts) to the number of PGs. */
    numPgByState: map(u64, i32),
    numPgByOsd: map(i32, pgCount),
    numPgByPool: map(i64, i64),
    osdLastSeq: list(u64b),
    /** By pool: change since a stamp. */
    perPoolSumDelta: map(i64, pair(poolStat, utime)),
    perPoolSumDeltasStamps: map(i64, utime),
    pgSumDelta: poolStat,
    stampDelta: utime,
    /** Bytes by CRUSH rule. */
    availSpaceByRule: map(i32, i64),
    purgedSnaps: map(i64, snapIntervals),
    osdSumByClass: map(str, osdStat),
    poolPgUnavailable: since(5, map(u64, list(pgId))),
  },
);
export type PgMapDigest = ValueOf<typeof pgMapDigest>;

/** PGMap: what the manager has of every PG and OSD. */
export const pgMap = struct(
  'PGMap',
  { version: 8, compat: 8, oldest: 8 },
  {
    version: u64,
    pgStat: pairs(pgId, pgStat),
    osdStat: map(i32, osdStat),
    lastOsdmapEpoch: u32,
    lastPgScan: u32,
    stamp: utime,
    /** (pool, osd). */
    poolStatfs: pairs(pair(i64, i32), storeStatfs),
  },
);
export type PgMap = ValueOf<typeof pgMap>;

/** creating_pgs_t (mon/CreatingPGs.h): PGs that the monitors want created. */
export const creatingPgs = struct(
  'creating_pgs_t',
  { version: 3, compat: 1, oldest: 2 },
  {
    lastScanEpoch: u32,
    pgs: pairs(pgId, pgCreateInfo),
    createdPools: list(i64),
    /** PGs of new pools that are still to be queued: from `start` to before `end`. */
    queue: map(i64, plain({ created: u32, modified: utime, start: u64, end: u64 })),
  },
);
export type CreatingPgs = ValueOf<typeof creatingPgs>;

/** pool_pg_num_history_t (osd/osd_types.h): by pool and epoch; deleted pools as (epoch, pool). */
export const poolPgNumHistory = struct(
  'pool_pg_num_history_t',
  { version: 1, compat: 1 },
  { epoch: u32, pgNums: map(i64, map(u32, u32)), deletedPools: list(pair(u32, i64)) },
);
export type PoolPgNumHistory = ValueOf<typeof poolPgNumHistory>;
