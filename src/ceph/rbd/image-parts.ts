import type { ImageCtx } from './image-ctx.ts';
import { unless } from './operations/admin-shared.ts';
import {
  type ConfigEntry,
  getImageConfig,
  listImageConfig,
  removeImageConfig,
  setImageConfig,
} from './operations/config.ts';
import { getMetadata, listMetadata, removeMetadata, setMetadata } from './operations/metadata.ts';
import { checkObjectMap, rebuildObjectMap } from './operations/object-map-rebuild.ts';
import type { ProgressOption } from './options.ts';

/** Words that users put on an image. */
export class ImageMetadata {
  protected readonly ctx: ImageCtx;

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
  }

  /** Undefined when there is none of that key. */
  get(key: string): Promise<string | undefined> {
    return unless(getMetadata(this.ctx, key), 'ENOENT');
  }

  /** EINVAL for a setting (conf_) that images do not have, or that is no value of it. */
  set(key: string, value: string): Promise<void> {
    return setMetadata(this.ctx, key, value);
  }

  /** ENOENT when there is none of that key. */
  remove(key: string): Promise<void> {
    return removeMetadata(this.ctx, key);
  }

  list(): Promise<Map<string, string>> {
    return listMetadata(this.ctx);
  }
}

/** Options that hold for one image. */
export class ImageSettings {
  protected readonly ctx: ImageCtx;

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
  }

  /** The image's own value; undefined when it has none. */
  get(key: string): Promise<string | undefined> {
    return unless(getImageConfig(this.ctx, key), 'ENOENT');
  }

  set(key: string, value: string): Promise<void> {
    return setImageConfig(this.ctx, key, value);
  }

  /** ENOENT when it has none. */
  remove(key: string): Promise<void> {
    return removeImageConfig(this.ctx, key);
  }

  /** Everything that images may override: what holds, and where it comes from. */
  list(): Promise<ConfigEntry[]> {
    return listImageConfig(this.ctx);
  }
}

export class ObjectMapControl {
  protected readonly ctx: ImageCtx;

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
  }

  rebuild(options: ProgressOption & { readonly snapshot?: string } = {}): Promise<void> {
    return rebuildObjectMap(this.ctx, options);
  }

  /** Compares the map with the objects; one that does not agree is flagged invalid. Resolves to how many differ. */
  check(options: ProgressOption & { readonly snapshot?: string } = {}): Promise<number> {
    return checkObjectMap(this.ctx, options);
  }
}
