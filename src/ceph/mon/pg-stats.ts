import type { Env } from '../../env/env.ts';
import type { MPGStats } from '../messages/mpg-stats.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { type PgId, pgText } from '../types/pg.ts';
import { type PgStat, pgStat } from '../types/pg-stat.ts';
import { PG_STATE_ACTIVE, PG_STATE_CREATING, pgStateHas } from '../types/pg-state.ts';
import {
  type ObjectStatSum,
  type OsdStat,
  objectStatSum,
  type StoreStatfs,
  storeStatfs,
} from '../types/stats.ts';
import type { CreatingPgs } from './creating-pgs.ts';

/** Milliseconds that rates look back. */
const WINDOW_MS = 10_000;

export interface PoolSum {
  readonly stats: ObjectStatSum;
  logSize: number;
  ondiskLogSize: number;
  up: number;
  acting: number;
  numPgs: number;
}

/** Change per second of what clients did, and of recovery. */
export interface Rates {
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOps: number;
  readonly writeOps: number;
  readonly recoveredObjects: number;
  readonly recoveredBytes: number;
  readonly recoveredKeys: number;
}

export interface PgSummary {
  readonly numPgs: number;
  readonly active: number;
  readonly unknown: number;
  /** State to number of PGs. */
  readonly byState: ReadonlyMap<number, number>;
  readonly total: PoolSum;
  readonly byPool: ReadonlyMap<number, PoolSum>;
  readonly byOsd: ReadonlyMap<number, number>;
  readonly space: StoreStatfs;
}

function newSum(): PoolSum {
  return { stats: objectStatSum.zero(), logSize: 0, ondiskLogSize: 0, up: 0, acting: 0, numPgs: 0 };
}

function addStats(into: ObjectStatSum, from: ObjectStatSum): void {
  const sums = into as unknown as Record<string, number>;
  const values = from as unknown as Record<string, number>;
  for (const key in values) sums[key] = (sums[key] ?? 0) + values[key];
}

function addPg(into: PoolSum, stat: PgStat): void {
  addStats(into.stats, stat.stats.sum);
  into.logSize += stat.logSize;
  into.ondiskLogSize += stat.ondiskLogSize;
  into.up += stat.up.length;
  into.acting += stat.acting.length;
}

interface Sample {
  readonly at: number;
  readonly total: ObjectStatSum;
  readonly byPool: ReadonlyMap<number, ObjectStatSum>;
}

/**
 * What OSDs report of themselves and of the PGs that they lead, summed up: the part of a manager (PGMap) that the
 * monitor's own answers need. Nothing of it is stored; OSDs report again.
 */
export class PgStats {
  private readonly env: Env;
  private readonly creating: CreatingPgs;
  private readonly pgs = new Map<string, { readonly pgid: PgId; readonly stat: PgStat }>();
  readonly osds = new Map<number, OsdStat>();
  private samples: Sample[] = [];
  version = 0;

  constructor(env: Env, creating: CreatingPgs) {
    this.env = env;
    this.creating = creating;
  }

  report(osd: number, m: Pick<MPGStats, 'osdStat' | 'pgStats'>): void {
    this.version++;
    this.osds.set(osd, m.osdStat);
    for (const [pgid, stat] of m.pgStats) {
      const key = pgText(pgid);
      const known = this.pgs.get(key)?.stat;
      if (
        known !== undefined &&
        (known.reportedEpoch > stat.reportedEpoch ||
          (known.reportedEpoch === stat.reportedEpoch && known.reportedSeq > stat.reportedSeq))
      )
        continue;
      this.pgs.set(key, { pgid, stat });
      if (pgStateHas(stat.state, PG_STATE_ACTIVE) && !pgStateHas(stat.state, PG_STATE_CREATING))
        this.creating.created(pgid);
    }
  }

  /** Forgets PGs of pools that are gone and OSDs that are no longer there. */
  update(map: OsdMap): void {
    for (const [key, { pgid }] of this.pgs) {
      const pool = map.pools.get(pgid.pool);
      if (pool === undefined || pgid.seed >= pool.pgNum) this.pgs.delete(key);
    }
    for (const osd of this.osds.keys()) if (!map.exists(osd) || map.isOut(osd)) this.osds.delete(osd);
  }

  /** A PG's last report. */
  get(pgid: PgId): PgStat | undefined {
    return this.pgs.get(pgText(pgid))?.stat;
  }

  /** Every PG of the map with its report; one that nobody reported has an empty one of state 0. */
  *list(map: OsdMap): Generator<{ readonly pgid: PgId; readonly stat: PgStat }> {
    for (const [pool, { pgNum }] of map.sortedPools())
      for (let seed = 0; seed < pgNum; seed++) {
        const pgid = { pool, seed };
        const stat = this.get(pgid);
        if (stat !== undefined) yield { pgid, stat };
        else
          yield { pgid, stat: { ...pgStat.zero(), state: this.creating.has(pgid) ? PG_STATE_CREATING : 0 } };
      }
  }

  summary(map: OsdMap): PgSummary {
    const byPool = new Map<number, PoolSum>();
    const byState = new Map<number, number>();
    const byOsd = new Map<number, number>();
    const total = newSum();
    let active = 0;
    let unknown = 0;
    for (const [id] of map.sortedPools()) byPool.set(id, newSum());
    for (const { pgid, stat } of this.list(map)) {
      const { state } = stat;
      byState.set(state, (byState.get(state) ?? 0) + 1);
      if (state === 0) unknown++;
      else if (pgStateHas(state, PG_STATE_ACTIVE)) active++;
      for (const osd of stat.acting) byOsd.set(osd, (byOsd.get(osd) ?? 0) + 1);
      const pool = byPool.get(pgid.pool)!;
      pool.numPgs++;
      total.numPgs++;
      addPg(pool, stat);
      addPg(total, stat);
    }
    const space = { ...storeStatfs.zero() } as Record<string, number>;
    for (const { statfs } of this.osds.values())
      for (const [key, value] of Object.entries(statfs)) space[key] += value as number;
    return {
      numPgs: total.numPgs,
      active,
      unknown,
      byState,
      total,
      byPool,
      byOsd,
      space: space as unknown as StoreStatfs,
    };
  }

  /** Every second or so: a sample for the rates. */
  sample(map: OsdMap): void {
    const at = this.env.clock.mono();
    const { total, byPool } = this.summary(map);
    this.samples.push({
      at,
      total: total.stats,
      byPool: new Map([...byPool].map(([id, { stats }]) => [id, stats])),
    });
    while (this.samples.length > 2 && at - this.samples[0].at > WINDOW_MS) this.samples.shift();
  }

  /** Of all pools, or of one; undefined while nothing is known. */
  rates(pool?: number): Rates | undefined {
    const first = this.samples.at(0);
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined || first === last) return undefined;
    const seconds = (last.at - first.at) / 1000;
    const from = pool === undefined ? first.total : (first.byPool.get(pool) ?? objectStatSum.zero());
    const to = pool === undefined ? last.total : last.byPool.get(pool);
    if (to === undefined || seconds <= 0) return undefined;
    const rate = (before: number, after: number) => Math.max(0, Math.floor((after - before) / seconds));
    return {
      readBytes: rate(from.numRdKb, to.numRdKb) * 1024,
      writeBytes: rate(from.numWrKb, to.numWrKb) * 1024,
      readOps: rate(from.numRd, to.numRd),
      writeOps: rate(from.numWr, to.numWr),
      recoveredObjects: rate(from.numObjectsRecovered, to.numObjectsRecovered),
      recoveredBytes: rate(from.numBytesRecovered, to.numBytesRecovered),
      recoveredKeys: rate(from.numKeysRecovered, to.numKeysRecovered),
    };
  }
}
