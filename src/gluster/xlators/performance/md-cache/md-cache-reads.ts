import { ERRNO } from '../../../../base/errno.ts';
import type { GraphEvent } from '../../../graph/events.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf, FopError, isMissing } from '../../../graph/fop-error.ts';
import type {
  Answer,
  LookupAnswer,
  OpenAnswer,
  ReadAnswer,
  ReaddirAnswer,
  ReadlinkAnswer,
  StatAnswer,
  StatfsAnswer,
  XattrAnswer,
} from '../../../graph/fops.ts';
import { CallRoot, Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import {
  UP_ATIME,
  UP_EXPLICIT_LOOKUP,
  UP_FORGET,
  UP_INVAL_ATTR,
  UP_MODE,
  UP_NLINK,
  UP_OWN,
  UP_PARENT_TIMES,
  UP_PERM,
  UP_RENAME,
  UP_XATTR,
  UP_XATTR_RM,
} from '../../../rpc/callback.ts';
import type { Dict } from '../../../types/dict.ts';
import type { StatVfs } from '../../../types/fs.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { type CacheInvalidation, cacheInvalidation, UP_WRITE_FLAGS } from '../shared/upcall.ts';
import { MetadataCache } from './metadata.ts';
import { keptXattrs, OPTIONS } from './options.ts';

const ENOENT = ERRNO['ENOENT'];
const ESTALE = ERRNO['ESTALE'];
const ENODATA = ERRNO['ENODATA'];
/** GF_IPC_TARGET_UPCALL: bricks tell of changes of these extended attributes. */
const IPC_TARGET_UPCALL = 2;
const UP_STAT = UP_WRITE_FLAGS | UP_OWN | UP_MODE | UP_PERM | UP_ATIME;
const SKIP_CACHE = 'glusterfs.skip-cache';

/** The half of md-cache that asks, and may know the answer. */
export abstract class MdCacheReads extends Xlator {
  static readonly options = OPTIONS;

  protected readonly cache: MetadataCache;
  private forceReaddirp = true;
  private byUpcall = false;
  private cacheStatfs = false;
  private statfsKnown: StatVfs | undefined = undefined;
  private statfsTime = 0;
  private readonly counts = { statHit: 0, statMiss: 0, xattrHit: 0, xattrMiss: 0, negative: 0, upcalls: 0 };

  constructor(setup: XlatorSetup) {
    super(setup);
    const { clock } = setup.host.env;
    const changedByOthers = (inode: Inode) => this.changedByOthers(inode);
    this.cache = new MetadataCache({ mono: () => clock.mono(), changedByOthers }, this.slot);
    this.configure();
  }

  private configure(): void {
    const { options, cache } = this;
    this.forceReaddirp = options.bool('force-readdirp');
    this.byUpcall = options.bool('cache-invalidation');
    this.cacheStatfs = options.bool('md-cache-statfs');
    const seconds = options.number('md-cache-timeout');
    cache.timeout = (this.byUpcall ? seconds : Math.min(seconds, 60)) * 1000;
    cache.global = options.bool('global-cache-invalidation');
    cache.setNames(keptXattrs(options));
  }

  override reconfigure(): void {
    // While fops went by, what is kept may have grown old.
    this.cache.newLife();
    this.configure();
    this.register();
  }

  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    switch (event) {
      case 'CHILD_DOWN':
      case 'SOME_DESCENDENT_DOWN':
        this.cache.newLife();
        break;
      case 'CHILD_UP':
      case 'SOME_DESCENDENT_UP':
        this.register();
        break;
      case 'UPCALL': {
        const upcall = this.byUpcall ? cacheInvalidation(data) : undefined;
        if (upcall !== undefined) this.upcall(upcall);
        break;
      }
    }
    super.notify(event, from, data);
  }

  /** Has the bricks tell of changes of the extended attributes that are kept; without that they cannot be kept. */
  private register(): void {
    if (!this.byUpcall || !this.cache.keepsAny) return;
    const root = new CallRoot('ipc', 0, this.host.env.clock.mono());
    root.pid = -1;
    this.next.ipc(new Frame(root), IPC_TARGET_UPCALL, this.cache.request(undefined)).catch(() => {
      this.host.log.log('I', this.logName, 'bricks do not tell of changed xattrs: none are cached');
      this.cache.setNames([]);
    });
  }

  private upcall(upcall: CacheInvalidation): void {
    const { cache } = this;
    const { inodes } = this.host;
    const { flags, dict } = upcall;
    const inode = inodes.find(upcall.gfid);
    if (inode === undefined) return;
    this.counts.upcalls++;
    if ((flags & UP_PARENT_TIMES) !== 0) {
      this.setByGfid(upcall.parentStat);
      if ((flags & UP_RENAME) !== 0) this.setByGfid(upcall.oldParentStat);
    }
    if ((flags & UP_EXPLICIT_LOOKUP) !== 0) {
      cache.setNeedLookup(inode);
      return;
    }
    if ((flags & (UP_NLINK | UP_RENAME | UP_FORGET | UP_INVAL_ATTR)) !== 0) {
      cache.invalidate(inode);
      cache.invalidateXattrs(inode);
      return;
    }
    if ((flags & UP_STAT) !== 0 && !cache.set(inode, undefined, upcall.stat, cache.now(), false)) return;
    if ((flags & UP_XATTR) !== 0) {
      if (dict === undefined) cache.invalidateXattrs(inode);
      else cache.addXattrs(inode, dict);
    } else if ((flags & UP_XATTR_RM) !== 0)
      for (const name of dict?.entries.keys() ?? []) cache.removeXattr(inode, name);
  }

  private setByGfid(stat: Iatt): void {
    const inode = this.host.inodes.find(stat.gfid);
    if (inode !== undefined) this.cache.set(inode, undefined, stat, this.cache.now());
  }

  /** The layers and whoever is above the graph drop what they have of a file. */
  private changedByOthers(inode: Inode): void {
    for (const xlator of this.host.xlators) xlator.invalidate?.(inode);
    this.notifyParents('UPCALL', { gfid: inode.gfid, flags: UP_INVAL_ATTR });
  }

  /** When the fop fails with what says that the file is gone, nothing is known of it any more. Beside the way up. */
  protected guard<T>(answer: Promise<T>, inode: Inode | undefined, parent?: Inode): Promise<T> {
    answer.then(undefined, thrown => this.failed(thrown, inode, parent));
    return answer;
  }

  protected failed(thrown: unknown, inode: Inode | undefined, parent?: Inode): void {
    if (!isMissing(errnoOf(thrown))) return;
    this.cache.invalidate(inode);
    this.cache.invalidate(parent);
  }

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const { cache } = this;
    const { inode, parent } = loc;
    if (inode.gfid !== GFID_NULL && !cache.takeNeedLookup(inode)) {
      const stat = cache.stat(inode);
      if (stat === undefined) this.counts.statMiss++;
      else if (xdata === undefined || this.satisfies(inode, xdata)) {
        this.counts.statHit++;
        const known = xdata === undefined ? undefined : cache.xattrs(inode);
        return Promise.resolve({ inode, stat, xdata: known });
      } else this.counts.xattrMiss++;
    }
    const since = cache.now();
    const looked = this.next.lookup(frame, loc, cache.request(xdata));
    looked.then(
      answer => {
        if (answer.postparent !== undefined) cache.set(parent, undefined, answer.postparent, since);
        const set = cache.set(inode, undefined, answer.stat, since);
        if (set && cache.keepsAny) cache.setXattrs(inode, answer.xdata);
      },
      thrown => {
        const errno = errnoOf(thrown);
        if (errno === ENOENT) this.counts.negative++;
        if (errno === ESTALE) cache.invalidate(parent ?? inode);
      },
    );
    return looked;
  }

  /** Whether all that is asked for is kept, and known. */
  private satisfies(inode: Inode, xdata: Dict): boolean {
    if (this.cache.xattrs(inode) === undefined) return false;
    for (const name of xdata.entries.keys()) if (!this.cache.keeps(name)) return false;
    return true;
  }

  stat(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatAnswer> {
    const known = loc.gfid === GFID_NULL ? undefined : this.cache.stat(loc.inode);
    if (known !== undefined) {
      this.counts.statHit++;
      return Promise.resolve({ stat: known });
    }
    this.counts.statMiss++;
    const since = this.cache.now();
    return this.learn(loc.inode, this.next.stat(frame, loc, this.cache.request(xdata)), since);
  }

  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer> {
    const known = this.cache.stat(fd.inode);
    if (known !== undefined) {
      this.counts.statHit++;
      return Promise.resolve({ stat: known });
    }
    this.counts.statMiss++;
    const since = this.cache.now();
    return this.learn(fd.inode, this.next.fstat(frame, fd, this.cache.request(xdata)), since);
  }

  private learn(inode: Inode, answer: Promise<StatAnswer>, since: number): Promise<StatAnswer> {
    const { cache } = this;
    answer.then(
      ({ stat, xdata }) => {
        if (cache.set(inode, undefined, stat, since) && cache.keepsAny) cache.setXattrs(inode, xdata);
      },
      thrown => this.failed(thrown, inode),
    );
    return answer;
  }

  /** What comes with the data is only looked at when it is news. */
  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    const { cache } = this;
    const read = this.next.readv(frame, fd, size, offset, flags, xdata);
    if (cache.stat(fd.inode) !== undefined) return read;
    const since = cache.now();
    read.then(
      ({ stat }) => {
        // Unknown is no news: a read changes nothing.
        if (stat.ctime !== 0) cache.set(fd.inode, undefined, stat, since);
      },
      thrown => this.failed(thrown, fd.inode),
    );
    return read;
  }

  getxattr(frame: Frame, loc: Loc, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
    const { inode } = loc;
    if (!this.cache.keeps(name)) {
      this.counts.xattrMiss++;
      return this.guard(this.next.getxattr(frame, loc, name, xdata), inode);
    }
    const request = this.cache.request(xdata);
    return this.xattr(inode, name) ?? this.learnXattrs(inode, this.next.getxattr(frame, loc, name, request));
  }

  fgetxattr(frame: Frame, fd: Fd, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
    const { inode } = fd;
    if (!this.cache.keeps(name)) {
      this.counts.xattrMiss++;
      return this.guard(this.next.fgetxattr(frame, fd, name, xdata), inode);
    }
    const request = this.cache.request(xdata);
    return this.xattr(inode, name) ?? this.learnXattrs(inode, this.next.fgetxattr(frame, fd, name, request));
  }

  private xattr(inode: Inode, name: string): Promise<XattrAnswer> | undefined {
    const dict = this.cache.xattrs(inode);
    if (dict === undefined) {
      this.counts.xattrMiss++;
      return undefined;
    }
    this.counts.xattrHit++;
    return dict.has(name) ? Promise.resolve({ dict }) : Promise.reject(new FopError(ENODATA, this.name));
  }

  /** What was asked for besides the name comes in xdata. */
  private learnXattrs(inode: Inode, answer: Promise<XattrAnswer>): Promise<XattrAnswer> {
    answer.then(
      ({ dict, xdata }) => {
        if (!dict.has(SKIP_CACHE)) this.cache.setXattrs(inode, xdata);
      },
      thrown => this.failed(thrown, inode),
    );
    return answer;
  }

  /** Whether the file is known not to have it. */
  protected knownAbsent(inode: Inode, name: string): boolean {
    return this.cache.keeps(name) && this.cache.xattrs(inode)?.has(name) === false;
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    return this.guard(this.next.open(frame, loc, flags, fd, xdata), loc.inode);
  }

  access(frame: Frame, loc: Loc, mask: number, xdata?: Dict): Promise<Answer> {
    return this.guard(this.next.access(frame, loc, mask, xdata), loc.inode);
  }

  readlink(frame: Frame, loc: Loc, size: number, xdata?: Dict): Promise<ReadlinkAnswer> {
    return this.guard(this.next.readlink(frame, loc, size, xdata), loc.inode);
  }

  fsyncdir(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<Answer> {
    return this.guard(this.next.fsyncdir(frame, fd, datasync, xdata), fd.inode);
  }

  /** readdir-ahead below begins to list with this, and must know what is wanted. */
  opendir(frame: Frame, loc: Loc, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    return this.guard(this.next.opendir(frame, loc, fd, this.cache.request(xdata)), loc.inode);
  }

  readdir(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    if (this.forceReaddirp) return this.readdirp(frame, fd, size, offset, xdata);
    return this.guard(this.next.readdir(frame, fd, size, offset, xdata), fd.inode);
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const { cache } = this;
    const since = cache.now();
    const listed = this.next.readdirp(frame, fd, size, offset, cache.request(xdata));
    listed.then(
      ({ entries }) => {
        for (const { inode, stat, dict } of entries) {
          if (inode === undefined || stat === undefined) continue;
          if (cache.set(inode, undefined, stat, since) && cache.keepsAny) cache.setXattrs(inode, dict);
        }
      },
      thrown => this.failed(thrown, fd.inode),
    );
    return listed;
  }

  statfs(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatfsAnswer> {
    const now = this.host.env.clock.mono();
    const { statfsKnown } = this;
    if (this.cacheStatfs && statfsKnown !== undefined && now - this.statfsTime <= this.cache.timeout)
      return Promise.resolve({ statfs: statfsKnown });
    const asked = this.next.statfs(frame, loc, xdata);
    asked.then(
      ({ statfs }) => {
        if (!this.cacheStatfs) return;
        this.statfsKnown = statfs;
        this.statfsTime = this.host.env.clock.mono();
      },
      thrown => this.failed(thrown, loc.inode),
    );
    return asked;
  }

  override dump(out: DumpWriter): void {
    const { counts } = this;
    out.section('xlator.performance.md-cache');
    out.write('stat_hit_count', counts.statHit);
    out.write('stat_miss_count', counts.statMiss);
    out.write('xattr_hit_count', counts.xattrHit);
    out.write('xattr_miss_count', counts.xattrMiss);
    out.write('nameless_lookup_count', 0);
    out.write('negative_lookup_count', counts.negative);
    out.write('stat_invalidations_received', counts.upcalls);
  }
}
