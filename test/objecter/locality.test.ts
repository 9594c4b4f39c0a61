import { describe, expect, it } from 'vitest';
import { MOSDOp } from '../../src/ceph/messages/mosdop.ts';
import { crushLocality, parseCrushLocation } from '../../src/ceph/objecter/locality.ts';
import { buildSimpleMap } from '../../src/ceph/osdmap/build.ts';
import { CEPH_OSD_FLAG_LOCALIZE_READS } from '../../src/ceph/types/rados.ts';
import { FakeCluster } from './fake-cluster.ts';

const location = (osd: number) =>
  new Map([
    ['host', `host${Math.floor(osd / 2)}`],
    ['rack', `rack${Math.floor(osd / 4)}`],
    ['root', 'default'],
  ]);
const map = buildSimpleMap({ numOsds: 8, created: { sec: 1, nsec: 0 }, location });
const typeOf = (name: string) => map.crush.types.ids().find(id => map.crush.types.name(id) === name);

describe('locality', () => {
  it('is the type of the nearest bucket that both are in', () => {
    const near = crushLocality('host=host1 rack=rack0 root=default', 'elsewhere');
    expect([0, 2, 3, 6].map(osd => near(map, osd))).toEqual([
      typeOf('rack'),
      typeOf('host'),
      typeOf('host'),
      typeOf('root'),
    ]);
    expect(near(map, 99)).toBe(-1);
    expect(crushLocality('root=other', 'x')(map, 0)).toBe(-1);
  });

  it('is that of our own host when nobody says', () => {
    const near = crushLocality('', 'host3');
    expect(near(map, 6)).toBe(typeOf('host'));
    expect(near(map, 0)).toBe(typeOf('root'));
  });

  it('is read in every form', () => {
    for (const text of ['host=a root=b', 'host=a, root=b', ' host=a;root=b ', 'host=a junk root=b'])
      expect(parseCrushLocation(text)).toEqual(
        new Map([
          ['host', new Set(['a'])],
          ['root', new Set(['b'])],
        ]),
      );
  });

  it('decides where localized reads go, and only reads', () => {
    for (const mine of [0, 1, 2]) {
      const c = new FakeCluster(
        3,
        { crush_location: `host=host${mine} root=default` },
        osd =>
          new Map([
            ['host', `host${osd}`],
            ['root', 'default'],
          ]),
      );
      for (let i = 0; i < 10; i++) c.read(`obj${i}`, CEPH_OSD_FLAG_LOCALIZE_READS);
      expect(c.con(mine).take(MOSDOp)).toHaveLength(10);
      c.write('foo', 'x', CEPH_OSD_FLAG_LOCALIZE_READS);
      expect(c.con(c.primary('foo')).take(MOSDOp)).toHaveLength(1);
    }
  });
});
