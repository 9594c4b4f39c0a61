/**
 * Numbers and names of include/rados.h (16.2). An op code says in itself whether it reads, writes or works on
 * the cache (the top four bits) and what it works on (the next four).
 */
export const CEPH_OSD_OP_MODE = 0xf000;
export const CEPH_OSD_OP_MODE_RD = 0x1000;
export const CEPH_OSD_OP_MODE_WR = 0x2000;
export const CEPH_OSD_OP_MODE_RMW = 0x3000;
export const CEPH_OSD_OP_MODE_SUB = 0x4000;
export const CEPH_OSD_OP_MODE_CACHE = 0x8000;
export const CEPH_OSD_OP_TYPE = 0x0f00;
export const CEPH_OSD_OP_TYPE_DATA = 0x0200;
export const CEPH_OSD_OP_TYPE_ATTR = 0x0300;
export const CEPH_OSD_OP_TYPE_EXEC = 0x0400;
export const CEPH_OSD_OP_TYPE_PG = 0x0500;

export const CEPH_OSD_OP_READ = 0x1201;
export const CEPH_OSD_OP_STAT = 0x1202;
export const CEPH_OSD_OP_MAPEXT = 0x1203;
export const CEPH_OSD_OP_CHECKSUM = 0x121f;
export const CEPH_OSD_OP_MASKTRUNC = 0x1204;
export const CEPH_OSD_OP_SPARSE_READ = 0x1205;
export const CEPH_OSD_OP_NOTIFY = 0x1206;
export const CEPH_OSD_OP_NOTIFY_ACK = 0x1207;
export const CEPH_OSD_OP_ASSERT_VER = 0x1208;
export const CEPH_OSD_OP_LIST_WATCHERS = 0x1209;
export const CEPH_OSD_OP_LIST_SNAPS = 0x120a;
export const CEPH_OSD_OP_SYNC_READ = 0x120b;
export const CEPH_OSD_OP_WRITE = 0x2201;
export const CEPH_OSD_OP_WRITEFULL = 0x2202;
export const CEPH_OSD_OP_TRUNCATE = 0x2203;
export const CEPH_OSD_OP_ZERO = 0x2204;
export const CEPH_OSD_OP_DELETE = 0x2205;
export const CEPH_OSD_OP_APPEND = 0x2206;
export const CEPH_OSD_OP_SETTRUNC = 0x2208;
export const CEPH_OSD_OP_TRIMTRUNC = 0x2209;
export const CEPH_OSD_OP_TMAPUP = 0x320a;
export const CEPH_OSD_OP_TMAPPUT = 0x220b;
export const CEPH_OSD_OP_TMAPGET = 0x120c;
export const CEPH_OSD_OP_CREATE = 0x220d;
export const CEPH_OSD_OP_ROLLBACK = 0x220e;
export const CEPH_OSD_OP_WATCH = 0x220f;
export const CEPH_OSD_OP_OMAPGETKEYS = 0x1211;
export const CEPH_OSD_OP_OMAPGETVALS = 0x1212;
export const CEPH_OSD_OP_OMAPGETHEADER = 0x1213;
export const CEPH_OSD_OP_OMAPGETVALSBYKEYS = 0x1214;
export const CEPH_OSD_OP_OMAPSETVALS = 0x2215;
export const CEPH_OSD_OP_OMAPSETHEADER = 0x2216;
export const CEPH_OSD_OP_OMAPCLEAR = 0x2217;
export const CEPH_OSD_OP_OMAPRMKEYS = 0x2218;
export const CEPH_OSD_OP_OMAPRMKEYRANGE = 0x222c;
export const CEPH_OSD_OP_OMAP_CMP = 0x1219;
export const CEPH_OSD_OP_COPY_FROM = 0x221a;
export const CEPH_OSD_OP_UNDIRTY = 0x221c;
export const CEPH_OSD_OP_ISDIRTY = 0x121d;
export const CEPH_OSD_OP_COPY_GET = 0x121e;
export const CEPH_OSD_OP_CACHE_FLUSH = 0x821f;
export const CEPH_OSD_OP_CACHE_EVICT = 0x8220;
export const CEPH_OSD_OP_CACHE_TRY_FLUSH = 0x8221;
export const CEPH_OSD_OP_TMAP2OMAP = 0x3222;
export const CEPH_OSD_OP_SETALLOCHINT = 0x2223;
export const CEPH_OSD_OP_CACHE_PIN = 0x2224;
export const CEPH_OSD_OP_CACHE_UNPIN = 0x2225;
export const CEPH_OSD_OP_WRITESAME = 0x2226;
export const CEPH_OSD_OP_CMPEXT = 0x1220;
export const CEPH_OSD_OP_SET_REDIRECT = 0x2227;
export const CEPH_OSD_OP_SET_CHUNK = 0x8228;
export const CEPH_OSD_OP_TIER_PROMOTE = 0x2229;
export const CEPH_OSD_OP_UNSET_MANIFEST = 0x222a;
export const CEPH_OSD_OP_TIER_FLUSH = 0x822b;
export const CEPH_OSD_OP_TIER_EVICT = 0x822c;
export const CEPH_OSD_OP_COPY_FROM2 = 0x222d;
export const CEPH_OSD_OP_GETXATTR = 0x1301;
export const CEPH_OSD_OP_GETXATTRS = 0x1302;
export const CEPH_OSD_OP_CMPXATTR = 0x1303;
export const CEPH_OSD_OP_SETXATTR = 0x2301;
export const CEPH_OSD_OP_SETXATTRS = 0x2302;
export const CEPH_OSD_OP_RESETXATTRS = 0x2303;
export const CEPH_OSD_OP_RMXATTR = 0x2304;
export const CEPH_OSD_OP_CALL = 0x1401;
export const CEPH_OSD_OP_PGLS = 0x1501;
export const CEPH_OSD_OP_PGLS_FILTER = 0x1502;
export const CEPH_OSD_OP_PG_HITSET_LS = 0x1503;
export const CEPH_OSD_OP_PG_HITSET_GET = 0x1504;
export const CEPH_OSD_OP_PGNLS = 0x1505;
export const CEPH_OSD_OP_PGNLS_FILTER = 0x1506;
export const CEPH_OSD_OP_SCRUBLS = 0x1507;

const OP_NAMES: Readonly<Record<number, string>> = {
  [CEPH_OSD_OP_READ]: 'read',
  [CEPH_OSD_OP_STAT]: 'stat',
  [CEPH_OSD_OP_MAPEXT]: 'mapext',
  [CEPH_OSD_OP_CHECKSUM]: 'checksum',
  [CEPH_OSD_OP_MASKTRUNC]: 'masktrunc',
  [CEPH_OSD_OP_SPARSE_READ]: 'sparse-read',
  [CEPH_OSD_OP_NOTIFY]: 'notify',
  [CEPH_OSD_OP_NOTIFY_ACK]: 'notify-ack',
  [CEPH_OSD_OP_ASSERT_VER]: 'assert-version',
  [CEPH_OSD_OP_LIST_WATCHERS]: 'list-watchers',
  [CEPH_OSD_OP_LIST_SNAPS]: 'list-snaps',
  [CEPH_OSD_OP_SYNC_READ]: 'sync_read',
  [CEPH_OSD_OP_WRITE]: 'write',
  [CEPH_OSD_OP_WRITEFULL]: 'writefull',
  [CEPH_OSD_OP_TRUNCATE]: 'truncate',
  [CEPH_OSD_OP_ZERO]: 'zero',
  [CEPH_OSD_OP_DELETE]: 'delete',
  [CEPH_OSD_OP_APPEND]: 'append',
  [CEPH_OSD_OP_SETTRUNC]: 'settrunc',
  [CEPH_OSD_OP_TRIMTRUNC]: 'trimtrunc',
  [CEPH_OSD_OP_TMAPUP]: 'tmapup',
  [CEPH_OSD_OP_TMAPPUT]: 'tmapput',
  [CEPH_OSD_OP_TMAPGET]: 'tmapget',
  [CEPH_OSD_OP_CREATE]: 'create',
  [CEPH_OSD_OP_ROLLBACK]: 'rollback',
  [CEPH_OSD_OP_WATCH]: 'watch',
  [CEPH_OSD_OP_OMAPGETKEYS]: 'omap-get-keys',
  [CEPH_OSD_OP_OMAPGETVALS]: 'omap-get-vals',
  [CEPH_OSD_OP_OMAPGETHEADER]: 'omap-get-header',
  [CEPH_OSD_OP_OMAPGETVALSBYKEYS]: 'omap-get-vals-by-keys',
  [CEPH_OSD_OP_OMAPSETVALS]: 'omap-set-vals',
  [CEPH_OSD_OP_OMAPSETHEADER]: 'omap-set-header',
  [CEPH_OSD_OP_OMAPCLEAR]: 'omap-clear',
  [CEPH_OSD_OP_OMAPRMKEYS]: 'omap-rm-keys',
  [CEPH_OSD_OP_OMAPRMKEYRANGE]: 'omap-rm-key-range',
  [CEPH_OSD_OP_OMAP_CMP]: 'omap-cmp',
  [CEPH_OSD_OP_COPY_FROM]: 'copy-from',
  [CEPH_OSD_OP_UNDIRTY]: 'undirty',
  [CEPH_OSD_OP_ISDIRTY]: 'isdirty',
  [CEPH_OSD_OP_COPY_GET]: 'copy-get',
  [CEPH_OSD_OP_CACHE_FLUSH]: 'cache-flush',
  [CEPH_OSD_OP_CACHE_EVICT]: 'cache-evict',
  [CEPH_OSD_OP_CACHE_TRY_FLUSH]: 'cache-try-flush',
  [CEPH_OSD_OP_TMAP2OMAP]: 'tmap2omap',
  [CEPH_OSD_OP_SETALLOCHINT]: 'set-alloc-hint',
  [CEPH_OSD_OP_CACHE_PIN]: 'cache-pin',
  [CEPH_OSD_OP_CACHE_UNPIN]: 'cache-unpin',
  [CEPH_OSD_OP_WRITESAME]: 'write-same',
  [CEPH_OSD_OP_CMPEXT]: 'cmpext',
  [CEPH_OSD_OP_SET_REDIRECT]: 'set-redirect',
  [CEPH_OSD_OP_SET_CHUNK]: 'set-chunk',
  [CEPH_OSD_OP_TIER_PROMOTE]: 'tier-promote',
  [CEPH_OSD_OP_UNSET_MANIFEST]: 'unset-manifest',
  [CEPH_OSD_OP_TIER_FLUSH]: 'tier-flush',
  [CEPH_OSD_OP_TIER_EVICT]: 'tier-evict',
  [CEPH_OSD_OP_COPY_FROM2]: 'copy-from2',
  [CEPH_OSD_OP_GETXATTR]: 'getxattr',
  [CEPH_OSD_OP_GETXATTRS]: 'getxattrs',
  [CEPH_OSD_OP_CMPXATTR]: 'cmpxattr',
  [CEPH_OSD_OP_SETXATTR]: 'setxattr',
  [CEPH_OSD_OP_SETXATTRS]: 'setxattrs',
  [CEPH_OSD_OP_RESETXATTRS]: 'resetxattrs',
  [CEPH_OSD_OP_RMXATTR]: 'rmxattr',
  [CEPH_OSD_OP_CALL]: 'call',
  [CEPH_OSD_OP_PGLS]: 'pgls',
  [CEPH_OSD_OP_PGLS_FILTER]: 'pgls-filter',
  [CEPH_OSD_OP_PG_HITSET_LS]: 'pg-hitset-ls',
  [CEPH_OSD_OP_PG_HITSET_GET]: 'pg-hitset-get',
  [CEPH_OSD_OP_PGNLS]: 'pgnls',
  [CEPH_OSD_OP_PGNLS_FILTER]: 'pgnls-filter',
  [CEPH_OSD_OP_SCRUBLS]: 'scrubls',
};

/** 'read', 'set-alloc-hint' ...: what Ceph prints for an op code; '???' for an unknown one. */
export function opName(op: number): string {
  return OP_NAMES[op] ?? '???';
}

/** The class call's code says "read" although it may write: which it does, the OSD knows by the method. */
export function opModeRead(op: number): boolean {
  return (op & CEPH_OSD_OP_MODE_RD) !== 0 && op !== CEPH_OSD_OP_CALL;
}

export function opModeModify(op: number): boolean {
  return (op & CEPH_OSD_OP_MODE_WR) !== 0;
}

export function opModeCache(op: number): boolean {
  return (op & CEPH_OSD_OP_MODE_CACHE) !== 0;
}

export function opTypeData(op: number): boolean {
  return (op & CEPH_OSD_OP_TYPE) === CEPH_OSD_OP_TYPE_DATA;
}

export function opTypeAttr(op: number): boolean {
  return (op & CEPH_OSD_OP_TYPE) === CEPH_OSD_OP_TYPE_ATTR;
}

export function opTypeExec(op: number): boolean {
  return (op & CEPH_OSD_OP_TYPE) === CEPH_OSD_OP_TYPE_EXEC;
}

export function opTypePg(op: number): boolean {
  return (op & CEPH_OSD_OP_TYPE) === CEPH_OSD_OP_TYPE_PG;
}

/** Whether the op's arguments are offset, length, truncate size and sequence. */
export function opUsesExtent(op: number): boolean {
  switch (op) {
    case CEPH_OSD_OP_READ:
    case CEPH_OSD_OP_MAPEXT:
    case CEPH_OSD_OP_MASKTRUNC:
    case CEPH_OSD_OP_SPARSE_READ:
    case CEPH_OSD_OP_SYNC_READ:
    case CEPH_OSD_OP_WRITE:
    case CEPH_OSD_OP_WRITEFULL:
    case CEPH_OSD_OP_TRUNCATE:
    case CEPH_OSD_OP_ZERO:
    case CEPH_OSD_OP_APPEND:
    case CEPH_OSD_OP_TRIMTRUNC:
    case CEPH_OSD_OP_CMPEXT:
      return true;
    default:
      return false;
  }
}
export * from './rados-flags.ts';
