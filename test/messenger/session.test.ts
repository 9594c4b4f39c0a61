import { describe, expect, it } from 'vitest';
import {
  type Connection,
  losslessClient,
  losslessPeer,
  losslessPeerReuse,
  lossyClient,
  type MessengerImpl,
  statefulServer,
  statelessServer,
} from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_CLIENT, ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { prng } from '../support/fuzz.ts';
import { Bench, sleep, TestMessage, VARIANTS } from './support.ts';

function count(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** Waits for reconnections that are under way to end: with one session at each end. */
async function settled(...ends: { msgr: MessengerImpl }[]): Promise<void> {
  const calm = () => ends.every(({ msgr }) => msgr.connections().length === 1);
  for (let i = 0, calmFor = 0; i < 300 && calmFor < 5; i++) {
    calmFor = calm() ? calmFor + 1 : 0;
    await sleep(10);
  }
}

/** Sends numbers in bursts with pauses; data of all sizes. */
async function talk(con: Connection, n: number, next: () => number): Promise<void> {
  for (let i = 0; i < n; i++) {
    const size = next() % 10 === 0 ? 20_000 + (next() % 100_000) : next() % 3000;
    con.send(new TestMessage(i, '', [Buffer.alloc(size, i)]));
    if (next() % 16 === 0) await sleep(next() % 3);
  }
}

function dataIsRight(got: readonly TestMessage[]): boolean {
  return got.every(m => m.data.every(part => part.every(byte => byte === (m.n & 0xff))));
}

describe.each(VARIANTS)('$name', variant => {
  it.each([1, 2, 3])(
    'lossless peers lose and repeat nothing when links break at random (seed %i)',
    async seed => {
      const next = prng(seed * 7919);
      await using bench = new Bench(variant);
      const policy = losslessPeer();
      const a = await bench.server({ defaultPolicy: policy });
      const b = await bench.server({ defaultPolicy: policy });
      b.rec.fast = seed % 2 === 0;
      const n = 250;
      const ab = a.msgr.connectTo(ENTITY_TYPE_OSD, b.msgr.myAddrs);
      const ba = b.msgr.connectTo(ENTITY_TYPE_OSD, a.msgr.myAddrs);
      let breaking = true;
      let broken = 0;
      const breaker = (async () => {
        while (breaking) {
          await sleep(next() % 12);
          const all = [...a.msgr.connections(), ...b.msgr.connections()].filter(con => con.isConnected);
          if (all.length === 0) continue;
          all[next() % all.length].breakLink();
          if (++broken >= 25) return;
        }
      })();
      await Promise.all([talk(ab, n, next), talk(ba, n, next)]);
      await a.rec.until(() => a.rec.got.length >= n);
      await b.rec.until(() => b.rec.got.length >= n);
      breaking = false;
      await breaker;
      await sleep(20);
      expect(a.rec.numbers()).toEqual(count(n));
      expect(b.rec.numbers()).toEqual(count(n));
      expect(dataIsRight(a.rec.got) && dataIsRight(b.rec.got)).toBe(true);
      expect(broken).toBeGreaterThan(0);
      expect([...a.rec.events, ...b.rec.events]).not.toContain('remote reset');
      expect(a.msgr.connections().length).toBe(1);
      expect(b.msgr.connections().length).toBe(1);
      expect(a.msgr.dispatchQueue.throttle.current).toBe(0);
      expect(bench.errors).toEqual([]);
    },
  );

  it('a lossless client and a stateful server replay what was not acknowledged', async () => {
    const next = prng(99);
    await using bench = new Bench(variant);
    const server = await bench.server({ defaultPolicy: statefulServer() });
    const client = bench.client({ defaultPolicy: losslessClient() });
    server.rec.onMessage = (con, m) => con.send(new TestMessage(m.n, '', m.data));
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    const n = 200;
    let breaking = true;
    const breaker = (async () => {
      for (let i = 0; breaking && i < 15; i++) {
        await sleep(next() % 10);
        const all = [...client.msgr.connections(), ...server.msgr.connections()].filter(c => c.isConnected);
        if (all.length > 0) all[next() % all.length].breakLink();
      }
    })();
    await talk(con, n, next);
    await client.rec.until(() => client.rec.got.length >= n);
    breaking = false;
    await breaker;
    await settled(server);
    expect(server.rec.numbers()).toEqual(count(n));
    expect(client.rec.numbers()).toEqual(count(n));
    expect(dataIsRight(client.rec.got)).toBe(true);
    expect(client.rec.events).not.toContain('remote reset');
    expect(server.msgr.connections().length).toBe(1);
  });

  it('two peers that connect to each other at the same moment end with one session', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const next = prng(seed * 31337);
      await using bench = new Bench(variant);
      const a = await bench.server({ defaultPolicy: losslessPeer() });
      const b = await bench.server({ defaultPolicy: losslessPeer() });
      const n = 20;
      const start = async (from: typeof a, to: typeof a) => {
        if (next() % 2) await sleep(next() % 4);
        const con = from.msgr.connectTo(ENTITY_TYPE_OSD, to.msgr.myAddrs);
        await talk(con, n, next);
      };
      await Promise.all([start(a, b), start(b, a)]);
      await a.rec.until(() => a.rec.got.length >= n);
      await b.rec.until(() => b.rec.got.length >= n);
      await settled(a, b);
      expect(a.rec.numbers()).toEqual(count(n));
      expect(b.rec.numbers()).toEqual(count(n));
      expect(a.msgr.connections().length).toBe(1);
      expect(b.msgr.connections().length).toBe(1);
      expect([...a.rec.events, ...b.rec.events]).not.toContain('remote reset');
    }
  });

  it('a lossy session ends with its link, at both ends', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ defaultPolicy: statelessServer() });
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1));
    await server.rec.until(() => server.rec.got.length === 1);
    server.msgr.connections()[0].breakLink();
    await client.rec.until(() => client.rec.events.includes('reset'));
    await server.rec.until(() => server.rec.events.includes('reset'));
    con.send(new TestMessage(2));
    expect(client.msgr.connections()).toEqual([]);
    expect(server.msgr.connections()).toEqual([]);
    const again = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    expect(again).not.toBe(con);
    again.send(new TestMessage(3));
    await server.rec.until(() => server.rec.got.length === 2);
    expect(server.rec.numbers()).toEqual([1, 3]);
    expect(client.rec.events).toEqual(['connect', 'reset', 'connect']);
    expect(server.rec.events).toEqual(['accept', 'reset', 'accept']);
  });

  it('a client hears that a restarted server forgot the session', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ defaultPolicy: statefulServer(), nonce: 7 });
    const client = bench.client({ defaultPolicy: losslessClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1));
    await server.rec.until(() => server.rec.got.length === 1);
    await server.msgr.shutdown();
    const again = await bench.server({ defaultPolicy: statefulServer(), nonce: 7 }, server.msgr.myAddrs[0]);
    await client.rec.until(() => client.rec.events.includes('remote reset'));
    con.send(new TestMessage(2));
    await again.rec.until(() => again.rec.got.length >= 1);
    expect(again.rec.numbers()).toEqual([2]);
  });

  it('a peer hears that a restarted peer with the same address forgot the session', async () => {
    await using bench = new Bench(variant);
    const a = await bench.server({ defaultPolicy: losslessPeerReuse(), nonce: 5 });
    const b = await bench.server({ defaultPolicy: losslessPeerReuse(), nonce: 6 });
    a.msgr.connectTo(ENTITY_TYPE_OSD, b.msgr.myAddrs).send(new TestMessage(1));
    await b.rec.until(() => b.rec.got.length === 1);
    await a.msgr.shutdown();
    const again = await bench.server({ defaultPolicy: losslessPeerReuse(), nonce: 5 }, a.msgr.myAddrs[0]);
    again.msgr.connectTo(ENTITY_TYPE_OSD, b.msgr.myAddrs).send(new TestMessage(2));
    await b.rec.until(() => b.rec.got.length === 2);
    expect(b.rec.numbers()).toEqual([1, 2]);
    expect(b.rec.events).toContain('remote reset');
    expect(b.msgr.connections().length).toBe(1);
  });

  it('a peer without anything to say stands by, and comes back when there is', async () => {
    await using bench = new Bench(variant);
    const a = await bench.server({ defaultPolicy: losslessPeer() });
    const b = await bench.server({ defaultPolicy: losslessPeer() });
    const con = a.msgr.connectTo(ENTITY_TYPE_OSD, b.msgr.myAddrs);
    con.send(new TestMessage(1));
    await b.rec.until(() => b.rec.got.length === 1);
    // Until the acknowledgement has come there would be something to send again.
    await sleep(30);
    a.msgr.connections()[0].breakLink();
    await sleep(50);
    expect(con.isConnected).toBe(false);
    expect(a.msgr.connections()[0].describe()).toContain('standby');
    con.send(new TestMessage(2));
    await b.rec.until(() => b.rec.got.length === 2);
    b.msgr.connections()[0].breakLink();
    await sleep(50);
    b.msgr.connections()[0].send(new TestMessage(3));
    await a.rec.until(() => a.rec.got.length === 1);
    expect(b.rec.numbers()).toEqual([1, 2]);
    expect(a.rec.numbers()).toEqual([3]);
  });

  it('keeps trying where nobody listens yet, and says so', async () => {
    await using bench = new Bench(variant);
    const first = await bench.server({ nonce: 3 });
    const [addr] = first.msgr.myAddrs;
    await first.msgr.shutdown();
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, [addr]);
    con.send(new TestMessage(1));
    await client.rec.until(() => client.rec.events.filter(e => e === 'refused').length >= 3);
    const server = await bench.server({ nonce: 3 }, addr);
    await server.rec.until(() => server.rec.got.length === 1);
    expect(client.rec.events).not.toContain('reset');
    expect(con.isConnected).toBe(true);
  });

  it('talks to itself without a link', async () => {
    await using bench = new Bench(variant);
    const a = await bench.server();
    expect(a.msgr.connectTo(ENTITY_TYPE_OSD, a.msgr.myAddrs)).toBe(a.msgr.loopback);
    const m = new TestMessage(1);
    a.msgr.loopback.send(m);
    expect(a.rec.got).toEqual([]);
    a.msgr.loopback.send(new TestMessage(2));
    await a.rec.until(() => a.rec.got.length === 2);
    expect(a.rec.got[0]).toBe(m);
    expect(a.rec.numbers()).toEqual([1, 2]);
  });

  it('markDown is quiet on this side and a reset on the other', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const client = bench.client();
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1));
    await server.rec.until(() => server.rec.got.length === 1);
    con.markDown();
    await server.rec.until(() => server.rec.events.includes('reset'));
    expect(client.rec.events).toEqual(['connect']);
    expect(server.rec.got[0].n).toBe(1);
    expect(client.msgr.connections()).toEqual([]);
  });

  it('tells who the peer is', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ name: { type: ENTITY_TYPE_OSD, num: 12 } });
    const client = bench.client({ name: { type: ENTITY_TYPE_CLIENT, num: 4123 } });
    let seen: Connection | undefined;
    server.rec.onMessage = (con, m) => {
      seen = con;
      con.send(m);
    };
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1));
    await client.rec.until(() => client.rec.got.length === 1);
    expect(seen!.peerName).toEqual({ type: ENTITY_TYPE_CLIENT, num: 4123 });
    expect(con.peerName).toEqual({ type: ENTITY_TYPE_OSD, num: 12 });
    expect(seen!.peer?.entityName).toBe('client.anyone');
    expect(con.features.bits).toBe(seen!.features.bits);
    expect(client.msgr.myAddrs[0].ip).toBe('127.0.0.1');
    expect(seen!.peerAddrs[0].nonce).toBe(client.msgr.nonce);
  });
});
