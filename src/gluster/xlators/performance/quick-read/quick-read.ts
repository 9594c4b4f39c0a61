import { NacreError } from '../../../../base/errors.ts';
import type { GraphEvent } from '../../../graph/events.ts';
import type { Fd } from '../../../graph/fd.ts';
import type {
  CopyRangeAnswer,
  Fops,
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
import type { OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFREG, IA_INVAL, type Iatt } from '../../../types/iatt.ts';
import { O_ACCMODE, O_TRUNC } from '../../../types/open-flags.ts';
import { Priorities } from '../shared/priority.ts';
import { UNKNOWN } from '../shared/unknown.ts';
import { cacheInvalidation, UP_WRITE_FLAGS } from '../shared/upcall.ts';
import { Content, ContentTable } from './content.ts';

const CONTENT = 'glusterfs.content';
/** A brick's word that the file is damaged (`GLUSTERFS_BAD_INODE`). */
const BAD_INODE = 'glusterfs.bad-inode';
/** What is kept where nobody said how much: a walk through many small files is not to fill memory with what nobody reads again. */
const UNASKED = 8 << 20;
/** From here on a content has memory of its own; Node's pool, of pieces that live on for the sake of one, would cost more. */
const POOLED = 256;

/**
 * performance/quick-read: has lookups bring the content of small files along, and answers reads from it. What it has is believed for a
 * while after a lookup has shown that the file has not changed.
 */
export class QuickRead extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'quick-read': {
      kind: 'bool',
      default: 'off',
      description: 'Whether a volume has this layer; read where volfiles are made.',
    },
    priority: {
      kind: 'any',
      description: 'Which files stay longer: patterns of paths with numbers, as in *.jpg:1,abc*:2.',
    },
    'cache-size': {
      kind: 'size',
      default: '128MB',
      min: 0,
      reconfigurable: true,
      description: 'How much is kept of all files together.',
    },
    'cache-timeout': {
      kind: 'int',
      default: '1',
      reconfigurable: true,
      description: 'For how many seconds a content is believed without asking.',
    },
    'max-file-size': {
      kind: 'size',
      default: '64KB',
      min: 0,
      max: 1024 * 1000,
      description: 'Larger files are not cached.',
    },
    'quick-read-cache-invalidation': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'Drops what bricks say that others have changed.',
    },
    'ctime-invalidation': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'A change is known by the ctime and not by the mtime, which programs may set.',
    },
  };

  private readonly maxFileSize: number;
  private readonly priorities: Priorities;
  private readonly table = new ContentTable();
  private timeout = 0;
  private cacheSize = 0;
  private byUpcall = false;
  private byCtime = false;
  private generation = 0;
  /** Lookups under way that bring contents. */
  private asking = 0;
  /** Goes up when bricks go down: what was cached before is not believed. */
  private life = 1;
  private hits = 0;
  private misses = 0;
  private invalidations = 0;
  private readonly at: number;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.at = this.slot;
    this.maxFileSize = setup.options.number('max-file-size');
    try {
      this.priorities = new Priorities(setup.options.text('priority') ?? '', 0);
    } catch (error) {
      const what = `option priority of '${this.name}': ${(error as Error).message}`;
      throw new NacreError('EINVAL', 'gluster.graph', what);
    }
    this.reconfigure();
  }

  override reconfigure(): void {
    const { options } = this;
    this.timeout = options.number('cache-timeout') * 1000;
    const size = options.number('cache-size');
    this.cacheSize = options.isSet('cache-size') ? size : Math.min(size, UNASKED);
    this.byUpcall = options.bool('quick-read-cache-invalidation');
    this.byCtime = options.bool('ctime-invalidation');
  }

  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    if (event === 'CHILD_DOWN' || event === 'SOME_DESCENDENT_DOWN') this.life++;
    else if (event === 'UPCALL' && this.byUpcall) {
      const upcall = cacheInvalidation(data);
      if (upcall !== undefined && (upcall.flags & UP_WRITE_FLAGS) !== 0) {
        this.invalidations++;
        const inode = this.host.inodes.find(upcall.gfid);
        if (inode !== undefined) this.invalidate(inode);
      }
    }
    super.notify(event, from, data);
  }

  override invalidate(inode: Inode): void {
    this.prune(inode, ++this.generation);
  }

  override forget(inode: Inode): void {
    this.table.remove(inode.ctx[this.at] as Content);
  }

  /** Drops what is cached, and what is on its way and older than this. */
  private prune(inode: Inode, generation: number): void {
    let content = inode.ctx[this.at] as Content | undefined;
    if (content === undefined) {
      if (this.asking === 0) return;
      inode.ctx[this.at] = content = new Content();
    }
    this.table.remove(content);
    content.generation = generation;
    content.invalidated = ++this.generation;
  }

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const { inode } = loc;
    const content = inode.ctx[this.at] as Content | undefined;
    // Who came for the attributes once will do so again, unless he says that he comes for the content.
    const wanted = content?.unread !== true || xdata?.has(CONTENT) === true;
    const ask = content?.data === undefined && this.maxFileSize > 0 && wanted && this.worthAsking(inode);
    if (!ask && content === undefined) return this.next.lookup(frame, loc, xdata);
    const generation = ++this.generation;
    const request = ask ? Dict.from(xdata).setUint(CONTENT, this.maxFileSize) : xdata;
    if (ask) this.asking++;
    const looked = this.next.lookup(frame, loc, request);
    looked.then(
      answer => {
        if (ask) this.asking--;
        this.lookedUp(inode, answer, generation);
      },
      () => {
        if (ask) this.asking--;
        if (inode.ctx[this.at] !== undefined) this.prune(inode, generation);
      },
    );
    return looked;
  }

  /** What is being written changes before it is read. */
  private worthAsking(inode: Inode): boolean {
    if (inode.type !== IA_IFREG && inode.type !== IA_INVAL) return false;
    for (const fd of inode.fds) if ((fd.flags & O_ACCMODE) !== 0) return false;
    return true;
  }

  private lookedUp(inode: Inode, answer: LookupAnswer, generation: number): void {
    const { stat, xdata } = answer;
    if (xdata?.has(BAD_INODE)) {
      this.prune(inode, generation);
      return;
    }
    const bytes = xdata?.bytes(CONTENT);
    let content = inode.ctx[this.at] as Content | undefined;
    if (bytes === undefined || bytes.length !== stat.size) {
      if (content !== undefined) this.refresh(content, stat, generation);
      return;
    }
    if (content === undefined) inode.ctx[this.at] = content = new Content();
    if (this.outdated(content, generation)) return;
    this.table.remove(content);
    // Of its own: what came is part of a reply that is much larger.
    content.data = ownCopy(bytes);
    content.unread = true;
    content.generation = generation;
    this.believe(content, stat);
    while (this.table.used > this.cacheSize) {
      const oldest = this.table.oldest();
      if (oldest === undefined) break;
      this.table.remove(oldest);
    }
  }

  private outdated(content: Content, generation: number): boolean {
    return (
      content.generation >= generation || (content.data === undefined && content.invalidated >= generation)
    );
  }

  private believe(content: Content, stat: Iatt): void {
    content.stat = stat;
    content.refreshed = this.host.env.clock.mono();
    content.life = this.life;
    this.table.register(content);
  }

  /** News of the file's attributes: whether the content is still right. */
  private refresh(content: Content, stat: Iatt, generation: number): void {
    if (this.outdated(content, generation)) return;
    content.generation = generation;
    if (content.data === undefined) return;
    if (stat.size <= this.maxFileSize && this.same(content.stat as Iatt, stat)) this.believe(content, stat);
    else {
      this.table.remove(content);
      content.invalidated = ++this.generation;
    }
  }

  private same(a: Iatt, b: Iatt): boolean {
    if (a.size !== b.size) return false;
    if (this.byCtime) return a.ctime === b.ctime && a.ctimeNsec === b.ctimeNsec;
    return a.mtime === b.mtime && a.mtimeNsec === b.mtimeNsec;
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    if (this.table.files === 0) return this.next.readdirp(frame, fd, size, offset, xdata);
    const generation = ++this.generation;
    return this.next.readdirp(frame, fd, size, offset, xdata).then(answer => {
      for (const { inode, stat } of answer.entries) {
        const content = inode?.ctx[this.at] as Content | undefined;
        if (content !== undefined && stat !== undefined) this.refresh(content, stat, generation);
      }
      return answer;
    });
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    const content = fd.inode.ctx[this.at] as Content | undefined;
    if (content !== undefined) this.table.setPriority(content, this.priorities.of(loc.path));
    if ((flags & O_TRUNC) === 0) return this.next.open(frame, loc, flags, fd, xdata);
    return this.changing(fd.inode, this.next.open(frame, loc, flags, fd, xdata));
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    const content = fd.inode.ctx[this.at] as Content | undefined;
    if (content === undefined) return this.next.readv(frame, fd, size, offset, flags, xdata);
    const { data } = content;
    content.unread = false;
    if (data === undefined || offset >= data.length || !this.fresh(content)) {
      this.misses++;
      return this.next.readv(frame, fd, size, offset, flags, xdata);
    }
    this.hits++;
    this.table.register(content);
    const end = Math.min(data.length, offset + size);
    const part = offset === 0 && end === data.length ? data : data.subarray(offset, end);
    return Promise.resolve({
      data: [part],
      length: part.length,
      eof: end === data.length,
      // The file's links and permissions may have changed since the lookup.
      stat: UNKNOWN,
    });
  }

  private fresh(content: Content): boolean {
    return content.life === this.life && this.host.env.clock.mono() - content.refreshed < this.timeout;
  }

  /** Drops the content when the change is made; in between, old is as right as new. */
  private changing<T>(inode: Inode, change: Promise<T>): Promise<T> {
    const generation = ++this.generation;
    const done = () => this.prune(inode, generation);
    // Beside the way up: what hangs on first is called first.
    change.then(done, done);
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
    const write = this.next.writev(frame, fd, data, offset, flags, xdata);
    // While it is open for writing no lookup brings content: there is nothing that would have to be dropped.
    if (this.asking === 0 && !fd.anonymous) {
      const content = fd.inode.ctx[this.at] as Content | undefined;
      if (content === undefined || content.data === undefined) return write;
    }
    return this.changing(fd.inode, write);
  }

  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(loc.inode, this.next.truncate(frame, loc, offset, xdata));
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(fd.inode, this.next.ftruncate(frame, fd, offset, xdata));
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer> {
    return this.changing(fd.inode, this.next.fallocate(frame, fd, keepSize, offset, length, xdata));
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(fd.inode, this.next.discard(frame, fd, offset, length, xdata));
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(fd.inode, this.next.zerofill(frame, fd, offset, length, xdata));
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
    return this.changing(to.inode, change);
  }

  override dump(out: DumpWriter): void {
    out.section('xlator.performance.quick-read');
    out.write('max_file_size', this.maxFileSize);
    out.write('cache_timeout', this.timeout / 1000);
    out.write('total_files_cached', this.table.files);
    out.write('total_cache_used', this.table.used);
    out.write('cache-hit', this.hits);
    out.write('cache-miss', this.misses);
    out.write('cache-invalidations', this.invalidations);
  }

  override dumpInode(inode: Inode, out: DumpWriter): void {
    const content = inode.ctx[this.at] as Content | undefined;
    if (content === undefined) return;
    out.section('xlator.performance.quick-read.inodectx');
    out.write('entire-file-cached', content.data === undefined ? 'no' : 'yes');
  }
}

function ownCopy(bytes: Buffer): Buffer {
  if (bytes.length < POOLED) return Buffer.from(bytes);
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
