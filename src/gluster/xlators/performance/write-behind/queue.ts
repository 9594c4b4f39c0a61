import { ERRNO } from '../../../../base/errno.ts';
import { errnoOf, FopError } from '../../../graph/fop-error.ts';
import type { WriteAnswer } from '../../../graph/fops.ts';
import type { Inode } from '../../../graph/inode.ts';
import { UNKNOWN } from '../shared/unknown.ts';
import {
  FLUSH,
  FSYNC,
  gather,
  MOST_PIECES,
  overlap,
  Request,
  remove,
  skip,
  WRITE,
  WriteRequest,
} from './request.ts';
import { append, type Slab, type Slabs } from './slabs.ts';
import type { WriteBehind } from './write-behind.ts';

/**
 * What is going on with one file. A write that may be answered early is a temptation until it is, a liability from then until it is
 * written; everything that depends on it waits in `todo` meanwhile.
 */
export class Queue {
  readonly inode: Inode;
  private readonly owner: WriteBehind;
  private readonly slabs: Slabs;
  /** Not yet begun, in the order of arrival. */
  readonly todo: Request[] = [];
  /** Answered and not yet written. */
  readonly liability: WriteRequest[] = [];
  private readonly temptation: WriteRequest[] = [];
  /** Writes that are under way: no two of them overlap. */
  private readonly wip: Request[] = [];
  private gen = 0;
  /** Bytes in `liability`. */
  window = 0;
  /** Bytes of early answered writes under way. */
  transit = 0;
  /** Where the file ends, as far as is known here: a write past it reaches down to it. */
  size = 0;
  /** A write has just failed: others are not tried before something else happens. */
  private dontSync = 0;
  /** Waits for the turn of `owner.kick`. */
  kicked = false;
  /** Of a directory: listings under way, and files in it that were written during them. */
  readdirps = 0;
  invalidated: Set<Queue> | undefined = undefined;
  /** Attributes in a listing under way may be older than what was written. */
  invalid = false;

  constructor(owner: WriteBehind, slabs: Slabs, inode: Inode) {
    this.owner = owner;
    this.slabs = slabs;
    this.inode = inode;
  }

  get busy(): boolean {
    return this.todo.length + this.liability.length + this.temptation.length + this.wip.length > 0;
  }

  /** Whether what comes now would have to wait. */
  blocks(start: number, end: number): boolean {
    const { liability } = this;
    for (let i = 0; i < liability.length; i++) {
      const lie = liability[i];
      if (lie.append || this.owner.strictOrder || (lie.start < end && start < lie.end)) return true;
    }
    return false;
  }

  /** A write that may be answered before it is written. */
  write(request: WriteRequest): Promise<WriteAnswer> {
    const { window } = this;
    if (window <= this.owner.windowSize) {
      const { written } = request;
      if (!this.joinLast(request)) {
        this.enqueue(request);
        this.lie(request);
      }
      this.owner.kick(this);
      return Promise.resolve({ written, pre: UNKNOWN, post: UNKNOWN });
    }
    this.enqueue(request);
    this.temptation.push(request);
    this.owner.kick(this);
    return new Promise((resolve, reject) => {
      request.answer = resolve;
      request.reject = errno => reject(new FopError(errno, this.owner.name));
    });
  }

  /** The bytes that a write depends on; counts them to the file's size. */
  reach(offset: number, size: number): number {
    const start = Math.min(offset, this.size);
    if (this.size < offset + size) this.size = offset + size;
    return start;
  }

  /** Anything that waits for the writes before it that it overlaps. */
  wait<T>(kind: number, start: number, end: number, begin: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const request = new Request(kind, start, end);
      request.begin = () => {
        try {
          const answer = begin();
          if (kind !== WRITE) return resolve(answer);
          const done = () => {
            request.wip = false;
            remove(this.wip, request);
            this.process();
          };
          answer.then(done, done);
          resolve(answer);
        } catch (thrown) {
          reject(thrown);
        }
      };
      request.reject = errno => reject(new FopError(errno, this.owner.name));
      this.enqueue(request);
      this.process();
    });
  }

  private enqueue(request: Request): void {
    request.gen = this.gen;
    this.todo.push(request);
    this.owner.busy.add(this);
  }

  process(): void {
    this.join();
    const tasks: Request[] = [];
    const heads: WriteRequest[][] = [];
    this.pick(tasks, heads);
    this.answerTemptations();
    for (const task of tasks) {
      if (task.failed === 0) task.begin?.();
      else task.reject?.(task.failed);
    }
    for (const head of heads) this.wind(head);
    if (!this.busy) this.owner.busy.delete(this);
    // Nothing is under way whose end would look here again: what failed is tried again for those who wait.
    else if (this.wip.length === 0 && this.todo.some(each => !each.lied)) this.owner.kick(this);
  }

  private conflict(lie: Request, request: Request): boolean {
    if (lie === request || lie.gen >= request.gen) return false;
    return lie.append || this.owner.strictOrder || overlap(lie, request);
  }

  /** Answers a write, and owes it from now on. */
  private lie(request: WriteRequest): void {
    const slab = this.slabs.take(request.size);
    const start = slab.used;
    append(slab, request.data);
    slab.live++;
    request.data = [slab.bytes.subarray(start, slab.used)];
    request.slabs = [slab];
    request.lied = true;
    request.fd.ref();
    this.liability.push(request);
    this.window += request.size;
    this.gen++;
  }

  /** Joins a write that has just come to the last in the queue. */
  private joinLast(request: WriteRequest): boolean {
    const holder = this.todo.at(-1);
    if (!(holder instanceof WriteRequest) || holder.failed !== 0 || !this.fits(holder, request)) return false;
    const slab = this.slabs.take(request.size);
    const start = slab.used;
    append(slab, request.data);
    this.extend(holder, slab, start);
    holder.size += request.size;
    holder.end = holder.offset + holder.size;
    // It waits for what came since it did, as what was joined would. Nothing waits for it yet: it is the last.
    holder.gen = this.gen++;
    this.window += request.size;
    return true;
  }

  private extend(holder: WriteRequest, slab: Slab, start: number): void {
    const data = holder.data as Buffer[];
    const slabs = holder.slabs!;
    const last = data[data.length - 1];
    if (slabs[slabs.length - 1] === slab && last.byteOffset + last.length === start)
      data[data.length - 1] = slab.bytes.subarray(last.byteOffset, slab.used);
    else {
      data.push(slab.bytes.subarray(start, slab.used));
      slabs.push(slab);
      slab.live++;
    }
  }

  /** Whether a write may be joined to one that waits: both answered already, or about to be. */
  private fits(holder: WriteRequest, request: WriteRequest): boolean {
    return (
      holder.lied &&
      holder.offset + holder.size === request.offset &&
      holder.size + request.size <= this.owner.aggregateSize &&
      holder.fd === request.fd &&
      holder.flags === request.flags &&
      holder.lkOwner === request.lkOwner &&
      holder.append === request.append &&
      holder.data.length < MOST_PIECES
    );
  }

  /** Joins small writes in the queue that follow each other, and decides which have waited long enough for others. */
  private join(): void {
    const { todo } = this;
    let holder: WriteRequest | undefined;
    let kept = 0;
    for (let i = 0; i < todo.length; i++) {
      const request = todo[i];
      if (this.dontSync > 0 && request.lied) {
        todo[kept++] = request;
        continue;
      }
      if (!(request instanceof WriteRequest)) {
        if (holder !== undefined && this.conflict(holder, request)) holder.go = true;
      } else if (holder === undefined) holder = request;
      else if (request.lied && this.fits(holder, request) && this.takeOver(holder, request)) continue;
      else {
        holder.go = true;
        holder = request;
      }
      todo[kept++] = request;
    }
    todo.length = kept;
    // With no room left nothing is going to join it.
    if (holder !== undefined && ((this.owner.trickling && this.transit === 0) || !holder.lied))
      holder.go = true;
    if (this.dontSync > 0) this.dontSync--;
  }

  private takeOver(holder: WriteRequest, request: WriteRequest): boolean {
    const slabs = request.slabs!;
    if (holder.data.length + slabs.length > MOST_PIECES || holder.failed !== 0 || request.failed !== 0)
      return false;
    // What came between them, and failed, is written again before the second and not after the first.
    if (this.liability.some(each => each !== request && overlap(each, request))) return false;
    (holder.data as Buffer[]).push(...request.data);
    holder.slabs!.push(...slabs);
    holder.size += request.size;
    holder.end = holder.offset + holder.size;
    request.fulfilled = true;
    request.fd.unref();
    remove(this.liability, request);
    return true;
  }

  /** Takes from `todo` what may begin: tasks, and writes to wind, those that follow each other together. */
  private pick(tasks: Request[], heads: WriteRequest[][]): void {
    const { todo } = this;
    let kept = 0;
    for (let i = 0; i < todo.length; i++) {
      const request = todo[i];
      const lie = this.liability.find(each => this.conflict(each, request));
      if (lie !== undefined) {
        const errno = lie.wip ? 0 : lie.failed;
        // An answered write behind one that failed is as good as failed for those that wait for it.
        if (errno !== 0 && request.lied) request.failed = errno;
        if (errno === 0 || !this.failsWith(request, errno, tasks)) todo[kept++] = request;
        continue;
      }
      const write = request instanceof WriteRequest ? request : undefined;
      if (write !== undefined && !write.go) {
        todo[kept++] = request;
        continue;
      }
      if (request.kind === WRITE) {
        if (this.wip.some(each => overlap(each, request))) {
          todo[kept++] = request;
          continue;
        }
        request.wip = true;
        request.tries++;
        this.wip.push(request);
      }
      if (write === undefined) tasks.push(request);
      else gather(heads, write, this.owner.aggregateSize);
    }
    todo.length = kept;
  }

  /**
   * What it depends on could not be written: it fails as well, unless it was answered already. Flushes and fsyncs wait until all before them
   * is written or given up.
   */
  private failsWith(request: Request, errno: number, tasks: Request[]): boolean {
    if (request.kind === FLUSH || (request.kind === FSYNC && !this.owner.resync)) return false;
    if (request.lied) return false;
    request.failed = errno;
    if (request instanceof WriteRequest) remove(this.temptation, request);
    tasks.push(request);
    return true;
  }

  /** Answers writes that waited for room, or were written in the meantime. */
  private answerTemptations(): void {
    const { temptation } = this;
    let kept = 0;
    for (let i = 0; i < temptation.length; i++) {
      const request = temptation[i];
      const { written } = request;
      if (request.fulfilled) {
        if (request.failed === 0) request.answer?.({ written, pre: UNKNOWN, post: UNKNOWN });
        else request.reject?.(request.failed);
        // Under way, the child reads the caller's memory.
      } else if (!request.wip && this.window <= this.owner.windowSize) {
        this.lie(request);
        request.answer?.({ written, pre: UNKNOWN, post: UNKNOWN });
      } else temptation[kept++] = request;
    }
    temptation.length = kept;
  }

  private wind(writes: WriteRequest[]): void {
    const head = writes[0];
    let { data, size } = head;
    if (writes.length > 1) {
      data = writes.flatMap(each => each.data);
      size = 0;
      for (const each of writes) size += each.size;
    }
    this.transit += size;
    const frame = head.frame.detach();
    frame.root.uid = 0;
    frame.root.gid = 0;
    frame.root.groups = [];
    let answer: Promise<WriteAnswer>;
    try {
      answer = this.owner.next.writev(frame, head.fd, data, head.offset, head.flags);
    } catch (thrown) {
      answer = Promise.reject(thrown);
    }
    answer.then(
      ({ written }) => this.wound(writes, size, written),
      thrown => this.woundInVain(writes, size, errnoOf(thrown)),
    );
  }

  private wound(writes: WriteRequest[], size: number, written: number): void {
    // A child that takes nothing would be asked for ever.
    if (written <= 0) {
      this.woundInVain(writes, size, EIO);
      return;
    }
    this.transit -= size;
    this.owner.invalidateListings(this);
    if (written >= size) for (const each of writes) this.fulfil(each);
    else this.woundInPart(writes, written);
    this.process();
  }

  /** The rest is written again. */
  private woundInPart(writes: WriteRequest[], written: number): void {
    let left = written;
    const again: WriteRequest[] = [];
    for (const each of writes) {
      if (left >= each.size) {
        left -= each.size;
        this.fulfil(each);
        continue;
      }
      if (left > 0) {
        if (each.lied) this.window -= left;
        each.data = skip(each.data, left);
        each.offset += left;
        each.size -= left;
        left = 0;
      }
      this.retry(each);
      again.push(each);
    }
    this.todo.unshift(...again);
  }

  private woundInVain(writes: WriteRequest[], size: number, errno: number): void {
    this.transit -= size;
    this.owner.invalidateListings(this);
    this.dontSync++;
    const again: WriteRequest[] = [];
    for (const each of writes) {
      each.failed = errno;
      if (!each.lied) {
        this.fulfil(each);
        continue;
      }
      const waiter = this.todo.find(one => (one.kind === FLUSH || one.kind === FSYNC) && one.gen >= each.gen);
      if (waiter !== undefined) waiter.failed = errno;
      if (waiter !== undefined && (waiter.kind === FLUSH || !this.owner.resync)) this.fulfil(each);
      else {
        this.retry(each);
        again.push(each);
      }
    }
    this.todo.unshift(...again);
    this.process();
  }

  private retry(request: WriteRequest): void {
    request.go = false;
    request.wip = false;
    remove(this.wip, request);
  }

  private fulfil(request: WriteRequest): void {
    request.fulfilled = true;
    request.wip = false;
    remove(this.wip, request);
    if (!request.lied) return;
    remove(this.liability, request);
    this.window -= request.size;
    for (const slab of request.slabs!) {
      if (request.failed === 0) this.slabs.release(slab);
      else this.slabs.abandon(slab);
    }
    request.fd.unref();
  }
}

const EIO = ERRNO['EIO'];
