import {
  bin,
  blob,
  bool,
  i32,
  list,
  map,
  pair,
  pairs,
  plain,
  since,
  str,
  struct,
  u8,
  u32,
  u64,
  u64b,
  u64OrMax,
  unused,
  utime,
  type ValueOf,
} from './codec.ts';
import { entityAddr, entityName, hobject, reqid } from './codecs.ts';

// What OSDs answer to single ops: the output data of list-watchers, list-snaps, copy-get, pgls and pgnls.

/** watch_item_t (osd/osd_types.h): a watcher, for list-watchers. */
export const watchItem = struct(
  'watch_item_t',
  { version: 2, compat: 1 },
  { name: entityName, cookie: u64b, timeoutSeconds: u32, addr: since(2, entityAddr) },
);
export type WatchItem = ValueOf<typeof watchItem>;

/** obj_list_watch_response_t. */
export const objListWatchResponse = struct(
  'obj_list_watch_response_t',
  { version: 1, compat: 1 },
  { entries: list(watchItem) },
);
export type ObjListWatchResponse = ValueOf<typeof objListWatchResponse>;

/** clone_info: a clone, or the head (its id is then SNAP_HEAD). */
export const cloneInfo = struct(
  'clone_info',
  { version: 1, compat: 1 },
  {
    cloneid: u64b,
    /** Ascending. */
    snaps: list(u64b),
    /** (offset, length) that it shares with the next newer one. */
    overlap: list(pair(u64, u64)),
    size: u64,
  },
);
export type CloneInfo = ValueOf<typeof cloneInfo>;

/** obj_list_snap_response_t. */
export const objListSnapResponse = struct(
  'obj_list_snap_response_t',
  { version: 2, compat: 1 },
  { clones: list(cloneInfo), seq: since(2, u64b) },
);
export type ObjListSnapResponse = ValueOf<typeof objListSnapResponse>;

/** object_copy_cursor_t: how far a copy has come. */
export const objectCopyCursor = struct(
  'object_copy_cursor_t',
  { version: 1, compat: 1 },
  { attrComplete: bool, dataOffset: u64, dataComplete: bool, omapOffset: bin, omapComplete: bool },
);
export type ObjectCopyCursor = ValueOf<typeof objectCopyCursor>;

/** object_copy_data_t: a part of an object, for copy-get. */
export const objectCopyData = struct(
  'object_copy_data_t',
  { version: 8, compat: 5, oldest: 5 },
  {
    /** Infinity when the copy did not begin. */
    size: u64OrMax,
    mtime: utime,
    attrs: map(str, blob),
    data: blob,
    /** Encoded map of keys to values, without a count of bytes inside. */
    omapData: blob,
    cursor: objectCopyCursor,
    omapHeader: blob,
    snaps: list(u64b),
    snapSeq: u64b,
    /** object_copy_data_t::FLAG_DATA_DIGEST 1, FLAG_OMAP_DIGEST 2. */
    flags: u32,
    dataDigest: u32,
    omapDigest: u32,
    reqids: since(6, pairs(reqid, u64)),
    truncateSeq: since(7, u64),
    /** Infinity for "never truncated". */
    truncateSize: since(7, u64OrMax),
    reqidReturnCodes: since(8, map(u32, i32)),
  },
);
export type ObjectCopyData = ValueOf<typeof objectCopyData>;

/** pg_ls_response_t: u8 1, hobject_t handle, list of (str name, str key). */
export const pgLsResponse = plain({
  version: unused(u8, 1),
  handle: hobject,
  entries: list(pair(str, str)),
});
export type PgLsResponse = ValueOf<typeof pgLsResponse>;

/** librados::ListObjectImpl: str nspace, str oid, str locator. */
export const listObject = plain({ nspace: str, oid: str, locator: str });
export type ListObject = ValueOf<typeof listObject>;

/** pg_nls_response_t: ENCODE_START(1, 1): hobject_t handle (where to go on; MAX at the end), entries. */
export const pgNlsResponse = struct(
  'pg_nls_response_t',
  { version: 1, compat: 1 },
  { handle: hobject, entries: list(listObject) },
);
export type PgNlsResponse = ValueOf<typeof pgNlsResponse>;
