import {
  bool,
  type Codec,
  codecOf,
  f64,
  i32,
  i64,
  list,
  pairs,
  plain,
  since,
  snapIntervals,
  struct,
  u8,
  u16,
  u32,
  u64,
  utime,
  type ValueOf,
} from './codec.ts';
import { eversion, pgId, pgShard } from './codecs.ts';
import { objectStatCollection } from './stats.ts';

const fields = {
  version: eversion,
  reportedSeq: u64,
  reportedEpoch: u32,
  /** Lower half of the state. */
  state: u32,
  logStart: eversion,
  ondiskLogStart: eversion,
  /** Epoch. */
  created: u32,
  lastEpochClean: u32,
  parent: pgId,
  parentSplitBits: u32,
  lastScrub: eversion,
  lastScrubStamp: utime,
  stats: objectStatCollection,
  logSize: i64,
  ondiskLogSize: i64,
  up: list(i32),
  acting: list(i32),
  lastFresh: utime,
  lastChange: utime,
  lastActive: utime,
  lastClean: utime,
  lastUnstale: utime,
  mappingEpoch: u32,
  lastDeepScrub: eversion,
  lastDeepScrubStamp: utime,
  statsInvalid: bool,
  lastCleanScrubStamp: utime,
  lastBecameActive: utime,
  dirtyStatsInvalid: bool,
  upPrimary: i32,
  actingPrimary: i32,
  omapStatsInvalid: bool,
  hitsetStatsInvalid: bool,
  /** OSDs that peering waits for. */
  blockedBy: list(i32),
  lastUndegraded: utime,
  lastFullsized: utime,
  hitsetBytesStatsInvalid: bool,
  lastPeered: utime,
  lastBecamePeered: utime,
  pinStatsInvalid: bool,
  snaptrimqLen: since(23, u32),
  stateHigh: since(24, u32),
  purgedSnaps: since(24, snapIntervals),
  manifestStatsInvalid: since(25, bool, () => true),
  availNoMissing: since(26, list(pgShard)),
  /** How many objects are complete on exactly this set of shards. */
  objectLocationCounts: since(26, pairs(list(pgShard), i32)),
  lastScrubDuration: since(27, i32),
  scrubSched: since(
    27,
    plain({
      scheduledAt: utime,
      durationSeconds: i32,
      status: u16,
      active: bool,
      deep: bool,
      periodic: bool,
    }),
  ),
  objectsScrubbed: since(27, i64),
  scrubDuration: since(28, f64),
  objectsTrimmed: since(28, i64),
  snaptrimDuration: since(28, f64),
  logDupsSize: since(29, i64),
  scrubReservation: since(30, plain({ osdToRespond: u16, ordinal: u8, numToReserve: u8 })),
};

/** ENCODE_START(26, 22); releases after 16.2 append scrub details. */
const wire = struct('pg_stat_t', { version: 26, known: 30, compat: 22, oldest: 22 }, fields);

/** pg_stat_t (osd/osd_types.h): what a PG's primary reports of it. `state` has PG_STATE_* bits, 64 of them. */
export type PgStat = Omit<ValueOf<typeof wire>, 'stateHigh'>;

const TWO32 = 0x1_0000_0000;

export const pgStat: Codec<PgStat> = codecOf(
  wire.min,
  () => {
    const { stateHigh: _, ...value } = wire.zero();
    return { ...value, upPrimary: -1, actingPrimary: -1 };
  },
  (e, v, features) =>
    wire.encode(e, { ...v, state: v.state % TWO32, stateHigh: Math.floor(v.state / TWO32) }, features),
  d => {
    const { stateHigh, ...value } = wire.decode(d);
    return { ...value, state: value.state + stateHigh * TWO32 };
  },
);
