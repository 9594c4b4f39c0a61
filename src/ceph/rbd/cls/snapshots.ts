import { snapshotInfo } from '../../types/cls-rbd.ts';
import {
  type ClsSnapshotNamespace,
  snapshotNamespace,
  USER_NAMESPACE,
} from '../../types/cls-rbd-namespace.ts';
import { decodeU64OrMax, encodeU64OrMax } from '../../types/codec.ts';
import { utimeToMs } from '../../types/utime.ts';
import { reader, writer } from './method.ts';

// Snapshots in the header of format 2.

/** What the header has of a snapshot, but for its flags, protection and parent. */
export interface SnapshotRecord {
  readonly id: bigint;
  readonly name: string;
  readonly namespace: ClsSnapshotNamespace;
  /** Bytes of the image then. */
  readonly imageSize: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** Clones of version 2. */
  readonly childCount: number;
}

/** ENOENT when it is gone. */
export const snapshotGet = reader(
  'snapshot_get',
  (e, snapId: bigint) => e.u64b(snapId),
  (d): SnapshotRecord => {
    const { id, name, namespace, imageSize, timestamp, childCount } = snapshotInfo.decode(d);
    return { id, name, namespace, imageSize, timestamp: utimeToMs(timestamp), childCount };
  },
);

/** ESTALE when a newer id was used already, EEXIST for a name in use, EDQUOT beyond the limit. */
export const snapshotAdd = writer(
  'snapshot_add',
  (e, snapId: bigint, name: string, namespace: ClsSnapshotNamespace = USER_NAMESPACE) => {
    e.str(name);
    e.u64b(snapId);
    snapshotNamespace.encode(e, namespace);
  },
);

/** EBUSY when it is protected or has clones. */
export const snapshotRemove = writer('snapshot_remove', (e, snapId: bigint) => e.u64b(snapId));

/** Only of users' snapshots. EEXIST for a name in use. */
export const snapshotRename = writer('snapshot_rename', (e, snapId: bigint, name: string) => {
  e.u64b(snapId);
  e.str(name);
});

/** Moves a snapshot with clones out of sight; it gets a new, random name. */
export const snapshotTrashAdd = writer('snapshot_trash_add', (e, snapId: bigint) => e.u64b(snapId));

/** RBD_PROTECTION_STATUS_*. */
export const getProtectionStatus = reader(
  'get_protection_status',
  (e, snapId: bigint) => e.u64b(snapId),
  d => d.u8(),
);

export const setProtectionStatus = writer('set_protection_status', (e, snapId: bigint, status: number) => {
  e.u64b(snapId);
  e.u8(status);
});

/** Infinity: no limit. */
export const snapshotGetLimit = reader('snapshot_get_limit', undefined, decodeU64OrMax);

/** Infinity removes it. ERANGE when there are more already. */
export const snapshotSetLimit = writer('snapshot_set_limit', (e, limit: number) => encodeU64OrMax(e, limit));
