import type { IoCtx } from '../../rados/ioctx.ts';
import * as cls from '../cls/index.ts';
import { RBD_DIRECTORY } from '../types.ts';
import { unless } from './admin-shared.ts';
import { listOldImages } from './create-old-directory.ts';

/** An image of a pool. */
export interface ListedImage {
  readonly name: string;
  /** '' for format 1. */
  readonly id: string;
}

/** Ids by name of the images of format 2. None when there is no directory. */
export async function listNewImages(io: IoCtx): Promise<Map<string, string>> {
  return (await unless(cls.dirListAll(io, RBD_DIRECTORY), 'ENOENT')) ?? new Map();
}

/**
 * The images of a pool and namespace: format 1 first, then format 2, each sorted by name (librbd's list_images). What is
 * listed may be gone, or half made, when it is opened.
 */
export async function listImages(io: IoCtx): Promise<ListedImage[]> {
  const [old, ids] = await Promise.all([io.namespace === '' ? listOldImages(io) : [], listNewImages(io)]);
  return [...old.map(name => ({ name, id: '' })), ...Array.from(ids, ([name, id]) => ({ name, id }))];
}
