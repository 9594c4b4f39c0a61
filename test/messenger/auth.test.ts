import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import {
  AUTH_CEPHX,
  type AuthConnection,
  type AuthServerResult,
  CON_MODE_CRC,
  CON_MODE_SECURE,
} from '../../src/ceph/auth/types.ts';
import { FixedAuth } from '../../src/ceph/messenger/fixed-auth.ts';
import {
  losslessClient,
  lossyClient,
  statefulServer,
  statelessServer,
} from '../../src/ceph/messenger/index.ts';
import { ENTITY_TYPE_MON, ENTITY_TYPE_OSD } from '../../src/ceph/types/entity.ts';
import { makeEntityAddr } from '../../src/ceph/types/entity-addr.ts';
import { FEATURES_ALL, Features } from '../../src/ceph/types/features.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { Bench, sleep, TestMessage, VARIANTS } from './support.ts';

const { random } = nodeEnv;

/** Rounds, challenges, delays and refusals, as the test wants them. */
class ScriptedAuth extends FixedAuth {
  rounds = 0;
  refusals = 0;
  delayed = false;
  invalidated = 0;
  badMethods: number[][] = [];
  readonly seen: string[] = [];
  protocol = 1;

  override getAuthorizerV1() {
    return { protocol: this.protocol, authorizer: Buffer.from('hello') };
  }

  override addChallengeV1(...args: unknown[]): Buffer {
    return Buffer.from(`answer to ${(args[1] as Buffer).toString()}`);
  }

  override handleAuthReplyMore(...args: unknown[]): Buffer {
    return Buffer.from(`answer to ${(args[1] as Buffer).toString()}`);
  }

  override invalidateAuthorizer(): void {
    this.invalidated++;
  }

  override handleAuthBadMethod(...args: unknown[]): void {
    this.badMethods.push([args[2] as number, ...(args[3] as number[]), ...(args[4] as number[])]);
    if (this.badMethods.length > 3) throw new Error('nothing left to try');
  }

  private answer(payload: Buffer): AuthServerResult | Promise<AuthServerResult> {
    this.seen.push(payload.toString());
    let result: AuthServerResult;
    if (this.refusals > 0) {
      this.refusals--;
      result = { status: 'fail', result: -13 };
    } else if (this.rounds > 0) {
      this.rounds--;
      result = { status: 'more', reply: Buffer.from(`challenge ${this.rounds}`) };
    } else result = super.handleAuthRequest();
    return this.delayed ? sleep(5).then(() => result) : result;
  }

  override handleAuthRequest(...args: unknown[]): AuthServerResult {
    return this.answer(args[4] as Buffer) as AuthServerResult;
  }

  override handleAuthorizerV1(...args: unknown[]): AuthServerResult {
    return this.answer(args[2] as Buffer) as AuthServerResult;
  }
}

const BY_PROTOCOL = [VARIANTS[0], VARIANTS[2], VARIANTS[4]];

describe.each(BY_PROTOCOL)('$name', variant => {
  const modes = variant.mode === 'secure' ? [CON_MODE_SECURE] : [CON_MODE_CRC];

  it.each([false, true])('more rounds, the server asynchronous: %s', async delayed => {
    await using bench = new Bench(variant);
    const auth = new ScriptedAuth(random, modes, true);
    auth.delayed = delayed;
    auth.rounds = variant.protocol === 1 ? 1 : 3;
    const server = await bench.server({ authServer: auth });
    const client = bench.client({ authClient: auth });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1, '', [Buffer.alloc(50_000)]));
    await server.rec.until(() => server.rec.got.length === 1);
    expect(auth.seen).toEqual(
      variant.protocol === 1
        ? ['hello', 'answer to challenge 0']
        : ['', 'answer to challenge 2', 'answer to challenge 1', 'answer to challenge 0'],
    );
    expect(client.msgr.stats.msgr_connection_faults).toBe(0);
  });

  it('a refusal is told to the client, which may try again', async () => {
    await using bench = new Bench(variant);
    const auth = new ScriptedAuth(random, modes, true);
    auth.refusals = 2;
    const server = await bench.server({ authServer: auth });
    const client = bench.client({ authClient: auth, defaultPolicy: lossyClient() });
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    await server.rec.until(() => server.rec.got.length === 1);
    if (variant.protocol === 1) expect(auth.invalidated).toBe(2);
    else expect(auth.badMethods).toEqual(Array(2).fill([-13, 1, modes[0]]));
    expect(client.rec.events).toEqual(['connect']);
  });

  it('a peer that lacks a required feature gets no session', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ defaultPolicy: statelessServer(1n << 22n) });
    const supported = new Features(FEATURES_ALL & ~(1n << 22n));
    const client = bench.client({ defaultPolicy: { ...lossyClient(), featuresSupported: supported } });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    con.send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 2) await sleep(2);
    expect(con.isConnected).toBe(false);
    expect(server.rec.got).toEqual([]);
    expect([...server.rec.events, ...client.rec.events]).toEqual([]);
  });

  it('a peer at another life of its address gets no session', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const client = bench.client();
    const other = server.msgr.myAddrs.map(addr => ({ ...addr, nonce: addr.nonce + 1 }));
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, other);
    con.send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 2) await sleep(2);
    expect(con.isConnected).toBe(false);
    expect(server.rec.got).toEqual([]);
  });

  it('without an AuthServer nobody is let in, without an AuthClient nobody asks', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server({ authServer: undefined });
    const client = bench.client();
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    while (server.msgr.stats.msgr_connection_faults < 2) await sleep(2);
    const mute = bench.client({ authClient: undefined });
    mute.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(2));
    while (mute.msgr.stats.msgr_connection_faults < 1 && !mute.rec.events.includes('reset')) await sleep(2);
    expect(server.rec.got).toEqual([]);
    expect(bench.errors).toEqual([]);
  });
});

describe('protocol v2', () => {
  const [crc] = VARIANTS;

  it('a peer of another type than expected ends the session', async () => {
    await using bench = new Bench(crc);
    const server = await bench.server();
    const client = bench.client();
    client.msgr.connectTo(ENTITY_TYPE_MON, server.msgr.myAddrs);
    await client.rec.until(() => client.rec.events.length > 0);
    expect(client.rec.events).toEqual(['reset']);
  });

  it('modes that both ends do not share', async () => {
    await using bench = new Bench(crc);
    const server = await bench.server({ authServer: new FixedAuth(random, [CON_MODE_CRC]) });
    const auth = new ScriptedAuth(random, [CON_MODE_SECURE]);
    const client = bench.client({ authClient: auth });
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 1) await sleep(2);
    expect(auth.badMethods[0]).toEqual([-95, 1, CON_MODE_CRC]);
    expect(server.rec.got).toEqual([]);
  });

  it('secure mode without secrets is no session', async () => {
    class Poor extends FixedAuth {
      override handleAuthDone(con: AuthConnection, id: bigint, mode: number, payload: Buffer) {
        return { ...super.handleAuthDone(con, id, mode, payload), connectionSecret: Buffer.alloc(8) };
      }
    }
    await using bench = new Bench(VARIANTS[2]);
    const server = await bench.server();
    const client = bench.client({ authClient: new Poor(random, [CON_MODE_SECURE], true) });
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 1) await sleep(2);
    expect(server.rec.got).toEqual([]);
  });

  it('ends with different secrets do not understand each other', async () => {
    class Other extends FixedAuth {
      override handleAuthDone(con: AuthConnection, id: bigint, mode: number, payload: Buffer) {
        const done = super.handleAuthDone(con, id, mode, payload);
        const secret = Buffer.from(done.connectionSecret);
        secret[3] ^= 1;
        return { ...done, connectionSecret: secret };
      }
    }
    await using bench = new Bench(VARIANTS[2]);
    const server = await bench.server();
    const client = bench.client({ authClient: new Other(random, [CON_MODE_SECURE], true) });
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 1) await sleep(2);
    expect(server.rec.got).toEqual([]);
    expect(bench.logs.join()).toContain('does not authenticate');
  });

  it('a handshake changed on the way is noticed although every crc is right', async () => {
    await using bench = new Bench(crc);
    const server = await bench.server();
    const target = server.msgr.myAddrs[0];
    const open: Socket[] = [];
    // Replaces the acceptor's view of our address in its HELLO, which nothing but the signature protects.
    const proxy = createServer(near => {
      const far = tcpConnect(target.port, '127.0.0.1');
      open.push(near, far);
      for (const socket of [near, far]) socket.on('error', () => {});
      near.on('data', chunk => far.write(chunk));
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      far.on('data', chunk => {
        for (let at = 0; at + 72 <= chunk.length; at++) {
          // Preamble of a HELLO of 36 bytes; the port is 22 bytes into its payload.
          if (chunk[at] !== 1 || chunk[at + 1] !== 1 || chunk.readUInt32LE(at + 2) !== 36) continue;
          chunk[at + 32 + 22] ^= 0x55;
          chunk.writeUInt32LE(crc32c(chunk, 0xffffffff, at + 32, at + 68), at + 68);
          break;
        }
        near.write(chunk);
      });
    });
    await new Promise<void>(done => proxy.listen(0, '127.0.0.1', done));
    const { port } = proxy.address() as { port: number };
    const client = bench.client();
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, [makeEntityAddr(2, '127.0.0.1', port, target.nonce)]);
    con.send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 2) await sleep(2);
    await client.msgr.shutdown();
    for (const socket of open) socket.destroy();
    await new Promise(done => proxy.close(done));
    expect(bench.logs.join('\n')).toContain('signature of the handshake does not match');
    expect(server.rec.events).toEqual([]);
  });
});

describe('protocol v1', () => {
  const v1 = VARIANTS[4];

  it.each([true, false])('messages are signed with the session key (CEPHX_V2: %s)', async cephxV2 => {
    await using bench = new Bench(v1);
    const auth = new ScriptedAuth(random, [CON_MODE_CRC], true);
    auth.protocol = AUTH_CEPHX;
    const features = new Features(cephxV2 ? FEATURES_ALL : FEATURES_ALL & ~(1n << 61n));
    const server = await bench.server({ authServer: auth, defaultPolicy: statefulServer() });
    const policy = { ...losslessClient(), featuresSupported: features };
    const client = bench.client({ authClient: auth, defaultPolicy: policy });
    const con = client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs);
    for (let i = 0; i < 5; i++) con.send(new TestMessage(i, 'text', [Buffer.alloc(i * 9000, i)]));
    await server.rec.until(() => server.rec.got.length === 5);
    expect(server.msgr.stats.msgr_connection_faults).toBe(0);
  });

  it('a message signed with another key breaks the link', async () => {
    class Other extends ScriptedAuth {
      override verifyReplyV1(con: AuthConnection, reply: Buffer) {
        const done = super.verifyReplyV1(con, reply);
        return { ...done, sessionKey: Buffer.alloc(16, 9) };
      }
    }
    await using bench = new Bench(v1);
    const auth = new Other(random, [CON_MODE_CRC], true);
    auth.protocol = AUTH_CEPHX;
    const server = await bench.server({ authServer: auth });
    const client = bench.client({ authClient: auth, defaultPolicy: lossyClient() });
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    await client.rec.until(() => client.rec.events.includes('reset'));
    expect(server.rec.got).toEqual([]);
    expect(bench.logs.join()).toContain('signature of a message does not match');
  });

  it('a server that requires signatures refuses who cannot sign', async () => {
    await using bench = new Bench(v1);
    const auth = new ScriptedAuth(random, [CON_MODE_CRC], true);
    auth.protocol = AUTH_CEPHX;
    const server = await bench.server({
      authServer: auth,
      config: { cephx_service_require_signatures: true },
    });
    const policy = { ...lossyClient(), featuresSupported: new Features(FEATURES_ALL & ~(1n << 23n)) };
    const client = bench.client({ authClient: auth, defaultPolicy: policy });
    client.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(1));
    while (client.msgr.stats.msgr_connection_faults < 1) await sleep(2);
    expect(server.rec.got).toEqual([]);
    const signing = bench.client({ authClient: auth, defaultPolicy: lossyClient() });
    signing.msgr.connectTo(ENTITY_TYPE_OSD, server.msgr.myAddrs).send(new TestMessage(2));
    await server.rec.until(() => server.rec.got.length === 1);
  });
});
