import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { Decoder } from '../../src/base/decoder.ts';
import { DecodeError, NacreError } from '../../src/base/errors.ts';
import { formatJson } from '../../src/base/format.ts';
import {
  applyIncremental,
  checkHealth,
  decodeIncremental,
  decodeOsdMap,
  dumpOsdMap,
  encodeOsdMap,
  type OsdMap,
  osdTreeText,
  printOsdMap,
} from '../../src/ceph/osdmap/index.ts';
import { prng } from '../support/fuzz.ts';
import { goldenPath } from '../support/golden.ts';

const epochs = goldenPath('peers/golden/ceph/epochs');

/** Damages bytes in a few places between `from` and `to`. */
function damage(bytes: Buffer, from: number, to: number, next: () => number): Buffer {
  const bad = Buffer.from(bytes);
  for (let n = 1 + (next() % 4); n > 0; n--) {
    const at = from + (next() % (to - from));
    if (next() % 3 === 0 && at + 4 <= to)
      bad.writeUInt32LE([0, 1, 0x7fffffff, 0xffffffff, next()][next() % 5], at);
    else bad[at] = next();
  }
  return bad;
}

/** The crc of a full map covers all before it, and it is last. */
function sealMap(bytes: Buffer): void {
  const at = bytes.length - 4;
  bytes.writeUInt32LE(crc32c(bytes, 0xffffffff, 0, at), at);
}

/** Behind an incremental's own crc comes that of the full map. */
function sealIncremental(bytes: Buffer): void {
  const at = bytes.length - 8;
  bytes.writeUInt32LE(crc32c(bytes, crc32c(bytes, 0xffffffff, 0, at), at + 4), at);
}

/** Everything that is done with a map must end, in a value or a NacreError. */
function useMap(map: OsdMap): void {
  for (const [id, pool] of map.pools)
    for (let pg = 0; pg < Math.min(pool.pgNum, 20); pg++) map.placement.lookup(id, pg);
  for (const id of [...map.pools.keys()].slice(0, 3)) map.placement.objectToPg(id, 'object');
  printOsdMap(map);
  osdTreeText(map);
  formatJson(dumpOsdMap(map));
  checkHealth(map);
  expect(decodeOsdMap(new Decoder(encodeOsdMap(map))).epoch).toBe(map.epoch);
}

function attempt(work: () => void, what: string): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof DecodeError || error instanceof NacreError) return false;
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

describe.skipIf(epochs === undefined)('maps that were damaged and carry a crc that fits', () => {
  it('are refused, or can be used', () => {
    const next = prng(7);
    let used = 0;
    for (let i = 0; i < 1500; i++) {
      const bytes = readFileSync(`${epochs}/full.${1 + (next() % 51)}`);
      const bad = damage(bytes, 6, bytes.length - 4, next);
      sealMap(bad);
      let map: OsdMap | undefined;
      attempt(() => {
        map = decodeOsdMap(new Decoder(bad));
      }, `map ${i}`);
      if (map !== undefined && attempt(() => useMap(map!), `map ${i}`)) used++;
    }
    expect(used).toBeGreaterThan(100);
  });

  it('are refused, or can be applied', () => {
    const next = prng(8);
    let used = 0;
    for (let i = 0; i < 1500; i++) {
      const epoch = 2 + (next() % 50);
      const bytes = readFileSync(`${epochs}/inc.${epoch}`);
      // Behind fsid and epoch, which would only have it refused for them.
      const bad = damage(bytes, 32, bytes.length - 8, next);
      sealIncremental(bad);
      const old = decodeOsdMap(new Decoder(readFileSync(`${epochs}/full.${epoch - 1}`)));
      let map: OsdMap | undefined;
      attempt(() => {
        map = applyIncremental(old, decodeIncremental(new Decoder(bad)));
      }, `incremental ${i}`);
      if (map !== undefined && attempt(() => useMap(map!), `incremental ${i}`)) used++;
    }
    expect(used).toBeGreaterThan(100);
  });
});
