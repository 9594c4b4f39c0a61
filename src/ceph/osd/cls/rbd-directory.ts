import type { Decoder } from '../../../base/decoder.ts';
import { DIRECTORY_STATE_ADD_DISABLED, DIRECTORY_STATE_READY, trashImageSpec } from '../../types/cls-rbd.ts';
import { bin, blob, list, map, u8 } from '../../types/codec.ts';
import { EBADF, EBUSY, EEXIST, EINVAL, ENOENT, ESTALE } from '../errors.ts';
import {
  answer,
  check,
  decodeStored,
  fail,
  findKey,
  isValidId,
  listKeys,
  mustExist,
  readData,
  readKey,
  reads,
  writeKey,
  writes,
} from './rbd-support.ts';
import type { ClsContext, ClsMethod } from './registry.ts';

// rbd_id.<name>, rbd_directory, rbd_trash, rbd_namespace and metadata. Names are taken as bytes, one a character.

/** Keys that a read of an omap asks for at a time, and metadata's page when none is given. */
const MAX_KEYS_READ = 64;

const getId = reads(ctx => {
  mustExist(ctx);
  if (ctx.size === 0) fail(ENOENT);
  const id = decodeStored(bin, readData(ctx));
  return answer(e => e.bin(id));
});

const setId = writes((ctx, d) => {
  mustExist(ctx);
  const id = d.bin();
  if (!isValidId(id)) fail(EINVAL);
  if (ctx.size !== 0) fail(EEXIST);
  check(
    ctx.write(
      0,
      answer(e => e.bin(id)),
    ),
  );
});

function addImage(ctx: ClsContext, name: string, id: string, uniqueId: boolean): void {
  if (name === '' || !isValidId(id)) fail(EINVAL);
  if (ctx.omapGet(`name_${name}`) !== ENOENT) fail(EEXIST);
  if (uniqueId && ctx.omapGet(`id_${id}`) !== ENOENT) fail(EBADF);
  const values = new Map([
    [`name_${name}`, answer(e => e.bin(id))],
    [`id_${id}`, answer(e => e.bin(name))],
  ]);
  check(ctx.omapSet(values));
}

function removeImage(ctx: ClsContext, name: string, id: string): void {
  const storedId = readKey(ctx, `name_${name}`, bin);
  const storedName = readKey(ctx, `id_${id}`, bin);
  if (storedName !== name || storedId !== id) fail(ESTALE);
  check(ctx.omapRemove([`name_${name}`]));
  check(ctx.omapRemove([`id_${id}`]));
}

/** str after which, u64 how many at most. */
function page(ctx: ClsContext, d: Decoder, prefix: string, zeroMeans = 0): Map<string, Buffer> {
  const after = d.bin();
  const wanted = Number(d.u64b());
  const max = wanted === 0 ? zeroMeans : wanted;
  const found = new Map<string, Buffer>();
  if (max === 0) return found;
  for (const [key, value] of listKeys(ctx, prefix, after, max)) found.set(key.slice(prefix.length), value);
  return found;
}

const blobs = map(bin, blob);
const names = list(bin);
const ids = map(bin, bin);

const dirStateSet = writes((ctx, d) => {
  const state = d.u8();
  if (state === DIRECTORY_STATE_ADD_DISABLED) {
    mustExist(ctx);
    if (listKeys(ctx, 'name_', '', 1).size > 0) fail(EBUSY);
  } else if (state !== DIRECTORY_STATE_READY) fail(EINVAL);
  writeKey(ctx, 'state', u8, state);
});

const trashAdd = writes((ctx, d) => {
  check(ctx.create(false));
  const id = d.bin();
  const spec = trashImageSpec.decode(d);
  if (!isValidId(id)) fail(EINVAL);
  if (findKey(ctx, `id_${id}`, trashImageSpec) !== undefined) fail(EEXIST);
  writeKey(ctx, `id_${id}`, trashImageSpec, { ...spec, structV: undefined });
});

const trashStateSet = writes((ctx, d) => {
  const key = `id_${d.bin()}`;
  const state = d.u8();
  const expected = d.u8();
  const spec = readKey(ctx, key, trashImageSpec);
  if (spec.state === expected) writeKey(ctx, key, trashImageSpec, { ...spec, structV: undefined, state });
  else if (spec.state !== state) fail(ESTALE);
});

/** Removes an entry that must be there. */
function removeEntry(ctx: ClsContext, key: string): void {
  const value = ctx.omapGet(key);
  if (typeof value === 'number') fail(value);
  check(ctx.omapRemove([key]));
}

const metadataSet = writes((ctx, d) => {
  const values = new Map<string, Buffer>();
  for (const [key, value] of blobs.decode(d)) values.set(`metadata_${key}`, value);
  check(ctx.omapSet(values));
});

export const directoryMethods: Readonly<Record<string, ClsMethod>> = {
  get_id: getId,
  set_id: setId,
  dir_get_id: reads((ctx, d) => {
    const id = readKey(ctx, `name_${d.bin()}`, bin);
    return answer(e => e.bin(id));
  }),
  dir_get_name: reads((ctx, d) => {
    const name = readKey(ctx, `id_${d.bin()}`, bin);
    return answer(e => e.bin(name));
  }),
  dir_list: reads((ctx, d) => {
    const images = new Map<string, string>();
    for (const [name, value] of page(ctx, d, 'name_')) images.set(name, decodeStored(bin, value));
    return answer(e => ids.encode(e, images));
  }),
  dir_add_image: writes((ctx, d) => {
    check(ctx.create(false));
    addImage(ctx, d.bin(), d.bin(), true);
  }),
  dir_remove_image: writes((ctx, d) => removeImage(ctx, d.bin(), d.bin())),
  dir_rename_image: writes((ctx, d) => {
    const from = d.bin();
    const to = d.bin();
    const id = d.bin();
    removeImage(ctx, from, id);
    // That the id is free is not visible yet.
    addImage(ctx, to, id, false);
  }),
  dir_state_assert: reads((ctx, d) => {
    if (d.u8() !== readKey(ctx, 'state', u8)) fail(ENOENT);
    return Buffer.alloc(0);
  }),
  dir_state_set: dirStateSet,
  trash_add: trashAdd,
  trash_remove: writes((ctx, d) => removeEntry(ctx, `id_${d.bin()}`)),
  trash_get: reads((ctx, d) => {
    const value = ctx.omapGet(`id_${d.bin()}`);
    return typeof value === 'number' ? fail(value) : value;
  }),
  trash_list: reads((ctx, d) => {
    const images = page(ctx, d, 'id_');
    for (const value of images.values()) decodeStored(trashImageSpec, value);
    return answer(e => {
      e.u32(images.size);
      for (const [id, spec] of images) {
        e.bin(id);
        e.bytes(spec);
      }
    });
  }),
  trash_state_set: trashStateSet,
  namespace_add: writes((ctx, d) => {
    const key = `name_${d.bin()}`;
    const value = ctx.omapGet(key);
    if (value !== ENOENT) fail(typeof value === 'number' ? value : EEXIST);
    check(ctx.omapSet(new Map([[key, Buffer.alloc(0)]])));
  }),
  namespace_remove: writes((ctx, d) => removeEntry(ctx, `name_${d.bin()}`)),
  namespace_list: reads((ctx, d) => {
    const found = [...page(ctx, d, 'name_').keys()];
    return answer(e => names.encode(e, found));
  }),
  metadata_list: reads((ctx, d) => {
    const found = page(ctx, d, 'metadata_', MAX_KEYS_READ);
    return answer(e => blobs.encode(e, found));
  }),
  metadata_get: reads((ctx, d) => {
    const value = ctx.omapGet(`metadata_${d.bin()}`);
    return typeof value === 'number' ? fail(value) : answer(e => e.blob(value));
  }),
  metadata_set: metadataSet,
  metadata_remove: writes((ctx, d) => check(ctx.omapRemove([`metadata_${d.bin()}`]))),
};
