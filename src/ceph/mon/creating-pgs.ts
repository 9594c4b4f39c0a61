import { MOSDPGCreate2 } from '../messages/mosd-pg.ts';
import type { OsdMap } from '../osdmap/osdmap.ts';
import { POOL_FLAG_CREATING } from '../osdmap/pool-flags.ts';
import { NO_SHARD, type PgId, pgText, type SpgId } from '../types/pg.ts';
import type { UTime } from '../types/utime.ts';
import type { OsdMonitor } from './osd-monitor.ts';
import type { MonSession } from './session.ts';

interface Creating {
  readonly pgid: PgId;
  /** Epoch of the pool. */
  readonly created: number;
  readonly stamp: UTime;
}

/** PGs of new pools that no OSD has made yet (creating_pgs_t). */
export class CreatingPgs {
  private readonly pgs = new Map<string, Creating>();
  private readonly known = new Set<number>();
  private readonly osds: OsdMonitor;

  constructor(osds: OsdMonitor) {
    this.osds = osds;
  }

  get size(): number {
    return this.pgs.size;
  }

  has(pg: PgId): boolean {
    return this.pgs.has(pgText(pg));
  }

  /** Takes up pools that came with a map and forgets those that went. */
  update(map: OsdMap): void {
    for (const [id, pool] of map.pools) {
      if (this.known.has(id)) continue;
      this.known.add(id);
      if (!pool.hasFlag(POOL_FLAG_CREATING)) continue;
      for (let seed = 0; seed < pool.pgNum; seed++) {
        const pgid = { pool: id, seed };
        this.pgs.set(pgText(pgid), { pgid, created: map.epoch, stamp: map.modified });
      }
    }
    for (const id of this.known) {
      if (map.pools.has(id)) continue;
      this.known.delete(id);
      for (const [key, { pgid }] of this.pgs) if (pgid.pool === id) this.pgs.delete(key);
    }
  }

  /** An OSD has the PG. */
  created(pg: PgId): void {
    if (!this.pgs.delete(pgText(pg))) return;
    for (const { pgid } of this.pgs.values()) if (pgid.pool === pg.pool) return;
    const pool = this.osds.map.pools.get(pg.pool);
    if (pool === undefined || !pool.hasFlag(POOL_FLAG_CREATING)) return;
    this.osds.pending.pool(pg.pool).clearFlag(POOL_FLAG_CREATING);
    this.osds.propose();
  }

  /** Tells an OSD that asked (subscription osd_pg_creates) which PGs to make. */
  checkSub(session: MonSession, osd: number): void {
    const sub = session.subs.get('osd_pg_creates');
    const { map } = this.osds;
    if (sub === undefined || sub.next > map.epoch || !map.isUp(osd)) return;
    const pgs: [SpgId, readonly [number, UTime]][] = [];
    for (const { pgid, created, stamp } of this.pgs.values()) {
      if (created < sub.next && sub.sent >= created) continue;
      const mapping = map.placement.pgToUpActing(pgid);
      if (mapping.actingPrimary === osd) pgs.push([{ pgid, shard: NO_SHARD }, [created, stamp]]);
    }
    sub.sent = map.epoch;
    sub.next = map.epoch + 1;
    if (pgs.length > 0) session.con.send(new MOSDPGCreate2(map.epoch, pgs));
  }
}
