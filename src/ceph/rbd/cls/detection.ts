import { type ClsGroupSpec, groupSpec, migrationSpec, mirrorImage } from '../../types/cls-rbd.ts';
import { reader } from './method.ts';

// What tells that an image has to do with groups, migration or mirroring.

/** In the header. Undefined when it is in no group. */
export const imageGroupGet = reader('image_group_get', undefined, (d): ClsGroupSpec | undefined => {
  const group = groupSpec.decode(d);
  return group.groupId === '' || group.poolId === -1 ? undefined : group;
});

/** In the header. EINVAL when it does not migrate. */
export const migrationGet = reader('migration_get', undefined, migrationSpec.decode);

/** MIRROR_MODE_*, in rbd_mirroring. ENOENT when mirroring was never on. */
export const mirrorModeGet = reader('mirror_mode_get', undefined, d => d.u32());

/** In rbd_mirroring, by image id. ENOENT when the image is not mirrored. */
export const mirrorImageGet = reader(
  'mirror_image_get',
  (e, imageId: string) => e.str(imageId),
  mirrorImage.decode,
);
