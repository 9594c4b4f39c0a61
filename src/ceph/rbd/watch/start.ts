import type { ImageCtx } from '../image-ctx.ts';

/** Watches the header of an image that is open for writing. */
export async function startWatch(_ctx: ImageCtx): Promise<void> {}
