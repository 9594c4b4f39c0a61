import type { Readable, Writable } from 'node:stream';
import { NacreError } from '../../base/errors.ts';
import type { GraphEntry } from '../graph/fops.ts';
import type { Frame } from '../graph/frame.ts';
import { formatGfid } from '../types/gfid.ts';
import { O_CREAT, O_TRUNC, O_WRONLY } from '../types/open-flags.ts';
import { changeMode, changeOwner, changeTimes, type TimeLike } from './attributes.ts';
import { closing, copyFile, copyTree } from './copy.ts';
import * as dirs from './dir-ops.ts';
import { DirectoryReader } from './directory-reader.ts';
import type { FileHandle } from './file-handle.ts';
import * as files from './file-ops.ts';
import {
  bag,
  type CopyOptions,
  type Data,
  type Encoded,
  type ReaddirOptions,
  type ReadFileOptions,
  type StatFs,
  type StatOptions,
  type WriteFileOptions,
} from './fs-options.ts';
import { type NameEncoding, type PathLike, toBytes, toEncoding, toText } from './names.ts';
import { parseOpenFlags } from './open-flags.ts';
import { type Abortable, isStale, type Session } from './session.ts';
import { BigIntStats, Dirent, Stats } from './stats.ts';
import { readable, type StreamOptions, writable } from './streams.ts';
import { type WatchEvent, type WatchOptions, watchPath } from './watch.ts';
import { visibleNames, xattrDict } from './xattrs.ts';

const FUSE_SUPER_MAGIC = 0x65735546;
export const F_OK = 0;

/**
 * The files of a volume, as `node:fs/promises` has them: the same methods, options and errors (`code`, `syscall`, `path`). Paths begin at
 * the volume's root; a symbolic link with an absolute target leads from there too. Every option bag takes a `signal`.
 */
export class VolumeFs {
  protected readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  open(
    path: PathLike,
    flags: string | number = 'r',
    mode = 0o666,
    options: Abortable = {},
  ): Promise<FileHandle> {
    const bytes = toBytes(path);
    return this.run('open', bytes, options.signal, async frame =>
      files.openFile(this.session, frame, bytes, toText(bytes), parseOpenFlags(flags), mode),
    );
  }

  readFile(
    path: PathLike,
    options: BufferEncoding | (ReadFileOptions & { encoding: BufferEncoding }),
  ): Promise<string>;
  readFile(path: PathLike, options?: (ReadFileOptions & { encoding?: null }) | null): Promise<Buffer>;
  readFile(path: PathLike, options?: Encoded<ReadFileOptions>): Promise<string | Buffer>;
  async readFile(path: PathLike, options?: Encoded<ReadFileOptions>): Promise<string | Buffer> {
    const { encoding, flag, signal } = bag(options);
    const read = () =>
      this.with(path, flag ?? 'r', 0o666, signal, file => file.readFile({ encoding, signal }));
    try {
      return await read();
    } catch (error) {
      // A layer may open later than it says, and find out then that the name leads elsewhere by now.
      if (!isStale(error)) throw error;
      await this.forgetting(path);
      return read();
    }
  }

  async writeFile(path: PathLike, data: Data, options?: Encoded<WriteFileOptions>): Promise<void> {
    const { encoding, flag, mode, flush, signal } = bag(options);
    await this.with(path, flag ?? O_WRONLY | O_CREAT | O_TRUNC, mode ?? 0o666, signal, async file => {
      await file.writeFile(data, { encoding, signal });
      if (flush === true) await file.sync();
    });
  }

  appendFile(path: PathLike, data: Data, options?: Encoded<WriteFileOptions>): Promise<void> {
    return this.writeFile(path, data, { ...bag(options), flag: bag(options).flag ?? 'a' });
  }

  async truncate(path: PathLike, length = 0): Promise<void> {
    const bytes = toBytes(path);
    await this.at('truncate', bytes, true, (frame, loc) => this.session.fops.truncate(frame, loc, length));
  }

  stat(path: PathLike, options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(path: PathLike, options?: StatOptions & { bigint?: false }): Promise<Stats>;
  stat(path: PathLike, options?: StatOptions): Promise<Stats | BigIntStats>;
  stat(path: PathLike, options: StatOptions = {}): Promise<Stats | BigIntStats> {
    return this.attributes('stat', path, true, options);
  }

  /** As `stat`, of a symbolic link itself. */
  lstat(path: PathLike, options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  lstat(path: PathLike, options?: StatOptions & { bigint?: false }): Promise<Stats>;
  lstat(path: PathLike, options?: StatOptions): Promise<Stats | BigIntStats>;
  lstat(path: PathLike, options: StatOptions = {}): Promise<Stats | BigIntStats> {
    return this.attributes('lstat', path, false, options);
  }

  async access(path: PathLike, mode = F_OK): Promise<void> {
    await this.at('access', toBytes(path), true, async (frame, loc) => {
      if (mode !== F_OK) await this.session.fops.access(frame, loc, mode);
    });
  }

  async exists(path: PathLike): Promise<boolean> {
    try {
      await this.access(path);
      return true;
    } catch {
      return false;
    }
  }

  chmod(path: PathLike, mode: number | string): Promise<void> {
    return this.change('chmod', path, true, changeMode(mode));
  }
  chown(path: PathLike, uid: number, gid: number): Promise<void> {
    return this.change('chown', path, true, changeOwner(uid, gid));
  }
  lchown(path: PathLike, uid: number, gid: number): Promise<void> {
    return this.change('lchown', path, false, changeOwner(uid, gid));
  }
  utimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.change('utimes', path, true, changeTimes(atime, mtime));
  }
  lutimes(path: PathLike, atime: TimeLike, mtime: TimeLike): Promise<void> {
    return this.change('lutimes', path, false, changeTimes(atime, mtime));
  }

  symlink(target: PathLike, path: PathLike, _type?: string | null): Promise<void> {
    const bytes = toBytes(path);
    return this.run('symlink', bytes, undefined, frame =>
      files.makeSymlink(this.session, frame, toBytes(target), bytes),
    );
  }

  async readlink(path: PathLike, options?: NameEncoding | { encoding?: NameEncoding }): Promise<string> {
    const encoding = typeof options === 'string' ? options : options?.encoding;
    const target = await this.at('readlink', toBytes(path), false, async (frame, loc, stat) => {
      if (!new Stats(stat).isSymbolicLink())
        throw new NacreError('EINVAL', 'gluster.readlink', `'${toText(loc.path)}' is no symbolic link`);
      return (await this.session.fops.readlink(frame, loc, 4096)).path;
    });
    return toEncoding(target, encoding) as string;
  }

  /** The path without symbolic links. */
  async realpath(path: PathLike, options?: NameEncoding | { encoding?: NameEncoding }): Promise<string> {
    const encoding = typeof options === 'string' ? options : options?.encoding;
    const real = await this.at('realpath', toBytes(path), true, async (_frame, loc) => loc.path);
    return toEncoding(real, encoding) as string;
  }

  link(from: PathLike, to: PathLike): Promise<void> {
    const [old, bytes] = [toBytes(from), toBytes(to)];
    return this.run('link', `${old}' -> '${bytes}`, undefined, frame =>
      files.makeLink(this.session, frame, old, bytes),
    );
  }

  rename(from: PathLike, to: PathLike): Promise<void> {
    const [old, bytes] = [toBytes(from), toBytes(to)];
    return this.run('rename', `${old}' -> '${bytes}`, undefined, frame =>
      files.renameFile(this.session, frame, old, bytes),
    );
  }

  unlink(path: PathLike): Promise<void> {
    const bytes = toBytes(path);
    return this.run('unlink', bytes, undefined, frame => files.unlinkFile(this.session, frame, bytes));
  }

  rmdir(path: PathLike): Promise<void> {
    const bytes = toBytes(path);
    return this.run('rmdir', bytes, undefined, frame => dirs.removeDirectory(this.session, frame, bytes));
  }

  /** Removes a file, or with `recursive` a directory and all in it. `force`: there need not be anything. */
  async rm(
    path: PathLike,
    options: { recursive?: boolean; force?: boolean } & Abortable = {},
  ): Promise<void> {
    const bytes = toBytes(path);
    try {
      await this.run('rm', bytes, options.signal, frame =>
        options.recursive === true
          ? dirs.removeTree(this.session, frame, bytes)
          : files.unlinkFile(this.session, frame, bytes),
      );
    } catch (error) {
      if (!(options.force === true && (error as NacreError).code === 'ENOENT')) throw error;
    }
  }

  /** With `recursive` the first directory that had to be made, if any. */
  mkdir(
    path: PathLike,
    options: number | { recursive?: boolean; mode?: number } = {},
  ): Promise<string | undefined> {
    const { recursive = false, mode = 0o777 } = typeof options === 'number' ? { mode: options } : options;
    const bytes = toBytes(path);
    return this.run('mkdir', bytes, undefined, async frame => {
      if (!recursive) {
        await dirs.makeDirectory(this.session, frame, bytes, mode);
        return undefined;
      }
      const first = await dirs.makeDirectories(this.session, frame, bytes, mode);
      return first === undefined ? undefined : toText(first);
    });
  }

  /** Makes a directory of that name with six random characters at its end. */
  async mkdtemp(prefix: string): Promise<string> {
    for (;;) {
      const name = prefix + this.session.env.random.bytes(5).toString('base64url').slice(0, 6);
      try {
        await this.mkdir(name, { mode: 0o700 });
        return name;
      } catch (error) {
        if ((error as NacreError).code !== 'EEXIST') throw error;
      }
    }
  }

  mknod(path: PathLike, mode: number, rdev = 0): Promise<void> {
    const bytes = toBytes(path);
    return this.run('mknod', bytes, undefined, frame =>
      files.makeNode(this.session, frame, bytes, mode, rdev),
    );
  }

  readdir(path: PathLike, options: ReaddirOptions & { withFileTypes: true }): Promise<Dirent[]>;
  readdir(
    path: PathLike,
    options: ReaddirOptions & { encoding: 'buffer'; withFileTypes?: false },
  ): Promise<Buffer[]>;
  readdir(
    path: PathLike,
    options?: BufferEncoding | (ReaddirOptions & { withFileTypes?: false }),
  ): Promise<string[]>;
  async readdir(
    path: PathLike,
    options?: BufferEncoding | ReaddirOptions,
  ): Promise<(string | Buffer)[] | Dirent[]> {
    const {
      withFileTypes = false,
      recursive = false,
      encoding,
      signal,
    } = typeof options === 'string' ? { encoding: options as NameEncoding } : (options ?? {});
    const bytes = toBytes(path);
    return this.run('readdir', bytes, signal, async frame => {
      const found: (Dirent | string | Buffer)[] = [];
      await dirs.walk(this.session, frame, bytes, recursive, (entry, dir, inside) => {
        found.push(withFileTypes ? direntOf(entry, dir, encoding) : toEncoding(inside, encoding));
      });
      return found as string[];
    });
  }

  /** Entries as they arrive, for directories too large to be listed at once. */
  async *opendir(path: PathLike): AsyncGenerator<Dirent> {
    const bytes = toBytes(path);
    const directory = await DirectoryReader.open(this.session, bytes);
    try {
      for (let page = await directory.next(); page.length > 0; page = await directory.next())
        for (const entry of page) yield direntOf(entry, bytes);
    } finally {
      await directory.close();
    }
  }

  copyFile(from: PathLike, to: PathLike, mode = 0): Promise<void> {
    return copyFile(this, from, to, mode);
  }

  /** Copies a file, a link, or with `recursive` a directory with all in it. */
  cp(from: PathLike, to: PathLike, options: CopyOptions = {}): Promise<void> {
    return copyTree(this, from, to, options);
  }

  async statfs(path: PathLike = '/'): Promise<StatFs> {
    const { statfs } = await this.at('statfs', toBytes(path), true, (frame, loc) =>
      this.session.fops.statfs(frame, loc),
    );
    return {
      type: FUSE_SUPER_MAGIC,
      bsize: statfs.bsize,
      blocks: statfs.blocks,
      bfree: statfs.bfree,
      bavail: statfs.bavail,
      files: statfs.files,
      ffree: statfs.ffree,
    };
  }

  getxattr(path: PathLike, name: string): Promise<Buffer> {
    return this.at('getxattr', toBytes(path), true, async (frame, loc) => {
      // Who a file is nobody below needs to be asked.
      if (name === 'glusterfs.gfid') return Buffer.from(loc.inode.gfid, 'latin1');
      if (name === 'glusterfs.gfid.string') return Buffer.from(formatGfid(loc.inode.gfid));
      const value = (await this.session.fops.getxattr(frame, loc, name)).dict.bytes(name);
      if (value === undefined)
        throw new NacreError(
          'ENODATA',
          'gluster.getxattr',
          `'${toText(loc.path)}' has no attribute '${name}'`,
        );
      return value;
    });
  }

  /** `flags`: XATTR_CREATE or XATTR_REPLACE. */
  async setxattr(path: PathLike, name: string, value: Uint8Array | string, flags = 0): Promise<void> {
    await this.at('setxattr', toBytes(path), true, (frame, loc) =>
      this.session.fops.setxattr(frame, loc, xattrDict(name, value), flags),
    );
  }

  async removexattr(path: PathLike, name: string): Promise<void> {
    await this.at('removexattr', toBytes(path), true, (frame, loc) =>
      this.session.fops.removexattr(frame, loc, name),
    );
  }

  listxattr(path: PathLike): Promise<string[]> {
    return this.at('listxattr', toBytes(path), true, async (frame, loc) =>
      visibleNames((await this.session.fops.getxattr(frame, loc, undefined)).dict),
    );
  }

  /** The file is opened when the first byte is asked for; errors come as the stream's. */
  createReadStream(path: PathLike, options: StreamOptions & { flags?: string } = {}): Readable {
    return readable(() => this.open(path, options.flags ?? 'r', 0o666, options), options);
  }

  createWriteStream(
    path: PathLike,
    options: StreamOptions & { flags?: string; mode?: number } = {},
  ): Writable {
    return writable(() => this.open(path, options.flags ?? 'w', options.mode ?? 0o666, options), options);
  }

  /** Looks a path up as if nothing were known of it. */
  private async forgetting(path: PathLike): Promise<void> {
    const bytes = toBytes(path);
    await this.session.run('lookup', toText(bytes), undefined, frame => {
      this.session.doubt(frame);
      return files.withFile(this.session, frame, bytes, true, async () => {});
    });
  }

  private async with<T>(
    path: PathLike,
    flags: string | number,
    mode: number,
    signal: AbortSignal | undefined,
    work: (file: FileHandle) => Promise<T>,
  ): Promise<T> {
    return closing(await this.open(path, flags, mode, { signal }), work);
  }

  /** As `fs.promises.watch`: an async iterator of what changes in a file or directory. See `watchPath` for how soon it is told. */
  watch(path: PathLike, options?: WatchOptions): AsyncGenerator<WatchEvent> {
    return watchPath(this.session, toBytes(path), options);
  }

  private run<T>(
    op: string,
    what: string,
    signal: AbortSignal | undefined,
    work: (frame: Frame) => Promise<T>,
  ) {
    return this.session.runPath(op, toText(what), signal, work);
  }

  private at<T>(
    op: string,
    path: string,
    follow: boolean,
    work: (frame: Frame, ...found: Parameters<Parameters<typeof files.withFile>[4]>) => Promise<T>,
  ): Promise<T> {
    return this.run(op, path, undefined, frame =>
      files.withFile(this.session, frame, path, follow, (loc, stat) => work(frame, loc, stat)),
    );
  }

  private attributes(op: string, path: PathLike, follow: boolean, options: StatOptions) {
    return this.run(op, toBytes(path), options.signal, frame =>
      files.withFile(this.session, frame, toBytes(path), follow, async (_loc, stat) =>
        options.bigint === true ? new BigIntStats(stat) : new Stats(stat),
      ),
    );
  }

  private change(
    op: string,
    path: PathLike,
    follow: boolean,
    change: ReturnType<typeof changeMode>,
  ): Promise<void> {
    const bytes = toBytes(path);
    return this.run(op, bytes, undefined, frame =>
      files.setAttributes(this.session, frame, bytes, follow, change),
    );
  }
}

function direntOf(entry: GraphEntry, dir: string, encoding?: NameEncoding): Dirent {
  const stat = entry.stat && new Stats(entry.stat);
  return new Dirent(toEncoding(entry.name, encoding) as string, toText(dir), dirs.kindOf(entry), stat);
}
