/** Flags and small enumerations of include/rados.h (16.2); the op codes are in rados.ts. */

/** Flags of a whole MOSDOp. */
export const CEPH_OSD_FLAG_ACK = 0x0001;
export const CEPH_OSD_FLAG_ONNVRAM = 0x0002;
export const CEPH_OSD_FLAG_ONDISK = 0x0004;
export const CEPH_OSD_FLAG_RETRY = 0x0008;
export const CEPH_OSD_FLAG_READ = 0x0010;
export const CEPH_OSD_FLAG_WRITE = 0x0020;
/** Fail with EOLDSNAPC when the snap context is older than the object's. */
export const CEPH_OSD_FLAG_ORDERSNAP = 0x0040;
export const CEPH_OSD_FLAG_PEERSTAT_OLD = 0x0080;
export const CEPH_OSD_FLAG_BALANCE_READS = 0x0100;
export const CEPH_OSD_FLAG_PARALLELEXEC = 0x0200;
export const CEPH_OSD_FLAG_PGOP = 0x0400;
export const CEPH_OSD_FLAG_EXEC = 0x0800;
export const CEPH_OSD_FLAG_EXEC_PUBLIC = 0x1000;
export const CEPH_OSD_FLAG_LOCALIZE_READS = 0x2000;
export const CEPH_OSD_FLAG_RWORDERED = 0x4000;
export const CEPH_OSD_FLAG_IGNORE_CACHE = 0x8000;
export const CEPH_OSD_FLAG_SKIPRWLOCKS = 0x1_0000;
export const CEPH_OSD_FLAG_IGNORE_OVERLAY = 0x2_0000;
export const CEPH_OSD_FLAG_FLUSH = 0x4_0000;
export const CEPH_OSD_FLAG_MAP_SNAP_CLONE = 0x8_0000;
export const CEPH_OSD_FLAG_ENFORCE_SNAPC = 0x10_0000;
export const CEPH_OSD_FLAG_REDIRECTED = 0x20_0000;
export const CEPH_OSD_FLAG_KNOWN_REDIR = 0x40_0000;
export const CEPH_OSD_FLAG_FULL_TRY = 0x80_0000;
export const CEPH_OSD_FLAG_FULL_FORCE = 0x100_0000;
export const CEPH_OSD_FLAG_IGNORE_REDIRECT = 0x200_0000;
/** The client understands return codes and payloads of the single ops of a write. */
export const CEPH_OSD_FLAG_RETURNVEC = 0x400_0000;
export const CEPH_OSD_FLAG_SUPPORTSPOOLEIO = 0x800_0000;

const FLAG_NAMES: readonly string[] = [
  'ack',
  'onnvram',
  'ondisk',
  'retry',
  'read',
  'write',
  'ordersnap',
  'peerstat_old',
  'balance_reads',
  'parallelexec',
  'pgop',
  'exec',
  'exec_public',
  'localize_reads',
  'rwordered',
  'ignore_cache',
  'skiprwlocks',
  'ignore_overlay',
  'flush',
  'map_snap_clone',
  'enforce_snapc',
  'redirected',
  'known_if_redirected',
  'full_try',
  'full_force',
  'ignore_redirect',
  'returnvec',
  'supports_pool_eio',
];

function flagText(flags: number, names: readonly string[]): string {
  let text = '';
  for (let bit = 0; bit < 32; bit++)
    if ((flags & (1 << bit)) !== 0) text += `${text === '' ? '' : '+'}${names[bit] ?? '???'}`;
  return text === '' ? '-' : text;
}

/** 'ondisk+write+known_if_redirected'; '-' for none. */
export function osdFlagText(flags: number): string {
  return flagText(flags, FLAG_NAMES);
}

/** Flags of one op of a MOSDOp. */
export const CEPH_OSD_OP_FLAG_EXCL = 0x1;
/** Go on with the next op when this one fails. */
export const CEPH_OSD_OP_FLAG_FAILOK = 0x2;
export const CEPH_OSD_OP_FLAG_FADVISE_RANDOM = 0x4;
export const CEPH_OSD_OP_FLAG_FADVISE_SEQUENTIAL = 0x8;
export const CEPH_OSD_OP_FLAG_FADVISE_WILLNEED = 0x10;
export const CEPH_OSD_OP_FLAG_FADVISE_DONTNEED = 0x20;
export const CEPH_OSD_OP_FLAG_FADVISE_NOCACHE = 0x40;
export const CEPH_OSD_OP_FLAG_WITH_REFERENCE = 0x80;
export const CEPH_OSD_OP_FLAG_BYPASS_CLEAN_CACHE = 0x100;

const OP_FLAG_NAMES: readonly string[] = [
  'excl',
  'failok',
  'fadvise_random',
  'fadvise_sequential',
  'fadvise_willneed',
  'fadvise_dontneed',
  'fadvise_nocache',
  'with_reference',
  'bypass_clean_cache',
];

export function osdOpFlagText(flags: number): string {
  return flagText(flags, OP_FLAG_NAMES);
}

/** The OSD's answer to an op that is too large for it is EMSGSIZE; to a blocklisted client ESHUTDOWN. */
export const EOLDSNAPC = 85;
export const EBLOCKLISTED = 108;

/** How cmpxattr compares: the stored value OP the given one. */
export const CEPH_OSD_CMPXATTR_OP_NOP = 0;
export const CEPH_OSD_CMPXATTR_OP_EQ = 1;
export const CEPH_OSD_CMPXATTR_OP_NE = 2;
export const CEPH_OSD_CMPXATTR_OP_GT = 3;
export const CEPH_OSD_CMPXATTR_OP_GTE = 4;
export const CEPH_OSD_CMPXATTR_OP_LT = 5;
export const CEPH_OSD_CMPXATTR_OP_LTE = 6;

export const CEPH_OSD_CMPXATTR_MODE_STRING = 1;
export const CEPH_OSD_CMPXATTR_MODE_U64 = 2;

export const CEPH_OSD_COPY_FROM_FLAG_FLUSH = 1;
export const CEPH_OSD_COPY_FROM_FLAG_IGNORE_OVERLAY = 2;
export const CEPH_OSD_COPY_FROM_FLAG_IGNORE_CACHE = 4;
export const CEPH_OSD_COPY_FROM_FLAG_MAP_SNAP_CLONE = 8;
export const CEPH_OSD_COPY_FROM_FLAG_RWORDERED = 16;
export const CEPH_OSD_COPY_FROM_FLAG_TRUNCATE_SEQ = 32;

export const CEPH_OSD_TMAP2OMAP_NULLOK = 1;

export const CEPH_OSD_WATCH_OP_UNWATCH = 0;
export const CEPH_OSD_WATCH_OP_LEGACY_WATCH = 1;
export const CEPH_OSD_WATCH_OP_WATCH = 3;
export const CEPH_OSD_WATCH_OP_RECONNECT = 5;
export const CEPH_OSD_WATCH_OP_PING = 7;

const WATCH_OP_NAMES: Readonly<Record<number, string>> = {
  [CEPH_OSD_WATCH_OP_UNWATCH]: 'unwatch',
  [CEPH_OSD_WATCH_OP_LEGACY_WATCH]: 'watch',
  [CEPH_OSD_WATCH_OP_WATCH]: 'watch',
  [CEPH_OSD_WATCH_OP_RECONNECT]: 'reconnect',
  [CEPH_OSD_WATCH_OP_PING]: 'ping',
};

export function watchOpName(op: number): string {
  return WATCH_OP_NAMES[op] ?? '???';
}

export const CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH32 = 0;
export const CEPH_OSD_CHECKSUM_OP_TYPE_XXHASH64 = 1;
export const CEPH_OSD_CHECKSUM_OP_TYPE_CRC32C = 2;

export const CEPH_OSD_ALLOC_HINT_FLAG_SEQUENTIAL_WRITE = 1;
export const CEPH_OSD_ALLOC_HINT_FLAG_RANDOM_WRITE = 2;
export const CEPH_OSD_ALLOC_HINT_FLAG_SEQUENTIAL_READ = 4;
export const CEPH_OSD_ALLOC_HINT_FLAG_RANDOM_READ = 8;
export const CEPH_OSD_ALLOC_HINT_FLAG_APPEND_ONLY = 16;
export const CEPH_OSD_ALLOC_HINT_FLAG_IMMUTABLE = 32;
export const CEPH_OSD_ALLOC_HINT_FLAG_SHORTLIVED = 64;
export const CEPH_OSD_ALLOC_HINT_FLAG_LONGLIVED = 128;
export const CEPH_OSD_ALLOC_HINT_FLAG_COMPRESSIBLE = 256;
export const CEPH_OSD_ALLOC_HINT_FLAG_INCOMPRESSIBLE = 512;

const ALLOC_HINT_NAMES: readonly string[] = [
  'sequential_write',
  'random_write',
  'sequential_read',
  'random_read',
  'append_only',
  'immutable',
  'shortlived',
  'longlived',
  'compressible',
  'incompressible',
];

export function allocHintFlagText(flags: number): string {
  return flagText(flags, ALLOC_HINT_NAMES);
}

export const CEPH_OSD_BACKOFF_OP_BLOCK = 1;
export const CEPH_OSD_BACKOFF_OP_ACK_BLOCK = 2;
export const CEPH_OSD_BACKOFF_OP_UNBLOCK = 3;

const BACKOFF_OP_NAMES: Readonly<Record<number, string>> = { 1: 'block', 2: 'ack-block', 3: 'unblock' };

export function backoffOpName(op: number): string {
  return BACKOFF_OP_NAMES[op] ?? '???';
}
