import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Rados } from '../../src/ceph/rados/index.ts';
import { type Image, Rbd } from '../../src/ceph/rbd/index.ts';
import { ImageLoad, type LoadMoment } from '../support/rbd-load.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';
import { checkObjectMap, rbdCommand } from './rbd-peer.ts';

const SIZE = 2 ** 20;
/** A small write-back cache, so that it writes all the time. */
const CACHED = {
  rbd_cache: 'true',
  rbd_cache_policy: 'writeback',
  rbd_cache_size: '300000',
  rbd_cache_max_dirty: '100000',
  rbd_cache_target_dirty: '50000',
  rbd_cache_max_dirty_age: '0.2',
};
const KINDS: readonly (readonly [string, Record<string, string>])[] = [
  ['uncached', { rbd_cache: 'false' }],
  ['writearound', { rbd_cache: 'true', rbd_cache_max_dirty: '100000' }],
  ['writeback', CACHED],
];

/** An image under load, with the snapshots that were taken meanwhile. */
interface Loaded {
  readonly name: string;
  readonly image: Image;
  readonly load: ImageLoad;
  readonly snaps: { name: string; before: LoadMoment; after: LoadMoment }[];
}

describe.skipIf(!haveRealCeph())('images of real Ceph under load while it fails', () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let rbd: Rbd;
  let runs = 0;
  const loads: ImageLoad[] = [];

  beforeAll(async () => {
    // Dead OSDs are to be noticed within seconds; without reporters enough, the monitor takes one's word.
    const conf = { osd_heartbeat_grace: 4, osd_heartbeat_interval: 1, mon_osd_min_down_reporters: 1 };
    ceph = await RealCeph.start({ osds: 3, store: 'bluestore', conf });
    await ceph.createPool('rbd', 16);
    await rbdCommand(ceph, ['pool', 'init', 'rbd']);
    cluster = await Rados.connect({ conf: ceph.conf });
    rbd = await Rbd.open(cluster, 'rbd');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  beforeEach(() => ceph.recover());

  // Nothing of an attempt that failed is left to the next.
  afterEach(() => {
    for (const load of loads.splice(0)) load.stop().catch(() => {});
  });

  function startLoad(image: Image, seed: number): ImageLoad {
    const load = new ImageLoad(image, seed, 6);
    loads.push(load);
    return load;
  }

  /** One image a kind of cache: a clone, so that there are copy-ups too. */
  async function begin(): Promise<Loaded[]> {
    const run = runs++;
    return await Promise.all(
      KINDS.map(async ([kind, config], i): Promise<Loaded> => {
        const name = `${kind}-${run}`;
        await rbd.create(`${name}-parent`, SIZE, { order: 16 });
        await using parent = await rbd.open(`${name}-parent`);
        await parent.snapshots.create('s');
        await rbd.clone({ image: parent.name, snapshot: 's' }, name, { cloneFormat: 2, order: 17 });
        const image = await rbd.open(name, { config });
        return { name, image, load: startLoad(image, run * 10 + i), snaps: [] };
      }),
    );
  }

  const progress = (all: readonly Loaded[], more: number) =>
    Promise.all(all.map(({ load }) => load.progress(more)));

  /** Maintenance beside the load. */
  async function snapshots(all: readonly Loaded[], name: string): Promise<void> {
    for (const { image, load, snaps } of all) {
      const before = load.moment();
      await image.snapshots.create(name);
      snaps.push({ name, before, after: load.moment() });
    }
  }

  async function end(all: readonly Loaded[]): Promise<void> {
    for (const { name, image, load, snaps } of all) {
      await load.stop();
      await image.flush();
      const model = load.model();
      expect((await image.read(0, SIZE)).equals(model)).toBe(true);
      expect(image.exclusiveLock.isOwner).toBe(true);
      await image.close();
      const { stdout } = await rbdCommand(ceph, ['export', name, '-']);
      expect(stdout.equals(model)).toBe(true);
      for (const { name: snap, before, after } of snaps) {
        const { stdout } = await rbdCommand(ceph, ['export', `${name}@${snap}`, '-']);
        load.verifySnapshot(stdout, before, after);
        await checkObjectMap(ceph, `${name}@${snap}`);
      }
      await checkObjectMap(ceph, name);
    }
  }

  it('OSDs killed and restarted one after the other', async () => {
    const all = await begin();
    for (const osd of ['osd.0', 'osd.1', 'osd.2']) {
      await progress(all, 60);
      await ceph.stopOne(osd, { kill: true });
      const taken = snapshots(all, `without-${osd}`);
      await progress(all, 60);
      await taken;
      await ceph.startOne(osd);
      await ceph.waitForOsds(3);
    }
    await progress(all, 60);
    await end(all);
  }, 180_000);

  it('the monitor killed and restarted, then all that keep the image', async () => {
    const all = await begin();
    await progress(all, 60);
    await ceph.stopOne('mon.a', { kill: true });
    // The load goes on, unless an OSD happens to be thought dead just now: its groups wait for the monitor.
    await Promise.race([progress(all, 60), sleep(10_000)]);
    // A snapshot needs a number of the monitor's.
    const taken = snapshots(all, 'while-mon-was-away');
    await sleep(1000);
    await ceph.startOne('mon.a');
    await taken;
    await progress(all, 60);
    for (const osd of ['osd.0', 'osd.1', 'osd.2']) await ceph.stopOne(osd, { kill: true });
    await sleep(1000);
    for (const osd of ['osd.0', 'osd.1', 'osd.2']) await ceph.startOne(osd);
    await ceph.waitForOsds(3);
    await progress(all, 60);
    await end(all);
  }, 180_000);

  it('an owner of the lock that is blocklisted writes no more', async () => {
    // Behind the whole sectors, which are the load's, there is room for the new owner.
    const name = `taken-${runs++}`;
    await rbd.create(name, SIZE + 100, { order: 16 });
    const config = { rbd_cache: 'false' };
    const doomed = await Rados.connect({ conf: ceph.conf });
    const lost = await (await Rbd.open(doomed, 'rbd')).open(name, { config });
    const load = startLoad(lost, 77);
    await load.progress(100);
    const [owner] = await lost.exclusiveLock.owners();
    await ceph.ceph(['osd', 'blocklist', 'add', owner.address.replace(/^v\d:/, '')]);
    await using image = await rbd.open(name, { config });
    await image.write(SIZE, Buffer.alloc(100, 1));
    expect(image.exclusiveLock.isOwner).toBe(true);
    const data = await image.read(0, SIZE);
    await expect(load.progress(1_000_000)).rejects.toMatchObject({ code: 'EBLOCKLISTED' });
    await load.stop().catch(() => {}); // for the same reason
    expect((await image.read(0, SIZE)).equals(data)).toBe(true);
    load.verifySnapshot(data, load.moment(), load.moment());
    await lost.close().catch(() => {}); // its lock is another's
    await doomed.close();
  }, 120_000);
});
