import type { Encoder } from '../../../base/encoder.ts';
import {
  type ClsChildImageSpec,
  childImageSpec,
  childImageSpecs,
  optionalU64,
  parentImageSpec,
} from '../../types/cls-rbd.ts';
import { decodeList, decStr } from '../../types/collections.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import type { ParentImageInfo, ParentImageSpec } from '../types.ts';
import { reader, writer } from './method.ts';

// Clones: the child's header names its parent; the parent's header (clones of version 2) or the pool's
// rbd_children (version 1) names the children.

/** Undefined when the image, snapshots included, has no parent. */
export const parentGet = reader('parent_get', undefined, (d): ParentImageSpec | undefined => {
  const { poolId, namespace, imageId, snapId } = parentImageSpec.decode(d);
  return poolId < 0 ? undefined : { poolId, namespace, imageId, snapId };
});

/** Bytes that the parent shows through; undefined when it does not. */
export const parentOverlapGet = reader(
  'parent_overlap_get',
  (e, snapId: bigint = SNAP_HEAD) => e.u64b(snapId),
  optionalU64.decode,
);

/** `overlap`: bytes of the parent's snapshot. EEXIST when there is a parent and it is not attached again. */
export const parentAttach = writer(
  'parent_attach',
  (e, parent: ParentImageSpec, overlap: number, reattach: boolean = false) => {
    parentImageSpec.encode(e, parent);
    e.u64(overlap);
    e.bool(reattach);
  },
);

/** ENOENT without a parent. Snapshots keep theirs unless the image has deep flatten. */
export const parentDetach = writer('parent_detach');

/** As before octopus, without namespaces (EXDEV when there is one). */
export const getParent = reader(
  'get_parent',
  (e, snapId: bigint = SNAP_HEAD) => e.u64b(snapId),
  (d): ParentImageInfo | undefined => {
    const poolId = d.i64();
    const imageId = d.str();
    const snapId = d.u64b();
    const overlap = d.u64();
    return poolId < 0 ? undefined : { poolId, namespace: '', imageId, snapId, overlap };
  },
);

export const setParent = writer(
  'set_parent',
  (e, poolId: number, imageId: string, snapId: bigint, overlap: number) => {
    e.i64(poolId);
    e.str(imageId);
    e.u64b(snapId);
    e.u64(overlap);
  },
);

export const removeParent = writer('remove_parent');

/** In the parent's header. EEXIST when it is a child already. */
export const childAttach = writer('child_attach', (e, snapId: bigint, child: ClsChildImageSpec) => {
  e.u64b(snapId);
  childImageSpec.encode(e, child);
});

export const childDetach = writer('child_detach', (e, snapId: bigint, child: ClsChildImageSpec) => {
  e.u64b(snapId);
  childImageSpec.encode(e, child);
});

/** ENOENT when there are none. */
export const childrenList = reader(
  'children_list',
  (e, snapId: bigint) => e.u64b(snapId),
  childImageSpecs.decode,
);

function putSpec(e: Encoder, parent: ParentImageSpec): void {
  e.i64(parent.poolId);
  e.str(parent.imageId);
  e.u64b(parent.snapId);
}

/** In the child's pool's rbd_children. EEXIST. */
export const addChild = writer('add_child', (e, parent: ParentImageSpec, childId: string) => {
  putSpec(e, parent);
  e.str(childId);
});

export const removeChild = writer('remove_child', (e, parent: ParentImageSpec, childId: string) => {
  putSpec(e, parent);
  e.str(childId);
});

/** Image ids. ENOENT when there are none. */
export const getChildren = reader(
  'get_children',
  (e, parent: ParentImageSpec) => putSpec(e, parent),
  d => decodeList(d, 4, decStr),
);
