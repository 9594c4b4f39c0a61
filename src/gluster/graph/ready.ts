import { NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import type { GraphEvent } from './events.ts';

/** Whether a graph has come up, for those who wait for it. What was heard first counts, until the volume comes up. */
export class GraphReady {
  private up = false;
  private failure: NacreError | undefined;
  private readonly waiters = new Set<() => void>();

  heard(event: GraphEvent, volume: string): void {
    if (event === 'CHILD_UP') {
      this.up = true;
      this.failure = undefined;
      this.wake();
    } else if (event === 'CHILD_DOWN' || event === 'AUTH_FAILED') {
      this.up = false;
      this.failure =
        event === 'AUTH_FAILED'
          ? new NacreError('EACCES', 'gluster.graph', `a brick of volume '${volume}' refused this client`)
          : new NacreError('ENOTCONN', 'gluster.graph', `volume '${volume}' is down`);
      this.wake();
    }
  }

  fail(error: NacreError): void {
    this.up = false;
    this.failure = error;
    this.wake();
  }

  wait(env: Env, volume: string, options: { timeout?: number; signal?: AbortSignal }): Promise<void> {
    const { timeout, signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.up) return Promise.resolve();
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const done = () => {
        this.waiters.delete(woken);
        signal?.removeEventListener('abort', aborted);
        if (timer !== undefined) env.timers.clear(timer);
      };
      const woken = () => {
        done();
        if (this.failure === undefined) resolve();
        else reject(this.failure);
      };
      const aborted = () => {
        done();
        reject(signal!.reason);
      };
      const timer =
        timeout === undefined
          ? undefined
          : env.timers.set(() => {
              done();
              reject(
                new NacreError(
                  'ETIMEDOUT',
                  'gluster.graph',
                  `volume '${volume}' did not come up in ${timeout} ms`,
                ),
              );
            }, timeout);
      this.waiters.add(woken);
      signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
  }
}
