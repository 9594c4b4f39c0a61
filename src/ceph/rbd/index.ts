export { NacreError } from '../../base/errors.ts';
export * from './formats/index.ts';
export { Image } from './image.ts';
export type { ImageCtx, ImageIdentity } from './image-ctx.ts';
export {
  type DiscardCallOptions,
  type IoCallOptions,
  MismatchError,
  type ReadCallOptions,
  type SparseRead,
  type WriteCallOptions,
  type WriteZeroesCallOptions,
} from './io/api.ts';
export type { ImageChunk, RangeOptions, WriteRangeOptions } from './io/streams.ts';
export type {
  FlushSource,
  ImageIo,
  ImageRequest,
  IoCompletion,
  ReadIoOptions,
  WriteIoOptions,
} from './io/types.ts';
export type { OpenOptions } from './open/open-image.ts';
export type { CreateOptions } from './operations/create-options.ts';
export type { DiffExtent, DiffOptions } from './operations/diff.ts';
export * from './operations/features.ts';
export type { PoolImageStats } from './operations/pool.ts';
export type { ResizeOptions } from './operations/resize.ts';
export type * from './options.ts';
export { Namespaces, PoolConfig, Rbd, Trash } from './rbd.ts';
export * from './types.ts';
