import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { entityAddrText } from '../types/addr-text.ts';
import {
  clsLockBreakOp,
  clsLockGetInfoOp,
  clsLockGetInfoReply,
  clsLockListLocksReply,
  clsLockLockOp,
  clsLockUnlockOp,
  LOCK_CLASS,
  LOCK_EXCLUSIVE,
  LOCK_FLAG_MAY_RENEW,
  LOCK_FLAG_MUST_RENEW,
  LOCK_NONE,
  LOCK_SHARED,
} from '../types/cls-lock.ts';
import type { Codec } from '../types/codec.ts';
import { type EntityName, entityNameText, entityTypeFromName } from '../types/entity.ts';
import { UTIME_ZERO, utimeFromMs, utimeIsZero, utimeToMs } from '../types/utime.ts';

/** How to take an advisory lock (cls_lock). */
export interface LockOptions {
  /** Tells locks of one client apart. */
  readonly cookie?: string;
  readonly description?: string;
  /** Milliseconds after which it ends by itself; without, it is held until unlocked. */
  readonly duration?: number;
  /** Whether it may be held already: 'may' takes or renews it, 'must' only renews it. */
  readonly renew?: 'may' | 'must';
  /** Of a shared lock: holders must name the same. */
  readonly tag?: string;
}

export interface Locker {
  /** 'client.4123'. */
  readonly client: string;
  readonly cookie: string;
  /** When it ends by itself. */
  readonly expiration: Date | undefined;
  readonly address: string;
  readonly description: string;
}

export interface LockInfo {
  readonly type: 'none' | 'exclusive' | 'shared';
  readonly tag: string;
  readonly lockers: readonly Locker[];
}

const encode = <T>(codec: Codec<T>, value: T): Buffer => encodeToBuffer(e => codec.encode(e, value));

export { LOCK_CLASS };

export function lockInput(type: 'exclusive' | 'shared', name: string, options: LockOptions): Buffer {
  const { cookie = '', description = '', duration, renew, tag = '' } = options;
  return encode(clsLockLockOp, {
    ...clsLockLockOp.zero(),
    name,
    type: type === 'exclusive' ? LOCK_EXCLUSIVE : LOCK_SHARED,
    cookie,
    tag,
    description,
    duration: duration === undefined ? UTIME_ZERO : utimeFromMs(duration),
    flags: renew === 'must' ? LOCK_FLAG_MUST_RENEW : renew === 'may' ? LOCK_FLAG_MAY_RENEW : 0,
  });
}

export function unlockInput(name: string, cookie: string): Buffer {
  return encode(clsLockUnlockOp, { ...clsLockUnlockOp.zero(), name, cookie });
}

/** 'client.4123' -> its name. @throws NacreError EINVAL when it is none. */
export function parseClient(client: string): EntityName {
  const m = /^([a-z]+)\.(\d{1,15})$/.exec(client);
  const type = m === null ? 0 : entityTypeFromName(m[1]);
  if (m === null || type === 0)
    throw new NacreError('EINVAL', 'rados.breakLock', `'${client}' is no client such as client.4123`);
  return { type, num: Number(m[2]) };
}

export function breakInput(name: string, client: string, cookie: string): Buffer {
  return encode(clsLockBreakOp, { ...clsLockBreakOp.zero(), name, locker: parseClient(client), cookie });
}

export function getInfoInput(name: string): Buffer {
  return encode(clsLockGetInfoOp, { ...clsLockGetInfoOp.zero(), name });
}

export function decodeLockInfo(out: Uint8Array): LockInfo {
  const { lockers, lockType, tag } = clsLockGetInfoReply.decode(new Decoder(out, 'cls_lock_get_info_reply'));
  return {
    type: lockType === LOCK_NONE ? 'none' : lockType === LOCK_SHARED ? 'shared' : 'exclusive',
    tag,
    lockers: lockers.map(([id, info]) => ({
      client: entityNameText(id.locker),
      cookie: id.cookie,
      expiration: utimeIsZero(info.expiration) ? undefined : new Date(utimeToMs(info.expiration)),
      address: entityAddrText(info.addr),
      description: info.description,
    })),
  };
}

export function decodeLockNames(out: Uint8Array): readonly string[] {
  return clsLockListLocksReply.decode(new Decoder(out, 'cls_lock_list_locks_reply')).locks;
}
