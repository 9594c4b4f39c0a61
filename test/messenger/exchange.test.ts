import { describe, expect, it } from 'vitest';
import { lossyClient } from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { prng } from '../support/fuzz.ts';
import { Bench, TestMessage, VARIANTS } from './support.ts';

describe.each(VARIANTS)('$name', variant => {
  it('echoes messages of all sizes, in order', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const client = bench.client({ defaultPolicy: lossyClient() });
    server.rec.onMessage = (con, m) => {
      const reply = new TestMessage(m.n, m.text, m.data);
      reply.tid = m.tid;
      reply.middle = m.middle;
      con.send(reply);
    };
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    const sizes = [
      0,
      1,
      15,
      16,
      17,
      1000,
      1025,
      4096,
      8192,
      16384,
      16385,
      32768,
      65536,
      100_000,
      1 << 20,
      5_000_000,
    ];
    const next = prng(7);
    const sent: TestMessage[] = [];
    for (const [i, size] of sizes.entries()) {
      for (const front of [0, 100, 2000, 40_000]) {
        const data = Buffer.alloc(size);
        for (let k = 0; k < size; k += 97) data[k] = next();
        const cut = size >> 1;
        const m = new TestMessage(sent.length, 'x'.repeat(front), [
          data.subarray(0, cut),
          data.subarray(cut),
        ]);
        m.tid = 1000 + i;
        if (front === 100) m.middle = Buffer.from('middle'.repeat(size % 50));
        sent.push(m);
        con.send(m);
      }
    }
    await client.rec.until(() => client.rec.got.length === sent.length);
    for (const [i, got] of client.rec.got.entries()) {
      const m = sent[i];
      expect(got.n).toBe(i);
      expect(got.tid).toBe(m.tid);
      expect(got.text === m.text).toBe(true);
      expect(Buffer.concat(got.data).equals(Buffer.concat(m.data))).toBe(true);
      expect(Buffer.from(got.middle ?? []).equals(Buffer.from(m.middle ?? []))).toBe(true);
    }
    expect(bench.errors).toEqual([]);
    expect(server.msgr.dispatchQueue.throttle.current).toBe(0);
    expect(client.msgr.dispatchQueue.throttle.current).toBe(0);
  });
});
