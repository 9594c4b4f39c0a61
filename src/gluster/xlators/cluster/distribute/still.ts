import { ERRNO } from '../../../../base/errno.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { F_WRLCK } from '../../../types/fs.ts';
import { settle } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EBUSY, isMissing } from './errnos.ts';
import { inPhase1, inPhase2, isLinkfile } from './iatt.ts';
import { isNameless, locOf, withInode } from './loc.ts';
import { type BrickLock, type HeldLocks, releaseLocks, takeLocks, tryLock } from './locks.ts';
import { DOMAIN_FILE_MIGRATE } from './names.ts';

/*
 * A rebalance locks a file while it moves it (DOMAIN_FILE_MIGRATE). Who holds that lock has the file stay where it is.
 */

/** How often a file is followed that was moved before its lock was had. */
const ATTEMPTS = 8;
/** A move that has begun is seen in the file's mode after a few requests of the rebalance; looked at so often, in milliseconds. */
const LOOK_MS = 5;
const LOOKS = 400;

const EAGAIN = ERRNO['EAGAIN'];

export function migrateLock(
  subvolume: number,
  inode: Inode,
  tolerance: BrickLock['tolerance'] = 'none',
): BrickLock {
  return { subvolume, inode, type: F_WRLCK, domain: DOMAIN_FILE_MIGRATE, name: undefined, tolerance };
}

/** Where a file is that is not, under its name if it has one, on the child where it was; it is known to be there then. -1: nowhere else. */
export async function movedTo(dht: Distribute, frame: Frame, loc: Loc, was: number): Promise<number> {
  const request = new Dict().setUint(dht.linkKey, 256);
  if (isNameless(loc)) {
    const found = await settle(dht.lookup(frame, loc, request));
    const now = dht.cachedOf(loc.inode);
    return found.answer === undefined || now === was ? -1 : now;
  }
  const fresh = withInode(loc, loc.inode.table.create());
  const { answer } = await settle(dht.lookup(named(frame), fresh, request));
  if (answer === undefined || answer.stat.gfid !== loc.inode.gfid) return -1;
  const now = dht.cachedOf(fresh.inode);
  if (now < 0 || now === was) return -1;
  dht.preset(loc.inode, now);
  return now;
}

/** A lookup that is part of a rename must not wait for the lock of a name, which the rename has. */
export function named(frame: Frame): Frame {
  if (frame.root.op === 'rename') return frame;
  const own = frame.detach();
  own.root.op = 'rename';
  return own;
}

/** Whether a file that is known may be moved by a rebalance now. */
function mayMove(dht: Distribute, inode: Inode): boolean {
  return dht.commitHash.mayMove() && dht.cachedOf(inode) >= 0;
}

/** Does a work on a file while it cannot be moved, waiting for a move that is under way; `dht.cachedOf` tells where it is. */
export function heldStill<T>(dht: Distribute, frame: Frame, loc: Loc, work: () => Promise<T>): Promise<T> {
  return mayMove(dht, loc.inode) ? workLocked(dht, frame, loc, work) : work();
}

async function workLocked<T>(dht: Distribute, frame: Frame, loc: Loc, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const cached = dht.cachedOf(loc.inode);
    let held: HeldLocks | undefined;
    try {
      held = await takeLocks(dht, frame, [migrateLock(cached, loc.inode)]);
      const request = new Dict().setUint(dht.linkKey, 256);
      const { stat, xdata } = await dht.subvolumes[cached].lookup(frame, loc, request);
      if (stat.gfid === loc.inode.gfid && !isLinkfile(stat, xdata, dht.linkKey)) return await work();
      if ((await movedTo(dht, frame, loc, cached)) < 0) break;
    } catch (error) {
      if (!isMissing(errnoOf(error)) || (await movedTo(dht, frame, loc, cached)) < 0) throw error;
    } finally {
      void releaseLocks(dht, held);
    }
  }
  throw dht.error(EBUSY);
}

/**
 * Makes a file shorter. A rebalance makes its copy as long as the file is before the file shows that it is being moved, and what is taken
 * away then stays in the copy, as zeros. So this is done before a move begins, or when it shows.
 */
export function shorten<T>(dht: Distribute, frame: Frame, inode: Inode, work: () => Promise<T>): Promise<T> {
  return mayMove(dht, inode) ? shortenBeforeOrAfter(dht, frame, inode, work) : work();
}

async function shortenBeforeOrAfter<T>(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  work: () => Promise<T>,
): Promise<T> {
  const lock = migrateLock(dht.cachedOf(inode), inode);
  for (let look = 0; look < LOOKS; look++) {
    let held: HeldLocks | undefined;
    try {
      held = await tryLock(dht, frame, lock);
      return await work();
    } catch (error) {
      // What else is wrong shows in the work itself.
      if (held !== undefined) throw error;
      if (errnoOf(error) !== EAGAIN) break;
    } finally {
      void releaseLocks(dht, held);
    }
    const { answer } = await settle(dht.subvolumes[lock.subvolume].stat(frame, locOf(inode), undefined));
    if (answer === undefined || inPhase1(answer.stat) || inPhase2(answer.stat)) break;
    await new Promise<void>(resolve => void dht.host.env.timers.set(resolve, LOOK_MS));
  }
  return work();
}
