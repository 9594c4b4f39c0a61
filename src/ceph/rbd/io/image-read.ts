import { ERRNO } from '../../../base/errno.ts';
import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import { EMPTY } from '../../rados/bytes.ts';
import type { ImageIoQueue } from './image-io.ts';
import { ImageIoRequest, IO_READ } from './image-request.ts';
import { addExtent } from './parent-read.ts';
import { fileToExtents, type ObjectExtent } from './striper.ts';
import type { IoCompletion, ObjectRead, ReadIoOptions } from './types.ts';

const ENOENT = -ERRNO['ENOENT'];
const EINVAL = -ERRNO['EINVAL'];

/** One object's part of a read. */
class ReadPart implements ObjectRead {
  private readonly request: ImageRead;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly snapId: bigint;
  readonly flags: number;
  readonly span: Span | undefined;
  into: Buffer | undefined;
  extents: number[] | undefined = undefined;
  /** Where its bytes go, when they do not lie together in the request. */
  readonly scattered: readonly number[] | undefined;
  /** Where they go in the request when they do. */
  readonly at: number;

  constructor(
    request: ImageRead,
    objectNo: number,
    offset: number,
    length: number,
    into: Buffer | undefined,
    at: number,
    scattered: readonly number[] | undefined,
  ) {
    this.request = request;
    this.objectNo = objectNo;
    this.offset = offset;
    this.length = length;
    this.snapId = request.snapId;
    this.flags = request.flags;
    this.span = request.span;
    this.into = into;
    this.at = at;
    this.scattered = scattered;
  }

  finished(result: number): void {
    this.request.partFinished(result);
  }
}

export class ImageRead extends ImageIoRequest {
  readonly snapId: bigint;
  readonly flags: number;
  private readonly into: Buffer | undefined;
  private readonly sparse: boolean;
  private single: ReadPart | undefined = undefined;
  private parts: ReadPart[] | undefined = undefined;

  constructor(
    queue: ImageIoQueue,
    offset: number,
    length: number,
    completion: IoCompletion,
    options: ReadIoOptions | undefined,
  ) {
    super(queue, IO_READ, offset, length, completion);
    const { ctx } = queue;
    this.snapId = options?.snapId ?? ctx.snapId;
    this.flags = options?.flags ?? 0;
    this.into = options?.into;
    this.sparse = options?.sparse === true;
    if (tracing()) this.span = wind('librbd.aio_read', options?.span, { offset, length });
  }

  protected sendParts(): number {
    const { queue, offset, into } = this;
    const { ctx } = queue;
    const size = ctx.sizeAt(this.snapId);
    if (size === undefined) return ENOENT;
    if (this.length === 0) return 0;
    if (!(offset >= 0 && offset < size && this.length > 0)) return EINVAL;
    if (offset + this.length > size) this.length = size - offset;
    const { length } = this;
    if (into !== undefined && into.length < length) return EINVAL;
    queue.readahead(this, size);
    const { layout } = ctx.identity;
    const { objectSize } = layout;
    const objectNo = Math.floor(offset / objectSize);
    const start = offset - objectNo * objectSize;
    if (layout.stripeCount === 1 && start + length <= objectSize) {
      if (this.span !== undefined) unwind(wind('Striper.file_to_extents', this.span));
      const memory = into === undefined || into.length === length ? into : into.subarray(0, length);
      this.single = new ReadPart(this, objectNo, start, length, memory, 0, undefined);
      this.left = 1;
      queue.reader(this.snapId).read(this.single);
      return 0;
    }
    const span = this.span === undefined ? undefined : wind('Striper.file_to_extents', this.span);
    const extents = fileToExtents(layout, offset, length);
    unwind(span);
    this.data = into === undefined ? Buffer.allocUnsafe(length) : into.subarray(0, length);
    this.parts = extents.map(extent => this.part(extent));
    this.left = this.parts.length;
    const reader = queue.reader(this.snapId);
    for (const part of this.parts) reader.read(part);
    return 0;
  }

  private part(extent: ObjectExtent): ReadPart {
    const { objectNo, offset, length, buffers } = extent;
    const at = buffers[0];
    if (buffers.length > 2) return new ReadPart(this, objectNo, offset, length, undefined, 0, buffers);
    return new ReadPart(this, objectNo, offset, length, this.data!.subarray(at, at + length), at, undefined);
  }

  override settle(): void {
    const { single, parts } = this;
    if (this.result < 0) {
      this.data = undefined;
      return;
    }
    if (single !== undefined) {
      this.data = single.into;
      if (this.sparse) this.extents = single.extents;
    } else if (parts === undefined) {
      this.data = this.into === undefined ? EMPTY : this.into.subarray(0, 0);
      this.extents = [];
    } else {
      for (const part of parts) if (part.scattered !== undefined) this.scatter(part, part.scattered);
      if (this.sparse) this.extents = joined(parts);
    }
  }

  private scatter(part: ReadPart, buffers: readonly number[]): void {
    let from = 0;
    for (let i = 0; i < buffers.length; i += 2) {
      const length = buffers[i + 1];
      part.into!.copy(this.data!, buffers[i], from, from + length);
      from += length;
    }
  }
}

/** Where data was in the whole request. */
function joined(parts: readonly ReadPart[]): number[] | undefined {
  if (parts.every(part => part.extents === undefined)) return undefined;
  const pairs: [number, number][] = [];
  for (const { extents, at, length, scattered } of parts) {
    const own = extents ?? [0, length];
    for (let i = 0; i < own.length; i += 2)
      if (scattered === undefined) pairs.push([at + own[i], own[i + 1]]);
      else spread(own[i], own[i + 1], scattered, pairs);
  }
  pairs.sort((a, b) => a[0] - b[0]);
  const all: number[] = [];
  for (const [offset, length] of pairs) addExtent(all, offset, length);
  return all;
}

/** A range of the object's bytes, as the ranges of the request that it is. */
function spread(offset: number, length: number, buffers: readonly number[], into: [number, number][]): void {
  const end = offset + length;
  let from = 0;
  for (let i = 0; i < buffers.length && from < end; i += 2) {
    const till = from + buffers[i + 1];
    const first = Math.max(from, offset);
    const last = Math.min(till, end);
    if (first < last) into.push([buffers[i] + first - from, last - first]);
    from = till;
  }
}
