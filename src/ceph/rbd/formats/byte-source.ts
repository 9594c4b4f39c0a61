import { NacreError } from '../../../base/errors.ts';

const EMPTY: Buffer = Buffer.alloc(0);

/** Where bytes come from: a file's or a pipe's stream, any async iterator. */
export type ByteInput = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** Reads a stream in the pieces that its reader wants. Holds no more than one chunk and what was asked for. */
export class ByteSource {
  /** Bytes consumed so far. */
  position = 0;
  private readonly chunks: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  private chunk: Buffer = EMPTY;
  private ended = false;

  constructor(input: ByteInput) {
    this.chunks = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]();
  }

  /** Makes `chunk` non-empty; false at the end. */
  private async fill(): Promise<boolean> {
    while (this.chunk.length === 0 && !this.ended) {
      const { done, value } = await this.chunks.next();
      if (done === true) this.ended = true;
      else this.chunk = asBuffer(value);
    }
    return this.chunk.length > 0;
  }

  fail(what: string): never {
    throw new NacreError('EBADMSG', 'rbd.import', `at byte ${this.position}: ${what}`);
  }

  /** One to `max` bytes, whatever is there; undefined at the end. A view: valid until the chunk's owner says otherwise. */
  async some(max: number): Promise<Buffer | undefined> {
    if (this.chunk.length === 0 && !(await this.fill())) return undefined;
    const piece = this.chunk.subarray(0, max);
    this.chunk = this.chunk.subarray(piece.length);
    this.position += piece.length;
    return piece;
  }

  /** Up to `n` bytes: fewer only at the end. */
  async upTo(n: number): Promise<Buffer> {
    const first = await this.some(n);
    if (first === undefined || first.length === n) return first ?? EMPTY;
    const parts = [first];
    let got = first.length;
    while (got < n) {
      const more = await this.some(n - got);
      if (more === undefined) break;
      parts.push(more);
      got += more.length;
    }
    return Buffer.concat(parts, got);
  }

  /** Exactly `n` bytes. Memory grows with what arrives, not with what a length claims. */
  async exact(n: number, what: string): Promise<Buffer> {
    const bytes = await this.upTo(n);
    if (bytes.length < n) this.fail(`the stream ends within ${what}: ${bytes.length} of ${n} bytes`);
    return bytes;
  }

  async skip(n: number, what: string): Promise<void> {
    for (let left = n; left > 0; ) {
      const piece = await this.some(left);
      if (piece === undefined) this.fail(`the stream ends within ${what}: ${left} bytes of it are missing`);
      left -= piece.length;
    }
  }

  async u8(what: string): Promise<number> {
    return (await this.exact(1, what))[0];
  }

  async u64(what: string): Promise<number> {
    const bytes = await this.exact(8, what);
    const high = bytes.readUInt32LE(4);
    if (high > 0x1f_ffff) this.fail(`${what}: 0x${bytes.readBigUInt64LE().toString(16)} is above 2^53`);
    return high * 0x1_0000_0000 + bytes.readUInt32LE(0);
  }

  async u64b(what: string): Promise<bigint> {
    return (await this.exact(8, what)).readBigUInt64LE();
  }

  /** u32 length, that many bytes of UTF-8. */
  async str(max: number, what: string): Promise<string> {
    const length = (await this.exact(4, what)).readUInt32LE();
    if (length > max) this.fail(`${what} of ${length} bytes; at most ${max} are believed`);
    return (await this.exact(length, what)).toString();
  }

  async banner(expected: string): Promise<void> {
    const bytes = await this.upTo(expected.length);
    if (bytes.toString('latin1') !== expected) {
      const text = JSON.stringify(bytes.toString('latin1'));
      throw new NacreError(
        'EINVAL',
        'rbd.import',
        `at byte ${this.position}: ${text} where ${JSON.stringify(expected)} should be`,
      );
    }
  }

  /** Tells the producer that no more is wanted. */
  async close(): Promise<void> {
    this.ended = true;
    this.chunk = EMPTY;
    await this.chunks.return?.();
  }
}
