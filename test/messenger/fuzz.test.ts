import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/base/crc32c.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { NacreError } from '../../src/base/errors.ts';
import { CONTROL_DECODERS, encodeIdent, encodeReconnect } from '../../src/ceph/messenger/control-frames.ts';
import {
  TAG_ACK,
  TAG_AUTH_DONE,
  TAG_HELLO,
  TAG_KEEPALIVE2,
  TAG_MESSAGE,
} from '../../src/ceph/messenger/frames-v2.ts';
import { MESSENGER_DEFAULTS } from '../../src/ceph/messenger/options.ts';
import { ReaderV1 } from '../../src/ceph/messenger/reader-v1.ts';
import { BANNER, HEADER_SIZE, TAG_MSG } from '../../src/ceph/messenger/wire-v1.ts';
import { makeEntityAddr } from '../../src/ceph/types/entity-addr.ts';
import { fuzzDecoder, prng } from '../support/fuzz.ts';
import { Collector, FRAMINGS, type TestFrame, writeFrames } from './frames.ts';
import { Bench, sleep, TestMessage, VARIANTS } from './support.ts';

const EMPTY = Buffer.alloc(0);
/** Small enough that a lie about a length is told from the truth. */
const LIMITS = {
  max_front_bytes: 300_000,
  max_middle_bytes: 100_000,
  max_data_bytes: 1_000_000,
  max_control_bytes: 50_000,
};
/** What a reader may hold: its chunk and one message of the largest kind, some times over for what is handed out. */
const MOST_MEMORY = 4_000_000;

function noise(next: () => number, n: number): Buffer {
  const b = Buffer.alloc(n);
  for (let i = 0; i < n; i++) b[i] = next();
  return b;
}

function someFrames(next: () => number, count: number, largest: number): TestFrame[] {
  const frames: TestFrame[] = [];
  const size = () => {
    const kind = next() % 5;
    return kind === 0 ? 0 : kind === 1 ? next() % 64 : kind < 4 ? next() % 4000 : next() % largest;
  };
  for (let i = 0; i < count; i++) {
    const kind = next() % 4;
    if (kind === 0)
      frames.push({
        tag: [TAG_HELLO, TAG_ACK, TAG_KEEPALIVE2, TAG_AUTH_DONE][next() % 4],
        parts: [noise(next, next() % 200)],
      });
    else
      frames.push({
        tag: TAG_MESSAGE,
        parts: [noise(next, size()), next() % 4 ? EMPTY : noise(next, size()), noise(next, size())],
      });
  }
  return frames;
}

function same(got: readonly TestFrame[], wanted: readonly TestFrame[]): boolean {
  return (
    got.length === wanted.length &&
    got.every(
      (frame, i) =>
        frame.tag === wanted[i].tag &&
        frame.parts.length === wanted[i].parts.length &&
        frame.parts.every((part, k) => part.equals(wanted[i].parts[k])),
    )
  );
}

/** Whatever the bytes are: the reader takes them or refuses them with an error of its own. */
function attempt(run: () => void, what: string): NacreError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof NacreError) return error;
    throw new Error(`${what}: ${String(error)}`, { cause: error });
  }
}

describe.each(FRAMINGS)('frames $name', framing => {
  it('come out as they went in, however the stream is cut', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const next = prng(seed);
      const frames = someFrames(next, 30, seed % 4 === 0 ? 200_000 : 20_000);
      const { bytes } = writeFrames(framing, frames);
      const c = new Collector(framing);
      c.holdEvery = seed % 3;
      if (seed % 2 === 0) {
        const most = [1, 7, 100, 5000, 1 << 20][seed % 5];
        c.read(bytes.subarray(0, most === 1 ? Math.min(bytes.length, 200_000) : bytes.length), most);
        if (most === 1) {
          expect(same(c.frames, frames.slice(0, c.frames.length))).toBe(true);
          continue;
        }
      } else {
        for (let at = 0; at < bytes.length; ) {
          const n = 1 + (next() % (next() % 3 === 0 ? 100_000 : 3000));
          c.reader.onBuffer(Buffer.from(bytes.subarray(at, at + n)));
          while (c.reader.held) c.reader.resume();
          at += n;
        }
      }
      expect(same(c.frames, frames)).toBe(true);
    }
  });

  it('survive changed, cut and inserted bytes with an error and bounded memory', () => {
    const next = prng(0xbeef + Number(framing.revision1) + 2 * Number(framing.secure));
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const frames = someFrames(next, 6, i % 20 === 0 ? 100_000 : 3000);
      const { bytes } = writeFrames(framing, frames);
      const hurt = Buffer.from(bytes);
      const kind = next() % 4;
      let input: Buffer = hurt;
      if (kind === 0)
        for (let k = 1 + (next() % 4); k > 0; k--) hurt[next() % hurt.length] ^= 1 + (next() % 255);
      else if (kind === 1) {
        const at = next() % hurt.length;
        input = Buffer.concat([hurt.subarray(0, at), hurt.subarray(at + 1 + (next() % 40))]);
      } else if (kind === 2) {
        const at = next() % hurt.length;
        input = Buffer.concat([hurt.subarray(0, at), noise(next, 1 + (next() % 40)), hurt.subarray(at)]);
      } else input = noise(next, next() % 3000);
      const c = new Collector(framing, LIMITS);
      const error = attempt(() => c.read(input, 1 + (next() % 5000)), `case ${i}`);
      if (error !== undefined) {
        refused++;
        expect(['EPROTO', 'EBADMSG']).toContain(error.code);
      }
      expect(c.allocated).toBeLessThan(MOST_MEMORY);
      // What was let through before is what was sent, as far as checks tell: crc and tags cover all content.
      for (const frame of c.frames)
        if (kind !== 3) expect(frames.some(f => f.tag === frame.tag && same([frame], [f]))).toBe(true);
    }
    expect(refused).toBeGreaterThan(700);
  });

  it('with lying lengths are refused before memory is taken', () => {
    const next = prng(77);
    for (let i = 0; i < 400; i++) {
      const plain = { ...framing, secure: false };
      const { bytes, starts } = writeFrames(plain, someFrames(next, 3, 3000));
      const at = starts[next() % starts.length];
      const which = next() % 4;
      bytes[at] = next() % 3 === 0 ? next() : TAG_MESSAGE;
      if (next() % 2) bytes[at + 1] = next() % 8;
      bytes.writeUInt32LE(
        next() % 2 ? next() : LIMITS.max_data_bytes + 1 + (next() % 1000),
        at + 2 + 6 * which,
      );
      bytes.writeUInt32LE(crc32c(bytes, 0, at, at + 28), at + 28);
      const c = new Collector(plain, LIMITS);
      const error = attempt(() => c.read(bytes, 4096), `case ${i}`);
      if (error !== undefined) expect(error.code).toBe('EPROTO');
      expect(c.allocated).toBeLessThan(MOST_MEMORY);
    }
  });
});

it('aborted frames count as not sent', () => {
  for (const framing of FRAMINGS.filter(f => !f.secure)) {
    const frames: TestFrame[] = [1, 2, 3].map(n => ({
      tag: TAG_MESSAGE,
      parts: [Buffer.from(`front ${n}`), EMPTY, Buffer.alloc(100, n)],
    }));
    const { bytes, starts } = writeFrames(framing, frames);
    // The late status is the first byte of the second frame's epilogue.
    bytes[starts[2] - (framing.revision1 ? 13 : 17)] = 1;
    const c = new Collector(framing);
    c.read(bytes);
    expect(c.aborted).toEqual([TAG_MESSAGE]);
    expect(same(c.frames, [frames[0], frames[2]])).toBe(true);
  }
});

it('a nonce is never used twice', () => {
  const frames = someFrames(prng(5), 20, 3000);
  const framing = FRAMINGS[3];
  const { bytes, starts } = writeFrames(framing, frames);
  const c = new Collector(framing);
  const again = Buffer.concat([bytes.subarray(0, starts[5]), bytes.subarray(starts[4], starts[5])]);
  const error = attempt(() => c.read(again), 'replayed frame');
  expect(error?.code).toBe('EBADMSG');
  expect(c.frames.length).toBe(5);
});

describe('protocol v1', () => {
  function message(front: Buffer, data: Buffer, seq: number): Buffer {
    const h = Buffer.alloc(HEADER_SIZE);
    h.writeUInt32LE(seq, 0);
    h.writeUInt16LE(42, 16);
    h.writeUInt32LE(front.length, 22);
    h.writeUInt32LE(data.length, 30);
    h.writeUInt32LE(crc32c(h, 0, 0, 49), 49);
    const f = Buffer.alloc(21);
    f.writeUInt32LE(crc32c(front, 0), 0);
    f.writeUInt32LE(crc32c(data, 0), 8);
    f[20] = 1;
    return Buffer.concat([Buffer.from([TAG_MSG]), h, front, data, f]);
  }

  class CollectorV1 {
    readonly got: { seq: number; front: Buffer; data: Buffer }[] = [];
    allocated = 0;
    readonly reader: ReaderV1;
    constructor() {
      this.reader = new ReaderV1(
        {
          onPiece: () => {},
          onTag: () => {},
          onHeader: () => true,
          onMessage: () => {
            const { seq, front, data } = this.reader;
            this.got.push({ seq, front: front ?? EMPTY, data: data ?? EMPTY });
          },
        },
        { ...MESSENGER_DEFAULTS, ...LIMITS },
        n => {
          this.allocated += n;
          return Buffer.allocUnsafeSlow(n);
        },
      );
      this.reader.expectTags();
    }
    read(bytes: Buffer, most: number): void {
      for (let at = 0; at < bytes.length; ) {
        const lent = this.reader.readBuffer();
        const n = Math.min(lent.length, bytes.length - at, most);
        lent.set(bytes.subarray(at, at + n));
        at += n;
        this.reader.onRead(n);
      }
    }
  }

  it('messages come out as they went in, and hurt ones are refused', () => {
    const next = prng(4242);
    let refused = 0;
    for (let i = 0; i < 1500; i++) {
      const sent = Array.from({ length: 5 }, (_, k) => ({
        seq: k + 1,
        front: noise(next, next() % 500),
        data: noise(next, next() % (i % 30 === 0 ? 100_000 : 3000)),
      }));
      const bytes = Buffer.concat(sent.map(m => message(m.front, m.data, m.seq)));
      const kind = i % 3;
      if (kind === 1) bytes[next() % bytes.length] ^= 1 + (next() % 255);
      if (kind === 2) {
        // A length that lies under a header crc that does not.
        bytes.writeUInt32LE(next(), 1 + [22, 26, 30][next() % 3]);
        bytes.writeUInt32LE(crc32c(bytes, 0, 1, 50), 50);
      }
      const c = new CollectorV1();
      const error = attempt(() => c.read(bytes, 1 + (next() % 9000)), `case ${i}`);
      if (error !== undefined) refused++;
      expect(c.allocated).toBeLessThan(MOST_MEMORY);
      if (kind !== 0) continue;
      expect(error).toBeUndefined();
      expect(c.got.length).toBe(5);
      expect(c.got.every((m, k) => m.front.equals(sent[k].front) && m.data.equals(sent[k].data))).toBe(true);
    }
    expect(refused).toBeGreaterThan(500);
  });
});

describe('control frames', () => {
  const addr = makeEntityAddr(2, '10.1.2.3', 6800, 77);
  const ident = {
    addrs: [addr, makeEntityAddr(1, '10.1.2.3', 6801, 77)],
    target: addr,
    gid: 4123,
    globalSeq: 3,
    supported: 0x3f01cfbdfffdffffn,
    required: 1n << 59n,
    flags: 1n,
    cookie: 0xfeedn,
  };
  const samples: Record<string, Buffer> = {
    CLIENT_IDENT: encodeToBuffer(e => encodeIdent(e, ident)),
    SERVER_IDENT: encodeToBuffer(e => encodeIdent(e, { ...ident, target: undefined })),
    SESSION_RECONNECT: encodeToBuffer(e =>
      encodeReconnect(e, {
        addrs: ident.addrs,
        clientCookie: 1n,
        serverCookie: 2n,
        globalSeq: 3,
        connectSeq: 4,
        msgSeq: 5,
      }),
    ),
  };
  it.each(Object.keys(CONTROL_DECODERS))('%s survives anything', name => {
    fuzzDecoder(name, CONTROL_DECODERS[name], samples[name] === undefined ? [] : [samples[name]], 600, 3);
  });
});

describe.each([VARIANTS[0], VARIANTS[4]])('a listener of $name', variant => {
  it('outlives garbage at every step and serves on', async () => {
    await using bench = new Bench(variant);
    const server = await bench.server();
    const { port } = server.msgr.myAddrs[0];
    const next = prng(123);
    const openings = [
      EMPTY,
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('ceph v2\n'),
      Buffer.concat([Buffer.from('ceph v2\n'), Buffer.from([16, 0]), Buffer.alloc(16)]),
      Buffer.concat([Buffer.from('ceph v2\n'), Buffer.from([0xff, 0xff])]),
      BANNER,
      Buffer.concat([BANNER, Buffer.alloc(136)]),
    ];
    for (let i = 0; i < 60; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.resume();
      const closed = new Promise(done => socket.on('close', done));
      socket.write(openings[i % openings.length]);
      socket.end(noise(next, next() % 2000));
      await closed;
    }
    for (let i = 0; i < 50 && server.msgr.connections().length > 0; i++) await sleep(10);
    expect(server.msgr.connections()).toEqual([]);
    expect(server.rec.events).toEqual([]);
    expect(bench.errors).toEqual([]);
    const client = bench.client();
    client.msgr.connectTo(4, server.msgr.myAddrs).send(new TestMessage(1));
    await server.rec.until(() => server.rec.got.length === 1);
  });
});
