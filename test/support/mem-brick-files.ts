import { createHash } from 'node:crypto';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import type {
  Answer,
  CopyRangeAnswer,
  PrePostAnswer,
  RchecksumAnswer,
  ReadAnswer,
  ReadlinkAnswer,
  SeekAnswer,
  StatAnswer,
  WriteAnswer,
  XattrAnswer,
} from '../../src/gluster/graph/fops.ts';
import type { Frame } from '../../src/gluster/graph/frame.ts';
import type { Loc } from '../../src/gluster/graph/loc.ts';
import { Dict } from '../../src/gluster/types/dict.ts';
import { SEEK_TO_HOLE } from '../../src/gluster/types/fs.ts';
import {
  type Iatt,
  SET_ATTR_ATIME,
  SET_ATTR_ATIME_NOW,
  SET_ATTR_GID,
  SET_ATTR_MODE,
  SET_ATTR_MTIME,
  SET_ATTR_MTIME_NOW,
  SET_ATTR_UID,
} from '../../src/gluster/types/iatt.ts';
import { MemBrickBase } from './mem-brick-base.ts';
import type { SparseData } from './mem-data.ts';
import { fail, type MemFile } from './mem-store.ts';
import { answerRequests, getXattrs, removeXattr, setXattrs, xattrop } from './mem-xattr.ts';

const O_ACCMODE = 0o3;
const O_RDONLY = 0;
const O_WRONLY = 1;
const O_APPEND = 0o2000;
const S_IFMT = 0o170000;

/** Fops on one file: data, attributes, extended attributes. */
export abstract class MemBrickFiles extends MemBrickBase {
  stat(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatAnswer> {
    return this.run('stat', frame, loc, () => this.#stat(this.byGfid(loc), xdata));
  }

  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer> {
    return this.run('fstat', frame, fd, () => this.#stat(this.byFd(fd), xdata));
  }

  #stat(file: MemFile, xdata: Dict | undefined): StatAnswer {
    return { stat: file.iatt(), xdata: answerRequests(file, xdata, false) };
  }

  access(frame: Frame, loc: Loc, mask: number, _xdata?: Dict): Promise<Answer> {
    return this.run('access', frame, loc, () => {
      const { stat } = this.byGfid(loc);
      const { uid, gid, groups } = frame.root;
      const shift = uid === stat.uid ? 6 : gid === stat.gid || groups.includes(stat.gid) ? 3 : 0;
      if (uid !== 0 && ((stat.mode >> shift) & mask) !== mask) fail('EACCES');
      return {};
    });
  }

  readlink(frame: Frame, loc: Loc, size: number, _xdata?: Dict): Promise<ReadlinkAnswer> {
    return this.run('readlink', frame, loc, () => {
      const file = this.byGfid(loc);
      if ((file.mode & S_IFMT) !== 0o120000) fail('EINVAL');
      return { path: file.target.slice(0, size), stat: file.iatt() };
    });
  }

  truncate(frame: Frame, loc: Loc, offset: number, _xdata?: Dict): Promise<PrePostAnswer> {
    const apply = (): PrePostAnswer => this.#change(this.byGfid(loc), data => data.truncate(offset));
    return this.run('truncate', frame, loc, apply, offset);
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, _xdata?: Dict): Promise<PrePostAnswer> {
    const apply = (): PrePostAnswer => this.#change(this.#writable(fd), data => data.truncate(offset));
    return this.run('ftruncate', frame, fd, apply, offset);
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    _xdata?: Dict,
  ): Promise<PrePostAnswer> {
    const apply = (): PrePostAnswer =>
      this.#change(this.#writable(fd), data => {
        data.allocate(offset, length);
        if (!keepSize) data.size = Math.max(data.size, offset + length);
      });
    return this.run('fallocate', frame, fd, apply, offset, length);
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, _xdata?: Dict): Promise<PrePostAnswer> {
    const apply = (): PrePostAnswer => this.#change(this.#writable(fd), data => data.punch(offset, length));
    return this.run('discard', frame, fd, apply, offset, length);
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, _xdata?: Dict): Promise<PrePostAnswer> {
    const apply = (): PrePostAnswer =>
      this.#change(this.#writable(fd), data => {
        data.punch(offset, length);
        data.allocate(offset, length);
        data.size = Math.max(data.size, offset + length);
      });
    return this.run('zerofill', frame, fd, apply, offset, length);
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    _flags: number,
    _xdata?: Dict,
  ): Promise<ReadAnswer> {
    const apply = (): ReadAnswer => {
      const file = this.byFd(fd);
      const data = file.data ?? fail('EISDIR');
      if ((this.flagsOf(fd) & O_ACCMODE) === O_WRONLY) fail('EBADF');
      const bytes = data.read(offset, size);
      this.store.touch(file, true, false, false);
      const eof = offset + bytes.length >= data.size;
      return { data: bytes.length === 0 ? [] : [bytes], length: bytes.length, eof, stat: file.iatt() };
    };
    return this.run('readv', frame, fd, apply, offset, size);
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    _flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    const apply = (): WriteAnswer => {
      const file = this.#writable(fd);
      const into = file.data ?? fail('EISDIR');
      const pre = file.iatt();
      const append = (this.flagsOf(fd) & O_APPEND) !== 0;
      let at = append ? into.size : offset;
      const start = at;
      for (const piece of data) {
        into.write(at, piece);
        at += piece.length;
      }
      this.store.touch(file, false, true, true);
      let answer: Dict | undefined;
      if (xdata !== undefined) {
        answer = answerRequests(file, xdata, false) ?? new Dict();
        if (xdata.has('glusterfs.write-is-append'))
          answer.setUint('glusterfs.write-is-append', append || start === pre.size ? 1 : 0);
      }
      return { written: at - start, pre, post: file.iatt(), xdata: answer };
    };
    const size = data.reduce((sum, piece) => sum + piece.length, 0);
    return this.run('writev', frame, fd, apply, offset, size);
  }

  copyFileRange(
    frame: Frame,
    from: Fd,
    fromOffset: number,
    to: Fd,
    toOffset: number,
    length: number,
    _flags: number,
    _xdata?: Dict,
  ): Promise<CopyRangeAnswer> {
    const apply = (): CopyRangeAnswer => {
      const source = this.byFd(from);
      const bytes = (source.data ?? fail('EISDIR')).read(fromOffset, length);
      const changed = this.#change(this.#writable(to), data => data.write(toOffset, bytes));
      return { ...changed, copied: bytes.length, stat: source.iatt() };
    };
    return this.run('copyFileRange', frame, to, apply, toOffset, length);
  }

  fsync(frame: Frame, fd: Fd, _datasync: boolean, _xdata?: Dict): Promise<PrePostAnswer> {
    return this.run('fsync', frame, fd, () => {
      const file = this.byFd(fd);
      return { pre: file.iatt(), post: file.iatt() };
    });
  }

  flush(frame: Frame, fd: Fd, _xdata?: Dict): Promise<Answer> {
    return this.run('flush', frame, fd, () => {
      this.byFd(fd).posixLocks.drop(this, frame.root.lkOwner);
      return {};
    });
  }

  seek(frame: Frame, fd: Fd, offset: number, what: number, _xdata?: Dict): Promise<SeekAnswer> {
    const apply = (): SeekAnswer => {
      const data = this.byFd(fd).data ?? fail('EISDIR');
      return { offset: data.seek(offset, what === SEEK_TO_HOLE) ?? fail('ENXIO') };
    };
    return this.run('seek', frame, fd, apply, offset);
  }

  rchecksum(frame: Frame, fd: Fd, offset: number, length: number, _xdata?: Dict): Promise<RchecksumAnswer> {
    const apply = (): RchecksumAnswer => {
      const bytes = (this.byFd(fd).data ?? fail('EISDIR')).read(offset, length);
      // rsync's rolling checksum; bytes are signed.
      let a = 0;
      let b = 0;
      for (const byte of bytes) {
        a += (byte << 24) >> 24;
        b += a;
      }
      const weak = ((a & 0xffff) | (b << 16)) >>> 0;
      return { weak, strong: createHash('sha256').update(bytes).digest() };
    };
    return this.run('rchecksum', frame, fd, apply, offset, length);
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, _xdata?: Dict): Promise<PrePostAnswer> {
    return this.run('setattr', frame, loc, () => this.#setattr(this.byGfid(loc), stat, valid));
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, _xdata?: Dict): Promise<PrePostAnswer> {
    return this.run('fsetattr', frame, fd, () => this.#setattr(this.byFd(fd), stat, valid));
  }

  #setattr(file: MemFile, to: Iatt, valid: number): PrePostAnswer {
    const pre = file.iatt();
    const { stat } = file;
    if (valid & SET_ATTR_MODE) stat.mode = (stat.mode & S_IFMT) | (to.mode & ~S_IFMT);
    if (valid & SET_ATTR_UID) stat.uid = to.uid;
    if (valid & SET_ATTR_GID) stat.gid = to.gid;
    if (valid & SET_ATTR_ATIME) Object.assign(stat, { atime: to.atime, atimeNsec: to.atimeNsec });
    if (valid & SET_ATTR_MTIME) Object.assign(stat, { mtime: to.mtime, mtimeNsec: to.mtimeNsec });
    const now = (bit: number): boolean => (valid & bit) !== 0;
    this.store.touch(file, now(SET_ATTR_ATIME_NOW), now(SET_ATTR_MTIME_NOW), true);
    return { pre, post: file.iatt() };
  }

  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, _xdata?: Dict): Promise<Answer> {
    return this.run('setxattr', frame, loc, () => this.#setxattr(this.byGfid(loc), dict, flags));
  }

  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, _xdata?: Dict): Promise<Answer> {
    return this.run('fsetxattr', frame, fd, () => this.#setxattr(this.byFd(fd), dict, flags));
  }

  /** The attributes before and after come in xdata (`posix_set_iatt_in_dict`). */
  #setxattr(file: MemFile, dict: Dict, flags: number): Answer {
    const xdata = new Dict().setIatt('virt-gf-prestat', file.iatt());
    setXattrs(file, dict, flags);
    this.store.touch(file, false, false, true);
    return { xdata: xdata.setIatt('virt-gf-poststat', file.iatt()) };
  }

  getxattr(frame: Frame, loc: Loc, name: string | undefined, _xdata?: Dict): Promise<XattrAnswer> {
    return this.run('getxattr', frame, loc, () => ({ dict: getXattrs(this.byGfid(loc), name) }));
  }

  fgetxattr(frame: Frame, fd: Fd, name: string | undefined, _xdata?: Dict): Promise<XattrAnswer> {
    return this.run('fgetxattr', frame, fd, () => ({ dict: getXattrs(this.byFd(fd), name) }));
  }

  removexattr(frame: Frame, loc: Loc, name: string, _xdata?: Dict): Promise<Answer> {
    return this.run('removexattr', frame, loc, () => this.#removexattr(this.byGfid(loc), name));
  }

  fremovexattr(frame: Frame, fd: Fd, name: string, _xdata?: Dict): Promise<Answer> {
    return this.run('fremovexattr', frame, fd, () => this.#removexattr(this.byFd(fd), name));
  }

  #removexattr(file: MemFile, name: string): Answer {
    const xdata = new Dict().setIatt('virt-gf-prestat', file.iatt());
    removeXattr(file, name);
    this.store.touch(file, false, false, true);
    return { xdata: xdata.setIatt('virt-gf-poststat', file.iatt()) };
  }

  xattrop(frame: Frame, loc: Loc, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer> {
    return this.run('xattrop', frame, loc, () => this.#xattrop(this.byGfid(loc), op, dict, xdata));
  }

  fxattrop(frame: Frame, fd: Fd, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer> {
    return this.run('fxattrop', frame, fd, () => this.#xattrop(this.byFd(fd), op, dict, xdata));
  }

  #xattrop(file: MemFile, op: number, dict: Dict, xdata: Dict | undefined): XattrAnswer {
    return { dict: xattrop(file, op, dict), xdata: answerRequests(file, xdata, false) };
  }

  #writable(fd: Fd): MemFile {
    if ((this.flagsOf(fd) & O_ACCMODE) === O_RDONLY) fail('EBADF');
    return this.byFd(fd);
  }

  #change(file: MemFile, how: (data: SparseData) => void): PrePostAnswer {
    const pre = file.iatt();
    how(file.data ?? fail(file.entries === undefined ? 'EINVAL' : 'EISDIR'));
    this.store.touch(file, false, true, true);
    return { pre, post: file.iatt() };
  }
}
