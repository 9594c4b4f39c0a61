import { ERRNO } from '../../../base/errno.ts';
import { NacreError } from '../../../base/errors.ts';
import { dirGetName } from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import { executeUpdateFeatures } from '../operations/features-update.ts';
import { runLocal } from '../operations/invoke.ts';
import { ownerOperations } from '../operations/invoke-owner.ts';
import { renameImage } from '../operations/rename.ts';
import { type Progress, RBD_DIRECTORY } from '../types.ts';
import {
  type AsyncRequestId,
  type ClientId,
  encodeResponse,
  type NotifyMessage,
  requestKey,
  sameClient,
} from './notify-types.ts';
import { IncomingRequests } from './requests.ts';

function errnoOf(error: unknown): number {
  return error instanceof NacreError ? error.errno : -ERRNO['EIO'];
}

/** What the owner of the exclusive lock does for those who ask: works, tells how far it is, and what came of it. */
export class OwnerService {
  private readonly ctx: ImageCtx;
  private readonly send: (message: NotifyMessage) => Promise<void>;
  private readonly requests = new IncomingRequests();

  constructor(ctx: ImageCtx, send: (message: NotifyMessage) => Promise<void>) {
    this.ctx = ctx;
    this.send = send;
  }

  /** Takes in a change of the header for those who listen. */
  async refresh(): Promise<void> {
    await refreshIfNeeded(this.ctx).catch(() => {}); // whoever needs it tries again, and hears of it
  }

  /** The answer to a request; undefined, that is nothing, from whoever does not own the lock. */
  async handle(message: NotifyMessage, self: ClientId): Promise<Buffer | undefined> {
    const lock = this.ctx.exclusiveLock;
    if (lock?.isOwner !== true) return undefined;
    const { acceptance } = lock;
    if (acceptance !== true) return acceptance < 0 ? encodeResponse(acceptance) : undefined;
    const work = this.workOf(message);
    if (work === undefined) return encodeResponse(-ERRNO['EOPNOTSUPP']);
    const id = 'id' in message ? message.id : undefined;
    if (id === undefined) return encodeResponse(await this.run(work, undefined));
    if (sameClient(id.client, self)) return encodeResponse(-ERRNO['ERESTART']);
    const known = this.requests.begin(requestKey(id), this.now);
    if (known === undefined) void this.runFor(id, work);
    return encodeResponse(known ?? 0);
  }

  private get now(): number {
    return this.ctx.context.env.clock.mono();
  }

  /** Undefined for what is not known, or not supported. */
  private workOf(m: NotifyMessage): ((onProgress?: Progress) => Promise<void>) | undefined {
    const { ctx } = this;
    if ('namespace' in m && m.namespace.type !== 'user') return undefined;
    switch (m.kind) {
      case 'flatten':
        return onProgress => ownerOperations.flatten(ctx, onProgress);
      case 'resize':
        return onProgress => ownerOperations.resize(ctx, m.size, m.allowShrink, onProgress);
      case 'snapCreate':
        return onProgress => ownerOperations.snapCreate(ctx, m.name, onProgress, Number(m.flags));
      case 'snapRename':
        return () => ownerOperations.snapRename(ctx, m.snapId, m.name);
      case 'snapRemove':
        return () => ownerOperations.snapRemove(ctx, m.name);
      case 'snapProtect':
        return () => ownerOperations.snapProtect(ctx, m.name);
      case 'snapUnprotect':
        return () => ownerOperations.snapUnprotect(ctx, m.name);
      case 'rebuildObjectMap':
        return onProgress => ownerOperations.rebuildObjectMap(ctx, onProgress);
      case 'sparsify':
        return onProgress => ownerOperations.sparsify(ctx, m.sparseSize, onProgress);
      case 'rename':
        return () => runLocal(ctx, () => this.rename(m.name));
      case 'updateFeatures':
        return () => runLocal(ctx, () => executeUpdateFeatures(ctx, m.features, m.enable));
      default:
        return undefined;
    }
  }

  /** The name that it was opened by may be another's now. */
  private async rename(to: string): Promise<void> {
    const { header, identity } = this.ctx;
    const { id, format } = identity;
    if (format === 2) identity.name = await dirGetName(header, RBD_DIRECTORY, id);
    await renameImage(header, identity.name, to);
    identity.name = to;
  }

  private async run(
    work: (onProgress?: Progress) => Promise<void>,
    onProgress: Progress | undefined,
  ): Promise<number> {
    try {
      await refreshIfNeeded(this.ctx);
      await work(onProgress);
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  private async runFor(id: AsyncRequestId, work: (onProgress?: Progress) => Promise<void>): Promise<void> {
    const reports = new ProgressReports(id, this.send);
    const result = await this.run(work, (done, total) => reports.report(done, total));
    await reports.end();
    for (;;) {
      try {
        await this.send({ kind: 'complete', id, result });
        break;
      } catch (error) {
        // Some watcher was too slow: it may have been the one who waits.
        if (this.ctx.closed || !(error instanceof NacreError) || error.code !== 'ETIMEDOUT') break;
      }
    }
    this.requests.end(requestKey(id), result, this.now);
  }
}

/** Tells how far a request has come: the newest word, one at a time. */
class ProgressReports {
  private readonly id: AsyncRequestId;
  private readonly send: (message: NotifyMessage) => Promise<void>;
  private next: { done: number; total: number } | undefined;
  private sending: Promise<void> | undefined;

  constructor(id: AsyncRequestId, send: (message: NotifyMessage) => Promise<void>) {
    this.id = id;
    this.send = send;
  }

  report(done: number, total: number): void {
    this.next = { done, total };
    this.sending ??= this.drain().finally(() => {
      this.sending = undefined;
    });
  }

  private async drain(): Promise<void> {
    for (let { next } = this; next !== undefined; next = this.next) {
      this.next = undefined;
      await this.send({ kind: 'progress', id: this.id, ...next }).catch(() => {}); // progress that is not heard of
    }
  }

  async end(): Promise<void> {
    this.next = undefined;
    await this.sending;
  }
}
