import { describe, expect, it } from 'vitest';
import { NacreError } from '../../src/base/errors.ts';
import { isZero } from '../../src/base/zeros.ts';
import { ByteSource } from '../../src/ceph/rbd/formats/byte-source.ts';
import { DiffReader } from '../../src/ceph/rbd/formats/diff-reader.ts';
import { readImageRecords } from '../../src/ceph/rbd/formats/image-records.ts';
import { mergeDiff } from '../../src/ceph/rbd/formats/merge-diff.ts';
import { runEnd } from '../../src/ceph/rbd/formats/sparse.ts';
import { apply, chunked, type Diff, type Extent, encodeDiff, random, randomDiff } from './formats-model.ts';

async function decode(version: 1 | 2, input: Iterable<Buffer>): Promise<Diff> {
  const reader = await DiffReader.open(new ByteSource(input), version);
  const extents: Extent[] = [];
  let from: string | undefined;
  let to: string | undefined;
  let size = -1;
  for (;;) {
    const record = await reader.next();
    if (record === undefined) return { from, to, size, extents };
    if (record.type === 'from') from = record.name;
    else if (record.type === 'to') to = record.name;
    else if (record.type === 'size') ({ size } = record);
    else if (record.type === 'zero')
      extents.push({ offset: record.offset, length: record.length, data: undefined });
    else if (record.type === 'write') {
      const parts: Buffer[] = [];
      while (reader.dataLeft > 0) parts.push(await reader.take(37));
      extents.push({ offset: record.offset, length: record.length, data: Buffer.concat(parts) });
    }
  }
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

describe('diffs', () => {
  it.each([1, 2] as const)('version %i reads back, whatever the chunks of the stream are', async version => {
    const next = random(version);
    for (let i = 0; i < 20; i++) {
      const diff = randomDiff(next, 3000, [i % 2 ? 'a' : undefined, i % 3 ? 'é' : undefined]);
      expect(await decode(version, chunked(encodeDiff(version, diff), next))).toEqual(diff);
    }
  });

  it.each([1, 2] as const)(
    'version %i that is cut off or damaged is refused, not believed',
    async version => {
      const next = random(7);
      const bytes = encodeDiff(version, randomDiff(next, 2000, ['a', 'b']));
      for (let end = 0; end < bytes.length; end += 1 + next(7)) {
        const error = await decode(version, [bytes.subarray(0, end)]).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(NacreError);
      }
      for (let i = 0; i < 500; i++) {
        const damaged = Buffer.from(bytes);
        for (let n = 1 + next(4); n > 0; n--) damaged[next(Math.min(200, damaged.length))] = next(256);
        const result = await decode(version, chunked(damaged, next)).catch((e: unknown) => e);
        if (result instanceof Error) expect(result).toBeInstanceOf(NacreError);
      }
    },
  );

  it('merged say what both say one after the other', async () => {
    for (let seed = 1; seed < 60; seed++) {
      const next = random(seed);
      const before = Buffer.alloc(500 + next(3000), 0xee);
      const first = randomDiff(next, 500 + next(3000), ['a', 'b']);
      const second = randomDiff(next, 500 + next(3000), ['b', 'c']);
      const merged = await bytesOf(
        mergeDiff(chunked(encodeDiff(1, first), next), chunked(encodeDiff(1, second), next)),
      );
      const diff = await decode(1, [merged]);
      expect([diff.from, diff.to, diff.size]).toEqual(['a', 'c', second.size]);
      expect(apply(before, diff).equals(apply(apply(before, first), second))).toBe(true);
    }
  });

  it('that do not follow each other cannot be merged', async () => {
    const next = random(1);
    const a = encodeDiff(1, randomDiff(next, 100, ['a', 'b']));
    await expect(bytesOf(mergeDiff([a], [a]))).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('are merged or refused however damaged they are', async () => {
    const next = random(11);
    const first = encodeDiff(1, randomDiff(next, 1000, ['a', 'b']));
    const second = encodeDiff(1, randomDiff(next, 1000, ['b', 'c']));
    for (let i = 0; i < 300; i++) {
      const [x, y] = [Buffer.from(first), Buffer.from(second)];
      x[12 + next(x.length - 12)] = next(256);
      y[12 + next(y.length - 12)] = next(256);
      const result = await bytesOf(mergeDiff([x], [y])).catch((e: unknown) => e);
      if (result instanceof Error) expect(result).toBeInstanceOf(NacreError);
    }
  });
});

describe('headers of exports', () => {
  it('are refused where they are damaged', async () => {
    const next = random(5);
    const record = (tag: string, body: Buffer) => {
      const length = Buffer.alloc(8);
      length.writeUInt32LE(body.length);
      return Buffer.concat([Buffer.from(tag), length, body]);
    };
    const u64 = Buffer.from([22, 0, 0, 0, 0, 0, 0, 0]);
    const meta = Buffer.from('\x01\0\0\0k\x02\0\0\0vw', 'latin1');
    const bytes = Buffer.concat([
      Buffer.from('rbd image v2\n'),
      record('O', u64),
      record('T', u64),
      record('?', meta),
      record('M', meta),
      Buffer.from('E'),
    ]);
    const records = await readImageRecords(new ByteSource([bytes]));
    expect(records.order).toBe(22);
    expect(records.features).toBe(22n);
    expect(records.metadata.get('k')?.toString()).toBe('vw');
    for (let i = 0; i < 500; i++) {
      const damaged = Buffer.from(bytes).subarray(0, next(3) === 0 ? next(bytes.length) : bytes.length);
      if (damaged.length > 0) damaged[next(damaged.length)] = next(256);
      const result = await readImageRecords(new ByteSource(chunked(damaged, next))).catch((e: unknown) => e);
      if (result instanceof Error) expect(result).toBeInstanceOf(NacreError);
    }
  });
});

describe('zeros', () => {
  it('are found in runs of whole steps', () => {
    const data = Buffer.alloc(10_000);
    data[5000] = 1;
    expect(isZero(data, 0, 5000)).toBe(true);
    expect(isZero(data, 0, 5001)).toBe(false);
    expect(runEnd(data, 0, 4096)).toEqual({ end: 4096, zero: true });
    expect(runEnd(data, 4096, 4096)).toEqual({ end: 8192, zero: false });
    expect(runEnd(data, 8192, 4096)).toEqual({ end: 10_000, zero: true });
    expect(runEnd(data, 0, 0)).toEqual({ end: 10_000, zero: false });
  });
});
