import { describe, expect, it } from 'vitest';
import { Config } from '../../src/base/config/config.ts';
import { NacreError } from '../../src/base/errors.ts';
import { ImageConfig } from '../../src/ceph/rbd/open/image-config.ts';
import { type CreateOptions, planImage } from '../../src/ceph/rbd/operations/create-options.ts';
import { FEATURES_DEFAULT, parseDefaultFeatures } from '../../src/ceph/rbd/operations/features.ts';
import * as t from '../../src/ceph/rbd/types.ts';
import { nodeEnv } from '../../src/env/node.ts';

function plan(options: CreateOptions, size = 2 ** 30) {
  return planImage(size, options, new ImageConfig(new Config(nodeEnv)), 'rbd');
}

function codeOf(options: CreateOptions, size?: number): string {
  try {
    plan(options, size);
    return '';
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    return error.code;
  }
}

describe('plan of a new image', () => {
  it('adds the features that options imply, and drops those that they do not', () => {
    const { RBD_FEATURE_STRIPINGV2: S, RBD_FEATURE_DATA_POOL: P, RBD_FEATURE_LAYERING: L } = t;
    expect(plan({}).features).toBe(FEATURES_DEFAULT);
    expect(plan({ features: L | S | P }).features).toBe(L);
    expect(plan({ features: L, stripeUnit: 4096, stripeCount: 4 }).features).toBe(L | S);
    expect(plan({ features: L, dataPool: 'other' }).features).toBe(L | P);
    expect(plan({ features: L, dataPool: 'rbd' })).toMatchObject({ features: L, dataPool: '' });
    expect(plan({ featuresClear: t.RBD_FEATURE_DEEP_FLATTEN }).features).toBe(
      FEATURES_DEFAULT & ~t.RBD_FEATURE_DEEP_FLATTEN,
    );
    expect(plan({ features: L, featuresSet: 0x3cn, featuresClear: 0x20n }).features).toBe(L | 0x1cn);
  });

  it('refuses what does not fit together', () => {
    expect(codeOf({ order: 26 })).toBe('EDOM');
    expect(codeOf({ objectSize: 5000 })).toBe('EINVAL');
    expect(codeOf({ features: t.RBD_FEATURE_OBJECT_MAP })).toBe('EINVAL');
    expect(codeOf({ features: 1n << 40n })).toBe('ENOSYS');
    expect(codeOf({ features: t.RBD_FEATURE_OPERATIONS })).toBe('EINVAL');
    expect(codeOf({ features: 1n | t.RBD_FEATURE_EXCLUSIVE_LOCK | t.RBD_FEATURE_JOURNALING })).toBe(
      'ENOTSUP',
    );
    expect(codeOf({ stripeUnit: 3000, stripeCount: 2 })).toBe('EINVAL');
    expect(codeOf({ order: 12 }, 4096 * 256_000_001)).toBe('EINVAL');
    expect(codeOf({ order: 12 }, 4096 * 256_000_000)).toBe('');
    expect(codeOf({}, -1)).toBe('EINVAL');
  });

  it('default features are a number or names', () => {
    expect(parseDefaultFeatures('3')).toBe(3n);
    expect(parseDefaultFeatures(' layering , exclusive-lock')).toBe(5n);
    expect(parseDefaultFeatures('')).toBe(FEATURES_DEFAULT);
    expect(parseDefaultFeatures('layering,what')).toBe(FEATURES_DEFAULT);
    expect(parseDefaultFeatures(String(0xffff))).toBe(0xcffn);
  });
});
