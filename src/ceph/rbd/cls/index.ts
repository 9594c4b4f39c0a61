export type {
  ClsChildImageSpec,
  ClsMigrationSpec,
  ClsMirrorImage,
  ClsTrashImageSpec,
} from '../../types/cls-rbd.ts';
export {
  ASSERT_SNAPC_SEQ_GT_SNAPSET_SEQ,
  ASSERT_SNAPC_SEQ_LE_SNAPSET_SEQ,
  DIRECTORY_STATE_ADD_DISABLED,
  DIRECTORY_STATE_READY,
  MIRROR_IMAGE_STATE_DISABLED,
  MIRROR_IMAGE_STATE_ENABLED,
  MIRROR_MODE_DISABLED,
  TRASH_IMAGE_SOURCE_MIGRATION,
  TRASH_IMAGE_SOURCE_MIRRORING,
  TRASH_IMAGE_SOURCE_REMOVING,
  TRASH_IMAGE_SOURCE_USER,
  TRASH_IMAGE_SOURCE_USER_PARENT,
  TRASH_IMAGE_STATE_MOVING,
  TRASH_IMAGE_STATE_NORMAL,
  TRASH_IMAGE_STATE_REMOVING,
  TRASH_IMAGE_STATE_RESTORING,
} from '../../types/cls-rbd.ts';
export { BitVector } from '../../types/cls-rbd-bit-vector.ts';
export { encodeOldHeader, type OldHeader, type OldSnap } from '../../types/cls-rbd-old.ts';
export * from './data.ts';
export * from './detection.ts';
export * from './directory.ts';
export * from './header.ts';
export * as clsLock from './lock.ts';
export * from './metadata.ts';
export type { Reader, Writer } from './method.ts';
export * from './object-map.ts';
export * from './old-format.ts';
export * from './parents.ts';
export * from './snapshots.ts';
export * from './trash.ts';
