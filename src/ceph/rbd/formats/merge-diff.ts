import { NacreError } from '../../../base/errors.ts';
import type { ProgressOption } from '../options.ts';
import { type ByteInput, ByteSource } from './byte-source.ts';
import { DiffReader } from './diff-reader.ts';
import { DIFF_TAIL, diffHeader, extentHead } from './diff-writer.ts';
import { PIECE } from './tags.ts';

/** One of the two diffs: the extent that it is at. */
class Side {
  private readonly reader: DiffReader;
  private readonly which: string;
  from = '';
  to = '';
  size = 0;
  /** What is left of the extent. */
  offset = 0;
  length = 0;
  isData = false;
  ended = false;
  private pending: { offset: number; length: number; isData: boolean } | undefined;

  constructor(reader: DiffReader, which: string) {
    this.reader = reader;
    this.which = which;
  }

  async header(): Promise<void> {
    for (;;) {
      const record = await this.reader.next();
      if (record === undefined) return;
      if (record.type === 'from') this.from = record.name;
      else if (record.type === 'to') this.to = record.name;
      else if (record.type === 'size') this.size = record.size;
      else {
        this.pending = this.extent(record);
        return;
      }
    }
  }

  private extent(record: { type: string; offset?: number; length?: number }) {
    const { type, offset = 0, length = 0 } = record;
    if ((type !== 'write' && type !== 'zero') || length === 0)
      throw new NacreError(
        'ENOTSUP',
        'rbd.mergeDiff',
        `${this.which} diff: record '${type}' of ${length} bytes`,
      );
    return { offset, length, isData: type === 'write' };
  }

  /** Goes to the next extent. Behind the last one stand zeros up to `other`, the size that the other diff ends with. */
  async advance(other: number): Promise<void> {
    const last = this.offset;
    let next = this.pending;
    this.pending = undefined;
    if (next === undefined) {
      const record = await this.reader.next();
      if (record !== undefined) next = this.extent(record);
    }
    if (next === undefined) {
      this.ended = true;
      next = { offset: this.size, length: Math.max(0, other - this.size), isData: false };
    }
    if (last > next.offset)
      throw new NacreError(
        'ENOTSUP',
        'rbd.mergeDiff',
        `${this.which} diff: offset ${next.offset} comes after ${last}; striped diffs cannot be merged`,
      );
    this.offset = next.offset;
    this.length = next.length;
    this.isData = next.isData;
  }

  /** The next `n` bytes of the extent, as a record of the merged diff. */
  async *emit(n: number): AsyncGenerator<Buffer> {
    yield extentHead(1, this.isData, this.offset, n);
    if (this.isData)
      for (let left = n; left > 0; ) {
        const piece = await this.reader.take(Math.min(left, PIECE));
        left -= piece.length;
        yield piece;
      }
    this.consumed(n);
  }

  async skip(n: number): Promise<void> {
    if (this.isData) await this.reader.skipData(n);
    this.consumed(n);
  }

  drop(): void {
    this.length = 0;
  }

  private consumed(n: number): void {
    this.offset += n;
    this.length -= n;
  }
}

/**
 * Two diffs of version 1 as one (rbd merge-diff): the second must start where the first ends. What the second says of a
 * range wins. EINVAL when they do not fit together, ENOTSUP when extents are not in ascending order.
 */
export async function* mergeDiff(
  first: ByteInput,
  second: ByteInput,
  options: ProgressOption = {},
): AsyncGenerator<Buffer, void, undefined> {
  const { onProgress, signal } = options;
  const sources = [new ByteSource(first), new ByteSource(second)];
  try {
    const f = new Side(await DiffReader.open(sources[0], 1), 'first');
    await f.header();
    const s = new Side(await DiffReader.open(sources[1], 1), 'second');
    await s.header();
    if (f.to !== s.from)
      throw new NacreError(
        'EINVAL',
        'rbd.mergeDiff',
        `the first diff ends with snapshot '${f.to}', the second starts from '${s.from}'`,
      );
    yield diffHeader(1, { from: f.from || undefined, to: s.to || undefined, size: s.size });
    const total = 2 * Math.max(f.size, s.size);
    while (!f.ended || !s.ended || f.length > 0 || s.length > 0) {
      signal?.throwIfAborted();
      onProgress?.(Math.min(total, f.offset + s.offset), total);
      if (!f.ended && f.length === 0) await f.advance(s.size);
      if (!s.ended && s.length === 0) await s.advance(f.size);
      if (f.length > 0 && f.offset < s.offset) {
        yield* f.emit(Math.min(f.length, s.offset - f.offset));
        if (f.length === 0) continue;
      }
      // Behind the end of the merged image nothing is left to say.
      if (f.length > 0 && f.offset < s.offset + s.length) {
        await f.skip(Math.min(f.length, s.offset + s.length - f.offset));
        if (f.length === 0) continue;
      }
      if (!s.ended) yield* s.emit(s.length);
      else {
        // What the first says of bytes behind its own end, and everything behind the second's, is dropped.
        await f.skip(f.length);
        s.drop();
      }
    }
    yield DIFF_TAIL;
    onProgress?.(total, total);
  } finally {
    await Promise.all(sources.map(source => source.close()));
  }
}
