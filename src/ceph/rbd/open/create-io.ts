import { createObjectCacher } from '../cache/object-cacher.ts';
import { cachePolicy } from '../cache/settings.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { createImageIo } from '../io/image-io.ts';
import { createObjectRequests } from '../io/object-requests.ts';
import type { ImageIo } from '../io/types.ts';
import { refreshIfNeeded } from './refresh.ts';

/** The way of I/O into an image that was just opened: with a cache, if its configuration has one. */
export function createIo(ctx: ImageCtx): ImageIo {
  const requests = createObjectRequests(ctx);
  const caches = cachePolicy(ctx) !== 'none';
  const objects = caches ? createObjectCacher(ctx, requests) : requests;
  return createImageIo(ctx, { objects, caches, refresh: refreshIfNeeded });
}
