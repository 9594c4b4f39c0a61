import { snapshotInfo } from '../../types/cls-rbd.ts';
import {
  clsRbdParent,
  clsRbdSnap,
  emptySnap,
  parentExists,
  snapshotKey,
} from '../../types/cls-rbd-header.ts';
import {
  snapshotNamespace,
  snapshotNamespacesEqual,
  snapshotNamespaceType,
  USER_NAMESPACE,
} from '../../types/cls-rbd-namespace.ts';
import { decodeOldHeader, RBD_OLD_HEADER_BYTES } from '../../types/cls-rbd-old.ts';
import { decodeU64OrMax, encodeU64OrMax, u64, u64b, u64OrMax } from '../../types/codec.ts';
import { SNAP_MAX, SNAP_NOSNAP } from '../../types/snap.ts';
import { encodeUTime } from '../../types/utime.ts';
import { EBUSY, EDQUOT, EEXIST, EINVAL, EIO, ERANGE, ESTALE } from '../errors.ts';
import { FEATURE_LAYERING, requireFeature, setOpFeatures } from './rbd-header.ts';
import { allSnaps, hasParent, writeSnap } from './rbd-snap-record.ts';
import {
  answer,
  check,
  clockNow,
  decodeStored,
  fail,
  findKey,
  listKeys,
  mustExist,
  readData,
  readKey,
  reads,
  removeKey,
  writeKey,
  writes,
} from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

const OP_CLONE_CHILD = 1n << 1n;
const OP_SNAP_TRASH = 1n << 3n;
const UNPROTECTED = 0;
/** Statuses are below it. */
const PROTECTION_LAST = 3;

/** A snapshot's record. EINVAL for the head. */
function snapOf(ctx: ClsContext, snapId: bigint) {
  if (snapId === SNAP_NOSNAP) fail(EINVAL);
  return readKey(ctx, snapshotKey(snapId), clsRbdSnap);
}

const snapshotGet = reads((ctx, d) => {
  const { id, namespace, name, imageSize, timestamp, childCount } = snapOf(ctx, d.u64b());
  return answer(e => snapshotInfo.encode(e, { id, namespace, name, imageSize, timestamp, childCount }));
});

const snapshotAdd = writes((ctx, d) => {
  const name = d.str();
  const id = d.u64b();
  const namespace = d.remaining > 0 ? snapshotNamespace.decode(d) : USER_NAMESPACE;
  if (namespace.type === 'unknown' || id > SNAP_MAX) fail(EINVAL);
  if (id < readKey(ctx, 'snap_seq', u64b)) fail(ESTALE);
  const imageSize = readKey(ctx, 'size', u64);
  const flags = findKey(ctx, 'flags', u64b) ?? 0n;
  const limit = findKey(ctx, 'snap_limit', u64OrMax) ?? Number.POSITIVE_INFINITY;
  let count = 0;
  for (const other of allSnaps(ctx)) {
    if (++count >= limit) fail(EDQUOT);
    const sameName = other.name === name && snapshotNamespacesEqual(other.namespace, namespace);
    if (sameName || other.id === id) fail(EEXIST);
  }
  const parent = findKey(ctx, 'parent', clsRbdParent) ?? emptySnap.parent;
  if (namespace.type === 'trash') setOpFeatures(ctx, OP_SNAP_TRASH, OP_SNAP_TRASH);
  writeKey(ctx, 'snap_seq', u64b, id);
  const timestamp = clockNow(ctx);
  writeSnap(ctx, { ...emptySnap, id, name, namespace, imageSize, flags, timestamp, parent });
});

const snapshotRename = writes((ctx, d) => {
  const id = d.u64b();
  const name = d.str();
  for (const other of allSnaps(ctx)) if (other.namespace.type === 'user' && other.name === name) fail(EEXIST);
  const snap = readKey(ctx, snapshotKey(id), clsRbdSnap);
  if (snap.namespace.type !== 'user') fail(EINVAL);
  writeSnap(ctx, { ...snap, name });
});

const snapshotRemove = writes((ctx, d) => {
  const id = d.u64b();
  const snap = readKey(ctx, snapshotKey(id), clsRbdSnap);
  if (snap.protectionStatus !== UNPROTECTED || snap.childCount > 0) fail(EBUSY);
  removeKey(ctx, snapshotKey(id));
  const others = allSnaps(ctx).filter(other => other.id !== id);
  const childSnaps = others.some(hasParent);
  const parent = findKey(ctx, 'parent', clsRbdParent);
  const isChild = parent !== undefined && parentExists(parent);
  const headIsChild = isChild && parent.headOverlap !== undefined;
  // What only snapshots kept goes with the last of them.
  if (isChild && !headIsChild && !childSnaps) removeKey(ctx, 'parent');
  let mask = 0n;
  if (!childSnaps && !headIsChild) mask |= OP_CLONE_CHILD;
  if (!others.some(other => other.namespace.type === 'trash')) mask |= OP_SNAP_TRASH;
  if (mask !== 0n) setOpFeatures(ctx, 0n, mask);
});

function uuidText(bytes: Buffer): string {
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const snapshotTrashAdd = writes((ctx, d) => {
  const snap = readKey(ctx, snapshotKey(d.u64b()), clsRbdSnap);
  if (snap.protectionStatus !== UNPROTECTED) fail(EBUSY);
  if (snap.namespace.type === 'trash') fail(EEXIST);
  setOpFeatures(ctx, OP_SNAP_TRASH, OP_SNAP_TRASH);
  const originalType = snapshotNamespaceType(snap.namespace);
  const namespace = { type: 'trash', originalName: snap.name, originalType } as const;
  writeSnap(ctx, { ...snap, namespace, name: uuidText(ctx.random(16)) });
});

const getProtectionStatus = reads((ctx, d) => {
  const id = d.u64b();
  mustExist(ctx);
  const { protectionStatus } = snapOf(ctx, id);
  if (protectionStatus >= PROTECTION_LAST) fail(EIO);
  return answer(e => e.u8(protectionStatus));
});

const setProtectionStatus = writes((ctx, d) => {
  const id = d.u64b();
  const protectionStatus = d.u8();
  mustExist(ctx);
  requireFeature(ctx, FEATURE_LAYERING);
  if (id === SNAP_NOSNAP || protectionStatus >= PROTECTION_LAST) fail(EINVAL);
  writeSnap(ctx, { ...snapOf(ctx, id), protectionStatus });
});

const getLimit = reads(ctx => {
  const limit = findKey(ctx, 'snap_limit', u64OrMax) ?? Number.POSITIVE_INFINITY;
  return answer(e => encodeU64OrMax(e, limit));
});

const setLimit = writes((ctx, d) => {
  const limit = decodeU64OrMax(d);
  if (limit === Number.POSITIVE_INFINITY) {
    check(ctx.omapRemove(['snap_limit']));
    return;
  }
  // Format 1 has its snapshots in the object's data.
  const data = readData(ctx);
  const count =
    data.length >= RBD_OLD_HEADER_BYTES
      ? decodeStored({ decode: decodeOldHeader }, data).snaps.length
      : listKeys(ctx, 'snapshot_').size;
  if (limit < count) fail(ERANGE);
  writeKey(ctx, 'snap_limit', u64OrMax, limit);
});

export const snapshotMethods: Readonly<Record<string, ClsMethod>> = {
  snapshot_get: snapshotGet,
  get_snapshot_name: reads((ctx, d) => {
    const { name } = snapOf(ctx, d.u64b());
    return answer(e => e.str(name));
  }),
  get_snapshot_timestamp: reads((ctx, d) => {
    const { timestamp } = snapOf(ctx, d.u64b());
    return answer(e => encodeUTime(e, timestamp));
  }),
  snapshot_add: snapshotAdd,
  snapshot_rename: snapshotRename,
  snapshot_remove: snapshotRemove,
  snapshot_trash_add: snapshotTrashAdd,
  get_protection_status: getProtectionStatus,
  set_protection_status: setProtectionStatus,
  snapshot_get_limit: getLimit,
  snapshot_set_limit: setLimit,
};
