import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { formatJson } from '../../src/base/format.ts';
import {
  decodeOsdMap,
  dumpOsdMap,
  encodeOsdMap,
  type OsdMap,
  osdDumpText,
  osdLspoolsJson,
  osdLspoolsText,
  osdMapObject,
  osdPoolLsDetailJson,
  osdPoolLsDetailText,
  osdPoolLsText,
  osdSummaryJson,
  osdTreeJson,
  osdTreeText,
} from '../../src/ceph/osdmap/index.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

describe.skipIf(!haveRealCeph())('the map of a running cluster', () => {
  let cluster: RealCeph;
  let map: OsdMap;

  const ceph = async (...args: string[]): Promise<string> => (await cluster.ceph(args)).stdout.toString();
  /** Without the line ends that `ceph` adds here and there. */
  const said = async (...args: string[]): Promise<string> => (await ceph(...args)).trim();

  beforeAll(async () => {
    cluster = await RealCeph.start({ osds: 3 });
    await ceph('osd', 'pool', 'create', 'rep', '12');
    await ceph('osd', 'pool', 'create', 'ec', '8', 'erasure');
    await ceph('osd', 'pool', 'mksnap', 'rep', 'before');
    await ceph('osd', 'pool', 'set-quota', 'rep', 'max_objects', '1000');
    await ceph('osd', 'pool', 'application', 'enable', 'rep', 'rbd');
    await ceph('osd', 'set-require-min-compat-client', 'luminous');
    await ceph('osd', 'pg-upmap-items', '1.3', '0', '1');
    await ceph('osd', 'primary-affinity', 'osd.1', '0.25');
    await ceph('osd', 'reweight', '2', '0.7');
    await ceph('osd', 'out', '0');
    await ceph('osd', 'set', 'noscrub');
    await ceph('osd', 'set-group', 'noout', 'osd.2');
    await ceph('osd', 'blocklist', 'add', '10.1.2.3:0/77', '3600');
    await ceph('osd', 'blocklist', 'range', 'add', '10.9.0.0/16', '3600');
    await ceph('osd', 'set', 'norecover');
    await new Promise(resolve => setTimeout(resolve, 3000));
    const file = join(cluster.dir, 'osdmap');
    await ceph('osd', 'getmap', '-o', file);
    const bytes = readFileSync(file);
    map = decodeOsdMap(new Decoder(bytes));
    expect(encodeOsdMap(map).equals(bytes)).toBe(true);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  it('reads in our words as in the monitor’s', async () => {
    expect(JSON.parse(await ceph('osd', 'dump', '-f', 'json'))).toEqual(
      JSON.parse(formatJson(dumpOsdMap(map))),
    );
    expect(await said('osd', 'dump')).toBe(osdDumpText(map).trim());
    expect(await said('osd', 'dump', '-f', 'json')).toBe(formatJson(dumpOsdMap(map)));
    expect(await said('osd', 'dump', '-f', 'json-pretty')).toBe(formatJson(dumpOsdMap(map), true));
    expect(await said('osd', 'tree')).toBe(osdTreeText(map).trim());
    expect(await said('osd', 'tree', '-f', 'json')).toBe(formatJson(osdTreeJson(map)));
    expect(await said('osd', 'tree', 'out')).toBe(osdTreeText(map, ['out']).trim());
    expect(await said('osd', 'tree', 'in', '-f', 'json')).toBe(formatJson(osdTreeJson(map, ['in'])));
    expect(await said('osd', 'stat', '-f', 'json')).toBe(formatJson(osdSummaryJson(map)));
    expect(await said('osd', 'pool', 'ls')).toBe(osdPoolLsText(map).trim());
    expect(await said('osd', 'pool', 'ls', 'detail')).toBe(osdPoolLsDetailText(map).trim());
    expect(await said('osd', 'pool', 'ls', 'detail', '-f', 'json')).toBe(
      formatJson(osdPoolLsDetailJson(map)),
    );
    expect(await said('osd', 'lspools')).toBe(osdLspoolsText(map).trim());
    expect(await said('osd', 'lspools', '-f', 'json')).toBe(formatJson(osdLspoolsJson(map)));
  });

  it('has objects where the monitor says', async () => {
    for (const pool of ['rep', 'ec'])
      for (const [name, nspace] of [
        ['foo', ''],
        ['bar baz', ''],
        ['foo', 'space'],
        ['a', 'b'],
      ]) {
        const ours = osdMapObject(map, map.poolIdByName(pool)!, name, nspace)!;
        const args = ['osd', 'map', pool, name, ...(nspace === '' ? [] : [nspace])];
        expect(await said(...args)).toBe(ours.text);
        expect(await said(...args, '-f', 'json')).toBe(formatJson(ours.json));
      }
  });
});
