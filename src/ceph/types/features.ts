/**
 * Feature bits that peers exchange (include/ceph_features.h). Some bits were retired and used again; such a
 * feature is the bit together with the incarnation bits that say which meaning is in force, so a feature is
 * a mask, and a peer has it when all bits of the mask are set.
 */
export class Features {
  readonly bits: bigint;
  /** MSG_ADDR2: entity_addr_t in its versioned form, address vectors. Precomputed: asked on hot paths. */
  readonly msgAddr2: boolean;
  /** NEW_OSDOP_ENCODING: MOSDOp version 6 and up. */
  readonly newOsdOpEncoding: boolean;
  /** RESEND_ON_SPLIT: MOSDOp version 8, clients that resend by themselves when a PG splits. */
  readonly resendOnSplit: boolean;
  readonly serverJewel: boolean;
  readonly serverKraken: boolean;
  readonly serverLuminous: boolean;
  readonly serverMimic: boolean;
  readonly serverNautilus: boolean;
  readonly serverOctopus: boolean;
  readonly serverPacific: boolean;
  readonly serverQuincy: boolean;
  readonly serverReef: boolean;

  constructor(bits: bigint) {
    this.bits = bits;
    this.msgAddr2 = this.has(FEATURE_MSG_ADDR2);
    this.newOsdOpEncoding = this.has(FEATURE_NEW_OSDOP_ENCODING);
    this.resendOnSplit = this.has(FEATURE_RESEND_ON_SPLIT);
    this.serverJewel = this.has(FEATURE_SERVER_JEWEL);
    this.serverKraken = this.has(FEATURE_SERVER_KRAKEN);
    this.serverLuminous = this.has(FEATURE_SERVER_LUMINOUS);
    this.serverMimic = this.has(FEATURE_SERVER_MIMIC);
    this.serverNautilus = this.has(FEATURE_SERVER_NAUTILUS);
    this.serverOctopus = this.has(FEATURE_SERVER_OCTOPUS);
    this.serverPacific = this.has(FEATURE_SERVER_PACIFIC);
    this.serverQuincy = this.has(FEATURE_SERVER_QUINCY);
    this.serverReef = this.has(FEATURE_SERVER_REEF);
  }

  has(mask: bigint): boolean {
    return (this.bits & mask) === mask;
  }
}

// The second life of a bit counts only together with SERVER_JEWEL's bit, the third also with SERVER_MIMIC's.
const INCARNATION_2 = 1n << 57n;
const INCARNATION_3 = INCARNATION_2 | (1n << 28n);

export const FEATURE_UID = 1n << 0n;
export const FEATURE_NOSRCADDR = 1n << 1n;
export const FEATURE_FLOCK = 1n << 3n;
export const FEATURE_SUBSCRIBE2 = 1n << 4n;
export const FEATURE_MONNAMES = 1n << 5n;
export const FEATURE_RECONNECT_SEQ = 1n << 6n;
export const FEATURE_DIRLAYOUTHASH = 1n << 7n;
export const FEATURE_OBJECTLOCATOR = 1n << 8n;
export const FEATURE_PGID64 = 1n << 9n;
export const FEATURE_INCSUBOSDMAP = 1n << 10n;
export const FEATURE_PGPOOL3 = 1n << 11n;
export const FEATURE_OSDREPLYMUX = 1n << 12n;
export const FEATURE_OSDENC = 1n << 13n;
export const FEATURE_MONENC = 1n << 15n;
export const FEATURE_CRUSH_TUNABLES = 1n << 18n;
export const FEATURE_MSG_AUTH = 1n << 23n;
export const FEATURE_CRUSH_TUNABLES2 = 1n << 25n;
export const FEATURE_CREATEPOOLID = 1n << 26n;
export const FEATURE_REPLY_CREATE_INODE = 1n << 27n;
export const FEATURE_MDSENC = 1n << 29n;
export const FEATURE_OSDHASHPSPOOL = 1n << 30n;
export const FEATURE_OSD_CACHEPOOL = 1n << 35n;
export const FEATURE_CRUSH_V2 = 1n << 36n;
export const FEATURE_EXPORT_PEER = 1n << 37n;
export const FEATURE_OSDMAP_ENC = 1n << 39n;
export const FEATURE_MDS_INLINE_DATA = 1n << 40n;
export const FEATURE_CRUSH_TUNABLES3 = 1n << 41n;
export const FEATURE_OSD_PRIMARY_AFFINITY = 1n << 41n;
export const FEATURE_MSGR_KEEPALIVE2 = 1n << 42n;
export const FEATURE_OSD_POOLRESEND = 1n << 43n;
export const FEATURE_OSD_FADVISE_FLAGS = 1n << 46n;
export const FEATURE_MDS_QUOTA = 1n << 47n;
export const FEATURE_CRUSH_V4 = 1n << 48n;
export const FEATURE_NEW_OSDOP_ENCODING = 1n << 56n;
export const FEATURE_MON_STATEFUL_SUB = 1n << 57n;
export const FEATURE_SERVER_JEWEL = 1n << 57n;
export const FEATURE_CRUSH_TUNABLES5 = 1n << 58n;
export const FEATURE_NEW_OSDOPREPLY_ENCODING = 1n << 58n;
export const FEATURE_FS_FILE_LAYOUT_V2 = 1n << 58n;
export const FEATURE_FS_BTIME = 1n << 59n;
export const FEATURE_FS_CHANGE_ATTR = 1n << 59n;
export const FEATURE_MSG_ADDR2 = 1n << 59n;
export const FEATURE_OSD_RECOVERY_DELETES = 1n << 60n;
export const FEATURE_CEPHX_V2 = 1n << 61n;
/** Set by peers that sent every bit by mistake; see `sanitizeFeatures`. */
export const FEATURE_RESERVED_BROKEN = 1n << 63n;

export const FEATURE_SERVER_KRAKEN = (1n << 14n) | INCARNATION_2;
export const FEATURE_OSD_PGLOG_HARDLIMIT = (1n << 19n) | INCARNATION_2;
export const FEATURE_SERVER_LUMINOUS = (1n << 21n) | INCARNATION_2;
export const FEATURE_RESEND_ON_SPLIT = FEATURE_SERVER_LUMINOUS;
export const FEATURE_RADOS_BACKOFF = FEATURE_SERVER_LUMINOUS;
export const FEATURE_OSDMAP_PG_UPMAP = FEATURE_SERVER_LUMINOUS;
export const FEATURE_CRUSH_CHOOSE_ARGS = FEATURE_SERVER_LUMINOUS;
export const FEATURE_OSD_FIXED_COLLECTION_LIST = (1n << 22n) | INCARNATION_2;
export const FEATURE_RECOVERY_RESERVATION_2 = (1n << 24n) | INCARNATION_2;
export const FEATURE_SERVER_MIMIC = (1n << 28n) | INCARNATION_2;
export const FEATURE_CRUSH_MSR = (1n << 38n) | INCARNATION_2;
export const FEATURE_SERVER_SQUID = (1n << 49n) | INCARNATION_2;

export const FEATURE_SERVER_NAUTILUS = (1n << 2n) | INCARNATION_3;
export const FEATURE_SERVER_OCTOPUS = (1n << 16n) | INCARNATION_3;
export const FEATURE_OSD_REPOP_MLCOD = FEATURE_SERVER_OCTOPUS;
export const FEATURE_OS_PERF_STAT_NS = (1n << 17n) | INCARNATION_3;
export const FEATURE_SERVER_PACIFIC = (1n << 20n) | INCARNATION_3;
export const FEATURE_SERVER_REEF = (1n << 31n) | INCARNATION_3;
export const FEATURE_STRETCH_MODE = (1n << 32n) | INCARNATION_3;
export const FEATURE_SERVER_QUINCY = (1n << 33n) | INCARNATION_3;
export const FEATURE_RANGE_BLOCKLIST = (1n << 34n) | INCARNATION_3;

/**
 * What a 16.2 daemon and client announce, as measured of a running cluster: everything of that release,
 * without OS_PERF_STAT_NS and SERVER_QUINCY.
 */
export const FEATURES_ALL = 0x3f01cfbdfffdffffn;
export const FEATURES_SUPPORTED_DEFAULT = FEATURES_ALL;

export const FEATURES_CRUSH =
  FEATURE_CRUSH_TUNABLES |
  FEATURE_CRUSH_TUNABLES2 |
  FEATURE_CRUSH_TUNABLES3 |
  FEATURE_CRUSH_TUNABLES5 |
  FEATURE_CRUSH_V2 |
  FEATURE_CRUSH_V4 |
  FEATURE_CRUSH_CHOOSE_ARGS;

export const ALL_FEATURES = new Features(FEATURES_ALL);
export const NO_FEATURES = new Features(0n);

/** What a peer means that announces bit 63: such releases had exactly the first 33 features. */
export function sanitizeFeatures(bits: bigint): bigint {
  return (bits & FEATURE_RESERVED_BROKEN) !== 0n ? 0x1ffffffffn : bits;
}
