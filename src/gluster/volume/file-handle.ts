import type { Readable, Writable } from 'node:stream';
import { NacreError } from '../../base/errors.ts';
import type { Fd } from '../graph/fd.ts';
import type { Frame } from '../graph/frame.ts';
import { type Flock, SEEK_TO_DATA, SEEK_TO_HOLE } from '../types/fs.ts';
import { O_ACCMODE, O_APPEND, O_RDONLY, O_WRONLY } from '../types/open-flags.ts';
import { type AttributeChange, changeMode, changeOwner, changeTimes, type TimeLike } from './attributes.ts';
import { carryFd } from './carry.ts';
import {
  askCommand,
  HandleLocks,
  type LockCommand,
  type LockFound,
  type LockOptions,
  lockCommand,
  lockFound,
  mayWait,
  rightFor,
  unlockCommand,
} from './handle-locks.ts';
import { type Abortable, asError, type LiveGraph, type OpenFile, type Session } from './session.ts';
import { BigIntStats, Stats } from './stats.ts';
import { readable, type StreamOptions, writable } from './streams.ts';
import { CHUNK, readInto, writeAll } from './transfer.ts';
import { visibleNames, xattrDict } from './xattrs.ts';

export interface ReadOptions<T extends Uint8Array = Uint8Array> extends Abortable {
  buffer?: T;
  offset?: number;
  length?: number;
  /** null or absent: where the handle stands, which then moves on. */
  position?: number | null;
}

interface Rules {
  /** How the file must be open. */
  readonly needs?: 'read' | 'write' | undefined;
  readonly refusal?: 'EBADF' | 'EINVAL';
  readonly mayWait?: boolean;
}

const READING: Rules = { needs: 'read' };
const WRITING: Rules = { needs: 'write' };

/**
 * An open file, as `fs.promises.FileHandle`. Offsets and lengths in bytes. Errors are NacreErrors with `code`, `syscall` and `path`.
 */
export class FileHandle implements AsyncDisposable, OpenFile {
  readonly path: string;
  private readonly session: Session;
  private file: Fd;
  private readonly locks: HandleLocks;
  private position = 0;
  private closing: Promise<void> | undefined;
  /** Why it could not be opened in the graph that is in use now. */
  private lost: Error | undefined;

  constructor(session: Session, file: Fd, path: string) {
    this.session = session;
    this.file = file;
    this.path = path;
    this.locks = new HandleLocks(session);
    session.files.add(this);
  }

  /** The graph's own descriptor, for those who wind fops themselves. */
  get fd(): Fd {
    return this.file;
  }

  /** Where the next read or write without a position begins. */
  get offset(): number {
    return this.position;
  }

  async read<T extends Uint8Array>(
    bufferOrOptions?: T | ReadOptions<T>,
    offset?: number,
    length?: number,
    position?: number | null,
  ): Promise<{ bytesRead: number; buffer: T }> {
    const given =
      bufferOrOptions instanceof Uint8Array
        ? { buffer: bufferOrOptions, offset, length, position, signal: undefined }
        : (bufferOrOptions ?? {});
    const buffer = given.buffer ?? (Buffer.alloc(16384) as unknown as T);
    const from = given.offset ?? 0;
    const size = given.length ?? buffer.byteLength - from;
    if (from < 0 || size < 0 || from + size > buffer.byteLength)
      throw new RangeError(`${size} bytes from ${from} on are not within a buffer of ${buffer.byteLength}`);
    const at = given.position ?? this.position;
    const bytesRead = await this.run(
      'read',
      given.signal,
      frame => readInto(this.session, frame, this.file, buffer.subarray(from, from + size), at),
      READING,
    );
    if (typeof given.position !== 'number') this.position = at + bytesRead;
    return { bytesRead, buffer };
  }

  async readv(
    buffers: readonly Uint8Array[],
    position?: number | null,
  ): Promise<{ bytesRead: number; buffers: readonly Uint8Array[] }> {
    let bytesRead = 0;
    for (const buffer of buffers) {
      const at = typeof position === 'number' ? position + bytesRead : null;
      const part = await this.read(buffer, 0, buffer.byteLength, at);
      bytesRead += part.bytesRead;
      if (part.bytesRead < buffer.byteLength) break;
    }
    return { bytesRead, buffers };
  }

  async write(
    data: Uint8Array | string,
    offsetOrPosition?: number | null,
    lengthOrEncoding?: number | BufferEncoding | null,
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffer: Uint8Array | string }> {
    if (typeof data === 'string') {
      const bytes = Buffer.from(data, (lengthOrEncoding as BufferEncoding) ?? 'utf8');
      return { bytesWritten: await this.put([bytes], offsetOrPosition), buffer: data };
    }
    const from = offsetOrPosition ?? 0;
    const size = typeof lengthOrEncoding === 'number' ? lengthOrEncoding : data.byteLength - from;
    if (from < 0 || size < 0 || from + size > data.byteLength)
      throw new RangeError(`${size} bytes from ${from} on are not within a buffer of ${data.byteLength}`);
    return { bytesWritten: await this.put([data.subarray(from, from + size)], position), buffer: data };
  }

  async writev(
    buffers: readonly Uint8Array[],
    position?: number | null,
  ): Promise<{ bytesWritten: number; buffers: readonly Uint8Array[] }> {
    return { bytesWritten: await this.put(buffers, position), buffers };
  }

  /** All there is from where the handle stands. */
  async readFile(
    options?: BufferEncoding | (Abortable & { encoding?: BufferEncoding | null }) | null,
  ): Promise<Buffer | string> {
    const { encoding, signal } =
      typeof options === 'string' ? { encoding: options, signal: undefined } : (options ?? {});
    const data = await this.run(
      'read',
      signal,
      async frame => {
        const pieces: Buffer[] = [];
        // A file of the expected size is read in one go; one that grows, until it ends.
        const { stat } = await this.session.fops.fstat(frame, this.file);
        for (let want = Math.max(stat.size - this.position, 4096); ; want = CHUNK) {
          const piece = Buffer.allocUnsafe(want);
          const n = await readInto(this.session, frame, this.file, piece, this.position);
          this.position += n;
          pieces.push(n === want ? piece : piece.subarray(0, n));
          if (n < want || this.position === stat.size) break;
        }
        return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      },
      READING,
    );
    return encoding == null ? data : data.toString(encoding);
  }

  /** Writes all of `data` from where the handle stands. */
  async writeFile(
    data: string | Uint8Array | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
    options?: BufferEncoding | (Abortable & { encoding?: BufferEncoding | null }) | null,
  ): Promise<void> {
    const { encoding, signal } =
      typeof options === 'string' ? { encoding: options, signal: undefined } : (options ?? {});
    const bytes = (part: string | Uint8Array) =>
      typeof part === 'string' ? Buffer.from(part, encoding ?? 'utf8') : part;
    if (typeof data === 'string' || data instanceof Uint8Array) {
      await this.put([bytes(data)], null, signal);
      return;
    }
    for await (const part of data) await this.put([bytes(part)], null, signal);
  }

  async appendFile(
    data: string | Uint8Array,
    options?: BufferEncoding | { encoding?: BufferEncoding | null },
  ): Promise<void> {
    await this.writeFile(data, options);
  }

  stat(options: { bigint: true }): Promise<BigIntStats>;
  stat(options?: { bigint?: false }): Promise<Stats>;
  stat(options: { bigint?: boolean } = {}): Promise<Stats | BigIntStats> {
    return this.run('fstat', undefined, async frame => {
      const { stat } = await this.session.fops.fstat(frame, this.file);
      return options.bigint === true ? new BigIntStats(stat) : new Stats(stat);
    });
  }

  truncate(length = 0): Promise<void> {
    const work = async (frame: Frame) => {
      await this.session.fops.ftruncate(frame, this.file, length);
    };
    return this.run('ftruncate', undefined, work, { needs: 'write', refusal: 'EINVAL' });
  }

  /** On disk, on all bricks that have the file. */
  sync(): Promise<void> {
    return this.fsync(false);
  }

  datasync(): Promise<void> {
    return this.fsync(true);
  }

  chmod(mode: number | string): Promise<void> {
    return this.setattr('fchmod', changeMode(mode));
  }

  chown(uid: number, gid: number): Promise<void> {
    return this.setattr('fchown', changeOwner(uid, gid));
  }

  utimes(atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.setattr('futimes', changeTimes(atime, mtime));
  }

  /** Makes room for bytes; `keepSize` leaves the size as it is. */
  allocate(offset: number, length: number, options: { keepSize?: boolean } = {}): Promise<void> {
    return this.run(
      'fallocate',
      undefined,
      async frame => {
        await this.session.fops.fallocate(frame, this.file, options.keepSize === true, offset, length);
      },
      WRITING,
    );
  }

  /** Gives the room of bytes back: a hole that reads as zeros. */
  punchHole(offset: number, length: number): Promise<void> {
    return this.run(
      'discard',
      undefined,
      async frame => {
        await this.session.fops.discard(frame, this.file, offset, length);
      },
      WRITING,
    );
  }

  zero(offset: number, length: number): Promise<void> {
    return this.run(
      'zerofill',
      undefined,
      async frame => {
        await this.session.fops.zerofill(frame, this.file, offset, length);
      },
      WRITING,
    );
  }

  /** Where the next data (or hole) at or behind `offset` begins; ENXIO when there is none. */
  seek(offset: number, what: 'data' | 'hole'): Promise<number> {
    return this.run('lseek', undefined, async frame => {
      const to = what === 'data' ? SEEK_TO_DATA : SEEK_TO_HOLE;
      return (await this.session.fops.seek(frame, this.file, offset, to)).offset;
    });
  }

  getxattr(name: string): Promise<Buffer> {
    return this.run('fgetxattr', undefined, async frame => {
      const { dict } = await this.session.fops.fgetxattr(frame, this.file, name);
      const value = dict.bytes(name);
      if (value === undefined) throw new NacreError('ENODATA', 'gluster.fgetxattr', `no attribute '${name}'`);
      return value;
    });
  }

  setxattr(name: string, value: Uint8Array | string, flags = 0): Promise<void> {
    return this.run('fsetxattr', undefined, async frame => {
      await this.session.fops.fsetxattr(frame, this.file, xattrDict(name, value), flags);
    });
  }

  removexattr(name: string): Promise<void> {
    return this.run('fremovexattr', undefined, async frame => {
      await this.session.fops.fremovexattr(frame, this.file, name);
    });
  }

  listxattr(): Promise<string[]> {
    return this.run('flistxattr', undefined, async frame =>
      visibleNames((await this.session.fops.fgetxattr(frame, this.file, undefined)).dict),
    );
  }

  /**
   * Locks a range against other clients and other handles (fcntl's advisory locks, but a handle's own). Released by disposing what it
   * returns, or on close. EAGAIN when `wait` is false and somebody has it.
   */
  async lock(options: LockOptions = {}): Promise<AsyncDisposable> {
    const command = lockCommand(options);
    await this.lk(command, options.signal);
    return { [Symbol.asyncDispose]: () => this.unlock(command) };
  }

  async unlock(range: { start?: number; length?: number } = {}): Promise<void> {
    await this.lk(unlockCommand(range));
  }

  /** Whose lock would be in the way; undefined when none is. */
  async getLock(options: Omit<LockOptions, 'wait'> = {}): Promise<LockFound | undefined> {
    return lockFound(await this.lk(askCommand(options), options.signal));
  }

  createReadStream(options: StreamOptions = {}): Readable {
    return readable(async () => this, options);
  }

  createWriteStream(options: StreamOptions = {}): Writable {
    return writable(async () => this, options);
  }

  /** Lines of text, without their ends. */
  async *readLines(options: { encoding?: BufferEncoding } & Abortable = {}): AsyncGenerator<string> {
    let rest = '';
    const stream = this.createReadStream({
      ...options,
      encoding: options.encoding ?? 'utf8',
      autoClose: false,
    });
    for await (const part of stream) {
      const lines = (rest + part).split(/\r?\n/);
      rest = lines.pop()!;
      yield* lines;
    }
    if (rest !== '') yield rest;
  }

  /** Hands over what was written (errors of writes that were answered early show here), gives up locks, and closes. Idempotent. */
  close(): Promise<void> {
    return (this.closing ??= this.finish());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Of the graph's switching: nothing is under way. */
  async switchTo(graph: LiveGraph): Promise<void> {
    const old = this.file;
    try {
      const frame = this.session.frame('open', this.locks.owner);
      this.file = await carryFd(frame, this.session.graph, old, graph, this.locks.held);
    } catch (thrown) {
      this.lost = asError(thrown, 'open', this.path) as Error;
    }
    old.release();
  }

  private async finish(): Promise<void> {
    try {
      await this.session.run('close', this.path, undefined, async frame => {
        this.found('close');
        frame.root.lkOwner = this.locks.owner;
        await this.session.fops.flush(frame, this.file);
      });
    } finally {
      this.session.files.delete(this);
      if (this.lost === undefined) this.file.release();
    }
  }

  private found(op: string): void {
    if (this.lost !== undefined)
      throw new NacreError(
        'EBADF',
        `gluster.${op}`,
        `'${this.path}' could not be opened again when the volume was changed: ${this.lost.message}`,
        { cause: this.lost },
      );
  }

  private run<T>(
    op: string,
    signal: AbortSignal | undefined,
    work: (frame: Frame) => Promise<T>,
    { needs, refusal = 'EBADF', mayWait }: Rules = {},
  ): Promise<T> {
    if (this.closing !== undefined)
      return Promise.reject(new NacreError('EBADF', `gluster.${op}`, `'${this.path}' was closed`));
    // As the kernel has it: layers that answer early would tell too late.
    if (needs !== undefined && (this.file.flags & O_ACCMODE) === (needs === 'read' ? O_WRONLY : O_RDONLY))
      return Promise.reject(
        asError(
          new NacreError(refusal, `gluster.${op}`, `'${this.path}' is not open to ${needs}`),
          op,
          this.path,
        ),
      );
    return this.session.run(
      op,
      this.path,
      signal,
      frame => {
        this.found(op);
        // Closed meanwhile, it stays open on its brick for as long as this takes.
        const file = this.file.ref();
        return work(frame).finally(() => file.unref());
      },
      mayWait,
    );
  }

  private async put(
    pieces: readonly Uint8Array[],
    position?: number | null,
    signal?: AbortSignal,
  ): Promise<number> {
    const at = position ?? this.position;
    // Later writes without a position follow this one, whether or not it is finished.
    if (typeof position !== 'number') this.position += pieces.reduce((sum, piece) => sum + piece.length, 0);
    return this.run(
      'write',
      signal,
      frame => writeAll(this.session, frame, this.file, pieces, this.append ? 0 : at),
      WRITING,
    );
  }

  private get append(): boolean {
    return (this.file.flags & O_APPEND) !== 0;
  }

  private fsync(dataOnly: boolean): Promise<void> {
    return this.run('fsync', undefined, async frame => {
      await this.session.fops.fsync(frame, this.file, dataOnly);
    });
  }

  private setattr(op: string, { stat, valid }: AttributeChange): Promise<void> {
    return this.run(op, undefined, async frame => {
      if (valid !== 0) await this.session.fops.fsetattr(frame, this.file, stat, valid);
    });
  }

  private lk(command: LockCommand, signal?: AbortSignal): Promise<Flock> {
    const work = (frame: Frame) => this.locks.run(frame, this.file, command);
    return this.run('lock', signal, work, { needs: rightFor(command), mayWait: mayWait(command) });
  }
}
