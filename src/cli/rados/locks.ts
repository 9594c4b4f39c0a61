import { formatJson } from '../../base/format.ts';
import type { LockOptions } from '../../ceph/rados/index.ts';
import { utimeFromMs } from '../../ceph/types/utime.ts';
import { strerror } from '../shared/errors.ts';
import { parseBytes, ToolError } from './options.ts';
import { errnoOf, failTwice, print, type Session, type Verb } from './session.ts';
import { localTime } from './time.ts';

/** Runs one lock operation; a failure is told with the errno again in a second line. */
async function attemptLock<T>(what: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    const errno = errnoOf(error);
    throw failTwice(`ERROR: ${what}: ${strerror(errno)}`, errno);
  }
}

function show({ format, options }: Session, document: unknown): void {
  const pretty =
    format === undefined || format === 'plain' ? options.prettyFormat === true : format === 'json-pretty';
  print(`${formatJson(document, pretty)}${pretty ? '\n' : ''}`);
}

async function list(s: Session, oid: string): Promise<void> {
  const names = await attemptLock('rados_list_locks()', () => s.io.listLocks(oid));
  show(s, { objname: oid, locks: names.map(name => ({ name })) });
}

async function info(s: Session, oid: string, lock: string): Promise<void> {
  const { type, tag, lockers } = await attemptLock('rados_lock_get_lock_info()', () =>
    s.io.listLockers(oid, lock),
  );
  show(s, {
    name: lock,
    type,
    tag,
    lockers: lockers.map(({ client, cookie, description, expiration, address }) => ({
      name: client,
      cookie,
      description,
      expiration: expirationText(expiration),
      addr: legacyAddr(address),
    })),
  });
}

/** Without its protocol, as addresses were shown before there were two. */
function legacyAddr(address: string): string {
  return address.replace(/^(v1|v2|any):/, '');
}

function expirationText(expiration: Date | undefined): string {
  if (expiration === undefined) return '0.000000';
  const { sec, nsec } = utimeFromMs(expiration.getTime());
  return localTime(sec, nsec);
}

async function get(s: Session, oid: string, lock: string): Promise<void> {
  const { lockType, lockTag, lockCookie, lockDescription, lockDuration } = s.options;
  if (lockType !== undefined && lockType !== 'exclusive' && lockType !== 'shared')
    throw failTwice('unknown lock type was specified, aborting', 22);
  const options: LockOptions = {
    tag: lockTag,
    cookie: lockCookie,
    description: lockDescription,
    duration: lockDuration === undefined ? undefined : parseBytes('lock-duration', lockDuration) * 1000,
  };
  await attemptLock('failed locking', () =>
    lockType === 'shared' ? s.io.lockShared(oid, lock, options) : s.io.lockExclusive(oid, lock, options),
  );
}

async function breakLock(s: Session, oid: string, lock: string, client: string): Promise<void> {
  if (!/^[a-z]+\.\d+$/.test(client)) throw failTwice(`ERROR: failed to parse locker name (${client})`, 22);
  await attemptLock('failed breaking lock', () => s.io.breakLock(oid, lock, client, s.options.lockCookie));
}

async function lock(s: Session, [what, oid, name, client]: readonly string[]): Promise<void> {
  if (what === 'list') return list(s, oid);
  if (name !== undefined) {
    if (what === 'info') return info(s, oid, name);
    if (what === 'get') return get(s, oid, name);
    if (what === 'break' && client !== undefined) return breakLock(s, oid, name, client);
  }
  throw new ToolError('usage: rados -p <pool> lock list|get|break|info <obj> [<lock> [<locker>]]');
}

export const LOCK_VERBS: readonly Verb[] = [
  {
    name: 'lock',
    args: 'list|get|break|info <obj> [<lock> [<locker>]]',
    description: 'advisory locks',
    min: 2,
    run: lock,
  },
];
