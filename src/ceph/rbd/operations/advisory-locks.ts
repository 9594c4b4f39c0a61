import { NacreError } from '../../../base/errors.ts';
import type { LockInfo } from '../../rados/locks.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { RBD_LOCK_NAME } from '../types.ts';
import { announce } from './invoke.ts';

// `rbd lock`: the lock rbd_lock on the header, which advises and keeps nobody from anything. The owner of the exclusive lock
// holds the same one, with a cookie 'auto N'.

export interface AdvisoryLocker {
  /** 'client.4123'. */
  readonly client: string;
  readonly cookie: string;
  /** '10.0.0.1:0/123'. */
  readonly address: string;
}

export interface AdvisoryLocks {
  /** Of a shared lock: what its holders agreed on. */
  readonly tag: string;
  readonly exclusive: boolean;
  readonly lockers: readonly AdvisoryLocker[];
}

/** Addresses as `rbd lock ls` prints them: without the protocol. */
function legacyAddress(address: string): string {
  return address.replace(/^(v1|v2|any):/, '');
}

export async function listAdvisoryLocks(ctx: ImageCtx): Promise<AdvisoryLocks> {
  const info: LockInfo = await ctx.header.listLockers(ctx.identity.headerOid, RBD_LOCK_NAME);
  return {
    tag: info.tag,
    exclusive: info.type === 'exclusive',
    lockers: info.lockers.map(({ client, cookie, address }) => ({
      client,
      cookie,
      address: legacyAddress(address),
    })),
  };
}

/** EBUSY when somebody has it, EEXIST when we do. */
export async function addExclusiveLock(ctx: ImageCtx, cookie: string): Promise<void> {
  await ctx.header.lockExclusive(ctx.identity.headerOid, RBD_LOCK_NAME, { cookie });
  await announce(ctx);
}

/** EBUSY when it is held exclusively or with another tag, EEXIST when we hold it with that cookie. */
export async function addSharedLock(ctx: ImageCtx, cookie: string, tag: string): Promise<void> {
  await ctx.header.lockShared(ctx.identity.headerOid, RBD_LOCK_NAME, { cookie, tag });
  await announce(ctx);
}

/** ENOENT when we do not hold it with that cookie. */
export async function removeAdvisoryLock(ctx: ImageCtx, cookie: string): Promise<void> {
  await ctx.header.unlock(ctx.identity.headerOid, RBD_LOCK_NAME, cookie);
  await announce(ctx);
}

/**
 * Takes the lock from its holder, 'client.4123', who is blocklisted before (rbd_blocklist_on_break_lock), so that nothing of
 * its writes comes after. ENOENT when that client has no lock.
 */
export async function breakAdvisoryLock(ctx: ImageCtx, client: string, cookie: string): Promise<void> {
  const { header, identity, cluster, config } = ctx;
  if (!/^[a-z]+\.\d+$/.test(client))
    throw new NacreError('EINVAL', 'rbd.break_lock', `'${client}' is no client such as client.4123`);
  if (config.get('rbd_blocklist_on_break_lock')) {
    const found = (await listAdvisoryLocks(ctx)).lockers.find(locker => locker.client === client);
    if (found === undefined)
      throw new NacreError('ENOENT', 'rbd.break_lock', `${client} holds no lock on '${identity.name}'`);
    const seconds = config.get('rbd_blocklist_expire_seconds');
    await cluster.blocklistAdd(found.address, seconds === 0 ? undefined : seconds);
  }
  await header.breakLock(identity.headerOid, RBD_LOCK_NAME, client, cookie);
  await announce(ctx);
}
