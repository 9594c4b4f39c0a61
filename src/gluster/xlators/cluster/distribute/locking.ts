import type { Fd } from '../../../graph/fd.ts';
import type { Answer, LkAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { F_UNLCK, type Flock } from '../../../types/fs.ts';
import { IA_IFDIR, IA_INVAL } from '../../../types/iatt.ts';
import { makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL } from './errnos.ts';
import { onRemote } from './open-files.ts';

/**
 * Where locks of an inode are: a file's with the file. A directory's stay on the child where the first of them was taken, whatever
 * happens to the layout, and while there are any the inode is not forgotten.
 */
function lockChild(dht: Distribute, inode: Inode, flock: Flock): number {
  const cached = dht.cachedOf(inode);
  if (inode.type !== IA_IFDIR && inode.type !== IA_INVAL) return cached;
  const ctx = makeContext(inode, dht.slot);
  if (ctx.lockSubvolume < 0 && flock.type !== F_UNLCK && cached >= 0) ctx.lockSubvolume = cached;
  return ctx.lockSubvolume;
}

/** Counts the references that a directory's locks hold. */
async function counted<T>(dht: Distribute, inode: Inode, flock: Flock, lock: () => Promise<T>): Promise<T> {
  if (inode.type !== IA_IFDIR) return lock();
  const ctx = makeContext(inode, dht.slot);
  const taking = flock.type !== F_UNLCK;
  if (taking) {
    inode.ref();
    ctx.lockRefs++;
  }
  const drop = (): void => {
    if (ctx.lockRefs === 0) return;
    ctx.lockRefs--;
    inode.unref();
  };
  try {
    const answer = await lock();
    if (!taking) drop();
    return answer;
  } catch (error) {
    if (taking) drop();
    throw error;
  }
}

export function lk(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  cmd: number,
  flock: Flock,
  xdata: Dict | undefined,
): Promise<LkAnswer> {
  const child = lockChild(dht, fd.inode, flock);
  if (child < 0) return dht.fail(EINVAL);
  const lock = (i: number) => dht.subvolumes[i].lk(frame, fd, cmd, flock, xdata);
  if (fd.inode.type === IA_IFDIR) return lock(child);
  return lock(child).catch(error => onRemote(dht, frame, fd, child, error, lock));
}

export function inodelk(
  dht: Distribute,
  frame: Frame,
  volume: string,
  loc: Loc,
  cmd: number,
  flock: Flock,
  xdata: Dict | undefined,
): Promise<Answer> {
  const child = lockChild(dht, loc.inode, flock);
  if (child < 0) return dht.fail(EINVAL);
  return counted(dht, loc.inode, flock, () =>
    dht.subvolumes[child].inodelk(frame, volume, loc, cmd, flock, xdata),
  );
}

export function finodelk(
  dht: Distribute,
  frame: Frame,
  volume: string,
  fd: Fd,
  cmd: number,
  flock: Flock,
  xdata: Dict | undefined,
): Promise<Answer> {
  const child = lockChild(dht, fd.inode, flock);
  if (child < 0) return dht.fail(EINVAL);
  const lock = (i: number) => dht.subvolumes[i].finodelk(frame, volume, fd, cmd, flock, xdata);
  return counted(dht, fd.inode, flock, () =>
    lock(child).catch(error => onRemote(dht, frame, fd, child, error, lock)),
  );
}
