import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SocketHandler, TlsClientOptions } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { makeCertificates } from '../support/tls-certificates.ts';

interface Material {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

describe('TLS of connections that we make', () => {
  let dir: string;
  let server: Server;
  let port: number;
  let client: Material;
  let stranger: Material;
  const seen: string[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'nacre-tls-'));
    const ours = makeCertificates(join(dir, 'ours'), ['server', 'client']);
    const others = makeCertificates(join(dir, 'others'), ['client']);
    const load = (files: { cert: string; key: string; ca: string }): Material => ({
      cert: readFileSync(files.cert),
      key: readFileSync(files.key),
      ca: readFileSync(files.ca),
    });
    client = load(ours['client']);
    stranger = load(others['client']);
    // Echoes; only those whom its authority vouches for.
    server = createServer(
      { ...load(ours['server']), requestCert: true, rejectUnauthorized: true },
      socket => {
        seen.push(String(socket.getPeerCertificate().subject.CN));
        socket.on('error', () => {});
        socket.pipe(socket);
      },
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => {
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  /** Connects, sends, and reads as much back into lent memory; rejects with the connection's error. */
  function echo(tls: TlsClientOptions, data: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const back = Buffer.alloc(data.length);
      let at = 0;
      const handler: SocketHandler = {
        onConnect: () => socket.write(data),
        readBuffer: () => back.subarray(at, Math.min(at + 50_000, back.length)),
        onRead: n => {
          at += n;
          if (at === back.length) {
            resolve(back);
            socket.destroy();
          }
        },
        onDrain() {},
        onClose: error => reject(error ?? new Error('closed')),
      };
      const socket = nodeEnv.net.connect({ host: '127.0.0.1', port }, handler, { tls, keepAliveMs: 10_000 });
    });
  }

  it('carries bytes into lent memory', async () => {
    const data = Buffer.alloc(400_000);
    for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(i, i);
    expect((await echo(client, data)).equals(data)).toBe(true);
    expect(seen).toEqual(['client']);
  });

  it('refuses a server that its authority does not vouch for', async () => {
    await expect(echo({ ...client, ca: stranger.ca }, Buffer.from('x'))).rejects.toThrow(/certificate/);
  });

  it('is refused with a certificate of somebody else', async () => {
    await expect(echo({ ...stranger, ca: client.ca }, Buffer.from('x'))).rejects.toThrow();
    expect(seen).toEqual(['client']);
  });

  it('asks for a name only where one is given', async () => {
    await expect(echo({ ...client, name: 'elsewhere' }, Buffer.from('x'))).rejects.toThrow(/altnames|Host/i);
  });
});
