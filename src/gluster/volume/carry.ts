import type { Fd } from '../graph/fd.ts';
import type { Frame } from '../graph/frame.ts';
import type { Inode } from '../graph/inode.ts';
import { Loc } from '../graph/loc.ts';
import { F_SETLK, type Flock } from '../types/fs.ts';
import type { Gfid } from '../types/gfid.ts';
import { O_CREAT, O_EXCL, O_TRUNC } from './open-flags.ts';
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

/**
 * Opens in `graph` what `old` is in another graph, and takes its locks again. The old one is not released. Fails with what the new
 * graph's bricks say: ESTALE or ENOENT for a file that was removed while it was open, EAGAIN for a lock that somebody got in between.
 */
export async function carryFd(frame: Frame, old: Fd, graph: LiveGraph, locks: readonly Flock[]): Promise<Fd> {
  const inode = await carryInode(frame, old.inode.gfid, graph);
  const flags = old.flags & ~(O_CREAT | O_EXCL | O_TRUNC);
  const fd = graph.inodes.openFd(inode, flags, old.pid, old.lkOwner);
  try {
    const loc = new Loc(inode, undefined, '', graph.inodes.path(inode));
    await (old.isDirectory ? graph.fops.opendir(frame, loc, fd) : graph.fops.open(frame, loc, flags, fd));
    for (const lock of locks) {
      frame.root.lkOwner = lock.owner;
      frame.root.pid = lock.pid;
      await graph.fops.lk(frame, fd, F_SETLK, lock);
    }
    return fd;
  } catch (thrown) {
    fd.release();
    throw thrown;
  }
}
