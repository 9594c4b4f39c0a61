import { MPGStats } from '../messages/mpg-stats.ts';
import type { PgId } from '../types/pg.ts';
import type { PgStat } from '../types/pg-stat.ts';
import { osdStat, type StoreStatfs, storeStatfs } from '../types/stats.ts';
import type { OSD } from './osd.ts';

/** What an OSD tells the manager: of itself, and of the PGs that it leads (MPGStats). */
export function osdStats(osd: OSD, seq: number): MPGStats {
  const { map, store } = osd;
  const m = new MPGStats(map.fsid, map.epoch);
  const { total, available, stored, omap } = store.statfs();
  const statfs: StoreStatfs = {
    ...storeStatfs.zero(),
    total,
    available,
    allocated: stored,
    dataStored: stored,
    omapAllocated: omap,
  };
  const pgs = osd.pgs.all();
  const byPool = new Map<number, StoreStatfs>();
  const pgStats: [PgId, PgStat][] = [];
  for (const pg of pgs) {
    const { pool } = pg.pgid;
    const sum = byPool.get(pool) ?? storeStatfs.zero();
    const bytes = pg.stats.bytes;
    byPool.set(pool, { ...sum, allocated: sum.allocated + bytes, dataStored: sum.dataStored + bytes });
    if (pg.isPrimary) pgStats.push([pg.pgid, pg.pgStats()]);
  }
  m.osdStat = {
    ...osdStat.zero(),
    statfs,
    upFrom: osd.upSince,
    seq: (BigInt(osd.upSince) << 32n) | BigInt(seq),
    numPgs: pgs.length,
    numOsds: 1,
    numPerPoolOsds: 1,
    numPerPoolOmapOsds: 1,
  };
  m.pgStats = pgStats;
  m.poolStatfs = byPool;
  return m;
}
