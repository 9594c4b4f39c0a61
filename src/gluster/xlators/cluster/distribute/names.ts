/** Keys by which distribute, the bricks and other translators talk (glusterfs.h, dht-common.h). */

export const DOMAIN_LAYOUT_HEAL = 'dht.layout.heal';
export const DOMAIN_FILE_MIGRATE = 'dht.file.migrate';
export const DOMAIN_ENTRY_SYNC = 'dht.entry.sync';

export const GFID_REQ = 'gfid-req';
export const INTERNAL_FOP = 'glusterfs-internal-fop';
export const OPEN_FD_COUNT = 'glusterfs.open-fd-count';
export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';
/** The brick does the fop only while the parent's xattr of this name has the value that comes with it. */
export const PREOP_PARENT_KEY = 'glusterfs.preop.parent.key';
export const PREOP_CHECK_FAILED = 'glusterfs.preop.check.failed';
export const UNLINK_ONLY_LINKTO = 'unlink-only-if-dht-linkto-file';
export const UNLINK_NOT_OPEN = 'dont-unlink-for-open-fd';
/** Asks for, and carries, the attributes of the file that a fop without attributes in its answer worked on. */
export const IATT_IN_XDATA = 'dht-get-iatt-in-xattr';
export const MODE_IN_XDATA = 'dht-get-mode-in-xattr';
export const FORCE_REPLACE = 'force-replace';
export const MARKER_DONT_ACCOUNT = 'glusters.marker.dont-account';
export const CHANGELOG_RENAME_OP = 'changelog.rename-op';
export const READDIR_SKIP_DIRS = 'readdir-filter-directories';
export const PROTECT_WRITES = 'trusted.glusterfs.protect.writes';
export const IGNORE_DEEM_STATFS = 'ignore-deem-statfs';
export const INTERNAL_CTX = 'glusterfs.internal-ctx';
export const LIST_XATTR = 'list-xattr';
export const ANCESTRY_PATH = 'glusterfs.ancestry.path';
export const SYNC_BACKEND_XATTRS = 'sync_backend_xattrs';

export const QUOTA_SIZE = 'trusted.glusterfs.quota.size';
export const QUOTA_LIMIT = 'trusted.glusterfs.quota.limit-set';
export const QUOTA_LIMIT_OBJECTS = 'trusted.glusterfs.quota.limit-objects';

export const PATHINFO = 'trusted.glusterfs.pathinfo';
export const USER_PATHINFO = 'glusterfs.pathinfo';
export const NODE_UUID = 'trusted.glusterfs.node-uuid';
export const LIST_NODE_UUIDS = 'trusted.glusterfs.list-node-uuids';
export const LINKINFO = 'trusted.distribute.linkinfo';
export const REAL_FILENAME = 'glusterfs.get_real_filename:';
export const LOCKINFO = 'trusted.glusterfs.lockinfo';
export const SUBVOL_STATUS = 'dht.subvol.status';
export const HASHED_SUBVOL = 'dht.file.hashed-subvol.';
export const FIX_LAYOUT = 'distribute.fix.layout';
export const MIGRATE_DATA = 'trusted.distribute.migrate-data';
export const SPREAD_COUNT = 'distribute.directory-spread-count';
export const DECOMMISSION_BRICK = 'decommission-brick';
export const NUKE = 'glusterfs.dht.nuke';
export const FIND_LOCAL_SUBVOL = 'glusterfs.find-local-subvol';
export const OLD_FIND_LOCAL_SUBVOL = 'glusterfs.old-find-local-subvol';

/** Besides user.*: what a directory has on one brick (its metadata server) and the others get from there. */
export const HEALED_XATTRS: readonly string[] = [
  ACL_ACCESS,
  ACL_DEFAULT,
  QUOTA_LIMIT,
  QUOTA_LIMIT_OBJECTS,
  'security.selinux',
  'trusted.glusterfs.mdata',
];

/** Who self-heal works as: root, and not squashed (GF_CLIENT_PID_NO_ROOT_SQUASH). */
export const PID_NO_ROOT_SQUASH = -4;
export const PID_DEFRAG = -3;
