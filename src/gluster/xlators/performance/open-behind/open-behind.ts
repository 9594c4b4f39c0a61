import type { Fd } from '../../../graph/fd.ts';
import { errnoOf, FopError } from '../../../graph/fop-error.ts';
import type {
  Answer,
  CopyRangeAnswer,
  CreateAnswer,
  Fops,
  LkAnswer,
  OpenAnswer,
  PrePostAnswer,
  RchecksumAnswer,
  ReadAnswer,
  RemoveAnswer,
  RenameAnswer,
  SeekAnswer,
  StatAnswer,
  WriteAnswer,
  XattrAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Flock } from '../../../types/fs.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { O_TRUNC } from '../../../types/open-flags.ts';

const DONE: Answer = Object.freeze({});
/** Setting these does not need the file to be open. */
const HARMLESS_XATTRS = ['system.posix_acl_default', 'system.posix_acl_access', 'security.selinux'];

/** What is known of a file. */
class OpenState {
  /** Open fds, those whose open was not sent included. */
  count = 0;
  /** Whose open was answered and not yet done. */
  first: Fd | undefined = undefined;
  /** Sends that open; undefined once it was. */
  send: (() => void) | undefined = undefined;
  /** Settles when the open is done, well or not; there while it is under way. */
  done: Promise<void> | undefined = undefined;
  /** What takes its name away and is under way: it may have done so. */
  removals = 0;
}

/** What is known of an fd: the errno that its open failed with after it was answered. */
interface FdState {
  errno: number;
}

/**
 * performance/open-behind: answers the first open of a file at once and sends it when something comes that needs it. Whoever only opens,
 * reads what quick-read has, and closes, costs the bricks nothing.
 */
export class OpenBehind extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'open-behind': {
      kind: 'bool',
      default: 'off',
      description: 'Whether a volume has this layer; read where volfiles are made.',
    },
    'use-anonymous-fd': {
      kind: 'bool',
      default: 'no',
      reconfigurable: true,
      description: 'Reads of a file whose open was not sent go by its gfid, and do not send it.',
    },
    'lazy-open': {
      kind: 'bool',
      default: 'yes',
      reconfigurable: true,
      description: 'The open is sent when something needs it. Off: right after it was answered.',
    },
    'read-after-open': {
      kind: 'bool',
      default: 'yes',
      reconfigurable: true,
      description: 'Reads send the open, even if they could go by the gfid.',
    },
    'pass-through': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'Fops go by this layer.',
    },
  };

  private bypass = false;
  private lazy = true;
  private anonymous = false;
  private readAfterOpen = true;
  private readonly at: number;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.at = this.slot;
    this.reconfigure();
  }

  override reconfigure(): void {
    // Opens that were not sent are waited for here: fops go by only as far as nothing is put off any more.
    this.bypass = this.options.bool('pass-through');
    this.passThrough = false;
    this.lazy = this.options.bool('lazy-open');
    this.anonymous = this.options.bool('use-anonymous-fd');
    this.readAfterOpen = this.options.bool('read-after-open');
  }

  private stateOf(inode: Inode): OpenState {
    const found = inode.ctx[this.at] as OpenState | undefined;
    if (found !== undefined) return found;
    const state = new OpenState();
    inode.ctx[this.at] = state;
    return state;
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    const state = this.stateOf(fd.inode);
    if (fd.ctx[this.at] === undefined) {
      fd.ctx[this.at] = { errno: 0 } satisfies FdState;
      state.count++;
    }
    if (state.first !== undefined)
      return this.trigger(state).then(() => this.open(frame, loc, flags, fd, xdata));
    // Without a name it may be gone: whoever opened it is told now, and not when he has begun to use it.
    const unnamed = this.host.inodes.parentOf(fd.inode) === undefined;
    if (this.bypass || state.count > 1 || state.removals > 0 || unnamed || (flags & O_TRUNC) !== 0)
      return this.next.open(frame, loc, flags, fd, xdata);
    state.first = fd;
    const behind = frame.detach();
    state.send = () => this.send(state, behind, loc, flags, fd, xdata);
    // Sent after the answer, which leaves in this turn.
    if (!this.lazy) this.host.env.timers.immediate(() => state.first === fd && void this.trigger(state));
    return Promise.resolve({ fd });
  }

  private send(
    state: OpenState,
    frame: Frame,
    loc: Loc,
    flags: number,
    fd: Fd,
    xdata: Dict | undefined,
  ): void {
    fd.ref();
    const done = () => {
      state.first = undefined;
      state.done = undefined;
      fd.unref();
    };
    state.done = this.next.open(frame, loc, flags, fd, xdata).then(done, thrown => {
      const known = fd.ctx[this.at] as FdState | undefined;
      if (known !== undefined) known.errno = errnoOf(thrown);
      done();
    });
  }

  /** Sends the open that is due, if it was not. */
  private trigger(state: OpenState): Promise<void> {
    const { send } = state;
    if (send !== undefined) {
      state.send = undefined;
      send();
    }
    return state.done ?? Promise.resolve();
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
    const state = this.stateOf(fd.inode);
    if (fd.ctx[this.at] === undefined) {
      fd.ctx[this.at] = { errno: 0 } satisfies FdState;
      state.count++;
    }
    if (state.first === undefined) return this.next.create(frame, loc, flags, mode, umask, fd, xdata);
    return this.trigger(state).then(() => this.create(frame, loc, flags, mode, umask, fd, xdata));
  }

  override release(fd: Fd): void {
    const state = fd.inode.ctx[this.at] as OpenState | undefined;
    if (state === undefined) return;
    state.count--;
    if (state.first === fd && state.send !== undefined) {
      // It was never needed.
      state.first = undefined;
      state.send = undefined;
    }
    this.dropIdle(fd.inode, state);
  }

  private dropIdle(inode: Inode, state: OpenState): void {
    if (state.count === 0 && state.first === undefined && state.removals === 0)
      inode.ctx[this.at] = undefined;
  }

  /** What must be waited for before a fop of this fd can go down; sends the open if it must. Undefined: nothing. */
  private held(fd: Fd): Promise<void> | undefined {
    const errno = (fd.ctx[this.at] as FdState | undefined)?.errno ?? 0;
    if (errno !== 0) return Promise.reject(new FopError(errno, this.name));
    return this.heldInode(fd.inode);
  }

  private heldInode(inode: Inode): Promise<void> | undefined {
    const state = inode.ctx[this.at] as OpenState | undefined;
    return state === undefined || state.first === undefined ? undefined : this.trigger(state);
  }

  /** Whether the open of this very fd is due and was not sent. */
  private pending(fd: Fd): boolean {
    const state = fd.inode.ctx[this.at] as OpenState | undefined;
    return state !== undefined && state.first === fd && state.send !== undefined;
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    if (this.anonymous && !this.readAfterOpen && this.pending(fd)) {
      const by = fd.inode.table.anonymousFd(fd.inode, fd.flags);
      return this.next.readv(frame, by, size, offset, flags, xdata);
    }
    const held = this.held(fd);
    if (held === undefined) return this.next.readv(frame, fd, size, offset, flags, xdata);
    return held.then(() => this.readv(frame, fd, size, offset, flags, xdata));
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    const held = this.held(fd);
    if (held === undefined) return this.next.writev(frame, fd, data, offset, flags, xdata);
    return held.then(() => this.writev(frame, fd, data, offset, flags, xdata));
  }

  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer> {
    if (this.anonymous && this.pending(fd))
      return this.next.fstat(frame, fd.inode.table.anonymousFd(fd.inode, fd.flags), xdata);
    const held = this.held(fd);
    return held?.then(() => this.fstat(frame, fd, xdata)) ?? this.next.fstat(frame, fd, xdata);
  }

  seek(frame: Frame, fd: Fd, offset: number, what: number, xdata?: Dict): Promise<SeekAnswer> {
    if (this.anonymous && this.pending(fd))
      return this.next.seek(frame, fd.inode.table.anonymousFd(fd.inode, fd.flags), offset, what, xdata);
    const held = this.held(fd);
    if (held === undefined) return this.next.seek(frame, fd, offset, what, xdata);
    return held.then(() => this.seek(frame, fd, offset, what, xdata));
  }

  /** Nothing of an fd whose open was not sent is on its way. */
  flush(frame: Frame, fd: Fd, xdata?: Dict): Promise<Answer> {
    if (this.pending(fd)) return Promise.resolve(DONE);
    const held = this.held(fd);
    return held?.then(() => this.flush(frame, fd, xdata)) ?? this.next.flush(frame, fd, xdata);
  }

  fsync(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<PrePostAnswer> {
    const down = () => this.next.fsync(frame, fd, datasync, xdata);
    return this.held(fd)?.then(() => this.fsync(frame, fd, datasync, xdata)) ?? down();
  }

  lk(frame: Frame, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<LkAnswer> {
    const again = () => this.lk(frame, fd, cmd, flock, xdata);
    return this.held(fd)?.then(again) ?? this.next.lk(frame, fd, cmd, flock, xdata);
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    const again = () => this.ftruncate(frame, fd, offset, xdata);
    return this.held(fd)?.then(again) ?? this.next.ftruncate(frame, fd, offset, xdata);
  }

  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const again = () => this.fsetxattr(frame, fd, dict, flags, xdata);
    return this.held(fd)?.then(again) ?? this.next.fsetxattr(frame, fd, dict, flags, xdata);
  }

  fgetxattr(frame: Frame, fd: Fd, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
    const again = () => this.fgetxattr(frame, fd, name, xdata);
    return this.held(fd)?.then(again) ?? this.next.fgetxattr(frame, fd, name, xdata);
  }

  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Dict): Promise<Answer> {
    const again = () => this.fremovexattr(frame, fd, name, xdata);
    return this.held(fd)?.then(again) ?? this.next.fremovexattr(frame, fd, name, xdata);
  }

  finodelk(frame: Frame, volume: string, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<Answer> {
    const again = () => this.finodelk(frame, volume, fd, cmd, flock, xdata);
    return this.held(fd)?.then(again) ?? this.next.finodelk(frame, volume, fd, cmd, flock, xdata);
  }

  fentrylk(
    frame: Frame,
    volume: string,
    fd: Fd,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<Answer> {
    const again = () => this.fentrylk(frame, volume, fd, basename, cmd, type, xdata);
    return this.held(fd)?.then(again) ?? this.next.fentrylk(frame, volume, fd, basename, cmd, type, xdata);
  }

  fxattrop(frame: Frame, fd: Fd, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer> {
    const again = () => this.fxattrop(frame, fd, op, dict, xdata);
    return this.held(fd)?.then(again) ?? this.next.fxattrop(frame, fd, op, dict, xdata);
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const again = () => this.fsetattr(frame, fd, stat, valid, xdata);
    return this.held(fd)?.then(again) ?? this.next.fsetattr(frame, fd, stat, valid, xdata);
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer> {
    const again = () => this.fallocate(frame, fd, keepSize, offset, length, xdata);
    return this.held(fd)?.then(again) ?? this.next.fallocate(frame, fd, keepSize, offset, length, xdata);
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const again = () => this.discard(frame, fd, offset, length, xdata);
    return this.held(fd)?.then(again) ?? this.next.discard(frame, fd, offset, length, xdata);
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const again = () => this.zerofill(frame, fd, offset, length, xdata);
    return this.held(fd)?.then(again) ?? this.next.zerofill(frame, fd, offset, length, xdata);
  }

  rchecksum(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<RchecksumAnswer> {
    const again = () => this.rchecksum(frame, fd, offset, length, xdata);
    return this.held(fd)?.then(again) ?? this.next.rchecksum(frame, fd, offset, length, xdata);
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
    const again = () => this.copyFileRange(frame, from, fromOffset, to, toOffset, length, flags, xdata);
    return (
      (this.held(from) ?? this.held(to))?.then(again) ??
      this.next.copyFileRange(frame, from, fromOffset, to, toOffset, length, flags, xdata)
    );
  }

  /** Once its name is gone, it could not be opened any more. */
  unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<RemoveAnswer> {
    const again = () => this.unlink(frame, loc, xflags, xdata);
    return (
      this.heldInode(loc.inode)?.then(again) ??
      this.removing(loc.inode, this.next.unlink(frame, loc, xflags, xdata))
    );
  }

  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<RenameAnswer> {
    const again = () => this.rename(frame, from, to, xdata);
    return (
      this.heldInode(to.inode)?.then(again) ??
      this.removing(to.inode, this.next.rename(frame, from, to, xdata))
    );
  }

  /** Until it is answered, opens are not: whoever opens the file has it then, or is told that it has gone. */
  private removing<T>(inode: Inode, removal: Promise<T>): Promise<T> {
    const state = this.stateOf(inode);
    state.removals++;
    const done = () => {
      state.removals--;
      this.dropIdle(inode, state);
    };
    removal.then(done, done);
    return removal;
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const again = () => this.setattr(frame, loc, stat, valid, xdata);
    return this.heldInode(loc.inode)?.then(again) ?? this.next.setattr(frame, loc, stat, valid, xdata);
  }

  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const down = () => this.next.setxattr(frame, loc, dict, flags, xdata);
    if (HARMLESS_XATTRS.some(name => dict.has(name))) return down();
    return this.heldInode(loc.inode)?.then(() => this.setxattr(frame, loc, dict, flags, xdata)) ?? down();
  }

  override dump(out: DumpWriter): void {
    out.section('xlator.performance.open-behind.priv');
    out.write('use_anonymous_fd', this.anonymous ? 1 : 0);
    out.write('lazy_open', this.lazy ? 1 : 0);
  }

  override dumpFd(fd: Fd, out: DumpWriter): void {
    const state = fd.ctx[this.at] as FdState | undefined;
    if (state === undefined) return;
    out.section('xlator.performance.open-behind.file');
    out.write('error', state.errno);
  }
}
