import type { Decoder } from '../../../base/decoder.ts';
import {
  childImageSpec,
  childImageSpecs,
  compareChildImages,
  optionalU64,
  parentImageSpec,
} from '../../types/cls-rbd.ts';
import {
  type ClsRbdParent,
  clsRbdParent,
  clsRbdSnap,
  NO_PARENT,
  parentExists,
  snapChildrenKey,
  snapshotKey,
} from '../../types/cls-rbd-header.ts';
import { bin, list, u64, u64b } from '../../types/codec.ts';
import { SNAP_NOSNAP } from '../../types/snap.ts';
import { EEXIST, EINVAL, ENOENT, ENOEXEC, EXDEV } from '../errors.ts';
import {
  FEATURE_DEEP_FLATTEN,
  FEATURE_LAYERING,
  hasFeature,
  requireFeature,
  setOpFeatures,
} from './rbd-header.ts';
import { allSnaps, hasParent, writeSnap } from './rbd-snap-record.ts';
import {
  answer,
  check,
  fail,
  findKey,
  mustExist,
  readKey,
  reads,
  removeKey,
  writeKey,
  writes,
} from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

const OP_CLONE_PARENT = 1n << 0n;
const OP_CLONE_CHILD = 1n << 1n;

function sameParent(a: ClsRbdParent, b: ClsRbdParent): boolean {
  return (
    a.poolId === b.poolId && a.namespace === b.namespace && a.imageId === b.imageId && a.snapId === b.snapId
  );
}

function attach(ctx: ClsContext, parent: ClsRbdParent, overlap: number, reattach: boolean): void {
  mustExist(ctx);
  requireFeature(ctx, FEATURE_LAYERING);
  if (!parentExists(parent) || overlap === 0) fail(EINVAL);
  const before = findKey(ctx, 'parent', clsRbdParent);
  if (before !== undefined && !reattach && (before.headOverlap !== undefined || !sameParent(before, parent)))
    fail(EEXIST);
  const headOverlap = Math.min(overlap, readKey(ctx, 'size', u64));
  writeKey(ctx, 'parent', clsRbdParent, { ...parent, headOverlap });
}

function detach(ctx: ClsContext, legacy: boolean): void {
  mustExist(ctx);
  const features = findKey(ctx, 'features', u64b) ?? 0n;
  if ((features & FEATURE_LAYERING) === 0n) fail(ENOEXEC);
  const parent = readKey(ctx, 'parent', clsRbdParent);
  if (legacy && parent.namespace !== '') fail(EXDEV);
  if (parent.headOverlap === undefined) fail(ENOENT);
  let kept = false;
  for (const snap of allSnaps(ctx)) {
    if (!hasParent(snap)) continue;
    kept = (features & FEATURE_DEEP_FLATTEN) === 0n;
    if (kept) break;
    writeSnap(ctx, { ...snap, parent: NO_PARENT, parentOverlap: undefined });
  }
  if (kept) {
    writeKey(ctx, 'parent', clsRbdParent, { ...parent, structV: undefined, headOverlap: undefined });
    return;
  }
  removeKey(ctx, 'parent');
  setOpFeatures(ctx, 0n, OP_CLONE_CHILD);
}

const getParent = reads((ctx, d) => {
  const snapId = d.u64b();
  mustExist(ctx);
  let parent = NO_PARENT;
  if (hasFeature(ctx, FEATURE_LAYERING)) {
    parent = findKey(ctx, 'parent', clsRbdParent) ?? NO_PARENT;
    if (parent.namespace !== '') fail(EXDEV);
    if (snapId !== SNAP_NOSNAP) {
      const snap = findKey(ctx, snapshotKey(snapId), clsRbdSnap);
      if (snap !== undefined && parentExists(snap.parent)) parent = snap.parent;
      else if (snap?.parentOverlap !== undefined) {
        if (!parentExists(parent)) fail(EINVAL);
        parent = { ...parent, headOverlap: snap.parentOverlap };
      } else parent = NO_PARENT;
    }
  }
  return answer(e => {
    e.i64(parent.poolId);
    e.str(parent.imageId);
    e.u64b(parent.snapId);
    e.u64(parent.headOverlap ?? 0);
  });
});

const parentGet = reads(ctx => {
  mustExist(ctx);
  let parent = NO_PARENT;
  if (hasFeature(ctx, FEATURE_LAYERING)) {
    const inHeader = findKey(ctx, 'parent', clsRbdParent);
    if (inHeader !== undefined) parent = inHeader;
    else for (const snap of allSnaps(ctx)) if (parentExists(snap.parent)) parent = snap.parent;
  }
  return answer(e => parentImageSpec.encode(e, parent));
});

function overlapAt(ctx: ClsContext, snapId: bigint): number | undefined {
  if (!hasFeature(ctx, FEATURE_LAYERING)) return undefined;
  if (snapId === SNAP_NOSNAP) return findKey(ctx, 'parent', clsRbdParent)?.headOverlap;
  const snap = readKey(ctx, snapshotKey(snapId), clsRbdSnap);
  return snap.parentOverlap ?? (parentExists(snap.parent) ? snap.parent.headOverlap : undefined);
}

const childAttach = writes((ctx, d) => {
  const snapId = d.u64b();
  const child = childImageSpec.decode(d);
  const snap = readKey(ctx, snapshotKey(snapId), clsRbdSnap);
  if (snap.namespace.type === 'trash') fail(ENOENT);
  const key = snapChildrenKey(snapId);
  const children = findKey(ctx, key, childImageSpecs) ?? [];
  if (children.some(other => compareChildImages(other, child) === 0)) fail(EEXIST);
  writeKey(ctx, key, childImageSpecs, [...children, child].sort(compareChildImages));
  writeSnap(ctx, { ...snap, childCount: snap.childCount + 1 });
  setOpFeatures(ctx, OP_CLONE_PARENT, OP_CLONE_PARENT);
});

const childDetach = writes((ctx, d) => {
  const snapId = d.u64b();
  const child = childImageSpec.decode(d);
  const snap = readKey(ctx, snapshotKey(snapId), clsRbdSnap);
  const key = snapChildrenKey(snapId);
  const children = findKey(ctx, key, childImageSpecs) ?? [];
  if (snap.childCount !== children.length) fail(EINVAL);
  const left = children.filter(other => compareChildImages(other, child) !== 0);
  if (left.length === children.length) fail(ENOENT);
  if (left.length === 0) removeKey(ctx, key);
  else writeKey(ctx, key, childImageSpecs, left);
  writeSnap(ctx, { ...snap, childCount: left.length });
  if (left.length > 0) return;
  if (!allSnaps(ctx).some(other => other.id !== snapId && other.childCount > 0))
    setOpFeatures(ctx, 0n, OP_CLONE_PARENT);
});

const childrenList = reads((ctx, d) => {
  const snapId = d.u64b();
  readKey(ctx, snapshotKey(snapId), clsRbdSnap);
  const children = readKey(ctx, snapChildrenKey(snapId), childImageSpecs);
  return answer(e => childImageSpecs.encode(e, children));
});

// rbd_children: keys are u64 pool, str image id, u64 snap id; values set<string> of ids of images.

const ids = list(bin);

/** The key of a parent's snapshot: as the input has it. */
function parentKey(d: Decoder): string {
  const from = d.offset;
  d.u64b();
  d.bin();
  d.u64b();
  return d.buf.toString('latin1', from, d.offset);
}

const addChild = writes((ctx, d) => {
  const key = parentKey(d);
  const child = d.bin();
  const children = findKey(ctx, key, ids) ?? [];
  if (children.includes(child)) fail(EEXIST);
  writeKey(ctx, key, ids, [...children, child].sort());
});

const removeChild = writes((ctx, d) => {
  const key = parentKey(d);
  const child = d.bin();
  const children = readKey(ctx, key, ids);
  if (!children.includes(child)) fail(ENOENT);
  if (children.length === 1) check(ctx.omapRemove([key]));
  else {
    const left = children.filter(other => other !== child);
    writeKey(ctx, key, ids, left);
  }
});

export const parentMethods: Readonly<Record<string, ClsMethod>> = {
  get_parent: getParent,
  set_parent: writes((ctx, d) => {
    const parent = { ...NO_PARENT, poolId: d.i64(), imageId: d.str(), snapId: d.u64b() };
    attach(ctx, parent, d.u64(), false);
  }),
  remove_parent: writes(ctx => detach(ctx, true)),
  parent_get: parentGet,
  parent_overlap_get: reads((ctx, d) => {
    const overlap = overlapAt(ctx, d.u64b());
    return answer(e => optionalU64.encode(e, overlap));
  }),
  parent_attach: writes((ctx, d) => {
    const { poolId, namespace, imageId, snapId } = parentImageSpec.decode(d);
    const overlap = d.u64();
    const reattach = d.remaining > 0 && d.bool();
    attach(ctx, { poolId, namespace, imageId, snapId, headOverlap: undefined }, overlap, reattach);
  }),
  parent_detach: writes(ctx => detach(ctx, false)),
  child_attach: childAttach,
  child_detach: childDetach,
  children_list: childrenList,
  add_child: addChild,
  remove_child: removeChild,
  get_children: reads((ctx, d) => {
    const children = readKey(ctx, parentKey(d), ids);
    return answer(e => ids.encode(e, children));
  }),
};
