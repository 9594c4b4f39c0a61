import {
  bool,
  type Codec,
  codecOf,
  i32,
  i64,
  list,
  plain,
  since,
  snapIntervals,
  struct,
  u32,
  u64,
  u64b,
  unused,
  utime,
  type ValueOf,
} from './codec.ts';
import { eversion, hobject, pgId, pgShard } from './codecs.ts';
import { HOBJECT_MAX } from './hobject.ts';
import { pgStat } from './pg-stat.ts';
import { shardId, timespan } from './wrappers.ts';

/** An OSD's number, -1 at first. */
const noOsd: Codec<number> = { ...i32, zero: () => -1 };

/** pg_history_t (osd/osd_types.h): when things last changed. Epochs, if not said otherwise. */
export const pgHistory = struct(
  'pg_history_t',
  { version: 10, compat: 4, legacy: [4, 4], oldest: 9 },
  {
    epochCreated: u32,
    lastEpochStarted: u32,
    lastEpochClean: u32,
    lastEpochSplit: u32,
    sameIntervalSince: u32,
    sameUpSince: u32,
    samePrimarySince: u32,
    lastScrub: eversion,
    lastScrubStamp: utime,
    lastDeepScrub: eversion,
    lastDeepScrubStamp: utime,
    lastCleanScrubStamp: utime,
    lastEpochMarkedFull: u32,
    lastIntervalStarted: u32,
    lastIntervalClean: u32,
    epochPoolCreated: u32,
    /** How long, from now, an earlier interval may still serve reads. */
    priorReadableUntilUb: since(10, timespan),
  },
);
export type PgHistory = ValueOf<typeof pgHistory>;

/** pg_hit_set_info_t. */
export const pgHitSetInfo = struct(
  'pg_hit_set_info_t',
  { version: 2, compat: 1 },
  { begin: utime, end: utime, version: eversion, usingGmt: since(2, bool) },
);
export type PgHitSetInfo = ValueOf<typeof pgHitSetInfo>;

/** pg_hit_set_history_t. */
export const pgHitSetHistory = struct(
  'pg_hit_set_history_t',
  { version: 1, compat: 1 },
  {
    currentLastUpdate: eversion,
    currentLastStamp: unused(utime),
    currentInfo: unused(pgHitSetInfo, { ...pgHitSetInfo.zero(), usingGmt: true }),
    history: list(pgHitSetInfo),
  },
);
export type PgHitSetHistory = ValueOf<typeof pgHitSetHistory>;

/**
 * pg_info_t (osd/osd_types.h): the summary of a PG's contents on one OSD. `pgid` and `shard` together are its
 * spg_t. ENCODE_START(32, 26); versions 33 and 34 (after 19.2) are skipped.
 */
export const pgInfo = struct(
  'pg_info_t',
  { version: 32, compat: 26, oldest: 26 },
  {
    pgid: pgId,
    lastUpdate: eversion,
    lastComplete: eversion,
    logTail: eversion,
    oldLastBackfill: unused(hobject),
    stats: pgStat,
    history: pgHistory,
    purgedSnaps: snapIntervals,
    lastEpochStarted: u32,
    lastUserVersion: u64,
    hitSet: pgHitSetHistory,
    shard: shardId,
    /** Objects up to this one are complete; the greatest object when all are. */
    lastBackfill: { ...hobject, zero: () => HOBJECT_MAX },
    lastBackfillBitwise: bool,
    lastIntervalStarted: since(32, u32),
  },
);
export type PgInfo = ValueOf<typeof pgInfo>;

/** PastIntervals::pg_interval_t. */
export const pgInterval = struct(
  'pg_interval_t',
  { version: 4, compat: 2, legacy: [2, 2], oldest: 4 },
  {
    first: u32,
    last: u32,
    up: list(i32),
    acting: list(i32),
    maybeWentRw: bool,
    primary: noOsd,
    upPrimary: noOsd,
  },
);
export type PgInterval = ValueOf<typeof pgInterval>;

/** compact_interval_t: an interval in which the acting set may have taken writes. */
export const compactInterval = struct(
  'compact_interval_t',
  { version: 1, compat: 1 },
  { first: u32, last: u32, acting: list(pgShard) },
);
export type CompactInterval = ValueOf<typeof compactInterval>;

const compactRep = struct(
  'pi_compact_rep',
  { version: 1, compat: 1 },
  { first: u32, last: u32, allParticipants: list(pgShard), intervals: list(compactInterval) },
);

/** PastIntervals: undefined is a representation of kind 0, none. ENCODE_START(1, 1): u8 kind, pi_compact_rep. */
export type PastIntervals = ValueOf<typeof compactRep> | undefined;

export const pastIntervals: Codec<PastIntervals> = codecOf<PastIntervals>(
  7,
  () => compactRep.zero(),
  (e, v, features) => {
    const mark = e.start(1, 1);
    e.u8(v === undefined ? 0 : 2);
    if (v !== undefined) compactRep.encode(e, v, features);
    e.finish(mark);
  },
  d => {
    const end = d.start('PastIntervals', 1);
    const kind = d.u8();
    if (kind !== 0 && kind !== 2) d.fail(`representation ${kind}`);
    const v = kind === 0 ? undefined : compactRep.decode(d);
    d.finish(end);
    return v;
  },
);

/** pg_notify_t: a replica or stray tells the primary what it has. */
export const pgNotify = struct(
  'pg_notify_t',
  { version: 3, known: 4, compat: 2 },
  {
    queryEpoch: u32,
    epochSent: u32,
    info: pgInfo,
    to: shardId,
    from: shardId,
    pastIntervals: since(3, pastIntervals),
    pgFeatures: since(4, u64b),
  },
);
export type PgNotify = ValueOf<typeof pgNotify>;

/** pg_query_t::type. */
export const PG_QUERY_INFO = 0;
export const PG_QUERY_LOG = 1;
export const PG_QUERY_MISSING = 4;
export const PG_QUERY_FULLLOG = 5;

/** pg_query_t: the primary asks. */
export const pgQuery = struct(
  'pg_query_t',
  { version: 3, compat: 3, oldest: 3 },
  { type: i32, since: eversion, history: pgHistory, epochSent: u32, to: shardId, from: shardId },
);
export type PgQuery = ValueOf<typeof pgQuery>;

/** pg_fast_info_t: the part of pg_info_t that every write changes. */
export const pgFastInfo = struct(
  'pg_fast_info_t',
  { version: 1, compat: 1 },
  {
    lastUpdate: eversion,
    lastComplete: eversion,
    lastUserVersion: u64,
    stats: plain({
      version: eversion,
      reportedSeq: u64,
      lastFresh: utime,
      lastActive: utime,
      lastPeered: utime,
      lastClean: utime,
      lastUnstale: utime,
      lastUndegraded: utime,
      lastFullsized: utime,
      logSize: i64,
      sum: plain({
        numBytes: i64,
        numObjects: i64,
        numObjectCopies: i64,
        numRd: i64,
        numRdKb: i64,
        numWr: i64,
        numWrKb: i64,
        numObjectsDirty: i64,
      }),
    }),
  },
);
export type PgFastInfo = ValueOf<typeof pgFastInfo>;

/** pg_lease_t: until when (on the primary's clock) replicas may let reads be served. */
export const pgLease = struct(
  'pg_lease_t',
  { version: 1, compat: 1 },
  { readableUntil: timespan, readableUntilUb: timespan, interval: timespan },
);
export type PgLease = ValueOf<typeof pgLease>;

/** pg_lease_ack_t. */
export const pgLeaseAck = struct('pg_lease_ack_t', { version: 1, compat: 1 }, { readableUntilUb: timespan });
export type PgLeaseAck = ValueOf<typeof pgLeaseAck>;

/** pg_create_t. */
export const pgCreate = struct(
  'pg_create_t',
  { version: 1, compat: 1 },
  { created: u32, parent: pgId, splitBits: i32 },
);
export type PgCreate = ValueOf<typeof pgCreate>;

/** pg_merge_meta_t: the last merge of PGs in a pool. */
export const pgMergeMeta = struct(
  'pg_merge_meta_t',
  { version: 1, compat: 1 },
  {
    sourcePgid: pgId,
    readyEpoch: u32,
    lastEpochStarted: u32,
    lastEpochClean: u32,
    sourceVersion: eversion,
    targetVersion: eversion,
  },
);
export type PgMergeMeta = ValueOf<typeof pgMergeMeta>;

/** creating_pgs_t::pg_create_info (mon/CreatingPGs.h). */
export const pgCreateInfo = struct(
  'pg_create_info',
  { version: 1, compat: 1 },
  {
    createEpoch: u32,
    createStamp: utime,
    up: list(i32),
    upPrimary: noOsd,
    acting: list(i32),
    actingPrimary: noOsd,
    history: pgHistory,
    pastIntervals,
  },
);
export type PgCreateInfo = ValueOf<typeof pgCreateInfo>;
