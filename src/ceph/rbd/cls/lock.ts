import { encodeToBuffer } from '../../../base/encoder.ts';
import type { Operation } from '../../rados/operation.ts';
import {
  clsLockAssertOp,
  clsLockBreakOp,
  clsLockGetInfoOp,
  clsLockGetInfoReply,
  clsLockLockOp,
  clsLockSetCookieOp,
  clsLockUnlockOp,
  LOCK_CLASS,
} from '../../types/cls-lock.ts';
import type { EntityName } from '../../types/entity.ts';
import { UTIME_ZERO, utimeFromMs } from '../../types/utime.ts';
import { reader, writer } from './method.ts';

// Object class "lock", as ops of compound operations. Types of locks: LOCK_EXCLUSIVE, LOCK_SHARED.

export interface LockArguments {
  readonly name: string;
  /** LOCK_EXCLUSIVE or LOCK_SHARED. */
  readonly type: number;
  readonly cookie: string;
  readonly tag?: string;
  readonly description?: string;
  /** Milliseconds; 0, the default, until unlocked. */
  readonly duration?: number;
  /** LOCK_FLAG_*. */
  readonly flags?: number;
}

/** EBUSY when others hold it, EEXIST when we do and may not renew it. */
export const lock = writer(
  'lock',
  (e, { name, type, cookie, tag = '', description = '', duration = 0, flags = 0 }: LockArguments) =>
    clsLockLockOp.encode(e, {
      name,
      type,
      cookie,
      tag,
      description,
      duration: duration === 0 ? UTIME_ZERO : utimeFromMs(duration),
      flags,
    }),
  LOCK_CLASS,
);

/** ENOENT when we do not hold it. */
export const unlock = writer(
  'unlock',
  (e, name: string, cookie: string) => clsLockUnlockOp.encode(e, { name, cookie }),
  LOCK_CLASS,
);

/** Takes it from another. ENOENT when that one does not hold it. */
export const breakLock = writer(
  'break_lock',
  (e, name: string, locker: EntityName, cookie: string) => clsLockBreakOp.encode(e, { name, locker, cookie }),
  LOCK_CLASS,
);

/** Another cookie for a lock that we hold. EBUSY when we do not. */
export const setCookie = writer(
  'set_cookie',
  (e, name: string, type: number, cookie: string, tag: string, newCookie: string) =>
    clsLockSetCookieOp.encode(e, { name, type, cookie, tag, newCookie }),
  LOCK_CLASS,
);

/** Holders by name and cookie; `lockType` LOCK_NONE when nobody ever held it. */
export const getInfo = reader(
  'get_info',
  (e, name: string) => clsLockGetInfoOp.encode(e, { name }),
  clsLockGetInfoReply.decode,
  LOCK_CLASS,
);

/** The operation fails with EBUSY when we do not hold the lock so. */
export function assertLocked<O extends Operation>(
  op: O,
  name: string,
  type: number,
  cookie: string,
  tag = '',
): O {
  const input = encodeToBuffer(e => clsLockAssertOp.encode(e, { name, type, cookie, tag }));
  op.exec(LOCK_CLASS, 'assert_locked', input);
  return op;
}
