import type { OsdMap } from '../osdmap/osdmap.ts';
import { COLL_PG, parseColl } from '../types/coll.ts';
import type { OSD } from './osd.ts';
import { PrimaryLogPG } from './primary-log-pg.ts';

/** The PGs that an OSD has, found by pool and seed without building a key. */
export class Pgs {
  private readonly osd: OSD;
  private readonly pools = new Map<number, (PrimaryLogPG | undefined)[]>();
  /** PGs may talk to others: the OSD is up. */
  private active = false;

  constructor(osd: OSD) {
    this.osd = osd;
  }

  find(pool: number, seed: number): PrimaryLogPG | undefined {
    return this.pools.get(pool)?.[seed];
  }

  all(): PrimaryLogPG[] {
    const found: PrimaryLogPG[] = [];
    for (const pgs of this.pools.values()) for (const pg of pgs) if (pg !== undefined) found.push(pg);
    return found;
  }

  primaries(): PrimaryLogPG[] {
    return this.all().filter(pg => pg.isPrimary);
  }

  /** PGs that the store has, as of the map that the OSD had last; pools that are gone are removed. */
  load(): void {
    const { osd } = this;
    const { map, store } = osd;
    for (const cid of store.listCollections()) {
      const coll = parseColl(cid);
      if (coll === undefined || coll.type !== COLL_PG) continue;
      const { pgid } = coll.pgid;
      const pool = map.pools.get(pgid.pool);
      if (pool === undefined) continue;
      const mapping = map.placement.lookup(pgid.pool, pgid.seed);
      this.put(new PrimaryLogPG(osd, pgid, pool, mapping, map.epoch)).load();
    }
  }

  private put(pg: PrimaryLogPG): PrimaryLogPG {
    const { pool, seed } = pg.pgid;
    let pgs = this.pools.get(pool);
    if (pgs === undefined) {
      pgs = [];
      this.pools.set(pool, pgs);
    }
    pgs[seed] = pg;
    return pg;
  }

  /** One epoch further. */
  advance(map: OsdMap, before: OsdMap): void {
    const { osd } = this;
    osd.perf.epoch();
    for (const [id, pgs] of this.pools) {
      if (map.pools.has(id)) continue;
      for (const pg of pgs) pg?.remove();
      this.pools.delete(id);
    }
    // Where everything lies as it did, PGs only hear of a pool that changed.
    const moved = map.placement !== before.placement || before.epoch === 0;
    for (const [id, pool] of map.pools) {
      const changed = pool !== before.pools.get(id);
      if (!moved && !changed) continue;
      const had = before.pools.get(id)?.pgNum ?? pool.pgNum;
      for (let seed = 0; seed < pool.pgNum; seed++) this.advancePg(map, id, seed, seed >= had);
    }
    if (this.active) for (const pg of this.all()) if (pg.isPrimary && pg.isActive) pg.trimmer.wake();
    this.count();
  }

  private advancePg(map: OsdMap, id: number, seed: number, split: boolean): void {
    const { osd } = this;
    const pool = map.pools.get(id)!;
    const mapping = map.placement.lookup(id, seed);
    const known = this.find(id, seed);
    if (known !== undefined) {
      known.advance(pool, mapping, map.epoch, this.active);
      return;
    }
    if (!pool.isReplicated || !mapping.acting.includes(osd.whoami)) return;
    const pg = this.put(new PrimaryLogPG(osd, { pool: id, seed }, pool, mapping, map.epoch));
    pg.load();
    if (split) pg.unsplit = true;
    if (this.active) pg.begin();
  }

  /** The OSD is up: PGs that were waiting to talk to others begin. */
  activate(): void {
    this.active = true;
    for (const pg of this.all()) pg.begin();
    this.count();
  }

  private count(): void {
    const all = this.all();
    this.osd.perf.setPgs(all.length, all.filter(pg => pg.isPrimary).length);
  }

  shutdown(): void {
    this.active = false;
    for (const pg of this.all()) pg.shutdown();
  }
}
