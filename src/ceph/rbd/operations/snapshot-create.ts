import { NacreError } from '../../../base/errors.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { oldSnapshotAdd } from '../cls/old-format.ts';
import { snapshotAdd } from '../cls/snapshots.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { refreshIfNeeded, refreshImage } from '../open/refresh.ts';
import type { Progress } from '../types.ts';
import type { AsyncRequestId } from '../watch/notify-types.ts';
import { withWritesBlocked } from './copy-object-write.ts';
import { codeOf, invoke, rbdError } from './invoke.ts';
import { addSnapshotMap } from './object-map-change.ts';

/** What may be told of a name: neither empty nor of the characters that image specs are made of. */
function checkName(ctx: ImageCtx, name: string): void {
  if (name === '') throw rbdError('EINVAL', 'snapshot', 'a snapshot has a name');
  if (ctx.config.get('rbd_validate_names') && /[@/]/.test(name))
    throw rbdError('EINVAL', 'snapshot', `'@' and '/' are not for the name of a snapshot: '${name}'`);
}

/**
 * Takes a snapshot of the head as it is once every write before it is safe. EEXIST for a name in use, EDQUOT when the
 * image may not have more.
 */
export async function createSnapshot(
  ctx: ImageCtx,
  name: string,
  options: { onProgress?: Progress | undefined; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  checkName(ctx, name);
  if (ctx.readOnly || ctx.snapId !== SNAP_HEAD)
    throw rbdError('EROFS', 'snapshotCreate', `'${ctx.identity.name}' is open read-only or at a snapshot`);
  await refreshIfNeeded(ctx);
  refuseDuplicate(ctx, name);
  await invoke(ctx, {
    name: 'snapshotCreate',
    local: () => executeSnapshotCreate(ctx, name, 0, options.onProgress),
    remote: watcher => watcher.notifySnapCreate(name, options.onProgress),
    // An earlier attempt of ours, of which no answer came.
    ignore: ['EEXIST'],
    signal: options.signal,
  });
}

function refuseDuplicate(ctx: ImageCtx, name: string): void {
  if (ctx.snapNamed(name) !== undefined)
    throw rbdError('EEXIST', 'snapshotCreate', `'${ctx.identity.name}' has a snapshot '${name}'`);
}

// Flags of a request for a snapshot (librbd/Types.h).
export const SNAP_CREATE_SKIP_NOTIFY_QUIESCE = 2;
export const SNAP_CREATE_IGNORE_NOTIFY_QUIESCE_ERROR = 4;

/** Users of the image that want to come to rest first (a file system on it, say) are told to, and of the end of it. */
export async function executeSnapshotCreate(
  ctx: ImageCtx,
  name: string,
  flags = 0,
  onProgress?: Progress,
): Promise<void> {
  refuseDuplicate(ctx, name);
  const { watcher } = ctx;
  const quiet = (flags & SNAP_CREATE_SKIP_NOTIFY_QUIESCE) === 0;
  const resting = quiet ? await quiesce(ctx, flags, onProgress) : undefined;
  try {
    await withWritesBlocked(ctx, async () => {
      const id = await record(ctx, name);
      await addSnapshotMap(ctx, id);
      // Writes go on with the new snap context, or they would change the snapshot.
      await refreshImage(ctx);
    });
  } finally {
    // Who does not hear of it goes on after a while.
    if (resting !== undefined) await watcher?.notifyUnquiesce(resting).catch(() => {});
  }
}

async function quiesce(
  ctx: ImageCtx,
  flags: number,
  onProgress: Progress | undefined,
): Promise<AsyncRequestId | undefined> {
  try {
    return await ctx.watcher?.notifyQuiesce(onProgress);
  } catch (error) {
    if ((flags & SNAP_CREATE_IGNORE_NOTIFY_QUIESCE_ERROR) === 0) throw error;
    return undefined;
  }
}

/** Gets an id and writes the snapshot into the header. */
async function record(ctx: ImageCtx, name: string): Promise<bigint> {
  for (;;) {
    const id = await ctx.data.createSelfManagedSnapshot();
    const op = new WriteOperation();
    if (ctx.identity.format === 1) oldSnapshotAdd(op, id, name);
    else snapshotAdd(op, id, name);
    try {
      await ctx.header.operate(ctx.identity.headerOid, op);
      return id;
    } catch (error) {
      // Somebody else's snapshot got a newer id and was recorded before ours: ours is of no use.
      await ctx.data.removeSelfManagedSnapshot(id).catch(() => {});
      const code = codeOf(error);
      if (code === 'ESTALE') continue;
      if (code === 'EDQUOT')
        throw new NacreError(
          'EDQUOT',
          'rbd.snapshotCreate',
          `'${ctx.identity.name}' may not have more snapshots`,
          { cause: error },
        );
      throw error;
    }
  }
}
