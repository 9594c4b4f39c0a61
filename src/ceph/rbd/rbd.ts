import type { Rados } from '../rados/cluster.ts';
import type { IoCtx } from '../rados/ioctx.ts';
import { Image } from './image.ts';
import { type OpenOptions, openImage } from './open/open-image.ts';
import { unless } from './operations/admin-shared.ts';
import { cloneImage } from './operations/clone.ts';
import {
  type ConfigEntry,
  getPoolConfig,
  listPoolConfig,
  removePoolConfig,
  setPoolConfig,
} from './operations/config.ts';
import { createImage } from './operations/create.ts';
import type { CreateOptions } from './operations/create-options.ts';
import { type ListedImage, listImages } from './operations/list.ts';
import {
  createNamespace,
  listNamespaces,
  namespaceExists,
  removeNamespace,
} from './operations/namespaces.ts';
import { initPool, type PoolImageStats, poolStats } from './operations/pool.ts';
import { type RemoveOptions, removeImage } from './operations/remove.ts';
import { renameImage } from './operations/rename.ts';
import {
  getTrashEntry,
  listTrash,
  moveToTrash,
  removeFromTrash,
  restoreFromTrash,
} from './operations/trash.ts';
import { type PurgeOptions, purgeTrash } from './operations/trash-purge.ts';
import type { CloneOptions, ParentSnapshot, TrashEntry } from './options.ts';

/**
 * The images of a pool, or of one of its namespaces.
 *
 *     const rbd = await Rbd.open(cluster, 'rbd');
 *     await rbd.create('disk', 10 * 2 ** 30);
 *     await using image = await rbd.open('disk');
 */
export class Rbd {
  readonly cluster: Rados;
  /** The pool, seen in the namespace. */
  readonly io: IoCtx;
  readonly trash: Trash;
  readonly namespaces: Namespaces;
  readonly config: PoolConfig;

  constructor(cluster: Rados, io: IoCtx) {
    this.cluster = cluster;
    this.io = io;
    this.trash = new Trash(this);
    this.namespaces = new Namespaces(this);
    this.config = new PoolConfig(this);
  }

  /** ENOENT when there is no such pool. */
  static async open(
    cluster: Rados,
    pool: string | number,
    options: { readonly namespace?: string } = {},
  ): Promise<Rbd> {
    return new Rbd(cluster, await cluster.openPool(pool, { namespace: options.namespace ?? '' }));
  }

  /** Makes the pool ready for images (`rbd pool init`). */
  async init(options: { readonly force?: boolean } = {}): Promise<void> {
    await initPool(this.cluster, this.io, options);
  }

  stats(): Promise<PoolImageStats> {
    return poolStats(this.cluster, this.io);
  }

  /** `size` in bytes. EEXIST when there is one of that name. */
  async create(name: string, size: number, options: CreateOptions = {}): Promise<void> {
    await createImage(this.cluster, this.io, name, size, options);
  }

  /** Names and ids, '' for format 1. */
  list(): Promise<ListedImage[]> {
    return listImages(this.io);
  }

  /** ENOENT; ENOTSUP naming a feature that is in the way. */
  async open(name: string, options: OpenOptions = {}): Promise<Image> {
    return new Image(await openImage(this.cluster, this.io, { name }, options));
  }

  /** The same by id: works for images in the trash too. */
  async openById(id: string, options: OpenOptions = {}): Promise<Image> {
    return new Image(await openImage(this.cluster, this.io, { id }, options));
  }

  /** EEXIST when the new name is taken. */
  rename(from: string, to: string): Promise<void> {
    return renameImage(this.io, from, to);
  }

  /** ENOTEMPTY while it has snapshots, EBUSY while somebody has it open. */
  remove(name: string, options: RemoveOptions = {}): Promise<void> {
    return removeImage(this.cluster, this.io, name, options);
  }

  /** Makes a clone of a snapshot, here. */
  clone(parent: ParentSnapshot, name: string, options: CloneOptions = {}): Promise<void> {
    return cloneImage(this.cluster, this.io, parent, name, options);
  }
}

/** Images that were removed, but not yet. */
export class Trash {
  readonly rbd: Rbd;

  constructor(rbd: Rbd) {
    this.rbd = rbd;
  }

  /** `delayMs`: milliseconds in which it cannot be removed but by force. */
  move(name: string, options: { readonly delayMs?: number } = {}): Promise<void> {
    return moveToTrash(this.rbd.cluster, this.rbd.io, name, options);
  }

  /** By id. With `all`, those too that are being removed. */
  list(options: { readonly all?: boolean } = {}): Promise<TrashEntry[]> {
    return listTrash(this.rbd.io, options);
  }

  /** ENOENT. */
  get(id: string): Promise<TrashEntry> {
    return getTrashEntry(this.rbd.io, id);
  }

  /** EEXIST when the name, the old one by default, is taken. */
  restore(id: string, options: { readonly name?: string } = {}): Promise<void> {
    return restoreFromTrash(this.rbd.io, id, options.name);
  }

  /** EPERM before its time has come, unless `force`. */
  remove(id: string, options: RemoveOptions = {}): Promise<void> {
    return removeFromTrash(this.rbd.cluster, this.rbd.io, id, options);
  }

  /** Removes what has expired. */
  purge(options: PurgeOptions = {}): Promise<void> {
    return purgeTrash(this.rbd.cluster, this.rbd.io, options);
  }
}

/** Namespaces of a pool. */
export class Namespaces {
  readonly rbd: Rbd;

  constructor(rbd: Rbd) {
    this.rbd = rbd;
  }

  list(): Promise<string[]> {
    return listNamespaces(this.rbd.io);
  }

  /** EEXIST. */
  create(name: string): Promise<void> {
    return createNamespace(this.rbd.io, name);
  }

  /** EBUSY while it has images. */
  remove(name: string): Promise<void> {
    return removeNamespace(this.rbd.io, name);
  }

  exists(name: string): Promise<boolean> {
    return namespaceExists(this.rbd.io, name);
  }
}

/** Options that hold for the images of a pool. */
export class PoolConfig {
  readonly rbd: Rbd;

  constructor(rbd: Rbd) {
    this.rbd = rbd;
  }

  /** The pool's own value; undefined when it has none. */
  get(key: string): Promise<string | undefined> {
    return unless(getPoolConfig(this.rbd.io, key), 'ENOENT');
  }

  /** EINVAL for what pools cannot override, or is no value. */
  set(key: string, value: string): Promise<void> {
    return setPoolConfig(this.rbd.cluster, this.rbd.io, key, value);
  }

  /** ENOENT when it has none. */
  remove(key: string): Promise<void> {
    return removePoolConfig(this.rbd.cluster, this.rbd.io, key);
  }

  /** Everything that pools may override: what holds, and where it comes from. */
  list(): Promise<ConfigEntry[]> {
    return listPoolConfig(this.rbd.cluster, this.rbd.io);
  }
}
