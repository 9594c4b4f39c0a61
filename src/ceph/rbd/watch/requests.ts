import { errnoText } from '../../../base/errno.ts';
import { NacreError } from '../../../base/errors.ts';
import type { TimerHandle, Timers } from '../../../env/env.ts';
import type { Progress } from '../types.ts';

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: Progress | undefined;
  timer: TimerHandle;
}

/** Requests of ours that an owner works on, by id. Each sign of life puts off its time-out. */
export class OutgoingRequests {
  private readonly timers: Timers;
  private readonly pending = new Map<string, Pending>();

  constructor(timers: Timers) {
    this.timers = timers;
  }

  add(key: string, timeoutMs: number, onProgress: Progress | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const expired = (): void => {
        this.fail(key, new NacreError('ETIMEDOUT', 'rbd.notify', 'no sign from the owner of the lock'));
      };
      const timer = this.timers.set(expired, timeoutMs);
      this.pending.set(key, { resolve, reject, onProgress, timer });
    });
  }

  progress(key: string, timeoutMs: number, done: number, total: number): void {
    const request = this.pending.get(key);
    if (request === undefined) return;
    this.timers.clear(request.timer);
    request.timer = this.timers.set(
      () => this.fail(key, new NacreError('ETIMEDOUT', 'rbd.notify', 'no more signs from the owner')),
      timeoutMs,
    );
    request.onProgress?.(done, total);
  }

  complete(key: string, result: number): void {
    if (result < 0) {
      this.fail(key, NacreError.fromErrno(result, 'rbd.notify', `${errnoText(result)}: the owner failed`));
      return;
    }
    const request = this.take(key);
    request?.resolve();
  }

  fail(key: string, error: NacreError): void {
    this.take(key)?.reject(error);
  }

  failAll(code: string, why: string): void {
    for (const key of [...this.pending.keys()]) this.fail(key, new NacreError(code, 'rbd.notify', why));
  }

  private take(key: string): Pending | undefined {
    const request = this.pending.get(key);
    if (request === undefined) return undefined;
    this.pending.delete(key);
    this.timers.clear(request.timer);
    return request;
  }
}

/** How long a finished request is remembered, milliseconds: whoever asked may not have heard, and ask again. */
const REMEMBERED = 600_000;

/** Requests of others that we worked on as owner: a second notification of one must not begin it again. */
export class IncomingRequests {
  /** By id: undefined while it is under way; what came of it, and until when that is kept. */
  private readonly known = new Map<string, { result: number; until: number } | undefined>();

  /** Undefined: it is new, and under way now. Otherwise what to answer. */
  begin(key: string, now: number): number | undefined {
    for (const [old, done] of this.known) if (done !== undefined && done.until < now) this.known.delete(old);
    if (this.known.has(key)) return this.known.get(key)?.result ?? 0;
    this.known.set(key, undefined);
    return undefined;
  }

  end(key: string, result: number, now: number): void {
    this.known.set(key, { result, until: now + REMEMBERED });
  }
}
