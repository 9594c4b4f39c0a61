import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import { IoCtx } from '../../rados/ioctx.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { ImageCtx, type ImageIdentity } from '../image-ctx.ts';
import { type HeaderState, RBD_HEADER_PREFIX, RBD_INFO, RBD_OLD_SUFFIX } from '../types.ts';
import { EarlyWatch } from '../watch/early-watch.ts';
import { ImageWatcher } from '../watch/image-watcher.ts';
import { closeImage } from './close.ts';
import { startCoordination } from './coordination.ts';
import { createIo } from './create-io.ts';
import { checkFeatures } from './features.ts';
import { type FoundImage, findImage, findImageById } from './find-image.ts';
import { readHeaderV1 } from './header-v1.ts';
import { metadataOf, readHeaderV2 } from './header-v2.ts';
import { ImageConfig } from './image-config.ts';
import { openParent } from './parent.ts';
import { refreshIfNeeded } from './refresh.ts';

/** How to open an image. */
export interface OpenOptions {
  /** Looks at a snapshot, by name (a user's) or id. The handle is read-only then. */
  readonly snapshot?: string | bigint;
  readonly readOnly?: boolean;
  /** Whether to cache, in place of rbd_cache. */
  readonly cache?: boolean;
  /** Options of rbd for this handle, above everything else. */
  readonly config?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Leaves the parent closed: for those who only look at the header. Reads of what is not in the clone are zeros then. */
  readonly skipParent?: boolean;
}

/** What the opening of parents knows beside. */
export interface InternalOptions extends OpenOptions {
  /** The handle is some clone's parent. */
  readonly forChild?: boolean;
}

/**
 * Opens an image by its name or id.
 * @param io the image's pool and namespace
 * @throws NacreError ENOENT without that image or snapshot; ENOTSUP naming a feature that keeps it from being opened so
 */
export async function openImage(
  cluster: Rados,
  io: IoCtx,
  which: { readonly name: string } | { readonly id: string },
  options: InternalOptions = {},
): Promise<ImageCtx> {
  const { signal } = options;
  signal?.throwIfAborted();
  const found = 'id' in which ? await findImageById(io, which.id) : await findImage(io, which.name);
  signal?.throwIfAborted();
  const readOnly = options.readOnly === true || options.snapshot !== undefined;
  const early = readOnly ? undefined : await EarlyWatch.begin(io, headerName(found));
  let ctx: ImageCtx;
  try {
    ctx = await openHeader(cluster, io, found, readOnly, options);
  } catch (error) {
    await early?.end();
    throw error;
  }
  try {
    if (early !== undefined) ctx.watcher = ImageWatcher.start(ctx, early);
    if (options.skipParent !== true) ctx.parent = await openParent(ctx);
    ctx.io = createIo(ctx);
    await startCoordination(ctx);
    await refreshIfNeeded(ctx);
    signal?.throwIfAborted();
    return ctx;
  } catch (error) {
    await closeImage(ctx).catch(() => {});
    throw error;
  }
}

function settings(cluster: Rados, options: InternalOptions): ImageConfig {
  const overrides = { ...options.config };
  if (options.cache !== undefined) overrides['rbd_cache'] = String(options.cache);
  // What a clone caches, its parent need not cache again (librbd's parents have no cache either).
  if (options.forChild === true) overrides['rbd_cache'] = 'false';
  return new ImageConfig(cluster.context.config, overrides);
}

async function openHeader(
  cluster: Rados,
  io: IoCtx,
  found: FoundImage,
  readOnly: boolean,
  options: InternalOptions,
): Promise<ImageCtx> {
  const config = settings(cluster, options);
  const pool = io.namespace === '' ? io : io.with({ namespace: '' });
  const poolMetadata = metadataOf(pool, RBD_INFO);
  const { identity, state, metadata } = await (found.format === 1
    ? headerV1(io, found)
    : headerV2(io, found, readOnly)
  ).catch(async (error: unknown) => {
    await poolMetadata.catch(() => {});
    throw error;
  });
  config.apply(await poolMetadata, metadata);
  checkFeatures(found.name, state, readOnly);
  const data = dataIo(io, identity.dataPoolId, state);
  const ctx = new ImageCtx(cluster, identity, io, data, state, readOnly, config);
  if (options.snapshot !== undefined) ctx.snapId = snapshotOf(ctx, options.snapshot);
  return ctx;
}

interface Header {
  readonly identity: ImageIdentity;
  readonly state: HeaderState;
  readonly metadata: ReadonlyMap<string, string>;
}

function headerName({ format, name, id }: FoundImage): string {
  return format === 1 ? name + RBD_OLD_SUFFIX : RBD_HEADER_PREFIX + id;
}

async function headerV1(io: IoCtx, found: FoundImage): Promise<Header> {
  const { name } = found;
  const headerOid = headerName(found);
  const { objectPrefix, order, state } = await readHeaderV1(io, headerOid);
  const objectSize = 2 ** order;
  const layout = { objectSize, stripeUnit: objectSize, stripeCount: 1 };
  const identity = {
    name,
    id: '',
    format: 1,
    headerOid,
    objectPrefix,
    order,
    layout,
    dataPoolId: io.pool,
  } as const;
  return { identity, state, metadata: new Map() };
}

async function headerV2(io: IoCtx, found: FoundImage, readOnly: boolean): Promise<Header> {
  const { name, id } = found;
  const headerOid = headerName(found);
  const { state, metadata, identity } = await readHeaderV2(io, headerOid, readOnly, true);
  const { objectPrefix, order, stripeUnit, stripeCount, dataPoolId } = identity!;
  return {
    state,
    metadata,
    identity: {
      name,
      id,
      format: 2,
      headerOid,
      objectPrefix,
      order,
      layout: { objectSize: 2 ** order, stripeUnit, stripeCount },
      dataPoolId: dataPoolId < 0 ? io.pool : dataPoolId,
    },
  };
}

/** The pool of the data, with the snapshots that writes preserve. */
export function dataIo(header: IoCtx, pool: number, state: HeaderState): IoCtx {
  return new IoCtx(header.objecter, pool, { ...header.options, snapContext: state.snapc });
}

function snapshotOf(ctx: ImageCtx, which: string | bigint): bigint {
  const snap = typeof which === 'string' ? ctx.snapNamed(which) : ctx.snap(which);
  if (snap === undefined && which !== SNAP_HEAD)
    throw new NacreError(
      'ENOENT',
      'rbd.open',
      `image '${ctx.identity.name}' has no snapshot ${typeof which === 'string' ? `'${which}'` : which}`,
    );
  return snap?.id ?? SNAP_HEAD;
}
