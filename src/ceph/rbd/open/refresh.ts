import { NacreError } from '../../../base/errors.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { type HeaderState, RBD_INFO } from '../types.ts';
import { closeImage } from './close.ts';
import { adaptCoordination } from './coordination.ts';
import { checkFeatures } from './features.ts';
import { readHeaderV1 } from './header-v1.ts';
import { metadataOf, readHeaderV2 } from './header-v2.ts';
import { dataIo } from './open-image.ts';
import { isParent, needsParent, openParent } from './parent.ts';

const running = new WeakMap<ImageCtx, Promise<void>>();

/**
 * Reads the header anew and takes in what changed: size, snapshots, features, parent, settings. One at a time; a call while
 * one is under way waits for another that begins after it, so that it sees what was there when it was called.
 */
export function refreshImage(ctx: ImageCtx): Promise<void> {
  const before = running.get(ctx);
  const next = (
    before === undefined ? refreshOnce(ctx) : before.then(ignore, ignore).then(() => refreshOnce(ctx))
  ).finally(() => {
    if (running.get(ctx) === next) running.delete(ctx);
  });
  running.set(ctx, next);
  return next;
}

const ignore = (): void => {};

/** Refreshes if a header update was announced since the last one. */
export async function refreshIfNeeded(ctx: ImageCtx): Promise<void> {
  if (ctx.refreshNeeded) await refreshImage(ctx);
  else await running.get(ctx);
}

async function refreshOnce(ctx: ImageCtx): Promise<void> {
  if (ctx.closed) throw new NacreError('ESHUTDOWN', 'rbd.refresh', `image '${ctx.identity.name}' is closed`);
  // Before reading: an update that comes while we read needs another refresh.
  ctx.refreshNeeded = false;
  try {
    await takeIn(ctx, await readState(ctx));
  } catch (error) {
    ctx.refreshNeeded = true;
    throw error;
  }
}

async function readState(ctx: ImageCtx): Promise<HeaderState> {
  const { header, identity, readOnly, config } = ctx;
  if (identity.format === 1) return (await readHeaderV1(header, identity.headerOid)).state;
  const pool = header.namespace === '' ? header : header.with({ namespace: '' });
  const [{ state, metadata }, ofPool] = await Promise.all([
    readHeaderV2(header, identity.headerOid, readOnly, false),
    metadataOf(pool, RBD_INFO),
  ]);
  checkFeatures(identity.name, state, readOnly);
  config.apply(ofPool, metadata);
  return state;
}

async function takeIn(ctx: ImageCtx, state: HeaderState): Promise<void> {
  const before = ctx.state;
  ctx.state = state;
  const { seq, snaps } = state.snapc;
  const known = before.snapc;
  if (
    seq !== known.seq ||
    snaps.length !== known.snaps.length ||
    snaps.some((id, i) => id !== known.snaps[i])
  )
    ctx.data = dataIo(ctx.header, ctx.identity.dataPoolId, state);
  await takeInParent(ctx);
  await adaptCoordination(ctx, before);
  for (const listener of [...ctx.updateListeners]) listener();
}

async function takeInParent(ctx: ImageCtx): Promise<void> {
  const { parent } = ctx;
  // A handle at a snapshot that was removed meanwhile keeps what it has.
  if (ctx.snapId !== SNAP_HEAD && ctx.snap(ctx.snapId) === undefined) return;
  const info = ctx.parentAt();
  if (needsParent(info)) {
    if (parent !== undefined && isParent(parent, info)) return;
    const opened = await openParent(ctx);
    ctx.parent = opened;
  } else ctx.parent = undefined;
  if (parent === undefined) return;
  // What is under way may still read from it.
  await ctx.io.flushAsync('refresh');
  await closeImage(parent);
}
