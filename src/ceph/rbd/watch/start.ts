import type { ImageCtx } from '../image-ctx.ts';
import { ImageWatcher } from './image-watcher.ts';

/** Watches the header of an image that is open for writing. */
export async function startWatch(ctx: ImageCtx): Promise<void> {
  ctx.watcher = await ImageWatcher.start(ctx);
}
