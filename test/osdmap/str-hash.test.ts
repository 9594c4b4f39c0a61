import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { decodeOsdMap, hashObjectName, STR_HASH_RJENKINS } from '../../src/ceph/osdmap/index.ts';
import { goldenPath } from '../support/golden.ts';

describe('hash of object names', () => {
  it('gives the seeds of two rbd data objects that were seen in clusters', () => {
    expect(hashObjectName(STR_HASH_RJENKINS, 'rb.0.1011.6b8b4567.000000000000')).toBe(1817778731);
    expect(hashObjectName(STR_HASH_RJENKINS, 'rbd_data.101f6b8b4567.0000000000000001')).toBe(3454271937);
  });

  it('sees bytes, so that a name is the same in one piece and after its namespace', () => {
    for (const [nspace, name] of [
      ['ns', 'object'],
      ['größe', 'maß'],
      ['a', '\u{1F40C}'],
      ['x'.repeat(700), 'y'.repeat(900)],
    ])
      expect(hashObjectName(STR_HASH_RJENKINS, name, nspace)).toBe(
        hashObjectName(STR_HASH_RJENKINS, `${nspace}\u001f${name}`),
      );
  });
});

const cluster = goldenPath('peers/golden/ceph/cluster');

describe.skipIf(cluster === undefined)('objects of a real cluster', () => {
  const map = () => decodeOsdMap(new Decoder(readFileSync(`${cluster}/osdmap.bin`)));
  const list = (osds: readonly number[]): string => `[${osds.join(',')}]`;

  it('are where osdmaptool says', () => {
    const { placement } = map();
    const lines = readFileSync(`${cluster}/test-map-object.txt`, 'utf8').trimEnd().split('\n');
    for (const line of lines) {
      const [, name, pool, seed, osds] = /^ object '(.*)' -> (\d+)\.([0-9a-f]+) -> (.*)$/.exec(line)!;
      const pg = placement.rawPgToPg(placement.objectToPg(Number(pool), name)!)!;
      expect(pg.seed.toString(16)).toBe(seed);
      expect(list(placement.pgToUpActing(pg).acting)).toBe(osds);
    }
    expect(lines.length).toBeGreaterThan(20);
  });

  it('are where the monitors say, in namespaces too', () => {
    const { placement, poolNames } = map();
    const form =
      /^osdmap e\d+ pool '(.*)' \((\d+)\) object '(?:(.*)\/)?(.*)' -> pg \d+\.([0-9a-f]+) \(\d+\.([0-9a-f]+)\) -> up \((.*), p(\d+)\) acting \((.*), p(\d+)\)$/;
    for (const line of readFileSync(`${cluster}/ceph-osd-map.txt`, 'utf8').trimEnd().split('\n')) {
      const [, poolName, pool, nspace, name, raw, seed, up, upPrimary, acting, primary] = form.exec(line)!;
      expect(poolNames.get(Number(pool))).toBe(poolName);
      const pg = placement.objectLocatorToPg(name, {
        pool: Number(pool),
        key: '',
        nspace: nspace ?? '',
        hash: -1,
      })!;
      expect(pg.seed.toString(16)).toBe(raw);
      expect(placement.rawPgToPg(pg)!.seed.toString(16)).toBe(seed);
      const mapping = placement.pgToUpActing(pg);
      expect([list(mapping.up), mapping.upPrimary, list(mapping.acting), mapping.actingPrimary]).toEqual([
        up,
        Number(upPrimary),
        acting,
        Number(primary),
      ]);
    }
  });
});
