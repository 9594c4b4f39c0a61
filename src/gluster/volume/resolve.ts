import { ERRNO } from '../../base/errno.ts';
import { errnoOf, FopError, isMissing } from '../graph/fop-error.ts';
import type { Frame } from '../graph/frame.ts';
import type { Inode } from '../graph/inode.ts';
import { Loc } from '../graph/loc.ts';
import { Dict } from '../types/dict.ts';
import { IA_IFDIR, IA_IFLNK, type Iatt } from '../types/iatt.ts';
import type { Session } from './session.ts';

/** As Linux has it: more symbolic links than this on one way are a loop. */
const MAX_LINKS = 40;
const NAME_MAX = 255;

/** A file that was found. `loc.inode` is referenced until `done`. */
export interface Found {
  readonly loc: Loc;
  readonly stat: Iatt;
}

/** A directory and a name in it, whether or not there is such a file. Both are referenced until `done`. */
export interface Place {
  /** `inode`: what was found, or a new one to create. */
  readonly loc: Loc;
  /** Undefined when there is nothing of that name. */
  readonly stat: Iatt | undefined;
  /** The path ended with '/': only a directory will do. */
  readonly slash: boolean;
}

/** Lets go of what a resolution holds. */
export function done({ loc }: { readonly loc: Loc }): void {
  loc.inode.unref();
  loc.parent?.unref();
}

/** Goes along `path` to a file. Fails with ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, or what a brick says. */
export async function resolve(session: Session, frame: Frame, path: string, follow = true): Promise<Found> {
  const walk = new Walk(session, frame);
  const place = await walk.to(path, follow);
  const { loc, stat } = place;
  if (stat !== undefined && (!place.slash || stat.isDirectory)) return { loc, stat };
  done(place);
  throw new FopError(stat === undefined ? ERRNO['ENOENT'] : ERRNO['ENOTDIR']);
}

/** Goes along `path` to a directory and a name in it. `follow`: where the last name is a symbolic link, goes on with its target. */
export async function resolvePlace(
  session: Session,
  frame: Frame,
  path: string,
  follow = false,
): Promise<Place> {
  return new Walk(session, frame).to(path, follow);
}

/** A random gfid, for the request that creates a file. */
export function gfidRequest(session: Session, more?: Dict): Dict {
  return Dict.from(more).setGfid('gfid-req', session.gfids.next());
}

/** Looks a name up in a directory and links what was found. ENOENT when there is none. */
export async function lookupName(
  session: Session,
  frame: Frame,
  parent: Inode,
  name: string,
  path: string,
): Promise<Found> {
  if (name.length > NAME_MAX) throw new FopError(ERRNO['ENAMETOOLONG']);
  const { inodes, fops } = session;
  for (let fresh = session.doubts(frame); ; fresh = true) {
    const before = inodes.grep(parent, name);
    const known = fresh ? undefined : before;
    const inode = known ?? inodes.create();
    inode.ref();
    try {
      const loc = new Loc(inode, parent, name, path);
      const { stat } = await fops.lookup(frame, loc, known === undefined ? gfidRequest(session) : undefined);
      if (known !== undefined && known.gfid !== stat.gfid) {
        inodes.unlink(known, parent, name);
        continue;
      }
      if (before !== undefined && before.gfid !== stat.gfid) inodes.unlink(before, parent, name);
      loc.inode = inodes.link(inode, parent, name, stat);
      loc.inode.ref();
      parent.ref();
      return { loc, stat };
    } catch (thrown) {
      if (known === undefined) throw thrown;
      // What we knew may be wrong: removed and made again, or moved to another brick. As Gluster's clients do, we ask once more
      // as if we knew nothing.
      if (isMissing(errnoOf(thrown))) inodes.unlink(known, parent, name);
    } finally {
      inode.unref();
    }
  }
}

/** One way from the root, with the symbolic links on it. */
class Walk {
  private readonly session: Session;
  private readonly frame: Frame;
  private links = 0;

  constructor(session: Session, frame: Frame) {
    this.session = session;
    this.frame = frame;
  }

  async to(path: string, follow: boolean): Promise<Place> {
    if (path.includes('\0')) throw new FopError(ERRNO['EINVAL']);
    if (path === '') throw new FopError(ERRNO['ENOENT']);
    const slash = path.endsWith('/');
    return this.along(await this.root(), names(path), follow || slash, slash);
  }

  /** From directory `at`, whose reference becomes ours. */
  private async along(at: Found, rest: string[], follow: boolean, slash: boolean): Promise<Place> {
    let here = at;
    for (let i = 0; i < rest.length; i++) {
      const name = rest[i];
      const last = i === rest.length - 1;
      if (!here.stat.isDirectory) {
        done(here);
        throw new FopError(ERRNO['ENOTDIR']);
      }
      if (name === '.') continue;
      if (name === '..') {
        here = await this.up(here);
        continue;
      }
      let found: Found;
      try {
        found = await this.child(here, name);
      } catch (thrown) {
        if (last && errnoOf(thrown) === ERRNO['ENOENT']) return this.nothing(here, name, slash);
        done(here);
        throw thrown;
      }
      if (found.stat.type === IA_IFLNK && (!last || follow)) {
        const target = await this.target(here, found);
        const tail = rest.slice(i + 1);
        const from = target.startsWith('/') ? await this.rootInPlaceOf(here) : here;
        return this.along(from, [...names(target), ...tail], follow, slash || (last && target.endsWith('/')));
      }
      done(here);
      here = found;
    }
    return { loc: here.loc, stat: here.stat, slash };
  }

  private async root(): Promise<Found> {
    const { inodes, fops } = this.session;
    const { root } = inodes;
    root.ref();
    try {
      const loc = new Loc(root, undefined, '', '/');
      const { stat } = await fops.lookup(this.frame, loc);
      root.type = IA_IFDIR;
      return { loc, stat };
    } catch (thrown) {
      root.unref();
      throw thrown;
    }
  }

  private async rootInPlaceOf(here: Found): Promise<Found> {
    done(here);
    return this.root();
  }

  private child(here: Found, name: string): Promise<Found> {
    return lookupName(this.session, this.frame, here.loc.inode, name, join(here.loc.path, name));
  }

  private nothing(here: Found, name: string, slash: boolean): Place {
    const parent = here.loc.inode;
    const inode = this.session.inodes.create();
    inode.ref();
    parent.ref();
    const path = join(here.loc.path, name);
    done(here);
    return { loc: new Loc(inode, parent, name, path), stat: undefined, slash };
  }

  private async up(here: Found): Promise<Found> {
    const { inodes } = this.session;
    const parent = inodes.parentOf(here.loc.inode) ?? inodes.root;
    parent.ref();
    done(here);
    try {
      const loc = new Loc(parent, undefined, '', inodes.path(parent));
      const { stat } = await this.session.fops.lookup(this.frame, loc);
      return { loc, stat };
    } catch (thrown) {
      parent.unref();
      throw thrown;
    }
  }

  private async target(here: Found, link: Found): Promise<string> {
    try {
      if (++this.links > MAX_LINKS) throw new FopError(ERRNO['ELOOP']);
      const { path } = await this.session.fops.readlink(this.frame, link.loc, 4096);
      if (path === '') throw new FopError(ERRNO['ENOENT']);
      return path;
    } catch (thrown) {
      done(here);
      throw thrown;
    } finally {
      done(link);
    }
  }
}

function names(path: string): string[] {
  return path.split('/').filter(name => name !== '');
}

/** The path of `name` in directory `path`. */
export function join(path: string, name: string): string {
  return path.endsWith('/') ? path + name : `${path}/${name}`;
}
