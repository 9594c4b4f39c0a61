import { dataMethods } from './rbd-data.ts';
import { detectionMethods } from './rbd-detection.ts';
import { directoryMethods } from './rbd-directory.ts';
import { headerMethods } from './rbd-header.ts';
import { objectMapMethods } from './rbd-object-map.ts';
import { oldFormatMethods } from './rbd-old.ts';
import { parentMethods } from './rbd-parents.ts';
import { snapshotMethods } from './rbd-snapshots.ts';
import type { ClassRegistry } from './registry.ts';

/** Class "rbd" (cls/rbd/cls_rbd.cc): block device images. */
export function registerRbd(classes: ClassRegistry): void {
  classes.register('rbd', headerMethods);
  classes.register('rbd', snapshotMethods);
  classes.register('rbd', parentMethods);
  classes.register('rbd', directoryMethods);
  classes.register('rbd', objectMapMethods);
  classes.register('rbd', dataMethods);
  classes.register('rbd', oldFormatMethods);
  classes.register('rbd', detectionMethods);
}
