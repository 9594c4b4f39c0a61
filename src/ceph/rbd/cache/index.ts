import type { ImageCtx } from '../image-ctx.ts';
import type { ObjectLayer } from '../io/types.ts';
import { createObjectCacher } from './object-cacher.ts';
import { cachePolicy } from './settings.ts';
import { createWriteAround } from './write-around.ts';

export { createObjectCacher } from './object-cacher.ts';
export { type CachePolicy, type CacheSettings, cachePolicy, cacheSettings } from './settings.ts';
export { createWriteAround } from './write-around.ts';

/** The cache that the image's configuration asks for, over `lower`; `lower` itself when it wants none. */
export function createCache(ctx: ImageCtx, lower: ObjectLayer): ObjectLayer {
  switch (cachePolicy(ctx)) {
    case 'none':
      return lower;
    case 'writearound':
      return createWriteAround(ctx, lower);
    default:
      return createObjectCacher(ctx, lower);
  }
}
