import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { type ClsSnapshotNamespace, snapshotNamespace, USER_NAMESPACE } from './cls-rbd-namespace.ts';
import type { Codec } from './codec.ts';
import { SNAP_NOSNAP } from './snap.ts';
import { decodeUTime, encodeUTime, UTIME_ZERO, type UTime } from './utime.ts';

// What an image's header keeps in its omap (cls/rbd/cls_rbd.h).

/** cls_rbd_parent. None: poolId -1. */
export interface ClsRbdParent {
  readonly poolId: number;
  readonly namespace: string;
  readonly imageId: string;
  readonly snapId: bigint;
  /** Bytes of the head that the parent shows through; undefined when only snapshots still hang on it. */
  readonly headOverlap: number | undefined;
  /** Version of the encoding when it is not 2. */
  readonly structV?: number;
}

export const NO_PARENT: ClsRbdParent = {
  poolId: -1,
  namespace: '',
  imageId: '',
  snapId: SNAP_NOSNAP,
  headOverlap: undefined,
};

export function parentExists(p: ClsRbdParent): boolean {
  return p.snapId !== SNAP_NOSNAP && p.poolId >= 0 && p.imageId !== '';
}

function encodeOptional(e: Encoder, value: number | undefined): void {
  e.bool(value !== undefined);
  if (value !== undefined) e.u64(value);
}

const decodeOptional = (d: Decoder): number | undefined => (d.bool() ? d.u64() : undefined);

/**
 * Version 2 (since nautilus, unreadable to older ones): s64 pool, str namespace, str image id, u64 snap id,
 * optional<u64> overlap. Version 1: s64 pool, str image id, u64 snap id, u64 overlap.
 */
function encodeParent(e: Encoder, p: ClsRbdParent): void {
  const v = p.structV === 1 ? 1 : 2;
  const mark = e.start(v, v);
  e.i64(p.poolId);
  if (v >= 2) e.str(p.namespace);
  e.str(p.imageId);
  e.u64b(p.snapId);
  if (v === 1) e.u64(p.headOverlap ?? 0);
  else encodeOptional(e, p.headOverlap);
  e.finish(mark);
}

function decodeParent(d: Decoder): ClsRbdParent {
  const end = d.start('cls_rbd_parent', 2);
  const v = d.structV;
  const poolId = d.i64();
  const namespace = v >= 2 ? d.str() : '';
  const imageId = d.str();
  const snapId = d.u64b();
  const headOverlap = v >= 2 ? decodeOptional(d) : d.u64();
  d.finish(end);
  const parent = { poolId, namespace, imageId, snapId, headOverlap };
  return v === 1 ? { ...parent, structV: 1 } : parent;
}

export const clsRbdParent: Codec<ClsRbdParent> = {
  min: 6,
  zero: () => NO_PARENT,
  encode: encodeParent,
  decode: decodeParent,
};

/** cls_rbd_snap: the omap's snapshot_<id, 16 hexadecimal digits>. */
export interface ClsRbdSnap {
  readonly id: bigint;
  readonly name: string;
  /** Bytes of the image then. */
  readonly imageSize: number;
  /** RBD_PROTECTION_STATUS_*. */
  readonly protectionStatus: number;
  /** Only in what was written before nautilus; since then the header has it once for all, and this is NO_PARENT. */
  readonly parent: ClsRbdParent;
  /** RBD_FLAG_*. */
  readonly flags: bigint;
  readonly namespace: ClsSnapshotNamespace;
  readonly timestamp: UTime;
  /** Clones of version 2. */
  readonly childCount: number;
  /** Bytes that the header's parent shows through at this snapshot. */
  readonly parentOverlap: number | undefined;
}

export const emptySnap: ClsRbdSnap = {
  id: SNAP_NOSNAP,
  name: '',
  imageSize: 0,
  protectionStatus: 0,
  parent: NO_PARENT,
  flags: 0n,
  namespace: USER_NAMESPACE,
  timestamp: UTIME_ZERO,
  childCount: 0,
  parentOverlap: undefined,
};

/**
 * Version 8, compat 8: u64 id, str name, u64 size, u8 protection, u64 flags, namespace, utime, u32 children,
 * optional<u64> overlap. With a compat below 8 there are u64 features (unused) after the size and, since version
 * 2, a cls_rbd_parent after those; protection came with version 3, flags 4, namespace 5, time 6, children 7,
 * overlap 8.
 */
function encodeSnap(e: Encoder, s: ClsRbdSnap): void {
  const mark = e.start(8, 8);
  e.u64b(s.id);
  e.str(s.name);
  e.u64(s.imageSize);
  e.u8(s.protectionStatus);
  e.u64b(s.flags);
  snapshotNamespace.encode(e, s.namespace);
  encodeUTime(e, s.timestamp);
  e.u32(s.childCount);
  encodeOptional(e, s.parentOverlap);
  e.finish(mark);
}

function decodeSnap(d: Decoder): ClsRbdSnap {
  const compat = d.remaining >= 2 ? d.buf[d.offset + 1] : 0;
  const end = d.start('cls_rbd_snap', 8);
  const v = d.structV;
  const id = d.u64b();
  const name = d.str();
  const imageSize = d.u64();
  if (compat < 8) d.skip(8);
  const parent = v >= 2 && compat < 8 ? decodeParent(d) : NO_PARENT;
  const protectionStatus = v >= 3 ? d.u8() : 0;
  const flags = v >= 4 ? d.u64b() : 0n;
  const namespace = v >= 5 ? snapshotNamespace.decode(d) : USER_NAMESPACE;
  const timestamp = v >= 6 ? decodeUTime(d) : UTIME_ZERO;
  const childCount = v >= 7 ? d.u32() : 0;
  const parentOverlap = v >= 8 ? decodeOptional(d) : undefined;
  d.finish(end);
  return {
    id,
    name,
    imageSize,
    protectionStatus,
    parent,
    flags,
    namespace,
    timestamp,
    childCount,
    parentOverlap,
  };
}

export const clsRbdSnap: Codec<ClsRbdSnap> = {
  min: 6,
  zero: () => emptySnap,
  encode: encodeSnap,
  decode: decodeSnap,
};

const hex16 = (snapId: bigint): string => snapId.toString(16).padStart(16, '0');

/** Key of a snapshot in the header's omap. */
export const snapshotKey = (snapId: bigint): string => `snapshot_${hex16(snapId)}`;
/** Key of a snapshot's clones. */
export const snapChildrenKey = (snapId: bigint): string => `snap_children_${hex16(snapId)}`;
