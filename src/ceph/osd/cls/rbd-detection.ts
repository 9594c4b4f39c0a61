import { groupSpec, migrationSpec, mirrorImage } from '../../types/cls-rbd.ts';
import { bin, map, u32, u64b } from '../../types/codec.ts';
import { EINVAL } from '../errors.ts';
import { answer, decodeStored, fail, findKey, listKeys, readKey, reads } from './rbd-support.ts';
import type { ClsMethod } from './registry.ts';

// Groups, mirroring and migration: what clients ask to learn that an image or a pool has nothing to do with them.
// The methods that set these up are not there.

const FEATURE_MIGRATING = 1n << 9n;

const imageGroupGet = reads(ctx => {
  const group = findKey(ctx, 'rbd_group_ref', groupSpec) ?? { poolId: -1, groupId: '' };
  return answer(e => groupSpec.encode(e, group));
});

const migrationGet = reads(ctx => {
  if ((readKey(ctx, 'features', u64b) & FEATURE_MIGRATING) === 0n) fail(EINVAL);
  const spec = readKey(ctx, 'migration', migrationSpec);
  return answer(e => migrationSpec.encode(e, spec));
});

const idsByName = map(bin, bin);

const groupDirList = reads((ctx, d) => {
  const after = d.bin();
  const max = Number(d.u64b());
  const groups = new Map<string, string>();
  for (const [key, value] of listKeys(ctx, 'name_', after, max))
    groups.set(key.slice('name_'.length), decodeStored(bin, value));
  return answer(e => idsByName.encode(e, groups));
});

export const detectionMethods: Readonly<Record<string, ClsMethod>> = {
  image_group_get: imageGroupGet,
  migration_get: migrationGet,
  group_dir_list: groupDirList,
  mirror_mode_get: reads(ctx => {
    const mode = readKey(ctx, 'mirror_mode', u32);
    return answer(e => e.u32(mode));
  }),
  mirror_uuid_get: reads(ctx => {
    const uuid = ctx.omapGet('mirror_uuid');
    return typeof uuid === 'number' ? fail(uuid) : answer(e => e.blob(uuid));
  }),
  mirror_image_get: reads((ctx, d) => {
    const image = readKey(ctx, `image_${d.bin()}`, mirrorImage);
    return answer(e => mirrorImage.encode(e, image));
  }),
};
