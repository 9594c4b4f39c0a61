import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NetAddress, Socket, SocketHandler } from '../../src/env/env.ts';
import { nodeNet } from '../../src/env/node-net.ts';

/** Reads into a lent buffer of `size` bytes and keeps all that came. */
class Collector implements SocketHandler {
  readonly got: Buffer[] = [];
  readonly buffer: Buffer;
  readonly closed: Promise<Error | undefined>;
  connected = false;
  onData: (bytes: Buffer) => void = () => {};
  private resolveClosed!: (error?: Error) => void;

  constructor(size: number) {
    this.buffer = Buffer.alloc(size);
    this.closed = new Promise(resolve => {
      this.resolveClosed = resolve;
    });
  }

  onConnect(): void {
    this.connected = true;
  }
  readBuffer(): Uint8Array {
    return this.buffer;
  }
  onRead(n: number): void {
    const bytes = Buffer.from(this.buffer.subarray(0, n));
    this.got.push(bytes);
    this.onData(bytes);
  }
  onDrain(): void {}
  onClose(error?: Error): void {
    this.resolveClosed(error);
  }
}

describe('nodeNet', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'nacre-net-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it.each(['tcp', 'unix'])(
    'carries bytes both ways over %s, into lent memory of any size, and closes',
    async kind => {
      const at: NetAddress = kind === 'tcp' ? { host: '127.0.0.1', port: 0 } : { path: join(dir, 's') };
      const payload = Buffer.alloc(300_000);
      for (let i = 0; i < payload.length; i++) payload[i] = i * 31 + (i >> 8);
      const echo = new Collector(7);
      const listener = await nodeNet.listen(at, socket => {
        echo.onData = bytes => socket.write(bytes);
        return echo;
      });
      const client = new Collector(64 * 1024);
      const all = new Promise<void>(resolve => {
        let n = 0;
        client.onData = bytes => {
          n += bytes.length;
          if (n === payload.length) resolve();
        };
      });
      const socket = nodeNet.connect(listener.address, client);
      socket.write(payload);
      await all;
      expect(Buffer.concat(client.got).equals(payload)).toBe(true);
      expect(Buffer.concat(echo.got).equals(payload)).toBe(true);
      expect([client.connected, echo.connected]).toEqual([true, true]);
      socket.end();
      expect(await echo.closed).toBeUndefined();
      expect(await client.closed).toBeUndefined();
      await listener.close();
    },
  );

  it('closes a listener that has open connections', async () => {
    const accepted: Socket[] = [];
    const server = new Collector(10);
    const listener = await nodeNet.listen({ host: '127.0.0.1', port: 0 }, socket => {
      accepted.push(socket);
      return server;
    });
    const client = new Collector(10);
    const greeted = new Promise<void>(resolve => {
      client.onData = () => resolve();
    });
    nodeNet.connect(listener.address, client);
    while (accepted.length === 0) await new Promise(resolve => setImmediate(resolve));
    accepted[0].write(Buffer.from('hi'));
    await greeted;
    await listener.close();
    await listener.close();
    await Promise.all([client.closed, server.closed]);
  });

  it('tells why it cannot connect or listen', async () => {
    const client = new Collector(10);
    nodeNet.connect({ path: join(dir, 'nobody') }, client);
    expect(await client.closed).toMatchObject({ code: 'ENOENT' });
    expect(client.connected).toBe(false);
    await using first = await nodeNet.listen({ host: '127.0.0.1', port: 0 }, () => new Collector(1));
    await expect(nodeNet.listen(first.address, () => new Collector(1))).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});
