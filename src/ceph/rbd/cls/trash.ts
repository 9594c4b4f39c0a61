import type { IoCtx } from '../../rados/ioctx.ts';
import { type ClsTrashImageSpec, trashImageSpec, trashImages } from '../../types/cls-rbd.ts';
import { allPages, PAGE, reader, writer } from './method.ts';

// rbd_trash: images that wait to be removed, by id.

/** EEXIST. */
export const trashAdd = writer('trash_add', (e, id: string, spec: ClsTrashImageSpec) => {
  e.str(id);
  trashImageSpec.encode(e, spec);
});

export const trashRemove = writer('trash_remove', (e, id: string) => e.str(id));

export const trashGet = reader('trash_get', (e, id: string) => e.str(id), trashImageSpec.decode);

export const trashList = reader(
  'trash_list',
  (e, after: string = '', max: number = PAGE) => {
    e.str(after);
    e.u64(max);
  },
  trashImages.decode,
);

export function trashListAll(io: IoCtx, oid: string): Promise<Map<string, ClsTrashImageSpec>> {
  return allPages(after => trashList(io, oid, after));
}

/** TRASH_IMAGE_STATE_*. ESTALE when it is neither in the expected state nor in the new one. */
export const trashStateSet = writer('trash_state_set', (e, id: string, state: number, expected: number) => {
  e.str(id);
  e.u8(state);
  e.u8(expected);
});
