import { groupSpec, migrationSpec, mirrorImage } from '../../types/cls-rbd.ts';
import { RBD_OLD_MIGRATE_TEXT, RBD_OLD_TEXT } from '../../types/cls-rbd-old.ts';
import { bin, map, u32, u64b } from '../../types/codec.ts';
import { EINVAL, ENXIO } from '../errors.ts';
import { answer, decodeStored, fail, findKey, listKeys, readData, readKey, reads } from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

// Groups, mirroring and migration: what clients ask to learn that an image or a pool has nothing to do with them.
// The methods that set these up are not there.

const FEATURE_MIGRATING = 1n << 9n;

const imageGroupGet = reads(ctx => {
  const group = findKey(ctx, 'rbd_group_ref', groupSpec) ?? { poolId: -1, groupId: '' };
  return answer(e => groupSpec.encode(e, group));
});

/** Whether an image of format 1 migrates, which its text says. ENXIO when it is none. */
function oldMigrates(ctx: ClsContext): boolean {
  const text = readData(ctx, 0, RBD_OLD_TEXT.length + 1).toString('latin1');
  if (text === `${RBD_OLD_MIGRATE_TEXT}\0`) return true;
  return text === `${RBD_OLD_TEXT}\0` ? false : fail(ENXIO);
}

const migrationGet = reads(ctx => {
  const features = findKey(ctx, 'features', u64b);
  const migrates = features === undefined ? oldMigrates(ctx) : (features & FEATURE_MIGRATING) !== 0n;
  if (!migrates) fail(EINVAL);
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
  mirror_peer_list: reads(ctx => {
    const peers = listKeys(ctx, 'mirror_peer_');
    return answer(e => {
      e.u32(peers.size);
      for (const peer of peers.values()) e.bytes(peer);
    });
  }),
  mirror_image_get: reads((ctx, d) => {
    const image = readKey(ctx, `image_${d.bin()}`, mirrorImage);
    return answer(e => mirrorImage.encode(e, image));
  }),
};
