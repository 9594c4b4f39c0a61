import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { formatJson } from '../../src/base/format.ts';
import {
  applyIncremental,
  checkHealth,
  decodeOsdMap,
  dumpHealthChecks,
  dumpOsdMap,
  encodeOsdMap,
  type OsdMap,
  OsdMapIncremental,
  osdTreeJson,
  osdTreeText,
  printOsdMap,
} from '../../src/ceph/osdmap/index.ts';
import { PgPool } from '../../src/ceph/osdmap/pool.ts';
import { POOL_ERASURE } from '../../src/ceph/osdmap/pool-flags.ts';
import { randomOsdMap } from '../support/osdmaps.ts';

const TOOL = 'osdmaptool';
const present = spawnSync(TOOL, ['--help']).error === undefined;
const MAPS = 80;

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-osdmap-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

function tool(...args: string[]): string {
  return execFileSync(TOOL, args, { stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 }).toString();
}

/** A random map as whoever reads it from a file has it, and the file. */
function written(seed: number): { map: OsdMap; file: string } {
  const bytes = encodeOsdMap(randomOsdMap(seed));
  const file = join(dir, 'map');
  writeFileSync(file, bytes);
  return { map: decodeOsdMap(new Decoder(bytes)), file };
}

const list = (osds: readonly number[]): string => `[${osds.join(',')}]`;

describe.skipIf(!present)('random maps, read by osdmaptool', () => {
  let placements = 0;

  it.each(Array.from({ length: MAPS }, (_, i) => i))(
    'map %i: the same text, JSON, tree, health and placement',
    seed => {
      const { map, file } = written(seed);
      expect(printOsdMap(map)).toBe(tool('--print', file));
      expect(formatJson(dumpOsdMap(map))).toBe(tool('--dump', 'json', file));
      expect(osdTreeText(map)).toBe(tool('--tree=plain', file));
      expect(`${formatJson(osdTreeJson(map), true)}\n\n`).toBe(tool('--tree=json-pretty', file));
      expect(`${formatJson(dumpHealthChecks(checkHealth(map)), true)}\n`).toBe(tool('--health', file));
      const lines = tool('--test-map-pgs-dump-all', file).split('\n');
      let at = 0;
      for (const [pool, { pgNum }] of map.sortedPools()) {
        expect(lines[at++]).toBe(`pool ${pool} pg_num ${pgNum}`);
        for (let pg = 0; pg < pgNum; pg++) {
          const raw = map.placement.rawOsds(pool, pg);
          const { up, upPrimary, acting, actingPrimary } = map.placement.lookup(pool, pg);
          const line =
            `${pool}.${pg.toString(16)} raw (${list(raw.osds)}, p${raw.primary})` +
            ` up (${list(up)}, p${upPrimary}) acting (${list(acting)}, p${actingPrimary})`;
          // Quicker than an expect for each of so many.
          if (line !== lines[at]) expect(line).toBe(lines[at]);
          at++;
          placements++;
        }
      }
    },
  );

  it('were enough of them', () => {
    expect(placements).toBeGreaterThan(150_000);
  });

  it('are written by osdmaptool, after an incremental with a CRUSH map, as we write them', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { map, file } = written(seed);
      const crush = join(dir, 'crush');
      tool('--export-crush', crush, file);
      tool('--import-crush', crush, file);
      const inc = new OsdMapIncremental(map.epoch + 1);
      inc.fsid = map.fsid;
      inc.crush = readFileSync(crush);
      const next = applyIncremental(map, inc);
      // The tool counts a change of its own on top.
      next.epoch++;
      expect(encodeOsdMap(next).equals(readFileSync(file)), `map ${seed}`).toBe(true);
    }
  });

  it('hash and place objects as osdmaptool does', () => {
    const names = [
      'a',
      'foo',
      'rbd_data.1.0000000000000001',
      'x'.repeat(12),
      'y'.repeat(23),
      'z'.repeat(24),
      'grüße',
      '日本',
      '\u{1F40C}',
    ];
    for (let seed = 100; seed < 106; seed++) {
      const { map, file } = written(seed);
      for (const [pool] of map.sortedPools())
        for (const name of names) {
          const pg = map.placement.rawPgToPg(map.placement.objectToPg(pool, name)!)!;
          const { acting } = map.placement.pgToUpActing(pg);
          expect(` object '${name}' -> ${pool}.${pg.seed.toString(16)} -> ${list(acting)}\n`).toBe(
            tool('--test-map-object', name, '--pool', String(pool), file),
          );
        }
    }
  });

  it('have the erasure-coded pool of the seed documents, as osdmaptool reads it', () => {
    const { map, file } = written(7);
    const id = 1 + Math.max(...[...map.pools.keys()]);
    const pool = new PgPool();
    pool.type = POOL_ERASURE;
    pool.flags = 1;
    pool.size = 8;
    pool.minSize = 7;
    pool.objectHash = 2;
    pool.setPgNum(128);
    pool.setPgpNum(128);
    pool.erasureCodeProfile = 'ec-7-1';
    pool.lastChange = 237;
    pool.stripeWidth = 4256;
    map.pools.set(id, pool);
    map.poolNames.set(id, 'ecpool');
    const profile = { k: '7', m: '1', plugin: 'jerasure', technique: 'reed_sol_van' };
    map.erasureCodeProfiles.set('ec-7-1', new Map(Object.entries(profile)));
    writeFileSync(file, encodeOsdMap(map));
    const line = tool('--print', file)
      .split('\n')
      .find(each => each.startsWith(`pool ${id} `));
    expect(line).toMatch(
      / 'ecpool' erasure profile ec-7-1 size 8 min_size 7 .* last_change 237 .*stripe_width 4256/,
    );
    const dump = JSON.parse(tool('--dump', 'json', file));
    expect(dump.erasure_code_profiles['ec-7-1']).toEqual(profile);
    const again = decodeOsdMap(new Decoder(readFileSync(file)));
    expect(again.pools.get(id)).toMatchObject({ size: 8, minSize: 7, stripeWidth: 4256, pgNumMask: 127 });
    expect(printOsdMap(again)).toContain(`${line}\n`);
  });
});
