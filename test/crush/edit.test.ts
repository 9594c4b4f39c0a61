import { describe, expect, it } from 'vitest';
import { NacreError } from '../../src/base/errors.ts';
import * as crush from '../../src/ceph/crush/index.ts';

function code(change: () => unknown): string {
  try {
    change();
  } catch (error) {
    if (error instanceof NacreError) return error.code;
    throw error;
  }
  return 'none';
}

function small(): crush.CrushMap {
  const { map } = crush.buildCrushMap(6, [
    { name: 'host', alg: 'straw2', size: 2 },
    { name: 'root', alg: 'straw2', size: 0 },
  ]);
  map.finalize();
  return map;
}

/** Every bucket's weight is the sum of its items', and every item's that of the bucket it is. */
function expectWhole(map: crush.CrushMap): void {
  for (const bucket of crush.eachBucket(map)) {
    const weights = bucket.items.map((_, i) => crush.bucketItemWeight(bucket, i));
    expect(bucket.weight).toBe(weights.reduce((sum, weight) => sum + weight, 0));
    bucket.items.forEach((item, i) => {
      if (item < 0) expect(weights[i]).toBe(map.bucket(item)!.weight);
    });
  }
}

const at = (...pairs: [string, string][]) => new Map(pairs);

describe('changing the hierarchy', () => {
  it('makes the buckets that a location names below the first that exists', () => {
    const map = small();
    crush.insertItem(map, 9, 2.5, 'osd.9', at(['host', 'new'], ['root', 'root']));
    expect(crush.fullLocation(map, 9)).toEqual([
      ['host', 'new'],
      ['root', 'root'],
    ]);
    expect(map.maxDevices).toBe(10);
    expect(map.bucket(map.names.id('root')!)!.weight).toBe(6 * 0x10000 + 0x28000);
    expectWhole(map);
  });

  it('refuses what would break the tree', () => {
    const map = small();
    const root = map.names.id('root')!;
    expect(code(() => crush.insertItem(map, 0, 1, 'osd.0', at(['host', 'host0'])))).toBe('EINVAL');
    expect(code(() => crush.insertItem(map, 8, 1, 'osd.0', at(['host', 'host0'])))).toBe('EEXIST');
    expect(code(() => crush.insertItem(map, 8, 1, 'a b', at(['host', 'host0'])))).toBe('EINVAL');
    expect(code(() => crush.insertItem(map, 8, 40000, 'osd.8', at(['host', 'host0'])))).toBe('EOVERFLOW');
    expect(code(() => crush.insertItem(map, root, 1, 'root', at(['host', 'host0'])))).toBe('ELOOP');
    expect(code(() => crush.removeItem(map, root))).toBe('ENOTEMPTY');
    expect(code(() => crush.removeItem(map, -77))).toBe('ENOENT');
    expect(code(() => crush.moveBucket(map, 0, at(['host', 'host1'])))).toBe('EINVAL');
  });

  it('moves, swaps and removes, and weights follow', () => {
    const map = small();
    crush.insertItem(map, 6, 3, 'osd.6', at(['host', 'host2'], ['root', 'root']));
    const host0 = map.names.id('host0')!;
    const host2 = map.names.id('host2')!;
    crush.swapBucket(map, host0, host2);
    expect(map.bucket(host0)!.items).toEqual([4, 5, 6]);
    expect(map.names.name(host0)).toBe('host2');
    expectWhole(map);
    expect(crush.createOrMoveItem(map, 0, 9, 'osd.0', at(['host', 'host1']))).toBe(true);
    expect(crush.createOrMoveItem(map, 0, 9, 'osd.0', at(['host', 'host1']))).toBe(false);
    expect(crush.weightAtLocation(map, 0, at(['host', 'host1']))).toBe(0x10000);
    crush.removeItem(map, 1);
    expect(map.names.has(1)).toBe(false);
    expectWhole(map);
    crush.removeItem(map, map.names.id('host0')!);
    expect(map.names.id('host0')).toBeUndefined();
    expectWhole(map);
    expect(crush.updateItem(map, 0, 4, 'disk0', at(['host', 'host1']))).toBe(true);
    expect(map.names.name(0)).toBe('disk0');
    expect(crush.updateItem(map, 0, 4, 'disk0', at(['host', 'host1']))).toBe(false);
    expectWhole(map);
  });

  it('does not remove a bucket that a rule takes', () => {
    const map = small();
    const root = map.names.id('root')!;
    for (const host of ['host0', 'host1', 'host2']) {
      const id = map.names.id(host)!;
      for (const item of [...map.bucket(id)!.items]) crush.removeItem(map, item);
      crush.removeItem(map, id);
    }
    expect(map.bucket(root)!.weight).toBe(0);
    expect(code(() => crush.removeItem(map, root))).toBe('EBUSY');
    crush.removeRule(map, 0);
    expect(code(() => crush.removeItem(map, root))).toBe('none');
    expect(code(() => crush.removeRule(map, 0))).toBe('ENOENT');
  });

  it('recomputes weights after devices have changed theirs', () => {
    const map = small();
    const host = map.bucket(map.names.id('host1')!)! as crush.CrushBucket & { itemWeights: number[] };
    host.itemWeights[0] = 0x30000;
    crush.reweight(map);
    expectWhole(map);
    expect(host.weight).toBe(0x40000);
    expect(crush.adjustItemWeight(map, 3, 0x8000)).toBe(1);
    expectWhole(map);
    expect(crush.adjustSubtreeWeight(map, map.names.id('root')!, 0x2000)).toBe(6);
    expect(map.bucket(map.names.id('root')!)!.weight).toBe(6 * 0x2000);
  });
});

describe('device classes', () => {
  it('have trees of their own, rebuilt with every change, under the same ids', () => {
    const map = small();
    for (const id of [0, 2, 4]) crush.setItemClass(map, id, 'ssd');
    for (const id of [1, 3, 5]) crush.setItemClass(map, id, 'hdd');
    crush.rebuildRootsWithClasses(map);
    crush.addSimpleRule(map, {
      name: 'fast',
      root: 'root',
      failureDomain: 'host',
      deviceClass: 'ssd',
      mode: 'firstn',
      type: crush.RULE_TYPE_REPLICATED,
    });
    const shadow = map.names.id('root~ssd')!;
    expect(crush.leavesOf(map, shadow)).toEqual([0, 2, 4]);
    expect(crush.findRoots(map, 'nonshadow')).toEqual([map.names.id('root')]);
    crush.insertItem(map, 6, 1, 'osd.6', at(['host', 'host3'], ['root', 'root']));
    crush.setSubtreeClass(map, 'host3', 'ssd');
    crush.rebuildRootsWithClasses(map);
    expect(map.names.id('root~ssd')).toBe(shadow);
    expect(crush.leavesOf(map, shadow)).toEqual([0, 2, 4, 6]);
    const mapper = new crush.CrushMapper(map);
    const weights = new Uint32Array(7).fill(0x10000);
    for (let x = 0; x < 50; x++)
      expect([...mapper.doRule(1, x, 3, weights)].every(osd => osd % 2 === 0)).toBe(true);
    expectWhole(map);
  });

  it('are forgotten when no device and no rule has them', () => {
    const map = small();
    crush.setItemClass(map, 0, 'nvme');
    crush.rebuildRootsWithClasses(map);
    expect(map.names.id('root~nvme')).toBeDefined();
    map.classOf.delete(0);
    crush.rebuildRootsWithClasses(map);
    expect(map.classes.size).toBe(0);
    expect(map.names.id('root~nvme')).toBeUndefined();
  });
});

describe('choose_args', () => {
  it('of the pool, else the default ones, decide placements', () => {
    const map = small();
    const root = map.names.id('root')!;
    const only = (n: number) => [0, 1, 2].map(i => (i === n ? 0x10000 : 0));
    map.chooseArgs.set(-1, new Map([[-1 - root, { weightSet: [only(0)], ids: [] }]]));
    map.chooseArgs.set(7, new Map([[-1 - root, { weightSet: [only(1), only(2)], ids: [] }]]));
    const mapper = new crush.CrushMapper(map);
    const weights = new Uint32Array(6).fill(0x10000);
    for (let x = 0; x < 20; x++) {
      expect(mapper.doRule(0, x, 1, weights)[0]).toBeLessThan(2);
      expect(mapper.doRule(0, x, 1, weights, 3)[0]).toBeLessThan(2);
      // The first position draws from one host, the second from the other.
      expect([...mapper.doRule(0, x, 2, weights, 7)].map(osd => osd >> 1)).toEqual([1, 2]);
    }
  });

  it('follow the weights of the items', () => {
    const map = small();
    const root = map.names.id('root')!;
    const args: crush.CrushChooseArgs = new Map();
    map.chooseArgs.set(-1, args);
    for (const bucket of crush.eachBucket(map))
      args.set(-1 - bucket.id, {
        weightSet: [[...(bucket as { itemWeights: number[] } & crush.CrushBucket).itemWeights]],
        ids: [],
      });
    crush.insertItem(map, 8, 2, 'osd.8', at(['host', 'host1'], ['root', 'root']));
    expect(args.get(-1 - map.names.id('host1')!)?.weightSet).toEqual([[0x10000, 0x10000, 0x20000]]);
    expect(args.get(-1 - root)?.weightSet).toEqual([[0x20000, 0x40000, 0x20000]]);
    crush.removeItem(map, 8);
    expect(args.get(-1 - root)?.weightSet).toEqual([[0x20000, 0x20000, 0x20000]]);
  });
});

describe('numbers', () => {
  it('are printed as C prints them', () => {
    expect(crush.formatFixed(1024 / 65536, 5)).toBe('0.01562');
    expect(crush.formatFixed(-1.5, 0)).toBe('-2');
    expect(crush.formatGeneral(0.1, 17)).toBe('0.10000000000000001');
    expect(crush.formatGeneral(5 / 65536, 17)).toBe('7.62939453125e-05');
    expect(crush.formatGeneral(1024.125)).toBe('1024.12');
    expect(crush.formatGeneral(999999.5)).toBe('1e+06');
  });
});
