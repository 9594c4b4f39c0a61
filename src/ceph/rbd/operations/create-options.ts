import { NacreError } from '../../../base/errors.ts';
import { MAX_OBJECT_MAP_OBJECT_COUNT } from '../../types/cls-rbd-features.ts';
import { objectCount } from '../io/striper.ts';
import type { ImageConfig } from '../open/image-config.ts';
import {
  RBD_FEATURE_DATA_POOL,
  RBD_FEATURE_FAST_DIFF,
  RBD_FEATURE_OBJECT_MAP,
  RBD_FEATURE_STRIPINGV2,
  type StripeLayout,
} from '../types.ts';
import { parseDefaultFeatures, validateFeatures } from './features.ts';

/** How an image is to be made. What is missing comes from the configuration (rbd_default_*), the pool's included. */
export interface CreateOptions {
  /** log2 of the object size, 12 to 25. */
  readonly order?: number;
  /** Bytes of an object: a power of two, in place of `order`. */
  readonly objectSize?: number;
  /** RBD_FEATURE_*; those that follow from other options (striping, data pool, fast diff) are added. */
  readonly features?: bigint;
  /** On top of `features` or the default ones. */
  readonly featuresSet?: bigint;
  readonly featuresClear?: bigint;
  /** Bytes; with `stripeCount`. */
  readonly stripeUnit?: number;
  /** Objects. */
  readonly stripeCount?: number;
  readonly dataPool?: string;
  readonly format?: 1 | 2;
  /** Of format 2, when it has to be a certain one. */
  readonly id?: string;
  /** Image metadata to begin with. */
  readonly metadata?: Readonly<Record<string, string>> | ReadonlyMap<string, string>;
}

/** An image as it is going to be made. */
export interface ImagePlan {
  readonly size: number;
  readonly order: number;
  readonly features: bigint;
  /** Features that were not asked for may be fewer on OSDs that do not know them. */
  readonly negotiable: boolean;
  readonly layout: StripeLayout;
  /** '' when it is the pool of the header. */
  readonly dataPool: string;
}

const invalid = (why: string): NacreError => new NacreError('EINVAL', 'rbd.create', why);

function isPowerOfTwo(n: number): boolean {
  return Number.isSafeInteger(n) && n > 0 && 2 ** Math.round(Math.log2(n)) === n;
}

/** The order that options ask for. @throws NacreError EDOM out of range, EINVAL for no power of two. */
export function orderOf(options: CreateOptions, settings: ImageConfig): number {
  const { objectSize } = options;
  let order = options.order ?? 0;
  if (objectSize !== undefined && objectSize !== 0) {
    if (!isPowerOfTwo(objectSize)) throw invalid(`object size ${objectSize} is no power of two`);
    const wanted = Math.round(Math.log2(objectSize));
    if (order !== 0 && order !== wanted) throw invalid(`order ${order} and object size ${objectSize} differ`);
    order = wanted;
  }
  if (order === 0) order = settings.get('rbd_default_order');
  if (!Number.isInteger(order) || order < 12 || order > 25)
    throw new NacreError('EDOM', 'rbd.create', `order ${order} is not between 12 and 25`);
  return order;
}

/**
 * What a new image of format 2 is to be like (librbd's image::CreateRequest). `pool` is the name of the header's pool.
 * @throws NacreError as `orderOf`, `validateFeatures`, and EINVAL for striping that does not fit the objects and for
 * an image with more objects than an object map has.
 */
export function planImage(
  size: number,
  options: CreateOptions,
  settings: ImageConfig,
  pool: string,
): ImagePlan {
  if (!Number.isSafeInteger(size) || size < 0) throw invalid(`size ${size}`);
  const order = orderOf(options, settings);
  const stripeUnit = options.stripeUnit || settings.get('rbd_default_stripe_unit');
  const stripeCount = options.stripeCount || settings.get('rbd_default_stripe_count');
  let dataPool = options.dataPool ?? settings.get('rbd_default_data_pool');
  if (dataPool === pool) dataPool = '';

  let features = options.features ?? parseDefaultFeatures(settings.get('rbd_default_features'));
  const set = options.featuresSet ?? 0n;
  const clear = options.featuresClear ?? 0n;
  const conflict = set & clear;
  features |= set & ~conflict;
  features &= ~(clear & ~conflict);
  if ((features & RBD_FEATURE_OBJECT_MAP) !== 0n) features |= RBD_FEATURE_FAST_DIFF;
  features &= ~(RBD_FEATURE_DATA_POOL | RBD_FEATURE_STRIPINGV2);
  if (dataPool !== '') features |= RBD_FEATURE_DATA_POOL;
  const objectSize = 2 ** order;
  if ((stripeUnit !== 0 && stripeUnit !== objectSize) || (stripeCount !== 0 && stripeCount !== 1))
    features |= RBD_FEATURE_STRIPINGV2;

  validateFeatures(features);
  if ((stripeUnit === 0) !== (stripeCount === 0)) throw invalid('stripe unit and stripe count go together');
  if (stripeUnit !== 0 && (stripeUnit > objectSize || objectSize % stripeUnit !== 0))
    throw invalid(`stripe unit ${stripeUnit} does not divide the object size ${objectSize}`);
  const layout =
    stripeUnit === 0
      ? { objectSize, stripeUnit: objectSize, stripeCount: 1 }
      : { objectSize, stripeUnit, stripeCount };
  if ((features & RBD_FEATURE_OBJECT_MAP) !== 0n && objectCount(layout, size) > MAX_OBJECT_MAP_OBJECT_COUNT)
    throw invalid(`an image of ${size} bytes has more objects than an object map`);
  return { size, order, features, negotiable: options.features === undefined, layout, dataPool };
}
