import { NacreError } from '../../../../base/errors.ts';
import type { Fd } from '../../../graph/fd.ts';
import type {
  CopyRangeAnswer,
  Fops,
  LkAnswer,
  LookupAnswer,
  OpenAnswer,
  PrePostAnswer,
  ReadAnswer,
  ReaddirAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Options, OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { Dict } from '../../../types/dict.ts';
import { F_UNLCK, type Flock } from '../../../types/fs.ts';
import { type Iatt, SET_ATTR_ATIME, SET_ATTR_MTIME } from '../../../types/iatt.ts';
import { O_DIRECT, O_TRUNC } from '../../../types/open-flags.ts';
import { assemble } from '../shared/assemble.ts';
import { Priorities } from '../shared/priority.ts';
import { UNKNOWN } from '../shared/unknown.ts';
import { CachedFile, CachePage, CacheTable, PAGE_SIZE } from './pages.ts';

const END = Number.POSITIVE_INFINITY;

/**
 * performance/io-cache: keeps pages that were read, and answers from them. Every `cache-timeout` seconds the brick is asked for the
 * file's mtime; when it changed, the pages go.
 */
export class IoCache extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'io-cache': {
      kind: 'bool',
      default: 'off',
      description: 'Whether a volume has this layer; read where volfiles are made.',
    },
    priority: {
      kind: 'priority-list',
      default: '',
      reconfigurable: true,
      description: 'Which files stay longer: patterns of paths with numbers. 0: not cached at all.',
    },
    'cache-timeout': {
      kind: 'int',
      default: '1',
      min: 0,
      max: 60,
      aliases: ['force-revalidate-timeout'],
      reconfigurable: true,
      description: 'For how many seconds pages are believed without asking.',
    },
    'cache-size': {
      kind: 'size',
      default: '32MB',
      min: 4 * 1024 * 1024,
      reconfigurable: true,
      description: 'How much is kept of all files together.',
    },
    'min-file-size': {
      kind: 'size',
      default: '0',
      reconfigurable: true,
      description: 'Smaller files are not cached.',
    },
    'max-file-size': {
      kind: 'size',
      default: '0',
      reconfigurable: true,
      description: 'Larger files are not cached; 0: no limit.',
    },
    'pass-through': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'Fops go by this layer.',
    },
  };

  private readonly table = new CacheTable();
  private priorities = new Priorities('', 1);
  private life = 0;
  private timeout = 0;
  private cacheSize = 0;
  private minSize = 0;
  private maxSize = 0;
  private readonly at: number;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.at = this.slot;
    this.checkOptions(setup.options);
    this.reconfigure();
  }

  override checkOptions(options: Options): void {
    const least = options.number('min-file-size');
    const most = options.number('max-file-size');
    const refuse = (why: string): never => {
      throw new NacreError('EINVAL', 'gluster.graph', `'${this.name}': ${why}`);
    };
    if (most > 0 && least > most) refuse(`min-file-size (${least}) is more than max-file-size (${most})`);
    try {
      new Priorities(options.text('priority') ?? '', 1);
    } catch (error) {
      refuse(`option priority: ${(error as Error).message}`);
    }
  }

  override reconfigure(): void {
    const { options } = this;
    // While fops went by, pages may have grown old.
    this.life++;
    this.priorities = new Priorities(options.text('priority') ?? '', 1);
    this.timeout = options.number('cache-timeout') * 1000;
    this.cacheSize = options.number('cache-size');
    this.minSize = options.number('min-file-size');
    this.maxSize = options.number('max-file-size');
    this.table.prune(this.cacheSize);
  }

  private fileOf(inode: Inode): CachedFile | undefined {
    return inode.ctx[this.at] as CachedFile | undefined;
  }

  override forget(inode: Inode): void {
    this.table.flush(this.fileOf(inode) as CachedFile);
  }

  override invalidate(inode: Inode): void {
    const file = this.fileOf(inode);
    if (file !== undefined) this.table.flush(file);
  }

  /** News of the file's attributes. */
  private compare(inode: Inode | undefined, stat: Iatt | undefined): void {
    const file = inode === undefined ? undefined : this.fileOf(inode);
    if (file === undefined || stat === undefined || stat.ctime === 0) return;
    this.fits(file, stat.size);
    if (file.sameTime(stat)) file.validated = this.host.env.clock.mono();
    else this.table.flush(file);
  }

  private fits(file: CachedFile, size: number): void {
    file.unfit = size < this.minSize || (this.maxSize > 0 && size > this.maxSize);
    if (file.unfit) this.table.flush(file);
  }

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const looked = this.next.lookup(frame, loc, xdata);
    if (this.fileOf(loc.inode) === undefined) return looked;
    return looked.then(answer => {
      this.compare(answer.inode, answer.stat);
      return answer;
    });
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const listed = this.next.readdirp(frame, fd, size, offset, xdata);
    if (this.table.used === 0) return listed;
    return listed.then(answer => {
      for (const { inode, stat } of answer.entries) this.compare(inode, stat);
      return answer;
    });
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    const { inode } = fd;
    if (this.fileOf(inode) === undefined) inode.ctx[this.at] = new CachedFile(this.priorities.of(loc.path));
    const opened = this.next.open(frame, loc, flags, fd, xdata);
    return (flags & O_TRUNC) === 0 ? opened : this.changing(inode, 0, END, opened);
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    let file = this.fileOf(fd.inode);
    if (file === undefined) {
      const weight = this.priorities.of(this.host.inodes.path(fd.inode));
      fd.inode.ctx[this.at] = file = new CachedFile(weight);
    }
    if (file.weight === 0 || file.unfit || size === 0 || ((fd.flags | flags) & O_DIRECT) !== 0)
      return this.next.readv(frame, fd, size, offset, flags, xdata);
    if (file.life !== this.life) {
      this.table.flush(file);
      file.life = this.life;
    }
    const now = this.host.env.clock.mono();
    if (file.bytes > 0 && now - file.validated >= this.timeout)
      return this.validate(frame, fd, file).then(() => this.fromPages(frame, fd, file, offset, size));
    return this.fromPages(frame, fd, file, offset, size);
  }

  private validate(frame: Frame, fd: Fd, file: CachedFile): Promise<void> {
    return this.next.fstat(frame, fd).then(
      ({ stat }) => {
        if (file.sameTime(stat)) file.validated = this.host.env.clock.mono();
        else this.table.flush(file);
      },
      () => this.table.flush(file),
    );
  }

  private fromPages(
    frame: Frame,
    fd: Fd,
    file: CachedFile,
    offset: number,
    size: number,
  ): Promise<ReadAnswer> {
    const first = Math.floor(offset / PAGE_SIZE);
    const last = Math.floor((offset + size - 1) / PAGE_SIZE);
    const answers: ReadAnswer[] = [];
    const reads: Promise<ReadAnswer>[] = [];
    let fresh = 0;
    for (let index = first; index <= last; index++) {
      let page = file.pages.get(index);
      if (page === undefined) {
        page = this.fault(frame, fd, file, index);
        fresh++;
      }
      if (page.answer === undefined) reads.push(page.read as Promise<ReadAnswer>);
      else {
        if (reads.length > 0) reads.push(Promise.resolve(page.answer));
        else answers.push(page.answer);
        // The most recently used of the file is the last.
        if (file.pages.delete(index)) file.pages.set(index, page);
      }
    }
    const start = first * PAGE_SIZE;
    this.table.touch(file);
    const ownRead = fresh === 1 && first === last;
    const answer = (all: readonly ReadAnswer[]): ReadAnswer => {
      const assembled = assemble(all, start, offset, size, PAGE_SIZE);
      // Pages that were there may be of before other parts were written.
      if (!ownRead) assembled.stat = UNKNOWN;
      return assembled;
    };
    if (reads.length === 0) return Promise.resolve(answer(answers));
    return Promise.all(reads).then(rest => answer([...answers, ...rest]));
  }

  private fault(frame: Frame, fd: Fd, file: CachedFile, index: number): CachePage {
    const page = new CachePage(index);
    file.pages.set(index, page);
    // Others may wait for it who have their own fds.
    fd.ref();
    page.read = this.next.readv(frame, fd, PAGE_SIZE, index * PAGE_SIZE, 0);
    page.read.then(
      answer => {
        fd.unref();
        this.came(file, page, answer);
      },
      () => {
        fd.unref();
        this.table.drop(file, page);
      },
    );
    return page;
  }

  private came(file: CachedFile, page: CachePage, answer: ReadAnswer): void {
    if (file.pages.get(page.index) !== page) return;
    const { stat } = answer;
    if (stat.ctime !== 0 && !file.sameTime(stat)) {
      // Other pages are of another time than this one.
      for (const other of file.pages.values())
        if (other !== page && other.answer !== undefined) this.table.drop(file, other);
      file.mtime = stat.mtime;
      file.mtimeNsec = stat.mtimeNsec;
    }
    file.validated = this.host.env.clock.mono();
    page.answer = answer;
    page.read = undefined;
    this.table.add(file, answer.length);
    if (stat.ctime !== 0) this.fits(file, stat.size);
    if (this.table.used > this.cacheSize) this.table.prune(this.cacheSize);
  }

  /** Drops what is cached of a range: now, and again when the change was made, as it may have been read meanwhile. */
  private changing<T>(inode: Inode, start: number, end: number, change: Promise<T>): Promise<T> {
    const file = this.fileOf(inode);
    if (file === undefined) return change;
    this.dropRange(file, start, end);
    const done = () => this.dropRange(file, start, end);
    // Beside the way up: what hangs on first is called first.
    change.then(done, done);
    return change;
  }

  private dropRange(file: CachedFile, start: number, end: number): void {
    if (file.pages.size === 0) return;
    for (const page of file.pages.values()) {
      const from = page.index * PAGE_SIZE;
      // A page that ends before the range may be the file's last, and become longer.
      const short = page.answer === undefined || page.answer.length < PAGE_SIZE;
      if (from < end && (from + PAGE_SIZE > start || short)) this.table.drop(file, page);
    }
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    let end = offset;
    for (const piece of data) end += piece.length;
    const write = this.next.writev(frame, fd, data, offset, flags, xdata);
    return this.changing(fd.inode, offset, end, write);
  }

  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(loc.inode, 0, END, this.next.truncate(frame, loc, offset, xdata));
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(fd.inode, 0, END, this.next.ftruncate(frame, fd, offset, xdata));
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const change = this.next.discard(frame, fd, offset, length, xdata);
    return this.changing(fd.inode, offset, offset + length, change);
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const change = this.next.zerofill(frame, fd, offset, length, xdata);
    return this.changing(fd.inode, offset, offset + length, change);
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer> {
    const change = this.next.fallocate(frame, fd, keepSize, offset, length, xdata);
    return this.changing(fd.inode, offset, offset + length, change);
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
    const change = this.next.copyFileRange(frame, from, fromOffset, to, toOffset, length, flags, xdata);
    return this.changing(to.inode, toOffset, toOffset + length, change);
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    if ((valid & (SET_ATTR_ATIME | SET_ATTR_MTIME)) !== 0) this.invalidate(loc.inode);
    return this.next.setattr(frame, loc, stat, valid, xdata);
  }

  /** Who takes a lock wants to see what others wrote before they gave it up. */
  lk(frame: Frame, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<LkAnswer> {
    const taken = this.next.lk(frame, fd, cmd, flock, xdata);
    if (flock.type === F_UNLCK) return taken;
    return this.changing(fd.inode, 0, END, taken);
  }

  override dump(out: DumpWriter): void {
    out.section('xlator.performance.io-cache.priv');
    out.write('page_size', PAGE_SIZE);
    out.write('cache_size', this.cacheSize);
    out.write('cache_used', this.table.used);
    out.write('cache_timeout', this.timeout / 1000);
    out.write('min-file-size', this.minSize);
    out.write('max-file-size', this.maxSize);
  }

  override dumpInode(inode: Inode, out: DumpWriter): void {
    const file = this.fileOf(inode);
    if (file === undefined) return;
    out.section('xlator.performance.io-cache.inode');
    out.write('inode.weight', file.weight);
    out.write('path', this.host.inodes.path(inode));
    out.write('cached-pages', file.pages.size);
    out.write('cached-bytes', file.bytes);
  }
}
