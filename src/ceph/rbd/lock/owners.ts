import type { ImageCtx } from '../image-ctx.ts';
import { RBD_LOCK_NAME } from '../types.ts';

/** Tag and cookies of locks that rbd takes by itself (librbd/managed_lock/Types, ManagedLock.cc). */
export const LOCK_TAG = 'internal';
export const LOCK_COOKIE_PREFIX = 'auto';

export interface LockOwner {
  /** 'client.4123'. */
  readonly client: string;
  /** 'auto 94...': the number is that of the owner's watch. */
  readonly cookie: string;
  readonly address: string;
}

/** Who has the exclusive lock: none or one. Locks of users (`rbd lock add`) do not count. */
export async function lockOwners(ctx: ImageCtx): Promise<LockOwner[]> {
  const { lockers, tag } = await ctx.header.listLockers(ctx.identity.headerOid, RBD_LOCK_NAME);
  if (tag !== LOCK_TAG) return [];
  return lockers.filter(({ cookie }) => cookie.startsWith(`${LOCK_COOKIE_PREFIX} `));
}
