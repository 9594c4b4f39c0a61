import type { ImageCtx } from '../image-ctx.ts';
import type { Progress } from '../types.ts';
import { executeFlatten } from './flatten.ts';
import { runLocal } from './invoke.ts';
import { executeRebuildObjectMap } from './object-map-rebuild.ts';
import { executeResize } from './resize.ts';
import { executeSnapshotRename } from './snapshot.ts';
import { executeSnapshotCreate } from './snapshot-create.ts';
import { executeSnapshotProtect, executeSnapshotUnprotect } from './snapshot-protect.ts';
import { executeSnapshotRemove, snapshotOf } from './snapshot-remove.ts';
import { executeSparsify } from './sparsify.ts';

/**
 * What the owner of the exclusive lock does for peers that ask through the header's watchers. Each resolves when it is
 * done and announced. Those of other rooms (rename, features) are theirs.
 */
export const ownerOperations = {
  flatten: (ctx: ImageCtx, onProgress?: Progress): Promise<void> =>
    runLocal(ctx, signal => executeFlatten(ctx, onProgress, signal), { beside: true }),
  resize: (ctx: ImageCtx, size: number, allowShrink: boolean, onProgress?: Progress): Promise<void> =>
    runLocal(ctx, signal => executeResize(ctx, size, allowShrink, onProgress, signal)),
  /** `flags`: SNAP_CREATE_*. */
  snapCreate: (ctx: ImageCtx, name: string, onProgress?: Progress, flags = 0): Promise<void> =>
    runLocal(ctx, () => executeSnapshotCreate(ctx, name, flags, onProgress)),
  snapRename: (ctx: ImageCtx, id: bigint, name: string): Promise<void> =>
    runLocal(ctx, () => executeSnapshotRename(ctx, id, name)),
  snapRemove: (ctx: ImageCtx, name: string): Promise<void> =>
    runLocal(ctx, () => executeSnapshotRemove(ctx, snapshotOf(ctx, name, 'snapshotRemove').id)),
  snapProtect: (ctx: ImageCtx, name: string): Promise<void> =>
    runLocal(ctx, () => executeSnapshotProtect(ctx, name)),
  snapUnprotect: (ctx: ImageCtx, name: string): Promise<void> =>
    runLocal(ctx, () => executeSnapshotUnprotect(ctx, name)),
  rebuildObjectMap: (ctx: ImageCtx, onProgress?: Progress): Promise<void> =>
    runLocal(ctx, signal => executeRebuildObjectMap(ctx, undefined, onProgress, signal)),
  sparsify: (ctx: ImageCtx, sparseSize: number, onProgress?: Progress): Promise<void> =>
    runLocal(ctx, signal => executeSparsify(ctx, sparseSize, onProgress, signal), { beside: true }),
} as const;

export type OwnerOperations = typeof ownerOperations;
