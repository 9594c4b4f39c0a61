import { errnoOf } from '../../../graph/fop-error.ts';
import { type CallRoot, Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import {
  ENTRYLK_LOCK,
  ENTRYLK_UNLOCK,
  ENTRYLK_WRLCK,
  F_RDLCK,
  F_SETLK,
  F_SETLKW,
  F_UNLCK,
  type Flock,
} from '../../../types/fs.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, EIO, isMissing } from './errnos.ts';
import { locOf } from './loc.ts';
import { DOMAIN_ENTRY_SYNC, DOMAIN_LAYOUT_HEAL } from './names.ts';

/** A failure to lock that does not matter: the file is not there (any more), or cluster/disperse could not agree on that. */
export type Tolerance = 'none' | 'missing' | 'missing-or-eio';

/** A lock of a brick (`dht_lock_t`), on an inode or on a name in a directory. */
export interface BrickLock {
  readonly subvolume: number;
  readonly inode: Inode;
  /** F_RDLCK or F_WRLCK; entry locks are always for writing. */
  readonly type: number;
  readonly domain: string;
  /** Entry locks: the name in `inode`. */
  readonly name: string | undefined;
  readonly tolerance: Tolerance;
}

/** Locks that are held, with their owner. */
export class HeldLocks {
  readonly frame: Frame;
  readonly locks: BrickLock[];

  constructor(frame: Frame, locks: BrickLock[]) {
    this.frame = frame;
    this.locks = locks;
  }
}

let lastOwner = 0;
const owners = new WeakMap<CallRoot, string>();

/**
 * The owner of all locks of one operation: a brick grants an owner that holds a lock the next one although somebody waits for the first.
 * No two operations of this process have the same, and bricks tell processes apart by the connection.
 */
function ownerOf(root: CallRoot): string {
  let owner = owners.get(root);
  if (owner === undefined) {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(++lastOwner >>> 0, 0);
    bytes.writeUInt32LE(0x64687400, 4);
    owner = bytes.toString('latin1');
    owners.set(root, owner);
  }
  return owner;
}

function lockFrame(frame: Frame): Frame {
  const own = frame.detach();
  own.root.lkOwner = ownerOf(frame.root);
  return own;
}

function flock(type: number): Flock {
  return { type, whence: 0, start: 0, len: 0, pid: 0, owner: '' };
}

function tolerates(lock: BrickLock, errno: number): boolean {
  if (lock.tolerance === 'none') return false;
  return isMissing(errno) || (errno === EIO && lock.tolerance === 'missing-or-eio');
}

/**
 * Takes locks one after the other, in the order of the children's names and then of the gfids: all clients do, so none waits for
 * another in a circle. Rejects, with none of them held, when one fails.
 */
export async function takeLocks(dht: Distribute, frame: Frame, locks: BrickLock[]): Promise<HeldLocks> {
  const own = lockFrame(frame);
  const held = new HeldLocks(own, []);
  const sorted = [...locks].sort((a, b) => {
    const x = dht.childNames[a.subvolume];
    const y = dht.childNames[b.subvolume];
    if (x !== y) return x < y ? -1 : 1;
    return a.inode.gfid < b.inode.gfid ? -1 : a.inode.gfid > b.inode.gfid ? 1 : 0;
  });
  for (const lock of sorted) {
    try {
      await lockOne(dht, own, lock);
      held.locks.push(lock);
    } catch (error) {
      if (tolerates(lock, errnoOf(error))) continue;
      await releaseLocks(dht, held);
      throw error;
    }
  }
  return held;
}

/** Takes an inode's lock if nobody has it; rejects with EAGAIN if somebody has. */
export async function tryLock(dht: Distribute, frame: Frame, lock: BrickLock): Promise<HeldLocks> {
  const own = lockFrame(frame);
  await lockOne(dht, own, lock, F_SETLK);
  return new HeldLocks(own, [lock]);
}

function lockOne(dht: Distribute, frame: Frame, lock: BrickLock, cmd = F_SETLKW): Promise<unknown> {
  const child = dht.subvolumes[lock.subvolume];
  const loc = locOf(lock.inode);
  if (lock.name === undefined)
    return child.inodelk(frame, lock.domain, loc, cmd, flock(lock.type), undefined);
  return child.entrylk(frame, lock.domain, loc, lock.name, ENTRYLK_LOCK, ENTRYLK_WRLCK, undefined);
}

/** Lets all go, at once; what fails is a brick's that is gone, and the lock with it. Safe to call twice. */
export async function releaseLocks(dht: Distribute, held: HeldLocks | undefined): Promise<void> {
  if (held === undefined) return;
  const locks = held.locks.splice(0);
  await Promise.all(
    locks.map(lock => {
      const child = dht.subvolumes[lock.subvolume];
      const loc = locOf(lock.inode);
      const done =
        lock.name === undefined
          ? child.inodelk(held.frame, lock.domain, loc, F_SETLK, flock(F_UNLCK), undefined)
          : child.entrylk(held.frame, lock.domain, loc, lock.name, ENTRYLK_UNLOCK, ENTRYLK_WRLCK, undefined);
      return done.then(
        () => {},
        error => dht.log('W', `a lock of ${lock.domain} was not released: errno ${errnoOf(error)}`),
      );
    }),
  );
}

/** A name in a directory that is protected: from layout changes of the directory, and from other works on the name. */
export class Namespace {
  readonly parent: HeldLocks;
  readonly entry: HeldLocks;

  constructor(parent: HeldLocks, entry: HeldLocks) {
    this.parent = parent;
    this.entry = entry;
  }
}

/**
 * Protects the name `loc` on the brick that it hashes to (`dht_protect_namespace`): a shared lock of the directory against those who
 * change layouts, then the lock of the name.
 */
export async function protectNamespace(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  subvolume: number,
): Promise<Namespace> {
  const inode = loc.parent;
  if (inode === undefined || subvolume < 0) throw dht.error(EINVAL);
  const parent = await takeLocks(dht, frame, [
    { subvolume, inode, type: F_RDLCK, domain: DOMAIN_LAYOUT_HEAL, name: undefined, tolerance: 'none' },
  ]);
  try {
    const entry = await takeLocks(dht, frame, [
      { subvolume, inode, type: F_RDLCK, domain: DOMAIN_ENTRY_SYNC, name: loc.name, tolerance: 'none' },
    ]);
    return new Namespace(parent, entry);
  } catch (error) {
    await releaseLocks(dht, parent);
    throw error;
  }
}

/** The name's lock first, then the directory's; nobody waits for either. */
export function unprotectNamespace(dht: Distribute, namespace: Namespace | undefined): void {
  if (namespace === undefined) return;
  void releaseLocks(dht, namespace.entry);
  void releaseLocks(dht, namespace.parent);
}

/** As root who is not squashed, for work that the user did not ask for; a frame of its own. */
export function asRoot(frame: Frame, pid: number): Frame {
  const own = frame.detach();
  own.root.uid = 0;
  own.root.gid = 0;
  own.root.pid = pid;
  owners.set(own.root, ownerOf(frame.root));
  return new Frame(own.root, frame.parent, frame.span, frame.windFrom, frame.windTo);
}
