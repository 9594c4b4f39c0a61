import {
  childImageSpec,
  groupImageSpec,
  groupImageStatus,
  groupSnapshot,
  groupSpec,
  imageSnapshotSpec,
  migrationSpec,
  parentImageSpec,
  snapshotInfo,
} from '../../../src/ceph/types/cls-rbd.ts';
import { clsRbdParent, clsRbdSnap } from '../../../src/ceph/types/cls-rbd-header.ts';
import { snapshotNamespace } from '../../../src/ceph/types/cls-rbd-namespace.ts';
import { entry, type Registry } from '../registry-entry.ts';

const MIGRATION = 'one with a source spec needs a reader of version 3; we write compat 1';

export const registry: Registry = {
  'cls::rbd::ParentImageSpec': entry(parentImageSpec),
  'cls::rbd::ChildImageSpec': entry(childImageSpec),
  'cls::rbd::SnapshotNamespace': entry(snapshotNamespace),
  'cls::rbd::SnapshotInfo': entry(snapshotInfo),
  'cls::rbd::MigrationSpec': entry(migrationSpec, { 16: MIGRATION, 18: MIGRATION, 19: MIGRATION }),
  'cls::rbd::GroupSpec': entry(groupSpec),
  'cls::rbd::GroupImageSpec': entry(groupImageSpec),
  'cls::rbd::GroupImageStatus': entry(groupImageStatus),
  'cls::rbd::GroupSnapshot': entry(groupSnapshot),
  'cls::rbd::ImageSnapshotSpec': entry(imageSnapshotSpec),
  cls_rbd_parent: entry(clsRbdParent),
  cls_rbd_snap: entry(clsRbdSnap),
};
