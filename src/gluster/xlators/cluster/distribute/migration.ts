import type { Fd } from '../../../graph/fd.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { O_CREAT, O_EXCL, O_TRUNC } from '../../../types/open-flags.ts';
import { settle } from '../shared/wind.ts';
import { FdContext, makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EIO, ENODATA } from './errnos.ts';
import { locOf } from './loc.ts';
import { asRoot } from './locks.ts';
import { PROTECT_WRITES } from './names.ts';

/*
 * A rebalance moves files between bricks while they are in use. The old brick's file is marked (phase 1) and names its new brick in
 * trusted.glusterfs.dht.linkto; what changes it must then be done on both. At the end it is a linkto file (phase 2), and goes.
 *
 * `on` is what a fop was done on, a loc or a fd, and `cached` the child that it was done on.
 */

export function asOpener(frame: Frame): Frame {
  // A file is opened on its new brick as root: until the rebalance gave it its owner, nobody else may.
  return asRoot(frame, frame.root.pid);
}

/**
 * The child that the linkto xattr of a file on `cached` names; -1 where it is none of ours. `none`: there is no such xattr, as another
 * layer's rebalance is at work.
 */
async function linktoOf(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
): Promise<{ target: number; none: boolean }> {
  const child = dht.subvolumes[cached];
  const asked =
    on instanceof Loc
      ? child.getxattr(asOpener(frame), on, dht.linkKey, undefined)
      : child.fgetxattr(frame, on, dht.linkKey, undefined);
  const { answer, errno } = await settle(asked);
  if (errno === ENODATA) return { target: -1, none: true };
  return { target: dht.childOfName(answer?.dict.string(dht.linkKey)), none: false };
}

/** The fd is open on that child. */
export function isOpenOn(dht: Distribute, fd: Fd, child: number): boolean {
  return (fd.ctx[dht.slot] as FdContext | undefined)?.openedOn === child;
}

/** Opens all that is open of a file on its new brick, too. Returns the errno of one that failed, or 0. */
async function openAllOn(dht: Distribute, frame: Frame, inode: Inode, child: number): Promise<number> {
  let failed = 0;
  for (const fd of [...inode.fds]) {
    if (fd.anonymous || fd.released || isOpenOn(dht, fd, child)) continue;
    const errno = await openOn(dht, frame, fd, child);
    if (errno !== 0) failed = errno;
  }
  return failed;
}

async function openOn(dht: Distribute, frame: Frame, fd: Fd, child: number): Promise<number> {
  // Not created, not truncated: the rebalance is writing it.
  const flags = fd.flags & ~(O_CREAT | O_EXCL | O_TRUNC);
  const { errno } = await settle(
    dht.subvolumes[child].open(asOpener(frame), locOf(fd.inode), flags, fd, undefined),
  );
  if (errno === 0) fd.ctx[dht.slot] = new FdContext(child);
  return errno;
}

/** Opens one fd on a child that does not know it, as a lookup found the file there. False: it is no use to try the fop again. */
export async function openForFop(dht: Distribute, frame: Frame, fd: Fd, child: number): Promise<boolean> {
  if (fd.anonymous || isOpenOn(dht, fd, child)) return true;
  return (await openOn(dht, frame, fd, child)) === 0;
}

/**
 * Phase 1: the child that the file is being moved to, with all open files open there; undefined when there is none of ours.
 */
export async function migrationTarget(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
): Promise<number | undefined> {
  const { inode } = on;
  const ctx = makeContext(inode, dht.slot);
  const known = ctx.migration;
  if (known !== undefined && known.from === cached && known.to !== cached)
    if (on instanceof Loc || isOpenOn(dht, on, known.to)) return known.to;
  const { target, none } = await linktoOf(dht, frame, on, cached);
  if (none) ctx.migration = undefined;
  if (target < 0 || target === cached) return undefined;
  const found = await settle(dht.subvolumes[target].lookup(frame, locOf(inode), undefined));
  if (found.answer?.stat.gfid !== inode.gfid) return undefined;
  if ((await openAllOn(dht, frame, inode, target)) !== 0) return undefined;
  ctx.migration = { from: cached, to: target };
  return target;
}

/**
 * Phase 2: the child that has the file now, found by a lookup, with all open files open there; undefined when the file does not have
 * our mark. Rejects when there is no such file any more.
 */
export async function migrationFinished(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
): Promise<number | undefined> {
  const { inode } = on;
  const ctx = makeContext(inode, dht.slot);
  const { none } = await linktoOf(dht, frame, on, cached);
  if (none) {
    ctx.migration = undefined;
    return undefined;
  }
  const answer = await dht.lookup(frame, on instanceof Loc ? on : locOf(inode), undefined);
  if (answer.stat.gfid !== inode.gfid) throw dht.error(EIO);
  const now = dht.cachedOf(inode);
  const moved = ctx.migration;
  ctx.migration = undefined;
  // While it was in phase 1 all was opened there.
  if (moved === undefined) {
    const errno = await openAllOn(dht, frame, inode, now);
    if (errno !== 0) throw dht.error(errno);
  }
  return now;
}

/** Where a file is that was in phase 1 when the fop was done, and was gone from `cached` before that could be done on its new brick. */
export async function finishedMeanwhile(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
): Promise<number | undefined> {
  const { answer } = await settle(migrationFinished(dht, frame, on, cached));
  return answer === cached ? undefined : answer;
}

/** Where what was done to a file in phase 1 must be done, too: where it is being moved, or was meanwhile. */
export async function newPlace(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
): Promise<number | undefined> {
  return (await migrationTarget(dht, frame, on, cached)) ?? finishedMeanwhile(dht, frame, on, cached);
}

/**
 * Has the new brick refuse what the rebalance writes to a file from now on (`posix_check_internal_writes`): it read that before a client
 * changed the file on both bricks. It gives the move up then.
 */
export async function protectWrites(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  target: number,
): Promise<void> {
  const mark = new Dict().setUint(PROTECT_WRITES, 1);
  const { errno } = await settle(
    dht.subvolumes[target].setxattr(asOpener(frame), locOf(inode), mark, 0, undefined),
  );
  if (errno !== 0) dht.log('W', `protecting a file that moves to ${dht.childNames[target]}: errno ${errno}`);
}
