import type { Span } from '../../base/trace.ts';
import { type Image, RBD_FEATURE_FAST_DIFF } from '../../ceph/rbd/index.ts';
import type { BlockDevice, DeviceCompletion, Extent } from './block-device.ts';

const SPARSE = { sparse: true };
const THICK = { thick: true };
/** Stripe periods that are looked at one by one for a block status; with more, whole objects are told of where the
 * object map can, or less than the range is answered. */
const MAX_PERIODS = 256;

/** An open image as a disk. Whoever opened the image closes it, after the server. */
export class ImageDevice implements BlockDevice {
  readonly image: Image;
  readonly description: string;
  readonly fastZero = true;
  /** Without a cache a finished write is on the OSDs. */
  readonly durableWrites: boolean;

  /** `description`: the image's name by default. */
  constructor(image: Image, description = `RBD image ${image.name}`) {
    this.image = image;
    this.description = description;
    this.durableWrites = !image.ctx.config.get('rbd_cache');
  }

  get size(): number {
    return this.image.size;
  }

  get readOnly(): boolean {
    return this.image.readOnly;
  }

  get preferredBlockSize(): number {
    return this.image.objectSize;
  }

  read(offset: number, length: number, sparse: boolean, completion: DeviceCompletion, span?: Span): void {
    const options = span === undefined ? (sparse ? SPARSE : undefined) : { sparse, span };
    this.image.ctx.io.read(offset, length, completion, options);
  }

  write(offset: number, data: readonly Uint8Array[], completion: DeviceCompletion, span?: Span): void {
    this.image.ctx.io.write(offset, data, completion, span && { span });
  }

  flush(completion: DeviceCompletion): void {
    this.image.ctx.io.flush(completion, 'user');
  }

  trim(offset: number, length: number, completion: DeviceCompletion, span?: Span): void {
    this.image.ctx.io.discard(offset, length, completion, span && { span });
  }

  zero(offset: number, length: number, allocate: boolean, completion: DeviceCompletion, span?: Span): void {
    const options = span === undefined ? (allocate ? THICK : undefined) : { thick: allocate, span };
    this.image.ctx.io.writeZeroes(offset, length, completion, options);
  }

  /** What is read stays in the cache, if there is one; the OSDs have it at hand in any case. */
  cache(offset: number, length: number, completion: DeviceCompletion): void {
    this.image.ctx.io.read(offset, length, completion);
  }

  async extents(offset: number, length: number, max: number): Promise<Extent[]> {
    const { ctx } = this.image;
    const { objectSize, stripeCount } = ctx.identity.layout;
    const near = MAX_PERIODS * objectSize * stripeCount;
    const wholeObject = length > near && ctx.has(RBD_FEATURE_FAST_DIFF);
    const end = offset + (wholeObject ? length : Math.min(length, near));
    const extents: { length: number; hole: boolean }[] = [];
    let at = offset;
    const add = (to: number, hole: boolean) => {
      if (to <= at) return;
      const last = extents.at(-1);
      if (last?.hole === hole) last.length += to - at;
      else extents.push({ length: to - at, hole });
      at = to;
    };
    for await (const part of this.image.diff({
      offset,
      length: end - offset,
      includeParent: true,
      wholeObject,
    })) {
      if (!part.exists) continue;
      add(Math.min(end, part.offset), true);
      add(Math.min(end, part.offset + part.length), false);
      if (extents.length > max) break;
    }
    if (extents.length <= max) add(end, true);
    // An extent that was still growing when enough were found is left out with the others behind it.
    return extents.slice(0, max);
  }
}
