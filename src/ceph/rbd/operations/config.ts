import { parseOptionValue } from '../../../base/config/option.ts';
import { OPTIONS } from '../../../base/config/options.ts';
import { NacreError } from '../../../base/errors.ts';
import type { Rados } from '../../rados/cluster.ts';
import type { IoCtx } from '../../rados/ioctx.ts';
import { WriteOperation } from '../../rados/write-operation.ts';
import * as cls from '../cls/index.ts';
import type { ImageCtx } from '../image-ctx.ts';
import { metadataOf } from '../open/header-v2.ts';
import { type ConfigSource, METADATA_CONF_PREFIX } from '../open/image-config.ts';
import { RBD_INFO } from '../types.ts';
import { defaultNamespace } from './admin-shared.ts';
import { getMetadata, listMetadata, removeMetadata, setMetadata } from './metadata.ts';

// Settings of a pool and of an image (librbd/api/Config.cc, PoolMetadata.cc): metadata of rbd_info, or of the header, whose
// keys begin with conf_.

/** A setting as `rbd config pool list` and `rbd config image list` show it. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

/** Read before any pool or image is: overriding them there would do nothing. */
const NOT_OVERRIDABLE = new Set([
  'rbd_auto_exclusive_lock_until_manual_request',
  'rbd_default_format',
  'rbd_default_pool',
  'rbd_discard_on_zeroed_write_same',
  'rbd_op_thread_timeout',
  'rbd_op_threads',
  'rbd_tracing',
  'rbd_validate_names',
  'rbd_validate_pool',
  'rbd_mirror_pool_replayers_refresh_interval',
  'rbd_config_pool_override_update_timestamp',
]);
/** Read when an image is made. */
const NOT_OF_AN_IMAGE = new Set([
  'rbd_default_clone_format',
  'rbd_default_data_pool',
  'rbd_default_features',
  'rbd_default_format',
  'rbd_default_order',
  'rbd_default_stripe_count',
  'rbd_default_stripe_unit',
  'rbd_journal_order',
  'rbd_journal_pool',
  'rbd_journal_splay_width',
]);

/** Whether a pool, or an image, may have its own value of an option. */
export function isOverridable(name: string, level: 'pool' | 'image'): boolean {
  if (!name.startsWith('rbd_') || !Object.hasOwn(OPTIONS, name) || NOT_OVERRIDABLE.has(name)) return false;
  return level === 'pool' || !(NOT_OF_AN_IMAGE.has(name) || name.startsWith('rbd_mirror_'));
}

/** @throws NacreError EINVAL when the option cannot be overridden there, or the text is no value of it */
export function validateOverride(name: string, value: string, level: 'pool' | 'image'): void {
  if (!isOverridable(name, level))
    throw new NacreError(
      'EINVAL',
      'rbd.config_set',
      `'${name}' is no option that a${level === 'pool' ? '' : 'n'} ${level} overrides`,
    );
  parseOptionValue(name, OPTIONS[name], value);
}

function entries(
  cluster: Rados,
  level: 'pool' | 'image',
  pool: ReadonlyMap<string, string>,
  image: ReadonlyMap<string, string>,
): ConfigEntry[] {
  const { config } = cluster.context;
  const list: ConfigEntry[] = [];
  for (const name of Object.keys(OPTIONS)) {
    if (!isOverridable(name, level)) continue;
    const key = METADATA_CONF_PREFIX + name;
    const own = image.get(key);
    const shared = pool.get(key);
    if (own !== undefined) list.push({ name, value: own, source: 'image' });
    else if (shared !== undefined) list.push({ name, value: shared, source: 'pool' });
    else list.push({ name, value: config.text(name), source: 'config' });
  }
  return list;
}

const NONE: ReadonlyMap<string, string> = new Map();

/** Everything that a pool may override, with what holds and where it comes from, by name. */
export async function listPoolConfig(cluster: Rados, io: IoCtx): Promise<ConfigEntry[]> {
  return entries(cluster, 'pool', await metadataOf(defaultNamespace(io), RBD_INFO), NONE);
}

/** The pool's own value. ENOENT when it has none. */
export function getPoolConfig(io: IoCtx, name: string): Promise<string> {
  return cls.metadataGet(defaultNamespace(io), RBD_INFO, METADATA_CONF_PREFIX + name);
}

/** Overrides an option for all images of a pool; those that are open hear of it. EINVAL as `validateOverride`. */
export async function setPoolConfig(cluster: Rados, io: IoCtx, name: string, value: string): Promise<void> {
  validateOverride(name, value, 'pool');
  const op = cls.metadataSet(new WriteOperation(), new Map([[METADATA_CONF_PREFIX + name, value]]));
  await defaultNamespace(io).operate(RBD_INFO, op);
  await announceOverride(cluster);
}

/** ENOENT when there is no such override. */
export async function removePoolConfig(cluster: Rados, io: IoCtx, name: string): Promise<void> {
  await getPoolConfig(io, name);
  const op = cls.metadataRemove(new WriteOperation(), METADATA_CONF_PREFIX + name);
  await defaultNamespace(io).operate(RBD_INFO, op);
  await announceOverride(cluster);
}

/** Clients that have images open read the pools' settings again when this option changes. */
async function announceOverride(cluster: Rados): Promise<void> {
  const seconds = Math.floor(cluster.context.env.clock.now() / 1000);
  await cluster.monCommand({
    prefix: 'config set',
    who: 'global',
    name: 'rbd_config_pool_override_update_timestamp',
    value: String(seconds),
  });
}

/** Everything that an image may override, with what holds and where it comes from, by name. */
export async function listImageConfig(ctx: ImageCtx): Promise<ConfigEntry[]> {
  const [pool, image] = await Promise.all([
    metadataOf(defaultNamespace(ctx.header), RBD_INFO),
    listMetadata(ctx),
  ]);
  return entries(ctx.cluster, 'image', pool, image);
}

/** The image's own value. ENOENT when it has none. */
export function getImageConfig(ctx: ImageCtx, name: string): Promise<string> {
  return getMetadata(ctx, METADATA_CONF_PREFIX + name);
}

export function setImageConfig(ctx: ImageCtx, name: string, value: string): Promise<void> {
  return setMetadata(ctx, METADATA_CONF_PREFIX + name, value);
}

export function removeImageConfig(ctx: ImageCtx, name: string): Promise<void> {
  return removeMetadata(ctx, METADATA_CONF_PREFIX + name);
}
