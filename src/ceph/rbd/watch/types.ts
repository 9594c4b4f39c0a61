import type { Progress } from '../types.ts';
import type { AsyncRequestId } from './notify-types.ts';

/** What is asked of the owner of the exclusive lock. Rejects with what it answers; ETIMEDOUT when none answers. */
export interface ImageWatcherApi {
  /** Tells everyone who has the image open that its header changed. */
  notifyHeaderUpdate(): Promise<void>;
  notifyFlatten(onProgress?: Progress): Promise<void>;
  notifyResize(size: number, allowShrink: boolean, onProgress?: Progress): Promise<void>;
  notifySnapCreate(name: string, onProgress?: Progress): Promise<void>;
  notifySnapRename(id: bigint, name: string): Promise<void>;
  notifySnapRemove(name: string): Promise<void>;
  notifySnapProtect(name: string): Promise<void>;
  notifySnapUnprotect(name: string): Promise<void>;
  notifyRebuildObjectMap(onProgress?: Progress): Promise<void>;
  notifyRename(name: string): Promise<void>;
  notifyUpdateFeatures(features: bigint, enabled: boolean): Promise<void>;
  notifySparsify(sparseSize: number, onProgress?: Progress): Promise<void>;
  /**
   * Has everyone who has the image open come to rest, until `notifyUnquiesce`. Rejects with what one of them answered, or
   * ETIMEDOUT when one never did.
   */
  notifyQuiesce(onProgress?: Progress): Promise<AsyncRequestId>;
  notifyUnquiesce(id: AsyncRequestId): Promise<void>;
  /** For the lock. The answer: 0, or a negative errno; ETIMEDOUT when nobody who owns it answered. */
  notifyRequestLock(): Promise<number>;
  notifyAcquiredLock(): Promise<void>;
  notifyReleasedLock(): Promise<void>;
  /** Header watch as the OSD knows it. */
  readonly cookie: bigint;
  close(): Promise<void>;
}
