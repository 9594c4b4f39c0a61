import { type BitVector, decodeBitVector, encodeBitVector } from '../../types/cls-rbd-bit-vector.ts';
import { reader, writer } from './method.ts';

// rbd_object_map.<id>, and .<snapshot, 16 hexadecimal digits> for each snapshot.

/** The vector is a view of the answer: `clone` it to keep it. EINVAL when the stored one is damaged. */
export const objectMapLoad = reader('object_map_load', undefined, decodeBitVector);

export const objectMapSave = writer('object_map_save', (e, map: BitVector) => encodeBitVector(e, map));

/** ESTALE when objects that are cut off are not in that state. */
export const objectMapResize = writer('object_map_resize', (e, objects: number, state: number) => {
  e.u64(objects);
  e.u8(state);
});

/**
 * Sets objects [start, end) that are in state `current`, or all when that is undefined; OBJECT_EXISTS as current
 * also means OBJECT_EXISTS_CLEAN. ERANGE beyond the map.
 */
export const objectMapUpdate = writer(
  'object_map_update',
  (e, start: number, end: number, state: number, current?: number) => {
    e.u64(start);
    e.u64(end);
    e.u8(state);
    e.bool(current !== undefined);
    if (current !== undefined) e.u8(current);
  },
);

/** Marks what exists as clean. */
export const objectMapSnapAdd = writer('object_map_snap_add');

/** Marks as not clean what the removed snapshot's map has as changed. */
export const objectMapSnapRemove = writer('object_map_snap_remove', (e, map: BitVector) =>
  encodeBitVector(e, map),
);
