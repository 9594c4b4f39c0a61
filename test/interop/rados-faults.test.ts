import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POOL_FLAG_FULL } from '../../src/ceph/osdmap/pool-flags.ts';
import { type IoCtx, OPERATION_FULL_TRY, Rados } from '../../src/ceph/rados/index.ts';
import { Appenders } from '../support/appenders.ts';
import { haveRealCeph, RealCeph, type RealCephOptions } from '../support/real-ceph.ts';

const MODES: [string, RealCephOptions][] = [
  ['v2', { mode: 'crc', proto: 'v2' }],
  ['v1', { proto: 'v1' }],
];

describe.skipIf(!haveRealCeph()).each(MODES)('faults of real Ceph under load: %s', (_name, options) => {
  let ceph: RealCeph;
  let cluster: Rados;
  let io: IoCtx;

  beforeAll(async () => {
    // Dead OSDs are to be noticed within seconds; without reporters enough, the monitor takes one's word.
    const conf = { osd_heartbeat_grace: 4, osd_heartbeat_interval: 1, mon_osd_min_down_reporters: 1 };
    ceph = await RealCeph.start({ osds: 3, store: 'bluestore', conf, ...options });
    await ceph.createPool('data', 16);
    cluster = await Rados.connect({ conf: ceph.conf });
    io = await cluster.openPool('data');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  it('OSDs killed and restarted one after the other: nothing lost, nothing twice', async () => {
    const load = new Appenders(io, 'osds', 12, 4);
    for (const osd of ['osd.0', 'osd.1', 'osd.2']) {
      await load.progress(100);
      await ceph.stopOne(osd, { kill: true });
      await load.progress(100);
      await ceph.startOne(osd);
      await ceph.waitForOsds(3);
    }
    await load.progress(100);
    await load.stop();
    await load.verify(name => io.read(name));
    const { stdout } = await ceph.rados(['-p', 'data', 'get', 'osds-0', '-']);
    expect(stdout.equals(await io.read('osds-0'))).toBe(true);
  }, 180_000);

  it('too few OSDs for the pool: everything waits, and goes on', async () => {
    const load = new Appenders(io, 'few', 6, 3);
    await load.progress(50);
    await ceph.stopOne('osd.0', { kill: true });
    await ceph.stopOne('osd.1', { kill: true });
    await sleep(6000);
    const requests = cluster.objecter.dumpRequests();
    expect(requests.ops.length).toBeGreaterThan(0);
    await ceph.startOne('osd.0');
    await ceph.startOne('osd.1');
    await load.progress(50);
    await load.stop();
    await load.verify(name => io.read(name));
    await ceph.waitForOsds(3);
  }, 180_000);

  it('the monitor killed and restarted: objects go on, commands wait, maps come again', async () => {
    const load = new Appenders(io, 'mon', 6, 3);
    await load.progress(50);
    await ceph.stopOne('mon.a', { kill: true });
    await load.progress(100);
    const command = cluster.monCommand({ prefix: 'status', format: 'json' });
    const statistics = cluster.stats();
    await sleep(1000);
    await ceph.startOne('mon.a');
    expect((await command).json<{ fsid: string }>().fsid).toBe(ceph.fsid);
    await statistics;
    await ceph.stopOne('osd.2', { kill: true });
    await load.progress(100);
    await ceph.startOne('osd.2');
    await load.progress(50);
    await load.stop();
    await load.verify(name => io.read(name));
    await ceph.waitForOsds(3);
  }, 180_000);

  it('a watch outlives the OSDs that it is on', async () => {
    await io.writeFull('watched', '');
    const errors: string[] = [];
    await using watch = await io.watch('watched', {
      onNotify: ({ payload }) => payload,
      onError: error => errors.push(error.code),
    });
    for (const osd of ['osd.0', 'osd.1', 'osd.2']) {
      await ceph.stopOne(osd, { kill: true });
      await io.append('watched', 'x');
      await ceph.startOne(osd);
      await ceph.waitForOsds(3);
      const { acks, timeouts } = await io.notify('watched', osd, { timeout: 30_000 });
      expect({ acks: acks.map(({ payload }) => payload.toString()), timeouts }).toEqual({
        acks: [osd],
        timeouts: [],
      });
    }
    expect(errors).toEqual([]);
    expect(watch.check()).toBeLessThan(60_000);
  }, 180_000);

  it('paused and full clusters hold operations back', async () => {
    await io.writeFull('held', 'before');
    const holds = async (
      set: () => Promise<unknown>,
      unset: () => Promise<unknown>,
      op: () => Promise<unknown>,
    ) => {
      await set();
      await cluster.waitForLatestOsdMap();
      let done = false;
      const ended = op().then(() => {
        done = true;
      });
      await sleep(500);
      expect(done).toBe(false);
      await unset();
      await ended;
    };
    const pause = () => ceph.ceph(['osd', 'pause']);
    const unpause = () => ceph.ceph(['osd', 'unpause']);
    await holds(pause, unpause, () => io.read('held'));
    await holds(pause, unpause, () => io.writeFull('held', 'x'));

    // OSDs that think they are full report it, and the monitor marks their pools.
    const ratios = async (ratio: string, full: boolean) => {
      for (const which of ['nearfull', 'backfillfull', 'full'])
        await ceph.ceph(['osd', `set-${which}-ratio`, ratio]);
      for (;;) {
        await cluster.waitForLatestOsdMap();
        if (io.poolInfo.hasFlag(POOL_FLAG_FULL) === full) return;
        await sleep(100);
      }
    };
    await holds(
      () => ratios('0.00001', true),
      () => ratios('0.95', false),
      () => io.writeFull('held', 'y'),
    );
    await ratios('0.00001', true);
    expect((await io.read('held')).toString()).toBe('y');
    await expect(io.append('held', 'more', { flags: OPERATION_FULL_TRY })).rejects.toMatchObject({
      code: 'ENOSPC',
    });
    await io.remove('held', { flags: OPERATION_FULL_TRY });
    await ratios('0.95', false);
  });

  it('operations end at rados_osd_op_timeout when nobody serves them', async () => {
    await using impatient = await Rados.connect({ conf: ceph.conf, config: { rados_osd_op_timeout: 2 } });
    const pool = await impatient.openPool('data');
    await pool.writeFull('late', 'x');
    await ceph.ceph(['osd', 'pause']);
    await impatient.waitForLatestOsdMap();
    await expect(pool.read('late')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await expect(pool.writeFull('late', 'y')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await ceph.ceph(['osd', 'unpause']);
    await impatient.waitForLatestOsdMap();
    expect((await pool.read('late')).toString()).toBe('x');
    expect(impatient.objecter.numActive).toBe(0);
  });

  it('a pool deleted under load ends its operations', async () => {
    await ceph.createPool('doomed', 8);
    const pool = await cluster.openPool('doomed');
    await pool.writeFull('x', 'y');
    const ending = (async () => {
      for (;;) await pool.append('x', 'y');
    })();
    const ended = expect(ending).rejects.toMatchObject({ code: 'ENOENT' });
    await ceph.ceph(['osd', 'pool', 'delete', 'doomed', 'doomed', '--yes-i-really-really-mean-it']);
    await ended;
  });
});
