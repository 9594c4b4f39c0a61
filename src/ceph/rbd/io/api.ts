import { errnoText } from '../../../base/errno.ts';
import { NacreError } from '../../../base/errors.ts';
import { radosErrorCode } from '../../rados/errors.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { DiscardIoOptions, ImageRequest, IoCompletion, ReadIoOptions, WriteIoOptions } from './types.ts';

// I/O on an image with promises. All reject with a NacreError: EINVAL for what begins behind the image's end, EROFS for
// writes to a snapshot or a handle for reading.

export interface IoCallOptions {
  /** Gives up waiting; the I/O may take effect, and `into` be filled, all the same. */
  readonly signal?: AbortSignal;
}

export interface ReadCallOptions extends IoCallOptions, ReadIoOptions {
  /** A snapshot by id, in place of `snapId`. */
  readonly snapshot?: bigint;
}
export interface WriteCallOptions extends IoCallOptions, WriteIoOptions {}
export interface DiscardCallOptions extends IoCallOptions, DiscardIoOptions {}
export interface WriteZeroesCallOptions extends WriteCallOptions {
  /** Writes zeros, so that the space is taken. */
  readonly thick?: boolean;
}

/** What is there of a range, holes as zeros. */
export interface SparseRead {
  readonly data: Buffer;
  /** Where data was, within the range, in order. */
  readonly extents: [offset: number, length: number][];
}

/** EILSEQ: what was there is not what was compared. */
export class MismatchError extends NacreError {
  /** First byte of the image that differs. */
  readonly mismatch: number;

  constructor(mismatch: number, message: string) {
    super('EILSEQ', 'rbd.compareAndWrite', message);
    this.mismatch = mismatch;
  }
}

/** Settles the promise of one I/O. */
class Pending<T> implements IoCompletion {
  private readonly ctx: ImageCtx;
  private readonly name: string;
  private readonly length: number;
  private readonly value: (request: ImageRequest, result: number) => T;
  private readonly signal: AbortSignal | undefined;
  private resolve!: (value: T) => void;
  private reject!: (error: unknown) => void;
  private readonly aborted = () => this.reject(this.signal!.reason);
  readonly promise: Promise<T>;

  constructor(
    ctx: ImageCtx,
    name: string,
    length: number,
    signal: AbortSignal | undefined,
    value: (request: ImageRequest, result: number) => T,
  ) {
    this.ctx = ctx;
    this.name = name;
    this.length = length;
    this.signal = signal;
    this.value = value;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    signal?.addEventListener('abort', this.aborted, { once: true });
  }

  ioFinished(request: ImageRequest, result: number): void {
    this.signal?.removeEventListener('abort', this.aborted);
    if (result < 0) this.reject(this.error(request, result));
    else
      try {
        this.resolve(this.value(request, result));
      } catch (error) {
        this.reject(error);
      }
  }

  private error(request: ImageRequest, result: number): NacreError {
    const what = `${this.length} bytes at ${request.offset} of image '${this.ctx.identity.name}'`;
    const text = `${errnoText(result)}: ${what}`;
    return request.mismatch >= 0
      ? new MismatchError(request.mismatch, text)
      : new NacreError(radosErrorCode(result), `rbd.${this.name}`, text);
  }
}

const nothing = (): void => {};
const dataOf = (request: ImageRequest): Buffer => request.data!;

function sparseOf(request: ImageRequest): SparseRead {
  const { data, extents } = request;
  if (extents === undefined) return { data: data!, extents: data!.length === 0 ? [] : [[0, data!.length]] };
  const pairs: [number, number][] = [];
  for (let i = 0; i < extents.length; i += 2) pairs.push([extents[i], extents[i + 1]]);
  return { data: data!, extents: pairs };
}

const withSnapshot = (options: ReadCallOptions): ReadIoOptions =>
  options.snapshot === undefined ? options : { ...options, snapId: options.snapshot };

/** Fewer bytes than asked for come back where the image ends. */
export function read(
  ctx: ImageCtx,
  offset: number,
  length: number,
  options: ReadCallOptions = {},
): Promise<Buffer> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'read', length, options.signal, dataOf);
  ctx.io.read(offset, length, pending, withSnapshot(options));
  return pending.promise;
}

export function readSparse(
  ctx: ImageCtx,
  offset: number,
  length: number,
  options: ReadCallOptions = {},
): Promise<SparseRead> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'readSparse', length, options.signal, sparseOf);
  ctx.io.read(offset, length, pending, { ...withSnapshot(options), sparse: true });
  return pending.promise;
}

/** Fills the buffers one after another. Resolves to the bytes read: fewer than they take where the image ends. */
export async function readv(
  ctx: ImageCtx,
  offset: number,
  buffers: readonly Uint8Array[],
  options: ReadCallOptions = {},
): Promise<number> {
  let length = 0;
  for (const buffer of buffers) length += buffer.length;
  if (buffers.length === 1) {
    const [{ buffer, byteOffset }] = buffers;
    return (await read(ctx, offset, length, { ...options, into: Buffer.from(buffer, byteOffset, length) }))
      .length;
  }
  const data = await read(ctx, offset, length, options);
  let at = 0;
  for (const buffer of buffers) {
    buffer.set(data.subarray(at, at + buffer.length));
    at += buffer.length;
  }
  return data.length;
}

/** The data must not change until this is settled. EINVAL when it reaches over the end: what is in front of that is written. */
export function write(
  ctx: ImageCtx,
  offset: number,
  data: Uint8Array | readonly Uint8Array[],
  options: WriteCallOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const parts = data instanceof Uint8Array ? [data] : data;
  let length = 0;
  for (const part of parts) length += part.length;
  const pending = new Pending(ctx, 'write', length, options.signal, (_request, result) => {
    if (result === length) return;
    throw new NacreError('EINVAL', 'rbd.write', `the image ends ${length - result} bytes before the data`);
  });
  ctx.io.write(offset, parts, pending, options);
  return pending.promise;
}

/** What reaches over the image's end is left out. */
export function discard(
  ctx: ImageCtx,
  offset: number,
  length: number,
  options: DiscardCallOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'discard', length, options.signal, nothing);
  ctx.io.discard(offset, length, pending, options);
  return pending.promise;
}

export function writeZeroes(
  ctx: ImageCtx,
  offset: number,
  length: number,
  options: WriteZeroesCallOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'writeZeroes', length, options.signal, nothing);
  ctx.io.writeZeroes(offset, length, pending, options);
  return pending.promise;
}

/** EINVAL unless `length` is a multiple of the pattern's. */
export function writeSame(
  ctx: ImageCtx,
  offset: number,
  length: number,
  pattern: Uint8Array,
  options: WriteCallOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'writeSame', length, options.signal, nothing);
  ctx.io.writeSame(offset, length, pattern, pending, options);
  return pending.promise;
}

/** MismatchError when it does not compare; EINVAL unless all is in one sector of 512 bytes, and as long as `compare`. */
export function compareAndWrite(
  ctx: ImageCtx,
  offset: number,
  compare: Uint8Array,
  data: Uint8Array,
  options: WriteCallOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'compareAndWrite', data.length, options.signal, nothing);
  ctx.io.compareAndWrite(offset, compare, data, pending, options);
  return pending.promise;
}

/** All that was written before is safe. */
export function flush(ctx: ImageCtx, options: IoCallOptions = {}): Promise<void> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'flush', 0, options.signal, nothing);
  ctx.io.flush(pending, 'user');
  return pending.promise;
}

/** What is cached of the image is read anew from now on; dirty data is written first. */
export async function invalidateCache(ctx: ImageCtx, options: IoCallOptions = {}): Promise<void> {
  options.signal?.throwIfAborted();
  const pending = new Pending(ctx, 'invalidateCache', 0, options.signal, nothing);
  ctx.io.flush(pending, 'internal');
  await pending.promise;
  ctx.io.objects.invalidate();
}
