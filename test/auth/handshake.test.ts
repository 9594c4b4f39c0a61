import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { DecodeError, NacreError } from '../../src/base/errors.ts';
import { createServiceAuthServer } from '../../src/ceph/auth/auth-server.ts';
import { CephxClientHandler } from '../../src/ceph/auth/cephx-client.ts';
import { encodeServerChallenge } from '../../src/ceph/auth/cephx-protocol.ts';
import { encodeSealed } from '../../src/ceph/auth/crypto.ts';
import { parseAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import { decodeCaps } from '../../src/ceph/auth/keyring.ts';
import { createAuthRegistry } from '../../src/ceph/auth/registry.ts';
import { RotatingKeyring } from '../../src/ceph/auth/rotating-keyring.ts';
import type { AuthServiceHandler } from '../../src/ceph/auth/service-handler.ts';
import { AUTH_CEPHX, AUTH_NONE, CON_MODE_CRC, CON_MODE_SECURE } from '../../src/ceph/auth/types.ts';
import { ENTITY_TYPE_CLIENT, ENTITY_TYPE_MON, ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import type { Env } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { prng } from '../support/fuzz.ts';
import { connection, handshake, handshakeV1, testCluster } from './handshake.ts';
import { steppedEnv } from './test-env.ts';

const CLIENT = ENTITY_TYPE_CLIENT;
const MON = ENTITY_TYPE_MON;
const OSD = ENTITY_TYPE_OSD;

/** An OSD that took its rotating secrets from the monitor. */
function osdServer(env: Env, cluster: ReturnType<typeof testCluster>, options = {}) {
  const rotating = new RotatingKeyring({ env, serviceType: OSD });
  rotating.setSecrets(cluster.keys.data.rotating.get(OSD)!);
  const refusals: string[] = [];
  const registry = createAuthRegistry(OSD, options);
  const server = createServiceAuthServer({
    env,
    registry,
    keys: rotating,
    onRefused: (_, error) => refusals.push(error.message),
  });
  return { rotating, server, refusals };
}

describe('a client and a monitor', () => {
  it('authenticate each other and agree on the secrets', async () => {
    const cluster = testCluster(nodeEnv);
    const client = cluster.client('client.admin');
    const done = await handshake(client, cluster.mon, CLIENT, MON);
    expect(done).toMatchObject({
      method: AUTH_CEPHX,
      conMode: CON_MODE_SECURE,
      globalId: 4100n,
      rounds: 1,
    });
    expect(done.client.sessionKey).toEqual(done.server.sessionKey);
    expect(done.client.sessionKey).toHaveLength(16);
    expect(done.client.connectionSecret).toEqual(done.server.connectionSecret);
    expect(done.client.connectionSecret).toHaveLength(64);
    expect(done.peer).toMatchObject({ entityName: 'client.admin', globalId: 4100n, allowAll: false });
    expect(decodeCaps(done.peer.caps!)).toBe('allow *');
    expect(client.session!.handler.needTickets()).toBe(false);
  });

  it('have no connection secret in crc mode', async () => {
    const cluster = testCluster(nodeEnv);
    const client = cluster.client('client.admin', { monClientMode: 'crc' });
    const done = await handshake(client, cluster.mon, CLIENT, MON);
    expect(done.conMode).toBe(CON_MODE_CRC);
    expect(done.client.connectionSecret).toHaveLength(0);
    expect(done.client.sessionKey).toEqual(done.server.sessionKey);
  });

  it('use method none where both allow it', async () => {
    const none = { serviceRequired: 'none', clientRequired: 'none' };
    const cluster = testCluster(nodeEnv, none);
    const client = cluster.client('client.admin', none);
    const done = await handshake(client, cluster.mon, CLIENT, MON);
    expect(done).toMatchObject({ method: AUTH_NONE, conMode: CON_MODE_CRC, rounds: 0 });
    expect(done.client.sessionKey).toBeUndefined();
    expect(done.peer).toMatchObject({ entityName: 'client.admin', allowAll: true });
  });

  it('fall back to none when the monitor wants no cephx', async () => {
    const cluster = testCluster(nodeEnv, { serviceRequired: 'none' });
    const done = await handshake(cluster.client('client.admin'), cluster.mon, CLIENT, MON);
    expect(done.method).toBe(AUTH_NONE);
  });

  it('say who and where when the key is wrong', async () => {
    const cluster = testCluster(nodeEnv);
    const failures: NacreError[] = [];
    const client = cluster.client(
      'client.admin',
      {},
      {
        secret: () => cluster.keys.getSecret(parseAuthEntityName('client.b')),
        hooks: { onFailed: (_, error) => failures.push(error) },
      },
    );
    const attempt = handshake(client, cluster.mon, CLIENT, MON);
    await expect(attempt).rejects.toMatchObject({ code: 'EACCES' });
    await expect(attempt).rejects.toThrow(/mon at v2:10\.0\.0\.1:3300\/0 refused client\.admin.*key/);
    expect(failures).toHaveLength(1);
    expect(cluster.refusals.join()).toMatch(/client\.admin has another key/);
    expect(client.session).toBeUndefined();
  });

  it('refuse whom the monitor does not know, and who may do nothing', async () => {
    const cluster = testCluster(nodeEnv);
    const key = cluster.keys.generateKey();
    const unknown = cluster.client('client.unknown', {}, { secret: () => key });
    await expect(handshake(unknown, cluster.mon, CLIENT, MON)).rejects.toMatchObject({ code: 'EACCES' });
    expect(cluster.refusals.pop()).toMatch(/no entity client\.unknown/);
    const nocaps = cluster.client('client.nocaps');
    await expect(handshake(nocaps, cluster.mon, CLIENT, MON)).rejects.toMatchObject({ code: 'EACCES' });
    expect(cluster.refusals.pop()).toMatch(/no capabilities/);
  });

  it('name the entity when no keyring has its key', async () => {
    const cluster = testCluster(nodeEnv);
    const required = cluster.client('client.x', { clientRequired: 'cephx' });
    await expect(handshake(required, cluster.mon, CLIENT, MON)).rejects.toThrow(/ENOENT.*client\.x/);
    // With none allowed by the client it is the monitor that objects.
    const either = cluster.client('client.x');
    const attempt = handshake(either, cluster.mon, CLIENT, MON);
    await expect(attempt).rejects.toThrow(/it allows cephx, and no keyring has a key for client\.x/);
  });

  it('do not let an impostor be the monitor', async () => {
    const cluster = testCluster(nodeEnv);
    const impostor = testCluster(nodeEnv);
    // The impostor does not know the client's key, but accepts any proof and seals tickets with a key of its
    // own.
    const client = cluster.client('client.admin');
    const c = connection(MON);
    const s = connection(CLIENT);
    const first = client.getAuthRequest(c);
    const more = await impostor.mon.handleAuthRequest(s, false, first.method, CON_MODE_CRC, first.payload);
    if (more.status !== 'more') throw new Error(more.status);
    client.handleAuthReplyMore(c, more.reply);
    const done = await handshake(
      impostor.client('client.admin'),
      impostor.mon,
      CLIENT,
      MON,
      (what, payload) => {
        if (what === 'done')
          expect(() => client.handleAuthDone(c, 1n, CON_MODE_CRC, payload)).toThrow(
            /does not open with its key/,
          );
        return payload;
      },
    );
    expect(done.globalId).toBeGreaterThan(0n);
    expect(client.session).toBeUndefined();
  });
});

describe('a second session', () => {
  it('keeps the global id by showing the old ticket', async () => {
    const cluster = testCluster(nodeEnv);
    let session: NonNullable<(typeof client)['session']> | undefined;
    const client = cluster.client(
      'client.admin',
      {},
      {
        hooks: {
          current: () => session,
          onDone: (_, next) => {
            session = next;
          },
        },
      },
    );
    const first = await handshake(client, cluster.mon, CLIENT, MON);
    const again = await handshake(client, cluster.mon, CLIENT, MON);
    expect(again.globalId).toBe(first.globalId);
    expect(again.client.sessionKey).toEqual(again.server.sessionKey);
    expect(again.client.sessionKey).not.toEqual(first.client.sessionKey);
  });

  it('does not get the global id of another', async () => {
    const cluster = testCluster(nodeEnv);
    const victim = await handshake(cluster.client('client.b'), cluster.mon, CLIENT, MON);
    const thief = cluster.client('client.admin');
    const claim = (what: string, payload: Buffer) => {
      if (what !== 'request') return payload;
      const copy = Buffer.from(payload);
      copy.writeBigUInt64LE(victim.globalId, copy.length - 8);
      return copy;
    };
    await expect(handshake(thief, cluster.mon, CLIENT, MON, claim)).rejects.toMatchObject({ code: 'EACCES' });
    expect(cluster.refusals.pop()).toMatch(/wants global id 4100 back without a ticket/);
  });
});

describe('a client and an OSD', () => {
  it('authenticate with a ticket, in either protocol and mode', async () => {
    const cluster = testCluster(nodeEnv);
    const { server } = osdServer(nodeEnv, cluster);
    const client = cluster.client('client.admin');
    const session = await handshake(client, cluster.mon, CLIENT, MON);

    const v2 = await handshake(client, server, CLIENT, OSD);
    expect(v2).toMatchObject({ conMode: CON_MODE_CRC, globalId: session.globalId, rounds: 1 });
    expect(v2.client.sessionKey).toEqual(v2.server.sessionKey);
    expect(v2.peer.entityName).toBe('client.admin');
    expect(decodeCaps(v2.peer.caps!)).toBe('allow * for client.admin');

    const secureClient = cluster.client('client.admin', { clientMode: 'secure' });
    await handshake(secureClient, cluster.mon, CLIENT, MON);
    const secure = await handshake(secureClient, server, CLIENT, OSD);
    expect(secure.conMode).toBe(CON_MODE_SECURE);
    expect(secure.client.connectionSecret).toHaveLength(64);
    expect(secure.client.connectionSecret).toEqual(secure.server.connectionSecret);

    const v1 = await handshakeV1(client, server, CLIENT, OSD);
    expect(v1.challenged).toBe(true);
    expect(v1.client.sessionKey).toEqual(v1.server.sessionKey);
    expect(v1.peer.globalId).toBe(session.globalId);
  });

  it('do without keys with method none', async () => {
    const none = { clusterRequired: 'none', serviceRequired: 'none', clientRequired: 'none' };
    const cluster = testCluster(nodeEnv, none);
    const { server } = osdServer(nodeEnv, cluster, none);
    const client = cluster.client('client.b', none);
    await handshake(client, cluster.mon, CLIENT, MON);
    const v2 = await handshake(client, server, CLIENT, OSD);
    expect(v2.peer).toMatchObject({ entityName: 'client.b', globalId: 4100n, allowAll: true });
    expect(await handshakeV1(client, server, CLIENT, OSD)).toMatchObject({ challenged: false });
  });

  it('refuse a client that has no ticket, or shows one that the OSD cannot open', async () => {
    const cluster = testCluster(nodeEnv);
    const other = testCluster(nodeEnv);
    const { server, refusals } = osdServer(nodeEnv, other);
    const client = cluster.client('client.admin');
    await expect(handshake(client, server, CLIENT, OSD)).rejects.toThrow(/EACCES.*no session with a monitor/);
    await handshake(client, cluster.mon, CLIENT, MON);
    await expect(handshake(client, server, CLIENT, OSD)).rejects.toThrow(/does not accept our ticket/);
    expect(refusals.pop()).toMatch(/encrypted with another key/);
  });

  it('refuse an authorizer that was recorded', async () => {
    const cluster = testCluster(nodeEnv);
    const { server } = osdServer(nodeEnv, cluster);
    const client = cluster.client('client.admin');
    await handshake(client, cluster.mon, CLIENT, MON);
    const recorded: Buffer[] = [];
    await handshake(client, server, CLIENT, OSD, (what, payload) => {
      if (what === 'request' || what === 'answer') recorded.push(payload);
      return payload;
    });
    const s = connection(CLIENT);
    const first = await server.handleAuthRequest(s, false, AUTH_CEPHX, CON_MODE_CRC, recorded[0]);
    expect(first.status).toBe('more');
    const second = await server.handleAuthRequest(s, true, AUTH_CEPHX, CON_MODE_CRC, recorded[1]);
    expect(second).toEqual({ status: 'fail', result: -13 });
  });
});

describe('tickets', () => {
  const ttl = { monTicketTtl: () => 3600, serviceTicketTtl: () => 600 };

  it('are renewed in the session before they end', async () => {
    const env = steppedEnv();
    const cluster = testCluster(env, {}, ttl);
    const { server, rotating } = osdServer(env, cluster);
    const client = cluster.client('client.admin');
    const { peer } = await handshake(client, cluster.mon, CLIENT, MON);
    const mon = peer.handler as AuthServiceHandler;
    const handler = client.session!.handler as CephxClientHandler;

    // A quarter of its life before its end a ticket is wanted anew.
    env.advance(449_000);
    expect(handler.needTickets()).toBe(false);
    expect(handler.renewIn()).toBe(1000);
    env.advance(1_000);
    expect(handler.needTickets()).toBe(true);
    cluster.keys.updateRotating();
    const reply = mon.handleRequest(handler.buildRequest());
    expect(reply.result).toBe(0);
    expect(handler.handleResponse(0, reply.reply).status).toBe('done');
    expect(handler.needTickets()).toBe(false);
    expect(handler.renewIn()).toBe(450_000);

    // Beyond the end of the first ticket the second one serves.
    env.advance(300_000);
    rotating.setSecrets(cluster.keys.data.rotating.get(OSD)!);
    const done = await handshake(client, server, CLIENT, OSD);
    expect(done.client.sessionKey).toEqual(done.server.sessionKey);
  });

  it('of the session itself are renewed too, encrypted for who holds the old one', async () => {
    const env = steppedEnv();
    const cluster = testCluster(env, {}, ttl);
    const client = cluster.client('client.admin');
    const { peer } = await handshake(client, cluster.mon, CLIENT, MON);
    const mon = peer.handler as AuthServiceHandler;
    const { handler } = client.session!;
    for (let i = 0; i < 6; i++) {
      env.advance(2_800_000);
      cluster.keys.updateRotating();
      expect(handler.needTickets()).toBe(true);
      const reply = mon.handleRequest(handler.buildRequest());
      expect(reply.error).toBeUndefined();
      expect(reply.result).toBe(1);
      expect(handler.handleResponse(0, reply.reply).status).toBe('done');
      expect(handler.needTickets()).toBe(false);
    }
  });

  it('cannot be used when they have ended', async () => {
    const env = steppedEnv();
    const cluster = testCluster(env, {}, ttl);
    const { server, rotating, refusals } = osdServer(env, cluster);
    const client = cluster.client('client.admin');
    await handshake(client, cluster.mon, CLIENT, MON);
    const old = client.session!.handler.clone();
    env.advance(601_000);
    await expect(handshake(client, server, CLIENT, OSD)).rejects.toThrow(/no valid ticket for service osd/);

    // One who presents it all the same fails when the service has dropped the secret.
    for (let i = 0; i < 3; i++) {
      env.advance(1_300_000);
      cluster.keys.updateRotating();
    }
    rotating.setSecrets(cluster.keys.data.rotating.get(OSD)!);
    const dishonest = cluster.client('client.admin');
    const frozen = { ...env, clock: { now: env.clock.now, mono: () => 0 } };
    const handler = new CephxClientHandler(
      { env: frozen, entityName: parseAuthEntityName('client.admin'), secret: () => undefined },
      // biome-ignore lint/suspicious/noExplicitAny: reaches into the handler on purpose
      Object.assign((old as any).tickets, { env: frozen }),
    );
    dishonest.session = { handler, globalId: 4100n };
    await expect(handshake(dishonest, server, CLIENT, OSD)).rejects.toThrow(/does not accept our ticket/);
    expect(refusals.pop()).toMatch(/not \(or no longer\) here/);
  });

  it('are asked for again after a service refused them', async () => {
    const cluster = testCluster(nodeEnv);
    const client = cluster.client('client.admin');
    const { peer } = await handshake(client, cluster.mon, CLIENT, MON);
    client.invalidateAuthorizer(OSD);
    const { handler } = client.session!;
    expect(handler.needTickets()).toBe(true);
    const reply = (peer.handler as AuthServiceHandler).handleRequest(handler.buildRequest());
    handler.handleResponse(0, reply.reply);
    expect(handler.needTickets()).toBe(false);
  });
});

describe("a daemon's rotating secrets", () => {
  it('come sealed with its key', async () => {
    const env = steppedEnv();
    const cluster = testCluster(env);
    const rotating = new RotatingKeyring({ env, serviceType: OSD });
    const osd = cluster.client('osd.0', {}, { rotating });
    const { peer } = await handshake(osd, cluster.mon, OSD, MON);
    expect(rotating.needNewSecrets()).toBe(true);
    const { handler } = osd.session!;
    const reply = (peer.handler as AuthServiceHandler).handleRequest(handler.buildRotatingRequest()!);
    handler.handleResponse(0, reply.reply);
    expect(rotating.needNewSecrets()).toBe(false);
    expect(rotating.getServiceSecret(OSD, 2n)).toEqual(cluster.keys.getServiceSecret(OSD, 2n));
    expect(rotating.getServiceSecret(MON, 2n)).toBeUndefined();
    env.advance(7_201_000);
    expect(rotating.needNewSecrets()).toBe(true);
    expect(rotating.needNewSecrets(30_000)).toBe(false);
  });

  it('are not for clients', async () => {
    const cluster = testCluster(nodeEnv);
    const client = cluster.client('client.admin');
    const { peer } = await handshake(client, cluster.mon, CLIENT, MON);
    const request = client.session!.handler.buildRotatingRequest()!;
    expect((peer.handler as AuthServiceHandler).handleRequest(request)).toMatchObject({ result: -1 });
  });
});

describe('protocol v1 with a monitor', () => {
  it('authenticates in MAuth messages', async () => {
    const cluster = testCluster(nodeEnv);
    const client = cluster.client('client.admin');
    // The connection itself has no authorizer.
    await handshakeV1(client, cluster.mon, CLIENT, MON);
    const name = parseAuthEntityName('client.admin');
    const method = cluster.mon.pickMethod(name, client.monMethods());
    expect(method).toBe(AUTH_CEPHX);
    const server = cluster.mon.createHandler(method, name);
    const handler = client.createHandler(method, undefined);
    handler.setGlobalId(77n);
    let reply = server.startSession(name, 77n, true);
    let round = handler.handleResponse(reply.result, reply.reply);
    for (let i = 0; round.status === 'more'; i++) {
      expect(i).toBeLessThan(3);
      reply = server.handleRequest(round.request);
      round = handler.handleResponse(Math.min(0, reply.result), reply.reply);
    }
    expect(handler.needTickets()).toBe(false);
    client.session = { handler, globalId: 77n };
    const { server: osd } = osdServer(nodeEnv, cluster);
    expect((await handshakeV1(client, osd, CLIENT, OSD)).peer.globalId).toBe(77n);
  });
});

describe('hostile payloads', () => {
  /** Damages a payload in one of several ways. */
  const damage = (payload: Buffer, next: () => number): Buffer => {
    const copy = Buffer.from(payload);
    switch (next() % 4) {
      case 0:
        return copy.subarray(0, next() % (copy.length + 1));
      case 1:
        for (let i = 0; i < 1 + (next() % 4) && copy.length > 0; i++) copy[next() % copy.length] = next();
        return copy;
      case 2:
        if (copy.length >= 4) copy.writeUInt32LE((next() | 0x7fff0000) >>> 0, next() % (copy.length - 3));
        return copy;
      default: {
        const random = Buffer.alloc(next() % 300);
        for (let i = 0; i < random.length; i++) random[i] = next();
        return random;
      }
    }
  };

  it.each([
    ['a monitor', MON],
    ['an OSD', OSD],
  ])('end in a refusal or an error that says so, with %s', async (_, type) => {
    const cluster = testCluster(nodeEnv);
    const { server: osd } = osdServer(nodeEnv, cluster);
    const next = prng(4711);
    const kinds = ['request', 'more', 'answer', 'done'];
    let refused = 0;
    for (let i = 0; i < 600; i++) {
      const client = cluster.client('client.admin');
      if (type === OSD) await handshake(client, cluster.mon, CLIENT, MON);
      const target = kinds[i % 4];
      try {
        await handshake(client, type === OSD ? osd : cluster.mon, CLIENT, type, (what, payload) =>
          what === target ? damage(payload, next) : payload,
        );
      } catch (error) {
        if (!(error instanceof NacreError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(400);
  });

  it('inside an authenticated session are refused', async () => {
    const cluster = testCluster(nodeEnv);
    const client = cluster.client('client.admin');
    const { peer } = await handshake(client, cluster.mon, CLIENT, MON);
    const mon = peer.handler as AuthServiceHandler;
    client.invalidateAuthorizer(OSD);
    const { handler } = client.session!;
    const request = handler.buildRequest();
    const good = mon.handleRequest(request).reply;
    const next = prng(99);
    for (let i = 0; i < 500; i++) {
      mon.handleRequest(damage(request, next));
      try {
        handler.clone().handleResponse(0, damage(good, next));
      } catch (error) {
        if (!(error instanceof NacreError)) throw error;
      }
    }
  });

  it('that decrypt well are still not trusted', async () => {
    // A monitor that seals rubbish with the right key.
    const cluster = testCluster(nodeEnv);
    const key = cluster.keys.getSecret(parseAuthEntityName('client.admin'))!;
    const client = cluster.client('client.admin');
    const handler = client.createHandler(AUTH_CEPHX, undefined);
    handler.handleResponse(
      0,
      encodeToBuffer(e => encodeServerChallenge(e, { serverChallenge: 5n })),
    );
    const reply = encodeToBuffer(e => {
      e.u16(0x100);
      e.i32(0);
      e.u8(1);
      e.u32(1);
      e.u32(32);
      e.u8(1);
      encodeSealed(e, key, inside => inside.u32(7));
      e.u8(0);
      e.u32(0xffffffff);
    });
    expect(() => handler.handleResponse(0, reply)).toThrow(DecodeError);
    expect(() => new Decoder(reply).blob()).toThrow(DecodeError);
  });
});
