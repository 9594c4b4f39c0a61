import { ERRNO } from '../../../base/errno.ts';
import type { ImageCtx } from '../image-ctx.ts';

const closing = new WeakMap<ImageCtx, Promise<void>>();

/**
 * Flushes, lets go of the lock, ends the watch and closes the parents. Idempotent. Rejects with the first thing that went
 * wrong (data that could not be written, say), after everything was closed all the same.
 */
export function closeImage(ctx: ImageCtx): Promise<void> {
  let promise = closing.get(ctx);
  if (promise === undefined) {
    promise = close(ctx);
    closing.set(ctx, promise);
  }
  return promise;
}

async function close(ctx: ImageCtx): Promise<void> {
  const errors: unknown[] = [];
  const step = async (run: () => Promise<unknown> | undefined): Promise<void> => {
    try {
      await run();
    } catch (error) {
      errors.push(error);
    }
  };
  ctx.updateListeners.clear();
  // Opening may have failed before there was anything to flush.
  const io: ImageCtx['io'] | undefined = ctx.io;
  if (!ctx.readOnly) await step(() => io?.flushAsync('shutdown'));
  ctx.closed = true;
  await step(() => ctx.exclusiveLock?.shutDown());
  await step(() => ctx.watcher?.close());
  await step(() => io?.shutDown(-ERRNO['ESHUTDOWN']));
  const { parent } = ctx;
  ctx.parent = undefined;
  if (parent !== undefined) await step(() => closeImage(parent));
  if (errors.length > 0) throw errors[0];
}
