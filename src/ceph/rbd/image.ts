import type { Readable, Writable } from 'node:stream';
import type { Watcher } from '../rados/outputs.ts';
import type { ImageCtx } from './image-ctx.ts';
import { ExclusiveLockControl, ImageLocksControl } from './image-locks.ts';
import { ImageMetadata, ImageSettings, ObjectMapControl } from './image-parts.ts';
import { Snapshots } from './image-snapshots.ts';
import * as io from './io/api.ts';
import * as streams from './io/streams.ts';
import { closeImage } from './open/close.ts';
import { imageInfo } from './open/info.ts';
import { refreshImage } from './open/refresh.ts';
import { listChildren, listDescendants } from './operations/children.ts';
import { copyImage } from './operations/copy.ts';
import { deepCopyImage } from './operations/deep-copy.ts';
import { type DiffExtent, type DiffOptions, diffIterate } from './operations/diff.ts';
import { updateFeatures } from './operations/features-update.ts';
import { flattenImage } from './operations/flatten.ts';
import { type ResizeOptions, resizeImage } from './operations/resize.ts';
import { sparsifyImage } from './operations/sparsify.ts';
import type {
  ChildImage,
  CopyOptions,
  DeepCopyOptions,
  ImageInfo,
  ParentRef,
  ProgressOption,
} from './options.ts';
import type { Rbd } from './rbd.ts';

/** An open image, or a snapshot of one. Offsets and lengths are bytes. */
export class Image implements AsyncDisposable {
  readonly ctx: ImageCtx;
  readonly snapshots: Snapshots;
  readonly metadata: ImageMetadata;
  readonly config: ImageSettings;
  readonly objectMap: ObjectMapControl;
  /** `rbd lock`: locks that users put on the image. */
  readonly locks: ImageLocksControl;
  /** The lock that whoever writes has, with the feature exclusive-lock. */
  readonly exclusiveLock: ExclusiveLockControl;

  /** See Rbd.open. */
  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
    this.snapshots = new Snapshots(ctx);
    this.metadata = new ImageMetadata(ctx);
    this.config = new ImageSettings(ctx);
    this.objectMap = new ObjectMapControl(ctx);
    this.locks = new ImageLocksControl(ctx);
    this.exclusiveLock = new ExclusiveLockControl(ctx);
  }

  get name(): string {
    return this.ctx.identity.name;
  }

  /** '' for format 1. */
  get id(): string {
    return this.ctx.identity.id;
  }

  /** Of what the handle looks at. */
  get size(): number {
    return this.ctx.sizeAt() ?? 0;
  }

  get objectSize(): number {
    return this.ctx.identity.layout.objectSize;
  }

  get readOnly(): boolean {
    return this.ctx.readOnly;
  }

  // Input and output.

  /** EINVAL when it begins behind the end; what goes over the end is left out. Holes are zeros. */
  read(offset: number, length: number, options?: io.ReadCallOptions): Promise<Buffer> {
    return io.read(this.ctx, offset, length, options);
  }

  /** The same, and where there was data. */
  readSparse(offset: number, length: number, options?: io.ReadCallOptions): Promise<io.SparseRead> {
    return io.readSparse(this.ctx, offset, length, options);
  }

  /** Fills the buffers, one after the other. Resolves to the bytes that there were. */
  readv(offset: number, buffers: readonly Uint8Array[], options?: io.ReadCallOptions): Promise<number> {
    return io.readv(this.ctx, offset, buffers, options);
  }

  /** The bytes must not change until it is done. EINVAL over the end, EROFS when the handle is read-only. */
  write(offset: number, data: Uint8Array, options?: io.WriteCallOptions): Promise<void> {
    return io.write(this.ctx, offset, data, options);
  }

  writev(offset: number, data: readonly Uint8Array[], options?: io.WriteCallOptions): Promise<void> {
    return io.write(this.ctx, offset, data, options);
  }

  /** Frees whole parts of the range (see rbd_discard_granularity_bytes); with granularity 0, all of it reads as zeros. */
  discard(offset: number, length: number, options?: io.DiscardCallOptions): Promise<void> {
    return io.discard(this.ctx, offset, length, options);
  }

  /** The range reads as zeros. */
  writeZeroes(offset: number, length: number, options?: io.WriteZeroesCallOptions): Promise<void> {
    return io.writeZeroes(this.ctx, offset, length, options);
  }

  /** `length`: a multiple of the pattern's. */
  writeSame(
    offset: number,
    length: number,
    pattern: Uint8Array,
    options?: io.WriteCallOptions,
  ): Promise<void> {
    return io.writeSame(this.ctx, offset, length, pattern, options);
  }

  /** Writes if the range is what it is compared with. EILSEQ, with `mismatch`, where it is not. */
  compareAndWrite(
    offset: number,
    compare: Uint8Array,
    data: Uint8Array,
    options?: io.WriteCallOptions,
  ): Promise<void> {
    return io.compareAndWrite(this.ctx, offset, compare, data, options);
  }

  /** What was written before is safe once this resolves. */
  flush(options?: io.IoCallOptions): Promise<void> {
    return io.flush(this.ctx, options);
  }

  /** What is cached is read anew from now on; what was written is safe before. */
  invalidateCache(options?: io.IoCallOptions): Promise<void> {
    return io.invalidateCache(this.ctx, options);
  }

  /** A Node stream of the range, read ahead. */
  createReadStream(range?: streams.RangeOptions): Readable {
    return streams.createReadStream(this.ctx, range);
  }

  /** A Node stream into the image. */
  createWriteStream(options?: streams.WriteRangeOptions): Writable {
    return streams.createWriteStream(this.ctx, options);
  }

  readable(range?: streams.RangeOptions): ReadableStream<Uint8Array> {
    return streams.readable(this.ctx, range);
  }

  writable(options?: streams.WriteRangeOptions): WritableStream<Uint8Array> {
    return streams.writable(this.ctx, options);
  }

  /** Pieces in order; holes have no data. */
  chunks(range?: streams.RangeOptions): AsyncIterable<streams.ImageChunk> {
    return streams.chunks(this.ctx, range);
  }

  /** What differs from a snapshot, or from nothing, in order. */
  diff(options: DiffOptions = {}): AsyncIterable<DiffExtent> {
    return diffIterate(this.ctx, options);
  }

  // The image itself.

  /** Takes in changes of the header. I/O does so by itself once they were announced. */
  refresh(): Promise<void> {
    return refreshImage(this.ctx);
  }

  info(): Promise<ImageInfo> {
    return imageInfo(this.ctx);
  }

  /** Hears of each change of the header that was taken in. */
  onUpdate(listener: () => void): Disposable {
    const { updateListeners } = this.ctx;
    updateListeners.add(listener);
    return { [Symbol.dispose]: () => void updateListeners.delete(listener) };
  }

  /** `size` in bytes. */
  resize(size: number, options?: ResizeOptions): Promise<void> {
    return resizeImage(this.ctx, size, options);
  }

  /** Copies what the parent shows, and lets go of it. */
  flatten(options: ProgressOption = {}): Promise<void> {
    return flattenImage(this.ctx, options);
  }

  /** Frees zeros of `sparseSize` bytes, a power of two. */
  sparsify(sparseSize: number, options: ProgressOption = {}): Promise<void> {
    return sparsifyImage(this.ctx, sparseSize, options);
  }

  /** Clones of all snapshots; with `descendants`, clones of clones too. */
  children(options: { readonly descendants?: boolean } = {}): Promise<ChildImage[]> {
    return options.descendants === true ? listDescendants(this.ctx) : listChildren(this.ctx);
  }

  async parent(): Promise<ParentRef | undefined> {
    return (await this.info()).parent;
  }

  /** A new image with the content of what the handle looks at. */
  copy(dest: Rbd, name: string, options: CopyOptions = {}): Promise<void> {
    return copyImage(this.ctx, dest, name, options);
  }

  /** The same with all snapshots, and the parent. */
  deepCopy(dest: Rbd, name: string, options: DeepCopyOptions = {}): Promise<void> {
    return deepCopyImage(this.ctx, dest, name, options);
  }

  /** EINVAL for what cannot be switched, is so already, or needs another feature. */
  updateFeatures(features: bigint, enable: boolean): Promise<void> {
    return updateFeatures(this.ctx, features, enable);
  }

  /** Who watches the header: everyone who has the image open for writing. */
  async watchers(): Promise<Watcher[]> {
    const { header, identity } = this.ctx;
    return header.listWatchers(identity.headerOid);
  }

  /** Flushes and closes. Idempotent. */
  close(): Promise<void> {
    return closeImage(this.ctx);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
