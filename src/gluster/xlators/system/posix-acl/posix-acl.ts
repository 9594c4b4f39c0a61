import type { Fd } from '../../../graph/fd.ts';
import { FopError } from '../../../graph/fop-error.ts';
import type {
  Answer,
  CreateAnswer,
  EntryAnswer,
  Fops,
  LookupAnswer,
  OpenAnswer,
  PrePostAnswer,
  ReaddirAnswer,
  RemoveAnswer,
  RenameAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import { Xlator } from '../../../graph/xlator.ts';
import { Dict } from '../../../types/dict.ts';
import {
  type Iatt,
  SET_ATTR_ATIME,
  SET_ATTR_GID,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
  SET_ATTR_UID,
} from '../../../types/iatt.ts';
import { O_ACCMODE, O_APPEND, O_RDWR, O_TRUNC, O_WRONLY } from '../../../types/open-flags.ts';
import {
  type Acl,
  applyMode,
  decodeAcl,
  EXECUTE,
  encodeAcl,
  inherit,
  isExtended,
  isInGroup,
  modeOfAcl,
  type Owned,
  permits,
  READ,
  WRITE,
} from './acl.ts';

const ACCESS_KEY = 'system.posix_acl_access';
const DEFAULT_KEY = 'system.posix_acl_default';
/** The same as text, which bricks turn into the former. */
const TEXT_KEYS = ['glusterfs.posix.acl', 'glusterfs.posix.default_acl'];
const ACL_KEYS: ReadonlySet<string> = new Set([ACCESS_KEY, DEFAULT_KEY, ...TEXT_KEYS]);

const EPERM = 1;
const EIO = 5;
const EACCES = 13;
const EINVAL = 22;
const S_ISGID = 0o2000;
const S_ISVTX = 0o1000;
/** The kernel opens a program to run it (FMODE_EXEC). */
const O_FMODE_EXEC = 0o40;

/** What is known of a file: owner, mode and lists. */
class FileAcl implements Owned {
  uid = 0;
  gid = 0;
  mode = 0;
  access: Acl | undefined = undefined;
  defaults: Acl | undefined = undefined;
}

/**
 * Enforces permissions and access control lists on the client (`mount -o acl`): owner, mode and lists of every inode come with its
 * lookup; new files inherit from their directory's default list.
 */
export class PosixAcl extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'super-uid': {
      kind: 'int',
      default: '0',
      reconfigurable: true,
      description: 'A user who may do everything, besides root.',
    },
  };

  private superUid = this.options.number('super-uid');

  override reconfigure(): void {
    this.superUid = this.options.number('super-uid');
  }

  override forget(_inode: Inode): void {}

  private fail(errno: number): Promise<never> {
    return Promise.reject(new FopError(errno, this.name));
  }

  private known(inode: Inode): FileAcl | undefined {
    return inode.ctx[this.slot] as FileAcl | undefined;
  }

  private isSuper({ root }: Frame): boolean {
    return root.uid === 0 || root.uid === this.superUid;
  }

  private permits(frame: Frame, inode: Inode | undefined, want: number): boolean {
    if (frame.root.pid < 0 || this.isSuper(frame)) return true;
    const file = inode === undefined ? undefined : this.known(inode);
    if (file !== undefined && permits(frame.root, file, file.access, want)) return true;
    if (this.host.log.gathers('I')) {
      const { uid, gid } = frame.root;
      this.host.log.log('I', this.logName, `permission ${want} denied to uid ${uid}, gid ${gid}`);
    }
    return false;
  }

  /** In a directory with the sticky bit only its owner and the file's may remove a name. */
  private stickyPermits(frame: Frame, parent: Inode | undefined, inode: Inode): boolean {
    if (frame.root.pid < 0 || this.isSuper(frame)) return true;
    const directory = parent === undefined ? undefined : this.known(parent);
    const file = this.known(inode);
    if (directory === undefined || file === undefined) return false;
    const { uid } = frame.root;
    return (directory.mode & S_ISVTX) === 0 || uid === directory.uid || uid === file.uid;
  }

  /** Takes over what an answer tells of a file. */
  private update(inode: Inode, stat: Iatt | undefined): FileAcl | undefined {
    if (stat === undefined || stat.ctime === 0) return undefined;
    const file = this.known(inode) ?? new FileAcl();
    inode.ctx[this.slot] = file;
    file.uid = stat.uid;
    file.gid = stat.gid;
    file.mode = stat.mode;
    if (isExtended(file.access)) applyMode(file.access, stat.mode);
    return file;
  }

  private updateLists(inode: Inode, stat: Iatt | undefined, dict: Dict | undefined): void {
    const file = this.update(inode, stat);
    if (file === undefined) return;
    file.access = listIn(dict, ACCESS_KEY);
    file.defaults = listIn(dict, DEFAULT_KEY);
  }

  async lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    if (loc.parent !== undefined && !this.permits(frame, loc.parent, EXECUTE))
      throw new FopError(EACCES, this.name);
    const answer = await this.next.lookup(frame, loc, wanting(xdata));
    this.updateLists(answer.inode, answer.stat, answer.xdata);
    return answer;
  }

  async readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    if (!this.permits(frame, fd.inode, READ)) throw new FopError(EACCES, this.name);
    const answer = await this.next.readdirp(frame, fd, size, offset, wanting(xdata));
    for (const { inode, stat, dict } of answer.entries)
      if (inode !== undefined && dict !== undefined) this.updateLists(inode, stat, dict);
    return answer;
  }

  access(frame: Frame, loc: Loc, mask: number, _xdata?: Dict): Promise<Answer> {
    if (mask === 0) return Promise.resolve({});
    if ((mask & (READ | WRITE | EXECUTE)) === 0) return this.fail(EINVAL);
    return this.permits(frame, loc.inode, mask & 7) ? Promise.resolve({}) : this.fail(EACCES);
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    const how = flags & O_ACCMODE;
    let want =
      how === O_WRONLY ? WRITE : how === O_RDWR ? READ | WRITE : flags & O_FMODE_EXEC ? EXECUTE : READ;
    if (flags & (O_TRUNC | O_APPEND)) want |= WRITE;
    return this.permits(frame, loc.inode, want)
      ? this.next.open(frame, loc, flags, fd, xdata)
      : this.fail(EACCES);
  }

  /** Mode and lists of what is made in a directory with a default list; the umask only counts where there is none. */
  private inherit(
    loc: Loc,
    mode: number,
    umask: number,
    xdata: Dict,
    isDirectory: boolean,
  ): { mode: number; umask: number } {
    let wanted = mode;
    let taken = umask;
    const given = xdata.int('umask');
    if (given !== undefined) {
      taken = given;
      wanted = xdata.int('mode') ?? mode;
      xdata.delete('umask');
      xdata.delete('mode');
    }
    const defaults = loc.parent === undefined ? undefined : this.known(loc.parent)?.defaults;
    if (defaults === undefined) return { mode: wanted & ~taken, umask };
    const made = inherit(defaults, wanted);
    const file = this.known(loc.inode) ?? new FileAcl();
    loc.inode.ctx[this.slot] = file;
    file.mode = made.mode;
    file.access = made.acl;
    file.defaults = isDirectory ? defaults : undefined;
    xdata.setBytes(ACCESS_KEY, encodeAcl(made.acl));
    if (isDirectory) xdata.setBytes(DEFAULT_KEY, encodeAcl(defaults));
    return { mode: made.mode, umask: 0 };
  }

  private async made<T extends EntryAnswer>(answer: Promise<T>): Promise<T> {
    const entry = await answer;
    this.update(entry.inode, entry.stat);
    return entry;
  }

  mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    if (!this.permits(frame, loc.parent, WRITE | EXECUTE)) return this.fail(EACCES);
    const own = Dict.from(xdata);
    const as = this.inherit(loc, mode, umask, own, true);
    return this.made(this.next.mkdir(frame, loc, as.mode, as.umask, own));
  }

  mknod(
    frame: Frame,
    loc: Loc,
    mode: number,
    rdev: number,
    umask: number,
    xdata?: Dict,
  ): Promise<EntryAnswer> {
    if (!this.permits(frame, loc.parent, WRITE | EXECUTE)) return this.fail(EACCES);
    const own = Dict.from(xdata);
    const as = this.inherit(loc, mode, umask, own, false);
    return this.made(this.next.mknod(frame, loc, as.mode, rdev, as.umask, own));
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
    if (!this.permits(frame, loc.parent, WRITE | EXECUTE)) return this.fail(EACCES);
    const own = Dict.from(xdata);
    const as = this.inherit(loc, mode, umask, own, false);
    return this.made(this.next.create(frame, loc, flags, as.mode, as.umask, fd, own));
  }

  symlink(frame: Frame, target: string, loc: Loc, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    if (!this.permits(frame, loc.parent, WRITE | EXECUTE)) return this.fail(EACCES);
    return this.made(this.next.symlink(frame, target, loc, umask, xdata));
  }

  private mayRemove(frame: Frame, { parent, inode }: Loc): boolean {
    return this.stickyPermits(frame, parent, inode) && this.permits(frame, parent, WRITE | EXECUTE);
  }

  unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<RemoveAnswer> {
    return this.mayRemove(frame, loc) ? this.next.unlink(frame, loc, xflags, xdata) : this.fail(EACCES);
  }

  rmdir(frame: Frame, loc: Loc, flags: number, xdata?: Dict): Promise<RemoveAnswer> {
    return this.mayRemove(frame, loc) ? this.next.rmdir(frame, loc, flags, xdata) : this.fail(EACCES);
  }

  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<RenameAnswer> {
    const may =
      this.permits(frame, from.parent, WRITE) &&
      this.permits(frame, to.parent, WRITE) &&
      this.stickyPermits(frame, from.parent, from.inode) &&
      // Nothing there that could be overwritten: nothing to ask about.
      (this.known(to.inode) === undefined || this.stickyPermits(frame, to.parent, to.inode));
    return may ? this.next.rename(frame, from, to, xdata) : this.fail(EACCES);
  }

  link(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<EntryAnswer> {
    if (this.known(from.inode) === undefined) return this.fail(EIO);
    const may = this.permits(frame, to.parent, WRITE) && this.stickyPermits(frame, to.parent, from.inode);
    return may ? this.next.link(frame, from, to, xdata) : this.fail(EACCES);
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const { errno, allowed } = this.checkSetattr(frame, loc.inode, stat, valid);
    if (errno !== 0) return this.fail(errno);
    return this.changed(loc.inode, this.next.setattr(frame, loc, allowed, valid, xdata));
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const { errno, allowed } = this.checkSetattr(frame, fd.inode, stat, valid);
    if (errno !== 0) return this.fail(errno);
    return this.changed(fd.inode, this.next.fsetattr(frame, fd, allowed, valid, xdata));
  }

  private async changed(inode: Inode, answer: Promise<PrePostAnswer>): Promise<PrePostAnswer> {
    const good = await answer;
    this.update(inode, good.post);
    return good;
  }

  /** Who may change which attributes (chmod(2), utime(2), chown(2)). */
  private checkSetattr(
    frame: Frame,
    inode: Inode,
    stat: Iatt,
    valid: number,
  ): { errno: number; allowed: Iatt } {
    const refuse = (errno: number) => ({ errno, allowed: stat });
    if (this.isSuper(frame)) return { errno: 0, allowed: stat };
    const file = this.known(inode);
    if (file === undefined) return refuse(EIO);
    const { root } = frame;
    const isOwner = root.uid === file.uid;
    let allowed = stat;
    if (valid & SET_ATTR_MODE) {
      if (!isOwner) return refuse(EPERM);
      if (!isInGroup(root, file.gid) && stat.mode & S_ISGID) {
        allowed = stat.clone();
        allowed.mode &= ~S_ISGID;
      }
    }
    if (valid & (SET_ATTR_ATIME | SET_ATTR_MTIME) && !isOwner && !this.permits(frame, inode, WRITE))
      return refuse(EACCES);
    if (valid & SET_ATTR_UID && stat.uid !== file.uid) return refuse(EPERM);
    if (valid & SET_ATTR_GID && (!isOwner || !isInGroup(root, stat.gid))) return refuse(EPERM);
    return { errno: 0, allowed };
  }

  async setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const errno = this.checkSetxattr(frame, loc.inode, dict);
    if (errno !== 0) throw new FopError(errno, this.name);
    const answer = await this.next.setxattr(frame, loc, dict, flags, xdata);
    this.setLists(loc.inode, dict);
    this.setLists(loc.inode, answer.xdata);
    return answer;
  }

  async fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const errno = this.checkSetxattr(frame, fd.inode, dict);
    if (errno !== 0) throw new FopError(errno, this.name);
    const answer = await this.next.fsetxattr(frame, fd, dict, flags, xdata);
    this.setLists(fd.inode, dict);
    this.setLists(fd.inode, answer.xdata);
    return answer;
  }

  private checkSetxattr(frame: Frame, inode: Inode, dict: Dict): number {
    if (this.isSuper(frame)) return 0;
    const file = this.known(inode);
    if (file === undefined) return EIO;
    for (const [key] of dict.entries) if (ACL_KEYS.has(key)) return frame.root.uid === file.uid ? 0 : EPERM;
    return this.permits(frame, inode, WRITE) ? 0 : EACCES;
  }

  /** Lists that were set. */
  private setLists(inode: Inode, dict: Dict | undefined): void {
    const file = this.known(inode);
    if (file === undefined || dict === undefined) return;
    const access = listIn(dict, ACCESS_KEY);
    if (access !== undefined) {
      file.access = access;
      file.mode = modeOfAcl(access, file.mode);
    }
    file.defaults = listIn(dict, DEFAULT_KEY) ?? file.defaults;
  }

  /** Whether attributes may be read. */
  mayRead(frame: Frame, inode: Inode, name: unknown): boolean {
    return (typeof name === 'string' && ACL_KEYS.has(name)) || this.permits(frame, inode, READ);
  }

  mayRemoveXattr(frame: Frame, inode: Inode, name: string): number {
    if (this.isSuper(frame)) return 0;
    const file = this.known(inode);
    if (file === undefined) return EIO;
    if (ACL_KEYS.has(name) && frame.root.uid !== file.uid) return EPERM;
    return this.permits(frame, inode, WRITE) ? 0 : EACCES;
  }

  /** A list was removed. */
  dropList(inode: Inode, name: string): void {
    const file = this.known(inode);
    if (file === undefined) return;
    if (name === ACCESS_KEY || name === TEXT_KEYS[0]) file.access = undefined;
    if (name === DEFAULT_KEY || name === TEXT_KEYS[1]) file.defaults = undefined;
  }

  guard(frame: Frame, inode: Inode, want: number): boolean {
    return this.permits(frame, inode, want);
  }

  refuse(errno: number): Promise<never> {
    return this.fail(errno);
  }
}

function listIn(dict: Dict | undefined, key: string): Acl | undefined {
  const bytes = dict?.bytes(key);
  return bytes === undefined ? undefined : decodeAcl(bytes);
}

/** Asks for the lists besides what is asked for anyway. */
function wanting(xdata: Dict | undefined): Dict {
  return Dict.from(xdata).setInt(ACCESS_KEY, 0).setInt(DEFAULT_KEY, 0);
}
