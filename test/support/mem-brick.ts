import { decodeOffset, encodeOffset, leavesOf } from '../../src/gluster/graph/d-off.ts';
import type { Fd } from '../../src/gluster/graph/fd.ts';
import type {
  ActiveLocksAnswer,
  Answer,
  CreateAnswer,
  EntryAnswer,
  Fops,
  GraphEntry,
  LkAnswer,
  LookupAnswer,
  OpenAnswer,
  ReaddirAnswer,
  RemoveAnswer,
  RenameAnswer,
  StatfsAnswer,
} from '../../src/gluster/graph/fops.ts';
import type { Frame } from '../../src/gluster/graph/frame.ts';
import { Loc } from '../../src/gluster/graph/loc.ts';
import type { Dict } from '../../src/gluster/types/dict.ts';
import {
  ENTRYLK_LOCK_NB,
  ENTRYLK_UNLOCK,
  ENTRYLK_WRLCK,
  F_RDLCK,
  F_WRLCK,
  type Flock,
} from '../../src/gluster/types/fs.ts';
import { GFID_NULL, type Gfid } from '../../src/gluster/types/gfid.ts';
import { MemBrickFiles } from './mem-brick-files.ts';
import { fail, type MemFile } from './mem-store.ts';
import { answerRequests } from './mem-xattr.ts';

export { type BrickCall, type BrickHook, dropStore } from './mem-brick-base.ts';

const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const PERMISSIONS = 0o7777;
/** What an entry costs of a listing's size besides its name (`gf_dirent_t`). */
const ENTRY_SIZE = 208;
const IPC_TARGET_UPCALL = 2;
const KEPT_AT_BIRTH = /^(trusted|user|security|system)\./;

/**
 * `storage/memory`: a whole brick in memory, for tests of what stands above it. It does what storage/posix and features/locks of a real
 * brick do together, and on top of that it waits, fails, goes down and tells what it saw as a test wants it.
 */
export class MemoryBrick extends MemBrickFiles implements Partial<Fops> {
  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    return this.run('lookup', frame, loc, () => {
      const { parent, inode } = loc;
      const dir = parent === undefined || loc.name === '' ? undefined : this.directory(loc);
      const file = dir === undefined ? this.byGfid(loc) : this.store.entry(dir, loc.name);
      // The name is another file's by now.
      if (inode.gfid !== GFID_NULL && inode.gfid !== file.gfid) fail('ESTALE');
      const answer = xdata === undefined ? undefined : answerRequests(file, xdata, true);
      return { inode, stat: file.iatt(), postparent: dir?.iatt(), xdata: answer };
    });
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
    return this.run('create', frame, loc, () => {
      const dir = this.directory(loc);
      const preparent = dir.iatt();
      const there = dir.entries?.get(loc.name)?.file;
      if (there !== undefined && (flags & O_EXCL) !== 0) fail('EEXIST');
      if (there?.entries !== undefined) fail('EISDIR');
      const file = there ?? this.#make(frame, dir, loc.name, S_IFREG | (mode & ~umask & PERMISSIONS), xdata);
      if (there !== undefined && (flags & O_TRUNC) !== 0) this.#empty(file);
      this.opened(fd, file, flags & ~(O_CREAT | O_EXCL | O_TRUNC));
      return { fd, inode: loc.inode, stat: file.iatt(), preparent, postparent: dir.iatt() };
    });
  }

  mknod(
    frame: Frame,
    loc: Loc,
    mode: number,
    rdev: number,
    umask: number,
    xdata?: Dict,
  ): Promise<EntryAnswer> {
    const kind = (mode & 0o170000) === 0 ? S_IFREG : 0;
    return this.#entry('mknod', frame, loc, (mode & ~umask) | kind, xdata, file => {
      file.stat.rdev = rdev;
    });
  }

  mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    return this.#entry('mkdir', frame, loc, S_IFDIR | (mode & ~umask & PERMISSIONS), xdata);
  }

  symlink(frame: Frame, target: string, loc: Loc, _umask: number, xdata?: Dict): Promise<EntryAnswer> {
    return this.#entry('symlink', frame, loc, S_IFLNK | 0o777, xdata, file => {
      file.target = target;
    });
  }

  #entry(
    fop: 'mknod' | 'mkdir' | 'symlink',
    frame: Frame,
    loc: Loc,
    mode: number,
    xdata: Dict | undefined,
    set?: (file: MemFile) => void,
  ): Promise<EntryAnswer> {
    return this.run(fop, frame, loc, () => {
      const dir = this.directory(loc);
      const preparent = dir.iatt();
      const file = this.#make(frame, dir, loc.name, mode, xdata);
      set?.(file);
      return { inode: loc.inode, stat: file.iatt(), preparent, postparent: dir.iatt() };
    });
  }

  #make(frame: Frame, dir: MemFile, name: string, mode: number, xdata: Dict | undefined): MemFile {
    // A brick makes nothing that the client gave no gfid to.
    const gfid: Gfid = xdata?.gfid('gfid-req') ?? fail('EPERM');
    const file = this.store.make(dir, name, gfid, mode, frame.root.uid, frame.root.gid);
    for (const key of xdata?.entries.keys() ?? []) {
      const value = KEPT_AT_BIRTH.test(key) ? xdata?.bytes(key) : undefined;
      if (value !== undefined) file.xattrs.set(key, Buffer.from(value));
    }
    return file;
  }

  link(frame: Frame, from: Loc, to: Loc, _xdata?: Dict): Promise<EntryAnswer> {
    return this.run('link', frame, to, () => {
      const file = this.byGfid(from);
      const dir = this.directory(to);
      if (file.entries !== undefined) fail('EPERM');
      if (dir.entries?.has(to.name)) fail('EEXIST');
      const preparent = dir.iatt();
      this.store.enter(dir, to.name, file);
      return { inode: from.inode, stat: file.iatt(), preparent, postparent: dir.iatt() };
    });
  }

  unlink(frame: Frame, loc: Loc, _xflags: number, _xdata?: Dict): Promise<RemoveAnswer> {
    return this.run('unlink', frame, loc, () => {
      const dir = this.directory(loc);
      const preparent = dir.iatt();
      if (this.store.entry(dir, loc.name).entries !== undefined) fail('EISDIR');
      this.store.leave(dir, loc.name);
      return { preparent, postparent: dir.iatt() };
    });
  }

  rmdir(frame: Frame, loc: Loc, _flags: number, _xdata?: Dict): Promise<RemoveAnswer> {
    return this.run('rmdir', frame, loc, () => {
      const dir = this.directory(loc);
      const preparent = dir.iatt();
      const { entries } = this.store.entry(dir, loc.name);
      if (entries === undefined) fail('ENOTDIR');
      if (entries.size > 0) fail('ENOTEMPTY');
      this.store.leave(dir, loc.name);
      return { preparent, postparent: dir.iatt() };
    });
  }

  rename(frame: Frame, from: Loc, to: Loc, _xdata?: Dict): Promise<RenameAnswer> {
    return this.run('rename', frame, from, () => {
      const oldDir = this.directory(from);
      const newDir = this.directory(to);
      const preoldparent = oldDir.iatt();
      const prenewparent = newDir.iatt();
      const file = this.store.rename(oldDir, from.name, newDir, to.name);
      const postoldparent = oldDir.iatt();
      const postnewparent = newDir.iatt();
      return { stat: file.iatt(), preoldparent, postoldparent, prenewparent, postnewparent };
    });
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, _xdata?: Dict): Promise<OpenAnswer> {
    return this.run('open', frame, loc, () => {
      const file = this.byGfid(loc);
      if (file.entries !== undefined) fail('EISDIR');
      if (file.data === undefined) fail((file.mode & 0o170000) === S_IFLNK ? 'ELOOP' : 'ENXIO');
      if ((flags & O_TRUNC) !== 0) this.#empty(file);
      this.opened(fd, file, flags & ~O_TRUNC);
      return { fd };
    });
  }

  #empty(file: MemFile): void {
    file.data?.truncate(0);
    this.store.touch(file, false, true, true);
  }

  opendir(frame: Frame, loc: Loc, fd: Fd, _xdata?: Dict): Promise<OpenAnswer> {
    return this.run('opendir', frame, loc, () => {
      const dir = this.byGfid(loc);
      if (dir.entries === undefined) fail('ENOTDIR');
      this.opened(fd, dir, 0);
      return { fd };
    });
  }

  readdir(frame: Frame, fd: Fd, size: number, offset: bigint, _xdata?: Dict): Promise<ReaddirAnswer> {
    const apply = (): ReaddirAnswer => this.#list(this.byFd(fd), size, offset, false, undefined);
    return this.run('readdir', frame, fd, apply, Number(offset), size);
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const apply = (): ReaddirAnswer => this.#list(this.byFd(fd), size, offset, true, xdata);
    return this.run('readdirp', frame, fd, apply, Number(offset), size);
  }

  #list(dir: MemFile, size: number, offset: bigint, plus: boolean, xdata: Dict | undefined): ReaddirAnswer {
    const leaves = leavesOf(this.host.xlators);
    const leaf = Math.max(0, leaves.indexOf(this));
    const count = Math.max(1, leaves.length);
    const after = decodeOffset(offset, count);
    const all = [
      { name: '.', file: dir, dOff: 4096n },
      { name: '..', file: dir.parent ?? dir, dOff: 8192n },
      ...dir.sorted(),
    ];
    const entries: GraphEntry[] = [];
    let room = size;
    for (const { name, file, dOff } of all) {
      if (dOff <= after) continue;
      room -= ENTRY_SIZE + name.length + 1;
      if (room < 0) {
        if (entries.length === 0) fail('EINVAL');
        return { entries, eof: false };
      }
      const entry: GraphEntry = { name, dOff: encodeOffset(dOff, leaf, count), type: file.mode >> 12 };
      if (plus) {
        entry.stat = file.iatt();
        entry.dict = answerRequests(file, xdata, false);
        if (name !== '.' && name !== '..')
          entry.inode = this.host.inodes.find(file.gfid) ?? this.host.inodes.create();
      }
      entries.push(entry);
    }
    this.store.touch(dir, true, false, false);
    return { entries, eof: true };
  }

  fsyncdir(frame: Frame, fd: Fd, _datasync: boolean, _xdata?: Dict): Promise<Answer> {
    return this.run('fsyncdir', frame, fd, () => {
      this.byFd(fd);
      return {};
    });
  }

  statfs(frame: Frame, loc: Loc, _xdata?: Dict): Promise<StatfsAnswer> {
    return this.run('statfs', frame, loc, () => {
      let used = 0;
      for (const { data } of this.store.files.values()) used += (data?.blocks ?? 0) / 8;
      const blocks = 1 << 20;
      const files = 1 << 20;
      const bfree = blocks - used;
      const ffree = files - this.store.files.size;
      const bsize = 4096;
      const free = { bfree, bavail: bfree, ffree, favail: ffree };
      return { statfs: { bsize, frsize: bsize, blocks, files, ...free, fsid: 1, flag: 0, namemax: 255 } };
    });
  }

  lk(frame: Frame, fd: Fd, cmd: number, flock: Flock, _xdata?: Dict): Promise<LkAnswer> {
    const take = async (): Promise<LkAnswer> => ({
      flock: await this.byFd(fd).posixLocks.lock(this, cmd, flock, interrupts(frame)),
    });
    return this.run('lk', frame, fd, take, flock.start, flock.len);
  }

  inodelk(frame: Frame, volume: string, loc: Loc, cmd: number, flock: Flock, _xdata?: Dict): Promise<Answer> {
    const take = (): Promise<Answer> => this.#inodelk(frame, volume, this.#lockable(loc), cmd, flock);
    return this.run('inodelk', frame, loc, take, flock.start, flock.len);
  }

  finodelk(frame: Frame, volume: string, fd: Fd, cmd: number, flock: Flock, _xdata?: Dict): Promise<Answer> {
    const take = (): Promise<Answer> => this.#inodelk(frame, volume, this.byFd(fd), cmd, flock);
    return this.run('finodelk', frame, fd, take, flock.start, flock.len);
  }

  async #inodelk(frame: Frame, volume: string, file: MemFile, cmd: number, flock: Flock): Promise<Answer> {
    const owned = { ...flock, owner: flock.owner || frame.root.lkOwner };
    await file.inodelk(volume).lock(this, cmd, owned, interrupts(frame));
    return {};
  }

  #lockable(loc: Loc): MemFile {
    return this.store.files.get(loc.gfid) ?? this.store.removed.get(loc.gfid) ?? this.byGfid(loc);
  }

  entrylk(
    frame: Frame,
    volume: string,
    loc: Loc,
    basename: string | undefined,
    cmd: number,
    type: number,
    _xdata?: Dict,
  ): Promise<Answer> {
    const take = (): Promise<Answer> =>
      this.#entrylk(frame, volume, this.#lockable(loc), basename, cmd, type);
    return this.run('entrylk', frame, loc, take);
  }

  fentrylk(
    frame: Frame,
    volume: string,
    fd: Fd,
    basename: string | undefined,
    cmd: number,
    type: number,
    _xdata?: Dict,
  ): Promise<Answer> {
    const take = (): Promise<Answer> => this.#entrylk(frame, volume, this.byFd(fd), basename, cmd, type);
    return this.run('fentrylk', frame, fd, take);
  }

  async #entrylk(
    frame: Frame,
    volume: string,
    dir: MemFile,
    name: string | undefined,
    cmd: number,
    type: number,
  ): Promise<Answer> {
    const { lkOwner: owner } = frame.root;
    const locks = dir.entrylk(volume);
    if (cmd === ENTRYLK_UNLOCK) await locks.unlock(this, owner, name);
    else {
      const want = { name, owner, client: this, exclusive: type === ENTRYLK_WRLCK };
      await locks.lock(want, cmd !== ENTRYLK_LOCK_NB, interrupts(frame));
    }
    return {};
  }

  /** Takes registrations for upcalls, as features/upcall does; it is the test that sends them. */
  ipc(frame: Frame, op: number, _xdata?: Dict): Promise<Answer> {
    const root = new Loc(this.host.inodes.root);
    return this.run('ipc', frame, root, () => (op === IPC_TARGET_UPCALL ? {} : fail('EOPNOTSUPP')));
  }

  getactivelk(frame: Frame, loc: Loc, _xdata?: Dict): Promise<ActiveLocksAnswer> {
    return this.run('getactivelk', frame, loc, () => ({
      locks: this.byGfid(loc).posixLocks.held.map(({ type, start, end, pid, owner }) => {
        const len = end === Number.POSITIVE_INFINITY ? 0 : end - start;
        const kind = type === F_WRLCK ? F_WRLCK : F_RDLCK;
        return { flock: { type: kind, whence: 0, start, len, pid, owner }, clientUid: this.name, lkFlags: 0 };
      }),
    }));
  }
}

/** Whoever waits gives up when the asker does. */
function interrupts(frame: Frame): (cancel: () => void) => void {
  return cancel => frame.root.onInterrupt?.(cancel);
}
