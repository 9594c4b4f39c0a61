import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { NacreError } from '../../../src/base/errors.ts';
import { nodeEnv } from '../../../src/env/node.ts';
import { RpcCall, RpcConnection, type RpcConnectionOptions } from '../../../src/gluster/rpc/connection.ts';
import { type CallHeader, decodeCallHeader } from '../../../src/gluster/rpc/message.ts';
import { DUMP_PING, DUMP_PROGRAM, FOP_PROGRAM, OP } from '../../../src/gluster/rpc/programs.ts';
import { RecordReader } from '../../../src/gluster/rpc/record-reader.ts';
import { XdrDecoder } from '../../../src/gluster/rpc/xdr-decoder.ts';

class Recorded extends RpcCall {
  readonly done: Promise<string>;
  private settle!: (text: string) => void;

  constructor() {
    super();
    this.done = new Promise(resolve => {
      this.settle = resolve;
    });
  }

  reply(d: XdrDecoder): void {
    this.settle(`reply ${d.text()}`);
  }

  fail(errno: number, message: string): void {
    this.settle(`${errno} ${message}`);
  }
}

function record(...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const mark = Buffer.alloc(4);
  mark.writeUInt32BE((0x8000_0000 | body.length) >>> 0);
  return Buffer.concat([mark, body]);
}

const u32 = (...values: number[]) => {
  const b = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    b.writeUInt32BE(value >>> 0, i * 4);
  });
  return b;
};

const accepted = (xid: number, body: Buffer) => record(u32(xid, 1, 0, 0, 0, 0), body);
const text = (value: string) =>
  Buffer.concat([u32(value.length), Buffer.from(value.padEnd((value.length + 3) & ~3, '\0'))]);

/** A real server whose answers the test writes byte by byte. */
class Peer {
  readonly server: Server;
  readonly calls: CallHeader[] = [];
  socket: Socket | undefined;
  onCall: (header: CallHeader, d: XdrDecoder, socket: Socket) => void = () => {};

  constructor() {
    this.server = createServer(socket => {
      this.socket = socket;
      socket.on('error', () => {});
      const reader = new RecordReader(64 << 20, d => {
        const own = new XdrDecoder(Buffer.from(d.buf.subarray(d.offset, d.limit)));
        const xid = own.u32();
        own.skip(4);
        const header = decodeCallHeader(own, xid);
        this.calls.push(header);
        this.onCall(header, own, socket);
      });
      socket.on('data', (data: Buffer) => reader.consume(data, data.length));
    });
  }

  async listen(): Promise<{ host: string; port: number }> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return { host: '127.0.0.1', port: (this.server.address() as { port: number }).port };
  }
}

describe('an RPC connection', () => {
  let peer: Peer;
  let connection: RpcConnection;
  let downs: NacreError[];
  const callbacks: CallHeader[] = [];

  async function connect(options: RpcConnectionOptions = {}): Promise<void> {
    peer = new Peer();
    downs = [];
    const address = await peer.listen();
    await new Promise<void>((resolve, reject) => {
      connection = new RpcConnection(
        nodeEnv,
        address,
        {
          onUp: resolve,
          onDown: error => {
            downs.push(error);
            reject(error);
          },
          onCall: header => callbacks.push(header),
        },
        options,
      );
    });
  }

  function call(argument = 'x'): Recorded {
    const made = new Recorded();
    connection.begin(FOP_PROGRAM, 400, OP.STAT).text(argument);
    connection.submit(made);
    return made;
  }

  afterEach(() => {
    connection?.close();
    peer?.socket?.destroy();
    peer?.server.close();
  });

  it("matches replies to calls, in any order, and takes the peer's own calls", async () => {
    await connect();
    const xids: number[] = [];
    peer.onCall = ({ xid }, d, socket) => {
      xids.push(xid);
      expect(d.text()).toBe(`argument ${xids.length}`);
      if (xids.length < 3) return;
      const callback = record(u32(1, 0, 2, 52743234, 1, 1, 0, 0, 0, 0));
      socket.write(Buffer.concat([...xids].reverse().map(x => accepted(x, text(`to ${x}`)))));
      socket.write(callback);
      socket.write(accepted(4711, text('nobody asked')));
    };
    const made = ['argument 1', 'argument 2', 'argument 3'].map(call);
    const answers = await Promise.all(made.map(c => c.done));
    expect(answers).toEqual(xids.map(x => `reply to ${x}`));
    expect(connection.outstanding).toBe(0);
    const last = call('argument 4');
    await expect.poll(() => callbacks.length).toBe(1);
    expect(callbacks[0]).toMatchObject({ program: 52743234, procedure: 1 });
    connection.close();
    expect(await last.done).toMatch(/^107 /);
  });

  it('sends what was called in one turn in few pieces, payloads by reference', async () => {
    await connect();
    let got = 0;
    peer.onCall = ({ xid }, d, socket) => {
      got += d.remaining;
      socket.write(accepted(xid, text('ok')));
    };
    const payload = Buffer.alloc(300_000, 1);
    const made = Array.from({ length: 20 }, () => {
      const c = new Recorded();
      const e = connection.begin(FOP_PROGRAM, 400, OP.WRITE);
      e.ref(payload);
      connection.submit(c);
      return c.done;
    });
    expect(new Set(await Promise.all(made))).toEqual(new Set(['reply ok']));
    expect(got).toBe(20 * payload.length);
  });

  it('keeps back what nobody waits for, and sends it together behind the rest', async () => {
    await connect();
    const order: string[] = [];
    peer.onCall = ({ xid, procedure }, d, socket) => {
      order.push(`${procedure} ${d.text()}`);
      socket.write(accepted(xid, text('ok')));
    };
    const lazily = (argument: string): Recorded => {
      const made = new Recorded();
      connection.begin(FOP_PROGRAM, 400, OP.RELEASE).text(argument);
      connection.submitLazily(made);
      return made;
    };
    const first = lazily('first');
    const second = lazily('second');
    await call('waited for').done;
    expect(await first.done).toBe('reply ok');
    expect(await second.done).toBe('reply ok');
    expect(order).toEqual([`${OP.STAT} waited for`, `${OP.RELEASE} first`, `${OP.RELEASE} second`]);
    // Many do not wait for the end of the time, and one that is too large to be kept goes as well.
    const many = Array.from({ length: 100 }, (_, i) => lazily(`${i}`));
    const large = lazily('x'.repeat(10_000));
    expect(new Set(await Promise.all([...many, large].map(each => each.done)))).toEqual(
      new Set(['reply ok']),
    );
    expect(new Set(order).size).toBe(order.length);
    const never = lazily('never');
    connection.close();
    expect(await never.done).toMatch(/^107 /);
  });

  it('places a large reply where it stays, in however many reads it comes', async () => {
    await connect();
    const payload = Buffer.alloc(700_000);
    for (let i = 0; i < payload.length; i += 4) payload.writeUInt32BE(i, i);
    peer.onCall = ({ xid }, _d, socket) => {
      const bytes = accepted(xid, payload);
      for (let at = 0; at < bytes.length; at += 77_777) socket.write(bytes.subarray(at, at + 77_777));
    };
    class Bulk extends RpcCall {
      readonly done: Promise<Buffer>;
      settle!: (b: Buffer) => void;
      constructor() {
        super();
        this.done = new Promise(resolve => {
          this.settle = resolve;
        });
      }
      reply(d: XdrDecoder): void {
        expect(d.owned).toBe(true);
        this.settle(d.payload(d.remaining));
      }
      fail(): void {
        this.settle(Buffer.alloc(0));
      }
    }
    const made = [1, 2, 3].map(() => {
      const c = new Bulk();
      connection.begin(FOP_PROGRAM, 400, OP.READ);
      connection.submit(c);
      return c.done;
    });
    for (const data of await Promise.all(made)) expect(data.equals(payload)).toBe(true);
  });

  it.each([
    ['a record that is too long', u32(0xffff_ffff), /announced/],
    ['a message of no kind', record(u32(1, 7, 0)), /message of type 7/],
    ['a reply that is cut off in its header', record(u32(1, 1, 0, 0)), /bytes wanted/],
    ['a verifier that is too long', record(u32(1, 1, 0, 0, 100_000)), /verifier/],
  ])('%s ends the connection, and says why', async (_what, bytes, why) => {
    await connect({ maxRecord: 1 << 20 });
    peer.onCall = (_header, _d, socket) => socket.write(bytes);
    const before = process.memoryUsage().arrayBuffers;
    expect(await call().done).toMatch(why);
    expect(downs[0]).toMatchObject({ code: 'EBADMSG' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  });

  it('a reply that makes no sense fails its call alone', async () => {
    await connect();
    peer.onCall = ({ xid }, d, socket) =>
      socket.write(d.text() === 'bad' ? accepted(xid, u32(1000)) : accepted(xid, text('good')));
    const bad = call('bad');
    const good = call('fine');
    expect(await bad.done).toMatch(/^74 .*bytes wanted/);
    expect(await good.done).toBe('reply good');
    expect(downs).toEqual([]);
  });

  it('says what a server has against a call', async () => {
    await connect();
    let n = 0;
    const refusals = [
      [1, 0, 0, 0, 1],
      [1, 0, 0, 0, 2, 3, 4],
      [1, 1, 0, 2, 2],
      [1, 1, 1, 5],
    ];
    peer.onCall = ({ xid }, _d, socket) => socket.write(record(u32(xid, ...refusals[n++])));
    expect(await call().done).toMatch(/program is not there/);
    expect(await call().done).toMatch(/version of the program/);
    expect(await call().done).toMatch(/RPC versions 2 to 2/);
    expect(await call().done).toMatch(/authentication refused \(5\)/);
  });

  it('a peer that goes away in the middle of a reply', async () => {
    await connect();
    peer.onCall = ({ xid }, _d, socket) => socket.end(accepted(xid, text('half of it')).subarray(0, 30));
    const [a, b] = [call(), call()];
    expect(await a.done).toMatch(/^107 /);
    expect(await b.done).toMatch(/^107 /);
    expect(downs).toHaveLength(1);
    expect(await call().done).toMatch(/^107 .*not connected/);
  });

  it('gives up a call that is not answered, and goes on', async () => {
    await connect({ callTimeoutMs: 200 });
    peer.onCall = ({ xid }, d, socket) => {
      if (d.remaining > 0 && d.text() === 'fast') socket.write(accepted(xid, text('ok')));
    };
    const slow = call('slow');
    expect(await call('fast').done).toBe('reply ok');
    expect(await slow.done).toMatch(/^110 .*no reply/);
    expect(downs).toEqual([]);
  });

  it('a silent peer is pinged, and then dropped', async () => {
    await connect({ pingTimeoutMs: 400 });
    const waiting = call();
    expect(await waiting.done).toMatch(/silent for 0.4 s/);
    expect(downs[0].code).toBe('ETIMEDOUT');
    expect(peer.calls.some(c => c.program === DUMP_PROGRAM && c.procedure === DUMP_PING)).toBe(true);
  });

  it('a peer that answers pings may take its time', async () => {
    await connect({ pingTimeoutMs: 300 });
    peer.onCall = ({ xid, program }, _d, socket) => {
      if (program === DUMP_PROGRAM) socket.write(accepted(xid, u32(0, 0, 0)));
      else setTimeout(() => socket.write(accepted(xid, text('late'))), 1200);
    };
    expect(await call().done).toBe('reply late');
  });

  it('fails to connect with the reason', async () => {
    const down = new Promise<NacreError>(resolve => {
      connection = new RpcConnection(nodeEnv, { host: '127.0.0.1', port: 1 }, { onUp() {}, onDown: resolve });
    });
    const waiting = call();
    expect(await down).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await waiting.done).toMatch(/^107 /);
  });

  it('says when too much waits to be sent, and when there is room again', async () => {
    await connect({ maxQueued: 1 << 20 });
    peer.socket ?? (await expect.poll(() => peer.socket).toBeDefined());
    peer.socket!.pause();
    const payload = Buffer.alloc(1 << 20);
    const made: Recorded[] = [];
    while (!connection.congested && made.length < 64) {
      const c = new Recorded();
      const e = connection.begin(FOP_PROGRAM, 400, OP.WRITE);
      e.ref(payload);
      connection.submit(c);
      made.push(c);
      connection.flush();
    }
    expect(connection.congested).toBe(true);
    expect(made.length).toBeLessThan(64);
    const drained = new Promise<void>(resolve => connection.whenDrained(resolve));
    peer.socket!.resume();
    await drained;
    expect(connection.congested).toBe(false);
  });
});
