import {
  f64,
  i32,
  i64,
  list,
  map,
  pair,
  since,
  struct,
  u32,
  unusedSince,
  utime,
  uuid,
  type ValueOf,
} from './codec.ts';
import { compatSet } from './compat-set.ts';

/** OSDSuperblock (osd/osd_types.h): who an OSD is, kept in its store. */
export const osdSuperblock = struct(
  'OSDSuperblock',
  { version: 10, known: 11, compat: 5, legacy: [5, 5], oldest: 5 },
  {
    clusterFsid: uuid,
    whoami: i32,
    currentEpoch: u32,
    /** Epochs of the maps that it has; 0 since version 11, see `maps`. */
    oldestMap: u32,
    newestMap: u32,
    weight: f64,
    compatFeatures: compatSet,
    cleanThru: u32,
    mounted: u32,
    osdFsid: uuid,
    lastMapMarkedFull: unusedSince(6, u32),
    poolLastMapMarkedFull: unusedSince(7, map(i64, u32)),
    purgedSnapsLast: since(9, u32),
    lastPurgedSnapsScrub: since(9, utime),
    clusterOsdmapTrimLowerBound: since(10, u32),
    /** (first epoch, how many). */
    maps: since(11, list(pair(u32, u32))),
  },
);
export type OsdSuperblock = ValueOf<typeof osdSuperblock>;
