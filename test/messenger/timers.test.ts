import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { losslessClient, lossyClient, statefulServer } from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { ADDR_LEGACY, ADDR_MSGR2, makeEntityAddr } from '../../src/ceph/types/entity-addr.ts';
import { Bench, sleep, TestMessage, VARIANTS } from './support.ts';

describe.each(VARIANTS)('$name', variant => {
  it('keepalives are answered', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    expect(con.lastKeepaliveAck).toBe(0);
    con.sendKeepalive();
    while (con.lastKeepaliveAck === 0) await sleep(1);
    const first = con.lastKeepaliveAck;
    await sleep(2);
    const sent = client.msgr.env.clock.mono();
    con.sendKeepalive();
    while (con.lastKeepaliveAck === first) await sleep(1);
    expect(con.lastKeepaliveAck).toBeGreaterThan(first);
    expect(con.lastActive).toBeGreaterThanOrEqual(sent);
  });

  it('an idle connection is given up, one with traffic is not', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ config: { ms_connection_idle_timeout: 0.15 } });
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (let i = 0; i < 20; i++) {
      con.send(new TestMessage(i));
      await sleep(20);
    }
    expect(server.msgr.stats.msgr_connection_idle_timeouts).toBe(0);
    expect(con.isConnected).toBe(true);
    await client.rec.until(() => client.rec.events.includes('reset'));
    expect(server.msgr.stats.msgr_connection_idle_timeouts).toBe(1);
    expect(server.msgr.connections()).toEqual([]);
  });

  it('an idle lossless session stands by and continues', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({
      defaultPolicy: statefulServer(),
      config: { ms_connection_idle_timeout: 0.1 },
    });
    const client = bench.client({ defaultPolicy: losslessClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1));
    while (server.msgr.stats.msgr_connection_idle_timeouts < 2) await sleep(5);
    con.send(new TestMessage(2));
    await server.rec.until(() => server.rec.got.length === 2);
    expect(server.rec.numbers()).toEqual([1, 2]);
    expect(client.rec.events).not.toContain('remote reset');
  });
});

describe.each([1, 2])('v%i', protocol => {
  it('gives up on an acceptor that says nothing, and tries again', async () => {
    const sockets: Socket[] = [];
    const mute = createServer(socket => {
      sockets.push(socket);
      socket.on('error', () => {});
    });
    await new Promise<void>(done => mute.listen(0, '127.0.0.1', done));
    const { port } = mute.address() as { port: number };
    {
      await using bench = new Bench(VARIANTS[0]);
      const client = bench.client({
        defaultPolicy: lossyClient(),
        config: { ms_connection_ready_timeout: 0.05 },
      });
      client.msgr.connectTo(ENTITY_TYPE_OSD, [
        makeEntityAddr(protocol === 1 ? ADDR_LEGACY : ADDR_MSGR2, '127.0.0.1', port, 1),
      ]);
      while (client.msgr.stats.msgr_connection_ready_timeouts < 2) await sleep(5);
      expect(sockets.length).toBeGreaterThanOrEqual(2);
      expect(client.rec.events).toEqual([]);
    }
    for (const socket of sockets) socket.destroy();
    await new Promise(done => mute.close(done));
  });
});

it('drops a connector that says nothing', async () => {
  await using bench = new Bench(VARIANTS[0]);
  const server = await bench.server({ config: { ms_connection_ready_timeout: 0.05 } });
  const { connect } = await import('node:net');
  const socket = connect(server.msgr.myAddrs[0].port, '127.0.0.1');
  socket.resume();
  await new Promise(done => socket.on('close', done));
  expect(server.msgr.connections()).toEqual([]);
  expect(server.msgr.stats.msgr_connection_ready_timeouts).toBe(1);
  expect(server.rec.events).toEqual([]);
});
