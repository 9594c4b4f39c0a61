import { formatGeneral } from '../../base/printf.ts';
import { CRUSH_ITEM_NONE } from '../../ceph/crush/constants.ts';
import { weightToFloat } from '../../ceph/crush/format.ts';
import { itemWeight } from '../../ceph/crush/location.ts';
import { type OsdMap, osdListText } from '../../ceph/osdmap/index.ts';
import { parsePgId, pgText } from '../../ceph/types/pg.ts';
import { nodeEnv } from '../../env/node.ts';
import type { OsdMapToolOptions } from './run.ts';
import { Stop } from './stop.ts';

/** Lines are many: they leave in pieces of this many characters. */
const PIECE = 1 << 16;

class Lines {
  private text = '';

  add(line: string): void {
    this.text += `${line}\n`;
    if (this.text.length >= PIECE) this.flush();
  }

  flush(): void {
    process.stdout.write(this.text);
    this.text = '';
  }
}

/** Runs the tests that the options ask for, in osdmaptool's order; whether there were any. */
export function testMaps(map: OsdMap, o: OsdMapToolOptions, me: string): boolean {
  const lines = new Lines();
  let pool = o.pool === undefined ? -1 : Number(o.pool);
  const all = o.testMapPgs === true || o.testMapPgsDump === true || o.testMapPgsDumpAll === true;
  try {
    if (o.testMapObject !== undefined) {
      if (pool === -1) {
        lines.add(`${me}: assuming pool 1 (use --pool to override)`);
        pool = 1;
      }
      testObject(map, pool, o.testMapObject, lines);
    }
    if (o.testMapPg !== undefined) testPg(map, o.testMapPg, lines, me);
    if (all) testAll(map, pool, o, lines);
    if (o.testCrush === true) testCrush(map, lines);
  } finally {
    lines.flush();
  }
  return all || o.testMapObject !== undefined || o.testMapPg !== undefined || o.testCrush === true;
}

function testObject(map: OsdMap, pool: number, name: string, lines: Lines): void {
  const raw = map.placement.objectToPg(pool, name);
  if (raw === undefined) throw new Stop(`There is no pool ${pool}`);
  const pg = map.placement.rawPgToPg(raw)!;
  const { acting } = map.placement.pgToUpActing(pg);
  lines.add(` object '${name}' -> ${pgText(pg)} -> ${osdListText(acting)}`);
}

/** The three sets of a PG, as --test-map-pg and --test-map-pgs-dump-all show them. */
function pgLine(map: OsdMap, pool: number, seed: number): string {
  const raw = map.placement.rawOsds(pool, seed);
  const { up, upPrimary, acting, actingPrimary } = map.placement.lookup(pool, seed);
  return (
    `${pgText({ pool, seed })} raw (${osdListText(raw.osds)}, p${raw.primary})` +
    ` up (${osdListText(up)}, p${upPrimary}) acting (${osdListText(acting)}, p${actingPrimary})`
  );
}

function testPg(map: OsdMap, text: string, lines: Lines, me: string): void {
  const pg = parsePgId(text);
  if (pg === undefined) throw new Stop(`${me}: failed to parse pg '${text}`, 1, true);
  lines.add(` parsed '${text}' -> ${pgText(pg)}`);
  lines.add(pgLine(map, pg.pool, pg.seed));
}

/** What is counted over all PGs. */
interface Counts {
  readonly count: number[];
  readonly first: number[];
  readonly primary: number[];
  readonly size: number[];
}

function randomOsds(map: OsdMap, size: number): number[] {
  return Array.from({ length: size }, () => nodeEnv.random.u32() % map.maxOsd);
}

function testAll(map: OsdMap, only: number, o: OsdMapToolOptions, lines: Lines): void {
  if (only !== -1 && !map.pools.has(only)) throw new Stop(`There is no pool ${only}`);
  const zeros = (): number[] => new Array(map.maxOsd).fill(0);
  const counts: Counts = { count: zeros(), first: zeros(), primary: zeros(), size: [] };
  const pgNum = o.pgNum === undefined ? -1 : Number(o.pgNum);
  for (const [id, p] of map.sortedPools()) {
    if (only !== -1 && id !== only) continue;
    if (pgNum > 0) {
      p.setPgNum(pgNum);
      map.placementChanged();
    }
    lines.add(`pool ${id} pg_num ${p.pgNum}`);
    for (let seed = 0; seed < p.pgNum; seed++) {
      const { acting, actingPrimary } = map.placement.lookup(id, seed);
      const osds = o.testRandom === true ? randomOsds(map, p.size) : acting;
      const primary = o.testRandom === true ? osds[0] : actingPrimary;
      if (o.testMapPgsDump === true)
        lines.add(`${pgText({ pool: id, seed })}\t${osdListText(osds)}\t${primary}`);
      else if (o.testMapPgsDumpAll === true) lines.add(pgLine(map, id, seed));
      counts.size[osds.length] = (counts.size[osds.length] ?? 0) + 1;
      for (const osd of osds) if (osd !== CRUSH_ITEM_NONE) counts.count[osd]++;
      if (osds.length > 0 && osds[0] !== CRUSH_ITEM_NONE) counts.first[osds[0]]++;
      if (primary >= 0) counts.primary[primary]++;
    }
  }
  summary(map, counts, lines);
}

/** C's printf of 0.0/0.0, which has its sign bit set there. */
function double(value: number): string {
  return Number.isNaN(value) ? '-nan' : formatGeneral(value);
}

function summary(map: OsdMap, { count, first, primary, size }: Counts, lines: Lines): void {
  lines.add('#osd\tcount\tfirst\tprimary\tc wt\twt');
  const osds: number[] = [];
  let total = 0;
  let min = -1;
  let max = -1;
  for (let osd = 0; osd < map.maxOsd; osd++) {
    const weight = itemWeight(map.crush, osd) ?? -1;
    if (map.isOut(osd) || weight <= 0) continue;
    osds.push(osd);
    const weights = [weight, map.osdWeight[osd]].map(w => formatGeneral(weightToFloat(w)));
    lines.add(`osd.${osd}\t${count[osd]}\t${first[osd]}\t${primary[osd]}\t${weights.join('\t')}`);
    total += count[osd];
    if (count[osd] > 0 && (min < 0 || count[osd] < count[min])) min = osd;
    if (count[osd] > 0 && (max < 0 || count[osd] > count[max])) max = osd;
  }
  const n = osds.length;
  const avg = n > 0 ? Math.floor(total / n) : 0;
  let dev = 0;
  for (const osd of osds) dev += (avg - count[osd]) ** 2;
  dev = Math.sqrt(dev / n);
  const expected = Math.sqrt((total / n) * (1 - 1 / n));
  lines.add(` in ${n}`);
  lines.add(
    ` avg ${avg} stddev ${double(dev)} (${double(dev / avg)}x)` +
      ` (expected ${double(expected)} ${double(expected / avg)}x))`,
  );
  if (min >= 0) lines.add(` min osd.${min} ${count[min]}`);
  if (max >= 0) lines.add(` max osd.${max} ${count[max]}`);
  for (let i = 0; i < size.length; i++) if (size[i] !== undefined) lines.add(`size ${i}\t${size[i]}`);
}

/** Maps every PG a hundred times, each time computed anew; once through, where the original goes on forever. */
function testCrush(map: OsdMap, lines: Lines): void {
  lines.add('pass 1');
  const seen = new Map<string, string>();
  for (let i = 0; i < 100; i++) {
    map.placementChanged();
    for (const [id, p] of map.sortedPools())
      for (let seed = 0; seed < p.pgNum; seed++) {
        const pg = pgText({ pool: id, seed });
        lines.add(`${pg} attempt ${i}`);
        const now = osdListText(map.placement.lookup(id, seed).acting);
        const before = seen.get(pg);
        if (before !== undefined && before !== now) throw new Stop(`${pg} had ${before} now ${now}`);
        seen.set(pg, now);
      }
  }
}
