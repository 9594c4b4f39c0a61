import { ERRNO } from '../../../../base/errno.ts';
import type { Fd } from '../../../graph/fd.ts';
import { FopError } from '../../../graph/fop-error.ts';
import type {
  Answer,
  CopyRangeAnswer,
  CreateAnswer,
  EntryAnswer,
  Fops,
  OpenAnswer,
  PrePostAnswer,
  RemoveAnswer,
  RenameAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { O_TRUNC } from '../../../types/open-flags.ts';
import { MdCacheReads } from './md-cache-reads.ts';

const ENODATA = ERRNO['ENODATA'];
/** Where bricks put a file's attributes from before and after a change of its extended attributes (`GF_PRESTAT`). */
const PRE_STAT = 'virt-gf-prestat';
const POST_STAT = 'virt-gf-poststat';

/**
 * performance/md-cache: keeps attributes and some extended attributes of files for a while, and answers from them. What changes a file brings
 * its new attributes along, or says that nobody knows them.
 */
export class MdCache extends MdCacheReads implements Partial<Fops> {
  /** Takes over the attributes after a change. Beside the way up: what hangs on first is called first. */
  private changing<T extends PrePostAnswer>(inode: Inode, change: Promise<T>, since: number): Promise<T> {
    change.then(
      ({ pre, post }) => this.cache.set(inode, pre, post, since),
      thrown => this.failed(thrown, inode),
    );
    return change;
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    const since = this.cache.now();
    const write = this.next.writev(frame, fd, data, offset, flags, xdata);
    return this.changing(fd.inode, write, since);
  }

  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.changing(loc.inode, this.next.truncate(frame, loc, offset, xdata), since);
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.changing(fd.inode, this.next.ftruncate(frame, fd, offset, xdata), since);
  }

  fsync(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.changing(fd.inode, this.next.fsync(frame, fd, datasync, xdata), since);
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer> {
    const since = this.cache.now();
    const change = this.next.fallocate(frame, fd, keepSize, offset, length, xdata);
    return this.changing(fd.inode, change, since);
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.changing(fd.inode, this.next.discard(frame, fd, offset, length, xdata), since);
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.changing(fd.inode, this.next.zerofill(frame, fd, offset, length, xdata), since);
  }

  copyFileRange(
    frame: Frame,
    from: Fd,
    fromOffset: number,
    to: Fd,
    toOffset: number,
    length: number,
    flags: number,
    xdata?: Dict,
  ): Promise<CopyRangeAnswer> {
    const since = this.cache.now();
    const change = this.next.copyFileRange(frame, from, fromOffset, to, toOffset, length, flags, xdata);
    return this.changing(to.inode, change, since);
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.setting(loc.inode, this.next.setattr(frame, loc, stat, valid, xdata), since);
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const since = this.cache.now();
    return this.setting(fd.inode, this.next.fsetattr(frame, fd, stat, valid, xdata), since);
  }

  /** A change of the mode may change access control lists, which come along then. */
  private setting(inode: Inode, change: Promise<PrePostAnswer>, since: number): Promise<PrePostAnswer> {
    const { cache } = this;
    change.then(
      ({ pre, post, xdata }) => {
        cache.set(inode, pre, post, since);
        cache.addXattrs(inode, xdata);
      },
      () => cache.set(inode, undefined, undefined, since),
    );
    return change;
  }

  /** An open that empties the file leaves nothing that is known of it. */
  override open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    const opened = super.open(frame, loc, flags, fd, xdata);
    if ((flags & O_TRUNC) === 0) return opened;
    const emptied = () => this.cache.invalidate(loc.inode);
    opened.then(emptied, emptied);
    return opened;
  }

  create(
    frame: Frame,
    loc: Loc,
    flags: number,
    mode: number,
    umask: number,
    fd: Fd,
    xdata?: Dict,
  ): Promise<CreateAnswer> {
    const since = this.cache.now();
    return this.made(loc, this.next.create(frame, loc, flags, mode, umask, fd, xdata), since);
  }

  mknod(
    frame: Frame,
    loc: Loc,
    mode: number,
    rdev: number,
    umask: number,
    xdata?: Dict,
  ): Promise<EntryAnswer> {
    const since = this.cache.now();
    return this.made(loc, this.next.mknod(frame, loc, mode, rdev, umask, xdata), since);
  }

  mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    const since = this.cache.now();
    return this.made(loc, this.next.mkdir(frame, loc, mode, umask, xdata), since);
  }

  symlink(frame: Frame, target: string, loc: Loc, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    const since = this.cache.now();
    return this.made(loc, this.next.symlink(frame, target, loc, umask, xdata), since);
  }

  private made<T extends EntryAnswer>(loc: Loc, answer: Promise<T>, since: number): Promise<T> {
    answer.then(
      ({ inode, stat, postparent }) => {
        this.cache.set(loc.parent, undefined, postparent, since);
        this.cache.set(inode, undefined, stat, since);
      },
      thrown => this.failed(thrown, undefined, loc.parent),
    );
    return answer;
  }

  link(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<EntryAnswer> {
    const since = this.cache.now();
    const linked = this.next.link(frame, from, to, xdata);
    linked.then(
      ({ stat, postparent }) => {
        this.cache.set(from.inode, undefined, stat, since);
        this.cache.set(to.parent, undefined, postparent, since);
      },
      thrown => this.failed(thrown, from.inode, to.parent),
    );
    return linked;
  }

  unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<RemoveAnswer> {
    const since = this.cache.now();
    return this.removed(loc, this.next.unlink(frame, loc, xflags, xdata), since);
  }

  rmdir(frame: Frame, loc: Loc, flags: number, xdata?: Dict): Promise<RemoveAnswer> {
    const since = this.cache.now();
    return this.removed(loc, this.next.rmdir(frame, loc, flags, xdata), since);
  }

  private removed(loc: Loc, answer: Promise<RemoveAnswer>, since: number): Promise<RemoveAnswer> {
    answer.then(
      ({ postparent }) => {
        this.cache.set(loc.parent, undefined, postparent, since);
        this.cache.invalidate(loc.inode);
      },
      thrown => this.failed(thrown, loc.inode, loc.parent),
    );
    return answer;
  }

  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<RenameAnswer> {
    const since = this.cache.now();
    const renamed = this.next.rename(frame, from, to, xdata);
    renamed.then(
      ({ postoldparent, postnewparent }) => {
        this.cache.set(from.parent, undefined, postoldparent, since);
        // Distribute may answer with the attributes of its own link.
        this.cache.invalidate(from.inode);
        this.cache.invalidate(to.inode);
        this.cache.set(to.parent, undefined, postnewparent, since);
      },
      thrown => this.failed(thrown, from.inode, to.parent),
    );
    return renamed;
  }

  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const since = this.cache.now();
    const change = this.next.setxattr(frame, loc, dict, flags, xdata);
    return this.xattrsChanged(loc.inode, change, since, () => this.cache.addXattrs(loc.inode, dict));
  }

  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const since = this.cache.now();
    const change = this.next.fsetxattr(frame, fd, dict, flags, xdata);
    return this.xattrsChanged(fd.inode, change, since, () => this.cache.addXattrs(fd.inode, dict));
  }

  removexattr(frame: Frame, loc: Loc, name: string, xdata?: Dict): Promise<Answer> {
    if (this.knownAbsent(loc.inode, name)) return Promise.reject(new FopError(ENODATA, this.name));
    const since = this.cache.now();
    const change = this.next.removexattr(frame, loc, name, xdata);
    return this.xattrsChanged(loc.inode, change, since, () => this.cache.removeXattr(loc.inode, name));
  }

  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Dict): Promise<Answer> {
    if (this.knownAbsent(fd.inode, name)) return Promise.reject(new FopError(ENODATA, this.name));
    const since = this.cache.now();
    const change = this.next.fremovexattr(frame, fd, name, xdata);
    return this.xattrsChanged(fd.inode, change, since, () => this.cache.removeXattr(fd.inode, name));
  }

  private xattrsChanged(
    inode: Inode,
    change: Promise<Answer>,
    since: number,
    update: () => void,
  ): Promise<Answer> {
    change.then(
      ({ xdata }) => {
        update();
        const pre = xdata?.iatt(PRE_STAT);
        if (pre === undefined) this.cache.invalidate(inode);
        else this.cache.set(inode, pre, xdata?.iatt(POST_STAT), since);
      },
      thrown => this.failed(thrown, inode),
    );
    return change;
  }
}
