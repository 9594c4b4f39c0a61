import { snapshotNamespace } from './cls-rbd-namespace.ts';
import {
  blob,
  bool,
  type Codec,
  i64,
  list,
  map,
  optional,
  since,
  str,
  struct,
  u8,
  u32,
  u64,
  u64b,
  utime,
  type ValueOf,
} from './codec.ts';

// Object class "rbd" (cls/rbd/cls_rbd_types.h): what its methods take and give, and what it keeps in the omaps of
// rbd_directory, rbd_trash and the like. What it keeps in headers is in cls-rbd-header.ts.

export const RBD_CLASS = 'rbd';

const V1 = { version: 1, compat: 1 };
const NO_POOL: Codec<number> = { ...i64, zero: () => -1 };

/** Which snapshot of which image a clone was made from. */
export const parentImageSpec = struct('cls::rbd::ParentImageSpec', V1, {
  poolId: NO_POOL,
  namespace: str,
  imageId: str,
  snapId: u64b,
});
export type ClsParentImageSpec = ValueOf<typeof parentImageSpec>;

/** A clone (of version 2), as its parent's header names it. */
export const childImageSpec = struct(
  'cls::rbd::ChildImageSpec',
  { version: 2, compat: 1 },
  { poolId: NO_POOL, imageId: str, namespace: since(2, str) },
);
export type ClsChildImageSpec = ValueOf<typeof childImageSpec>;

/** The order of std::set<ChildImageSpec>. */
export function compareChildImages(a: ClsChildImageSpec, b: ClsChildImageSpec): number {
  if (a.poolId !== b.poolId) return a.poolId - b.poolId;
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.imageId === b.imageId ? 0 : a.imageId < b.imageId ? -1 : 1;
}

export const childImageSpecs = list(childImageSpec);

/** Answer of "snapshot_get". `imageSize` in bytes. */
export const snapshotInfo = struct('cls::rbd::SnapshotInfo', V1, {
  id: u64b,
  namespace: snapshotNamespace,
  name: str,
  imageSize: u64,
  timestamp: utime,
  childCount: u32,
});
export type ClsSnapshotInfo = ValueOf<typeof snapshotInfo>;

/** TrashImageSource: who put an image into the trash. */
export const TRASH_IMAGE_SOURCE_USER = 0;
export const TRASH_IMAGE_SOURCE_MIRRORING = 1;
export const TRASH_IMAGE_SOURCE_MIGRATION = 2;
export const TRASH_IMAGE_SOURCE_REMOVING = 3;
export const TRASH_IMAGE_SOURCE_USER_PARENT = 4;

/** TrashImageState. */
export const TRASH_IMAGE_STATE_NORMAL = 0;
export const TRASH_IMAGE_STATE_MOVING = 1;
export const TRASH_IMAGE_STATE_REMOVING = 2;
export const TRASH_IMAGE_STATE_RESTORING = 3;

/** An image in rbd_trash. */
export const trashImageSpec = struct(
  'cls::rbd::TrashImageSpec',
  { version: 2, compat: 1 },
  { source: u8, name: str, deletionTime: utime, defermentEndTime: utime, state: since(2, u8) },
);
export type ClsTrashImageSpec = ValueOf<typeof trashImageSpec>;

/** DirectoryState of rbd_directory: one that goes away takes no more images. */
export const DIRECTORY_STATE_READY = 0;
export const DIRECTORY_STATE_ADD_DISABLED = 1;

/** AssertSnapcSeqState: whether the snap context shall be newer than the object's snap set, or not. */
export const ASSERT_SNAPC_SEQ_GT_SNAPSET_SEQ = 0;
export const ASSERT_SNAPC_SEQ_LE_SNAPSET_SEQ = 1;

/** MirrorMode of a pool. */
export const MIRROR_MODE_DISABLED = 0;
export const MIRROR_MODE_IMAGE = 1;
export const MIRROR_MODE_POOL = 2;

/** MirrorImageState. */
export const MIRROR_IMAGE_STATE_DISABLING = 0;
export const MIRROR_IMAGE_STATE_ENABLED = 1;
export const MIRROR_IMAGE_STATE_DISABLED = 2;
export const MIRROR_IMAGE_STATE_CREATING = 3;

/** Answer of "mirror_image_get". `mode`: 0 journal, 1 snapshot. */
export const mirrorImage = struct(
  'cls::rbd::MirrorImage',
  { version: 2, compat: 1 },
  { globalImageId: str, state: u8, mode: since(2, u8) },
);
export type ClsMirrorImage = ValueOf<typeof mirrorImage>;

/** MigrationHeaderType. */
export const MIGRATION_HEADER_TYPE_SRC = 1;
export const MIGRATION_HEADER_TYPE_DST = 2;

/** Answer of "migration_get": where an image moves to, or comes from. */
export const migrationSpec = struct(
  'cls::rbd::MigrationSpec',
  { version: 3, compat: 1 },
  {
    headerType: u8,
    poolId: NO_POOL,
    poolNamespace: str,
    imageName: str,
    imageId: str,
    snapSeqs: map(u64b, u64b),
    overlap: u64,
    flatten: bool,
    mirroring: bool,
    state: u8,
    stateDescription: str,
    mirrorImageMode: since(2, u8),
    sourceSpec: since(3, str),
  },
);
export type ClsMigrationSpec = ValueOf<typeof migrationSpec>;

/** A group, as its member images name it. */
export const groupSpec = struct('cls::rbd::GroupSpec', V1, { poolId: NO_POOL, groupId: str });
export type ClsGroupSpec = ValueOf<typeof groupSpec>;

export const groupImageSpec = struct('cls::rbd::GroupImageSpec', V1, { imageId: str, poolId: NO_POOL });

/** `state`: 0 attached, 1 incomplete. */
export const groupImageStatus = struct('cls::rbd::GroupImageStatus', V1, { spec: groupImageSpec, state: u8 });

export const imageSnapshotSpec = struct('cls::rbd::ImageSnapshotSpec', V1, {
  poolId: i64,
  imageId: str,
  snapId: u64b,
});

/** `state`: 0 incomplete, 1 complete. */
export const groupSnapshot = struct('cls::rbd::GroupSnapshot', V1, {
  id: str,
  name: str,
  state: u8,
  snaps: list(imageSnapshotSpec),
});

/** map<string, string> of "dir_list"; map<string, bufferlist> of "metadata_list"; map<string, TrashImageSpec>. */
export const imageIdsByName = map(str, str);
export const metadataValues = map(str, str);
export const metadataBlobs = map(str, blob);
export const trashImages = map(str, trashImageSpec);

export const optionalU64 = optional(u64);
