import { ERRNO } from '../../../base/errno.ts';
import { type Span, tracing, unwind, wind } from '../../../base/trace.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { ImageIoQueue } from './image-io.ts';
import { ImageIoRequest, IO_COMPARE, IO_DISCARD, IO_WRITE, IO_WRITE_SAME } from './image-request.ts';
import { fileToExtents, imageOffset, type ObjectExtent } from './striper.ts';
import {
  DISCARD_KEEP_OBJECT,
  type IoCompletion,
  OBJECT_COMPARE_AND_WRITE,
  OBJECT_DISCARD,
  OBJECT_WRITE,
  OBJECT_WRITE_SAME,
  type ObjectWrite,
  type ObjectWriteKind,
  type WriteIoOptions,
} from './types.ts';

const EINVAL = -ERRNO['EINVAL'];
const NO_DATA: readonly Uint8Array[] = [];
const SECTOR = 512;
const ZERO_SECTOR = Buffer.alloc(SECTOR);

/** One object's part of a write. */
class WritePart implements ObjectWrite {
  private readonly request: ImageIoRequest;
  readonly kind: ObjectWriteKind;
  readonly objectNo: number;
  readonly offset: number;
  readonly length: number;
  readonly data: readonly Uint8Array[];
  readonly constant: boolean;
  readonly compare: Uint8Array | undefined;
  readonly view: IoCtx;
  readonly discardFlags: number;
  readonly flags: number;
  readonly span: Span | undefined;
  mismatch = 0;

  constructor(
    request: ImageIoRequest,
    kind: ObjectWriteKind,
    objectNo: number,
    offset: number,
    length: number,
    data: readonly Uint8Array[],
    compare: Uint8Array | undefined,
    flags: number,
  ) {
    this.request = request;
    this.kind = kind;
    this.objectNo = objectNo;
    this.offset = offset;
    this.length = length;
    this.data = data;
    this.constant = request.constant;
    this.compare = compare;
    this.view = request.queue.ctx.data;
    this.discardFlags = kind === OBJECT_DISCARD ? DISCARD_KEEP_OBJECT : 0;
    this.flags = flags;
    this.span = request.span;
  }

  finished(result: number): void {
    this.request.partFinished(result);
  }
}

/** The bytes of a range of buffers that lie one after another; views of them. */
function slice(
  data: readonly Uint8Array[],
  offset: number,
  length: number,
  into: Uint8Array[] = [],
): Uint8Array[] {
  let at = 0;
  const end = offset + length;
  for (const part of data) {
    const next = at + part.length;
    if (next > offset && at < end) {
      const from = Math.max(offset - at, 0);
      const to = Math.min(end - at, part.length);
      into.push(from === 0 && to === part.length ? part : part.subarray(from, to));
    }
    at = next;
    if (at >= end) break;
  }
  return into;
}

function sliceExtent(data: readonly Uint8Array[], { buffers }: ObjectExtent): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < buffers.length; i += 2) slice(data, buffers[i], buffers[i + 1], parts);
  return parts;
}

abstract class ImageChange extends ImageIoRequest {
  protected readonly flags: number;

  constructor(
    queue: ImageIoQueue,
    type: number,
    layer: string,
    offset: number,
    length: number,
    completion: IoCompletion,
    options: { readonly flags?: number; readonly span?: Span } | undefined,
  ) {
    super(queue, type, offset, length, completion);
    this.flags = options?.flags ?? 0;
    if (tracing()) this.span = wind(layer, options?.span, { offset, length });
  }

  /** Cuts off what lies behind the image's end. @returns 1 to go on, 0 when there is nothing to do, a negative errno */
  protected clip(): number {
    const { offset } = this;
    const { size } = this.queue.ctx.state;
    if (this.length === 0) return 0;
    if (!(offset >= 0 && offset < size && this.length > 0)) return EINVAL;
    if (offset + this.length > size) this.length = size - offset;
    return 1;
  }

  protected split(offset: number, length: number): ObjectExtent[] {
    const span = this.span === undefined ? undefined : wind('Striper.file_to_extents', this.span);
    const extents = fileToExtents(this.queue.ctx.identity.layout, offset, length);
    unwind(span);
    return extents;
  }

  protected sendAll(parts: readonly ObjectWrite[]): void {
    this.left = parts.length;
    for (const part of parts) this.queue.objects.write(part);
  }
}

export class ImageWrite extends ImageChange {
  private readonly buffers: readonly Uint8Array[];

  constructor(
    queue: ImageIoQueue,
    offset: number,
    data: readonly Uint8Array[],
    completion: IoCompletion,
    options: WriteIoOptions | undefined,
  ) {
    let length = 0;
    for (let i = 0; i < data.length; i++) length += data[i].length;
    super(queue, IO_WRITE, 'librbd.aio_write', offset, length, completion, options);
    this.constant = options?.constant === true;
    this.buffers = data;
  }

  protected sendParts(): number {
    const whole = this.length;
    const ok = this.clip();
    if (ok <= 0) return ok;
    const { queue, offset, length, buffers, flags } = this;
    const { layout } = queue.ctx.identity;
    const objectNo = Math.floor(offset / layout.objectSize);
    const start = offset - objectNo * layout.objectSize;
    if (layout.stripeCount === 1 && start + length <= layout.objectSize) {
      if (this.span !== undefined) unwind(wind('Striper.file_to_extents', this.span));
      const data = length === whole ? buffers : slice(buffers, 0, length);
      this.left = 1;
      queue.objects.write(new WritePart(this, OBJECT_WRITE, objectNo, start, length, data, undefined, flags));
      return 0;
    }
    this.sendAll(
      this.split(offset, length).map(
        extent =>
          new WritePart(
            this,
            OBJECT_WRITE,
            extent.objectNo,
            extent.offset,
            extent.length,
            sliceExtent(buffers, extent),
            undefined,
            flags,
          ),
      ),
    );
    return 0;
  }
}

export class ImageDiscard extends ImageChange {
  private readonly granularity: number;

  constructor(
    queue: ImageIoQueue,
    offset: number,
    length: number,
    granularity: number,
    completion: IoCompletion,
    options: { readonly span?: Span } | undefined,
  ) {
    super(queue, IO_DISCARD, 'librbd.aio_discard', offset, length, completion, options);
    this.granularity = granularity;
  }

  protected sendParts(): number {
    const ok = this.clip();
    if (ok <= 0) return ok;
    const parts: ObjectWrite[] = [];
    for (const extent of this.split(this.offset, this.length)) {
      const [offset, length] = this.aligned(extent);
      if (length > 0)
        parts.push(
          new WritePart(this, OBJECT_DISCARD, extent.objectNo, offset, length, NO_DATA, undefined, 0),
        );
    }
    this.sendAll(parts);
    return 0;
  }

  /** What of an extent would free space. Up to an object's end it is always something. */
  private aligned({ offset, length }: ObjectExtent): [number, number] {
    const { objectSize } = this.queue.ctx.identity.layout;
    const granularity = Math.min(this.granularity, objectSize);
    const end = offset + length;
    if (granularity === 0 || (granularity === objectSize && end >= objectSize)) return [offset, length];
    const first = Math.ceil(offset / granularity) * granularity;
    const last = Math.floor(end / granularity) * granularity;
    return [first, last - first];
  }
}

/** Zeros that are really written: sectors as write-same, what is left at the ends as data. */
export class ImageThickZeroes extends ImageChange {
  constructor(
    queue: ImageIoQueue,
    offset: number,
    length: number,
    completion: IoCompletion,
    options: { readonly flags?: number; readonly span?: Span } | undefined,
  ) {
    super(queue, IO_WRITE_SAME, 'librbd.aio_write_zeroes', offset, length, completion, options);
  }

  protected sendParts(): number {
    const ok = this.clip();
    if (ok <= 0) return ok;
    const { offset, flags } = this;
    const end = offset + this.length;
    const first = Math.min(end, Math.ceil(offset / SECTOR) * SECTOR);
    const last = Math.max(first, Math.floor(end / SECTOR) * SECTOR);
    const parts: ObjectWrite[] = [];
    const add = (kind: ObjectWriteKind, from: number, to: number) => {
      for (const extent of from < to ? this.split(from, to - from) : []) {
        const data = kind === OBJECT_WRITE ? ZERO_SECTOR.subarray(0, extent.length) : ZERO_SECTOR;
        const { objectNo } = extent;
        parts.push(
          new WritePart(this, kind, objectNo, extent.offset, extent.length, [data], undefined, flags),
        );
      }
    };
    add(OBJECT_WRITE, offset, first);
    add(OBJECT_WRITE_SAME, first, last);
    add(OBJECT_WRITE, last, end);
    this.sendAll(parts);
    return 0;
  }
}

export class ImageWriteSame extends ImageChange {
  private readonly pattern: Uint8Array;

  constructor(
    queue: ImageIoQueue,
    offset: number,
    length: number,
    pattern: Uint8Array,
    completion: IoCompletion,
    options: { readonly flags?: number; readonly span?: Span } | undefined,
  ) {
    super(queue, IO_WRITE_SAME, 'librbd.aio_writesame', offset, length, completion, options);
    this.pattern = pattern;
  }

  protected sendParts(): number {
    const { pattern, flags } = this;
    if (pattern.length === 0 || this.length % pattern.length !== 0) return EINVAL;
    const ok = this.clip();
    if (ok <= 0) return ok;
    const n = pattern.length;
    this.sendAll(
      this.split(this.offset, this.length).map(extent => {
        const whole = extent.buffers.every(value => value % n === 0);
        return new WritePart(
          this,
          whole ? OBJECT_WRITE_SAME : OBJECT_WRITE,
          extent.objectNo,
          extent.offset,
          extent.length,
          [whole ? pattern : repeated(pattern, extent)],
          undefined,
          flags,
        );
      }),
    );
    return 0;
  }
}

/** What the pattern, laid over the whole request, is in one extent. */
function repeated(pattern: Uint8Array, extent: ObjectExtent): Buffer {
  const out = Buffer.allocUnsafe(extent.length);
  const { buffers } = extent;
  let at = 0;
  for (let i = 0; i < buffers.length; i += 2) {
    const skip = buffers[i] % pattern.length;
    const length = buffers[i + 1];
    const rotated = skip === 0 ? pattern : Buffer.concat([pattern.subarray(skip), pattern.subarray(0, skip)]);
    out.fill(rotated, at, at + length);
    at += length;
  }
  return out;
}

/** Only within one sector and one stripe unit, so that it is one op of one object. */
export class ImageCompareAndWrite extends ImageChange {
  private readonly compare: Uint8Array;
  private readonly buffer: Uint8Array;
  private part: WritePart | undefined = undefined;

  constructor(
    queue: ImageIoQueue,
    offset: number,
    compare: Uint8Array,
    data: Uint8Array,
    completion: IoCompletion,
    options: { readonly flags?: number; readonly span?: Span } | undefined,
  ) {
    super(queue, IO_COMPARE, 'librbd.aio_compare_and_write', offset, data.length, completion, options);
    this.compare = compare;
    this.buffer = data;
  }

  protected sendParts(): number {
    const { compare, buffer } = this;
    if (compare.length !== buffer.length) return EINVAL;
    const ok = this.clip();
    if (ok <= 0) return ok;
    const { length } = this;
    const { stripeUnit } = this.queue.ctx.identity.layout;
    const extents = this.split(this.offset, length);
    const [extent] = extents;
    if (extents.length > 1 || crosses(extent, SECTOR) || crosses(extent, stripeUnit)) return EINVAL;
    this.part = new WritePart(
      this,
      OBJECT_COMPARE_AND_WRITE,
      extent.objectNo,
      extent.offset,
      length,
      [buffer.subarray(0, length)],
      compare.subarray(0, length),
      this.flags,
    );
    this.left = 1;
    this.queue.objects.write(this.part);
    return 0;
  }

  override settle(): void {
    const { part } = this;
    if (part === undefined || this.result !== -ERRNO['EILSEQ']) return;
    this.mismatch = imageOffset(this.queue.ctx.identity.layout, part.objectNo, part.mismatch);
  }
}

function crosses({ offset, length }: ObjectExtent, unit: number): boolean {
  return (offset % unit) + length > unit;
}
