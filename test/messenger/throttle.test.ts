import { describe, expect, it } from 'vitest';
import { Throttle } from '../../src/base/throttle.ts';
import { lossyClient, statelessServer } from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { Bench, sleep, TestMessage, VARIANTS } from './support.ts';

async function settled(look: () => number): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    const now = look();
    same = now === last ? same + 1 : 0;
    if (same >= 5) return now;
    last = now;
    await sleep(10);
  }
}

describe.each(VARIANTS)('$name', variant => {
  it('stops at so many messages and goes on as they are released', async () => {
    await using bench = new Bench(variant);
    const throttlerMessages = new Throttle('test', 2);
    const server = await bench.server({ defaultPolicy: { ...statelessServer(), throttlerMessages } });
    server.rec.fast = true;
    server.rec.onMessage = (_con, m) => server.msgr.hold(m);
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (let i = 0; i < 10; i++) con.send(new TestMessage(i));
    await server.rec.until(() => server.rec.got.length === 2);
    await settled(() => server.rec.got.length);
    expect(server.rec.numbers()).toEqual([0, 1]);
    expect(throttlerMessages.current).toBe(2);
    expect(throttlerMessages.waiting).toBe(1);
    expect(server.msgr.stats.msgr_throttle_waits).toBe(1);
    for (let i = 0; i < 10; i++) {
      await server.rec.until(() => server.rec.got.length > i);
      server.msgr.release(server.rec.got[i]);
      server.msgr.release(server.rec.got[i]);
    }
    expect(server.rec.numbers()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(throttlerMessages.current).toBe(0);
    expect(server.msgr.dispatchQueue.throttle.current).toBe(0);
  });

  it('a full byte throttle leaves the rest with the sender', async () => {
    await using bench = new Bench(variant);
    const throttlerBytes = new Throttle('test', 200_000);
    const server = await bench.server({ defaultPolicy: { ...statelessServer(), throttlerBytes } });
    let holding = true;
    server.rec.onMessage = (_con, m) => {
      if (holding) server.msgr.hold(m);
    };
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    const n = 640;
    const size = 65_536;
    for (let i = 0; i < n; i++) con.send(new TestMessage(i, '', [Buffer.alloc(size, i)]));
    await server.rec.until(() => server.rec.got.length >= 3);
    const received = await settled(() => server.msgr.stats.msgr_recv_bytes);
    expect(server.rec.got.length).toBe(3);
    expect(throttlerBytes.current).toBeGreaterThan(3 * size);
    expect(throttlerBytes.current).toBeLessThanOrEqual(200_000);
    // What was read beyond the held messages is at most what one read takes.
    expect(received).toBeLessThan(3 * size + 200_000);
    expect(client.msgr.connections()[0].queue.length).toBeGreaterThan(n / 4);
    holding = false;
    for (const m of [...server.rec.got]) server.msgr.release(m);
    await server.rec.until(() => server.rec.got.length === n);
    expect(server.rec.got.every((m, i) => m.n === i && m.data[0][size - 1] === (i & 0xff))).toBe(true);
    expect(throttlerBytes.current).toBe(0);
  });

  it('bounds what waits for dispatch, and one message larger than the bound passes alone', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ config: { ms_dispatch_throttle_bytes: 10_000 } });
    server.rec.onMessage = (_con, m) => server.msgr.hold(m);
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (const [i, size] of [50_000, 4000, 4000, 4000].entries())
      con.send(new TestMessage(i, '', [Buffer.alloc(size)]));
    const { throttle } = server.msgr.dispatchQueue;
    await server.rec.until(() => server.rec.got.length === 1);
    expect(await settled(() => server.rec.got.length)).toBe(1);
    expect(throttle.waiting).toBe(1);
    server.msgr.release(server.rec.got[0]);
    await server.rec.until(() => server.rec.got.length === 3);
    expect(await settled(() => server.rec.got.length)).toBe(3);
    server.msgr.release(server.rec.got[1]);
    await server.rec.until(() => server.rec.got.length === 4);
    for (const m of server.rec.got) server.msgr.release(m);
    expect(throttle.current).toBe(0);
  });

  it('a link that breaks gives back what its half-read message had claimed', async () => {
    await using bench = new Bench(variant);
    const throttlerMessages = new Throttle('messages', 5);
    const throttlerBytes = new Throttle('bytes', 30_000);
    const policy = { ...statelessServer(), throttlerMessages, throttlerBytes };
    const server = await bench.server({ defaultPolicy: policy });
    server.rec.onMessage = (_con, m) => server.msgr.hold(m);
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1, '', [Buffer.alloc(20_000)]));
    con.send(new TestMessage(2, '', [Buffer.alloc(20_000)]));
    await server.rec.until(() => server.rec.got.length === 1);
    await settled(() => throttlerBytes.waiting);
    expect(throttlerBytes.waiting).toBe(1);
    expect(throttlerMessages.current).toBe(2);
    server.msgr.connections()[0].breakLink();
    expect(throttlerBytes.waiting).toBe(0);
    expect(throttlerMessages.current).toBe(1);
    server.msgr.release(server.rec.got[0]);
    expect([
      throttlerMessages.current,
      throttlerBytes.current,
      server.msgr.dispatchQueue.throttle.current,
    ]).toEqual([0, 0, 0]);
  });
});
