import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import {
  decodeMonMap,
  encodeMonMap,
  makeMonInfo,
  makeMonMap,
  monByAddrs,
  monMapText,
  monRank,
} from '../../src/ceph/mon-client/monmap.ts';
import { parseEntityAddrVec } from '../../src/ceph/types/entity.ts';
import {
  FEATURE_MSG_ADDR2,
  FEATURE_SERVER_NAUTILUS,
  FEATURES_ALL,
  Features,
} from '../../src/ceph/types/features.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { goldenPath } from '../support/golden.ts';

const golden = goldenPath('peers/golden/ceph/cluster/monmap.bin');

function tool(): boolean {
  try {
    execFileSync('monmaptool', ['--help'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const MONS = [
  makeMonInfo('a', parseEntityAddrVec('[v2:10.0.0.1:3300,v1:10.0.0.1:6789]')!),
  makeMonInfo('b', parseEntityAddrVec('v1:10.0.0.2:6789')!, 3, 7),
  makeMonInfo('c', parseEntityAddrVec('[v2:[fe80::1]:3300,v1:[fe80::1]:6789]')!),
];

describe.skipIf(golden === undefined)('the monmap of a real cluster', () => {
  it('prints as monmaptool prints it, and encodes to the same bytes', () => {
    const bytes = readFileSync(golden!);
    const map = decodeMonMap(new Decoder(bytes));
    const print = readFileSync(golden!.replace('monmap.bin', 'monmap.print.txt'), 'utf8');
    const lines = print.split('\n').filter(line => !line.startsWith('monmaptool:'));
    expect(monMapText(map)).toBe(lines.join('\n'));
    expect(encodeToBuffer(e => encodeMonMap(e, map))).toEqual(bytes);
    expect(monRank(map, 'a')).toBe(0);
    expect(monByAddrs(map, parseEntityAddrVec('v1:127.0.0.1:18301')!)?.name).toBe('a');
    expect(monByAddrs(map, parseEntityAddrVec('v1:127.0.0.1:18302')!)).toBeUndefined();
    fuzzDecoder('MonMap', decodeMonMap, [bytes]);
  });
});

describe('a monmap of our own', () => {
  const map = makeMonMap(MONS, { epoch: 4, fsid: '0a1b2c3d-0000-1111-2222-333344445555', minMonRelease: 16 });

  it('survives encoding', () => {
    const bytes = encodeToBuffer(e => encodeMonMap(e, map));
    expect(decodeMonMap(new Decoder(bytes))).toEqual(map);
  });

  it('has a form for readers before Nautilus', () => {
    const old = new Features(FEATURES_ALL & ~FEATURE_SERVER_NAUTILUS & ~FEATURE_MSG_ADDR2);
    expect(old.serverNautilus).toBe(false);
    const d = new Decoder(encodeToBuffer(e => encodeMonMap(e, map, old)));
    const read = decodeMonMap(d);
    expect(d.remaining).toBe(0);
    expect(read.structV).toBe(5);
    expect(read.ranks).toEqual(['a', 'b', 'c']);
    expect(read.mons.get('a')!.addrs).toEqual(parseEntityAddrVec('v1:10.0.0.1:6789'));
    expect(read.mons.get('b')!.priority).toBe(3);
  });

  it('is refused when a rank has no monitor', () => {
    const bytes = encodeToBuffer(e => encodeMonMap(e, { ...map, ranks: ['a', 'x'] }));
    expect(() => decodeMonMap(new Decoder(bytes))).toThrow(/mon\.x/);
  });
});

describe.skipIf(!tool())('monmaptool', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'monmap-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const printed = (file: string) =>
    execFileSync('monmaptool', ['--print', file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')
      .filter(line => !line.startsWith('monmaptool:'))
      .join('\n');

  it('reads what we write, and we what it writes', () => {
    const ours = join(dir, 'ours');
    const fields = {
      epoch: 7,
      fsid: '0a1b2c3d-0000-1111-2222-333344445555',
      lastChanged: { sec: 1_700_000_000, nsec: 5_000 },
      minMonRelease: 16,
      disallowedLeaders: ['b', 'c'],
      strategy: 2,
    };
    const located = { ...MONS[1], crushLocation: new Map([['datacenter', 'east']]) };
    const map = makeMonMap([MONS[2], MONS[0], located], fields);
    writeFileSync(
      ours,
      encodeToBuffer(e => encodeMonMap(e, map)),
    );
    expect(printed(ours)).toBe(monMapText(map));

    const theirs = join(dir, 'theirs');
    const args = ['--create', '--fsid', fields.fsid, '--set-min-mon-release', '15'];
    for (const [name, addrs] of [
      ['x', '[v2:10.0.0.9:3300,v1:10.0.0.9:6789]'],
      ['y', '[v1:10.0.0.10:6789]'],
    ])
      args.push('--addv', name, addrs);
    execFileSync('monmaptool', [...args, theirs], { stdio: 'ignore' });
    const bytes = readFileSync(theirs);
    const read = decodeMonMap(new Decoder(bytes));
    expect(monMapText(read)).toBe(printed(theirs));
    expect(encodeToBuffer(e => encodeMonMap(e, read))).toEqual(bytes);
  });
});
