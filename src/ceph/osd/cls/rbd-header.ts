import {
  RBD_FEATURES_ALL,
  RBD_FEATURES_DISABLE_ONLY,
  RBD_FEATURES_INCOMPATIBLE,
  RBD_FEATURES_INTERNAL,
  RBD_FEATURES_MUTABLE,
  RBD_FEATURES_RW_INCOMPATIBLE,
  RBD_OPERATION_FEATURES_ALL,
} from '../../types/cls-rbd-features.ts';
import { clsRbdParent, clsRbdSnap, parentExists, snapshotKey } from '../../types/cls-rbd-header.ts';
import { bin, i64, u8, u64, u64b, utime } from '../../types/codec.ts';
import { encodeSnapContext, SNAP_NOSNAP } from '../../types/snap.ts';
import { EEXIST, EINVAL, EIO, ENOENT, ENOEXEC, ENOSYS } from '../errors.ts';
import { writeSnap } from './rbd-snap-record.ts';
import {
  answer,
  check,
  clockNow,
  fail,
  findKey,
  listKeys,
  mustExist,
  readKey,
  reads,
  removeKey,
  timestampOf,
  writeKey,
  writes,
} from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

// The header of an image of format 2 (cls/rbd/cls_rbd.cc): entries of its omap, each encoded by itself.

export const FEATURE_LAYERING = 1n << 0n;
const FEATURE_STRIPINGV2 = 1n << 1n;
export const FEATURE_DEEP_FLATTEN = 1n << 5n;
const FEATURE_DATA_POOL = 1n << 7n;
const FEATURE_OPERATIONS = 1n << 8n;

/** ENOEXEC when the image has not all features of `need`, or none as one of format 1. */
export function requireFeature(ctx: ClsContext, need: bigint): void {
  const features = findKey(ctx, 'features', u64b);
  if (features === undefined || (features & need) !== need) fail(ENOEXEC);
}

export function hasFeature(ctx: ClsContext, need: bigint): boolean {
  const features = findKey(ctx, 'features', u64b);
  return features !== undefined && (features & need) === need;
}

/** Sets op features; the feature "operations" says whether there are any. */
export function setOpFeatures(ctx: ClsContext, wanted: bigint, mask: bigint): void {
  const features = readKey(ctx, 'features', u64b);
  const before = findKey(ctx, 'op_features', u64b) ?? 0n;
  const opFeatures = (before & ~mask) | (wanted & mask);
  if (opFeatures === before) return;
  if (opFeatures === 0n) removeKey(ctx, 'op_features');
  else writeKey(ctx, 'op_features', u64b, opFeatures);
  const after = opFeatures === 0n ? features & ~FEATURE_OPERATIONS : features | FEATURE_OPERATIONS;
  if (after !== features) writeKey(ctx, 'features', u64b, after);
}

const create = writes((ctx, d) => {
  const size = d.u64();
  const order = d.u8();
  const features = d.u64b();
  const prefix = d.bin();
  const dataPool = d.remaining > 0 ? d.i64() : -1;
  if ((features & ~RBD_FEATURES_ALL) !== 0n) fail(ENOSYS);
  if (prefix === '') fail(EINVAL);
  if (ctx.omapGet('object_prefix') !== ENOENT) fail(EEXIST);
  if ((features & FEATURE_OPERATIONS) !== 0n) fail(EINVAL);
  if (((features & FEATURE_DATA_POOL) !== 0n) !== (dataPool !== -1)) fail(EINVAL);
  const now = answer(e => utime.encode(e, clockNow(ctx)));
  const values = new Map<string, Buffer>([
    ['size', answer(e => e.u64(size))],
    ['order', answer(e => e.u8(order))],
    ['features', answer(e => e.u64b(features))],
    ['object_prefix', answer(e => e.bin(prefix))],
    ['snap_seq', answer(e => e.u64(0))],
    ['create_timestamp', now],
    ['access_timestamp', now],
    ['modify_timestamp', now],
  ]);
  if (dataPool !== -1)
    values.set(
      'data_pool_id',
      answer(e => e.i64(dataPool)),
    );
  check(ctx.omapSet(values));
});

const getFeatures = reads((ctx, d) => {
  d.u64b();
  const readOnly = d.remaining > 0 && d.bool();
  const features = readKey(ctx, 'features', u64b);
  const incompatible = features & (readOnly ? RBD_FEATURES_INCOMPATIBLE : RBD_FEATURES_RW_INCOMPATIBLE);
  return answer(e => {
    e.u64b(features);
    e.u64b(incompatible);
  });
});

const setFeatures = writes((ctx, d) => {
  const features = d.u64b();
  const given = d.u64b();
  const before = findKey(ctx, 'features', u64b) ?? 0n;
  if ((given & RBD_FEATURES_INTERNAL) !== 0n) fail(EINVAL);
  // Newer clients may name features that are not known here.
  const mask = given & RBD_FEATURES_ALL;
  if ((features & mask & ~RBD_FEATURES_MUTABLE) !== 0n) fail(EINVAL);
  if ((~features & mask & ~(RBD_FEATURES_MUTABLE | RBD_FEATURES_DISABLE_ONLY)) !== 0n) fail(EINVAL);
  writeKey(ctx, 'features', u64b, (before & ~mask) | (features & mask));
});

const getSize = reads((ctx, d) => {
  const snapId = d.u64b();
  const order = readKey(ctx, 'order', u8);
  const size =
    snapId === SNAP_NOSNAP
      ? readKey(ctx, 'size', u64)
      : readKey(ctx, snapshotKey(snapId), clsRbdSnap).imageSize;
  return answer(e => {
    e.u8(order);
    e.u64(size);
  });
});

const setSize = writes((ctx, d) => {
  const size = d.u64();
  const before = readKey(ctx, 'size', u64);
  writeKey(ctx, 'size', u64, size);
  if (size >= before) return;
  const parent = findKey(ctx, 'parent', clsRbdParent);
  if (parent !== undefined && parentExists(parent) && (parent.headOverlap ?? 0) > size)
    writeKey(ctx, 'parent', clsRbdParent, { ...parent, structV: undefined, headOverlap: size });
});

const getStripeUnitCount = reads(ctx => {
  mustExist(ctx);
  requireFeature(ctx, FEATURE_STRIPINGV2);
  const unit = findKey(ctx, 'stripe_unit', u64) ?? 2 ** (findKey(ctx, 'order', u8) ?? fail(EIO));
  const count = findKey(ctx, 'stripe_count', u64) ?? 1;
  return answer(e => {
    e.u64(unit);
    e.u64(count);
  });
});

const setStripeUnitCount = writes((ctx, d) => {
  const unit = d.u64();
  const count = d.u64();
  if (unit === 0 || count === 0) fail(EINVAL);
  mustExist(ctx);
  requireFeature(ctx, FEATURE_STRIPINGV2);
  const objectSize = 2 ** readKey(ctx, 'order', u8);
  if (objectSize % unit !== 0) fail(EINVAL);
  writeKey(ctx, 'stripe_unit', u64, unit);
  writeKey(ctx, 'stripe_count', u64, count);
});

const getFlags = reads((ctx, d) => {
  const snapId = d.u64b();
  const flags =
    snapId === SNAP_NOSNAP
      ? (findKey(ctx, 'flags', u64b) ?? 0n)
      : readKey(ctx, snapshotKey(snapId), clsRbdSnap).flags;
  return answer(e => e.u64b(flags));
});

const setFlags = writes((ctx, d) => {
  const wanted = d.u64b();
  const mask = d.u64b();
  const snapId = d.remaining > 0 ? d.u64b() : SNAP_NOSNAP;
  if (snapId === SNAP_NOSNAP) {
    const before = findKey(ctx, 'flags', u64b) ?? 0n;
    writeKey(ctx, 'flags', u64b, (before & ~mask) | (wanted & mask));
    return;
  }
  const snap = readKey(ctx, snapshotKey(snapId), clsRbdSnap);
  writeSnap(ctx, { ...snap, flags: (snap.flags & ~mask) | (wanted & mask) });
});

const opFeaturesGet = reads(ctx => {
  const opFeatures = findKey(ctx, 'op_features', u64b) ?? 0n;
  return answer(e => e.u64b(opFeatures));
});

const opFeaturesSet = writes((ctx, d) => {
  const opFeatures = d.u64b();
  const mask = d.u64b();
  if ((mask & ~RBD_OPERATION_FEATURES_ALL) !== 0n) fail(EINVAL);
  setOpFeatures(ctx, opFeatures, mask);
});

const getSnapcontext = reads(ctx => {
  const snaps = [...listKeys(ctx, 'snapshot_').keys()]
    .map(key => BigInt(`0x${key.slice('snapshot_'.length)}`))
    .reverse();
  const seq = readKey(ctx, 'snap_seq', u64b);
  return answer(e => encodeSnapContext(e, { seq, snaps }));
});

function stamp(key: string): ClsMethod {
  return writes(ctx => {
    mustExist(ctx);
    writeKey(ctx, key, utime, clockNow(ctx));
  });
}

export const headerMethods: Readonly<Record<string, ClsMethod>> = {
  create,
  get_features: getFeatures,
  set_features: setFeatures,
  get_size: getSize,
  set_size: setSize,
  get_stripe_unit_count: getStripeUnitCount,
  set_stripe_unit_count: setStripeUnitCount,
  get_flags: getFlags,
  set_flags: setFlags,
  op_features_get: opFeaturesGet,
  op_features_set: opFeaturesSet,
  get_snapcontext: getSnapcontext,
  get_object_prefix: reads(ctx => {
    const prefix = readKey(ctx, 'object_prefix', bin);
    return answer(e => e.bin(prefix));
  }),
  get_data_pool: reads(ctx => {
    const pool = findKey(ctx, 'data_pool_id', i64) ?? -1;
    return answer(e => e.i64(pool));
  }),
  get_create_timestamp: reads(ctx => timestampOf(ctx, 'create_timestamp')),
  get_access_timestamp: reads(ctx => timestampOf(ctx, 'access_timestamp')),
  get_modify_timestamp: reads(ctx => timestampOf(ctx, 'modify_timestamp')),
  set_access_timestamp: stamp('access_timestamp'),
  set_modify_timestamp: stamp('modify_timestamp'),
  get_all_features: reads(() => answer(e => e.u64b(RBD_FEATURES_ALL))),
};
