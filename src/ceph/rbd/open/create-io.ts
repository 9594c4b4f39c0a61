import { cachePolicy, createCache } from '../cache/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { createImageIo } from '../io/image-io.ts';
import { createObjectRequests } from '../io/object-requests.ts';
import type { ImageIo } from '../io/types.ts';
import { refreshIfNeeded } from './refresh.ts';

/** The way of I/O into an image that was just opened: with a cache, if its configuration has one. */
export function createIo(ctx: ImageCtx): ImageIo {
  const objects = createCache(ctx, createObjectRequests(ctx));
  // A cache that only goes around the wait for writes keeps nothing of what is read ahead.
  const policy = cachePolicy(ctx);
  const caches = policy === 'writeback' || policy === 'writethrough';
  return createImageIo(ctx, { objects, caches, refresh: refreshIfNeeded });
}
