import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { toBytes } from '../../src/ceph/rados/bytes.ts';
import {
  createReadStream,
  createWriteStream,
  readChunks,
  type StreamHost,
  webWritable,
} from '../../src/ceph/rados/streams.ts';
import { prng } from '../support/fuzz.ts';

/** One object in memory, whose operations end in their own time but take effect in order. */
class OneObject implements StreamHost {
  content: Buffer = Buffer.alloc(0);
  inFlight = 0;
  most = 0;
  readonly calls: string[] = [];
  failAt = Number.POSITIVE_INFINITY;

  private async later<T>(call: string, run: () => T): Promise<T> {
    this.calls.push(call);
    const fail = this.calls.length > this.failAt;
    this.inFlight++;
    this.most = Math.max(this.most, this.inFlight);
    const value = fail ? undefined : run();
    await new Promise(resolve => setImmediate(resolve));
    this.inFlight--;
    if (fail) throw new Error('broken');
    return value as T;
  }

  read(_oid: string, { offset = 0, length = 0 }: { offset?: number; length?: number }): Promise<Buffer> {
    return this.later(`read ${offset}~${length}`, () => this.content.subarray(offset, offset + length));
  }

  write(_oid: string, data: Uint8Array | string, { offset = 0 }: { offset?: number }): Promise<number> {
    const bytes = toBytes(data);
    return this.later(`write ${offset}~${bytes.length}`, () => {
      const bigger = Buffer.alloc(Math.max(this.content.length, offset + bytes.length));
      this.content.copy(bigger);
      bigger.set(bytes, offset);
      this.content = bigger;
      return 1;
    });
  }

  writeFull(_oid: string, data: Uint8Array | string): Promise<number> {
    const bytes = Buffer.from(toBytes(data));
    return this.later(`writeFull ${bytes.length}`, () => {
      this.content = bytes;
      return 1;
    });
  }
}

function randomData(n: number, seed: number): Buffer {
  const next = prng(seed);
  return Buffer.from(Array.from({ length: n }, () => next() & 0xff));
}

function* pieces(data: Buffer, seed: number): Generator<Buffer> {
  const next = prng(seed);
  for (let at = 0; at < data.length; ) {
    const n = 1 + (next() % 300);
    yield data.subarray(at, at + n);
    at += n;
  }
}

describe('streams', () => {
  it('write what comes in chunks of one size, a few at a time, and read it back', async () => {
    for (const [size, chunkSize, window] of [
      [0, 100, 2],
      [1, 100, 2],
      [100, 100, 2],
      [10_000, 256, 3],
      [10_001, 1000, 1],
    ]) {
      const object = new OneObject();
      object.content = Buffer.alloc(50_000, 9);
      const data = randomData(size, 3);
      await pipeline(pieces(data, 4), createWriteStream(object, 'o', { chunkSize, inFlight: window }));
      expect(object.content.equals(data)).toBe(true);
      expect(object.most).toBeLessThanOrEqual(window);
      expect(object.inFlight).toBe(0);
      const writes = object.calls.length;
      expect(writes).toBe(Math.max(1, Math.ceil(size / chunkSize)));
      const back: Buffer[] = [];
      object.most = 0;
      for await (const chunk of createReadStream(object, 'o', { chunkSize, readahead: window }))
        back.push(chunk);
      expect(Buffer.concat(back).equals(data)).toBe(true);
      expect(object.most).toBeLessThanOrEqual(window);
    }
  });

  it('write from an offset without touching what is before', async () => {
    const object = new OneObject();
    object.content = Buffer.from('0123456789');
    await pipeline([Buffer.from('ab'), Buffer.from('cd')], createWriteStream(object, 'o', { start: 4 }));
    expect(object.content.toString()).toBe('0123abcd89');
  });

  it('read a range', async () => {
    const object = new OneObject();
    object.content = randomData(1000, 8);
    const got: Buffer[] = [];
    for await (const chunk of readChunks(object, 'o', { start: 10, end: 555, chunkSize: 100 }))
      got.push(chunk);
    expect(Buffer.concat(got).equals(object.content.subarray(10, 555))).toBe(true);
    expect(object.calls.length).toBe(6);
  });

  it('fail with the operation that fails, and stop', async () => {
    const object = new OneObject();
    object.failAt = 3;
    const stream = createWriteStream(object, 'o', { chunkSize: 10, inFlight: 2 });
    await expect(pipeline(pieces(randomData(1000, 1), 1), stream)).rejects.toThrow('broken');
    expect(object.calls.length).toBeLessThan(10);
    const read = new OneObject();
    read.content = randomData(1000, 1);
    read.failAt = 2;
    const all = async () => {
      for await (const _ of readChunks(read, 'o', { chunkSize: 10 }));
    };
    await expect(all()).rejects.toThrow('broken');
    const web = webWritable(Object.assign(new OneObject(), { failAt: 0 }), 'o', { chunkSize: 10 });
    const writer = web.getWriter();
    writer.closed.catch(() => {});
    await writer.write(Buffer.alloc(10));
    await expect(writer.close()).rejects.toThrow('broken');
  });

  it('end when the reader goes away', async () => {
    const object = new OneObject();
    object.content = randomData(100_000, 1);
    for await (const _ of createReadStream(object, 'o', { chunkSize: 1000, readahead: 2 })) break;
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(object.calls.length).toBeLessThan(20);
  });
});
