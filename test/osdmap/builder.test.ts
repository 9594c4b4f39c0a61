import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { setItemClass } from '../../src/ceph/crush/classes.ts';
import { insertItem } from '../../src/ceph/crush/edit.ts';
import { addSimpleRule } from '../../src/ceph/crush/rules.ts';
import {
  AUTOSCALE_OFF,
  applyIncremental,
  createInitialOsdMap,
  decodeIncremental,
  decodeOsdMap,
  encodeOsdMap,
  firstEpoch,
  IncrementalBuilder,
  OSD_AUTOOUT,
  OSD_NEW,
  OSDMAP_NOOUT,
  OSDMAP_NOSCRUB,
  type OsdMap,
  type OsdMapEpoch,
  type OsdMapIncremental,
  POOL_FLAG_CREATING,
  type PoolOptions,
} from '../../src/ceph/osdmap/index.ts';
import { makeEntityAddr } from '../../src/ceph/types/entity.ts';
import { goldenPath } from '../support/golden.ts';

const FSID = '11111111-2222-3333-4444-555555555555';
const now = (n: number) => ({ sec: 1_700_000_000 + n, nsec: 0 });
const uuid = (osd: number): string => `00000000-0000-0000-0000-00000000000${osd}`;
const addrs = (osd: number) => [makeEntityAddr(2, '127.0.0.1', 6800 + osd, 7)];
const boot = (osd: number) => ({
  uuid: uuid(osd),
  client: addrs(osd),
  cluster: addrs(osd + 100),
  hbBack: addrs(osd + 200),
  hbFront: addrs(osd + 300),
  features: 0x3f01cfbdfffdffffn,
});

/** What another monitor, an OSD or a client makes of an epoch: crcs are checked on the way. */
function follow(old: OsdMap, epoch: OsdMapEpoch): OsdMap {
  const inc = decodeIncremental(new Decoder(epoch.incrementalBytes));
  const map = applyIncremental(old, inc);
  expect(encodeOsdMap(map).equals(epoch.fullBytes)).toBe(true);
  expect(map.crc).toBe(inc.fullCrc);
  expect(decodeOsdMap(new Decoder(epoch.fullBytes)).crc).toBe(inc.fullCrc);
  return map;
}

function cluster(osds = 3): OsdMap {
  let map = firstEpoch(
    createInitialOsdMap({ fsid: FSID, created: now(0), failureDomain: 'osd', numOsds: osds }),
  ).map;
  const b = new IncrementalBuilder(map, now(1));
  for (let osd = 0; osd < osds; osd++) b.bootOsd(osd, boot(osd));
  b.createPool('data', { pgNum: 16 });
  map = b.build().map;
  return map;
}

const epochs = goldenPath('peers/golden/ceph/epochs');

describe.skipIf(epochs === undefined)('the first epoch', () => {
  it('is, to the byte, that of a real monitor with the same settings', () => {
    const real = decodeOsdMap(new Decoder(readFileSync(`${epochs}/full.1`)));
    const map = createInitialOsdMap({
      fsid: real.fsid,
      created: real.created,
      failureDomain: 'osd',
      defaultProfile: real.erasureCodeProfiles.get('default'),
    });
    const first = firstEpoch(map);
    expect(first.fullBytes.equals(readFileSync(`${epochs}/full.1`))).toBe(true);
    const inc = decodeIncremental(new Decoder(readFileSync(`${epochs}/inc.1`)));
    expect(first.incremental.fullmap.equals(inc.fullmap)).toBe(true);
    expect(first.incremental.fullCrc).toBe(inc.fullCrc);
  });
});

describe.skipIf(epochs === undefined)('the steps of a real monitor', () => {
  type Step = (b: IncrementalBuilder, real: OsdMapIncremental) => void;
  const newOsd: Step = (b, real) => {
    for (const [osd, id] of real.newUuid) b.createOsd(osd, id);
  };
  const newPool =
    (name: string, options: PoolOptions): Step =>
    (b, real) => {
      const [made] = real.newPools.values();
      b.createPool(name, {
        autoscaleMode: AUTOSCALE_OFF,
        createTime: made.createTime,
        creating: true,
        ...options,
      });
      upThru(b, real);
    };
  const upThru: Step = (b, real) => {
    for (const [osd, epoch] of real.newUpThru) b.inc.newUpThru.set(osd, epoch);
  };
  const snapStamp = (real: OsdMapIncremental, name: string) =>
    [...real.newPools.get(3)!.snaps.values()].find(snap => snap.name === name)!.stamp;
  const steps: Record<number, Step> = {
    2: newOsd,
    3: newOsd,
    4: newOsd,
    5: newOsd,
    6: newOsd,
    10: (b, real) => {
      for (const [osd, client] of real.newUpClient)
        b.bootOsd(osd, {
          uuid: b.base.osdUuid[osd],
          client,
          cluster: real.newUpCluster.get(osd)!,
          hbBack: real.newHbBackUp.get(osd)!,
          hbFront: real.newHbFrontUp.get(osd)!,
          features: real.newXinfo.get(osd)!.features,
        });
      // The one that was up had cleaned up after snapshots.
      b.inc.newXinfo.set(4, real.newXinfo.get(4)!);
    },
    15: newPool('rep13', { pgNum: 13 }),
    16: (b, real) => {
      b.pool(2).clearFlag(POOL_FLAG_CREATING);
      b.setProfile('k2m1', real.newErasureCodeProfiles.get('k2m1')!);
      upThru(b, real);
    },
    18: newPool('ec', {
      pgNum: 8,
      size: 3,
      minSize: 2,
      crushRule: 1,
      erasureCodeProfile: 'k2m1',
      stripeWidth: 8192,
    }),
    24: b => {
      const pool = b.pool(6);
      pool.clearFlag(POOL_FLAG_CREATING);
      expect(b.addSelfmanagedSnap(6)).toBe(2n);
    },
    25: b => b.removeSelfmanagedSnap(6, 2n),
    27: (b, real) => {
      expect(b.addPoolSnap(3, 'snapA', snapStamp(real, 'snapA'))).toBe(1n);
      upThru(b, real);
    },
    28: (b, real) => {
      expect(b.addPoolSnap(3, 'snapB', snapStamp(real, 'snapB'))).toBe(2n);
    },
    29: b => {
      b.pool(3).quotaMaxObjects = 1000;
    },
    30: b => b.inc.newPrimaryAffinity.set(1, 0x8000),
    34: (b, real) => {
      const [listed] = real.newBlocklist.values();
      b.blocklist(listed.addr, listed.until);
      b.purgeSnaps(6, real.newPurgedSnaps.get(6)!);
    },
    35: b => b.setFlag(OSDMAP_NOSCRUB),
    36: newPool('tier', { pgNum: 4 }),
    41: (b, real) => {
      b.inc.newPgUpmap.set(2, 5, [0, 1]);
      upThru(b, real);
    },
    51: (b, real) => {
      for (const osd of real.newState.keys()) b.markDown(osd, true);
      // Monitors guess pg_temp of PGs that will move; here all there is to guess is that none is needed.
      b.inc.newPgTemp = real.newPgTemp;
    },
  };

  it.each(Object.keys(steps).map(Number))('epoch %i comes out the same, to the byte', epoch => {
    const base = decodeOsdMap(new Decoder(readFileSync(`${epochs}/full.${epoch - 1}`)));
    const bytes = readFileSync(`${epochs}/inc.${epoch}`);
    const real = decodeIncremental(new Decoder(bytes));
    const b = new IncrementalBuilder(base, real.modified);
    steps[epoch](b, real);
    const made = b.build();
    expect(decodeIncremental(new Decoder(made.incrementalBytes))).toEqual(real);
    expect(made.incrementalBytes.equals(bytes)).toBe(true);
    expect(made.fullBytes.equals(readFileSync(`${epochs}/full.${epoch}`))).toBe(true);
  });
});

describe('a cluster that is built step by step', () => {
  it('gives epochs that others follow by their increments', () => {
    const first = firstEpoch(
      createInitialOsdMap({ fsid: FSID, created: now(0), osdUuids: [uuid(0), uuid(1)] }),
    );
    let map = first.map;
    const step = (change: (b: IncrementalBuilder) => void): void => {
      const b = new IncrementalBuilder(map, now(map.epoch));
      expect(b.isEmpty).toBe(true);
      change(b);
      expect(b.isEmpty).toBe(false);
      map = follow(map, b.build());
    };
    expect([map.numOsds, map.numUpOsds, map.numInOsds]).toEqual([2, 0, 2]);

    step(b => {
      b.bootOsd(0, boot(0));
      b.bootOsd(1, boot(1));
    });
    expect([map.numUpOsds, map.numInOsds]).toEqual([2, 2]);
    expect(map.lastUpChange).toEqual(map.modified);
    expect(map.osdInfo[1].upFrom).toBe(map.epoch);

    step(b => {
      const osd = b.nextOsd();
      expect(osd).toBe(2);
      b.createOsd(osd, uuid(2));
      b.changeCrush(crush => {
        insertItem(
          crush,
          2,
          1,
          'osd.2',
          new Map([
            ['host', 'other'],
            ['root', 'default'],
          ]),
        );
        setItemClass(crush, 2, 'ssd');
      });
    });
    expect(map.crushVersion).toBe(2);
    expect([map.exists(2), map.isUp(2), map.isIn(2)]).toEqual([true, false, true]);
    expect(map.osdState[2] & OSD_NEW).toBe(OSD_NEW);
    expect(map.lastInChange).toEqual(map.modified);
    step(b => b.bootOsd(2, boot(2)));
    expect([map.isUp(2), map.osdState[2] & OSD_NEW]).toEqual([true, 0]);

    let pool = 0;
    step(b => {
      b.changeCrush(crush =>
        addSimpleRule(crush, { name: 'ec', root: 'default', failureDomain: '', mode: 'indep', type: 3 }),
      );
      b.setProfile(
        'ec21',
        new Map([
          ['k', '2'],
          ['m', '1'],
        ]),
      );
      pool = b.createPool('ec', {
        size: 3,
        minSize: 2,
        pgNum: 8,
        crushRule: 1,
        erasureCodeProfile: 'ec21',
        stripeWidth: 8192,
      });
    });
    expect(map.poolIdByName('ec')).toBe(pool);
    for (let pg = 0; pg < 8; pg++) {
      const { acting, actingPrimary, primaryShard } = map.placement.lookup(pool, pg);
      expect([...acting].sort()).toEqual([0, 1, 2]);
      expect(acting[primaryShard]).toBe(actingPrimary);
    }

    step(b => b.markDown(1));
    expect(map.isUp(1)).toBe(false);
    expect(map.osdInfo[1].downAt).toBe(map.epoch);
    step(b => b.markOut(1, true));
    expect(map.osdState[1] & OSD_AUTOOUT).toBe(OSD_AUTOOUT);
    step(b => b.bootOsd(1, boot(1)));
    expect([map.isUp(1), map.isIn(1), map.osdState[1] & OSD_AUTOOUT]).toEqual([true, true, 0]);

    step(b => b.setFlag(OSDMAP_NOOUT));
    expect(map.testFlag(OSDMAP_NOOUT)).toBe(true);
    step(b => b.clearFlag(OSDMAP_NOOUT));
    expect(map.testFlag(OSDMAP_NOOUT)).toBe(false);

    const client = [makeEntityAddr(2, '10.0.0.9', 4711, 99)];
    expect(map.isBlocklisted(client)).toBe(false);
    step(b => b.blocklist(client[0], now(1000)));
    expect(map.isBlocklisted(client)).toBe(true);
    expect(map.isBlocklisted([{ ...client[0], nonce: 98 }])).toBe(false);
    step(b => b.unblocklist(client[0]));
    expect(map.isBlocklisted(client)).toBe(false);
    step(b => b.blocklist({ ...client[0], port: 0, nonce: 0 }, now(1000)));
    expect(map.isBlocklisted(client)).toBe(true);

    const other = [makeEntityAddr(2, '10.7.8.9', 4711, 99)];
    step(b => b.blocklistRange(makeEntityAddr(2, '10.7.0.0', 0), 15, now(1000)));
    expect(map.isBlocklisted(other)).toBe(true);
    expect(map.isBlocklisted([makeEntityAddr(2, '10.6.255.1', 1)])).toBe(true);
    expect(map.isBlocklisted([makeEntityAddr(2, '10.8.0.1', 1)])).toBe(false);
    expect(map.isBlocklisted([makeEntityAddr(2, 'fd00::1', 1)])).toBe(false);
    step(b => b.unblocklistRange(makeEntityAddr(2, '10.7.0.0', 0), 15));
    expect(map.isBlocklisted(other)).toBe(false);

    step(b => b.deletePool(pool));
    expect(map.pools.has(pool)).toBe(false);
    expect(map.poolIdByName('ec')).toBeUndefined();
    step(b => b.removeOsd(2));
    expect(map.exists(2)).toBe(false);
  });

  it('does not give a pool a name twice, nor a profile that is not there', () => {
    const b = new IncrementalBuilder(cluster(), now(5));
    expect(() => b.createPool('data')).toThrow(/EEXIST: pool 'data' already exists/);
    b.createPool('more');
    expect(() => b.createPool('more')).toThrow(/EEXIST/);
    expect(() => b.createPool('ec', { erasureCodeProfile: 'nope' })).toThrow(
      /EINVAL: no erasure code profile/,
    );
    expect(() => b.pool(99)).toThrow(/ENOENT: no pool 99/);
  });

  it('takes back a pg_temp that says what holds anyway, and one whose OSDs are all down', () => {
    const map = cluster();
    const up = map.placement.lookup(1, 3).up;
    const b = new IncrementalBuilder(map, now(5));
    b.inc.newPgTemp.set(1, 3, [...up]);
    b.inc.newPgTemp.set(1, 4, [2, 1]);
    b.inc.newPgTemp.set(1, 400, [2, 1]);
    const next = b.build().map;
    expect(next.pgTemp.has(1, 3)).toBe(false);
    expect(next.pgTemp.get(1, 4)).toEqual([2, 1]);
    expect(next.pgTemp.has(1, 400)).toBe(false);
    expect(next.placement.lookup(1, 4).acting).toEqual([2, 1]);

    const c = new IncrementalBuilder(next, now(6));
    c.markDown(1);
    c.markDown(2);
    expect(follow(next, c.build()).pgTemp.size).toBe(0);
  });
});

describe('what is known of placement', () => {
  it('stays when an increment moves nothing, and goes when one does', () => {
    const map = cluster();
    const before = map.placement.lookup(1, 5);
    const quiet = new IncrementalBuilder(map, now(5));
    quiet.setFlag(OSDMAP_NOOUT);
    quiet.inc.newUpThru.set(0, 7);
    const same = quiet.build().map;
    expect(same.placement.lookup(1, 5)).toBe(before);
    const loud = new IncrementalBuilder(same, now(6));
    loud.markDown(before.acting[0]);
    const next = loud.build().map;
    expect(next.placement.lookup(1, 5).acting).toEqual(before.acting.slice(1));
    expect(same.placement.lookup(1, 5)).toBe(before);
  });

  it('is nothing for pools that are not there', () => {
    const { placement } = cluster();
    expect(placement.objectToPg(9, 'x')).toBeUndefined();
    expect(placement.lookup(9, 0)).toEqual({
      up: [],
      upPrimary: -1,
      acting: [],
      actingPrimary: -1,
      primaryShard: -1,
    });
  });
});
