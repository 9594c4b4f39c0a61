import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { SNAP_HEAD } from '../../types/snap.ts';
import { metadataOf } from '../open/header-v2.ts';
import { ImageConfig } from '../open/image-config.ts';
import {
  RBD_HEADER_PREFIX,
  RBD_ID_PREFIX,
  RBD_INFO,
  RBD_OBJECT_MAP_PREFIX,
  RBD_OLD_SUFFIX,
} from '../types.ts';

// What the operations on pools and closed images share.

/** Object that has the id of an image of format 2. */
export const idObject = (name: string): string => RBD_ID_PREFIX + name;
export const headerObject = (id: string): string => RBD_HEADER_PREFIX + id;
/** Header of format 1. */
export const oldHeaderObject = (name: string): string => name + RBD_OLD_SUFFIX;

/** Object map of the head or of a snapshot. */
export function objectMapObject(id: string, snapId: bigint = SNAP_HEAD): string {
  const oid = RBD_OBJECT_MAP_PREFIX + id;
  return snapId === SNAP_HEAD ? oid : `${oid}.${snapId.toString(16).padStart(16, '0')}`;
}

/** Whether something failed with one of these codes. */
export function failedWith(error: unknown, ...codes: readonly string[]): error is NacreError {
  return error instanceof NacreError && codes.includes(error.code);
}

/** What a promise gives, or undefined when it fails with one of these codes. */
export async function unless<T>(promise: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (failedWith(error, ...codes)) return undefined;
    throw error;
  }
}

/** The same pool with its default namespace: where rbd_info and rbd_namespace are. */
export function defaultNamespace(io: IoCtx): IoCtx {
  return io.namespace === '' ? io : io.with({ namespace: '' });
}

/** Another pool, or namespace, on the same cluster. ENOENT when there is no such pool. */
export function openView(cluster: Rados, pool: number | string, namespace: string): Promise<IoCtx> {
  return cluster.openPool(pool, { namespace });
}

/** The settings that hold for a pool: the configuration's and the overrides in rbd_info. */
export async function poolSettings(cluster: Rados, io: IoCtx): Promise<ImageConfig> {
  const config = new ImageConfig(cluster.context.config);
  config.apply(await metadataOf(defaultNamespace(io), RBD_INFO), new Map());
  return config;
}

/** 'pool/name' or 'pool/namespace/name', for messages. */
export function imageText(io: IoCtx, name: string): string {
  return io.namespace === '' ? `${io.poolName}/${name}` : `${io.poolName}/${io.namespace}/${name}`;
}
