import { type Callback, UP_SIZE, UP_TIMES } from '../../../rpc/callback.ts';

/** A brick's news that somebody else changed a file, as it comes up with UPCALL. */
export type CacheInvalidation = Extract<Callback, { readonly kind: 'cache-invalidation' }>;

/** The content changed. */
export const UP_WRITE_FLAGS = UP_SIZE | UP_TIMES;

/** Undefined when it is other news. */
export function cacheInvalidation(data: unknown): CacheInvalidation | undefined {
  const event = data as Callback | undefined;
  return event?.kind === 'cache-invalidation' ? event : undefined;
}
