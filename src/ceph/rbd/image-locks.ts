import { NacreError } from '../../base/errors.ts';
import type { ImageCtx } from './image-ctx.ts';
import { type LockOwner, lockOwners } from './lock/owners.ts';
import * as advisory from './operations/advisory-locks.ts';

/** Advisory locks on the header, `rbd lock`. */
export class ImageLocksControl {
  private readonly ctx: ImageCtx;

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
  }

  list(): Promise<advisory.AdvisoryLocks> {
    return advisory.listAdvisoryLocks(this.ctx);
  }

  /** EBUSY when somebody else holds one, EEXIST when we hold this. */
  addExclusive(cookie: string): Promise<void> {
    return advisory.addExclusiveLock(this.ctx, cookie);
  }

  /** Shared with all of the same tag. */
  addShared(cookie: string, tag: string): Promise<void> {
    return advisory.addSharedLock(this.ctx, cookie, tag);
  }

  /** ENOENT when we do not hold it. */
  remove(cookie: string): Promise<void> {
    return advisory.removeAdvisoryLock(this.ctx, cookie);
  }

  /** Takes it from `client` ('client.4123'), who is blocklisted (rbd_blocklist_on_break_lock). */
  break(client: string, cookie: string): Promise<void> {
    return advisory.breakAdvisoryLock(this.ctx, client, cookie);
  }
}

/** The lock that I/O needs. */
export class ExclusiveLockControl {
  private readonly ctx: ImageCtx;

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
  }

  get isOwner(): boolean {
    return this.ctx.exclusiveLock?.isOwner === true;
  }

  /**
   * Takes the lock and keeps it: others are refused until `release`. EROFS when the owner does so too; EINVAL when the image has
   * no such lock.
   */
  acquire(options?: { signal?: AbortSignal }): Promise<void> {
    return this.lock().acquireByHand(options);
  }

  release(): Promise<void> {
    return this.lock().release();
  }

  /** Who has it: none or one. */
  owners(): Promise<LockOwner[]> {
    return lockOwners(this.ctx);
  }

  /** Takes it from its owner ('client.4123'), who is blocklisted. */
  async break(client: string): Promise<void> {
    const owner = (await this.owners()).find(one => one.client === client);
    if (owner === undefined)
      throw new NacreError('EBUSY', 'rbd.lock', `'${client}' does not own '${this.ctx.identity.name}'`);
    await advisory.breakAdvisoryLock(this.ctx, client, owner.cookie);
  }

  private lock(): NonNullable<ImageCtx['exclusiveLock']> {
    const { exclusiveLock, identity } = this.ctx;
    if (exclusiveLock === undefined)
      throw new NacreError('EINVAL', 'rbd.lock', `'${identity.name}' has no exclusive lock, or is read-only`);
    return exclusiveLock;
  }
}
