import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import * as crush from '../../src/ceph/crush/index.ts';
import { type CrushMap, CrushMapper, decodeCrushMap, encodeCrushMap } from '../../src/ceph/crush/index.ts';
import { Features } from '../../src/ceph/types/features.ts';
import { fuzzDecoder } from '../support/fuzz.ts';
import { ALGS, randomMap } from './random-map.ts';

const LUMINOUS = new Features((1n << 21n) | (1n << 57n) | (1n << 58n));
const JEWEL = new Features(1n << 58n);
const FIREFLY = new Features(0n);

function encode(map: CrushMap, features?: Features): Buffer {
  return encodeToBuffer(e => encodeCrushMap(e, map, features));
}

const straw2 = () => randomMap({ seed: 3, alg: 'straw2', profile: 'jewel', classes: true });

describe('maps for older readers', () => {
  it('end sooner, and what is missing takes its legacy value', () => {
    const map = straw2();
    const full = encode(map, LUMINOUS);
    const jewel = encode(map, JEWEL);
    const firefly = encode(map, FIREFLY);
    expect(full.subarray(0, jewel.length).equals(jewel)).toBe(true);
    expect(jewel.subarray(0, firefly.length).equals(firefly)).toBe(true);
    expect(firefly.length).toBe(jewel.length - 1);
    const old = decodeCrushMap(new Decoder(firefly));
    expect(old.tunables.chooseleafStable).toBe(0);
    expect(old.classes.size).toBe(0);
    expect(old.tunables.chooseTotalTries).toBe(50);
    // Every end at which a release stopped writing is one that can be read: before the tunables and between them.
    const names = firefly.length - (4 * 3 + 4 + 1 + 1 + 4);
    for (const length of [names, names + 12, names + 16, names + 17, names + 18]) {
      const cut = decodeCrushMap(new Decoder(firefly.subarray(0, length)));
      expect(cut.tunables.chooseTotalTries).toBe(length === names ? 19 : 50);
      expect(cut.tunables.allowedBucketAlgs).toBe(22);
    }
  });

  it('carry the default weight set in place of the weights, and are refused when that does not say all', () => {
    const map = straw2();
    map.chooseArgs.set(-1, new Map());
    const index = map.buckets.findIndex(bucket => bucket?.alg === 5 && bucket.items.length > 1);
    const bucket = map.buckets[index]!;
    const weights = bucket.items.map((_, i) => 0x10000 + i);
    map.chooseArgs.get(-1)!.set(index, { weightSet: [weights], ids: [] });
    const old = decodeCrushMap(new Decoder(encode(map, JEWEL)));
    expect(old.buckets[index]).toMatchObject({ itemWeights: weights });
    expect(old.chooseArgs.size).toBe(0);
    expect(
      decodeCrushMap(new Decoder(encode(map)))
        .chooseArgs.get(-1)
        ?.get(index)?.weightSet,
    ).toEqual([weights]);
    map.chooseArgs.get(-1)!.get(index)!.ids = [...bucket.items];
    expect(() => encode(map, JEWEL)).toThrow(/ENOTSUP/);
  });

  it('may have 64-bit keys in their names', () => {
    const map = randomMap({ seed: 8, alg: 'straw', profile: 'firefly' });
    const bytes = encode(map, FIREFLY);
    // The last table is that of the rules' names; give its keys eight bytes.
    const tail = 4 * 3 + 4 + 1 + 1 + 4;
    const table = encodeToBuffer(e => {
      e.u32(map.ruleNames.size);
      for (const id of map.ruleNames.ids()) {
        e.i64(id);
        e.str(map.ruleNames.name(id)!);
      }
    });
    const start = bytes.length - tail - (table.length - 4 * map.ruleNames.size);
    const wide = Buffer.concat([bytes.subarray(0, start), table, bytes.subarray(bytes.length - tail)]);
    expect(encode(decodeCrushMap(new Decoder(wide)), FIREFLY).equals(bytes)).toBe(true);
  });
});

describe('what squid added', () => {
  it('survives, and rules that we cannot follow are refused', () => {
    const map = straw2();
    map.msr = { descents: 7, collisionTries: 9 };
    const bytes = encode(map);
    expect(bytes.length).toBe(encode(map, LUMINOUS).length + 8);
    const again = decodeCrushMap(new Decoder(bytes));
    expect(again.msr).toEqual(map.msr);
    again.rules[0]!.type = crush.RULE_TYPE_MSR_INDEP;
    expect(() => new CrushMapper(again).doRule(0, 1, 3, new Uint32Array(8))).toThrow(/ENOTSUP/);
  });
});

describe('hostile maps', () => {
  const samples = ALGS.map((alg, i) =>
    encode(randomMap({ seed: 20 + i, alg, profile: 'jewel', chooseArgs: true })),
  );
  samples.push(encode(straw2()));

  it('decode to an error or a map', () => {
    fuzzDecoder('CrushWrapper', decodeCrushMap, samples, 4000);
  });

  it('that decode can be placed with', () => {
    const weights = new Uint32Array(64).fill(0x10000);
    fuzzDecoder(
      'CrushMapper',
      d => {
        const map = decodeCrushMap(d);
        // As many tries as a damaged map asks for would be a long time, not a fault.
        map.tunables.chooseTotalTries %= 60;
        for (const rule of map.rules) {
          if (rule === undefined) continue;
          rule.type = crush.RULE_TYPE_REPLICATED;
          for (const step of rule.steps) step.arg1 %= 60;
        }
        map.tunables.chooseLocalTries %= 8;
        map.tunables.chooseLocalFallbackTries %= 8;
        const mapper = new CrushMapper(map);
        for (let rule = 0; rule < Math.min(10, map.maxRules); rule++)
          for (let x = 0; x < 4; x++) mapper.doRule(rule, x, 3, weights);
      },
      samples,
      1500,
    );
  });

  it('with buckets in a ring end', () => {
    const map = straw2();
    const root = map.bucket(map.names.id('default')!)!;
    const rack = map.bucket(map.names.id('rack0')!)!;
    rack.items.fill(root.id);
    root.items.fill(rack.id);
    const mapper = new CrushMapper(map);
    expect([...mapper.doRule(1, 5, 3, new Uint32Array(9).fill(0x10000))]).toEqual([]);
  });
});
