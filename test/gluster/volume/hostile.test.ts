import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { NacreError } from '../../../src/base/errors.ts';
import { Volume } from '../../../src/gluster/volume/volume.ts';
import { prng } from '../../support/fuzz.ts';

/** A real server that answers each piece that it gets as it likes. */
async function listen(answer: (socket: Socket, data: Buffer) => void): Promise<[Server, number]> {
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.on('data', data => answer(socket, data));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return [server, (server.address() as { port: number }).port];
}

const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, i * 4);
  return bytes;
};
/** An accepted reply to the call in `data`, whose body is as given. */
const reply = (data: Buffer, body: Buffer) => {
  const record = Buffer.concat([data.subarray(4, 8), u32(1, 0, 0, 0, 0), body]);
  return Buffer.concat([u32(0x8000_0000 | record.length), record]);
};
const text = (value: string) =>
  Buffer.concat([u32(value.length), Buffer.from(value.padEnd((value.length + 3) & ~3, '\0'))]);
/** gf_getspec_rsp { int op_ret, op_errno; string spec<>; opaque xdata<>; } */
const getspec = (spec: string) => Buffer.concat([u32(spec.length, 0), text(spec), u32(0)]);

const MiB = 2 ** 20;

describe('a volume whose servers are not what they should be', () => {
  const servers: Server[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** What opening it fails with; it never takes longer, nor more memory, than it may. */
  async function failure(
    answer: (socket: Socket, data: Buffer) => void,
    options: { brick?: boolean; timeout?: number } = {},
  ): Promise<NacreError> {
    const [server, port] = await listen(answer);
    servers.push(server);
    const { timeout = 2000 } = options;
    const before = process.memoryUsage();
    let error: NacreError | undefined;
    try {
      const volfile = `volume c\n type protocol/client\n option remote-host 127.0.0.1\n option remote-port ${port}\n option remote-subvolume /b\n option transport-type tcp\nend-volume\n`;
      const volume = await (options.brick === true
        ? Volume.open('v', { volfile, timeout })
        : Volume.open('v', { servers: [{ host: '127.0.0.1', port }], timeout, tls: 'off' }));
      await volume.close();
    } catch (thrown) {
      error = thrown as NacreError;
    }
    const { arrayBuffers } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(32 * MiB);
    expect(error).toBeDefined();
    expect(error!.code).toMatch(/^E[A-Z]+$/);
    return error!;
  }

  const silent = () => {};
  const hangsUp = (socket: Socket) => void socket.destroy();
  const garbage = (socket: Socket) => void socket.write(Buffer.alloc(4096, 0x5a));
  const endless = (socket: Socket) => {
    // A record of 2 GiB in fragments of which each claims another.
    for (let i = 0; i < 64; i++)
      if (!socket.destroyed) socket.write(Buffer.concat([u32(0x7fff_fff0), Buffer.alloc(65536)]));
  };
  const short = (socket: Socket, data: Buffer) => void socket.write(reply(data, u32(0)));
  const lying = (socket: Socket, data: Buffer) =>
    void socket.write(reply(data, Buffer.concat([u32(0x7fff_ffff, 0, 0x7fff_ffff), Buffer.alloc(100)])));
  const slow = (socket: Socket, data: Buffer) => {
    const bytes = reply(data, getspec('volume x\n type no/such\nend-volume\n'));
    for (let i = 0; i < 20; i++)
      setTimeout(() => socket.destroyed || socket.write(bytes.subarray(i, i + 1)), i * 200).unref();
  };
  const KINDS = { silent, hangsUp, garbage, endless, short, lying, slow };

  for (const [name, answer] of Object.entries(KINDS)) {
    it(`glusterd: ${name}`, async () => {
      const error = await failure(answer);
      expect(error.message).not.toBe('');
      if (name === 'silent' || name === 'slow') expect(error.code).toBe('ETIMEDOUT');
    });
    it(`a brick: ${name}`, async () => {
      await failure(answer, { brick: true });
    });
  }

  it('a volfile of garbage is refused with what is wrong in it', async () => {
    for (const [spec, wrong] of [
      ['this is no volfile', /line 1/],
      ['volume a\n type no/such-layer\nend-volume\n', /no\/such-layer/],
      ['volume a\n type protocol/client\n', /end-volume|line/],
      ['volume a\n type debug/trace\n subvolumes nobody\nend-volume\n', /nobody/],
    ] as const) {
      const error = await failure((socket, data) => void socket.write(reply(data, getspec(spec))));
      expect(error.message).toMatch(wrong);
    }
  });

  it('bytes at random', async () => {
    const next = prng(7);
    for (let i = 0; i < 20; i++) {
      const bytes = Buffer.from(Uint8Array.from({ length: next() % 3000 }, () => next() & 0xff));
      const framed = next() % 2 === 0;
      const answer = (socket: Socket, data: Buffer) => void socket.write(framed ? reply(data, bytes) : bytes);
      await failure(answer, { brick: next() % 2 === 0, timeout: 300 });
    }
  });
});
