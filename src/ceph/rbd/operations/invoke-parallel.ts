import type { ImageCtx } from '../image-ctx.ts';
import type { Progress } from '../types.ts';

// Long operations work on some objects at a time (rbd_concurrent_management_ops).

/**
 * Runs `work` for 0 .. count-1, at most `width` at a time. After the first failure nothing new begins; what runs is
 * waited for, then it is thrown. `onProgress` hears how many are done.
 */
export async function eachParallel(
  count: number,
  width: number,
  work: (index: number) => Promise<void> | undefined,
  onProgress?: Progress,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0;
  let done = 0;
  let failed = false;
  let failure: unknown;
  const worker = async (): Promise<void> => {
    while (next < count && !failed) {
      try {
        signal?.throwIfAborted();
        const running = work(next++);
        if (running !== undefined) await running;
        onProgress?.(++done, count);
      } catch (error) {
        if (!failed) failure = error;
        failed = true;
      }
    }
  };
  const workers: Promise<void>[] = [];
  for (let i = Math.min(Math.max(1, width), count); i > 0; i--) workers.push(worker());
  await Promise.all(workers);
  if (failed) throw failure;
}

/**
 * Results of `work` in the order of the source, while up to `width` run and what they weigh together stays below
 * `budget` (one may always run).
 */
export async function* orderedParallel<T, R>(
  source: AsyncIterable<T> | Iterable<T>,
  width: number,
  work: (item: T) => Promise<R>,
  weigh: (item: T) => number = () => 0,
  budget = 1,
): AsyncGenerator<R, void, undefined> {
  const running: { promise: Promise<R>; weight: number }[] = [];
  let weight = 0;
  const begin = (item: T, cost: number): void => {
    const promise = work(item);
    promise.catch(() => {}); // it is heard of when its turn comes
    running.push({ promise, weight: cost });
    weight += cost;
  };
  try {
    for await (const item of source) {
      const cost = weigh(item);
      while (running.length > 0 && (running.length >= width || weight + cost > budget)) {
        const first = running.shift()!;
        weight -= first.weight;
        yield await first.promise;
      }
      begin(item, cost);
    }
    while (running.length > 0) yield await running.shift()!.promise;
  } finally {
    // Nothing runs on behind the back of a reader that stopped early.
    await Promise.allSettled(running.map(({ promise }) => promise));
  }
}

/** How many objects a long operation works on at a time. */
export function managementOps(ctx: ImageCtx): number {
  return Math.max(1, ctx.config.get('rbd_concurrent_management_ops'));
}
