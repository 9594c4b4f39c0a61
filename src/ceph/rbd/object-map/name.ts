import { SNAP_HEAD } from '../../types/snap.ts';
import { RBD_OBJECT_MAP_PREFIX } from '../types.ts';

/** The object that an image's map is in, or that of one of its snapshots. */
export function objectMapName(imageId: string, snapId: bigint = SNAP_HEAD): string {
  const head = RBD_OBJECT_MAP_PREFIX + imageId;
  return snapId === SNAP_HEAD ? head : `${head}.${snapId.toString(16).padStart(16, '0')}`;
}
