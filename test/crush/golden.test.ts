import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { formatJson } from '../../src/base/format.ts';
import {
  CrushMapper,
  compileCrush,
  decodeCrushMap,
  decompileCrush,
  dumpCrush,
  encodeCrushMap,
} from '../../src/ceph/crush/index.ts';
import { goldenPath } from '../support/golden.ts';

const dir = goldenPath('peers/golden/ceph/crush');
const files = dir === undefined ? [] : readdirSync(dir);
const maps = files.filter(name => name.endsWith('.bin')).map(name => name.slice(0, -4));

function load(name: string) {
  return decodeCrushMap(new Decoder(readFileSync(join(dir!, `${name}.bin`))));
}

describe.skipIf(dir === undefined)('maps that crushtool wrote', () => {
  it.each(maps)('%s: decoded and encoded again, the same bytes', name => {
    const bytes = readFileSync(join(dir!, `${name}.bin`));
    const again = encodeToBuffer(e => encodeCrushMap(e, decodeCrushMap(new Decoder(bytes))));
    expect(again.equals(bytes)).toBe(true);
  });

  it.each(maps)('%s: text both ways', name => {
    const text = readFileSync(join(dir!, `${name}.txt`), 'utf8');
    const map = load(name);
    // The texts of those with a dump were written by hand, that of the other by crushtool.
    if (!files.includes(`${name}.json`)) expect(decompileCrush(map)).toBe(text);
    const bytes = encodeToBuffer(e => encodeCrushMap(e, compileCrush(text)));
    expect(bytes.equals(readFileSync(join(dir!, `${name}.bin`)))).toBe(true);
    expect(decompileCrush(compileCrush(decompileCrush(map)))).toBe(decompileCrush(map));
  });

  it.each(maps.filter(name => files.includes(`${name}.json`)))('%s: JSON', name => {
    expect(`${formatJson(dumpCrush(load(name)), true)}\n\n`).toBe(
      readFileSync(join(dir!, `${name}.json`), 'utf8'),
    );
  });

  // 'NAME.{all,w}.nrN.map.gz' and 'NAME.nrN.map.gz': lines 'rule x [osds]'; 'w' was mapped with some devices
  // out, wholly or in part.
  const mappings = files.filter(name => name.endsWith('.map.gz'));
  it.each(mappings)('%s: every mapping', name => {
    const [, base, kind, nr] = /^(.*?)(?:\.(all|w))?\.nr(\d+)\.map\.gz$/.exec(name)!;
    const map = load(base);
    const mapper = new CrushMapper(map);
    const weights = new Uint32Array(map.maxDevices).fill(0x10000);
    if (kind === 'w') {
      weights[0] = 0;
      weights[4] = 0x8000;
      weights[7] = 0.1 * 0x10000;
    }
    let seen = 0;
    for (const line of gunzipSync(readFileSync(join(dir!, name)))
      .toString()
      .trimEnd()
      .split('\n')) {
      const [, rule, x, osds] = /^(\d+) (\d+) \[(.*)\]$/.exec(line)!;
      const got = mapper.doRule(Number(rule), Number(x), Number(nr), weights);
      if (got.join(',') !== osds) expect(`${rule} ${x} [${got.join(',')}]`).toBe(line);
      seen++;
    }
    expect(seen).toBeGreaterThan(60);
  });
});

const cluster = goldenPath('peers/golden/ceph/cluster');
describe.skipIf(cluster === undefined)("a cluster's map, with device classes", () => {
  const bytes = cluster === undefined ? Buffer.alloc(0) : readFileSync(join(cluster, 'crushmap.bin'));
  const read = (name: string) => readFileSync(join(cluster!, name), 'utf8');

  it('decodes and encodes to the same bytes', () => {
    const again = encodeToBuffer(e => encodeCrushMap(e, decodeCrushMap(new Decoder(bytes))));
    expect(again.equals(bytes)).toBe(true);
  });

  it('has the text and the JSON that crushtool makes of it', () => {
    const map = decodeCrushMap(new Decoder(bytes));
    expect(decompileCrush(map)).toBe(read('crushmap.txt'));
    expect(formatJson(dumpCrush(map), true).trim()).toBe(read('crushmap.dump.json').trim());
  });
});
