import { Decoder } from '../../../base/decoder.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { OldSnap } from '../../types/cls-rbd-old.ts';
import { decodeOldHeader, type OldHeader } from '../../types/cls-rbd-old.ts';
import { reader, writer } from './method.ts';

// Headers of format 1, '<name>.rbd', which is data that clients read themselves; only snapshots go through the class.

export async function readOldHeader(io: IoCtx, oid: string): Promise<OldHeader> {
  return decodeOldHeader(new Decoder(await io.read(oid), 'rbd_obj_header_ondisk'));
}

/** Newest first. */
export const oldSnapshotList = reader(
  'snap_list',
  undefined,
  (d): { readonly snapSeq: bigint; readonly snaps: readonly OldSnap[] } => {
    const snapSeq = d.u64b();
    const snaps: OldSnap[] = [];
    for (let n = d.count(20); n > 0; n--) snaps.push({ id: d.u64b(), imageSize: d.u64(), name: d.str() });
    return { snapSeq, snaps };
  },
);

/** ESTALE, EEXIST, EDQUOT as for format 2. */
export const oldSnapshotAdd = writer('snap_add', (e, snapId: bigint, name: string) => {
  e.str(name);
  e.u64b(snapId);
});

export const oldSnapshotRemove = writer('snap_remove', (e, name: string) => e.str(name));

export const oldSnapshotRename = writer('snap_rename', (e, snapId: bigint, name: string) => {
  e.u64b(snapId);
  e.str(name);
});
