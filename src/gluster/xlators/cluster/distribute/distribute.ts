import type { GraphEvent } from '../../../graph/events.ts';
import type { Fd } from '../../../graph/fd.ts';
import { FopError } from '../../../graph/fop-error.ts';
import type * as F from '../../../graph/fops.ts';
import { CallRoot, Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { GraphLogLevel } from '../../../graph/log.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Flock, Lease } from '../../../types/fs.ts';
import { GFID_ROOT } from '../../../types/gfid.ts';
import { IA_IFREG, type Iatt } from '../../../types/iatt.ts';
import { CommitHash } from './commit-hash.ts';
import { contextOf, type InodeContext, makeContext } from './context.ts';
import * as create from './create.ts';
import * as data from './data.ts';
import * as directories from './directories.ts';
import { DiskUsage } from './disk-usage.ts';
import { dumpContext, dumpState } from './dump.ts';
import { EINVAL } from './errnos.ts';
import { Children } from './events.ts';
import * as getxattr from './getxattr.ts';
import { NameHash } from './hash.ts';
import { Layout } from './layout.ts';
import { link } from './link.ts';
import { fullPath } from './loc.ts';
import * as locking from './locking.ts';
import { lookup } from './lookup.ts';
import { mkdir } from './mkdir.ts';
import * as moved from './moved.ts';
import { passOneChild } from './one-child.ts';
import * as openFiles from './open-files.ts';
import { DISTRIBUTE_OPTIONS, type DistributeConfig, readConfig } from './options.ts';
import * as readdir from './readdir.ts';
import { rename } from './rename.ts';
import { rmdir } from './rmdir.ts';
import * as setxattr from './setxattr.ts';
import { unlink } from './unlink.ts';

/**
 * cluster/distribute: files live whole on one of the children, chosen by the hash of their name and the ranges of hashes that the
 * directory gives to each; directories live on all of them. Each concern has a file of its own here; this class is where the
 * graph finds them.
 */
export class Distribute extends Xlator implements Partial<F.Fops> {
  static readonly options = DISTRIBUTE_OPTIONS;
  static readonly subvolumes = [1, Number.MAX_SAFE_INTEGER] as const;

  readonly count: number;
  readonly childNames: readonly string[];
  readonly names = new NameHash();
  readonly usage: DiskUsage;
  readonly up: Children;
  config: DistributeConfig;
  /** By child: it gets nothing new. */
  decommissioned: boolean[] = [];
  decommissionedCount = 0;
  /** Grows with every child that comes up: older layouts may be stale. */
  generation = 1;
  readonly commitHash = new CommitHash(this);
  /** By child: the layout of the files that it has. */
  readonly fileLayouts: readonly Layout[];
  readonly mdsKey: string;
  readonly linkKey: string;
  readonly commitHashKey: string;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.count = setup.children.length;
    this.childNames = setup.children.map(child => child.name);
    this.config = readConfig(setup.options);
    this.#configure(this.config);
    this.usage = new DiskUsage(this, this.count);
    this.up = new Children(this);
    this.fileLayouts = setup.children.map((_, i) => {
      const layout = new Layout(1, 0, 0);
      layout.take(i);
      return layout;
    });
    const base = this.config.xattrName;
    this.mdsKey = `${base}.mds`;
    this.linkKey = `${base}.linkto`;
    this.commitHashKey = `${base}.commithash`;
    if (this.count === 1) passOneChild(this);
  }

  override activate(): void {
    this.up.numberLeaves();
  }

  override reconfigure(): void {
    const config = readConfig(this.options);
    this.#configure(config);
    this.config = config;
  }

  #configure(config: DistributeConfig): void {
    const decommissioned = this.childNames.map(name => config.decommissioned.includes(name));
    for (const name of config.decommissioned)
      if (!this.childNames.includes(name)) throw new RangeError(`decommissioned-bricks: no child ${name}`);
    this.decommissioned = decommissioned;
    this.decommissionedCount = decommissioned.filter(Boolean).length;
    for (const regex of this.names.configure(config.rsyncRegex, config.extraRegex))
      this.log('W', `compiling regex ${regex} failed`);
  }

  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    this.up.notify(event, from, data);
  }

  /** For `Children`, who decides what goes on upwards. */
  tellParents(event: GraphEvent, data?: unknown): void {
    this.notifyParents(event, data);
  }

  tellChildren(event: GraphEvent, data?: unknown): void {
    this.notifyChildren(event, data);
  }

  override dump(out: DumpWriter): void {
    dumpState(this, out);
  }

  override dumpInode(inode: Inode, out: DumpWriter): void {
    dumpContext(this, inode, out);
  }

  override forget(_inode: Inode): void {}

  // --- what all of its parts use

  log(level: GraphLogLevel, message: string): void {
    this.host.log.log(level, `${this.host.graphId}-${this.name}`, message);
  }

  error(errno: number): FopError {
    return new FopError(errno, this.name);
  }

  fail(errno: number): Promise<never> {
    return Promise.reject(new FopError(errno, this.name));
  }

  /** A frame for what nobody asked for. */
  ownFrame(op: string): Frame {
    return new Frame(new CallRoot(op, 0, this.host.env.clock.mono()));
  }

  context(inode: Inode): InodeContext | undefined {
    return contextOf(inode, this.slot);
  }

  layoutOf(inode: Inode | undefined): Layout | undefined {
    return inode === undefined ? undefined : contextOf(inode, this.slot)?.layout;
  }

  newLayout(count = this.count): Layout {
    return new Layout(count, this.generation, this.config.spread === 0 ? this.count : this.config.spread);
  }

  /** The layout of a directory as bricks say it is. */
  layoutRead(inode: Inode, layout: Layout): void {
    this.commitHash.layoutRead(this.layoutOf(inode), layout);
    this.setLayout(inode, layout);
  }

  setLayout(inode: Inode, layout: Layout): void {
    const ctx = makeContext(inode, this.slot);
    ctx.layout = layout;
    ctx.cachedIndex = layout.entries[0].subvolume;
    ctx.cached = this.subvolumes[ctx.cachedIndex];
  }

  /** The file is on that child (`dht_layout_preset`). */
  preset(inode: Inode, subvolume: number): void {
    this.setLayout(inode, this.fileLayouts[subvolume]);
  }

  /** The child that has the file; of a directory, the first of its layout; -1: not looked up. */
  cachedOf(inode: Inode | undefined): number {
    return inode === undefined ? -1 : (contextOf(inode, this.slot)?.cachedIndex ?? -1);
  }

  cachedFops(inode: Inode): F.Fops | undefined {
    return contextOf(inode, this.slot)?.cached;
  }

  /** The child that a name hashes to; -1: the directory is not looked up, or a brick is missing in its layout. */
  hashedOf(loc: Loc): number {
    if (loc.inode.gfid === GFID_ROOT) return this.up.first();
    const layout = this.layoutOf(loc.parent);
    return layout === undefined ? -1 : layout.search(this.names.of(loc.name));
  }

  /** Where a directory's extended attributes count; -1: not known. */
  mdsOf(inode: Inode): number {
    if (inode.gfid === GFID_ROOT) return 0;
    return contextOf(inode, this.slot)?.mds ?? -1;
  }

  setMds(inode: Inode, subvolume: number): void {
    makeContext(inode, this.slot).mds = subvolume;
  }

  childOfName(name: string | undefined): number {
    return name === undefined ? -1 : this.childNames.indexOf(name);
  }

  /** Keeps times from going back (`dht_inode_ctx_time_update`). */
  seeTimes(inode: Inode | undefined, pre: Iatt | undefined, post: Iatt | undefined): void {
    if (inode === undefined || (pre === undefined && post === undefined)) return;
    const { times } = makeContext(inode, this.slot);
    if (pre !== undefined) times.apply(pre, false);
    if (post !== undefined) times.apply(post, true);
  }

  pathed(loc: Loc): { gfid: typeof loc.gfid; fullPath: string } {
    return { gfid: loc.gfid, fullPath: fullPath(this.host.inodes, loc) };
  }

  // --- names

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<F.LookupAnswer> {
    return lookup(this, frame, loc, xdata);
  }
  mknod(frame: Frame, loc: Loc, mode: number, rdev: number, umask: number, xdata?: Dict) {
    return create.mknod(this, frame, loc, mode, rdev, umask, xdata);
  }
  create(frame: Frame, loc: Loc, flags: number, mode: number, umask: number, fd: Fd, xdata?: Dict) {
    return create.create(this, frame, loc, flags, mode, umask, fd, xdata);
  }
  symlink(frame: Frame, target: string, loc: Loc, umask: number, xdata?: Dict) {
    return create.symlink(this, frame, target, loc, umask, xdata);
  }
  mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<F.EntryAnswer> {
    return mkdir(this, frame, loc, mode, umask, xdata);
  }
  unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<F.RemoveAnswer> {
    return unlink(this, frame, loc, xflags, xdata);
  }
  rmdir(frame: Frame, loc: Loc, flags: number, xdata?: Dict): Promise<F.RemoveAnswer> {
    return rmdir(this, frame, loc, flags, xdata);
  }
  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<F.RenameAnswer> {
    return rename(this, frame, from, to, xdata);
  }
  link(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<F.EntryAnswer> {
    return link(this, frame, from, to, xdata);
  }

  // --- files: one child, watched for being moved away (data.ts)

  stat(frame: Frame, loc: Loc, xdata?: Dict): Promise<F.StatAnswer> {
    const { inode } = loc;
    if (inode.type === IA_IFREG) return data.stat(this, frame, loc, xdata);
    return directories.stat(this, inode, child => child.stat(frame, loc, xdata));
  }
  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<F.StatAnswer> {
    const { inode } = fd;
    if (inode.type === IA_IFREG) return data.fstat(this, frame, fd, xdata);
    return directories.stat(this, inode, child => child.fstat(frame, fd, xdata));
  }
  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict) {
    return data.truncate(this, frame, loc, offset, xdata);
  }
  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict) {
    return data.ftruncate(this, frame, fd, offset, xdata);
  }
  access(frame: Frame, loc: Loc, mask: number, xdata?: Dict): Promise<F.Answer> {
    return openFiles.access(this, frame, loc, mask, xdata);
  }
  readlink(frame: Frame, loc: Loc, size: number, xdata?: Dict): Promise<F.ReadlinkAnswer> {
    const child = this.cachedFops(loc.inode);
    return child === undefined ? this.fail(EINVAL) : child.readlink(frame, loc, size, xdata);
  }
  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<F.OpenAnswer> {
    return openFiles.open(this, frame, loc, flags, fd, xdata);
  }
  readv(frame: Frame, fd: Fd, size: number, offset: number, flags: number, xdata?: Dict) {
    return data.readv(this, frame, fd, size, offset, flags, xdata);
  }
  writev(frame: Frame, fd: Fd, bytes: readonly Buffer[], offset: number, flags: number, xdata?: Dict) {
    return data.writev(this, frame, fd, bytes, offset, flags, xdata);
  }
  flush(frame: Frame, fd: Fd, xdata?: Dict): Promise<F.Answer> {
    return openFiles.flush(this, frame, fd, xdata);
  }
  fsync(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<F.PrePostAnswer> {
    return data.fsync(this, frame, fd, datasync, xdata);
  }
  fallocate(frame: Frame, fd: Fd, keepSize: boolean, offset: number, length: number, xdata?: Dict) {
    return data.fallocate(this, frame, fd, keepSize, offset, length, xdata);
  }
  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict) {
    return data.discard(this, frame, fd, offset, length, xdata);
  }
  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict) {
    return data.zerofill(this, frame, fd, offset, length, xdata);
  }
  seek(frame: Frame, fd: Fd, offset: number, what: number, xdata?: Dict): Promise<F.SeekAnswer> {
    return openFiles.seek(this, frame, fd, offset, what, xdata);
  }
  rchecksum(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict) {
    const child = this.cachedFops(fd.inode);
    return child === undefined ? this.fail(EINVAL) : child.rchecksum(frame, fd, offset, length, xdata);
  }
  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict) {
    if (loc.inode.type === IA_IFREG) return data.setattr(this, frame, loc, stat, valid, xdata);
    return directories.setattr(this, frame, loc, stat, valid, xdata);
  }
  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict) {
    if (fd.inode.type === IA_IFREG) return data.fsetattr(this, frame, fd, stat, valid, xdata);
    return directories.fsetattr(this, frame, fd, stat, valid, xdata);
  }
  xattrop(frame: Frame, loc: Loc, op: number, dict: Dict, xdata?: Dict): Promise<F.XattrAnswer> {
    return moved.xattrop(this, frame, loc, op, dict, xdata);
  }
  fxattrop(frame: Frame, fd: Fd, op: number, dict: Dict, xdata?: Dict): Promise<F.XattrAnswer> {
    return moved.fxattrop(this, frame, fd, op, dict, xdata);
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
  ): Promise<F.CopyRangeAnswer> {
    return openFiles.copyFileRange(this, frame, from, fromOffset, to, toOffset, length, flags, xdata);
  }
  lease(frame: Frame, loc: Loc, lease: Lease, xdata?: Dict): Promise<F.LeaseAnswer> {
    const child = this.cachedFops(loc.inode);
    return child === undefined ? this.fail(EINVAL) : child.lease(frame, loc, lease, xdata);
  }
  getactivelk(frame: Frame, loc: Loc, xdata?: Dict): Promise<F.ActiveLocksAnswer> {
    const child = this.cachedFops(loc.inode);
    return child === undefined ? this.fail(EINVAL) : child.getactivelk(frame, loc, xdata);
  }
  setactivelk(frame: Frame, loc: Loc, locks: readonly F.ActiveLock[], xdata?: Dict): Promise<F.Answer> {
    const child = this.cachedFops(loc.inode);
    return child === undefined ? this.fail(EINVAL) : child.setactivelk(frame, loc, locks, xdata);
  }

  // --- directories

  opendir(frame: Frame, loc: Loc, fd: Fd, xdata?: Dict): Promise<F.OpenAnswer> {
    return readdir.opendir(this, frame, loc, fd, xdata);
  }
  readdir(frame: Frame, fd: Fd, size: number, offset: bigint, _xdata?: Dict): Promise<F.ReaddirAnswer> {
    return readdir.readdir(this, frame, fd, size, offset);
  }
  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<F.ReaddirAnswer> {
    return readdir.readdirp(this, frame, fd, size, offset, xdata);
  }
  fsyncdir(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<F.Answer> {
    return directories.any(this, child => child.fsyncdir(frame, fd, datasync, xdata));
  }
  statfs(frame: Frame, loc: Loc, xdata?: Dict): Promise<F.StatfsAnswer> {
    return directories.statfs(this, frame, loc, xdata);
  }

  // --- extended attributes

  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<F.Answer> {
    return setxattr.setxattr(this, frame, loc, dict, flags, xdata);
  }
  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<F.Answer> {
    return setxattr.fsetxattr(this, frame, fd, dict, flags, xdata);
  }
  removexattr(frame: Frame, loc: Loc, name: string, xdata?: Dict): Promise<F.Answer> {
    return setxattr.removexattr(this, frame, loc, name, xdata);
  }
  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Dict): Promise<F.Answer> {
    return setxattr.fremovexattr(this, frame, fd, name, xdata);
  }
  getxattr(frame: Frame, loc: Loc, name: string | undefined, xdata?: Dict): Promise<F.XattrAnswer> {
    return getxattr.getxattr(this, frame, loc, name, xdata);
  }
  fgetxattr(frame: Frame, fd: Fd, name: string | undefined, xdata?: Dict): Promise<F.XattrAnswer> {
    return getxattr.fgetxattr(this, frame, fd, name, xdata);
  }

  // --- locks

  lk(frame: Frame, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<F.LkAnswer> {
    return locking.lk(this, frame, fd, cmd, flock, xdata);
  }
  inodelk(frame: Frame, volume: string, loc: Loc, cmd: number, flock: Flock, xdata?: Dict) {
    return locking.inodelk(this, frame, volume, loc, cmd, flock, xdata);
  }
  finodelk(frame: Frame, volume: string, fd: Fd, cmd: number, flock: Flock, xdata?: Dict) {
    return locking.finodelk(this, frame, volume, fd, cmd, flock, xdata);
  }
  entrylk(
    frame: Frame,
    volume: string,
    loc: Loc,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<F.Answer> {
    const child = this.cachedFops(loc.inode);
    if (child === undefined) return this.fail(EINVAL);
    return child.entrylk(frame, volume, loc, basename, cmd, type, xdata);
  }
  fentrylk(
    frame: Frame,
    volume: string,
    fd: Fd,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<F.Answer> {
    const child = this.cachedFops(fd.inode);
    if (child === undefined) return this.fail(EINVAL);
    return child.fentrylk(frame, volume, fd, basename, cmd, type, xdata);
  }
  ipc(frame: Frame, op: number, xdata?: Dict): Promise<F.Answer> {
    return directories.ipc(this, frame, op, xdata);
  }
}
