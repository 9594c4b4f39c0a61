import { NacreError } from '../../../../base/errors.ts';
import type { GraphEvent } from '../../../graph/events.ts';
import type { Fd } from '../../../graph/fd.ts';
import type { FopError } from '../../../graph/fop-error.ts';
import type {
  Answer,
  CopyRangeAnswer,
  EntryAnswer,
  Fops,
  LookupAnswer,
  OpenAnswer,
  PrePostAnswer,
  ReadAnswer,
  ReaddirAnswer,
  RenameAnswer,
  SeekAnswer,
  StatAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Options } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { Dict } from '../../../types/dict.ts';
import { formatGfid } from '../../../types/gfid.ts';
import { IA_IFREG, type Iatt } from '../../../types/iatt.ts';
import { O_APPEND, O_DIRECT, O_TRUNC } from '../../../types/open-flags.ts';
import { UNKNOWN } from '../shared/unknown.ts';
import { OPTIONS } from './options.ts';
import { Queue } from './queue.ts';
import { FLUSH, FSYNC, OTHER, sizeOf, WRITE, WriteRequest } from './request.ts';
import { Slabs } from './slabs.ts';

/** O_SYNC has the bit of O_DSYNC. */
const O_DSYNC = 0o10000;
const END = Number.POSITIVE_INFINITY;
const DONE: Answer = Object.freeze({});

/**
 * performance/write-behind: answers writes before they are written, joins small ones, and keeps everything that depends on them in
 * order behind them. What fails in the background is told by the next flush or fsync, and by fops that depend on it until then.
 */
export class WriteBehind extends Xlator implements Partial<Fops> {
  static readonly options = OPTIONS;

  windowSize = 0;
  aggregateSize = 0;
  trickling = true;
  strictOrder = false;
  resync = false;
  private syncFlags = 0;
  private flushBehind = true;
  private readonly slabs = new Slabs();
  /** Those with anything to do. */
  readonly busy = new Set<Queue>();
  private kicked: Queue[] = [];
  /** Listings under way. */
  private listings = 0;
  private drained: Promise<void> | undefined = undefined;
  private readonly at: number;
  private readonly bypassed: boolean;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.at = this.slot;
    this.checkOptions(setup.options);
    this.bypassed = setup.options.bool('pass-through');
    this.reconfigure();
  }

  override checkOptions(options: Options): void {
    const aggregate = options.number('aggregate-size');
    const window = options.number('cache-size');
    if (window < aggregate)
      throw new NacreError(
        'EINVAL',
        'gluster.graph',
        `aggregate-size (${aggregate}) of '${this.name}' cannot be more than its window-size (${window})`,
      );
  }

  override reconfigure(): void {
    const { options } = this;
    // What goes by could overtake what is waiting here: it is for the next graph.
    if (options.bool('pass-through') !== this.bypassed)
      this.host.log.log('W', this.logName, 'pass-through cannot be changed while the graph is in use');
    this.passThrough = this.bypassed;
    this.windowSize = options.number('cache-size');
    this.flushBehind = options.bool('flush-behind');
    this.trickling = options.bool('trickling-writes');
    this.strictOrder = options.bool('strict-write-ordering');
    this.resync = options.bool('resync-failed-syncs-after-fsync');
    this.syncFlags = O_DSYNC | (options.bool('strict-O_DIRECT') ? O_DIRECT : 0);
    if (this.aggregateSize === 0) this.aggregateSize = options.number('aggregate-size');
  }

  /** Has a file's writes sent once those who wrote have their answers; what comes until then is joined to them. */
  kick(queue: Queue): void {
    if (queue.kicked) return;
    queue.kicked = true;
    if (this.kicked.push(queue) === 1) this.host.env.timers.immediate(this.processKicked);
  }

  private readonly processKicked = (): void => {
    const { kicked } = this;
    this.kicked = [];
    for (const queue of kicked) {
      queue.kicked = false;
      queue.process();
    }
  };

  private queueOf(inode: Inode): Queue {
    const found = inode.ctx[this.at] as Queue | undefined;
    if (found !== undefined) return found;
    const queue = new Queue(this, this.slabs, inode);
    inode.ctx[this.at] = queue;
    return queue;
  }

  /** The file's queue, when something in it must be waited for. */
  private blocked(inode: Inode, start = 0, end = END): Queue | undefined {
    const queue = inode.ctx[this.at] as Queue | undefined;
    return queue?.blocks(start, end) ? queue : undefined;
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    const queue = this.queueOf(fd.inode);
    const size = sizeOf(data);
    const start = queue.reach(offset, size);
    const append = (fd.flags & O_APPEND) !== 0;
    if (((fd.flags | flags) & this.syncFlags) !== 0 || size === 0) {
      const begin = () => this.next.writev(frame, fd, data, offset, flags, xdata);
      return queue.wait(WRITE, start, offset + size, begin);
    }
    const request = new WriteRequest(frame, fd, data, size, offset, flags, start);
    request.append = append;
    return queue.write(request);
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    const queue = fd.inode.ctx[this.at] as Queue | undefined;
    if (queue === undefined || queue.liability.length === 0)
      return this.next.readv(frame, fd, size, offset, flags, xdata);
    const end = size === 0 ? END : offset + size;
    const begin = () => this.readBeside(queue, this.next.readv(frame, fd, size, offset, flags, xdata));
    return queue.blocks(offset, end) ? queue.wait(OTHER, offset, end, begin) : begin();
  }

  /** What a read that overtakes writes says of the file does not count them. */
  private readBeside(queue: Queue, read: Promise<ReadAnswer>): Promise<ReadAnswer> {
    if (queue.liability.length > 0)
      read.then(
        answer => {
          answer.stat = UNKNOWN;
        },
        () => {},
      );
    return read;
  }

  flush(frame: Frame, fd: Fd, xdata?: Dict): Promise<Answer> {
    const queue = fd.inode.ctx[this.at] as Queue | undefined;
    if (queue === undefined) return this.next.flush(frame, fd, xdata);
    if (!queue.blocks(0, END)) return this.flushNow(frame, fd, xdata);
    let begun = false;
    const flushed = queue.wait(FLUSH, 0, END, () => {
      begun = true;
      return this.flushNow(frame, fd, xdata);
    });
    return flushed.catch(thrown => {
      // The brick drops the owner's locks with the flush, whatever became of the writes.
      if (!begun) this.flushInBackground(frame, fd, xdata);
      throw thrown;
    });
  }

  private flushNow(frame: Frame, fd: Fd, xdata: Dict | undefined): Promise<Answer> {
    if (!this.flushBehind) return this.next.flush(frame, fd, xdata);
    this.flushInBackground(frame, fd, xdata);
    return Promise.resolve(DONE);
  }

  private flushInBackground(frame: Frame, fd: Fd, xdata: Dict | undefined): void {
    fd.ref();
    const done = () => fd.unref();
    const behind = frame.detach();
    behind.root.unwaited = true;
    this.next.flush(behind, fd, xdata).then(done, done);
  }

  fsync(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<PrePostAnswer> {
    const queue = this.blocked(fd.inode);
    if (queue === undefined) return this.next.fsync(frame, fd, datasync, xdata);
    return queue.wait(FSYNC, 0, END, () => this.next.fsync(frame, fd, datasync, xdata));
  }

  stat(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatAnswer> {
    const queue = this.blocked(loc.inode);
    if (queue === undefined) return this.next.stat(frame, loc, xdata);
    return queue.wait(OTHER, 0, END, () => this.next.stat(frame, loc, xdata));
  }

  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer> {
    const queue = this.blocked(fd.inode);
    if (queue === undefined) return this.next.fstat(frame, fd, xdata);
    return queue.wait(OTHER, 0, END, () => this.next.fstat(frame, fd, xdata));
  }

  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.cut(loc.inode, offset, () => this.next.truncate(frame, loc, offset, xdata));
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.cut(fd.inode, offset, () => this.next.ftruncate(frame, fd, offset, xdata));
  }

  private cut(inode: Inode, offset: number, begin: () => Promise<PrePostAnswer>): Promise<PrePostAnswer> {
    const queue = this.queueOf(inode);
    queue.size = offset;
    const cut = queue.blocks(offset, END) ? queue.wait(OTHER, offset, END, begin) : begin();
    return cut.then(answer => {
      queue.size = answer.post.size;
      return answer;
    });
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const queue = this.blocked(loc.inode);
    if (queue === undefined) return this.next.setattr(frame, loc, stat, valid, xdata);
    return queue.wait(OTHER, 0, END, () => this.next.setattr(frame, loc, stat, valid, xdata));
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const queue = this.blocked(fd.inode);
    if (queue === undefined) return this.next.fsetattr(frame, fd, stat, valid, xdata);
    return queue.wait(OTHER, 0, END, () => this.next.fsetattr(frame, fd, stat, valid, xdata));
  }

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const queue = loc.inode.ctx[this.at] as Queue | undefined;
    if (queue === undefined) return this.next.lookup(frame, loc, xdata);
    const begin = () => this.next.lookup(frame, loc, xdata);
    const looked = queue.blocks(0, END) ? queue.wait(OTHER, 0, END, begin) : begin();
    return looked.then(answer => {
      queue.size = answer.stat.size;
      return answer;
    });
  }

  link(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<EntryAnswer> {
    const queue = this.blocked(from.inode);
    if (queue === undefined) return this.next.link(frame, from, to, xdata);
    return queue.wait(OTHER, 0, END, () => this.next.link(frame, from, to, xdata));
  }

  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<RenameAnswer> {
    const queue = this.blocked(from.inode);
    if (queue === undefined) return this.next.rename(frame, from, to, xdata);
    return queue.wait(OTHER, 0, END, () => this.next.rename(frame, from, to, xdata));
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer> {
    const begin = () => this.next.fallocate(frame, fd, keepSize, offset, length, xdata);
    return this.blocked(fd.inode)?.wait(OTHER, 0, END, begin) ?? begin();
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const begin = () => this.next.discard(frame, fd, offset, length, xdata);
    return this.blocked(fd.inode)?.wait(OTHER, 0, END, begin) ?? begin();
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    const begin = () => this.next.zerofill(frame, fd, offset, length, xdata);
    return this.blocked(fd.inode)?.wait(OTHER, 0, END, begin) ?? begin();
  }

  /** GlusterFS lets this one and the next two overtake writes; what they answer would be wrong then. */
  seek(frame: Frame, fd: Fd, offset: number, what: number, xdata?: Dict): Promise<SeekAnswer> {
    const begin = () => this.next.seek(frame, fd, offset, what, xdata);
    return this.blocked(fd.inode)?.wait(OTHER, 0, END, begin) ?? begin();
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    if ((flags & O_TRUNC) === 0) return this.next.open(frame, loc, flags, fd, xdata);
    const begin = () => this.next.open(frame, loc, flags, fd, xdata);
    const queue = loc.inode.ctx[this.at] as Queue | undefined;
    if (queue === undefined) return begin();
    queue.size = 0;
    return queue.blocks(0, END) ? queue.wait(OTHER, 0, END, begin) : begin();
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
    const begin = () => this.next.copyFileRange(frame, from, fromOffset, to, toOffset, length, flags, xdata);
    const written = () => this.blocked(to.inode)?.wait(OTHER, 0, END, begin) ?? begin();
    return this.blocked(from.inode)?.wait(OTHER, 0, END, written) ?? written();
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const directory = this.queueOf(fd.inode);
    directory.readdirps++;
    this.listings++;
    return this.next.readdirp(frame, fd, size, offset, xdata).then(
      answer => {
        for (const entry of answer.entries) {
          const queue = entry.inode?.ctx[this.at] as Queue | undefined;
          if (queue === undefined || entry.stat?.type !== IA_IFREG) continue;
          if (queue.liability.length === 0 && !queue.invalid) continue;
          // These attributes do not count what was answered already: whoever needs them looks them up.
          entry.inode = undefined;
          entry.stat = undefined;
        }
        this.listed(directory);
        return answer;
      },
      thrown => {
        this.listed(directory);
        throw thrown;
      },
    );
  }

  private listed(directory: Queue): void {
    this.listings--;
    if (--directory.readdirps > 0 || directory.invalidated === undefined) return;
    for (const queue of directory.invalidated) queue.invalid = false;
    directory.invalidated = undefined;
  }

  /** A file was written: a listing under way may have read its attributes before, and be answered after. */
  invalidateListings(queue: Queue): void {
    if (this.listings === 0) return;
    const parent = this.host.inodes.parentOf(queue.inode);
    const directory = parent?.ctx[this.at] as Queue | undefined;
    if (directory === undefined || directory.readdirps === 0) return;
    queue.invalid = true;
    (directory.invalidated ??= new Set()).add(queue);
  }

  /** The layers below go when all that was answered is written. */
  override notify(event: GraphEvent, from: Xlator | undefined, data?: unknown): void {
    if (event !== 'PARENT_DOWN' || this.busy.size === 0) super.notify(event, from, data);
    else this.drained = this.drain().then(() => super.notify(event, from, data));
  }

  override async fini(): Promise<void> {
    await (this.drained ?? this.drain());
  }

  private async drain(): Promise<void> {
    const written = [...this.busy].map(queue =>
      queue
        .wait(FLUSH, 0, END, () => Promise.resolve())
        .catch((thrown: FopError) => {
          const what = formatGfid(queue.inode.gfid);
          this.host.log.log('E', this.logName, `writes of ${what} are lost: ${thrown.code}`);
        }),
    );
    await Promise.all(written);
  }

  override dump(out: DumpWriter): void {
    out.section('xlator.performance.write-behind.priv');
    out.write('aggregate_size', this.aggregateSize);
    out.write('window_size', this.windowSize);
    out.write('flush_behind', this.flushBehind ? 1 : 0);
    out.write('trickling_writes', this.trickling ? 1 : 0);
  }

  override dumpInode(inode: Inode, out: DumpWriter): void {
    const queue = inode.ctx[this.at] as Queue | undefined;
    if (queue === undefined) return;
    out.section('xlator.performance.write-behind.wb_inode');
    out.write('path', this.host.inodes.path(inode));
    out.write('gfid', formatGfid(inode.gfid));
    out.write('window_conf', this.windowSize);
    out.write('window_current', queue.window);
    out.write('transit-size', queue.transit);
    for (const write of queue.liability) {
      out.section('WRITE');
      out.write('wound', queue.todo.includes(write) ? 'no' : 'yes');
      out.write('generation-number', write.gen);
      out.write('req->op_errno', write.failed);
      out.write('sync-attempts', write.tries);
      out.write('sync-in-progress', write.wip ? 'yes' : 'no');
      out.write('size', write.size);
      out.write('offset', write.offset);
      out.write('append', write.append ? 1 : 0);
      out.write('go', write.go ? 1 : 0);
    }
  }
}
