import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import type { Codec } from './codec.ts';

// Namespaces of snapshots (cls/rbd/cls_rbd_types.h: SnapshotNamespace).

export const SNAPSHOT_NAMESPACE_TYPE_USER = 0;
export const SNAPSHOT_NAMESPACE_TYPE_GROUP = 1;
export const SNAPSHOT_NAMESPACE_TYPE_TRASH = 2;
export const SNAPSHOT_NAMESPACE_TYPE_MIRROR = 3;
export const SNAPSHOT_NAMESPACE_TYPE_UNKNOWN = 0xffff_ffff;

/** What a snapshot is for: a user, a consistency group, clones that outlive it, mirroring. */
export type ClsSnapshotNamespace =
  | { readonly type: 'user' }
  | {
      readonly type: 'group';
      readonly groupPoolId: number;
      readonly groupId: string;
      readonly groupSnapId: string;
    }
  | { readonly type: 'trash'; readonly originalName: string; readonly originalType: number }
  /** `raw`: what follows the type. */
  | { readonly type: 'mirror'; readonly raw: Buffer }
  /** `raw`: the type's number and what follows. */
  | { readonly type: 'unknown'; readonly raw: Buffer };

export const USER_NAMESPACE: ClsSnapshotNamespace = { type: 'user' };

const NUMBERS = {
  user: SNAPSHOT_NAMESPACE_TYPE_USER,
  group: SNAPSHOT_NAMESPACE_TYPE_GROUP,
  trash: SNAPSHOT_NAMESPACE_TYPE_TRASH,
  mirror: SNAPSHOT_NAMESPACE_TYPE_MIRROR,
  unknown: SNAPSHOT_NAMESPACE_TYPE_UNKNOWN,
} as const;

/** SNAPSHOT_NAMESPACE_TYPE_*. */
export function snapshotNamespaceType(namespace: ClsSnapshotNamespace): number {
  return NUMBERS[namespace.type];
}

export function snapshotNamespacesEqual(a: ClsSnapshotNamespace, b: ClsSnapshotNamespace): boolean {
  if (a.type === 'user') return b.type === 'user';
  if (a.type === 'group')
    return (
      b.type === 'group' &&
      a.groupPoolId === b.groupPoolId &&
      a.groupId === b.groupId &&
      a.groupSnapId === b.groupSnapId
    );
  if (a.type === 'trash')
    return b.type === 'trash' && a.originalName === b.originalName && a.originalType === b.originalType;
  return a.type === b.type && a.raw.equals((b as { raw: Buffer }).raw);
}

/**
 * ENCODE_START(1, 1): u32 type, then by type: nothing; s64 pool, str group, str group's snapshot;
 * str original name, u32 original type; a mirror's state.
 */
function encode(e: Encoder, ns: ClsSnapshotNamespace): void {
  const mark = e.start(1, 1);
  if (ns.type !== 'unknown') e.u32(NUMBERS[ns.type]);
  if (ns.type === 'group') {
    e.i64(ns.groupPoolId);
    e.str(ns.groupId);
    e.str(ns.groupSnapId);
  } else if (ns.type === 'trash') {
    e.str(ns.originalName);
    e.u32(ns.originalType);
  } else if (ns.type !== 'user') e.bytes(ns.raw);
  e.finish(mark);
}

function decode(d: Decoder): ClsSnapshotNamespace {
  const end = d.start('cls::rbd::SnapshotNamespace', 1);
  const from = d.offset;
  const type = d.u32();
  let ns: ClsSnapshotNamespace;
  if (type === SNAPSHOT_NAMESPACE_TYPE_USER) ns = USER_NAMESPACE;
  else if (type === SNAPSHOT_NAMESPACE_TYPE_GROUP)
    ns = { type: 'group', groupPoolId: d.i64(), groupId: d.str(), groupSnapId: d.str() };
  else if (type === SNAPSHOT_NAMESPACE_TYPE_TRASH)
    ns = { type: 'trash', originalName: d.str(), originalType: d.u32() };
  else if (type === SNAPSHOT_NAMESPACE_TYPE_MIRROR)
    ns = { type: 'mirror', raw: Buffer.from(d.bytes(d.remaining)) };
  else {
    d.offset = from;
    ns = { type: 'unknown', raw: Buffer.from(d.bytes(d.remaining)) };
  }
  d.finish(end);
  return ns;
}

export const snapshotNamespace: Codec<ClsSnapshotNamespace> = {
  min: 10,
  zero: () => USER_NAMESPACE,
  encode,
  decode,
};
