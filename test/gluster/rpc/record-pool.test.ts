import { describe, expect, it } from 'vitest';
import { RecordReader } from '../../../src/gluster/rpc/record-reader.ts';
import { XdrDecoder } from '../../../src/gluster/rpc/xdr-decoder.ts';
import type { Recyclable } from '../../../src/gluster/types/recyclable.ts';

const LENGTH = 300_000;

/** Feeds a record of one byte's repetition through a reader; returns its payload and memory. */
function read(byte: number, claim: boolean): { data: Buffer | undefined; memory: Recyclable | undefined } {
  let data: Buffer | undefined;
  let memory: Recyclable | undefined;
  const reader = new RecordReader(1 << 20, d => {
    if (!claim) return;
    data = d.payload(d.remaining);
    memory = d.memory;
  });
  const stream = Buffer.alloc(4 + LENGTH, byte);
  stream.writeUInt32BE((0x8000_0000 | LENGTH) >>> 0);
  for (let at = 0; at < stream.length; ) {
    const lent = reader.buffer();
    const n = Math.min(lent.length, stream.length - at);
    lent.set(stream.subarray(at, at + n));
    reader.read(n);
    at += n;
  }
  return { data, memory };
}

describe('memory of large records', () => {
  it('is used again once it was recycled, and not before', () => {
    const first = read(1, true);
    const second = read(2, true);
    expect(second.data!.buffer).not.toBe(first.data!.buffer);
    expect(first.data!.every(byte => byte === 1)).toBe(true);
    first.memory!.recycle();
    const third = read(3, true);
    expect(third.data!.buffer).toBe(first.data!.buffer);
    expect(second.data!.every(byte => byte === 2)).toBe(true);
    // Twice is once: else two records would share it.
    third.memory!.recycle();
    first.memory!.recycle();
    third.memory!.recycle();
    const [a, b] = [read(4, true), read(5, true)];
    expect(a.data!.buffer).not.toBe(b.data!.buffer);
    expect(a.data!.every(byte => byte === 4)).toBe(true);
  });

  it('comes back by itself when nobody wanted what was in it', () => {
    const { data, memory } = read(6, true);
    memory!.recycle();
    read(7, false);
    expect(read(8, true).data!.buffer).toBe(data!.buffer);
  });

  it('is its own for a payload that lay among others', () => {
    const shared = Buffer.alloc(20_000, 9);
    const d = new XdrDecoder(shared, 'test', false);
    const small = d.payload(100);
    expect(d.memory).toBeUndefined();
    const large = d.payload(8192);
    expect(d.memory).toBeDefined();
    shared.fill(0);
    expect(small.every(byte => byte === 9)).toBe(true);
    expect(large.length).toBe(8192);
    expect(large.every(byte => byte === 9)).toBe(true);
  });
});
