import { list, pairs, str, struct, u8, utime, type ValueOf } from './codec.ts';
import { entityAddr, entityName } from './codecs.ts';

// Object class "lock" (cls/lock/cls_lock_types.h, cls_lock_ops.h): arguments and answers of its methods.

/** ClsLockType. */
export const LOCK_NONE = 0;
export const LOCK_EXCLUSIVE = 1;
export const LOCK_SHARED = 2;
/** Exclusive, and gone with the object's next change by others. */
export const LOCK_EXCLUSIVE_EPHEMERAL = 3;

/** LOCK_FLAG_*: taking a lock again that one holds renews it, or must renew it. */
export const LOCK_FLAG_MAY_RENEW = 1;
export const LOCK_FLAG_MUST_RENEW = 2;

export const LOCK_CLASS = 'lock';
/** Locks are kept in xattrs of this prefix. */
export const LOCK_XATTR_PREFIX = 'lock.';

const V1 = { version: 1, compat: 1 };

export const lockerId = struct('locker_id_t', V1, { locker: entityName, cookie: str });
export type LockerId = ValueOf<typeof lockerId>;

/** `expiration` zero: never. */
export const lockerInfo = struct('locker_info_t', V1, {
  expiration: utime,
  addr: entityAddr,
  description: str,
});
export type LockerInfo = ValueOf<typeof lockerInfo>;

/** lock_info_t: a lock as it is stored. */
export const lockInfo = struct('lock_info_t', V1, {
  lockers: pairs(lockerId, lockerInfo),
  lockType: u8,
  tag: str,
});
export type LockInfo = ValueOf<typeof lockInfo>;

/** Method "lock". `duration` zero: until unlocked. */
export const clsLockLockOp = struct('cls_lock_lock_op', V1, {
  name: str,
  type: u8,
  cookie: str,
  tag: str,
  description: str,
  duration: utime,
  flags: u8,
});
export type ClsLockLockOp = ValueOf<typeof clsLockLockOp>;

/** Method "unlock". */
export const clsLockUnlockOp = struct('cls_lock_unlock_op', V1, { name: str, cookie: str });
export type ClsLockUnlockOp = ValueOf<typeof clsLockUnlockOp>;

/** Method "break_lock". */
export const clsLockBreakOp = struct('cls_lock_break_op', V1, { name: str, locker: entityName, cookie: str });
export type ClsLockBreakOp = ValueOf<typeof clsLockBreakOp>;

/** Method "get_info". */
export const clsLockGetInfoOp = struct('cls_lock_get_info_op', V1, { name: str });
export type ClsLockGetInfoOp = ValueOf<typeof clsLockGetInfoOp>;

export const clsLockGetInfoReply = struct('cls_lock_get_info_reply', V1, {
  lockers: pairs(lockerId, lockerInfo),
  lockType: u8,
  tag: str,
});
export type ClsLockGetInfoReply = ValueOf<typeof clsLockGetInfoReply>;

/** Method "list_locks" takes nothing. */
export const clsLockListLocksReply = struct('cls_lock_list_locks_reply', V1, { locks: list(str) });
export type ClsLockListLocksReply = ValueOf<typeof clsLockListLocksReply>;

/** Method "assert_locked": fails when the lock is not held so. */
export const clsLockAssertOp = struct('cls_lock_assert_op', V1, {
  name: str,
  type: u8,
  cookie: str,
  tag: str,
});
export type ClsLockAssertOp = ValueOf<typeof clsLockAssertOp>;

/** Method "set_cookie". */
export const clsLockSetCookieOp = struct('cls_lock_set_cookie_op', V1, {
  name: str,
  type: u8,
  cookie: str,
  tag: str,
  newCookie: str,
});
export type ClsLockSetCookieOp = ValueOf<typeof clsLockSetCookieOp>;
