import { NacreError } from '../../../base/errors.ts';
import type { Locker } from '../../rados/locks.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { RBD_LOCK_NAME } from '../types.ts';
import { LOCK_COOKIE_PREFIX, LOCK_TAG } from './owners.ts';

const codeOf = (error: unknown): string | undefined => (error instanceof NacreError ? error.code : undefined);

/** Who has the lock on the header. EBUSY when it is a user's (`rbd lock add`), or shared: it is not ours to ask for. */
export async function currentOwner(ctx: ImageCtx): Promise<Locker | undefined> {
  const { type, tag, lockers } = await ctx.header.listLockers(ctx.identity.headerOid, RBD_LOCK_NAME);
  const owner = lockers[0];
  if (owner === undefined) return undefined;
  if (type !== 'exclusive' || tag !== LOCK_TAG || !owner.cookie.startsWith(`${LOCK_COOKIE_PREFIX} `))
    throw new NacreError('EBUSY', 'rbd.lock', `${owner.client} locked '${ctx.identity.name}' by other means`);
  return owner;
}

export function sameOwner(a: Locker | undefined, b: Locker): boolean {
  return a?.client === b.client && a.cookie === b.cookie && a.address === b.address;
}

/** 'v2:1.2.3.4:0/77' or '1.2.3.4:0/77': what remains tells clients apart. */
const bare = (address: string): string => address.replace(/^(v1|v2|any):/, '');

/** Whether the owner still watches the header, with the watch that its cookie names. */
export async function isAlive(ctx: ImageCtx, owner: Locker): Promise<boolean> {
  const handle = owner.cookie.slice(LOCK_COOKIE_PREFIX.length + 1);
  const watchers = await ctx.header.listWatchers(ctx.identity.headerOid);
  return watchers.some(
    watcher => String(watcher.cookie) === handle && bare(watcher.addr) === bare(owner.address),
  );
}

/** Takes the lock from an owner that is gone, after keeping it from ever writing again. */
export async function breakDeadOwner(ctx: ImageCtx, owner: Locker): Promise<void> {
  const { cluster, config, header, identity } = ctx;
  const own = owner.client === `client.${cluster.instanceId}`;
  if (config.get('rbd_blocklist_on_break_lock') && !own) {
    const seconds = config.get('rbd_blocklist_expire_seconds');
    await cluster.blocklistAdd(owner.address, seconds === 0 ? undefined : seconds);
  }
  try {
    await header.breakLock(identity.headerOid, RBD_LOCK_NAME, owner.client, owner.cookie);
  } catch (error) {
    // Somebody else was quicker.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
