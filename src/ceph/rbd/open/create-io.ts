import { cachePolicy, createCache } from '../cache/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { createImageIo } from '../io/image-io.ts';
import { createObjectRequests } from '../io/object-requests.ts';
import type { ImageIo } from '../io/types.ts';
import { refreshIfNeeded } from './refresh.ts';

/** The way of I/O into an image that was just opened: with a cache, if its configuration has one. */
export function createIo(ctx: ImageCtx): ImageIo {
  const uncached = createObjectRequests(ctx);
  const objects = createCache(ctx, uncached);
  // A cache that only goes around the wait for writes keeps nothing of what is read ahead.
  const policy = cachePolicy(ctx);
  if (policy === 'none' || policy === 'writearound')
    return createImageIo(ctx, { objects, refresh: refreshIfNeeded });
  return createImageIo(ctx, { objects, caches: true, uncached, refresh: refreshIfNeeded });
}
