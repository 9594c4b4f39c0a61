import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createContext, type OwnedContext } from '../../src/base/context.ts';
import { parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { Keyring, loadKeyring } from '../../src/ceph/auth/keyring.ts';
import { CON_MODE_CRC, CON_MODE_SECURE } from '../../src/ceph/auth/types.ts';
import { MCommand, MCommandReply } from '../../src/ceph/messages/mcommand.ts';
import type { Message } from '../../src/ceph/messages/message.ts';
import '../../src/ceph/messages/index.ts';
import { CEPH_MSG_OSD_MAP, MSG_COMMAND_REPLY } from '../../src/ceph/messages/message-types.ts';
import type { MOSDMap } from '../../src/ceph/messages/mosd-map.ts';
import { createMessenger } from '../../src/ceph/messenger/messenger.ts';
import type { Connection, Dispatcher, Messenger } from '../../src/ceph/messenger/types.ts';
import { initialMons, MonClient, monMapText } from '../../src/ceph/mon-client/index.ts';
import {
  ENTITY_TYPE_CLIENT,
  ENTITY_TYPE_OSD,
  entityTypeFromName,
  parseEntityAddr,
} from '../../src/ceph/types/entity.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { haveRealCeph, RealCeph, type RealCephOptions } from '../support/real-ceph.ts';

/** A client of the cluster, as a program sets it up. */
interface Client {
  readonly mon: MonClient;
  readonly messenger: Messenger;
  readonly context: OwnedContext;
  /** Everything that the mon client left to others. */
  readonly others: Message[];
}

const clients: Client[] = [];

async function connect(
  ceph: RealCeph,
  {
    name = 'client.admin',
    keyring = ceph.keyring,
    args = [] as string[],
    own = undefined as Keyring | undefined,
  } = {},
): Promise<Client> {
  const context = createContext({
    env: nodeEnv,
    args: ['-c', ceph.conf, '--name', name, '--keyring', keyring, ...args],
    ignoreEnvironment: true,
  });
  const entityName = parseAuthEntityName(name);
  const mon = new MonClient({
    context,
    entityName,
    keyring: own ?? loadKeyring(nodeEnv, entityName, { keyring }),
    mons: await initialMons(context),
  });
  const type = entityTypeFromName(name.slice(0, name.indexOf('.')));
  const messenger = createMessenger({ context, name: { type, num: -1 }, authClient: mon.authClient });
  mon.attach(messenger);
  const others: Message[] = [];
  messenger.addDispatcher({
    dispatch(_con, m) {
      others.push(m);
      return true;
    },
  });
  const client = { mon, messenger, context, others };
  clients.push(client);
  return client;
}

async function disconnect(): Promise<void> {
  for (const { mon, messenger, context } of clients.splice(0)) {
    await mon.close();
    await messenger.shutdown();
    await context.close();
  }
}

async function until(what: () => boolean, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  while (!what()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain`);
    await sleep(20);
  }
}

async function json(mon: MonClient, words: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { retcode, outs, outbl } = await mon.command({ ...words, format: 'json' }, { timeoutMs: 20_000 });
  expect({ retcode, outs }).toMatchObject({ retcode: 0 });
  return outbl.length === 0 ? {} : (JSON.parse(outbl.toString()) as Record<string, unknown>);
}

/** Asks an OSD for its version: authenticates there with a ticket. */
async function askOsd(
  { mon, messenger }: Client,
  proto: 'v1' | 'v2',
): Promise<{ con: Connection; reply: string }> {
  const dump = (await json(mon, { prefix: 'osd dump' })) as {
    osds: { public_addrs: { addrvec: { type: string; addr: string; nonce: number }[] } }[];
  };
  const found = dump.osds[0].public_addrs.addrvec.find(addr => addr.type === proto)!;
  const addr = parseEntityAddr(`${found.type}:${found.addr}/${found.nonce}`)!;
  return new Promise((resolve, reject) => {
    const dispatcher: Dispatcher = {
      dispatch: () => false,
      handleReset: () => reject(new Error('the OSD ended the session')),
    };
    const con = messenger.connectTo(ENTITY_TYPE_OSD, [addr], true);
    const m = new MCommand(mon.fsid, ['{"prefix":"version"}']);
    m.tid = 4711;
    con.send(m);
    messenger.addDispatcher(dispatcher);
    const client = clients.find(c => c.messenger === messenger)!;
    until(() => client.others.some(o => o.type === MSG_COMMAND_REPLY && o.tid === 4711)).then(() => {
      const reply = client.others.find((o): o is MCommandReply => o instanceof MCommandReply)!;
      client.others.length = 0;
      con.markDown();
      resolve({ con, reply: Buffer.concat(reply.data).toString() });
    }, reject);
  });
}

interface Setup {
  readonly name: string;
  readonly options: RealCephOptions;
  readonly proto: 'v1' | 'v2';
}

const SETUPS: Setup[] = [
  { name: 'cephx, both protocols', options: {}, proto: 'v2' },
  { name: 'cephx, v2 crc', options: { mode: 'crc', proto: 'v2' }, proto: 'v2' },
  { name: 'cephx, v2 secure', options: { mode: 'secure', proto: 'v2' }, proto: 'v2' },
  { name: 'cephx, v1', options: { proto: 'v1' }, proto: 'v1' },
  { name: 'no authentication, v2', options: { auth: 'none', proto: 'v2' }, proto: 'v2' },
  { name: 'no authentication, v1', options: { auth: 'none', proto: 'v1' }, proto: 'v1' },
];

describe.skipIf(!haveRealCeph())('the mon client and a real monitor', () => {
  describe.each(SETUPS)('$name', ({ options, proto }) => {
    let ceph: RealCeph;
    beforeAll(async () => {
      ceph = await RealCeph.start({ osds: 1, ...options });
    });
    afterEach(disconnect);
    afterAll(() => ceph[Symbol.asyncDispose]());

    it('talk: map, commands, versions, errors', async () => {
      const { mon } = await connect(ceph);
      await mon.authenticate({ timeoutMs: 20_000 });
      expect(mon.fsid).toBe(ceph.fsid);
      expect(mon.globalId).toBeGreaterThan(4000n);
      expect(monMapText(mon.monmap)).toMatch(/min_mon_release 16 \(pacific\)\n.*\n0: .* mon\.a\n$/);
      const status = await json(mon, { prefix: 'status' });
      expect(status).toMatchObject({ fsid: ceph.fsid, quorum_names: ['a'] });
      const dump = (await json(mon, { prefix: 'osd dump' })) as { epoch: number };
      const { newest, oldest } = await mon.getVersion('osdmap');
      expect(newest).toBeGreaterThanOrEqual(dump.epoch);
      expect(oldest).toBeGreaterThanOrEqual(1);
      expect(await mon.command({ prefix: 'nonsense' })).toMatchObject({
        retcode: -22,
        outs: 'command not known',
      });
      // With input: a keyring to import, and it is there for the real tools.
      const keyring =
        '[client.imported]\n\tkey = AQCsIwFrpAexMRAAHLzkYa18uIGaUd4zvMbdkw==\n\tcaps mon = "allow r"\n';
      const input = Buffer.from(keyring);
      expect(await mon.command({ prefix: 'auth import' }, { input })).toMatchObject({ retcode: 0 });
      const got = await ceph.ceph(['auth', 'get', 'client.imported']);
      expect(Keyring.parse(got.stdout.toString()).toText()).toBe(keyring);
    });

    it('talk to one monitor in particular', async () => {
      const { mon } = await connect(ceph);
      await mon.authenticate({ timeoutMs: 20_000 });
      const { retcode, outbl } = await mon.command(
        { prefix: 'version' },
        { target: 'mon.a', timeoutMs: 20_000 },
      );
      expect(retcode).toBe(0);
      expect(JSON.parse(outbl.toString())).toMatchObject({ release: 'pacific' });
      const ping = JSON.parse(await mon.ping('a', { timeoutMs: 20_000 })) as Record<string, unknown>;
      expect(ping).toHaveProperty('mon_status');
    });

    it('keep subscriptions and take central settings', async () => {
      const { mon, context, others } = await connect(ceph);
      mon.subWant('osdmap', 0);
      await mon.authenticate({ timeoutMs: 20_000 });
      const epochs = () => others.filter((m): m is MOSDMap => m.type === CEPH_MSG_OSD_MAP).map(m => m.last);
      await until(() => epochs().length > 0);
      const seen = epochs().at(-1)!;
      mon.subGot('osdmap', seen);
      await json(mon, { prefix: 'osd set', key: 'noout' });
      await until(() => epochs().some(e => e > seen));
      await json(mon, { prefix: 'osd unset', key: 'noout' });
      await json(mon, { prefix: 'config set', who: 'client', name: 'objecter_timeout', value: '17' });
      await until(() => context.config.get('objecter_timeout') === 17);
      await json(mon, { prefix: 'config rm', who: 'client', name: 'objecter_timeout' });
      await until(() => context.config.get('objecter_timeout') === 10);
    });

    it('get a client into an OSD', async () => {
      const client = await connect(ceph);
      await client.mon.authenticate({ timeoutMs: 20_000 });
      const { reply } = await askOsd(client, proto);
      expect(JSON.parse(reply)).toMatchObject({ version: '16.2.15' });
    });

    it('find each other again after the monitor was killed', async () => {
      const { mon, others } = await connect(ceph);
      mon.subWant('osdmap', 0);
      await mon.authenticate({ timeoutMs: 20_000 });
      await until(() => others.some(m => m.type === CEPH_MSG_OSD_MAP));
      const id = mon.globalId;
      await ceph.stopOne('mon.a', { kill: true });
      await until(() => !mon.isConnected);
      const command = mon.command({ prefix: 'osd set', key: 'nodown' });
      const version = mon.getVersion('monmap');
      others.length = 0;
      await sleep(500);
      await ceph.startOne('mon.a');
      expect(await command).toMatchObject({ retcode: 0 });
      expect((await version).newest).toBeGreaterThanOrEqual(1);
      expect(mon.globalId).toBe(id);
      await until(() => others.some(m => m.type === CEPH_MSG_OSD_MAP));
      await json(mon, { prefix: 'osd unset', key: 'nodown' });
    });
  });

  describe('keys', () => {
    let ceph: RealCeph;
    beforeAll(async () => {
      // Tickets live so short that they have to be renewed while we look.
      ceph = await RealCeph.start({ osds: 1, conf: { auth_service_ticket_ttl: 8, auth_mon_ticket_ttl: 12 } });
    });
    afterEach(disconnect);
    afterAll(() => ceph[Symbol.asyncDispose]());

    it.each(['v2', 'v1'])(
      'that are wrong are refused, and the message says whose and where (%s)',
      async proto => {
        const own = new Keyring();
        const wrong = Keyring.parse('[client.admin]\nkey = AQCsIwFrpAexMRAAHLzkYa18uIGaUd4zvMbdkw==\n');
        own.import(wrong);
        const addr = proto === 'v2' ? `v2:127.0.0.1:${ceph.monPort}` : `v1:127.0.0.1:${ceph.monPortV1}`;
        const { mon } = await connect(ceph, { own, args: ['--mon-host', addr] });
        const failure = mon.authenticate({ timeoutMs: 20_000 });
        await expect(failure).rejects.toMatchObject({ code: 'EACCES' });
        for (const named of ['client.admin', addr]) await expect(failure).rejects.toThrow(named);
      },
    );

    it('of an entity that nobody knows are refused', async () => {
      const own = Keyring.parse('[client.stranger]\nkey = AQCsIwFrpAexMRAAHLzkYa18uIGaUd4zvMbdkw==\n');
      const { mon } = await connect(ceph, { name: 'client.stranger', own });
      await expect(mon.authenticate({ timeoutMs: 20_000 })).rejects.toThrow(/EACCES.*client\.stranger/);
    });

    it('are needed', async () => {
      const { mon } = await connect(ceph, { own: new Keyring() });
      await expect(mon.authenticate({ timeoutMs: 20_000 })).rejects.toThrow(/client\.admin/);
    });

    it.each(['v2', 'v1'] as const)('and tickets are renewed before they end (%s)', async proto => {
      const addr = proto === 'v2' ? `v2:127.0.0.1:${ceph.monPort}` : `v1:127.0.0.1:${ceph.monPortV1}`;
      const client = await connect(ceph, { args: ['--mon-host', addr, '--mon-client-ping-interval', '1'] });
      await client.mon.authenticate({ timeoutMs: 20_000 });
      const id = client.mon.globalId;
      for (let i = 0; i < 5; i++) {
        await sleep(4000);
        const { reply } = await askOsd(client, proto);
        expect(reply).toContain('16.2.15');
      }
      expect(client.mon.globalId).toBe(id);
      // The session's own ticket is another one too: a new session keeps the global id by it.
      await ceph.stopOne('mon.a', { kill: true });
      await until(() => !client.mon.isConnected);
      await ceph.startOne('mon.a');
      await until(() => client.mon.isConnected);
      expect(client.mon.globalId).toBe(id);
    });

    it("bring a daemon its service's rotating secrets", async () => {
      const keyring = `${ceph.dir}/osd.0/keyring`;
      const { mon } = await connect(ceph, { name: 'osd.0', keyring });
      await mon.authenticate({ timeoutMs: 20_000 });
      await mon.waitAuthRotating({ timeoutMs: 20_000 });
      expect(mon.rotating!.needNewSecrets()).toBe(false);
      // A client of the same cluster is let in with its ticket.
      const client = await connect(ceph);
      await client.mon.authenticate({ timeoutMs: 20_000 });
      const { handshake } = await import('../auth/handshake.ts');
      const server = mon.createAuthServer();
      const done = await handshake(client.mon.authClient, server, ENTITY_TYPE_CLIENT, ENTITY_TYPE_OSD);
      expect(done.peer).toMatchObject({ entityName: 'client.admin', globalId: client.mon.globalId });
      expect([CON_MODE_CRC, CON_MODE_SECURE]).toContain(done.conMode);
    });
  });
});
