import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { DecodeError } from '../../src/base/errors.ts';
import { decodeIncremental, decodeOsdMap, decodePgPool } from '../../src/ceph/osdmap/index.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { corpusSamples, goldenPath } from '../support/golden.ts';

const epochs = goldenPath('peers/golden/ceph/epochs');

describe.skipIf(epochs === undefined)('crcs', () => {
  const full = () => readFileSync(`${epochs}/full.40`);
  const inc = () => readFileSync(`${epochs}/inc.40`);

  it('refuse a full map with any one bit changed', () => {
    const good = full();
    for (let at = 20; at < good.length; at += 61) {
      const bad = Buffer.from(good);
      bad[at] ^= 1 << (at % 8);
      expect(() => decodeOsdMap(new Decoder(bad)), `byte ${at}`).toThrow(DecodeError);
    }
  });

  it('refuse an incremental with any one bit changed', () => {
    const good = inc();
    for (let at = 20; at < good.length; at += 7) {
      const bad = Buffer.from(good);
      bad[at] ^= 1 << (at % 8);
      expect(() => decodeIncremental(new Decoder(bad)), `byte ${at}`).toThrow(DecodeError);
    }
  });
});

describe('hostile input', () => {
  const samplesOf = (type: string) => corpusSamples(type).map(s => readFileSync(s.path));
  it('OSDMap', () => fuzzDecoder('OSDMap', decodeOsdMap, samplesOf('OSDMap'), 4000));
  it('OSDMap::Incremental', () =>
    fuzzDecoder('OSDMap::Incremental', decodeIncremental, samplesOf('OSDMap::Incremental'), 4000));
  it('pg_pool_t', () => fuzzDecoder('pg_pool_t', decodePgPool, samplesOf('pg_pool_t'), 4000));
});
