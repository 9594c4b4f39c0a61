import type { Fd } from '../graph/fd.ts';
import type { Frame } from '../graph/frame.ts';
import type { Inode } from '../graph/inode.ts';
import { Loc } from '../graph/loc.ts';
import { Dict } from '../types/dict.ts';
import { F_SETLK, F_UNLCK, type Flock } from '../types/fs.ts';
import type { Gfid } from '../types/gfid.ts';
import { O_CREAT, O_EXCL, O_TRUNC } from '../types/open-flags.ts';
import type { LiveGraph } from './session.ts';

/** The inode that another graph has of a file: known there, or looked up by its gfid. */
export async function carryInode(frame: Frame, gfid: Gfid, graph: LiveGraph): Promise<Inode> {
  const { inodes } = graph;
  const known = inodes.find(gfid);
  if (known !== undefined) return known;
  const inode = inodes.create();
  inode.gfid = gfid;
  const { stat } = await graph.fops.lookup(frame, new Loc(inode));
  return inodes.link(inode, undefined, undefined, stat);
}

/** Where features/locks on a brick says which locks an fd has, and takes them over from another. */
const LOCKINFO = 'trusted.glusterfs.lockinfo';

/**
 * Opens in `to` what `old` is in `from`, with its locks, and sees to it that what was written is on the bricks. The old one is not released.
 * Fails with what the new graph's bricks say: ESTALE or ENOENT for a file that was removed while it was open.
 */
export async function carryFd(
  frame: Frame,
  from: LiveGraph,
  old: Fd,
  to: LiveGraph,
  locks: readonly Flock[] = [],
): Promise<Fd> {
  if (!old.isDirectory) await from.fops.fsync(frame, old, false).catch(() => {}); // told again by the close
  const inode = await carryInode(frame, old.inode.gfid, to);
  const flags = old.flags & ~(O_CREAT | O_EXCL | O_TRUNC);
  const fd = to.inodes.openFd(inode, flags, old.pid, old.lkOwner);
  try {
    const loc = new Loc(inode, undefined, '', to.inodes.path(inode));
    await (old.isDirectory ? to.fops.opendir(frame, loc, fd) : to.fops.open(frame, loc, flags, fd));
    if (locks.length > 0) await carryLocks(frame, from, old, to, fd, locks);
    return fd;
  } catch (thrown) {
    fd.release();
    throw thrown;
  }
}

/** Has the brick hand the locks over; where it cannot, gives them up in one graph and takes them in the other. */
async function carryLocks(
  frame: Frame,
  from: LiveGraph,
  old: Fd,
  to: LiveGraph,
  fd: Fd,
  locks: readonly Flock[],
): Promise<void> {
  try {
    const { dict } = await from.fops.fgetxattr(frame, old, LOCKINFO);
    const info = dict.get(LOCKINFO);
    if (info !== undefined) {
      await to.fops.fsetxattr(frame, fd, new Dict().set(LOCKINFO, info), 0);
      return;
    }
  } catch {
    // No locks translator, or one that does not know of this.
  }
  const { root } = frame;
  for (const lock of locks) {
    root.lkOwner = lock.owner;
    root.pid = lock.pid;
    await from.fops.lk(frame, old, F_SETLK, { ...lock, type: F_UNLCK }).catch(() => {});
    await to.fops.lk(frame, fd, F_SETLK, lock);
  }
}
