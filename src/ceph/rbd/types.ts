import type { SnapContext } from '../types/snap.ts';

// Constants of rbd (include/rbd/features.h, include/rbd_types.h, cls/rbd/cls_rbd_types.h).

export const RBD_FEATURE_LAYERING = 1n << 0n;
export const RBD_FEATURE_STRIPINGV2 = 1n << 1n;
export const RBD_FEATURE_EXCLUSIVE_LOCK = 1n << 2n;
export const RBD_FEATURE_OBJECT_MAP = 1n << 3n;
export const RBD_FEATURE_FAST_DIFF = 1n << 4n;
export const RBD_FEATURE_DEEP_FLATTEN = 1n << 5n;
export const RBD_FEATURE_JOURNALING = 1n << 6n;
export const RBD_FEATURE_DATA_POOL = 1n << 7n;
export const RBD_FEATURE_OPERATIONS = 1n << 8n;
export const RBD_FEATURE_MIGRATING = 1n << 9n;
export const RBD_FEATURE_NON_PRIMARY = 1n << 10n;
export const RBD_FEATURE_DIRTY_CACHE = 1n << 11n;

/** Bits of `ImageCtx.opFeatures`. */
export const RBD_OPERATION_FEATURE_CLONE_PARENT = 1n << 0n;
export const RBD_OPERATION_FEATURE_CLONE_CHILD = 1n << 1n;
export const RBD_OPERATION_FEATURE_GROUP = 1n << 2n;
export const RBD_OPERATION_FEATURE_SNAP_TRASH = 1n << 3n;

/** Bits of an image's or a snapshot's flags. */
export const RBD_FLAG_OBJECT_MAP_INVALID = 1n << 0n;
export const RBD_FLAG_FAST_DIFF_INVALID = 1n << 1n;

/** States in an object map, two bits an object. */
export const OBJECT_NONEXISTENT = 0;
export const OBJECT_EXISTS = 1;
export const OBJECT_PENDING = 2;
export const OBJECT_EXISTS_CLEAN = 3;

export const RBD_PROTECTION_STATUS_UNPROTECTED = 0;
export const RBD_PROTECTION_STATUS_UNPROTECTING = 1;
export const RBD_PROTECTION_STATUS_PROTECTED = 2;

// Names of objects.
export const RBD_DIRECTORY = 'rbd_directory';
export const RBD_CHILDREN = 'rbd_children';
export const RBD_TRASH = 'rbd_trash';
export const RBD_NAMESPACE = 'rbd_namespace';
export const RBD_INFO = 'rbd_info';
export const RBD_ID_PREFIX = 'rbd_id.';
export const RBD_HEADER_PREFIX = 'rbd_header.';
export const RBD_DATA_PREFIX = 'rbd_data.';
export const RBD_OBJECT_MAP_PREFIX = 'rbd_object_map.';
export const RBD_OLD_SUFFIX = '.rbd';

/** The lock on the header that an exclusive-lock owner and `rbd lock` take. */
export const RBD_LOCK_NAME = 'rbd_lock';

/** Which snapshot of which image a clone was made from. */
export interface ParentImageSpec {
  readonly poolId: number;
  readonly namespace: string;
  readonly imageId: string;
  readonly snapId: bigint;
}

/** A parent as seen from one snapshot of the child, or from its head. */
export interface ParentImageInfo extends ParentImageSpec {
  /** Bytes from the start of the child that the parent still shows through. */
  readonly overlap: number;
}

/** User's snapshot, one of a group, one that waits in the trash for its clones to go, or a mirror's. */
export type SnapshotNamespace =
  | { readonly type: 'user' }
  | {
      readonly type: 'group';
      readonly groupPoolId: number;
      readonly groupId: string;
      readonly groupSnapId: string;
    }
  | { readonly type: 'trash'; readonly originalName: string; readonly originalType: number }
  | { readonly type: 'mirror'; readonly raw: Buffer }
  | { readonly type: 'unknown'; readonly raw: Buffer };

/** A snapshot, as the image's header tells of it. */
export interface SnapInfo {
  readonly id: bigint;
  readonly name: string;
  readonly namespace: SnapshotNamespace;
  /** Size of the image then, bytes. */
  readonly size: number;
  readonly parent: ParentImageInfo | undefined;
  /** RBD_PROTECTION_STATUS_*. */
  readonly protection: number;
  /** RBD_FLAG_*. */
  readonly flags: bigint;
  /** Milliseconds since the epoch; 0 when not known (format 1). */
  readonly timestamp: number;
  /** Clones of version 2 that hang on it. */
  readonly childCount: number;
}

/** What an object's data is striped by (file_layout_t). */
export interface StripeLayout {
  /** Bytes of an object: 2^order. */
  readonly objectSize: number;
  /** Bytes that go to one object before the next has its turn. */
  readonly stripeUnit: number;
  /** Objects in one turn. */
  readonly stripeCount: number;
}

/** What a refresh of the header found: everything that can change while the image is open. */
export interface HeaderState {
  /** Size of the head, bytes. */
  readonly size: number;
  readonly features: bigint;
  readonly incompatibleFeatures: bigint;
  /** RBD_OPERATION_FEATURE_*. */
  readonly opFeatures: bigint;
  /** RBD_FLAG_* of the head. */
  readonly flags: bigint;
  readonly snapc: SnapContext;
  /** Newest first, as in the snap context. */
  readonly snaps: readonly SnapInfo[];
  readonly parent: ParentImageInfo | undefined;
  /** Milliseconds since the epoch; 0 when the header has none. */
  readonly createTimestamp: number;
  readonly accessTimestamp: number;
  readonly modifyTimestamp: number;
  /** The group that the image is a member of. */
  readonly group: { readonly poolId: number; readonly groupId: string } | undefined;
}

/** How far long work has come: `done` of `total` (objects, or bytes where the caller says so). */
export type Progress = (done: number, total: number) => void;
