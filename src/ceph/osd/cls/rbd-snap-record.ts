import {
  type ClsRbdSnap,
  clsRbdParent,
  clsRbdSnap,
  NO_PARENT,
  parentExists,
  snapshotKey,
} from '../../types/cls-rbd-header.ts';
import { decodeStored, findKey, listKeys, writeKey } from './rbd-support.ts';
import type { ClsContext } from './registry.ts';

// The records of snapshots in an image's header.

/** Oldest first, as before the request. */
export function allSnaps(ctx: ClsContext): ClsRbdSnap[] {
  return [...listKeys(ctx, 'snapshot_').values()].map(value => decodeStored(clsRbdSnap, value));
}

/** Whether the record says that a parent shows through. */
export function hasParent(snap: ClsRbdSnap): boolean {
  return snap.parent.poolId !== -1 || snap.parentOverlap !== undefined;
}

/** A parent that an old record has of its own moves to the header; the record keeps its overlap. */
export function writeSnap(ctx: ClsContext, snap: ClsRbdSnap): void {
  let record = snap;
  if (parentExists(snap.parent)) {
    const inHeader = findKey(ctx, 'parent', clsRbdParent);
    if (inHeader === undefined || !parentExists(inHeader))
      writeKey(ctx, 'parent', clsRbdParent, { ...snap.parent, structV: undefined, headOverlap: undefined });
    record = { ...snap, parentOverlap: snap.parent.headOverlap, parent: NO_PARENT };
  }
  writeKey(ctx, snapshotKey(snap.id), clsRbdSnap, record);
}
