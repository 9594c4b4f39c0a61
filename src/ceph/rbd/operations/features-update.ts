import type { NacreError } from '../../../base/errors.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import { MAX_OBJECT_MAP_OBJECT_COUNT } from '../../types/cls-rbd-features.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { objectCount } from '../io/striper.ts';
import { refreshImage } from '../open/refresh.ts';
import {
  OBJECT_NONEXISTENT,
  RBD_FEATURE_EXCLUSIVE_LOCK,
  RBD_FEATURE_FAST_DIFF,
  RBD_FEATURE_JOURNALING,
  RBD_FEATURE_OBJECT_MAP,
  RBD_FLAG_FAST_DIFF_INVALID,
  RBD_FLAG_OBJECT_MAP_INVALID,
} from '../types.ts';
import { objectMapObject, unless } from './admin-shared.ts';
import { withWritesBlocked } from './copy-object-write.ts';
import { FEATURES_DISABLE_ONLY, FEATURES_MUTABLE, featureNames, refuseUnsupported } from './features.ts';
import { invoke, rbdError } from './invoke.ts';

// Features of an image that exists (librbd/operation/EnableFeaturesRequest.cc, DisableFeaturesRequest.cc).

const invalid = (why: string): NacreError => rbdError('EINVAL', 'update_features', why);
const OBJECT_MAPS = RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_FAST_DIFF;

/**
 * Switches features on or off, here or at the lock's owner. Object map and fast diff come together; switching on the object
 * map leaves it flagged invalid, to be rebuilt.
 * @throws NacreError EINVAL for format 1, for features that cannot be switched, are so already, or need one another;
 * EROFS for a handle that is read-only; ENOTSUP for journaling
 */
export async function updateFeatures(ctx: ImageCtx, features: bigint, enable: boolean): Promise<void> {
  if (ctx.refreshNeeded) await refreshImage(ctx);
  const { name, format } = ctx.identity;
  if (ctx.readOnly) throw rbdError('EROFS', 'update_features', `'${name}' is open read-only`);
  if (format === 1) throw invalid(`'${name}' is of format 1, which has no features`);
  const allowed = enable ? FEATURES_MUTABLE : FEATURES_MUTABLE | FEATURES_DISABLE_ONLY;
  if ((features & ~allowed) !== 0n)
    throw invalid(`feature ${featureNames(features & ~allowed).join(', ')} cannot be switched`);
  refuseUnsupported(features, 'rbd.update_features');
  const wanted = together(ctx.state.features, features, enable);
  if (wanted === 0n) throw invalid('no feature was named');
  const already = enable ? wanted & ctx.state.features : wanted & ~ctx.state.features;
  if (already !== 0n)
    throw invalid(`feature ${featureNames(already).join(', ')} is ${enable ? 'on' : 'off'} already`);
  await invoke(ctx, {
    name: 'update_features',
    local: () => executeUpdateFeatures(ctx, wanted, enable),
    remote: watcher => watcher.notifyUpdateFeatures(wanted, enable),
  });
}

/** What else is switched with object map and fast diff. */
function together(current: bigint, features: bigint, enable: boolean): bigint {
  const map = (features & RBD_FEATURE_OBJECT_MAP) !== 0n;
  const diff = (features & RBD_FEATURE_FAST_DIFF) !== 0n;
  const hasMap = (current & RBD_FEATURE_OBJECT_MAP) !== 0n;
  const hasDiff = (current & RBD_FEATURE_FAST_DIFF) !== 0n;
  if (enable ? (map && !hasDiff) || (diff && !hasMap) : map && hasDiff) return features | OBJECT_MAPS;
  return features;
}

/** The same here, by whoever may. */
export async function executeUpdateFeatures(ctx: ImageCtx, features: bigint, enable: boolean): Promise<void> {
  if (enable) await withWritesBlocked(ctx, () => keepingLock(ctx, () => enableFeatures(ctx, features)));
  else await withWritesBlocked(ctx, () => keepingLock(ctx, () => disableFeatures(ctx, features)));
}

/** The lock is not given away meanwhile. It may be gone itself afterwards. */
async function keepingLock(ctx: ImageCtx, work: () => Promise<void>): Promise<void> {
  const lock = ctx.exclusiveLock;
  lock?.blockRequests();
  try {
    await work();
  } finally {
    if (lock !== undefined && ctx.exclusiveLock === lock) lock.unblockRequests();
  }
}

async function enableFeatures(ctx: ImageCtx, asked: bigint): Promise<void> {
  const { header, identity, state } = ctx;
  let features = asked & ~state.features;
  if ((features & OBJECT_MAPS) !== 0n) features |= OBJECT_MAPS;
  const after = state.features | features;
  let mask = features;
  let flags = 0n;
  if ((features & OBJECT_MAPS) !== 0n) {
    if ((after & RBD_FEATURE_EXCLUSIVE_LOCK) === 0n) throw invalid('object-map needs exclusive-lock');
    flags = RBD_FLAG_OBJECT_MAP_INVALID | RBD_FLAG_FAST_DIFF_INVALID;
    mask |= RBD_FEATURE_EXCLUSIVE_LOCK | OBJECT_MAPS;
  }
  if (flags !== 0n) await setFlagsEverywhere(ctx, flags, flags);
  await header.operate(identity.headerOid, cls.setFeatures(new WriteOperation(), after, mask));
  const needsMap = (features & RBD_FEATURE_OBJECT_MAP) !== 0n && !ctx.has(RBD_FEATURE_OBJECT_MAP);
  if (needsMap) await createObjectMaps(ctx);
}

async function disableFeatures(ctx: ImageCtx, asked: bigint): Promise<void> {
  const { header, identity, state } = ctx;
  let features = asked & state.features;
  if ((features & OBJECT_MAPS) !== 0n) features |= OBJECT_MAPS & state.features;
  const after = state.features & ~features;
  let mask = features;
  let flags = 0n;
  if ((features & RBD_FEATURE_EXCLUSIVE_LOCK) !== 0n) {
    if ((after & (RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_JOURNALING)) !== 0n)
      throw invalid('object-map needs exclusive-lock: switch it off first');
    mask |= RBD_FEATURE_OBJECT_MAP | RBD_FEATURE_JOURNALING;
  }
  if ((features & RBD_FEATURE_FAST_DIFF) !== 0n) flags |= RBD_FLAG_FAST_DIFF_INVALID;
  if ((features & RBD_FEATURE_OBJECT_MAP) !== 0n) {
    if ((after & RBD_FEATURE_FAST_DIFF) !== 0n)
      throw invalid('fast-diff needs object-map: switch it off first');
    flags |= RBD_FLAG_OBJECT_MAP_INVALID;
    await removeObjectMaps(ctx);
  }
  await header.operate(identity.headerOid, cls.setFeatures(new WriteOperation(), after, mask));
  if (flags !== 0n) await setFlagsEverywhere(ctx, 0n, flags);
}

const snapIds = (ctx: ImageCtx): bigint[] => [SNAP_HEAD, ...ctx.state.snaps.map(({ id }) => id)];

/** Of the head and of all snapshots. */
async function setFlagsEverywhere(ctx: ImageCtx, flags: bigint, mask: bigint): Promise<void> {
  for (const id of snapIds(ctx))
    await unless(
      ctx.header.operate(ctx.identity.headerOid, cls.setFlags(new WriteOperation(), flags, mask, id)),
      'ENOENT',
    );
}

/** Maps that say that there is nothing; their flags say not to believe it. */
async function createObjectMaps(ctx: ImageCtx): Promise<void> {
  const { header, identity } = ctx;
  const counts = snapIds(ctx).map(id => ({ id, objects: objectCount(identity.layout, ctx.sizeAt(id) ?? 0) }));
  if (counts.some(({ objects }) => objects > MAX_OBJECT_MAP_OBJECT_COUNT))
    throw invalid(`'${identity.name}' has more objects than an object map`);
  await Promise.all(
    counts.map(({ id, objects }) =>
      header.operate(
        objectMapObject(identity.id, id),
        cls.objectMapResize(new WriteOperation(), objects, OBJECT_NONEXISTENT),
      ),
    ),
  );
}

async function removeObjectMaps(ctx: ImageCtx): Promise<void> {
  await Promise.all(
    snapIds(ctx).map(id => unless(ctx.header.remove(objectMapObject(ctx.identity.id, id)), 'ENOENT')),
  );
}
