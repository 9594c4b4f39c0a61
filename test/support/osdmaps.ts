import { rebuildRootsWithClasses, setItemClass } from '../../src/ceph/crush/classes.ts';
import { type CrushMap, setTunables } from '../../src/ceph/crush/index.ts';
import { addSimpleRule } from '../../src/ceph/crush/rules.ts';
import {
  buildSimpleCrush,
  makePool,
  OSD_EXISTS,
  OSD_UP,
  OSDMAP_LEGACY_REQUIRE_FLAGS,
  OSDMAP_PGLOG_HARDLIMIT,
  OSDMAP_RECOVERY_DELETES,
  OSDMAP_SORTBITWISE,
  OsdMap,
  STR_HASH_LINUX,
} from '../../src/ceph/osdmap/index.ts';
import { makeEntityAddr } from '../../src/ceph/types/entity.ts';
import { uuidFromRandom } from '../../src/ceph/types/uuid.ts';
import { prng } from './fuzz.ts';

/** Draws from a seed. */
export class Draw {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = prng(seed * 2654435761 + 1);
    for (let i = 0; i < 8; i++) this.next();
  }

  below(n: number): number {
    return this.next() % n;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }
}

function randomCrush(draw: Draw, numOsds: number): CrushMap {
  const hosts = draw.between(2, Math.max(2, Math.floor(numOsds / 2)));
  const racks = draw.between(1, 4);
  const crush = buildSimpleCrush({
    numOsds,
    failureDomain: draw.pick(['osd', 'host', 'host', 'rack']),
    weight: () => (draw.chance(5) ? 0 : draw.between(1, 400) / 64),
    location: osd => {
      const host = osd % hosts;
      return new Map([
        ['host', `h${host}`],
        ['rack', `r${host % racks}`],
        ['root', 'default'],
      ]);
    },
  });
  for (let osd = 0; osd < numOsds; osd++)
    if (draw.chance(80)) setItemClass(crush, osd, draw.pick(['ssd', 'hdd']));
  rebuildRootsWithClasses(crush);
  if (draw.chance(30)) setTunables(crush.tunables, draw.pick(['bobtail', 'firefly', 'hammer']));
  const add = (name: string, failureDomain: string, mode: 'firstn' | 'indep', deviceClass = ''): void => {
    addSimpleRule(crush, {
      name,
      root: 'default',
      failureDomain,
      mode,
      deviceClass,
      type: mode === 'firstn' ? 1 : 3,
    });
  };
  add('ec_osd', '', 'indep');
  add('ec_host', 'host', 'indep');
  add('rep_osd', 'osd', 'firstn');
  if (crush.classes.id('ssd') !== undefined) add('rep_ssd', 'host', 'firstn', 'ssd');
  crush.finalize();
  return crush;
}

function addOsds(map: OsdMap, draw: Draw): void {
  for (let osd = 0; osd < map.maxOsd; osd++) {
    if (draw.chance(4)) continue;
    map.setState(
      osd,
      OSD_EXISTS | (draw.chance(88) ? OSD_UP : 0) | (draw.chance(3) ? draw.pick([4, 16, 64, 256]) : 0),
    );
    if (draw.chance(94)) map.setWeight(osd, draw.chance(70) ? 0x10000 : draw.between(1, 0x10000));
    if (draw.chance(20)) map.setAffinity(osd, draw.pick([0, 0x4000, 0x8000, draw.below(0x10001)]));
    map.osdUuid[osd] = uuidFromRandom(Uint8Array.from({ length: 16 }, () => draw.below(256)));
    const vec = (kind: number): ReturnType<typeof makeEntityAddr>[] => {
      const ip = draw.chance(90) ? `10.0.${kind}.${(osd % 250) + 1}` : `fd00::${kind}:${osd + 1}`;
      const nonce = draw.below(2 ** 31);
      const addrs = [makeEntityAddr(2, ip, 6800 + osd, nonce), makeEntityAddr(1, ip, 7800 + osd, nonce)];
      return draw.chance(80) ? addrs : addrs.slice(draw.below(3));
    };
    map.clientAddrs[osd] = vec(1);
    map.clusterAddrs[osd] = vec(2);
    map.hbBackAddrs[osd] = vec(3);
    map.hbFrontAddrs[osd] = vec(4);
    const n = (): number => draw.below(1000);
    map.osdInfo[osd] = {
      lastCleanBegin: n(),
      lastCleanEnd: n(),
      upFrom: n(),
      upThru: n(),
      downAt: n(),
      lostAt: draw.chance(10) ? n() : 0,
    };
    map.osdXinfo[osd] = {
      downStamp: { sec: 1_600_000_000 + n(), nsec: n() * 1000 },
      laggyProbability: draw.below(2 ** 24) * 256,
      laggyInterval: n(),
      features: 0x3f01cfbdfffdffffn,
      oldWeight: draw.below(0x10000),
      lastPurgedSnapsScrub: { sec: 1_600_000_000 + n(), nsec: n() * 1000 },
      deadEpoch: n(),
    };
  }
}

function addPools(map: OsdMap, draw: Draw, maxPgs: number): void {
  const rules = map.crush.rules.map((rule, id) => ({ rule, id })).filter(r => r.rule !== undefined);
  const pools = draw.between(2, 5);
  for (let i = 0; i < pools; i++) {
    const id = draw.chance(90) ? i + 1 : i + 100_000;
    const { rule, id: crushRule } = draw.pick(rules);
    const erasure = rule!.type === 3;
    const pgNum = draw.chance(40) ? 2 ** draw.between(3, Math.log2(maxPgs)) : draw.between(1, maxPgs);
    const pool = makePool({
      size: draw.between(1, Math.min(7, map.maxOsd)),
      pgNum,
      pgpNum: draw.chance(80) ? pgNum : draw.between(1, pgNum),
      crushRule,
      erasureCodeProfile: erasure ? 'default' : undefined,
      stripeWidth: erasure ? 8192 : 0,
      applications: draw.chance(50) ? ['rbd', 'cephfs'].slice(draw.below(2)) : [],
      autoscaleMode: draw.pick([0, 1, 2, 255]),
    });
    if (draw.chance(15)) pool.clearFlag(1);
    if (draw.chance(20)) pool.objectHash = STR_HASH_LINUX;
    if (draw.chance(30)) pool.setFlag(draw.pick([2, 16, 128, 256, 2048, 4096]));
    if (draw.chance(30)) {
      pool.quotaMaxBytes = draw.below(2 ** 31) * 64;
      pool.opts.set(7, 'snappy').set(8, 0.875).set(15, 32n);
      pool.lastForceOpResend = draw.below(50);
      pool.snapSeq = 12n;
      pool.setFlag(1 << 14);
      pool.snaps.set(11n, { snapid: 11n, stamp: { sec: 1_600_000_000, nsec: 5000 }, name: 'a snap' });
    }
    if (draw.chance(20)) {
      pool.tiers = [77, 78];
      pool.readTier = 77;
      pool.writeTier = 78;
      pool.cacheMode = draw.between(1, 6);
      pool.targetMaxBytes = draw.below(2 ** 30);
      pool.hitSetParams = { type: 3, bloom: { fppMicro: 50_000, targetSize: 1000n, seed: 0n } };
      pool.hitSetCount = 4;
      pool.hitSetPeriod = 1200;
      pool.hitSetGradeDecayRate = 20;
      pool.minReadRecencyForPromote = 2;
    }
    if (draw.chance(10)) {
      pool.peeringCrushBucketCount = 2;
      pool.peeringCrushBucketTarget = 2;
      pool.peeringCrushBucketBarrier = 8;
    }
    map.poolMax = Math.max(map.poolMax, id);
    map.pools.set(id, pool);
    map.poolNames.set(id, `pool-${id}`);
  }
}

/** Exceptions: made of what the PG has, so that some of them matter, and of chance. */
function addExceptions(map: OsdMap, draw: Draw): void {
  const osd = (): number => draw.below(map.maxOsd + 1);
  for (const [id, pool] of map.pools) {
    for (let n = draw.below(pool.pgNum); n > 0; n -= 4) {
      const seed = draw.below(pool.pgNum);
      const { acting, up } = map.placement.lookup(id, seed);
      const osds = (): number[] => {
        const list = acting.length > 0 ? [...acting].reverse() : [osd()];
        list[draw.below(list.length)] = osd();
        return list;
      };
      const kind = draw.below(5);
      if (kind === 0) map.pgTemp.set(id, seed, osds());
      else if (kind === 1) {
        // The tool counts by primary: one that no OSD can be would lead it astray.
        const some = [...up.filter(o => o < map.maxOsd), draw.below(map.maxOsd)];
        map.primaryTemp.set(id, seed, draw.pick(some));
      } else if (kind === 2) map.pgUpmap.set(id, seed, osds());
      else if (acting.length > 0)
        map.pgUpmapItems.set(
          id,
          seed,
          Array.from({ length: draw.between(1, 2) }, () => [draw.pick(acting), osd()] as const),
        );
    }
  }
  map.placementChanged();
}

/** A map of chance: hierarchy, OSDs in all states, replicated and erasure pools, exceptions. Same seed, same map. */
export function randomOsdMap(seed: number, maxPgs = 2048): OsdMap {
  const draw = new Draw(seed);
  const map = new OsdMap();
  map.fsid = uuidFromRandom(Uint8Array.from({ length: 16 }, () => draw.below(256)));
  map.epoch = draw.between(1, 100_000);
  map.created = { sec: 1_500_000_000 + draw.below(1e8), nsec: draw.below(1e9) };
  map.modified = { sec: 1_700_000_000 + draw.below(1e8), nsec: draw.below(1e9) };
  map.flags = draw.chance(80) ? OSDMAP_SORTBITWISE : draw.below(1 << 23) & ~OSDMAP_LEGACY_REQUIRE_FLAGS;
  // What decoding a map of nautilus or newer adds anyway.
  map.flags |= OSDMAP_RECOVERY_DELETES | OSDMAP_PGLOG_HARDLIMIT;
  map.fullRatio = Math.fround(0.95);
  map.backfillfullRatio = Math.fround(draw.chance(80) ? 0.9 : 0.97);
  map.nearfullRatio = Math.fround(0.85);
  map.requireOsdRelease = 16;
  map.requireMinCompatClient = draw.pick([0, 10, 12]);
  const numOsds = draw.between(3, 60);
  map.setMaxOsd(numOsds);
  map.setCrush(randomCrush(draw, numOsds));
  map.erasureCodeProfiles.set(
    'default',
    new Map([
      ['k', '2'],
      ['m', '1'],
      ['plugin', 'jerasure'],
    ]),
  );
  addOsds(map, draw);
  addPools(map, draw, maxPgs);
  if (draw.chance(70)) addExceptions(map, draw);
  const addr = makeEntityAddr(3, '10.9.8.7', 0, 12345);
  if (draw.chance(50)) map.blocklist.set('a', { addr, until: { sec: 1_800_000_000, nsec: 0 } });
  if (draw.chance(20))
    map.rangeBlocklist.set('a', {
      addr: makeEntityAddr(4, '10.9.0.0', 0, 16),
      until: { sec: 1_800_000_000, nsec: 0 },
    });
  if (draw.chance(20)) map.removedSnapsQueue.set(1, [{ start: 3n, length: 20n }]);
  if (draw.chance(20)) map.crushNodeFlags.set(-1, 1 << 11);
  if (draw.chance(10))
    map.stretch = { enabled: true, bucketCount: 2, degraded: draw.below(2), recovering: 0, bucket: 3 };
  return map;
}
