import { SNAP_HEAD } from '../../types/snap.ts';
import { RBD_OBJECT_MAP_PREFIX } from '../types.ts';

/** The object that has the map of an image's head, or of a snapshot. */
export function objectMapName(imageId: string, snapId: bigint = SNAP_HEAD): string {
  const head = RBD_OBJECT_MAP_PREFIX + imageId;
  return snapId === SNAP_HEAD ? head : `${head}.${snapId.toString(16).padStart(16, '0')}`;
}
