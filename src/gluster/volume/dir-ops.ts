import { ERRNO } from '../../base/errno.ts';
import type { Fd } from '../graph/fd.ts';
import { errnoOf, FopError } from '../graph/fop-error.ts';
import type { GraphEntry } from '../graph/fops.ts';
import type { Frame } from '../graph/frame.ts';
import type { Loc } from '../graph/loc.ts';
import { IA_IFDIR, typeOfMode } from '../types/iatt.ts';
import { link, unlinkFile, withFile, withNew } from './file-ops.ts';
import { done, gfidRequest, join, resolvePlace } from './resolve.ts';
import type { Session } from './session.ts';

/** Bytes that one readdirp may bring. */
const LISTING = 128 * 1024;

/** What is in a directory from an offset on, but '.' and '..', with attributes where they came along. `end`: that was the last of it. */
export async function page(
  session: Session,
  frame: Frame,
  fd: Fd,
  from: bigint,
): Promise<{ entries: GraphEntry[]; offset: bigint; end: boolean }> {
  const answer = await session.fops.readdirp(frame, fd, LISTING, from);
  const entries: GraphEntry[] = [];
  let offset = from;
  for (const entry of answer.entries) {
    offset = entry.dOff;
    if (entry.name === '.' || entry.name === '..') continue;
    if (entry.inode !== undefined && entry.stat !== undefined)
      session.inodes.link(entry.inode, fd.inode, entry.name, entry.stat);
    entries.push(entry);
  }
  return { entries, offset, end: answer.eof === true || answer.entries.length === 0 };
}

/** Everything in a directory, in the order of the bricks, within one operation. */
export async function* entries(session: Session, frame: Frame, loc: Loc): AsyncGenerator<GraphEntry> {
  const fd = session.inodes.openFd(loc.inode, 0, frame.root.pid, frame.root.lkOwner);
  try {
    await session.fops.opendir(frame, loc, fd);
    for (let offset = 0n, end = false; !end; ) {
      const found = await page(session, frame, fd, offset);
      yield* found.entries;
      ({ offset, end } = found);
    }
  } finally {
    fd.release();
  }
}

/** Tells of each entry of a directory, with `recursive` of all below: the directory's path, and the entry's from where the walk began. */
export async function walk(
  session: Session,
  frame: Frame,
  dir: string,
  recursive: boolean,
  visit: (entry: GraphEntry, dir: string, inside: string) => void,
  inside = '',
): Promise<void> {
  const deeper: string[] = [];
  await withFile(session, frame, dir, true, async (loc, stat) => {
    if (!stat.isDirectory) throw new FopError(ERRNO['ENOTDIR']);
    for await (const entry of entries(session, frame, loc)) {
      visit(entry, dir, inside === '' ? entry.name : join(inside, entry.name));
      if (recursive && kindOf(entry) === IA_IFDIR) deeper.push(entry.name);
    }
  });
  for (const name of deeper)
    await walk(session, frame, join(dir, name), true, visit, inside === '' ? name : join(inside, name));
}

/** IA_IF* of an entry: by its attributes, by what the directory says (DT_*), or by a lookup. */
export function kindOf(entry: GraphEntry): number {
  if (entry.stat !== undefined && entry.stat.mode !== 0) return entry.stat.type;
  return typeOfMode(entry.type << 12);
}

export async function makeDirectory(
  session: Session,
  frame: Frame,
  path: string,
  mode: number,
): Promise<void> {
  await withNew(session, frame, path, async loc => {
    const { umask } = frame.root;
    const { stat } = await session.fops.mkdir(frame, loc, mode & 0o7777, umask, gfidRequest(session));
    link(session, loc, stat);
  });
}

/** Makes all directories on the way. The first that had to be made; undefined when all were there. */
export async function makeDirectories(
  session: Session,
  frame: Frame,
  path: string,
  mode: number,
): Promise<string | undefined> {
  const missing: string[] = [];
  let at = path.replace(/\/+$/, '') || '/';
  for (;;) {
    try {
      const there = await withFile(session, frame, at, true, async (_loc, stat) => stat.isDirectory);
      if (!there) throw new FopError(missing.length === 0 ? ERRNO['EEXIST'] : ERRNO['ENOTDIR']);
      break;
    } catch (thrown) {
      if (errnoOf(thrown) !== ERRNO['ENOENT'] || at === '/') throw thrown;
      missing.push(at);
      const slash = at.lastIndexOf('/');
      at = slash <= 0 ? '/' : at.slice(0, slash);
    }
  }
  const first = missing.at(-1);
  for (const dir of missing.reverse()) {
    try {
      await makeDirectory(session, frame, dir, mode);
    } catch (thrown) {
      if (errnoOf(thrown) !== ERRNO['EEXIST']) throw thrown;
    }
  }
  return first;
}

export async function removeDirectory(session: Session, frame: Frame, path: string): Promise<void> {
  const place = await resolvePlace(session, frame, path);
  try {
    const { loc, stat } = place;
    if (stat === undefined) throw new FopError(ERRNO['ENOENT']);
    if (!stat.isDirectory) throw new FopError(ERRNO['ENOTDIR']);
    if (loc.parent === undefined) throw new FopError(ERRNO['EBUSY']);
    await session.fops.rmdir(frame, loc, 0);
    session.inodes.unlink(loc.inode, loc.parent, loc.name);
  } finally {
    done(place);
  }
}

/** Removes a file, or a directory with all that is in it. What others remove meanwhile is as good as removed. */
export async function removeTree(session: Session, frame: Frame, path: string): Promise<void> {
  const isDirectory = await withFile(session, frame, path, false, async (_loc, stat) => stat.isDirectory);
  if (!isDirectory) return unlinkFile(session, frame, path);
  // Listed to the end before anything is taken away: offsets of a changing directory are not to be relied on.
  const inside = await withFile(session, frame, path, false, async loc => {
    const found: { name: string; isDirectory: boolean }[] = [];
    for await (const entry of entries(session, frame, loc))
      found.push({ name: entry.name, isDirectory: kindOf(entry) === 2 });
    return found;
  });
  for (const { name, isDirectory: deeper } of inside) {
    const below = join(path, name);
    try {
      await (deeper ? removeTree(session, frame, below) : unlinkFile(session, frame, below));
    } catch (thrown) {
      if (errnoOf(thrown) === ERRNO['EISDIR']) await removeTree(session, frame, below);
      else if (errnoOf(thrown) !== ERRNO['ENOENT']) throw thrown;
    }
  }
  await removeDirectory(session, frame, path);
}
