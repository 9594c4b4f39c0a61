import { ERRNO } from '../../../base/errno.ts';
import { NacreError } from '../../../base/errors.ts';
import { SUBSYS_RBD } from '../../../base/log.ts';
import type { TimerHandle } from '../../../env/env.ts';
import type { Notification, Watch } from '../../rados/watch.ts';
import { USER_NAMESPACE } from '../../types/cls-rbd-namespace.ts';
import type { ImageCtx } from '../image-ctx.ts';
import type { Progress } from '../types.ts';
import type { EarlyWatch } from './early-watch.ts';
import {
  type AsyncRequestId,
  type ClientId,
  decodeNotify,
  decodeResponse,
  encodeNotify,
  encodeResponse,
  type NotifyMessage,
  requestKey,
  sameClient,
} from './notify-types.ts';
import { OwnerService } from './owner-service.ts';
import { OutgoingRequests } from './requests.ts';
import type { ImageWatcherApi } from './types.ts';

/** How long watchers have to answer, milliseconds (Notifier::NOTIFY_TIMEOUT). */
const NOTIFY_TIMEOUT = 5000;
/** Between attempts to watch anew, milliseconds. */
const REWATCH_DELAY = 1000;

/** Numbers of requests are the client's own, over all of its images. */
let lastRequest = 0n;

/** The watch on an image's header, and what goes over it (librbd's ImageWatcher). */
export class ImageWatcher implements ImageWatcherApi {
  private readonly ctx: ImageCtx;
  private readonly requests: OutgoingRequests;
  private readonly service: OwnerService;
  private watch: Watch | undefined;
  private owner: ClientId | undefined;
  private closing: Promise<void> | undefined;
  private rewatching: Promise<void> | undefined;
  /** The watch was lost since it was last asked for: also while its lock is brought up to date. */
  private lostAgain = false;
  private retry: { timer: TimerHandle; wake: () => void } | undefined;

  private constructor(ctx: ImageCtx) {
    this.ctx = ctx;
    this.requests = new OutgoingRequests(ctx.context.env.timers);
    this.service = new OwnerService(ctx, message => this.send(message));
  }

  /** Takes over a watch that was there before the header was read. */
  static start(ctx: ImageCtx, early: EarlyWatch): ImageWatcher {
    const watcher = new ImageWatcher(ctx);
    watcher.watch = early.watch;
    if (early.heard) ctx.refreshNeeded = true;
    early.onNotify = notification => watcher.notified(notification);
    early.onError = error => watcher.lost(error);
    if (early.failure !== undefined) watcher.lost(early.failure);
    return watcher;
  }

  get cookie(): bigint {
    return this.watch?.cookie ?? 0n;
  }

  private get client(): ClientId {
    return { gid: this.ctx.cluster.instanceId, handle: this.cookie };
  }

  private async register(): Promise<void> {
    this.watch = await this.ctx.header.watch(this.ctx.identity.headerOid, {
      onNotify: notification => this.notified(notification),
      onError: error => this.lost(error),
    });
  }

  // A watch that was lost: what was announced meanwhile is unknown.

  private lost(error: NacreError): void {
    const { context, identity } = this.ctx;
    if (context.log.on(SUBSYS_RBD, 1))
      context.log.write(SUBSYS_RBD, 1, `watch of ${identity.headerOid} lost: ${error.message}`);
    if (error.code === 'EIO' || this.closing !== undefined) return;
    this.lostAgain = true;
    this.rewatching ??= this.rewatch().finally(() => {
      this.rewatching = undefined;
    });
  }

  private async rewatch(): Promise<void> {
    while (this.lostAgain && this.closing === undefined) {
      this.watch?.unwatch().catch(() => {}); // the OSD forgets it by itself
      this.requests.failAll('ERESTART', 'the watch of the header was lost');
      try {
        this.lostAgain = false;
        await this.register();
        this.ctx.refreshNeeded = true;
        await this.ctx.exclusiveLock?.rewatched();
      } catch (error) {
        // The image was removed: there is nothing to watch any more.
        if (error instanceof NacreError && (error.code === 'ENOENT' || error.code === 'ESHUTDOWN')) return;
        this.lostAgain = true;
        await this.pause(REWATCH_DELAY);
      }
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const wake = (): void => {
        this.retry = undefined;
        resolve();
      };
      this.retry = { wake, timer: this.ctx.context.env.timers.set(wake, ms) };
    });
  }

  // What others say.

  /** The answer to a notification; empty when there is nothing to say. */
  private async notified(notification: Notification): Promise<Buffer | undefined> {
    if (this.closing !== undefined) return undefined;
    let message: NotifyMessage;
    try {
      message = decodeNotify(notification.payload);
    } catch {
      return undefined;
    }
    const { ctx } = this;
    const lock = ctx.exclusiveLock;
    const log = ctx.context.log;
    if (log.on(SUBSYS_RBD, 10))
      log.write(SUBSYS_RBD, 10, `${ctx.identity.headerOid}: ${message.kind} from ${notification.notifier}`);
    switch (message.kind) {
      case 'headerUpdate':
        ctx.refreshNeeded = true;
        // With nobody who wants to know at once, the next I/O takes it in.
        if (ctx.updateListeners.size > 0) void this.service.refresh();
        return encodeResponse(0);
      case 'acquiredLock': {
        const news = !sameClient(message.client, this.owner);
        this.owner = message.client;
        if (!sameClient(message.client, this.client)) lock?.peerChanged();
        if (news) this.ownerChanged();
        return undefined;
      }
      case 'releasedLock':
        if (sameClient(message.client, this.client)) return undefined;
        if (
          message.client !== undefined &&
          this.owner !== undefined &&
          !sameClient(message.client, this.owner)
        )
          return undefined;
        this.owner = undefined;
        this.ownerChanged();
        lock?.peerChanged();
        return undefined;
      case 'requestLock':
        if (sameClient(message.client, this.client) || lock?.isOwner !== true) return undefined;
        return encodeResponse(lock.acceptance === true ? lock.lockRequested() : lock.acceptance);
      case 'progress':
        this.requests.progress(requestKey(message.id), this.requestTimeout, message.done, message.total);
        return undefined;
      case 'complete':
        this.requests.complete(requestKey(message.id), message.result);
        return undefined;
      case 'quiesce':
      case 'unquiesce':
        // Nothing here has to come to rest, and librbd counts no answer as consent: what was acknowledged is in the
        // snapshot, as whoever takes it has the lock, or has the owner take it.
        return undefined;
      default:
        return this.service.handle(message, this.client);
    }
  }

  /** Whoever was asked will not answer any more: `invoke` finds out who has the lock now. */
  private ownerChanged(): void {
    if (this.ctx.exclusiveLock?.isOwner !== true) this.requests.failAll('ERESTART', 'the owner changed');
  }

  // What we say.

  private get requestTimeout(): number {
    return this.ctx.config.get('rbd_request_timed_out_seconds') * 1000;
  }

  private async send(message: NotifyMessage): Promise<void> {
    const { header, identity } = this.ctx;
    const { timeouts } = await header.notify(identity.headerOid, encodeNotify(message), {
      timeout: NOTIFY_TIMEOUT,
    });
    if (timeouts.length > 0)
      throw new NacreError('ETIMEDOUT', 'rbd.notify', `${timeouts.length} watchers of ${identity.headerOid}`);
  }

  /** What the owner answers: the one who does not answer with nothing. */
  private async askOwner(message: NotifyMessage): Promise<number> {
    const { header, identity } = this.ctx;
    const { acks } = await header.notify(identity.headerOid, encodeNotify(message), {
      timeout: NOTIFY_TIMEOUT,
    });
    let answer: number | undefined;
    for (const { payload } of acks) {
      if (payload.length === 0) continue;
      // Two owners there cannot be.
      if (answer !== undefined) return -ERRNO['EIO'];
      answer = decodeResponse(payload);
    }
    return answer ?? -ERRNO['ETIMEDOUT'];
  }

  private async ask(message: NotifyMessage): Promise<void> {
    const result = await this.askOwner(message);
    if (result < 0)
      throw NacreError.fromErrno(result, 'rbd.notify', `the owner of the lock refused ${message.kind}`);
  }

  private async request(
    make: (id: AsyncRequestId) => NotifyMessage,
    onProgress: Progress | undefined,
  ): Promise<void> {
    const id = { client: this.client, number: ++lastRequest };
    const key = requestKey(id);
    const done = this.requests.add(key, this.requestTimeout, onProgress);
    this.ask(make(id)).catch((error: unknown) => {
      this.requests.fail(
        key,
        error instanceof NacreError ? error : new NacreError('EIO', 'rbd.notify', String(error)),
      );
    });
    await done;
  }

  async notifyHeaderUpdate(): Promise<void> {
    await this.send({ kind: 'headerUpdate' });
  }

  async notifyAcquiredLock(): Promise<void> {
    this.owner = this.client;
    await this.send({ kind: 'acquiredLock', client: this.client });
  }

  async notifyReleasedLock(): Promise<void> {
    this.owner = undefined;
    await this.send({ kind: 'releasedLock', client: this.client });
  }

  async notifyQuiesce(onProgress?: Progress): Promise<AsyncRequestId> {
    const { header, identity, config } = this.ctx;
    const id = { client: this.client, number: ++lastRequest };
    const payload = encodeNotify({ kind: 'quiesce', id });
    const attempts = Math.max(1, config.get('rbd_quiesce_notification_attempts'));
    for (let attempt = 1; ; attempt++) {
      const { acks, timeouts } = await header.notify(identity.headerOid, payload, {
        timeout: NOTIFY_TIMEOUT,
      });
      onProgress?.(attempt, attempts);
      for (const ack of acks) {
        const result = ack.payload.length === 0 ? 0 : decodeResponse(ack.payload);
        if (result < 0 && result !== -ERRNO['EOPNOTSUPP'])
          throw NacreError.fromErrno(
            result,
            'rbd.quiesce',
            `a user of '${identity.name}' did not come to rest`,
          );
      }
      if (timeouts.length === 0) return id;
      if (attempt === attempts)
        throw new NacreError(
          'ETIMEDOUT',
          'rbd.quiesce',
          `${timeouts.length} users of '${identity.name}' did not say whether they came to rest`,
        );
    }
  }

  async notifyUnquiesce(id: AsyncRequestId): Promise<void> {
    await this.send({ kind: 'unquiesce', id });
  }

  notifyRequestLock(): Promise<number> {
    return this.askOwner({ kind: 'requestLock', client: this.client, force: false });
  }

  notifyFlatten(onProgress?: Progress): Promise<void> {
    return this.request(id => ({ kind: 'flatten', id }), onProgress);
  }

  notifyResize(size: number, allowShrink: boolean, onProgress?: Progress): Promise<void> {
    return this.request(id => ({ kind: 'resize', size, id, allowShrink }), onProgress);
  }

  notifySnapCreate(name: string, onProgress?: Progress): Promise<void> {
    return this.request(
      id => ({ kind: 'snapCreate', name, namespace: USER_NAMESPACE, id, flags: 0n }),
      onProgress,
    );
  }

  notifySnapRename(snapId: bigint, name: string): Promise<void> {
    return this.request(
      id => ({ kind: 'snapRename', snapId, name, namespace: USER_NAMESPACE, id }),
      undefined,
    );
  }

  notifySnapRemove(name: string): Promise<void> {
    return this.request(id => ({ kind: 'snapRemove', name, namespace: USER_NAMESPACE, id }), undefined);
  }

  notifySnapProtect(name: string): Promise<void> {
    return this.request(id => ({ kind: 'snapProtect', name, namespace: USER_NAMESPACE, id }), undefined);
  }

  notifySnapUnprotect(name: string): Promise<void> {
    return this.request(id => ({ kind: 'snapUnprotect', name, namespace: USER_NAMESPACE, id }), undefined);
  }

  notifyRebuildObjectMap(onProgress?: Progress): Promise<void> {
    return this.request(id => ({ kind: 'rebuildObjectMap', id }), onProgress);
  }

  notifyRename(name: string): Promise<void> {
    return this.request(id => ({ kind: 'rename', name, id }), undefined);
  }

  notifyUpdateFeatures(features: bigint, enable: boolean): Promise<void> {
    return this.request(id => ({ kind: 'updateFeatures', features, enable, id }), undefined);
  }

  notifySparsify(sparseSize: number, onProgress?: Progress): Promise<void> {
    return this.request(id => ({ kind: 'sparsify', id, sparseSize }), onProgress);
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    // `closing` is only set once this returned its promise.
    await Promise.resolve();
    this.requests.failAll('ESHUTDOWN', 'the image is closed');
    const { retry } = this;
    if (retry !== undefined) {
      this.ctx.context.env.timers.clear(retry.timer);
      retry.wake();
    }
    await this.rewatching?.catch(() => {});
    try {
      await this.watch?.unwatch();
    } catch (error) {
      // A watch that the OSD does not know any more, or whose object is gone, is what was wanted.
      if (!(error instanceof NacreError) || !['ENOENT', 'ENOTCONN', 'ESHUTDOWN'].includes(error.code))
        throw error;
    }
  }
}
