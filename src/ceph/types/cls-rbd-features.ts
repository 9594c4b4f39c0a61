// Feature bits of RBD images and what may be done with them (include/rbd/features.h).

export const RBD_FEATURES_ALL = 0xfffn;
/** Not to be opened at all by who does not know them: layering, striping, data pool, dirty cache. */
export const RBD_FEATURES_INCOMPATIBLE = 0x883n;
/** Not to be written by who does not know them: the former and all others. */
export const RBD_FEATURES_RW_INCOMPATIBLE = 0xfffn;
/** Can be switched while the image exists: exclusive lock, object map, fast diff, journaling, non-primary, dirty cache. */
export const RBD_FEATURES_MUTABLE = 0xc5cn;
/** Can be switched off, never on: deep flatten. */
export const RBD_FEATURES_DISABLE_ONLY = 0x20n;
/** Set by the object class itself: operations, migrating. */
export const RBD_FEATURES_INTERNAL = 0x300n;
/** Bits of what special operations were done with an image. */
export const RBD_OPERATION_FEATURES_ALL = 0xfn;

/** cls::rbd::MAX_OBJECT_MAP_OBJECT_COUNT: objects that an object map can have at most. */
export const MAX_OBJECT_MAP_OBJECT_COUNT = 256_000_000;
