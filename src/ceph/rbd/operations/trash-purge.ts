import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import * as cls from '../cls/index.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import type { TrashEntry } from '../options.ts';
import type { Progress } from '../types.ts';
import { failedWith, headerObject, unless } from './admin-shared.ts';
import { diffIterate } from './diff.ts';
import { listTrash, removeFromTrash } from './trash.ts';

export interface PurgeOptions {
  /** Those whose time ends before; now by default. */
  readonly expiredBefore?: Date;
  /**
   * 0 to 1: of pools that are fuller than that, images go until they are not, those first whose time ends first. Expired
   * ones go beside, if any of this was needed.
   */
  readonly threshold?: number;
  /** Images. */
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Removes users' images from the trash whose time is over. Those that cannot go (snapshots, openers) are tried again while
 * others go, as what keeps a parent may be its clone; then the first reason is thrown.
 * @throws NacreError EINVAL for a threshold out of range; ENOTEMPTY, EBUSY, EMLINK, EUCLEAN
 */
export async function purgeTrash(cluster: Rados, io: IoCtx, options: PurgeOptions = {}): Promise<void> {
  const { threshold, onProgress, signal } = options;
  const before = options.expiredBefore?.getTime() ?? cluster.context.env.clock.now();
  const entries = (await listTrash(io)).filter(({ source }) => source === 'user' || source === 'user-parent');
  const chosen = new Set<string>();
  if (threshold !== undefined) {
    if (!(threshold >= 0 && threshold <= 1))
      throw new NacreError('EINVAL', 'rbd.trash_purge', `threshold ${threshold} is not between 0 and 1`);
    if (!(await chooseByUsage(cluster, io, entries, threshold, chosen))) return;
  }
  // Whole seconds, as these times are compared in.
  const seconds = Math.floor(before / 1000);
  for (const { id, defermentEndTime } of entries)
    if (seconds >= Math.floor(defermentEndTime.getTime() / 1000)) chosen.add(id);
  await removeAll(cluster, io, chosen, onProgress, signal);
}

async function removeAll(
  cluster: Rados,
  io: IoCtx,
  chosen: Set<string>,
  onProgress: Progress | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const total = chosen.size;
  let done = 0;
  for (let progress = true; progress && chosen.size > 0; ) {
    progress = false;
    let failure: unknown;
    for (const id of [...chosen].sort()) {
      try {
        await removeFromTrash(cluster, io, id, { force: true, signal });
      } catch (error) {
        if (failedWith(error, 'ENOTEMPTY', 'EBUSY', 'EMLINK', 'EUCLEAN')) {
          failure ??= error;
          continue;
        }
        // A parent that went with its last clone.
        if (!failedWith(error, 'ENOENT')) throw error;
      }
      progress = true;
      chosen.delete(id);
      onProgress?.(++done, total);
    }
    if (!progress) throw failure;
  }
}

/** A pool in the answer to `ceph df`. */
interface PoolUsage {
  readonly name: string;
  readonly stats: { readonly percent_used: number; readonly max_avail: number; readonly bytes_used: number };
}

/** Chooses images of pools that are too full. False when there is nothing to free. */
async function chooseByUsage(
  cluster: Rados,
  io: IoCtx,
  entries: readonly TrashEntry[],
  threshold: number,
  chosen: Set<string>,
): Promise<boolean> {
  const byPool = new Map<string, string[]>();
  const sorted = [...entries].sort((a, b) => a.defermentEndTime.getTime() - b.defermentEndTime.getTime());
  for (const { id } of sorted) {
    const data = await unless(cls.getDataPoolId(io, headerObject(id)), 'ENOENT', 'EOPNOTSUPP');
    const pool = data === undefined || data === -1 ? io.pool : data;
    const name = cluster.map.poolNames.get(pool);
    if (name === undefined) continue;
    byPool.set(name, [...(byPool.get(name) ?? []), id]);
  }
  const { output } = await cluster.monCommand({ prefix: 'df', format: 'json' });
  const { pools } = JSON.parse(output.toString()) as { pools: readonly PoolUsage[] };
  let freed = 0;
  for (const { name, stats } of pools) {
    const ids = byPool.get(name);
    if (ids === undefined || stats.percent_used <= threshold) continue;
    freed = 0;
    const wanted = Math.floor((stats.max_avail + stats.bytes_used) * (stats.percent_used - threshold));
    for (const id of ids) {
      const bytes = await usedBytes(cluster, io, id);
      if (bytes === undefined) continue;
      freed += bytes;
      chosen.add(id);
      if (freed >= wanted) break;
    }
  }
  return freed > 0;
}

/** Bytes of the objects that an image has. Undefined when it is gone. */
async function usedBytes(cluster: Rados, io: IoCtx, id: string): Promise<number | undefined> {
  const ctx = await unless(openImage(cluster, io, { id }, { readOnly: true, skipParent: true }), 'ENOENT');
  if (ctx === undefined) return undefined;
  try {
    let bytes = 0;
    for await (const { length, exists } of diffIterate(ctx, { wholeObject: true }))
      if (exists) bytes += length;
    return bytes;
  } finally {
    await closeImage(ctx);
  }
}
