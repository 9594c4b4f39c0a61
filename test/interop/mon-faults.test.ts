import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IoCtx, Rados } from '../../src/ceph/rados/index.ts';
import { entityAddrText } from '../../src/ceph/types/entity.ts';
import { Appenders } from '../support/appenders.ts';
import { haveRealCeph, RealCeph } from '../support/real-ceph.ts';

describe.skipIf(!haveRealCeph())('three monitors and a manager', () => {
  let ceph: RealCeph;
  let cluster: Rados;
  let io: IoCtx;

  beforeAll(async () => {
    const conf = { mon_lease: 2, mon_election_timeout: 2, mon_client_hunt_interval: 1 };
    ceph = await RealCeph.start({ osds: 2, mons: 3, mgr: true, conf });
    await ceph.createPool('data', 8);
    cluster = await Rados.connect({ conf: ceph.conf });
    io = await cluster.openPool('data');
  });

  afterAll(async () => {
    await cluster?.close();
    await ceph?.[Symbol.asyncDispose]();
  });

  /** Name of the monitor that our session is with. */
  function current(): string {
    const addrs = cluster.mon.activeConnection!.peerAddrs.map(entityAddrText);
    const found = [...cluster.mon.monmap.mons.values()].find(mon =>
      mon.addrs.some(addr => addrs.includes(entityAddrText(addr))),
    );
    return found!.name;
  }

  const quorum = async () =>
    (await cluster.monCommand({ prefix: 'quorum_status', format: 'json' }))
      .json<{ quorum_names: string[] }>()
      .quorum_names.sort();

  it('know each other, and each answers when it is named', async () => {
    expect([...cluster.mon.monmap.mons.keys()].sort()).toEqual(['a', 'b', 'c']);
    expect(await quorum()).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) {
      const status = await cluster.monCommand({ prefix: 'mon_status', format: 'json' }, { target: name });
      expect(status.json<{ name: string }>().name).toBe(name);
      expect(
        (JSON.parse(await cluster.pingMonitor(name)) as { mon_status: { name: string } }).mon_status.name,
      ).toBe(name);
    }
    await expect(cluster.monCommand({ prefix: 'mon_status' }, { target: 'z' })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });

  it('one after the other is killed while we write: we move on, nothing is lost or done twice', async () => {
    const load = new Appenders(io, 'hunt', 6, 3);
    for (let round = 0; round < 2; round++) {
      await load.progress(30);
      const lost = current();
      await ceph.stopOne(`mon.${lost}`, { kill: true });
      await load.progress(60);
      // A change of the map reaches us through whichever monitor we found.
      await cluster.pools.create(`made-${round}`);
      expect(current()).not.toBe(lost);
      expect(await quorum()).toHaveLength(2);
      await ceph.startOne(`mon.${lost}`);
      while ((await quorum()).length < 3) await sleep(200);
    }
    await load.stop();
    await load.verify(name => io.read(name));
  }, 120_000);

  it('without a quorum objects go on, commands wait for it and can be given up', async () => {
    const load = new Appenders(io, 'quorum', 4, 2);
    await load.progress(20);
    await ceph.stopOne('mon.a', { kill: true });
    await ceph.stopOne('mon.b', { kill: true });
    // The monitor that is left answers until its lease has run out.
    const state = async () => {
      const { stdout } = await ceph.exec('ceph', ['daemon', `${ceph.dir}/run/mon.c.asok`, 'mon_status']);
      return (JSON.parse(stdout.toString()) as { state: string }).state;
    };
    while (['leader', 'peon'].includes(await state())) await sleep(200);
    await load.progress(100);
    const abort = new AbortController();
    const given = cluster.monCommand({ prefix: 'osd stat' }, { signal: abort.signal });
    const waiting = cluster.monCommand({ prefix: 'osd stat', format: 'json' });
    await sleep(1000);
    abort.abort();
    await expect(given).rejects.toMatchObject({ name: 'AbortError' });
    await ceph.startOne('mon.a');
    await ceph.startOne('mon.b');
    expect((await waiting).json<{ num_up_osds: number }>().num_up_osds).toBe(2);
    await load.progress(20);
    await load.stop();
    await load.verify(name => io.read(name));
  }, 120_000);

  it('a new client finds the cluster when the first monitor of the list is dead', async () => {
    await ceph.stopOne('mon.a', { kill: true });
    await using other = await Rados.connect({ conf: ceph.conf });
    const pool = await other.openPool('data');
    await pool.writeFull('found', 'it');
    expect((await io.read('found')).toString()).toBe('it');
    await ceph.startOne('mon.a');
    while ((await quorum()).length < 3) await sleep(200);
  });

  it('the manager answers commands, and its statistics reach us', async () => {
    await io.writeFull('counted', Buffer.alloc(4096));
    const pgs = await cluster.mgrCommand({ prefix: 'pg dump', dumpcontents: ['pools'], format: 'json' });
    expect(pgs.json<{ pool_stats: { poolid: number }[] }>().pool_stats.map(p => p.poolid)).toContain(io.pool);
    await expect(cluster.mgrCommand({ prefix: 'no such command' })).rejects.toMatchObject({ code: 'EINVAL' });
    while (((await cluster.poolStats(['data'])).get('data')?.numObjects ?? 0) === 0) await sleep(200);
    for (;;) {
      const { stdout } = await ceph.rados(['df', '-p', 'data', '--format', 'json']);
      const { pools } = JSON.parse(stdout.toString()) as { pools: { name: string; num_objects: string }[] };
      const theirs = pools.find(pool => pool.name === 'data')!;
      const ours = (await cluster.poolStats(['data'])).get('data')!;
      if (ours.numObjects === Number(theirs.num_objects)) break;
      await sleep(200);
    }
  }, 60_000);
});
