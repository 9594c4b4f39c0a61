import { Readable, Writable } from 'node:stream';
import type { ImageCtx } from '../image-ctx.ts';
import { flush, type ReadCallOptions, readSparse, write } from './api.ts';

export interface RangeOptions {
  /** First byte; 0 by default. */
  readonly start?: number;
  /** Byte after the last one; the image's end by default. */
  readonly end?: number;
  /** Bytes of one request; an object by default. Chunks end where multiples of it do. */
  readonly chunkSize?: number;
  /** Requests in flight; 4 by default. */
  readonly inFlight?: number;
  readonly snapshot?: bigint;
  readonly signal?: AbortSignal;
}

/** A piece of the image; without `data` a hole. */
export interface ImageChunk {
  readonly offset: number;
  readonly length: number;
  readonly data: Buffer | undefined;
}

const WINDOW = 4;

/** The range in order, some requests ahead, whole chunks that are holes without data. */
export async function* chunks(
  ctx: ImageCtx,
  options: RangeOptions = {},
): AsyncGenerator<ImageChunk, void, void> {
  const { start = 0, snapshot, signal, inFlight = WINDOW } = options;
  const size = ctx.sizeAt(snapshot ?? ctx.snapId) ?? 0;
  const end = Math.min(options.end ?? size, size);
  const chunkSize = options.chunkSize ?? ctx.identity.layout.objectSize;
  const call: ReadCallOptions = { snapshot, signal };
  const ahead: Promise<ImageChunk>[] = [];
  let next = start;
  const request = async (offset: number, length: number): Promise<ImageChunk> => {
    const { data, extents } = await readSparse(ctx, offset, length, call);
    return { offset, length: data.length, data: extents.length === 0 ? undefined : data };
  };
  for (;;) {
    while (ahead.length < inFlight && next < end) {
      const length = Math.min(end, (Math.floor(next / chunkSize) + 1) * chunkSize) - next;
      const chunk = request(next, length);
      // One that fails while another is awaited must not count as unhandled; awaiting it throws.
      chunk.catch(() => {});
      ahead.push(chunk);
      next += length;
    }
    const first = ahead.shift();
    if (first === undefined) return;
    yield await first;
  }
}

async function* bytes(ctx: ImageCtx, options: RangeOptions): AsyncGenerator<Buffer, void, void> {
  for await (const { data, length } of chunks(ctx, options)) yield data ?? Buffer.alloc(length);
}

/** A range of the image as a Node stream; `highWaterMark` is the size of the chunks. */
export function createReadStream(
  ctx: ImageCtx,
  options: RangeOptions & { readonly highWaterMark?: number } = {},
): Readable {
  const chunkSize = options.chunkSize ?? options.highWaterMark;
  return Readable.from(bytes(ctx, { ...options, chunkSize }), { objectMode: false, signal: options.signal });
}

/** The same as a Web stream. */
export function readable(ctx: ImageCtx, options: RangeOptions = {}): ReadableStream<Uint8Array> {
  const source = bytes(ctx, options);
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await source.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await source.return();
      },
    },
    { highWaterMark: 0 },
  );
}

export interface WriteRangeOptions {
  /** Where the first byte goes; 0 by default. */
  readonly start?: number;
  /** Writes in flight; 4 by default. */
  readonly inFlight?: number;
  readonly signal?: AbortSignal;
}

/** Writes what comes one after another, some writes at a time, and flushes at the end. */
class RangeWriter {
  private readonly ctx: ImageCtx;
  private readonly signal: AbortSignal | undefined;
  private readonly window: number;
  private offset: number;
  private readonly writes = new Set<Promise<void>>();
  private error: unknown;

  constructor(ctx: ImageCtx, options: WriteRangeOptions) {
    this.ctx = ctx;
    this.signal = options.signal;
    this.window = options.inFlight ?? WINDOW;
    this.offset = options.start ?? 0;
  }

  async add(data: Uint8Array): Promise<void> {
    while (this.writes.size >= this.window) await Promise.race(this.writes);
    if (this.error !== undefined) throw this.error;
    if (data.length === 0) return;
    const written = write(this.ctx, this.offset, data, { signal: this.signal })
      .catch(error => {
        this.error ??= error;
      })
      .finally(() => this.writes.delete(written));
    this.offset += data.length;
    this.writes.add(written);
  }

  async end(): Promise<void> {
    await Promise.all(this.writes);
    if (this.error !== undefined) throw this.error;
    await flush(this.ctx);
  }
}

/** A Node stream into the image. It ends when all is written and flushed. */
export function createWriteStream(ctx: ImageCtx, options: WriteRangeOptions = {}): Writable {
  const writer = new RangeWriter(ctx, options);
  return new Writable({
    signal: options.signal,
    write(chunk: Buffer, _encoding, callback) {
      writer.add(chunk).then(() => callback(), callback);
    },
    final(callback) {
      writer.end().then(() => callback(), callback);
    },
  });
}

/** The same as a Web stream. */
export function writable(ctx: ImageCtx, options: WriteRangeOptions = {}): WritableStream<Uint8Array> {
  const writer = new RangeWriter(ctx, options);
  return new WritableStream({ write: chunk => writer.add(chunk), close: () => writer.end() });
}
