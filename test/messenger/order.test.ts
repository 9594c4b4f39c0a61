import { describe, expect, it } from 'vitest';
import { onTrace, type Span, unwind, wind } from '../../src/base/trace.ts';
import type { Message } from '../../src/ceph/messages/message.ts';
import { Fifo } from '../../src/ceph/messenger/fifo.ts';
import { type Connection, lossyClient } from '../../src/ceph/messenger/index.ts';
import { OutQueue } from '../../src/ceph/messenger/out-queue.ts';
import { PrioritizedQueue } from '../../src/ceph/messenger/prioritized-queue.ts';
import { ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { prng } from '../support/fuzz.ts';
import { Bench, TEST_MESSAGE, TestMessage, VARIANTS } from './support.ts';

it('Fifo behaves as an array does', () => {
  const next = prng(1);
  const fifo = new Fifo<number>();
  let model: number[] = [];
  for (let i = 0; i < 50_000; i++) {
    const kind = next() % 100;
    if (kind < 50) {
      fifo.push(i);
      model.push(i);
    } else if (kind < 98) expect(fifo.shift()).toBe(model.shift());
    else if (kind === 98) {
      fifo.prepend([-i, i]);
      model = [-i, i, ...model];
    } else if (next() % 20 === 0) expect(fifo.take()).toEqual(model.splice(0));
    expect(fifo.length).toBe(model.length);
    expect(fifo.peek()).toBe(model[0]);
  }
});

it('OutQueue: what goes again first, then by priority, each in order', () => {
  const next = prng(2);
  const queue = new OutQueue();
  const make = (n: number, priority: number) => {
    const m = new TestMessage(n);
    m.priority = priority;
    return m;
  };
  const sent = Array.from({ length: 200 }, (_, i) => make(i, [64, 127, 196, 255, 63][next() % 5]));
  for (const m of sent) queue.push(m);
  queue.again.prepend([make(1000, 1), make(1001, 255)]);
  expect(queue.length).toBe(202);
  const got: Message[] = [];
  for (let m = queue.shift(); m !== undefined; m = queue.shift()) got.push(m);
  expect(got.slice(0, 2).map(m => (m as TestMessage).n)).toEqual([1000, 1001]);
  const wanted = sent.toSorted((a, b) => b.priority - a.priority || a.n - b.n);
  expect(got.slice(2).map(m => (m as TestMessage).n)).toEqual(wanted.map(m => m.n));
  expect(queue.length).toBe(0);
});

describe('PrioritizedQueue', () => {
  it('strict: highest first, owners of one priority in turns, each in order', () => {
    const q = new PrioritizedQueue<string>(1 << 24, 65536);
    for (const i of [1, 2, 3]) q.pushStrict('a', 127, `a${i}`);
    for (const i of [1, 2]) q.pushStrict('b', 127, `b${i}`);
    q.pushStrict('c', 196, 'c1');
    q.pushStrict('b', 64, 'low');
    q.push('d', 63, 10, 'weighted');
    const got: string[] = [];
    for (let s = q.shift(); s !== undefined; s = q.shift()) got.push(s);
    expect(got).toEqual(['c1', 'a1', 'b1', 'a2', 'b2', 'a3', 'low', 'weighted']);
  });

  it('weighted: shares follow priority, nobody starves', () => {
    const q = new PrioritizedQueue<number>(1 << 24, 65536);
    for (let i = 0; i < 3000; i++) for (const p of [10, 20, 60]) q.push(p, p, 65536, p);
    const counts = new Map<number, number>();
    for (let i = 0; i < 1800; i++) {
      const p = q.shift()!;
      counts.set(p, (counts.get(p) ?? 0) + 1);
    }
    const share = (p: number) => counts.get(p)! / 1800;
    expect(share(10)).toBeGreaterThan(0.05);
    expect(share(20)).toBeGreaterThan(share(10) * 1.5);
    expect(share(60)).toBeGreaterThan(share(20) * 1.5);
  });

  it('what is taken out is exactly one owner', () => {
    const next = prng(3);
    const q = new PrioritizedQueue<[string, number]>(1 << 24, 65536);
    let left = 0;
    for (let i = 0; i < 500; i++) {
      const owner = ['a', 'b', 'c'][next() % 3];
      const priority = 1 + (next() % 250);
      if (priority >= 64) q.pushStrict(owner, priority, [owner, i]);
      else q.push(owner, priority, next() % 100_000, [owner, i]);
      if (owner !== 'b') left++;
    }
    const gone: string[] = [];
    q.remove('b', ([owner]) => gone.push(owner));
    expect(new Set(gone)).toEqual(new Set(['b']));
    expect(q.length).toBe(left);
    const rest: string[] = [];
    for (let s = q.shift(); s !== undefined; s = q.shift()) rest.push(s[0]);
    expect(rest.length).toBe(left);
    expect(rest).not.toContain('b');
    expect(q.length).toBe(0);
  });
});

describe.each([VARIANTS[0], VARIANTS[4], VARIANTS[5]])('$name', variant => {
  it('of what waits at once the most urgent is written and dispatched first', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    const priorities = [64, 127, 196, 127, 255, 63, 64];
    for (const [i, priority] of priorities.entries()) {
      const m = new TestMessage(i);
      m.priority = priority;
      con.send(m);
    }
    await server.rec.until(() => server.rec.got.length === priorities.length);
    expect(server.rec.numbers()).toEqual([4, 2, 1, 3, 0, 6, 5]);
    expect(server.rec.got.map(m => m.priority)).toEqual([255, 196, 127, 127, 64, 64, 63]);
  });

  it('fast dispatch happens while reading, in the order of the stream', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const order: string[] = [];
    const fast = (m: Message) => m.tid === 1;
    server.msgr.addDispatcher({
      canFastDispatch: m => m.type === TEST_MESSAGE && fast(m),
      fastDispatch: (_con, m) => {
        order.push(`fast ${(m as TestMessage).n}`);
      },
      dispatch: () => false,
    });
    server.rec.onMessage = (_con: Connection, m) => order.push(`slow ${m.n}`);
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (let i = 0; i < 6; i++) {
      const m = new TestMessage(i);
      m.tid = i % 2;
      con.send(m);
    }
    await server.rec.until(() => server.rec.got.length === 3);
    expect(order).toEqual(['fast 1', 'fast 3', 'fast 5', 'slow 0', 'slow 2', 'slow 4']);
  });

  it('a dispatcher that throws harms nobody else', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    server.rec.onMessage = (_con, m) => {
      if (m.n === 1) throw new Error('bug in a dispatcher');
    };
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (let i = 0; i < 3; i++) con.send(new TestMessage(i));
    await server.rec.until(() => server.rec.got.length === 3);
    expect(bench.errors.map(String)).toEqual(['Error: bug in a dispatcher']);
    expect(server.msgr.dispatchQueue.throttle.current).toBe(0);
    expect(con.isConnected).toBe(true);
  });

  it('spans name the layers, under the caller at one end and with the same link at both', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const client = bench.client({ defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(0));
    await server.rec.until(() => server.rec.got.length === 1);
    const spans: Span[] = [];
    using _listener = onTrace({ wind: span => spans.push(span) });
    const top = wind('test');
    const m = new TestMessage(1);
    m.trace = top;
    m.tid = 77;
    con.send(m);
    await server.rec.until(() => server.rec.got.length === 2);
    unwind(top);
    const v = variant.protocol;
    const find = (layer: string) => spans.find(span => span.layer === layer);
    const submit = find('AsyncMessenger.submit_message');
    expect(submit?.parent).toBe(top);
    expect(find(`ProtocolV${v}.write_message`)?.parent).toBe(top);
    const handled = find(`ProtocolV${v}.handle_message`);
    expect(handled?.parent).toBeUndefined();
    expect(find('DispatchQueue.dispatch')?.parent).toBe(handled);
    expect(submit?.detail?.link).toBe(`client.${client.msgr.myName.num}:77`);
    expect(handled?.detail?.link).toBe(submit?.detail?.link);
  });
});
