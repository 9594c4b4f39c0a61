import type { Config } from '../../../base/config/config.ts';
import { type OptionValue, parseOptionValue } from '../../../base/config/option.ts';
import { OPTIONS, type OptionName, type ValueOf } from '../../../base/config/options.ts';
import { NacreError } from '../../../base/errors.ts';

/** Metadata of this prefix overrides an option: `conf_rbd_cache` (ImageCtx::METADATA_CONF_PREFIX). */
export const METADATA_CONF_PREFIX = 'conf_';

/** Where a setting of an image comes from, as `rbd config image list` names it. */
export type ConfigSource = 'config' | 'pool' | 'image';

/**
 * An image's settings. Options that are not overridden follow the context's as they change; a pool's and then an image's
 * metadata stand above these, and what the opener gave above all. Overrides that are no option, or no value of theirs, are
 * passed over, as librbd does.
 */
export class ImageConfig {
  private readonly base: Config;
  private readonly opener: ReadonlyMap<string, OptionValue>;
  private pool: ReadonlyMap<string, OptionValue> = new Map();
  private image: ReadonlyMap<string, OptionValue> = new Map();

  /** @throws NacreError EINVAL when `overrides` has what is no option or no value. */
  constructor(base: Config, overrides: Readonly<Record<string, string>> = {}) {
    this.base = base;
    const opener = new Map<string, OptionValue>();
    for (const [name, text] of Object.entries(overrides)) {
      const spec = OPTIONS[name];
      if (spec === undefined) throw new NacreError('EINVAL', 'rbd.open', `there is no option '${name}'`);
      opener.set(name, parseOptionValue(name, spec, text));
    }
    this.opener = opener;
  }

  get<N extends OptionName>(name: N): ValueOf<N> {
    const override = this.opener.get(name) ?? this.image.get(name) ?? this.pool.get(name);
    return override === undefined ? this.base.get(name) : (override as ValueOf<N>);
  }

  source(name: OptionName): ConfigSource {
    return this.image.has(name) ? 'image' : this.pool.has(name) ? 'pool' : 'config';
  }

  /** Takes the overrides from metadata, of the pool (rbd_info) and of the image. */
  apply(pool: ReadonlyMap<string, string>, image: ReadonlyMap<string, string>): void {
    this.pool = overridesOf(pool);
    this.image = overridesOf(image);
  }
}

function overridesOf(metadata: ReadonlyMap<string, string>): Map<string, OptionValue> {
  const found = new Map<string, OptionValue>();
  for (const [key, value] of metadata) {
    if (!key.startsWith(METADATA_CONF_PREFIX)) continue;
    const name = key.slice(METADATA_CONF_PREFIX.length);
    const spec = OPTIONS[name];
    if (spec === undefined || !name.startsWith('rbd_')) continue;
    try {
      found.set(name, parseOptionValue(name, spec, value));
    } catch {
      // A value that is none must not keep the image from opening.
    }
  }
  return found;
}
