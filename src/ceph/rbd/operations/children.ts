import { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { closeImage } from '../open/close.ts';
import { openImage } from '../open/open-image.ts';
import { refreshIfNeeded } from '../open/refresh.ts';
import type { ChildImage } from '../options.ts';
import { type ParentImageSpec, RBD_CHILDREN, RBD_FEATURE_LAYERING } from '../types.ts';
import { openView, unless } from './admin-shared.ts';
import { listNewImages } from './list.ts';
import { listTrash } from './trash.ts';

/** A child as its parent knows it: without a name. */
interface ChildSpec {
  readonly poolId: number;
  readonly namespace: string;
  readonly imageId: string;
}

/**
 * Clones of the snapshot that the handle looks at, or of all snapshots, or of that one snapshot (librbd's
 * list_children): by pool and name. Those of version 1 are looked for in all pools.
 */
export async function listChildren(ctx: ImageCtx, snapId: bigint = ctx.snapId): Promise<ChildImage[]> {
  await refreshIfNeeded(ctx);
  if (!ctx.has(RBD_FEATURE_LAYERING)) return [];
  const ids = snapId === SNAP_HEAD ? ctx.state.snaps.map(({ id }) => id) : [snapId];
  const found: ChildSpec[] = [];
  for (const id of ids) found.push(...(await childrenOf(ctx, id)));
  return named(ctx, found);
}

/** The same with clones of clones, however deep; each comes once. Those in the trash are looked into as well. */
export async function listDescendants(ctx: ImageCtx, snapId: bigint = ctx.snapId): Promise<ChildImage[]> {
  const found = await listChildren(ctx, snapId);
  const seen = new Set(found.map(({ poolId, imageId }) => `${poolId}/${imageId}`));
  for (const { poolId, namespace, imageId } of found) {
    const io = await openView(ctx.cluster, poolId, namespace);
    // Who removes it meanwhile takes its clones along.
    const child = await unless(
      openImage(ctx.cluster, io, { id: imageId }, { readOnly: true, skipParent: true }),
      'ENOENT',
    );
    if (child === undefined) continue;
    try {
      for (const each of await listChildren(child)) {
        const key = `${each.poolId}/${each.imageId}`;
        if (seen.has(key)) continue;
        seen.add(key);
        // Looked into in its turn, as the loop goes on to what is appended.
        found.push(each);
      }
    } finally {
      await closeImage(child);
    }
  }
  return found.sort(compareChildren);
}

async function childrenOf(ctx: ImageCtx, snapId: bigint): Promise<ChildSpec[]> {
  const { header, identity, cluster } = ctx;
  const parent: ParentImageSpec = {
    poolId: header.pool,
    namespace: header.namespace,
    imageId: identity.id,
    snapId,
  };
  const found: ChildSpec[] = [];
  for (const [poolId, pool] of cluster.map.pools) {
    // A tier in front of another pool shows that one's objects.
    if (pool.tierOf >= 0) continue;
    const io = await unless(openView(cluster, poolId, header.namespace), 'ENOENT');
    if (io === undefined) continue;
    const ids = (await unless(cls.getChildren(io, RBD_CHILDREN, parent), 'ENOENT', 'EOPNOTSUPP')) ?? [];
    for (const imageId of ids) found.push({ poolId, namespace: header.namespace, imageId });
  }
  const children = cls.childrenList(header, identity.headerOid, snapId);
  for (const { poolId, namespace, imageId } of (await unless(children, 'ENOENT', 'EOPNOTSUPP')) ?? [])
    found.push({ poolId, namespace, imageId });
  return found;
}

/** Looks up names, in the directory and the trash of each pool and namespace once. */
async function named(ctx: ImageCtx, found: readonly ChildSpec[]): Promise<ChildImage[]> {
  const views = new Map<string, { io: IoCtx; names: Map<string, { name: string; trash: boolean }> }>();
  const children: ChildImage[] = [];
  for (const { poolId, namespace, imageId } of found) {
    const key = `${poolId}/${namespace}`;
    let view = views.get(key);
    if (view === undefined) {
      const io = await openView(ctx.cluster, poolId, namespace);
      const names = new Map<string, { name: string; trash: boolean }>();
      for (const [name, id] of await listNewImages(io)) names.set(id, { name, trash: false });
      for (const { id, name } of await listTrash(io, { all: true })) names.set(id, { name, trash: true });
      views.set(key, (view = { io, names }));
    }
    const image = view.names.get(imageId);
    if (image === undefined)
      throw new NacreError(
        'ENOENT',
        'rbd.children',
        `child '${imageId}' in pool '${view.io.poolName}' has no name`,
      );
    children.push({
      poolId,
      poolName: view.io.poolName,
      namespace,
      imageId,
      imageName: image.name,
      trash: image.trash,
    });
  }
  return children.sort(compareChildren);
}

function compareChildren(a: ChildImage, b: ChildImage): number {
  const order = (x: string, y: string): number => (x === y ? 0 : x < y ? -1 : 1);
  return (
    order(a.poolName, b.poolName) ||
    a.poolId - b.poolId ||
    order(a.namespace, b.namespace) ||
    order(a.imageName, b.imageName) ||
    order(a.imageId, b.imageId)
  );
}
