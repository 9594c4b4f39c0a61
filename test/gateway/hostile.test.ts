import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { NBD_EINVAL, NBD_ESHUTDOWN } from '../../src/gateway/nbd/errors.ts';
import { NbdServer, type NbdServerOptions } from '../../src/gateway/nbd/index.ts';
import {
  CMD_DISC,
  CMD_FLUSH,
  CMD_READ,
  CMD_WRITE,
  MAX_PAYLOAD,
  OPT_EXPORT_NAME,
  OPT_LIST,
  OPT_STARTTLS,
  REP_ACK,
  REP_ERR_INVALID,
  REP_ERR_TOO_BIG,
  REP_ERR_UNSUP,
} from '../../src/gateway/nbd/protocol.ts';
import { prng } from '../support/fuzz.ts';
import { goBytes, optionBytes, RawNbdClient, requestBytes } from '../support/nbd-raw.ts';
import { MemoryDevice } from './memory-device.ts';

const MIB = 1 << 20;

// Clients that break the protocol, or keep it to do harm, over real sockets.
describe('an NBD server among the hostile', () => {
  let dir: string;
  let device: MemoryDevice;
  let server: NbdServer;
  let path: string;
  const said: string[] = [];

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-nbd-'));
    said.length = 0;
  });

  afterEach(async () => {
    device.release();
    await server.close({ graceMs: 100 });
    rmSync(dir, { recursive: true, force: true });
  });

  async function serve(options: NbdServerOptions = {}): Promise<void> {
    device = new MemoryDevice(64 * MIB);
    server = new NbdServer({ exports: [{ name: 'd', device }], log: line => said.push(line), ...options });
    path = join(dir, 's');
    await server.listen({ path });
  }

  const client = () => RawNbdClient.connect(path);

  async function entered(): Promise<RawNbdClient> {
    const made = await client();
    await made.enter('d');
    return made;
  }

  /** A decent client is served as before. */
  async function expectServing(): Promise<void> {
    const decent = await entered();
    decent.write(requestBytes(CMD_READ, 1, 0, 512));
    expect(await decent.reply(512)).toMatchObject({ cookie: 1, error: 0 });
    decent.write(requestBytes(CMD_DISC, 2, 0, 0));
    await decent.rest();
  }

  it('drops who breaks the handshake', async () => {
    await serve();
    const bad: readonly (readonly [string, (each: RawNbdClient) => Promise<void>])[] = [
      ['client flags', each => each.greet(1 << 7)],
      [
        'without its magic',
        async each => {
          await each.greet();
          each.write(Buffer.from('IHAVENONIHAVENON'));
        },
      ],
      [
        'option 77',
        async each => {
          await each.greet();
          each.write(optionBytes(77, undefined, 0xffffffff));
        },
      ],
      [
        'option 1',
        async each => {
          await each.greet();
          each.write(optionBytes(OPT_EXPORT_NAME, undefined, 80_000));
        },
      ],
      [
        'not UTF-8',
        async each => {
          await each.greet();
          each.write(optionBytes(OPT_EXPORT_NAME, Buffer.from([0xff, 0xfe])));
        },
      ],
      [
        'no export',
        async each => {
          await each.greet();
          each.write(optionBytes(OPT_EXPORT_NAME, Buffer.from('x')));
        },
      ],
    ];
    for (const [why, act] of bad) {
      const each = await client();
      await act(each);
      expect(await each.rest(), why).toHaveLength(0);
      await vi.waitFor(() => expect(said.at(-1)).toContain(why));
    }
    await expectServing();
  });

  it('refuses options that are too big or broken, and goes on', async () => {
    await serve();
    const each = await client();
    await each.greet();
    each.write(optionBytes(OPT_LIST, Buffer.alloc(200_000)));
    expect((await each.optionReply()).type).toBe(REP_ERR_TOO_BIG);
    // Lengths within that are more than there is.
    const lying = Buffer.alloc(12, 0xff);
    for (const option of [6, 7, 9, 10]) {
      each.write(optionBytes(option, lying));
      expect((await each.optionReply()).type).toBe(REP_ERR_INVALID);
    }
    each.write(optionBytes(4711, Buffer.from('what is this')));
    expect((await each.optionReply()).type).toBe(REP_ERR_UNSUP);
    // All at once, byte by byte.
    for (const byte of Buffer.concat([optionBytes(OPT_LIST), goBytes('d')])) {
      each.write(Buffer.from([byte]));
      if (byte === 7) await new Promise(setImmediate);
    }
    const types: number[] = [];
    while (types.length < 4) types.push((await each.optionReply()).type);
    expect(types).toEqual([2, REP_ACK, 3, REP_ACK]);
    each.write(requestBytes(CMD_READ, 9, 0, 4));
    expect((await each.reply(4)).data).toHaveLength(4);
    each.socket.destroy();
  });

  it('does not wait for who says nothing, or stops within a word', async () => {
    await serve({ handshakeMs: 150 });
    const silent = await client();
    const slow = await client();
    await slow.greet();
    slow.write(optionBytes(OPT_LIST, undefined, 500));
    await Promise.all([silent.rest(), slow.rest()]);
    await vi.waitFor(() => expect(said.filter(line => line.includes('too long'))).toHaveLength(2));
    // Who is in the transmission phase may be silent.
    const quiet = await entered();
    await new Promise(resolve => setTimeout(resolve, 300));
    quiet.write(requestBytes(CMD_FLUSH, 5, 0, 0));
    expect(await quiet.reply()).toMatchObject({ cookie: 5, error: 0 });
    quiet.socket.destroy();
  });

  it('takes nothing in the clear for something encrypted', async () => {
    await serve({ tls: { psk: new Map([['a', Buffer.alloc(32, 1)]]) } });
    const injecting = await client();
    await injecting.greet();
    injecting.write(Buffer.concat([optionBytes(OPT_STARTTLS), goBytes('d')]));
    expect(await injecting.rest()).toHaveLength(0);
    expect(said.at(-1)).toContain('between');
    const plain = await client();
    await plain.greet();
    plain.write(optionBytes(OPT_STARTTLS));
    expect((await plain.optionReply()).type).toBe(REP_ACK);
    plain.write(goBytes('d'));
    // TLS's alert is all that may come.
    expect((await plain.rest()).length).toBeLessThan(20);
    expect(server.clients).toBe(0);
  });

  it('refuses a write that is too long, and drops who means gigabytes', async () => {
    await serve();
    const each = await entered();
    each.write(requestBytes(CMD_WRITE, 1, 0, MAX_PAYLOAD + 1), Buffer.alloc(MAX_PAYLOAD + 1, 5));
    expect(await each.reply()).toMatchObject({ cookie: 1, error: NBD_EINVAL });
    expect(server.bytesHeld).toBe(0);
    each.write(requestBytes(99, 2, 0, 0), requestBytes(CMD_READ, 3, 0, 4, 0x8000));
    expect((await each.reply()).error).toBe(NBD_EINVAL);
    expect((await each.reply()).error).toBe(NBD_EINVAL);
    each.write(requestBytes(CMD_WRITE, 4, 0, 0xffffffff));
    expect(await each.rest()).toHaveLength(0);
    const wrong = await entered();
    wrong.write(Buffer.alloc(28, 0x25));
    expect(await wrong.rest()).toHaveLength(0);
    expect(device.bytes[0]).toBe(0);
    await expectServing();
  });

  it('survives noise at every stage', async () => {
    await serve();
    const next = prng(4);
    for (let n = 0; n < 150; n++) {
      const each = await client();
      if (n % 3 > 0) await each.greet();
      if (n % 3 > 1) {
        each.write(goBytes('d'));
        await each.optionReply();
      }
      const noise = Buffer.alloc(1 + (next() % 5000));
      for (let i = 0; i < noise.length; i++) noise[i] = next();
      // Often with a beginning that is right.
      if (n % 2 === 0)
        (n % 3 === 2 ? requestBytes(CMD_WRITE, 1, 0, next() % 9000) : optionBytes(next() % 12)).copy(noise);
      each.socket.end(noise);
      each.socket.resume();
      await each.closed;
    }
    await vi.waitFor(() => expect(server.clients).toBe(0));
    expect(server.bytesHeld).toBe(0);
    await expectServing();
  });

  it('holds no more for those who take no replies than it was told', async () => {
    const maxBytes = 4 * MIB;
    const maxTotalBytes = 10 * MIB;
    await serve({ maxBytes, maxTotalBytes, maxRequests: 64 });
    const greedy = await Promise.all(Array.from({ length: 6 }, entered));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, server.bytesHeld);
    }, 1);
    for (const each of greedy) {
      each.socket.pause();
      for (let n = 0; n < 500; n++) each.write(requestBytes(CMD_READ, n, 0, MIB));
    }
    // While they sit there, others get their turn.
    for (let n = 0; n < 5; n++) await expectServing();
    clearInterval(watch);
    expect(most).toBeGreaterThan(maxBytes);
    // Each may go over the limit with the one request that it had begun.
    expect(most).toBeLessThanOrEqual(maxTotalBytes + 7 * MIB);
    for (const each of greedy) each.socket.destroy();
    await vi.waitFor(() => expect(server.bytesHeld).toBe(0));
  });

  it('gives the device no more requests of one client than it was told', async () => {
    await serve({ maxRequests: 32 });
    device.held = [];
    const each = await entered();
    for (let n = 0; n < 5000; n++) each.write(requestBytes(CMD_FLUSH, n, 0, 0));
    await vi.waitFor(() => expect(device.held).toHaveLength(32));
    await new Promise(resolve => setTimeout(resolve, 50));
    expect(device.held).toHaveLength(32);
    device.release();
    for (let n = 0; n < 5000; n++) expect((await each.reply()).cookie).toBe(n);
    each.socket.destroy();
  });

  it('forgets those who leave within a write, or before their reply', async () => {
    await serve();
    const half = await entered();
    half.write(requestBytes(CMD_WRITE, 1, 0, 8 * MIB), Buffer.alloc(5 * MIB, 7));
    await vi.waitFor(() => expect(server.bytesHeld).toBe(8 * MIB));
    half.socket.destroy();
    await vi.waitFor(() => expect(server.bytesHeld).toBe(0));
    expect(device.bytes[0]).toBe(0);
    device.held = [];
    const gone = await entered();
    gone.write(requestBytes(CMD_READ, 1, 0, MIB), requestBytes(CMD_WRITE, 2, 0, 4), Buffer.from('done'));
    await vi.waitFor(() => expect(device.held).toHaveLength(2));
    gone.socket.destroy();
    await gone.closed;
    device.release();
    await vi.waitFor(() => expect(server.bytesHeld).toBe(0));
    expect(device.bytes.toString('latin1', 0, 4)).toBe('done');
  });

  it('turns away those who are too many, until one goes', async () => {
    await serve({ maxConnections: 2 });
    const one = await entered();
    const two = await entered();
    const three = await client();
    expect(await three.rest()).toHaveLength(0);
    one.socket.destroy();
    await vi.waitFor(() => expect(server.clients).toBe(1));
    await expectServing();
    two.socket.destroy();
  });

  it('answers what is under way before it goes, and refuses what is new', async () => {
    await serve();
    device.held = [];
    const each = await entered();
    const lingering = await client();
    each.write(requestBytes(CMD_WRITE, 1, 0, 4), Buffer.from('last'));
    await vi.waitFor(() => expect(device.held).toHaveLength(1));
    const closing = server.close();
    each.write(requestBytes(CMD_READ, 2, 0, 4));
    expect(await each.reply()).toMatchObject({ cookie: 2, error: NBD_ESHUTDOWN });
    const flushes = device.flushes;
    device.release();
    expect(await each.reply()).toMatchObject({ cookie: 1, error: 0 });
    expect(await each.rest()).toHaveLength(0);
    await lingering.rest();
    await closing;
    expect(device.flushes).toBe(flushes + 1);
    expect(device.bytes.toString('latin1', 0, 4)).toBe('last');
    await expect(client()).rejects.toThrow();
  });

  it('cuts those whose requests do not end in time', async () => {
    await serve();
    device.held = [];
    const each = await entered();
    each.write(requestBytes(CMD_WRITE, 1, 0, 4), Buffer.from('slow'));
    await vi.waitFor(() => expect(device.held).toHaveLength(1));
    const closing = server.close({ graceMs: 100 });
    expect(await each.rest()).toHaveLength(0);
    device.release();
    await closing;
    expect(device.bytes.toString('latin1', 0, 4)).toBe('slow');
  });
});
