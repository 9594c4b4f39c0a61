export { NacreError } from '../../base/errors.ts';
export type { Env } from '../../env/env.ts';
export type { NotifyAck, NotifyTimeout } from '../objecter/notify-response.ts';
export { SNAP_DIR, SNAP_HEAD, type SnapContext } from '../types/snap.ts';
export type { Applications } from './applications.ts';
export type { Data } from './bytes.ts';
export { Rados } from './cluster.ts';
export { type Command, CommandError, type CommandOptions, CommandOutput } from './commands.ts';
export type { ConnectOptions } from './connect.ts';
export { OperationError, type OpOutcome } from './errors.ts';
export * from './flags.ts';
export type { ChecksumRequest, OmapCondition, OmapConditions, Values } from './inputs.ts';
export type { OmapRange } from './io-attrs.ts';
export { ALL_NAMESPACES, type CallOptions, type IoOptions, type WriteCallOptions } from './io-base.ts';
export type { CopyOptions, ReadOptions, WriteOptions } from './io-objects.ts';
export { IoCtx, type NotifyResult, type OperationResult, type PoolSnapshot } from './ioctx.ts';
export {
  type CursorRange,
  type ListedObject,
  type ListOptions,
  type ListPage,
  ObjectCursor,
  ObjectLister,
} from './listing.ts';
export type { Locker, LockInfo, LockOptions } from './locks.ts';
export { type OpResult, ReadOperation } from './operation.ts';
export {
  isHead,
  type ObjectClone,
  type ObjectSnaps,
  type ObjectStat,
  type OmapPage,
  type SparseData,
  type Watcher,
} from './outputs.ts';
export type { PoolName, Pools } from './pools.ts';
export type { ClusterStats, PoolStats } from './stats.ts';
export type { ReadStreamOptions, WriteStreamOptions } from './streams.ts';
export { Notification, Watch, type WatchOptions } from './watch.ts';
export { WriteOperation } from './write-operation.ts';
