import { afterEach, describe, expect, it } from 'vitest';
import { createContext, type OwnedContext } from '../../src/base/context.ts';
import type { NacreError } from '../../src/base/errors.ts';
import { parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { Keyring } from '../../src/ceph/auth/keyring.ts';
import { MAuth } from '../../src/ceph/messages/mauth.ts';
import { MCommand } from '../../src/ceph/messages/mcommand.ts';
import { MLog } from '../../src/ceph/messages/mlog.ts';
import { MMonCommand } from '../../src/ceph/messages/mmon-command.ts';
import { MMonSubscribe } from '../../src/ceph/messages/mmon-subscribe.ts';
import { nextMons } from '../../src/ceph/mon-client/hunt.ts';
import { createMonClient, type MonClient } from '../../src/ceph/mon-client/index.ts';
import { makeMonInfo, makeMonMap } from '../../src/ceph/mon-client/monmap.ts';
import { ENTITY_TYPE_CLIENT, type EntityAddrVec, parseEntityAddrVec } from '../../src/ceph/types/entity.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { testCluster } from '../auth/handshake.ts';
import { HandEnv, LoopNetwork, settle } from './loop.ts';
import { TestMonitor } from './monitor.ts';

const FSID = '0a1b2c3d-0000-1111-2222-333344445555';
const addrsOf = (i: number, proto: 'both' | 'v1' = 'both'): EntityAddrVec =>
  parseEntityAddrVec(proto === 'v1' ? `v1:10.0.0.${i}:6789` : `[v2:10.0.0.${i}:3300,v1:10.0.0.${i}:6789]`)!;

interface World {
  readonly env: HandEnv;
  readonly network: LoopNetwork;
  readonly monitors: TestMonitor[];
  readonly cluster: ReturnType<typeof testCluster>;
  readonly context: OwnedContext;
  client(options?: { name?: string; known?: number; wrongKey?: boolean }): MonClient;
}

const toClose: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

function world(
  count: number,
  { proto = 'both' as 'both' | 'v1', args = [] as string[], auth = {}, ttl = {} } = {},
): World {
  const env = new HandEnv();
  const network = new LoopNetwork(env);
  const cluster = testCluster(env, auth, ttl);
  const infos = [...'abcdefg'].slice(0, count).map((name, i) => makeMonInfo(name, addrsOf(i + 1, proto)));
  const map = makeMonMap(infos, { epoch: 3, fsid: FSID, minMonRelease: 16 });
  const monitors = infos.map(info => {
    const monitor = new TestMonitor(info.name, cluster.mon, map);
    network.listen(info.addrs, monitor);
    return monitor;
  });
  const context = createContext({ env, conf: null, args, ignoreEnvironment: true });
  return {
    env,
    network,
    monitors,
    cluster,
    context,
    client({ name = 'client.admin', known = count, wrongKey = false } = {}) {
      const entityName = parseAuthEntityName(name);
      const keyring = new Keyring();
      const key = wrongKey ? cluster.keys.generateKey() : cluster.keys.getSecret(entityName);
      if (key !== undefined) keyring.add(entityName, { key, caps: new Map() });
      const { mon } = createMonClient({
        context,
        entityName,
        keyring,
        mons: infos.slice(0, known).map((info, i) => ({
          name: `noname-${i}`,
          addrs: info.addrs,
          priority: 0,
          weight: 0,
        })),
        makeMessenger: client => network.messenger(client),
      });
      toClose.push(() => mon.close());
      return mon;
    },
  };
}

describe('opening a session', () => {
  it.each(['both', 'v1'] as const)('authenticates and takes the monitors map (%s)', async proto => {
    const w = world(1, { proto });
    const mon = w.client();
    await mon.authenticate();
    expect(mon.isConnected).toBe(true);
    expect(mon.fsid).toBe(FSID);
    expect(mon.monmap.ranks).toEqual(['a']);
    expect(mon.globalId).toBeGreaterThan(0n);
    // What the monitors set is in the configuration.
    await settle();
    expect(w.context.config.get('mon_client_log_interval')).toBe(7);
  });

  it('tries several monitors at once and lets the others go', async () => {
    const w = world(5);
    const mon = w.client();
    await mon.authenticate();
    expect(w.network.made).toHaveLength(3);
    await settle();
    expect(w.network.open.size).toBe(1);
  });

  it('goes on to other monitors after the hunt interval', async () => {
    const w = world(5);
    const mon = w.client();
    for (const m of w.monitors) m.up = 'silent';
    const done = mon.authenticate();
    await settle();
    expect(w.network.made).toHaveLength(3);
    for (const m of w.monitors) m.up = true;
    await w.env.advance(2900);
    expect(mon.isConnected).toBe(false);
    await w.env.advance(200);
    await done;
    const first = new Set(w.network.made.slice(0, 3).map(con => con.peerAddrs));
    expect(w.network.made.slice(3).every(con => !first.has(con.peerAddrs))).toBe(true);
  });

  it('asks soon again when nobody listens, and more slowly each time', async () => {
    const w = world(1);
    w.monitors[0].up = false;
    const mon = w.client();
    const done = mon.authenticate();
    await settle();
    expect(w.network.made).toHaveLength(1);
    await w.env.advance(200);
    expect(w.network.made).toHaveLength(2);
    await w.env.advance(300);
    expect(w.network.made).toHaveLength(2);
    await w.env.advance(100);
    expect(w.network.made).toHaveLength(3);
    w.monitors[0].up = true;
    await w.env.advance(800);
    await done;
  });

  it('says what it tried when time is up', async () => {
    const w = world(2);
    w.monitors[0].up = false;
    w.monitors[1].up = 'silent';
    const mon = w.client();
    const done = mon.authenticate({ timeoutMs: 5000 });
    const failed = expect(done).rejects.toThrow(
      /ETIMEDOUT.*within 5 s; tried .*v2:10\.0\.0\.1:3300.*connection refused.*10\.0\.0\.2/,
    );
    await w.env.advance(5000);
    await failed;
  });

  it.each(['both', 'v1'] as const)(
    'fails at once with a wrong key, naming entity and monitor (%s)',
    async proto => {
      const w = world(1, { proto });
      const mon = w.client({ wrongKey: true });
      const error: NacreError = await mon.authenticate().then(
        () => expect.fail('let in'),
        (e: NacreError) => e,
      );
      expect(error.code).toBe('EACCES');
      expect(error.message).toMatch(/client\.admin/);
      expect(error.message).toMatch(/10\.0\.0\.1/);
      await settle();
      expect(w.env.waiting).toBe(0);
      expect(w.network.open.size).toBe(0);
      // The keyring may be mended.
      await expect(mon.authenticate()).rejects.toMatchObject({ code: 'EACCES' });
    },
  );

  it('fails without a key', async () => {
    const w = world(1);
    const mon = w.client({ name: 'client.nokey' });
    await expect(mon.authenticate()).rejects.toThrow(/client\.nokey/);
    const v1 = world(1, { proto: 'v1', args: ['--auth-client-required', 'cephx'] });
    await expect(v1.client({ name: 'client.nokey' }).authenticate()).rejects.toThrow(/ENOENT.*client\.nokey/);
  });

  it('works without authentication where that is allowed', async () => {
    for (const proto of ['both', 'v1'] as const) {
      const w = world(1, { proto, auth: { serviceRequired: 'none' } });
      const mon = w.client({ name: 'client.anyone' });
      await mon.authenticate();
      expect(mon.globalId).toBeGreaterThan(0n);
    }
  });

  it('can be called off', async () => {
    const w = world(1);
    w.monitors[0].up = 'silent';
    const mon = w.client();
    const stop = new AbortController();
    const done = mon.authenticate({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(done).rejects.toThrow('enough');
    await mon.close();
    expect(w.env.waiting).toBe(0);
  });

  it('leaves v1 for v2 when the map has both', async () => {
    const w = world(1);
    const mon = createMonClient({
      context: w.context,
      entityName: parseAuthEntityName('client.admin'),
      keyring: keyringOf(w),
      mons: [{ name: 'x', addrs: addrsOf(1, 'v1'), priority: 0, weight: 0 }],
      makeMessenger: client => w.network.messenger(client),
    }).mon;
    toClose.push(() => mon.close());
    await mon.authenticate();
    expect(mon.activeConnection!.peerAddrs).toEqual(addrsOf(1));
  });
});

function keyringOf(w: World): Keyring {
  const keyring = new Keyring();
  const name = parseAuthEntityName('client.admin');
  keyring.add(name, { key: w.cluster.keys.getSecret(name)!, caps: new Map() });
  return keyring;
}

describe('a session that breaks', () => {
  it.each(['both', 'v1'] as const)(
    'is replaced, with the same global id and what was asked (%s)',
    async proto => {
      const w = world(1, { proto });
      const [m] = w.monitors;
      const mon = w.client();
      await mon.authenticate();
      const id = mon.globalId;
      mon.subWant('osdmap', 5);
      mon.renewSubs();
      await settle();
      m.holding = true;
      const command = mon.command({ prefix: 'status' });
      const version = mon.getVersion('osdmap');
      await settle();
      await version;
      m.up = false;
      w.network.break(m);
      await w.env.advance(1000);
      expect(mon.isConnected).toBe(false);
      m.up = true;
      m.letGo();
      m.received.length = 0;
      await w.env.advance(10_000);
      expect(mon.isConnected).toBe(true);
      expect(mon.globalId).toBe(id);
      expect((await command).outs).toBe('a: {"prefix":"status"}');
      const subs = m.of(MMonSubscribe).at(-1)!;
      expect(subs.what.get('osdmap')).toEqual({ start: 5, flags: 0 });
      expect(subs.what.get('monmap')).toEqual({ start: 4, flags: 0 });
    },
  );

  it('is replaced when the monitor falls silent', async () => {
    const w = world(2);
    const mon = w.client();
    await mon.authenticate();
    const before = mon.activeConnection!;
    await w.env.advance(60_000);
    expect(mon.activeConnection).toBe(before);
    const current = w.monitors.find((_, i) => before.peerAddrs[0].ip === `10.0.0.${i + 1}`)!;
    current.mute = true;
    await w.env.advance(30_000);
    expect(mon.activeConnection).toBe(before);
    await w.env.advance(30_000);
    expect(mon.activeConnection).not.toBe(before);
    expect(mon.isConnected).toBe(true);
  });

  it('is looked for less often the longer it takes', async () => {
    const w = world(1);
    const mon = w.client();
    await mon.authenticate();
    w.monitors[0].up = 'silent';
    w.network.break(w.monitors[0]);
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      await settle();
      waits.push(Math.round(w.env.next));
      await w.env.advance(w.env.next);
    }
    expect(waits.slice(0, 3)).toEqual([4500, 6750, 10125]);
    expect(waits.at(-1)).toBe(30_000);
  });

  it('moves when its monitor leaves the map', async () => {
    const w = world(3);
    const mon = w.client();
    await mon.authenticate();
    const before = mon.activeConnection!;
    const gone = w.monitors.findIndex((_, i) => before.peerAddrs[0].ip === `10.0.0.${i + 1}`);
    const left = w.monitors[gone].map.ranks.filter((_, i) => i !== gone);
    const map = makeMonMap(
      left.map(name => w.monitors[gone].map.mons.get(name)!),
      { epoch: 4, fsid: FSID },
    );
    const seen: number[] = [];
    mon.onMonMap(m => seen.push(m.epoch));
    for (const m of w.monitors) m.map = map;
    mon.subWant('monmap', 4);
    mon.renewSubs();
    // The monitor sends the map to who asked for it.
    mon.subWant('monmap', 0);
    mon.renewSubs();
    await w.env.advance(1000);
    expect(mon.monmap.ranks).toEqual(left);
    expect(mon.activeConnection).not.toBe(before);
    expect(mon.isConnected).toBe(true);
  });
});

describe('questions', () => {
  it('get answers', async () => {
    const w = world(1);
    const mon = w.client();
    const input = Buffer.from('some input');
    // Asked before there is a session: it is opened.
    const early = mon.command({ prefix: 'x', a: 1 }, { input });
    expect(await mon.getVersion('osdmap')).toEqual({ newest: 42, oldest: 7 });
    expect(await early).toEqual({ retcode: 0, outs: 'a: {"prefix":"x","a":1}', outbl: input });
    expect((await mon.command('{"prefix":"y"}')).outs).toBe('a: {"prefix":"y"}');
    expect(w.monitors[0].of(MMonCommand)).toHaveLength(2);
  });

  it('can run out of time or be called off', async () => {
    const w = world(1);
    const mon = w.client();
    await mon.authenticate();
    w.monitors[0].holding = true;
    const late = expect(mon.command({ prefix: 'slow thing' }, { timeoutMs: 700 })).rejects.toThrow(
      /ETIMEDOUT: 'slow thing' was not answered within 0\.7 s/,
    );
    await w.env.advance(700);
    await late;
    const stop = new AbortController();
    const stopped = mon.command({ prefix: 'x' }, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    await expect(mon.command({ prefix: 'x' }, { signal: stop.signal })).rejects.toThrow('enough');
    w.monitors[0].letGo();
    await settle();
    await expect(mon.command({ prefix: 'after' })).resolves.toMatchObject({ retcode: 0 });
  });

  it('end when the client is closed', async () => {
    const w = world(1);
    const mon = w.client();
    await mon.authenticate();
    w.monitors[0].holding = true;
    const open = Promise.allSettled([
      mon.command({ prefix: 'x' }),
      mon.command({ prefix: 'x' }, { target: 'a' }),
    ]);
    await settle();
    w.monitors[0].up = 'silent';
    const rest = Promise.allSettled([mon.getVersion('osdmap'), mon.ping('a')]);
    await mon.close();
    await mon.close();
    for (const result of [...(await open).slice(0, 1), ...(await rest)])
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ESHUTDOWN' } });
    await expect(mon.command('x')).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    await expect(mon.authenticate()).rejects.toMatchObject({ code: 'ESHUTDOWN' });
    expect(w.env.waiting).toBe(0);
    await settle();
    expect(w.network.open.size).toBe(0);
  });
});

describe('talks with one monitor', () => {
  it.each(['both', 'v1'] as const)('go to it on a connection of their own (%s)', async proto => {
    const w = world(3, { proto });
    const mon = w.client();
    await mon.authenticate();
    const id = mon.globalId;
    for (const [target, name] of [
      ['mon.b', 'b'],
      ['c', 'c'],
      [0, 'a'],
    ] as const) {
      const { outs, retcode } = await mon.command({ prefix: 'version' }, { target });
      expect({ outs, retcode }).toEqual({ outs: `told ${name}: {"prefix":"version"}`, retcode: 0 });
    }
    expect(await mon.ping('b')).toBe('{"name":"b"}');
    expect(mon.globalId).toBe(id);
    await settle();
    expect(w.network.open.size).toBe(1);
  });

  it('fail when there is no such monitor, or it does not answer', async () => {
    const w = world(2);
    const mon = w.client();
    await mon.authenticate();
    await expect(mon.command('x', { target: 'z' })).rejects.toThrow(/ENOENT.*no monitor z/);
    await expect(mon.command('x', { target: 5 })).rejects.toThrow(/ENOENT.*rank 5/);
    const other = mon.activeConnection!.peerAddrs[0].ip === '10.0.0.1' ? 1 : 0;
    w.monitors[other].up = 'silent';
    const silent = expect(mon.command('x', { target: other })).rejects.toThrow(/ENXIO/);
    await w.env.advance(10_000);
    await silent;
  });

  it('are tried again when the connection breaks', async () => {
    const w = world(1);
    const mon = w.client();
    await mon.authenticate();
    const [m] = w.monitors;
    const receive = m.receive.bind(m);
    let dropped = 0;
    m.receive = (side, message) => {
      if (message instanceof MCommand && dropped++ === 0) {
        setImmediate(() => w.network.made.at(-1)!.reset());
        return;
      }
      receive(side, message);
    };
    expect((await mon.command('x', { target: 'a' })).outs).toBe('told a: x');
    expect(dropped).toBe(2);
  });
});

describe('tickets', () => {
  it('are renewed while the session lasts', async () => {
    const w = world(1, { ttl: { serviceTicketTtl: () => 120, monTicketTtl: () => 1200 } });
    const mon = w.client();
    await mon.authenticate();
    const before = w.monitors[0].of(MAuth).length;
    const auth = mon.authClient;
    const osd = { peerType: 4, peerAddrs: addrsOf(9), authState: undefined };
    for (let i = 0; i < 30; i++) {
      await w.env.advance(50_000);
      w.cluster.keys.updateRotating();
      // There is always a valid ticket for an OSD.
      expect(auth.getAuthRequest(osd).payload.length).toBeGreaterThan(50);
    }
    expect(w.monitors[0].of(MAuth).length - before).toBeGreaterThan(10);
    expect(w.cluster.refusals).toEqual([]);
  });

  it('are fetched anew when a service refuses them', async () => {
    const w = world(1);
    const mon = w.client();
    await mon.authenticate();
    const osd = { peerType: 4, peerAddrs: addrsOf(9), authState: undefined };
    const first = mon.authClient.getAuthRequest(osd).payload;
    expect(() => mon.authClient.handleAuthBadMethod(osd, 2, -13, [2], [1, 2])).toThrow(
      /does not accept our ticket/,
    );
    // Until the new one is there, the old one is shown.
    const ticketOf = (payload: Buffer) => payload.subarray(0, payload.length - 52);
    expect(ticketOf(mon.authClient.getAuthRequest(osd).payload)).toEqual(ticketOf(first));
    await settle();
    expect(ticketOf(mon.authClient.getAuthRequest(osd).payload)).not.toEqual(ticketOf(first));
    expect(w.monitors[0].of(MAuth)).toHaveLength(1);
  });

  it("come with a daemon's rotating secrets, which it can wait for", async () => {
    const w = world(1);
    const osd = w.client({ name: 'osd.0' });
    const waited = osd.waitAuthRotating();
    await osd.authenticate();
    await waited;
    expect(osd.rotating!.needNewSecrets()).toBe(false);
    await osd.waitAuthRotating();
    const client = w.client();
    await client.waitAuthRotating();
    const late = expect(w.client({ name: 'osd.0' }).waitAuthRotating({ timeoutMs: 10 })).rejects.toThrow(
      /ETIMEDOUT.*osd\.0/,
    );
    await w.env.advance(10);
    await late;
  });

  it('let the accepting end of a daemon know its clients', async () => {
    const w = world(1);
    const osd = w.client({ name: 'osd.0' });
    const client = w.client();
    await Promise.all([osd.authenticate(), client.authenticate()]);
    await osd.waitAuthRotating();
    const server = osd.createAuthServer();
    const { handshake } = await import('../auth/handshake.ts');
    const done = await handshake(client.authClient, server, ENTITY_TYPE_CLIENT, 4);
    expect(done.peer).toMatchObject({ entityName: 'client.admin', globalId: client.globalId });
  });
});

describe('the cluster log', () => {
  it('is sent again until a monitor has it', async () => {
    const w = world(1);
    const [m] = w.monitors;
    const mon = w.client();
    await mon.authenticate();
    const entry = (seq: number) => ({
      name: { type: 8, id: 'admin' },
      rank: { type: 8, num: 4 },
      addrs: addrsOf(1),
      stamp: { sec: 1, nsec: 2 },
      seq,
      prio: 1,
      msg: `line ${seq}`,
      channel: 'cluster',
    });
    mon.sendLog([entry(1), entry(2)]);
    await settle();
    m.up = false;
    w.network.break(m);
    mon.sendLog([entry(3)]);
    m.up = true;
    await w.env.advance(1000);
    const sent = m.of(MLog).map(log => log.entries.map(e => e.msg));
    expect(sent).toEqual([['line 1', 'line 2'], ['line 3']]);
  });
});

describe('what a monitor should not say', () => {
  it('is not believed', async () => {
    const w = world(1);
    const mon = w.client();
    await mon.authenticate();
    const { MMonMap } = await import('../../src/ceph/messages/mmon-map.ts');
    const con = mon.activeConnection!;
    for (let i = 0; i < 200; i++)
      mon.dispatch(con, new MMonMap(nodeEnv.random.bytes(nodeEnv.random.u32() % 200)));
    expect(mon.monmap.epoch).toBe(3);
    expect(mon.isConnected).toBe(true);
    const { MAuthReply } = await import('../../src/ceph/messages/mauth.ts');
    for (let i = 0; i < 200; i++)
      mon.dispatch(con, new MAuthReply(2, 0, 0n, nodeEnv.random.bytes(nodeEnv.random.u32() % 200)));
    expect((await mon.command('x')).retcode).toBe(0);
  });
});

describe('nextMons', () => {
  const infos = (list: [number, number][]) =>
    makeMonMap(list.map(([priority, weight], i) => makeMonInfo(`m${i}`, addrsOf(i + 1), priority, weight)));

  it('takes all of the lowest priority before others, and starts over', () => {
    const map = infos([
      [1, 0],
      [0, 0],
      [0, 0],
      [1, 0],
    ]);
    const tried = new Set<number>();
    const order = [1, 2, 3, 4, 5].map(() => nextMons(map, tried, 1, nodeEnv.random)[0]);
    expect(new Set(order.slice(0, 2))).toEqual(new Set([1, 2]));
    expect(new Set(order.slice(2, 4))).toEqual(new Set([0, 3]));
    expect([1, 2]).toContain(order[4]);
  });

  it('prefers weight', () => {
    const map = infos([
      [0, 1],
      [0, 9],
      [0, 0],
    ]);
    const first = [0, 0, 0];
    for (let i = 0; i < 1000; i++) first[nextMons(map, new Set(), 1, nodeEnv.random)[0]]++;
    expect(first[1]).toBeGreaterThan(first[0] * 4);
    expect(first[2]).toBe(0);
    expect(nextMons(map, new Set(), 0, nodeEnv.random).at(-1)).toBe(2);
  });
});
