import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { formatJson } from '../../src/base/format.ts';
import {
  decodeOsdMap,
  dumpOsdMap,
  osdSummaryText,
  osdTreeJson,
  osdTreeText,
  printOsdMap,
  timespanText,
} from '../../src/ceph/osdmap/index.ts';
import { utimeFromMs } from '../../src/ceph/types/utime.ts';
import { goldenPath } from '../support/golden.ts';

const golden = goldenPath('peers/golden/ceph');
const read = (name: string): Buffer => readFileSync(`${golden}/${name}`);
const map = (name: string) => decodeOsdMap(new Decoder(read(name)));

describe.skipIf(golden === undefined)('the map of a real cluster', () => {
  it('prints as osdmaptool prints it', () => {
    expect(printOsdMap(map('cluster/osdmap.bin'))).toBe(read('cluster/osdmap.print.txt').toString());
  });

  it('dumps as osdmaptool dumps it', () => {
    expect(`${formatJson(dumpOsdMap(map('cluster/osdmap.bin')), true)}\n`).toBe(
      read('cluster/osdmap.dump.json').toString(),
    );
  });

  it('dumps alike in every epoch', () => {
    for (let epoch = 1; epoch <= 51; epoch++)
      expect(formatJson(dumpOsdMap(map(`epochs/full.${epoch}`))), `epoch ${epoch}`).toBe(
        gunzipSync(read(`epochs/full.${epoch}.json.gz`)).toString(),
      );
  });

  it('says what `ceph osd dump` says, as far as that goes', () => {
    const ours = JSON.parse(formatJson(dumpOsdMap(map('cluster/osdmap.bin'))));
    expect(ours).toEqual(JSON.parse(read('cluster/osd-dump.json').toString()));
  });

  it('shows only the OSDs that a tree is asked for', () => {
    const m = map('cluster/osdmap.bin');
    m.setState(3, 1);
    m.setWeight(1, 0);
    const ids = (text: string): string[] => [...text.matchAll(/osd\.(\d)/g)].map(match => match[1]);
    expect(ids(osdTreeText(m))).toEqual(['0', '1', '2', '3', '4']);
    expect(ids(osdTreeText(m, ['down']))).toEqual(['3']);
    expect(ids(osdTreeText(m, ['up', 'in']))).toEqual(['0', '1', '2', '3', '4']);
    expect(ids(osdTreeText(m, ['out']))).toEqual(['1']);
    expect(osdTreeText(m, ['destroyed']).trimEnd().split('\n')).toHaveLength(1);
    const host = m.crush.names.id('real-ceph')!;
    expect(osdTreeText(m, [], host)).not.toContain('root default');
    expect(JSON.parse(formatJson(osdTreeJson(m, [], host))).nodes).toHaveLength(6);
  });

  it('sums up as `ceph osd stat` does', () => {
    const m = map('cluster/osdmap.bin');
    const later = { sec: m.lastUpChange.sec + 300, nsec: m.lastUpChange.nsec };
    expect(osdSummaryText(m, later, '  ')).toBe(
      '5 osds: 5 up (since 5m), 5 in (since 5m); epoch: e50\n  flags noscrub\n',
    );
  });
});

describe('spans of time', () => {
  it('are told in the unit that fits', () => {
    const from = utimeFromMs(1_000_000_000_000);
    const after = (seconds: number): string =>
      timespanText(from, { sec: from.sec + seconds, nsec: from.nsec });
    expect([1, 119, 120, 7199, 7200, 172_799, 172_800, 1_209_600, 7_257_600, 62_208_000].map(after)).toEqual([
      '1s',
      '119s',
      '2m',
      '119m',
      '2h',
      '47h',
      '2d',
      '2w',
      '2M',
      '1y',
    ]);
    expect(timespanText(from, { sec: from.sec, nsec: from.nsec + 1 })).toBe('1e-09s');
    expect(timespanText({ sec: from.sec + 5, nsec: 0 }, from)).toBe('0s');
  });
});
