import type { Fd } from '../../../graph/fd.ts';
import type {
  Answer,
  CopyRangeAnswer,
  Fops,
  GraphEntry,
  OpenAnswer,
  PrePostAnswer,
  ReaddirAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { OptionTable } from '../../../graph/option-types.ts';
import { type DumpWriter, Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { Listing, sizeOfEntry, type Waiting } from './listing.ts';

const MIB = 1024 * 1024;

/**
 * performance/readdir-ahead: lists a directory ahead of whoever reads it, in large pieces and with attributes. Who reads it in another
 * order than from the beginning on is let by.
 */
export class ReaddirAhead extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'readdir-ahead': {
      kind: 'bool',
      default: 'off',
      description: 'Whether a volume has this layer; read where volfiles are made.',
    },
    'rda-request-size': {
      kind: 'size',
      default: '131072',
      min: 4096,
      max: 131072,
      reconfigurable: true,
      description: 'How much is listed at once.',
    },
    'rda-low-wmark': {
      kind: 'size',
      default: '4096',
      min: 0,
      max: 10 * MIB,
      reconfigurable: true,
      description: 'With no more than this left, answers wait until there is more.',
    },
    'rda-high-wmark': {
      kind: 'size',
      default: '128KB',
      min: 0,
      max: 100 * MIB,
      reconfigurable: true,
      description: 'With this much, answers need not wait any more.',
    },
    'rda-cache-limit': {
      kind: 'size',
      default: '10MB',
      min: 0,
      reconfigurable: true,
      description: 'How much is kept of all directories together.',
    },
    'parallel-readdir': {
      kind: 'bool',
      default: 'off',
      reconfigurable: true,
      description: 'Whether there is such a layer above each brick; read where volfiles are made.',
    },
    'pass-through': {
      kind: 'bool',
      default: 'false',
      reconfigurable: true,
      description: 'Fops go by this layer.',
    },
  };

  private life = 0;
  private requestSize = 0;
  private lowMark = 0;
  private highMark = 0;
  private cacheLimit = 0;
  /** Bytes in all listings. */
  private used = 0;
  /** Entries that wait to be given out, by their inodes. */
  private readonly cached = new Map<Inode, Set<GraphEntry>>();
  private readonly at: number;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.at = this.slot;
    this.reconfigure();
  }

  override reconfigure(): void {
    // While fops went by, entries may have grown old.
    this.life++;
    this.requestSize = this.options.number('rda-request-size');
    this.lowMark = this.options.number('rda-low-wmark');
    this.highMark = this.options.number('rda-high-wmark');
    this.cacheLimit = this.options.number('rda-cache-limit');
  }

  private listingOf(fd: Fd): Listing {
    const found = fd.ctx[this.at] as Listing | undefined;
    if (found !== undefined) return found;
    const listing = new Listing();
    listing.life = this.life;
    fd.ctx[this.at] = listing;
    return listing;
  }

  override release(fd: Fd): void {
    const listing = fd.ctx[this.at] as Listing;
    listing.released = true;
    this.empty(listing);
  }

  private empty(listing: Listing): void {
    for (const entry of listing.entries) this.uncache(entry);
    this.used -= listing.size;
    listing.reset();
  }

  private uncache(entry: GraphEntry): void {
    if (entry.inode === undefined) return;
    const entries = this.cached.get(entry.inode);
    if (entries === undefined) return;
    entries.delete(entry);
    if (entries.size === 0) this.cached.delete(entry.inode);
  }

  opendir(frame: Frame, loc: Loc, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    const opened = this.next.opendir(frame, loc, fd, xdata);
    return opened.then(answer => {
      const listing = this.listingOf(fd);
      listing.request = xdata;
      this.fill(frame, fd, listing);
      return answer;
    });
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const listing = this.listingOf(fd);
    const down = () => this.next.readdirp(frame, fd, size, offset, xdata);
    if (listing.life !== this.life) listing.bypass = true;
    if (listing.bypass) return down();
    let fill = false;
    // It was read to its end, and is read again.
    if (offset === 0n && listing.ended && listing.size === 0) {
      this.empty(listing);
      listing.request = xdata;
      fill = true;
    }
    if (offset !== listing.offset || listing.waiting !== undefined) {
      listing.bypass = true;
      return down();
    }
    if (listing.serves(size)) {
      const served = this.serve(listing, size);
      if (!listing.running && !listing.ended && listing.failed === undefined && !listing.bypass)
        this.fill(frame, fd, listing);
      return served;
    }
    const answer = new Promise<ReaddirAnswer>((resolve, reject) => {
      listing.waiting = { size, resolve, reject };
    });
    if (!listing.running) {
      listing.request ??= xdata;
      fill = true;
    }
    if (fill) this.fill(frame, fd, listing);
    return answer;
  }

  /** What there is, up to `size`. */
  private serve(listing: Listing, size: number): Promise<ReaddirAnswer> {
    const entries: GraphEntry[] = [];
    let taken = 0;
    for (const entry of listing.entries) {
      const bytes = sizeOfEntry(entry);
      if (taken + bytes > size) break;
      taken += bytes;
      entries.push(entry);
      this.uncache(entry);
    }
    listing.entries.splice(0, entries.length);
    listing.size -= taken;
    this.used -= taken;
    if (entries.length > 0) listing.offset = entries[entries.length - 1].dOff;
    if (listing.size <= this.lowMark) listing.plugged = true;
    if (entries.length === 0 && listing.failed !== undefined) {
      const { failed } = listing;
      listing.failed = undefined;
      // Nothing is listed ahead any more.
      listing.bypass = true;
      return Promise.reject(failed);
    }
    return Promise.resolve({ entries, eof: listing.ended && listing.entries.length === 0 });
  }

  private fill(frame: Frame, fd: Fd, listing: Listing): void {
    if (listing.underWay) return;
    if (listing.fresh) {
      listing.fresh = false;
      listing.plugged = this.lowMark > 0;
    }
    listing.running = true;
    listing.underWay = true;
    const above = frame.detach();
    fd.ref();
    const offset = listing.nextOffset;
    this.next.readdirp(above, fd, this.requestSize, offset, listing.request).then(
      answer => this.filled(above, fd, listing, answer),
      thrown => this.filled(above, fd, listing, undefined, thrown),
    );
  }

  private filled(
    frame: Frame,
    fd: Fd,
    listing: Listing,
    answer: ReaddirAnswer | undefined,
    thrown?: unknown,
  ): void {
    const { changed } = listing;
    listing.underWay = false;
    listing.changed = undefined;
    if (answer === undefined) {
      listing.running = false;
      listing.failed = thrown;
    } else {
      for (const entry of answer.entries) this.keep(listing, entry, changed);
      if (answer.eof || answer.entries.length === 0) {
        listing.running = false;
        listing.ended = true;
      }
    }
    if (listing.size >= this.highMark) listing.plugged = false;
    const waiting: Waiting | undefined = listing.waiting;
    if (waiting !== undefined && listing.serves(waiting.size)) {
      listing.waiting = undefined;
      this.serve(listing, waiting.size).then(waiting.resolve, waiting.reject);
    }
    if (listing.waiting === undefined && (listing.bypass || this.used > this.cacheLimit))
      listing.running = false;
    if (listing.released) this.empty(listing);
    else if (listing.running) this.fill(frame, fd, listing);
    fd.unref();
  }

  private keep(listing: Listing, entry: GraphEntry, changed: Listing['changed']): void {
    const { inode } = entry;
    listing.nextOffset = entry.dOff;
    listing.entries.push(entry);
    const bytes = sizeOfEntry(entry);
    listing.size += bytes;
    this.used += bytes;
    if (inode === undefined || entry.name === '.' || entry.name === '..') return;
    if (entry.stat !== undefined && changed?.has(entry.stat.gfid)) outdate(entry);
    else {
      const entries = this.cached.get(inode);
      if (entries === undefined) this.cached.set(inode, new Set([entry]));
      else entries.add(entry);
    }
  }

  /** Once a file was changed, its entries that were listed have its new attributes, or none. */
  private changing<T extends Answer>(inode: Inode, change: Promise<T>): Promise<T> {
    // Beside the way up: what hangs on first is called first.
    change.then(answer => this.changed(inode, (answer as { post?: Iatt }).post), ignore);
    return change;
  }

  private changed(inode: Inode, post: Iatt | undefined): void {
    const parent = this.host.inodes.parentOf(inode);
    if (parent !== undefined)
      for (const fd of parent.fds) {
        const listing = fd.ctx[this.at] as Listing | undefined;
        if (listing?.underWay) (listing.changed ??= new Set()).add(inode.gfid);
      }
    const entries = this.cached.get(inode);
    if (entries === undefined) return;
    for (const entry of entries) {
      const { stat } = entry;
      if (post === undefined || post.ctime === 0 || stat === undefined) {
        outdate(entry);
        entries.delete(entry);
      } else if (isNewer(post, stat)) entry.stat = post;
    }
    if (entries.size === 0) this.cached.delete(inode);
  }

  override invalidate(inode: Inode): void {
    this.changed(inode, undefined);
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    return this.changing(fd.inode, this.next.writev(frame, fd, data, offset, flags, xdata));
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

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(loc.inode, this.next.setattr(frame, loc, stat, valid, xdata));
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.changing(fd.inode, this.next.fsetattr(frame, fd, stat, valid, xdata));
  }

  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    return this.changing(loc.inode, this.next.setxattr(frame, loc, dict, flags, xdata));
  }

  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    return this.changing(fd.inode, this.next.fsetxattr(frame, fd, dict, flags, xdata));
  }

  removexattr(frame: Frame, loc: Loc, name: string, xdata?: Dict): Promise<Answer> {
    return this.changing(loc.inode, this.next.removexattr(frame, loc, name, xdata));
  }

  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Dict): Promise<Answer> {
    return this.changing(fd.inode, this.next.fremovexattr(frame, fd, name, xdata));
  }

  override dump(out: DumpWriter): void {
    out.section('xlator.performance.readdir-ahead.priv');
    out.write('rda-request-size', this.requestSize);
    out.write('rda-low-wmark', this.lowMark);
    out.write('rda-high-wmark', this.highMark);
    out.write('rda-cache-limit', this.cacheLimit);
    out.write('rda-cache-size', this.used);
  }
}

function ignore(): void {}

/** Whoever gets it looks the file up. */
function outdate(entry: GraphEntry): void {
  entry.stat = undefined;
  entry.inode = undefined;
  entry.dict = undefined;
}

function isNewer(a: Iatt, b: Iatt): boolean {
  return a.ctime > b.ctime || (a.ctime === b.ctime && a.ctimeNsec >= b.ctimeNsec);
}
