import type { OsdMapIncremental } from './incremental.ts';
import type { OsdMap } from './osdmap.ts';

function sameOsds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((osd, i) => osd === b[i]);
}

/**
 * Takes back pg_temp and primary_temp entries that have become pointless (OSDMap::clean_temps): of pools, PGs and
 * OSDs that are gone, and such as say what would hold anyway.
 * @param old - the map that `inc` is for
 * @param next - what it leads to
 */
export function cleanTemps(old: OsdMap, next: OsdMap, inc: OsdMapIncremental): void {
  const { placement } = next;
  for (const [{ pool, seed }, temp] of next.pgTemp) {
    const p = next.pools.get(pool);
    if (p === undefined || seed >= p.pgNum || temp.every(osd => next.isDown(osd))) {
      inc.newPgTemp.set(pool, seed, []);
      continue;
    }
    if (!sameOsds(placement.rawUp(pool, seed).osds, temp) && temp.length <= p.size) continue;
    if (old.pgTemp.has(pool, seed)) inc.newPgTemp.set(pool, seed, []);
    else inc.newPgTemp.delete(pool, seed);
  }
  for (const [{ pool, seed }, osd] of next.primaryTemp) {
    if (next.isDown(osd)) {
      inc.newPrimaryTemp.set(pool, seed, -1);
      continue;
    }
    if (placement.lookup(pool, seed).actingPrimary !== placement.rawUp(pool, seed).primary) continue;
    if (old.primaryTemp.has(pool, seed)) inc.newPrimaryTemp.set(pool, seed, -1);
    else inc.newPrimaryTemp.delete(pool, seed);
  }
}
