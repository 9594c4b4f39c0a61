import { encodeToBuffer } from '../../../base/encoder.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import type { Operation } from '../../rados/operation.ts';
import { imageIdsByName, RBD_CLASS } from '../../types/cls-rbd.ts';
import { decodeList, decStr } from '../../types/collections.ts';
import { allPages, PAGE, reader, writer } from './method.ts';

// rbd_id.<name>, rbd_directory and rbd_namespace.

/** In 'rbd_id.<name>'. */
export const getId = reader('get_id', undefined, d => d.str());

/** The object must be there and empty (ENOENT, EEXIST). */
export const setId = writer('set_id', (e, id: string) => e.str(id));

export const dirGetId = reader(
  'dir_get_id',
  (e, name: string) => e.str(name),
  d => d.str(),
);

export const dirGetName = reader(
  'dir_get_name',
  (e, id: string) => e.str(id),
  d => d.str(),
);

/** Ids by name, in the order of names. */
export const dirList = reader(
  'dir_list',
  (e, after: string = '', max: number = PAGE) => {
    e.str(after);
    e.u64(max);
  },
  imageIdsByName.decode,
);

export function dirListAll(io: IoCtx, oid: string): Promise<Map<string, string>> {
  return allPages(after => dirList(io, oid, after));
}

/** EEXIST for the name, EBADF for the id. */
export const dirAddImage = writer('dir_add_image', (e, name: string, id: string) => {
  e.str(name);
  e.str(id);
});

/** ESTALE when they do not belong together. */
export const dirRemoveImage = writer('dir_remove_image', (e, name: string, id: string) => {
  e.str(name);
  e.str(id);
});

export const dirRenameImage = writer('dir_rename_image', (e, from: string, to: string, id: string) => {
  e.str(from);
  e.str(to);
  e.str(id);
});

/** DIRECTORY_STATE_*: the operation fails with ENOENT when it is another. */
export function dirStateAssert<O extends Operation>(op: O, state: number): O {
  op.exec(
    RBD_CLASS,
    'dir_state_assert',
    encodeToBuffer(e => e.u8(state)),
  );
  return op;
}

/** EBUSY when images are there and none may be added any more. */
export const dirStateSet = writer('dir_state_set', (e, state: number) => e.u8(state));

export const namespaceAdd = writer('namespace_add', (e, name: string) => e.str(name));
export const namespaceRemove = writer('namespace_remove', (e, name: string) => e.str(name));

export const namespaceList = reader(
  'namespace_list',
  (e, after: string = '', max: number = PAGE) => {
    e.str(after);
    e.u64(max);
  },
  d => decodeList(d, 4, decStr),
);

export async function namespaceListAll(io: IoCtx, oid: string): Promise<string[]> {
  const page = async (after: string): Promise<Map<string, true>> =>
    new Map((await namespaceList(io, oid, after)).map(name => [name, true]));
  return [...(await allPages(page)).keys()];
}
