import type { Fd } from '../../../graph/fd.ts';
import type {
  CopyRangeAnswer,
  CreateAnswer,
  Fops,
  OpenAnswer,
  PrePostAnswer,
  ReadAnswer,
  StatAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { Dict } from '../../../types/dict.ts';
import { O_ACCMODE, O_DIRECT, O_TRUNC, O_WRONLY } from '../../../types/open-flags.ts';
import { assemble } from '../shared/assemble.ts';
import { UNKNOWN } from '../shared/unknown.ts';
import { Page, ReadAheadFile } from './pages.ts';

const END = Number.POSITIVE_INFINITY;
const ignore = (): void => {};

/**
 * performance/read-ahead: of a file that is read in sequence, reads whole pages, and the next ones before they are asked for. Reads at
 * other places go by.
 */
export class ReadAhead extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'read-ahead': {
      kind: 'bool',
      default: 'off',
      description: 'Whether a volume has this layer; read where volfiles are made.',
    },
    'force-atime-update': {
      kind: 'bool',
      default: 'false',
      description: 'A read that is answered from memory reads a byte of the brick, for the time of access.',
    },
    'page-count': {
      kind: 'int',
      default: '4',
      min: 1,
      max: 16,
      reconfigurable: true,
      description: 'How many pages are read ahead at most.',
    },
    'page-size': {
      kind: 'size',
      default: '131072',
      min: 4096,
      max: 64 * 1024 * 1024,
      reconfigurable: true,
      description: 'How much is read from a brick at once.',
    },
    'pass-through': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'Fops go by this layer.',
    },
  };

  private life = 0;
  private pageCount = 0;
  private pageSize = 0;
  private forceAtime = false;
  private readonly at: number;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.at = this.slot;
    this.forceAtime = setup.options.bool('force-atime-update');
    this.reconfigure();
  }

  override reconfigure(): void {
    // While fops went by, pages may have grown old.
    this.life++;
    this.pageCount = this.options.number('page-count');
    this.pageSize = this.options.number('page-size');
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    this.opened(fd);
    if ((flags & O_TRUNC) === 0) return this.next.open(frame, loc, flags, fd, xdata);
    return this.changing(loc.inode, 0, END, this.next.open(frame, loc, flags, fd, xdata));
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
    this.opened(fd);
    return this.next.create(frame, loc, flags, mode, umask, fd, xdata);
  }

  private opened(fd: Fd): void {
    if ((fd.flags & O_DIRECT) !== 0 || (fd.flags & O_ACCMODE) === O_WRONLY) return;
    fd.ctx[this.at] = new ReadAheadFile(fd, this.pageSize, this.life);
  }

  override release(fd: Fd): void {
    (fd.ctx[this.at] as ReadAheadFile).pages.clear();
  }

  override invalidate(inode: Inode): void {
    this.drop(inode, 0, END);
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    const file = fd.ctx[this.at] as ReadAheadFile | undefined;
    if (file === undefined || size === 0) return this.next.readv(frame, fd, size, offset, flags, xdata);
    const inSequence = file.offset === offset && file.life === this.life;
    file.life = this.life;
    file.offset = offset + size;
    if (!inSequence) {
      file.expected = 0;
      file.pageCount = 0;
      file.pages.clear();
      return this.next.readv(frame, fd, size, offset, flags, xdata);
    }
    if (file.expected < file.pageSize * this.pageCount) {
      file.expected += size;
      file.pageCount = Math.min(Math.floor(file.expected / file.pageSize), this.pageCount);
    }
    return this.fromPages(frame, file, offset, size);
  }

  private fromPages(frame: Frame, file: ReadAheadFile, offset: number, size: number): Promise<ReadAnswer> {
    const { pageSize } = file;
    const first = file.floor(offset);
    const pages: Page[] = [];
    const answers: ReadAnswer[] = [];
    let fresh = 0;
    for (let at = first; at < offset + size; at += pageSize) {
      let page = file.pages.get(at);
      if (page === undefined) {
        page = this.fault(frame, file, at);
        fresh++;
      }
      pages.push(page);
      if (page.answer !== undefined) answers.push(page.answer);
    }
    file.dropBefore(first);
    if (file.pageCount > 0) this.ahead(frame, file, offset);
    const answer = (all: readonly ReadAnswer[]): ReadAnswer => {
      const assembled = assemble(all, first, offset, size, pageSize);
      // Attributes that came with pages that were read ahead may be old by now.
      if (fresh !== 1 || pages.length !== 1) assembled.stat = UNKNOWN;
      return assembled;
    };
    if (answers.length === pages.length) {
      if (this.forceAtime) this.next.readv(frame.detach(), file.fd, 1, 1, 0).catch(ignore);
      return Promise.resolve(answer(answers));
    }
    return pages.length === 1
      ? pages[0].read.then(only => answer([only]))
      : Promise.all(pages.map(page => page.read)).then(answer);
  }

  private fault(frame: Frame, file: ReadAheadFile, offset: number): Page {
    const { fd } = file;
    fd.ref();
    const read = this.next.readv(frame.detach(), fd, file.pageSize, offset, 0);
    const page = new Page(offset, read);
    file.pages.set(offset, page);
    read.then(
      answer => {
        page.answer = answer;
        fd.unref();
      },
      () => {
        if (file.pages.get(offset) === page) file.pages.delete(offset);
        fd.unref();
      },
    );
    return page;
  }

  /** Reads the pages from a read on that are not there, as many as it has earned. */
  private ahead(frame: Frame, file: ReadAheadFile, offset: number): void {
    const { pageSize, pageCount, pages } = file;
    const end = offset + pageSize * pageCount;
    let at = file.floor(offset);
    for (; at < end; at += pageSize) {
      const page = pages.get(at);
      if (page === undefined) break;
      // The file ends here.
      if (page.answer?.eof === true) return;
    }
    if (at >= end) return;
    for (const most = at + pageSize * pageCount; at < most; at += pageSize)
      if (!pages.has(at)) this.fault(frame, file, at);
  }

  /** Drops what is cached of a range: now, and again when the change was made, as it may have been read meanwhile. */
  private changing<T>(inode: Inode, start: number, end: number, change: Promise<T>): Promise<T> {
    if (!this.drop(inode, start, end)) return change;
    const done = () => void this.drop(inode, start, end);
    // Beside the way up: what hangs on first is called first.
    change.then(done, done);
    return change;
  }

  private drop(inode: Inode, start: number, end: number): boolean {
    let any = false;
    for (const fd of inode.fds) {
      const file = fd.ctx[this.at] as ReadAheadFile | undefined;
      if (file === undefined) continue;
      any = true;
      if (file.pages.size > 0) file.dropRange(start, end);
    }
    return any;
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    for (const each of fd.inode.fds) {
      const file = each.ctx[this.at] as ReadAheadFile | undefined;
      if (file === undefined) continue;
      file.expected = 0;
      file.pageCount = 0;
    }
    const write = this.next.writev(frame, fd, data, offset, flags, xdata);
    return this.changing(fd.inode, 0, END, write);
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

  /** May make the file longer, and with it a page that was its last. */
  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(fd.inode, 0, END, this.next.zerofill(frame, fd, offset, length, xdata));
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
    return this.changing(fd.inode, 0, END, change);
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
    return this.changing(to.inode, 0, END, change);
  }

  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer> {
    if (this.forceAtime) this.drop(fd.inode, 0, END);
    return this.next.fstat(frame, fd, xdata);
  }

  override dump(out: DumpWriter): void {
    out.section('xlator.performance.read-ahead.priv');
    out.write('page_size', this.pageSize);
    out.write('page_count', this.pageCount);
    out.write('force_atime_update', this.forceAtime ? 1 : 0);
  }

  override dumpFd(fd: Fd, out: DumpWriter): void {
    const file = fd.ctx[this.at] as ReadAheadFile | undefined;
    if (file === undefined) return;
    out.section('xlator.performance.read-ahead.file');
    out.write('path', this.host.inodes.path(fd.inode));
    out.write('page-size', file.pageSize);
    out.write('page-count', file.pageCount);
    out.write('next-expected-offset-for-sequential-reads', file.offset);
    for (const page of file.pages.values()) {
      out.write('offset', page.offset);
      out.write('size', page.answer?.length ?? 0);
      out.write('ready', page.answer === undefined ? 'no' : 'yes');
    }
  }
}
