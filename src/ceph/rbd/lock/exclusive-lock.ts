import { ERRNO } from '../../../base/errno.ts';
import { NacreError } from '../../../base/errors.ts';
import { SUBSYS_RBD } from '../../../base/log.ts';
import type { TimerHandle } from '../../../env/env.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { LOCK_EXCLUSIVE } from '../../types/cls-lock.ts';
import { clsLock } from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { openObjectMap } from '../object-map/object-map.ts';
import { refreshImage } from '../open/refresh.ts';
import { cancelOperations } from '../operations/invoke.ts';
import { RBD_FEATURE_OBJECT_MAP, RBD_LOCK_NAME } from '../types.ts';
import { breakDeadOwner, currentOwner, isAlive, sameOwner } from './break-lock.ts';
import { LOCK_COOKIE_PREFIX, LOCK_TAG } from './owners.ts';
import type { ExclusiveLockApi } from './types.ts';

const EROFS = -ERRNO['EROFS'];
/** Between attempts where nobody tells that the lock is free, milliseconds. */
const RETRY_DELAY = 1000;

const codeOf = (error: unknown): string => (error instanceof NacreError ? error.code : 'EIO');

/**
 * The lock that makes an image one writer's at a time (librbd's ExclusiveLock over ManagedLock): 'rbd_lock' on the header
 * with the tag 'internal' and a cookie that names the owner's watch. Who wants it asks the owner, who lets go; the lock
 * of an owner whose watch is gone is broken, and the owner blocklisted, so that nothing of his comes after.
 */
export class ExclusiveLock implements ExclusiveLockApi {
  isOwner = false;
  private readonly ctx: ImageCtx;
  /** Cookie under which we have the lock on the OSD. */
  private cookie = '';
  /** Takes and releases, one after the other. */
  private queue: Promise<unknown> = Promise.resolve();
  private wanting = false;
  private closing = false;
  /** A user asked for it: peers are refused. */
  private manual = false;
  /** I/O may take the lock by itself. */
  private automatic: boolean;
  /** On its way out: nothing new begins under it. */
  private releasing = false;
  /** Somebody else had it since the last refresh, and may have changed anything. */
  private outdated = false;
  private blocks = 0;
  private refusal = 0;
  private readonly wakeups = new Set<() => void>();

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
    this.automatic = true;
    this.demand();
  }

  /** Holds back the I/O that needs the lock. */
  private demand(): void {
    const copies = this.ctx.config.get('rbd_clone_copy_on_read') && this.ctx.parent !== undefined;
    this.ctx.io.requireLock(copies, true);
  }

  private log(level: number, text: string): void {
    const { log } = this.ctx.context;
    if (log.on(SUBSYS_RBD, level))
      log.write(SUBSYS_RBD, level, `lock of ${this.ctx.identity.headerOid}: ${text}`);
  }

  private enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = this.queue.then(work, work);
    this.queue = next.catch(() => {});
    return next;
  }

  wantLock(): void {
    if (this.isOwner || this.wanting) return;
    if (!this.automatic || this.closing) {
      this.ctx.io.lockFailed?.(this.closing ? -ERRNO['ESHUTDOWN'] : EROFS);
      return;
    }
    this.wanting = true;
    this.acquire().then(
      () => {
        this.wanting = false;
      },
      (error: unknown) => {
        this.wanting = false;
        this.log(1, `cannot be had: ${(error as Error).message}`);
        this.ctx.io.lockFailed?.(error instanceof NacreError ? error.errno : -ERRNO['EIO']);
      },
    );
  }

  acquire(options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.isOwner && !this.releasing) return Promise.resolve();
    return this.enqueue(() => this.take(options.signal));
  }

  async acquireByHand(options: { signal?: AbortSignal } = {}): Promise<void> {
    if (this.ctx.config.get('rbd_auto_exclusive_lock_until_manual_request')) this.automatic = false;
    await this.acquire(options);
    this.manual = true;
  }

  tryAcquire(): Promise<boolean> {
    if (this.isOwner && !this.releasing) return Promise.resolve(true);
    return this.enqueue(async () => {
      if (this.isOwner) return true;
      if ((await this.tryLock()) !== undefined) return false;
      await this.taken();
      return true;
    });
  }

  private checkOpen(): void {
    if (this.closing)
      throw new NacreError('ESHUTDOWN', 'rbd.lock', `image '${this.ctx.identity.name}' is being closed`);
  }

  private async take(signal: AbortSignal | undefined): Promise<void> {
    while (!this.isOwner) {
      signal?.throwIfAborted();
      this.checkOpen();
      const waker = this.waker();
      try {
        const owner = await this.tryLock();
        if (owner === undefined) {
          await this.taken();
          return;
        }
        this.log(10, `asking ${owner}`);
        const answer = await this.ctx.watcher!.notifyRequestLock();
        if (answer === EROFS)
          throw new NacreError('EROFS', 'rbd.lock', `${owner} keeps the lock of '${this.ctx.identity.name}'`);
        // Nobody answered: look whether the owner is still there. Otherwise wait until he let go; ask again if not.
        const wait = answer === 0 ? this.ctx.context.config.get('client_notify_timeout') * 1000 : RETRY_DELAY;
        await waker.wait(wait, signal);
      } finally {
        waker.end();
      }
    }
  }

  /** Resolves at the next word of a peer's, or after a time. Made before asking, so that no word is missed. */
  private waker(): { wait(ms: number, signal?: AbortSignal): Promise<void>; end(): void } {
    const { timers } = this.ctx.context.env;
    let woken = false;
    let timer: TimerHandle | undefined;
    let resolve: (() => void) | undefined;
    const wake = (): void => {
      woken = true;
      resolve?.();
    };
    this.wakeups.add(wake);
    return {
      wait: (ms, signal) =>
        new Promise<void>(done => {
          resolve = done;
          if (woken) return done();
          timer = timers.set(done, ms);
          signal?.addEventListener('abort', wake, { once: true });
        }),
      end: () => {
        this.wakeups.delete(wake);
        if (timer !== undefined) timers.clear(timer);
      },
    };
  }

  peerChanged(): void {
    this.outdated = true;
    this.wake();
  }

  private wake(): void {
    for (const wake of [...this.wakeups]) wake();
  }

  private nextCookie(): string {
    return `${LOCK_COOKIE_PREFIX} ${this.ctx.watcher!.cookie}`;
  }

  /** Takes the lock on the OSD. Undefined when we have it; otherwise who does, and is alive. */
  private async tryLock(): Promise<string | undefined> {
    const { ctx } = this;
    for (;;) {
      const cookie = this.nextCookie();
      const op = clsLock.lock(new WriteOperation(), {
        name: RBD_LOCK_NAME,
        type: LOCK_EXCLUSIVE,
        cookie,
        tag: LOCK_TAG,
      });
      try {
        await ctx.header.operate(ctx.identity.headerOid, op);
        this.cookie = cookie;
        return undefined;
      } catch (error) {
        if (codeOf(error) === 'EEXIST') {
          this.cookie = cookie;
          return undefined;
        }
        if (codeOf(error) !== 'EBUSY') throw error;
      }
      this.outdated = true;
      const owner = await currentOwner(ctx);
      if (owner === undefined) continue;
      if (await isAlive(ctx, owner)) return owner.client;
      // Who closes lets go of the lock, and then of the watch: an owner is dead if it has the lock when its watch is gone.
      if (!sameOwner(await currentOwner(ctx), owner)) continue;
      this.log(1, `${owner.client} is gone: breaking its lock`);
      await breakDeadOwner(ctx, owner);
    }
  }

  /** The lock is ours on the OSD: from here on the image is as we know it. */
  private async taken(): Promise<void> {
    const { ctx } = this;
    try {
      // What was announced was heard: the watch is older than what we read of the header.
      if (this.outdated || ctx.refreshNeeded) {
        this.outdated = false;
        await refreshImage(ctx);
      }
      if (ctx.has(RBD_FEATURE_OBJECT_MAP)) ctx.objectMap = await openObjectMap(ctx);
    } catch (error) {
      this.outdated = true;
      await this.unlockHeader().catch(() => {});
      throw error;
    }
    this.isOwner = true;
    this.log(5, `taken as '${this.cookie}'`);
    ctx.io.requireLock(false, false);
    this.tell(ctx.watcher!.notifyAcquiredLock());
  }

  /** Peers that do not hear of it find out by themselves. */
  private tell(sent: Promise<void>): void {
    sent.catch((error: unknown) => this.log(5, `a notice did not arrive: ${(error as Error).message}`));
  }

  private async unlockHeader(): Promise<void> {
    const { header, identity } = this.ctx;
    const { cookie } = this;
    this.cookie = '';
    try {
      await header.operate(identity.headerOid, clsLock.unlock(new WriteOperation(), RBD_LOCK_NAME, cookie));
    } catch (error) {
      // It was broken, or the image is gone.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  release(): Promise<void> {
    this.manual = false;
    return this.enqueue(() => this.letGo());
  }

  private async letGo(): Promise<void> {
    if (!this.isOwner) return;
    const { ctx } = this;
    this.releasing = true;
    await cancelOperations(ctx);
    this.demand();
    await ctx.io.blockWrites();
    try {
      let failed: unknown;
      try {
        await ctx.io.flushAsync('lock');
      } catch (error) {
        failed = error;
      }
      // What the next owner writes is not what we remember.
      ctx.io.objects.invalidate();
      this.isOwner = false;
      // What began before it could know.
      await cancelOperations(ctx);
      const { objectMap } = ctx;
      ctx.objectMap = undefined;
      await objectMap
        ?.close()
        .catch((error: unknown) => this.log(1, `object map: ${(error as Error).message}`));
      await this.unlockHeader();
      this.log(5, 'released');
      if (ctx.watcher !== undefined) this.tell(ctx.watcher.notifyReleasedLock());
      if (failed !== undefined) throw failed;
    } finally {
      this.releasing = false;
      ctx.io.unblockWrites();
    }
  }

  get acceptance(): true | number {
    // Whoever asks hears nothing, and has the lock for himself when he tries again.
    if (this.closing || this.releasing) return 0;
    return this.blocks === 0 ? true : this.refusal;
  }

  lockRequested(): number {
    // A user who took it by hand, or wants to say himself when it goes.
    if (this.manual || !this.automatic) return EROFS;
    this.release().catch((error: unknown) => this.log(1, `release failed: ${(error as Error).message}`));
    return 0;
  }

  async rewatched(): Promise<void> {
    await this.enqueue(async () => {
      if (!this.isOwner) return;
      const { header, identity } = this.ctx;
      const next = this.nextCookie();
      if (next === this.cookie) return;
      const op = new WriteOperation();
      clsLock.setCookie(op, RBD_LOCK_NAME, LOCK_EXCLUSIVE, this.cookie, LOCK_TAG, next);
      try {
        await header.operate(identity.headerOid, op);
        this.cookie = next;
        if (this.ctx.watcher !== undefined) this.tell(this.ctx.watcher.notifyAcquiredLock());
      } catch (error) {
        this.log(1, `lost: ${(error as Error).message}`);
        await this.letGo().catch(() => {});
      }
    });
  }

  blockRequests(result = 0): void {
    this.blocks++;
    this.refusal = result;
  }

  unblockRequests(): void {
    this.blocks--;
  }

  async shutDown(): Promise<void> {
    this.closing = true;
    this.wake();
    try {
      await this.enqueue(() => this.letGo());
    } finally {
      this.ctx.io.requireLock(false, false);
    }
  }
}
