import * as r from '../types/rados.ts';

// Flags of a whole operation: LIBRADOS_OPERATION_* (rados/librados.h), here with the values of the wire.

/** Any replica may serve the read. */
export const OPERATION_BALANCE_READS = r.CEPH_OSD_FLAG_BALANCE_READS;
/** The nearest replica serves the read, by crush_location. */
export const OPERATION_LOCALIZE_READS = r.CEPH_OSD_FLAG_LOCALIZE_READS;
/** The read waits for writes that were sent before it, and writes for it. */
export const OPERATION_ORDER_READS_WRITES = r.CEPH_OSD_FLAG_RWORDERED;
export const OPERATION_IGNORE_CACHE = r.CEPH_OSD_FLAG_IGNORE_CACHE;
export const OPERATION_SKIPRWLOCKS = r.CEPH_OSD_FLAG_SKIPRWLOCKS;
/** Goes to the pool itself, whatever cache tier lies over it. */
export const OPERATION_IGNORE_OVERLAY = r.CEPH_OSD_FLAG_IGNORE_OVERLAY;
/** Sent even if the cluster or pool is full; fails with ENOSPC or EDQUOT unless it frees space. */
export const OPERATION_FULL_TRY = r.CEPH_OSD_FLAG_FULL_TRY;
/** Done even if the cluster or pool is full. */
export const OPERATION_FULL_FORCE = r.CEPH_OSD_FLAG_FULL_FORCE;
export const OPERATION_IGNORE_REDIRECT = r.CEPH_OSD_FLAG_IGNORE_REDIRECT;
/** Fails with EOLDSNAPC when the snap context is older than the object's. */
export const OPERATION_ORDERSNAP = r.CEPH_OSD_FLAG_ORDERSNAP;
/** The ops of a write give output and results of their own. */
export const OPERATION_RETURNVEC = r.CEPH_OSD_FLAG_RETURNVEC;

// Flags of one op: LIBRADOS_OP_FLAG_*.

export const OP_EXCL = r.CEPH_OSD_OP_FLAG_EXCL;
/** The operation goes on when this op fails. */
export const OP_FAILOK = r.CEPH_OSD_OP_FLAG_FAILOK;
export const OP_FADVISE_RANDOM = r.CEPH_OSD_OP_FLAG_FADVISE_RANDOM;
export const OP_FADVISE_SEQUENTIAL = r.CEPH_OSD_OP_FLAG_FADVISE_SEQUENTIAL;
export const OP_FADVISE_WILLNEED = r.CEPH_OSD_OP_FLAG_FADVISE_WILLNEED;
export const OP_FADVISE_DONTNEED = r.CEPH_OSD_OP_FLAG_FADVISE_DONTNEED;
export const OP_FADVISE_NOCACHE = r.CEPH_OSD_OP_FLAG_FADVISE_NOCACHE;

// Allocation hints: LIBRADOS_ALLOC_HINT_FLAG_*.

export const ALLOC_HINT_SEQUENTIAL_WRITE = r.CEPH_OSD_ALLOC_HINT_FLAG_SEQUENTIAL_WRITE;
export const ALLOC_HINT_RANDOM_WRITE = r.CEPH_OSD_ALLOC_HINT_FLAG_RANDOM_WRITE;
export const ALLOC_HINT_SEQUENTIAL_READ = r.CEPH_OSD_ALLOC_HINT_FLAG_SEQUENTIAL_READ;
export const ALLOC_HINT_RANDOM_READ = r.CEPH_OSD_ALLOC_HINT_FLAG_RANDOM_READ;
export const ALLOC_HINT_APPEND_ONLY = r.CEPH_OSD_ALLOC_HINT_FLAG_APPEND_ONLY;
export const ALLOC_HINT_IMMUTABLE = r.CEPH_OSD_ALLOC_HINT_FLAG_IMMUTABLE;
export const ALLOC_HINT_SHORTLIVED = r.CEPH_OSD_ALLOC_HINT_FLAG_SHORTLIVED;
export const ALLOC_HINT_LONGLIVED = r.CEPH_OSD_ALLOC_HINT_FLAG_LONGLIVED;
export const ALLOC_HINT_COMPRESSIBLE = r.CEPH_OSD_ALLOC_HINT_FLAG_COMPRESSIBLE;
export const ALLOC_HINT_INCOMPRESSIBLE = r.CEPH_OSD_ALLOC_HINT_FLAG_INCOMPRESSIBLE;

/** How a stored value must compare to one given: the stored one stands on the left. */
export type Comparison = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte';

export const COMPARISONS: Readonly<Record<Comparison, number>> = {
  eq: r.CEPH_OSD_CMPXATTR_OP_EQ,
  ne: r.CEPH_OSD_CMPXATTR_OP_NE,
  gt: r.CEPH_OSD_CMPXATTR_OP_GT,
  gte: r.CEPH_OSD_CMPXATTR_OP_GTE,
  lt: r.CEPH_OSD_CMPXATTR_OP_LT,
  lte: r.CEPH_OSD_CMPXATTR_OP_LTE,
};

export type ChecksumType = 'crc32c' | 'xxhash32' | 'xxhash64';

export const CHECKSUM_TYPES: Readonly<Record<ChecksumType, number>> = {
  crc32c: r.CEPH_OSD_CHECKSUM_OP_TYPE_CRC32C,
  xxhash32: r.CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH32,
  xxhash64: r.CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH64,
};
