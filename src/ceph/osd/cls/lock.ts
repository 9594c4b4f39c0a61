import { Decoder } from '../../../base/decoder.ts';
import { encodeToBuffer } from '../../../base/encoder.ts';
import {
  clsLockAssertOp,
  clsLockBreakOp,
  clsLockGetInfoOp,
  clsLockGetInfoReply,
  clsLockListLocksReply,
  clsLockLockOp,
  clsLockSetCookieOp,
  clsLockUnlockOp,
  LOCK_EXCLUSIVE,
  LOCK_EXCLUSIVE_EPHEMERAL,
  LOCK_FLAG_MAY_RENEW,
  LOCK_FLAG_MUST_RENEW,
  LOCK_NONE,
  LOCK_SHARED,
  LOCK_XATTR_PREFIX,
  type LockerId,
  type LockerInfo,
  lockInfo,
} from '../../types/cls-lock.ts';
import type { EntityName } from '../../types/entity.ts';
import { type UTime, utimeFromMs, utimeIsZero, utimeToMs } from '../../types/utime.ts';
import { EBUSY, EEXIST, EINVAL, EIO, ENODATA, ENOENT } from '../errors.ts';
import { CLS_METHOD_RD, CLS_METHOD_WR, type ClassRegistry, type ClsContext } from './registry.ts';

interface Locker {
  readonly id: LockerId;
  info: LockerInfo;
}

interface Lock {
  lockers: Locker[];
  lockType: number;
  tag: string;
}

const isExclusive = (type: number): boolean => type === LOCK_EXCLUSIVE || type === LOCK_EXCLUSIVE_EPHEMERAL;
const isValid = (type: number): boolean => isExclusive(type) || type === LOCK_SHARED;

function sameId(a: LockerId, b: LockerId): boolean {
  return a.locker.type === b.locker.type && a.locker.num === b.locker.num && a.cookie === b.cookie;
}

/** The order of locker_id_t: name, then cookie. */
function compareId(a: LockerId, b: LockerId): number {
  if (a.locker.type !== b.locker.type) return a.locker.type - b.locker.type;
  if (a.locker.num !== b.locker.num) return a.locker.num - b.locker.num;
  return a.cookie < b.cookie ? -1 : a.cookie > b.cookie ? 1 : 0;
}

/** The lock as stored, without the holders whose time is over; a new one when there is none. */
function readLock(ctx: ClsContext, name: string): Lock | number {
  const lock: Lock = { lockers: [], lockType: LOCK_NONE, tag: '' };
  const stored = ctx.getXattr(LOCK_XATTR_PREFIX + name);
  if (typeof stored === 'number') return stored === ENOENT || stored === ENODATA ? lock : stored;
  if (stored.length === 0) return lock;
  try {
    const info = lockInfo.decode(new Decoder(stored, 'lock_info_t'));
    const now = ctx.now();
    for (const [id, locker] of info.lockers)
      if (utimeIsZero(locker.expiration) || utimeToMs(locker.expiration) >= now)
        lock.lockers.push({ id, info: locker });
    lock.lockType = info.lockType;
    lock.tag = info.tag;
    return lock;
  } catch {
    return EIO;
  }
}

function writeLock(ctx: ClsContext, name: string, lock: Lock): number {
  const lockers = [...lock.lockers].sort((a, b) => compareId(a.id, b.id)).map(l => [l.id, l.info] as const);
  return ctx.setXattr(
    LOCK_XATTR_PREFIX + name,
    encodeToBuffer(e => lockInfo.encode(e, { lockers, lockType: lock.lockType, tag: lock.tag })),
  );
}

interface LockRequest {
  readonly name: string;
  readonly type: number;
  readonly cookie: string;
  readonly tag: string;
  readonly description: string;
  readonly duration: UTime;
  readonly flags: number;
}

function lockObject(ctx: ClsContext, op: LockRequest): number {
  const mayRenew = (op.flags & LOCK_FLAG_MAY_RENEW) !== 0;
  const mustRenew = (op.flags & LOCK_FLAG_MUST_RENEW) !== 0;
  if (!isValid(op.type) || op.name === '' || (mayRenew && mustRenew)) return EINVAL;
  const lock = readLock(ctx, op.name);
  if (typeof lock === 'number') return lock;
  const { origin } = ctx;
  const id: LockerId = { locker: origin.name, cookie: op.cookie };
  if (lock.lockers.length > 0 && lock.tag !== op.tag) return EBUSY;
  const mine = lock.lockers.findIndex(l => sameId(l.id, id));
  if (mine >= 0 && (mayRenew || mustRenew)) lock.lockers.splice(mine, 1);
  else if (mine >= 0) return EEXIST;
  else if (mustRenew) return ENOENT;
  // Who held it with another type may take it alone only if nobody else is left.
  if (lock.lockers.length > 0 && (isExclusive(op.type) || isExclusive(lock.lockType))) return EBUSY;
  lock.lockType = op.type;
  lock.tag = op.tag;
  const expiration = utimeIsZero(op.duration) ? op.duration : utimeFromMs(ctx.now() + utimeToMs(op.duration));
  lock.lockers.push({ id, info: { expiration, addr: origin.addr, description: op.description } });
  return writeLock(ctx, op.name, lock);
}

function removeLock(ctx: ClsContext, name: string, locker: EntityName, cookie: string): number {
  const lock = readLock(ctx, name);
  if (typeof lock === 'number') return lock;
  const at = lock.lockers.findIndex(l => sameId(l.id, { locker, cookie }));
  if (at < 0) return ENOENT;
  lock.lockers.splice(at, 1);
  if (lock.lockers.length === 0 && lock.lockType === LOCK_EXCLUSIVE_EPHEMERAL) return ctx.remove();
  return writeLock(ctx, name, lock);
}

function getInfo(ctx: ClsContext, input: Buffer): number {
  const { name } = clsLockGetInfoOp.decode(new Decoder(input));
  const lock = readLock(ctx, name);
  if (typeof lock === 'number') return lock;
  const lockers = lock.lockers.map(l => [l.id, l.info] as const);
  ctx.setOutput(
    encodeToBuffer(e => clsLockGetInfoReply.encode(e, { lockers, lockType: lock.lockType, tag: lock.tag })),
  );
  return 0;
}

function listLocks(ctx: ClsContext): number {
  const attrs = ctx.getXattrs();
  if (typeof attrs === 'number') return attrs;
  const locks = [...attrs.keys()]
    .filter(name => name.startsWith(LOCK_XATTR_PREFIX))
    .map(name => name.slice(LOCK_XATTR_PREFIX.length))
    .sort();
  ctx.setOutput(encodeToBuffer(e => clsLockListLocksReply.encode(e, { locks })));
  return 0;
}

/** The caller's holding of a lock of that type and tag; a negative errno when it has none. */
function holding(
  ctx: ClsContext,
  op: { name: string; type: number; cookie: string; tag: string },
): { lock: Lock; at: number } | number {
  if (!isValid(op.type) || op.name === '') return EINVAL;
  const lock = readLock(ctx, op.name);
  if (typeof lock === 'number') return lock;
  if (lock.lockers.length === 0 || lock.lockType !== op.type || lock.tag !== op.tag) return EBUSY;
  const id = { locker: ctx.origin.name, cookie: op.cookie };
  const at = lock.lockers.findIndex(l => sameId(l.id, id));
  return at < 0 ? EBUSY : { lock, at };
}

function setCookie(ctx: ClsContext, input: Buffer): number {
  const op = clsLockSetCookieOp.decode(new Decoder(input));
  const held = holding(ctx, op);
  if (typeof held === 'number') return held;
  const { lock, at } = held;
  const id: LockerId = { locker: ctx.origin.name, cookie: op.newCookie };
  if (lock.lockers.some(l => sameId(l.id, id))) return EBUSY;
  const [old] = lock.lockers.splice(at, 1);
  lock.lockers.push({ id, info: old.info });
  return writeLock(ctx, op.name, lock);
}

/** Class "lock" (cls/lock/cls_lock.cc): advisory locks, kept in attributes of the object. */
export function registerLock(classes: ClassRegistry): void {
  const RW = CLS_METHOD_RD | CLS_METHOD_WR;
  classes.register('lock', {
    lock: { flags: RW, run: (ctx, input) => lockObject(ctx, clsLockLockOp.decode(new Decoder(input))) },
    unlock: {
      flags: RW,
      run: (ctx, input) => {
        const op = clsLockUnlockOp.decode(new Decoder(input));
        return removeLock(ctx, op.name, ctx.origin.name, op.cookie);
      },
    },
    break_lock: {
      flags: RW,
      run: (ctx, input) => {
        const op = clsLockBreakOp.decode(new Decoder(input));
        return removeLock(ctx, op.name, op.locker, op.cookie);
      },
    },
    get_info: { flags: CLS_METHOD_RD, run: getInfo },
    list_locks: { flags: CLS_METHOD_RD, run: listLocks },
    assert_locked: {
      flags: CLS_METHOD_RD,
      run: (ctx, input) => {
        const held = holding(ctx, clsLockAssertOp.decode(new Decoder(input)));
        return typeof held === 'number' ? held : 0;
      },
    },
    set_cookie: { flags: RW, run: setCookie },
  });
}
