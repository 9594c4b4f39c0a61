import { afterAll, beforeAll, expect, it } from 'vitest';
import { createContext, type OwnedContext } from '../../src/base/context.ts';
import { lossyClient, statelessServer } from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { Bench, TestMessage, VARIANTS } from './support.ts';

type Section = Record<string, number>;

let context: OwnedContext;
beforeAll(() => {
  context = createContext({ env: nodeEnv, ignoreEnvironment: true, conf: null });
});
afterAll(() => context.close());

it('counts show in perf dump while the messenger lives', async () => {
  const section = () => context.perf.dump()['AsyncMessenger::Worker-0'] as Section;
  {
    await using bench = new Bench(VARIANTS[0]);
    const server = await bench.server({ defaultPolicy: statelessServer() });
    const client = bench.client({ context, defaultPolicy: lossyClient() });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (let i = 0; i < 5; i++) con.send(new TestMessage(i, '', [Buffer.alloc(1000)]));
    await server.rec.until(() => server.rec.got.length === 5);
    expect(section()).toMatchObject({
      msgr_send_messages: 5,
      msgr_recv_messages: server.msgr.stats.msgr_send_messages,
      msgr_active_connections: 1,
      msgr_created_connections: 1,
    });
    expect(section()['msgr_send_bytes']).toBe(server.msgr.stats.msgr_recv_bytes);
    expect(context.perf.reset('AsyncMessenger::Worker-0')).toBe(true);
    expect(section()).toMatchObject({ msgr_send_messages: 0, msgr_active_connections: 1 });
  }
  expect(section()).toBeUndefined();
});
