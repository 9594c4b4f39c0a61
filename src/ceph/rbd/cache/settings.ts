import type { ImageCtx } from '../image-ctx.ts';

/** What the configuration of an image says about its cache. */
export interface CacheSettings {
  /** Bytes of memory. */
  readonly size: number;
  /** Dirty bytes, those being written back among them, from which writes wait; 0: write-through. */
  readonly maxDirty: number;
  /** Dirty bytes above which the oldest are written back. */
  readonly targetDirty: number;
  /** Milliseconds after which dirty data is written back. */
  readonly maxDirtyAge: number;
  /** Dirty objects above which the oldest is written back; 0: any number. */
  readonly maxDirtyObjects: number;
  /** Writes go through until the user flushes for the first time: before, he may be one who never does. */
  readonly writethroughUntilFlush: boolean;
}

export type CachePolicy = 'none' | 'writethrough' | 'writeback' | 'writearound';

/** Which cache an image gets: that of rbd_cache_policy, or none without rbd_cache. */
export function cachePolicy(ctx: ImageCtx): CachePolicy {
  return ctx.config.get('rbd_cache') ? (ctx.config.get('rbd_cache_policy') as CachePolicy) : 'none';
}

/**
 * rbd_cache_block_writes_upfront has no counterpart: no call blocks here, and a write over the limit waits with its data in
 * the writer's memory whatever that option says, so that the cache never grows beyond its size.
 */
export function cacheSettings(ctx: ImageCtx): CacheSettings {
  const { config } = ctx;
  return {
    size: config.get('rbd_cache_size'),
    maxDirty: config.get('rbd_cache_policy') === 'writethrough' ? 0 : config.get('rbd_cache_max_dirty'),
    targetDirty: config.get('rbd_cache_target_dirty'),
    maxDirtyAge: config.get('rbd_cache_max_dirty_age') * 1000,
    maxDirtyObjects: config.get('rbd_cache_max_dirty_object'),
    writethroughUntilFlush: config.get('rbd_cache_writethrough_until_flush'),
  };
}
