import { NacreError } from '../../../base/errors.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { dirGetName, getId, trashGet } from '../cls/index.ts';
import { RBD_DIRECTORY, RBD_ID_PREFIX, RBD_OLD_SUFFIX, RBD_TRASH } from '../types.ts';

/** How an image is found: format 2 by its id, format 1 by its name. */
export interface FoundImage {
  readonly format: 1 | 2;
  readonly name: string;
  /** '' for format 1. */
  readonly id: string;
}

const isMissing = (error: unknown): boolean => error instanceof NacreError && error.code === 'ENOENT';

function noImage(io: IoCtx, which: string): NacreError {
  const where = io.namespace === '' ? io.poolName : `${io.poolName}/${io.namespace}`;
  return new NacreError('ENOENT', 'rbd.open', `there is no image ${which} in pool '${where}'`);
}

/** The image of that name. ENOENT when there is none of either format. */
export async function findImage(io: IoCtx, name: string): Promise<FoundImage> {
  // Both are asked at once: hardly any image is of format 1, but then it costs nobody a round trip.
  const [id, old] = await Promise.allSettled([
    getId(io, RBD_ID_PREFIX + name),
    io.stat(name + RBD_OLD_SUFFIX),
  ]);
  if (id.status === 'fulfilled') return { format: 2, name, id: id.value };
  if (!isMissing(id.reason)) throw id.reason;
  if (old.status === 'fulfilled') return { format: 1, name, id: '' };
  throw isMissing(old.reason) ? noImage(io, `'${name}'`) : old.reason;
}

/** The image of that id: its name is in the directory, or in the trash. ENOENT when it is in neither. */
export async function findImageById(io: IoCtx, id: string): Promise<FoundImage> {
  try {
    return { format: 2, name: await dirGetName(io, RBD_DIRECTORY, id), id };
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    return { format: 2, name: (await trashGet(io, RBD_TRASH, id)).name, id };
  } catch (error) {
    throw isMissing(error) ? noImage(io, `of id '${id}'`) : error;
  }
}
