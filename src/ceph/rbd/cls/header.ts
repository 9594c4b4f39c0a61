import { decodeSnapContext, SNAP_HEAD, type SnapContext } from '../../types/snap.ts';
import { decodeUTime, utimeToMs } from '../../types/utime.ts';
import { reader, writer } from './method.ts';

// The header of an image of format 2, 'rbd_header.<id>'.

/**
 * Fills a new header. `order` 22 for objects of 4 MiB; `objectPrefix` 'rbd_data.<id>'; a data pool must be given if, and
 * only if, the features say so. EEXIST, EINVAL, ENOSYS for features that the OSD does not know.
 */
export const create = writer(
  'create',
  (e, size: number, order: number, features: bigint, objectPrefix: string, dataPoolId: number = -1) => {
    e.u64(size);
    e.u8(order);
    e.u64b(features);
    e.str(objectPrefix);
    e.i64(dataPoolId);
  },
);

/** `size` in bytes, of the head or of a snapshot; objects have 2^order bytes. */
export const getSize = reader(
  'get_size',
  (e, snapId: bigint = SNAP_HEAD) => e.u64b(snapId),
  d => {
    const order = d.u8();
    return { order, size: d.u64() };
  },
);

/** Also cuts the parent's overlap. */
export const setSize = writer('set_size', (e, size: number) => e.u64(size));

/** `incompatible`: those that one must know to open the image (read-only, or at all). */
export const getFeatures = reader(
  'get_features',
  (e, readOnly: boolean = false) => {
    e.u64b(SNAP_HEAD);
    e.bool(readOnly);
  },
  d => {
    const features = d.u64b();
    return { features, incompatible: d.u64b() };
  },
);

/** Sets those of `mask`. EINVAL for what cannot be switched. */
export const setFeatures = writer('set_features', (e, features: bigint, mask: bigint) => {
  e.u64b(features);
  e.u64b(mask);
});

/** RBD_OPERATION_FEATURE_*. */
export const opFeaturesGet = reader('op_features_get', undefined, d => d.u64b());

export const opFeaturesSet = writer('op_features_set', (e, opFeatures: bigint, mask: bigint) => {
  e.u64b(opFeatures);
  e.u64b(mask);
});

/** RBD_FLAG_*. */
export const getFlags = reader(
  'get_flags',
  (e, snapId: bigint = SNAP_HEAD) => e.u64b(snapId),
  d => d.u64b(),
);

/** Sets those of `mask`, of the head or of a snapshot. */
export const setFlags = writer('set_flags', (e, flags: bigint, mask: bigint, snapId: bigint = SNAP_HEAD) => {
  e.u64b(flags);
  e.u64b(mask);
  e.u64b(snapId);
});

/** Bytes, and objects in a turn. ENOEXEC without the striping feature. */
export const getStripeUnitCount = reader('get_stripe_unit_count', undefined, d => {
  const stripeUnit = d.u64();
  return { stripeUnit, stripeCount: d.u64() };
});

export const setStripeUnitCount = writer(
  'set_stripe_unit_count',
  (e, stripeUnit: number, stripeCount: number) => {
    e.u64(stripeUnit);
    e.u64(stripeCount);
  },
);

/** -1: the header's own pool. */
export const getDataPoolId = reader('get_data_pool', undefined, d => d.i64());

export const getObjectPrefix = reader('get_object_prefix', undefined, d => d.str());

/** Newest first. */
export const getSnapcontext = reader('get_snapcontext', undefined, (d): SnapContext => decodeSnapContext(d));

// Milliseconds since the epoch, 0 when the header has none.
export const getCreateTimestamp = reader('get_create_timestamp', undefined, d => utimeToMs(decodeUTime(d)));
export const getAccessTimestamp = reader('get_access_timestamp', undefined, d => utimeToMs(decodeUTime(d)));
export const getModifyTimestamp = reader('get_modify_timestamp', undefined, d => utimeToMs(decodeUTime(d)));
/** To the OSD's clock. */
export const setAccessTimestamp = writer('set_access_timestamp');
export const setModifyTimestamp = writer('set_modify_timestamp');

/** Features that the OSD's class knows. */
export const getAllFeatures = reader('get_all_features', undefined, d => d.u64b());
