import { describe, expect, it } from 'vitest';
import * as crush from '../../src/ceph/crush/index.ts';

/** Nine devices of weight 1310 on hosts of two, three and four, under a straw root. */
function nineDevices(): crush.CrushMap {
  const map = new crush.CrushMap();
  crush.setTunables(map.tunables, 'bobtail');
  map.tunables.strawCalcVersion = 1;
  ['osd', 'host', 'root'].forEach((name, type) => {
    map.types.set(type, name);
  });
  let device = 0;
  const hosts = [2, 3, 4].map((disks, i) => {
    const items = Array.from({ length: disks }, () => device++);
    const weights = items.map(() => 1310);
    return crush.addBucket(map, { id: -2 - i, alg: crush.ALG_STRAW, type: 1, items, weights });
  });
  const weights = hosts.map(id => map.bucket(id)!.weight);
  crush.addBucket(map, { id: -1, alg: crush.ALG_STRAW, type: 2, items: hosts, weights });
  for (const op of [crush.RULE_CHOOSELEAF_FIRSTN, crush.RULE_CHOOSE_FIRSTN])
    crush.addRule(map, {
      ruleset: map.maxRules,
      type: crush.RULE_TYPE_REPLICATED,
      minSize: 1,
      maxSize: 10,
      steps: [
        { op: crush.RULE_TAKE, arg1: -1, arg2: 0 },
        { op, arg1: 0, arg2: 1 },
        { op: crush.RULE_EMIT, arg1: 0, arg2: 0 },
      ],
    });
  map.finalize();
  return map;
}

describe('a walk through the placement of one object', () => {
  const map = nineDevices();
  const mapper = new crush.CrushMapper(map);
  const all = new Uint32Array(map.maxDevices).fill(0x10000);
  // What seed 307 of pool 1 hashes to. `crushtool --test --x 307 --pool-id 1` places as asserted here.
  const x = -85859909;

  it('has the weights and straws of the walk', () => {
    const root = map.bucket(-1)!;
    expect(root).toMatchObject({ itemWeights: [2620, 3930, 5240], straws: [65536, 75674, 85133] });
    expect(map.tunables).toMatchObject({
      chooseTotalTries: 50,
      chooseleafDescendOnce: 1,
      chooseleafVaryR: 0,
    });
  });

  it('starts from the seed of the walk', () => {
    expect(crush.hash32_2(307, 1)).toBe(x);
  });

  it('takes the hosts and devices of the walk', () => {
    expect([...mapper.doRule(1, x, 3, all)]).toEqual([-2, -3, -4]);
    expect([...mapper.doRule(0, x, 3, all)]).toEqual([1, 4, 7]);
  });

  it('gives three when asked for four of three hosts', () => {
    expect([...mapper.doRule(0, x, 4, all)]).toEqual([1, 4, 7]);
  });

  it('reads an input as 32 bits, signed or not', () => {
    expect([...mapper.doRule(0, x >>> 0, 3, all)]).toEqual([1, 4, 7]);
  });

  it('gives nothing for a rule that is not there, and nothing out', () => {
    expect([...mapper.doRule(7, x, 3, all)]).toEqual([]);
    const out = new Uint32Array(map.maxDevices);
    expect([...mapper.doRule(0, x, 3, out)]).toEqual([]);
    // Devices past the end of the weights are out as well.
    expect([...mapper.doRule(0, x, 3, all.subarray(0, 2))]).toEqual([1]);
  });
});
