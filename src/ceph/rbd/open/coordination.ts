import type { ImageCtx } from '../image-ctx.ts';
import type { HeaderState } from '../types.ts';

/** Sets up lock and object map of an image that was just opened, as its features ask for. */
export async function startCoordination(_ctx: ImageCtx): Promise<void> {}

/** The same after a refresh: features may have been switched, snapshots removed. */
export async function adaptCoordination(_ctx: ImageCtx, _before: HeaderState): Promise<void> {}
