import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import {
  applyIncremental,
  decodeIncremental,
  decodeOsdMap,
  encodeOsdMap,
  OsdMap,
  type OsdMapIncremental,
} from '../../src/ceph/osdmap/index.ts';
import { goldenPath } from '../support/golden.ts';

const epochs = goldenPath('peers/golden/ceph/epochs');
const LAST = 51;

const incremental = (epoch: number): OsdMapIncremental =>
  decodeIncremental(new Decoder(readFileSync(`${epochs}/inc.${epoch}`)));
const full = (epoch: number): Buffer => readFileSync(`${epochs}/full.${epoch}`);
const list = (osds: readonly number[]): string => `[${osds.join(',')}]`;

/** The lines of osdmaptool --test-map-pgs-dump-all that tell of one PG each. */
function pgLines(map: OsdMap): string[] {
  const lines: string[] = [];
  for (const [pool, { pgNum }] of map.sortedPools())
    for (let seed = 0; seed < pgNum; seed++) {
      const raw = map.placement.rawOsds(pool, seed);
      const { up, upPrimary, acting, actingPrimary } = map.placement.lookup(pool, seed);
      lines.push(
        `${pool}.${seed.toString(16)} raw (${list(raw.osds)}, p${raw.primary}) up (${list(up)}, p${upPrimary})` +
          ` acting (${list(acting)}, p${actingPrimary})`,
      );
    }
  return lines;
}

describe.skipIf(epochs === undefined)('the epochs of a real cluster', () => {
  it('follow from one another by their incrementals, to the byte and the crc', () => {
    let map = new OsdMap();
    for (let epoch = 1; epoch <= LAST; epoch++) {
      const inc = incremental(epoch);
      map = applyIncremental(map, inc);
      expect(encodeOsdMap(map).equals(full(epoch)), `epoch ${epoch}`).toBe(true);
      expect(map.crc, `epoch ${epoch}`).toBe(inc.fullCrc);
    }
  });

  it('place every PG where osdmaptool does, in maps decoded and in maps applied', () => {
    let applied = new OsdMap();
    for (let epoch = 1; epoch <= LAST; epoch++) {
      applied = applyIncremental(applied, incremental(epoch));
      const expected = gunzipSync(readFileSync(`${epochs}/full.${epoch}.pgs.gz`))
        .toString()
        .split('\n')
        .filter(line => line.includes(' raw ('));
      expect(pgLines(applied), `epoch ${epoch}`).toEqual(expected);
      expect(pgLines(decodeOsdMap(new Decoder(full(epoch)))), `epoch ${epoch}`).toEqual(expected);
    }
  });

  it('leave the older map as it was', () => {
    for (let epoch = 1; epoch < LAST; epoch++) {
      const old = decodeOsdMap(new Decoder(full(epoch)));
      const before = pgLines(old);
      applyIncremental(old, incremental(epoch + 1));
      expect(encodeOsdMap(old).equals(full(epoch)), `epoch ${epoch}`).toBe(true);
      expect(pgLines(old)).toEqual(before);
    }
  });

  it('are refused out of turn and for another cluster', () => {
    const map = decodeOsdMap(new Decoder(full(10)));
    expect(() => applyIncremental(map, incremental(12))).toThrow(
      /EINVAL: incremental to epoch 12: the map is at epoch 10/,
    );
    expect(() => applyIncremental(map, incremental(10))).toThrow(/EINVAL/);
    map.fsid = '00000000-0000-0000-0000-000000000001';
    expect(() => applyIncremental(map, incremental(11))).toThrow(/EINVAL: incremental to epoch 11: fsid/);
  });

  it('are refused when they name OSDs that are not there', () => {
    const map = decodeOsdMap(new Decoder(full(10)));
    const inc = incremental(11);
    inc.newWeight.set(5000, 0x10000);
    expect(() => applyIncremental(map, inc)).toThrow(/EINVAL.*osd\.5000/);
  });
});
