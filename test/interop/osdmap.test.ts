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
});
