import { Readable, Writable } from 'node:stream';
import { type Data, toBytes } from './bytes.ts';
import type { ReadOptions, WriteOptions } from './io-objects.ts';

/** What streams need of a pool. */
export interface StreamHost {
  read(oid: string, options: ReadOptions): Promise<Buffer>;
  write(oid: string, data: Data, options: WriteOptions): Promise<number>;
  writeFull(oid: string, data: Data, options: WriteOptions): Promise<number>;
}

export interface ReadStreamOptions {
  /** First byte; 0 by default. */
  readonly start?: number;
  /** Byte after the last one; the object's end by default. */
  readonly end?: number;
  /** Bytes of one request; 1 MiB by default. */
  readonly chunkSize?: number;
  /** Requests in flight; 4 by default. */
  readonly readahead?: number;
  readonly signal?: AbortSignal;
}

export interface WriteStreamOptions {
  /** Where the first byte goes. Without it the stream's data becomes the whole object. */
  readonly start?: number;
  /** Bytes of one request: smaller writes are gathered; 1 MiB by default. */
  readonly chunkSize?: number;
  /** Requests in flight; 4 by default. */
  readonly inFlight?: number;
  readonly signal?: AbortSignal;
}

const CHUNK = 1 << 20;
const WINDOW = 4;

/** The chunks of an object in order, some requests ahead. The object may change meanwhile: chunks are single reads. */
export async function* readChunks(
  host: StreamHost,
  oid: string,
  options: ReadStreamOptions,
): AsyncGenerator<Buffer, void, void> {
  const { start = 0, end = Number.POSITIVE_INFINITY, chunkSize = CHUNK, signal } = options;
  const window = options.readahead ?? WINDOW;
  let offset = start;
  const ahead: { length: number; data: Promise<Buffer> }[] = [];
  const request = () => {
    const length = Math.min(chunkSize, end - offset);
    const data = host.read(oid, { offset, length, signal });
    // One that fails while another is awaited must not count as unhandled; awaiting it throws.
    data.catch(() => {});
    ahead.push({ length, data });
    offset += length;
  };
  // The first chunk goes alone: most objects are smaller than a chunk or do not exist.
  if (offset < end) request();
  for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
    const data = await next.data;
    if (data.length < next.length) {
      if (data.length > 0) yield data;
      return;
    }
    while (ahead.length < window && offset < end) request();
    yield data;
  }
}

/** The object as a Node stream. */
export function createReadStream(host: StreamHost, oid: string, options: ReadStreamOptions): Readable {
  const chunks = readChunks(host, oid, options);
  return new Readable({
    highWaterMark: options.chunkSize ?? CHUNK,
    signal: options.signal,
    read() {
      chunks.next().then(
        ({ done, value }) => this.push(done === true ? null : value),
        error => this.destroy(error as Error),
      );
    },
    destroy(error, callback) {
      chunks.return().then(
        () => callback(error),
        () => callback(error),
      );
    },
  });
}

/** Gathers bytes into chunks and writes them, a few at a time. */
class ChunkWriter {
  private readonly host: StreamHost;
  private readonly oid: string;
  private readonly chunkSize: number;
  private readonly window: number;
  private readonly signal: AbortSignal | undefined;
  private offset: number;
  /** The first write replaces the object. */
  private replaces: boolean;
  private parts: Uint8Array[] = [];
  private gathered = 0;
  private inFlight = 0;
  private error: unknown;
  private waiting: (() => void) | undefined;

  constructor(host: StreamHost, oid: string, options: WriteStreamOptions) {
    this.host = host;
    this.oid = oid;
    this.chunkSize = options.chunkSize ?? CHUNK;
    this.window = options.inFlight ?? WINDOW;
    this.signal = options.signal;
    this.offset = options.start ?? 0;
    this.replaces = options.start === undefined;
  }

  /** Resolves when there is room for more. */
  async add(chunk: Uint8Array): Promise<void> {
    this.parts.push(chunk);
    this.gathered += chunk.length;
    while (this.gathered >= this.chunkSize) await this.flush(this.chunkSize);
  }

  async end(): Promise<void> {
    if (this.gathered > 0 || this.replaces) await this.flush(this.gathered);
    while (this.inFlight > 0) await this.settled();
    if (this.error !== undefined) throw this.error;
  }

  private settled(): Promise<void> {
    return new Promise(resolve => (this.waiting = resolve));
  }

  private take(n: number): Uint8Array {
    const { parts } = this;
    if (parts.length === 1 && parts[0].length === n) {
      this.parts = [];
      this.gathered = 0;
      return parts[0];
    }
    const out = Buffer.allocUnsafe(n);
    let at = 0;
    while (at < n) {
      const part = parts[0];
      const take = Math.min(part.length, n - at);
      out.set(take === part.length ? part : part.subarray(0, take), at);
      at += take;
      if (take === part.length) parts.shift();
      else parts[0] = part.subarray(take);
    }
    this.gathered -= n;
    return out;
  }

  private async flush(n: number): Promise<void> {
    while (this.inFlight >= this.window) await this.settled();
    if (this.error !== undefined) throw this.error;
    const data = this.take(n);
    const { offset, signal } = this;
    // Order on one object is the order of the calls, so what replaces it comes first.
    const written = this.replaces
      ? this.host.writeFull(this.oid, data, { signal })
      : this.host.write(this.oid, data, { offset, signal });
    this.replaces = false;
    this.offset += n;
    this.inFlight++;
    written.then(
      () => this.done(undefined),
      error => this.done(error),
    );
  }

  private done(error: unknown): void {
    this.inFlight--;
    this.error ??= error;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  }
}

/** A Node stream that writes an object. 'finish' comes when everything is on the OSDs. */
export function createWriteStream(host: StreamHost, oid: string, options: WriteStreamOptions): Writable {
  const writer = new ChunkWriter(host, oid, options);
  const report = (work: Promise<void>, callback: (error?: Error | null) => void) =>
    work.then(
      () => callback(),
      error => callback(error as Error),
    );
  return new Writable({
    highWaterMark: options.chunkSize ?? CHUNK,
    signal: options.signal,
    write(chunk: Buffer, _encoding, callback) {
      report(writer.add(chunk), callback);
    },
    final(callback) {
      report(writer.end(), callback);
    },
  });
}

/** The object as a Web stream. */
export function webReadable(
  host: StreamHost,
  oid: string,
  options: ReadStreamOptions,
): ReadableStream<Uint8Array> {
  const chunks = readChunks(host, oid, options);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return();
    },
  });
}

/** A Web stream that writes an object; closing it resolves when everything is on the OSDs. */
export function webWritable(
  host: StreamHost,
  oid: string,
  options: WriteStreamOptions,
): WritableStream<Data> {
  const writer = new ChunkWriter(host, oid, options);
  return new WritableStream<Data>({
    write: chunk => writer.add(toBytes(chunk)),
    close: () => writer.end(),
  });
}
