import { ERRNO } from '../../base/errno.ts';
import { errnoOf, FopError, isMissing } from '../graph/fop-error.ts';
import type { Frame } from '../graph/frame.ts';
import type { Inode } from '../graph/inode.ts';
import { Loc } from '../graph/loc.ts';
import type { Iatt } from '../types/iatt.ts';
import { IA_IFDIR, IA_IFLNK } from '../types/iatt.ts';
import * as o from '../types/open-flags.ts';
import type { AttributeChange } from './attributes.ts';
import { FileHandle } from './file-handle.ts';
import { done, gfidRequest, type Place, resolve, resolvePlace } from './resolve.ts';
import type { Session } from './session.ts';

const R_OK = 4;
const W_OK = 2;

/** Opens the file at `path` (bytes as characters), or makes it with O_CREAT. */
export async function openFile(
  session: Session,
  frame: Frame,
  path: string,
  shown: string,
  flags: number,
  mode: number,
): Promise<FileHandle> {
  const creates = (flags & o.O_CREAT) !== 0;
  const exclusive = creates && (flags & o.O_EXCL) !== 0;
  for (;;) {
    const follow = !exclusive && (flags & o.O_NOFOLLOW) === 0;
    const place = await resolvePlace(session, frame, path, follow);
    try {
      if (place.stat !== undefined) {
        if (exclusive) throw new FopError(ERRNO['EEXIST']);
        return await openFound(session, frame, place, shown, flags & ~(o.O_CREAT | o.O_EXCL));
      }
      if (!creates) throw new FopError(ERRNO['ENOENT']);
      if (place.slash) throw new FopError(ERRNO['EISDIR']);
      return await createFile(session, frame, place, shown, flags, mode);
    } catch (thrown) {
      // Somebody made it, or took it away, since we looked.
      const errno = errnoOf(thrown);
      if (creates && !exclusive && place.stat === undefined && errno === ERRNO['EEXIST']) continue;
      if (creates && place.stat !== undefined && isMissing(errno)) continue;
      throw thrown;
    } finally {
      done(place);
    }
  }
}

async function openFound(
  session: Session,
  frame: Frame,
  { loc, stat, slash }: Place,
  shown: string,
  flags: number,
): Promise<FileHandle> {
  const { type } = stat!;
  if (type === IA_IFLNK) throw new FopError(ERRNO['ELOOP']);
  if (type === IA_IFDIR) {
    if ((flags & o.O_ACCMODE) !== o.O_RDONLY) throw new FopError(ERRNO['EISDIR']);
    const fd = session.inodes.openFd(loc.inode, flags, frame.root.pid, frame.root.lkOwner);
    return opened(session, fd, shown, session.fops.opendir(frame, loc, fd));
  }
  if (slash || (flags & o.O_DIRECTORY) !== 0) throw new FopError(ERRNO['ENOTDIR']);
  // Layers may open later than they say: what the mode does not allow is asked first. (It may be allowed by an ACL.)
  const wanted = wantedAccess(flags);
  if (!allows(stat!, frame, wanted)) await session.fops.access(frame, loc, wanted);
  const fd = session.inodes.openFd(loc.inode, flags, frame.root.pid, frame.root.lkOwner);
  return opened(session, fd, shown, session.fops.open(frame, loc, flags, fd));
}

function wantedAccess(flags: number): number {
  const way = flags & o.O_ACCMODE;
  const truncates = (flags & o.O_TRUNC) !== 0;
  return (way === o.O_WRONLY ? 0 : R_OK) | (way !== o.O_RDONLY || truncates ? W_OK : 0);
}

/** Whether the mode lets the frame's user in. */
function allows(stat: Iatt, { root }: Frame, wanted: number): boolean {
  if (root.uid === 0) return true;
  const shift = root.uid === stat.uid ? 6 : root.gid === stat.gid || root.groups.includes(stat.gid) ? 3 : 0;
  return ((stat.mode >> shift) & wanted) === wanted;
}

async function opened(
  session: Session,
  fd: ReturnType<Session['inodes']['openFd']>,
  shown: string,
  answer: Promise<unknown>,
): Promise<FileHandle> {
  try {
    await answer;
  } catch (thrown) {
    fd.release();
    throw thrown;
  }
  return new FileHandle(session, fd, shown);
}

async function createFile(
  session: Session,
  frame: Frame,
  { loc }: Place,
  shown: string,
  flags: number,
  mode: number,
): Promise<FileHandle> {
  const { inodes, fops } = session;
  const fd = inodes.openFd(loc.inode, flags & ~(o.O_CREAT | o.O_EXCL), frame.root.pid, frame.root.lkOwner);
  const { umask } = frame.root;
  const answer = fops.create(frame, loc, flags, (mode & 0o7777) | 0o100000, umask, fd, gfidRequest(session));
  return opened(
    session,
    fd,
    shown,
    answer.then(({ stat }) => link(session, loc, stat)),
  );
}

/** Links what was just made, and makes `loc` name the inode to use. */
export function link(session: Session, loc: Loc, stat: Iatt): Inode {
  const linked = session.inodes.link(loc.inode, loc.parent, loc.name, stat);
  if (linked !== loc.inode) {
    linked.ref();
    loc.inode.unref();
    loc.inode = linked;
  }
  return linked;
}

/** Resolves, works, lets go. */
export async function withFile<T>(
  session: Session,
  frame: Frame,
  path: string,
  follow: boolean,
  work: (loc: Loc, stat: Iatt) => Promise<T>,
): Promise<T> {
  const found = await resolve(session, frame, path, follow);
  try {
    return await work(found.loc, found.stat);
  } finally {
    done(found);
  }
}

/** A place where something is to be made: EEXIST when there is something. */
export async function withNew<T>(
  session: Session,
  frame: Frame,
  path: string,
  work: (loc: Loc) => Promise<T>,
): Promise<T> {
  const place = await resolvePlace(session, frame, path);
  try {
    if (place.stat !== undefined) throw new FopError(ERRNO['EEXIST']);
    return await work(place.loc);
  } finally {
    done(place);
  }
}

export async function setAttributes(
  session: Session,
  frame: Frame,
  path: string,
  follow: boolean,
  { stat, valid }: AttributeChange,
): Promise<void> {
  await withFile(session, frame, path, follow, async loc => {
    if (valid !== 0) await session.fops.setattr(frame, loc, stat, valid);
  });
}

export async function makeNode(
  session: Session,
  frame: Frame,
  path: string,
  mode: number,
  rdev: number,
): Promise<void> {
  await withNew(session, frame, path, async loc => {
    const { umask } = frame.root;
    const { stat } = await session.fops.mknod(frame, loc, mode, rdev, umask, gfidRequest(session));
    link(session, loc, stat);
  });
}

export async function makeSymlink(
  session: Session,
  frame: Frame,
  target: string,
  path: string,
): Promise<void> {
  await withNew(session, frame, path, async loc => {
    const { stat } = await session.fops.symlink(frame, target, loc, frame.root.umask, gfidRequest(session));
    link(session, loc, stat);
  });
}

export async function makeLink(session: Session, frame: Frame, from: string, to: string): Promise<void> {
  await withFile(session, frame, from, false, (old, stat) =>
    withNew(session, frame, to, async loc => {
      if (stat.isDirectory) throw new FopError(ERRNO['EPERM']);
      const name = new Loc(old.inode, loc.parent, loc.name, loc.path);
      const answer = await session.fops.link(frame, old, name);
      session.inodes.link(old.inode, loc.parent, loc.name, answer.stat);
    }),
  );
}

export async function unlinkFile(session: Session, frame: Frame, path: string): Promise<void> {
  const place = await resolvePlace(session, frame, path);
  try {
    const { loc, stat } = place;
    if (stat === undefined) throw new FopError(ERRNO['ENOENT']);
    if (loc.parent === undefined || stat.isDirectory) throw new FopError(ERRNO['EISDIR']);
    await session.fops.unlink(frame, loc, 0);
    session.inodes.unlink(loc.inode, loc.parent, loc.name);
  } finally {
    done(place);
  }
}

export async function renameFile(session: Session, frame: Frame, from: string, to: string): Promise<void> {
  const old = await resolvePlace(session, frame, from);
  try {
    if (old.stat === undefined) throw new FopError(ERRNO['ENOENT']);
    const target = await resolvePlace(session, frame, to);
    try {
      const { loc } = target;
      if (old.loc.parent === undefined || loc.parent === undefined) throw new FopError(ERRNO['EBUSY']);
      if (target.stat !== undefined) {
        if (target.stat.gfid === old.stat.gfid) return;
        if (target.stat.isDirectory && !old.stat.isDirectory) throw new FopError(ERRNO['EISDIR']);
        if (!target.stat.isDirectory && old.stat.isDirectory) throw new FopError(ERRNO['ENOTDIR']);
      } else if (target.slash && !old.stat.isDirectory) throw new FopError(ERRNO['ENOTDIR']);
      // The kernel sees to this for a mount; bricks would find out halfway.
      if (isWithin(session, loc.parent, old.loc.inode)) throw new FopError(ERRNO['EINVAL']);
      if (isWithin(session, old.loc.parent, loc.inode)) throw new FopError(ERRNO['ENOTEMPTY']);
      await session.fops.rename(frame, old.loc, loc);
      session.inodes.rename(old.loc.inode, old.loc.parent, old.loc.name, loc.parent, loc.name);
    } finally {
      done(target);
    }
  } finally {
    done(old);
  }
}

/** Whether a directory is `above` itself or lies below it. */
function isWithin(session: Session, directory: Inode, above: Inode): boolean {
  for (let at: Inode | undefined = directory; at !== undefined; at = session.inodes.parentOf(at))
    if (at === above) return true;
  return false;
}
