import type { StripeLayout } from '../types.ts';

// How the bytes of an image lie in objects (osdc/Striper.cc, file_layout_t). The image is cut into stripe units. Each goes
// to the next object of a set of `stripeCount`, round and round, until these are full; then the next set begins:
//
//     unit      0 1 2 | 3 4 5 | 6 7 8 | 9 ...     stripeCount 3, two units an object
//     object    0 1 2 | 0 1 2 | 3 4 5 | 3 ...
//
// All numbers are bytes, below 2^53.

/** A range of one object and what it is of the buffer that is read or written. */
export class ObjectExtent {
  readonly objectNo: number;
  /** Within the object. */
  readonly offset: number;
  length: number;
  /** Pairs of offset in the buffer and length, in the order of the object's bytes. */
  readonly buffers: number[];

  constructor(objectNo: number, offset: number, length: number, bufferOffset: number) {
    this.objectNo = objectNo;
    this.offset = offset;
    this.length = length;
    this.buffers = [bufferOffset, length];
  }
}

/** A range of the image. */
export type ImageExtent = readonly [offset: number, length: number];

/** Objects that an image of `size` bytes can have. */
export function objectCount(layout: StripeLayout, size: number): number {
  const { objectSize, stripeUnit, stripeCount } = layout;
  if (stripeCount === 1) return Math.ceil(size / objectSize);
  const period = objectSize * stripeCount;
  const full = Math.floor(size / period);
  const rest = size - full * period;
  return full * stripeCount + Math.min(stripeCount, Math.ceil(rest / stripeUnit));
}

/** Object of one byte of the image. */
export function objectOf(layout: StripeLayout, offset: number): number {
  const { objectSize, stripeUnit, stripeCount } = layout;
  if (stripeCount === 1) return Math.floor(offset / objectSize);
  const unit = Math.floor(offset / stripeUnit);
  const set = Math.floor(offset / (objectSize * stripeCount));
  return set * stripeCount + (unit % stripeCount);
}

/** Where in the image a byte of an object lies. */
export function imageOffset(layout: StripeLayout, objectNo: number, offset: number): number {
  const { objectSize, stripeUnit, stripeCount } = layout;
  if (stripeCount === 1) return objectNo * objectSize + offset;
  const position = objectNo % stripeCount;
  const set = (objectNo - position) / stripeCount;
  const within = offset % stripeUnit;
  const stripe = (offset - within) / stripeUnit + set * (objectSize / stripeUnit);
  return (stripe * stripeCount + position) * stripeUnit + within;
}

/**
 * The ranges of objects that a range of the image is, one for every object where the layout allows, in the order in which
 * the image meets them. `bufferOffset` is where the range begins in the buffer.
 */
export function fileToExtents(
  layout: StripeLayout,
  offset: number,
  length: number,
  bufferOffset = 0,
  into: ObjectExtent[] = [],
): ObjectExtent[] {
  const { objectSize, stripeUnit, stripeCount } = layout;
  if (stripeCount === 1) {
    let at = offset;
    const end = offset + length;
    while (at < end) {
      const objectNo = Math.floor(at / objectSize);
      const start = at - objectNo * objectSize;
      const n = Math.min(end - at, objectSize - start);
      into.push(new ObjectExtent(objectNo, start, n, bufferOffset + at - offset));
      at += n;
    }
    return into;
  }
  // What was added last for each position of the object set: the next stripe may go on where it ends.
  const last: (ObjectExtent | undefined)[] = new Array(stripeCount).fill(undefined);
  const stripesPerObject = objectSize / stripeUnit;
  let at = offset;
  const end = offset + length;
  while (at < end) {
    const within = at % stripeUnit;
    const unit = (at - within) / stripeUnit;
    const position = unit % stripeCount;
    const stripe = (unit - position) / stripeCount;
    const row = stripe % stripesPerObject;
    const objectNo = ((stripe - row) / stripesPerObject) * stripeCount + position;
    const start = row * stripeUnit + within;
    const n = Math.min(end - at, stripeUnit - within);
    const from = bufferOffset + at - offset;
    const extent = last[position];
    if (extent !== undefined && extent.objectNo === objectNo && extent.offset + extent.length === start) {
      const { buffers } = extent;
      const tail = buffers.length - 2;
      if (buffers[tail] + buffers[tail + 1] === from) buffers[tail + 1] += n;
      else buffers.push(from, n);
      extent.length += n;
    } else {
      const added = new ObjectExtent(objectNo, start, n, from);
      last[position] = added;
      into.push(added);
    }
    at += n;
  }
  return into;
}

/** The ranges of the image that a range of an object is, in the order of the object's bytes, joined where they meet. */
export function extentToFile(
  layout: StripeLayout,
  objectNo: number,
  offset: number,
  length: number,
): ImageExtent[] {
  const { objectSize, stripeUnit, stripeCount } = layout;
  if (stripeCount === 1) return length === 0 ? [] : [[objectNo * objectSize + offset, length]];
  const extents: [number, number][] = [];
  let at = offset;
  const end = offset + length;
  while (at < end) {
    const n = Math.min(end - at, stripeUnit - (at % stripeUnit));
    extents.push([imageOffset(layout, objectNo, at), n]);
    at += n;
  }
  return extents;
}

/** What of the extents lies below `overlap`. */
export function pruneExtents(extents: readonly ImageExtent[], overlap: number): ImageExtent[] {
  const pruned: ImageExtent[] = [];
  for (const extent of extents) {
    const [offset, length] = extent;
    if (offset + length <= overlap) pruned.push(extent);
    else if (offset < overlap) pruned.push([offset, overlap - offset]);
  }
  return pruned;
}
