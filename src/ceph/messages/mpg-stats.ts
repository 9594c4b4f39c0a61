import type { Encoder } from '../../base/encoder.ts';
import { i64, map, pairs } from '../types/codec.ts';
import { pgId } from '../types/codecs.ts';
import type { Pairs } from '../types/collections.ts';
import type { Features } from '../types/features.ts';
import type { PgId } from '../types/pg.ts';
import { type PgStat, pgStat } from '../types/pg-stat.ts';
import { type OsdStat, osdStat, type StoreStatfs, storeStatfs } from '../types/stats.ts';
import { decodeUuid, encodeUuid, UUID_ZERO, type Uuid } from '../types/uuid.ts';
import { registerMessage } from './message.ts';
import { MSG_PGSTATS } from './message-types.ts';
import { PaxosServiceMessage } from './paxos-service-message.ts';

const pgStats = pairs(pgId, pgStat);
const poolStatfs = map(i64, storeStatfs);

/**
 * MPGStats (messages/MPGStats.h), version 2: paxos head, uuid fsid, osd_stat_t, map pg_t -> pg_stat_t, u32 epoch,
 * utime_t 0, map s64 pool -> store_statfs_t (since 2). An OSD's statistics, for the manager.
 */
export class MPGStats extends PaxosServiceMessage {
  readonly type = MSG_PGSTATS;
  version = 2;
  compatVersion = 1;
  fsid: Uuid;
  epoch: number;
  osdStat: OsdStat = osdStat.zero();
  pgStats: Pairs<PgId, PgStat> = [];
  /** By pool: what it takes in the store. */
  poolStatfs: ReadonlyMap<number, StoreStatfs> = new Map();

  constructor(fsid: Uuid, epoch: number) {
    super();
    this.fsid = fsid;
    this.epoch = epoch;
  }

  override encodePayload(e: Encoder, features: Features): void {
    this.encodePaxos(e);
    encodeUuid(e, this.fsid);
    osdStat.encode(e, this.osdStat, features);
    pgStats.encode(e, this.pgStats, features);
    e.u32(this.epoch);
    e.u64(0);
    poolStatfs.encode(e, this.poolStatfs, features);
  }

  override describe(): string {
    return `pg_stats(${this.pgStats.length} pgs seq ${this.osdStat.seq} v ${this.paxosVersion})`;
  }
}

registerMessage(MSG_PGSTATS, (d, header) => {
  const m = new MPGStats(UUID_ZERO, 0);
  m.decodePaxos(d);
  m.fsid = decodeUuid(d);
  m.osdStat = osdStat.decode(d);
  m.pgStats = pgStats.decode(d);
  m.epoch = d.u32();
  d.skip(8);
  if (header.version >= 2) m.poolStatfs = poolStatfs.decode(d);
  return m;
});
