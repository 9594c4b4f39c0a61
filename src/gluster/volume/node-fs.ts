import { NacreError } from '../../base/errors.ts';
import * as OPEN_CONSTANTS from '../types/open-flags.ts';
import type { FileHandle } from './file-handle.ts';
import type { PathLike } from './names.ts';
import type { VolumeFs } from './volume-fs.ts';

type Callback = (error: Error | null, ...results: unknown[]) => void;
type Method = (...args: never[]) => Promise<unknown>;

/** Methods of VolumeFs that have a function of the same name and arguments, with a callback, in node:fs. */
const PLAIN = [
  'access',
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'lchown',
  'link',
  'lstat',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'statfs',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
] as const;

/** A volume in the form of the `node:fs` module, for libraries that take an `fs`. There is nothing synchronous in it. */
export interface NodeFs {
  readonly promises: VolumeFs;
  readonly constants: Readonly<Record<string, number>>;
  // biome-ignore lint/suspicious/noExplicitAny: each function has the arguments of its namesake in node:fs.
  readonly [name: string]: any;
}

/** Makes one. Its file descriptors are numbers of its own. */
export function nodeFs(volume: VolumeFs): NodeFs {
  const open = new Map<number, FileHandle>();
  let nextFd = 3;
  const handle = (fd: number): FileHandle => {
    const found = open.get(fd);
    if (found === undefined) throw new NacreError('EBADF', 'gluster.fd', `descriptor ${fd}`);
    return found;
  };
  const functions: Record<string, unknown> = {
    open: called(async (path: PathLike, how?: string | number, mode?: number) => {
      const file = await volume.open(path, how, mode);
      open.set(nextFd, file);
      return nextFd++;
    }),
    close: called(async (fd: number) => {
      const file = handle(fd);
      open.delete(fd);
      await file.close();
    }),
    read: called(
      async (fd: number, buffer: Uint8Array, offset?: number, length?: number, position?: number | null) => {
        const { bytesRead } = await handle(fd).read(buffer, offset, length, position);
        return new Results(bytesRead, buffer);
      },
    ),
    write: called(async (fd: number, data: Uint8Array | string, ...where: (number | undefined)[]) => {
      const { bytesWritten } = await handle(fd).write(data, where[0], where[1], where[2]);
      return new Results(bytesWritten, data);
    }),
    writev: called(async (fd: number, buffers: Uint8Array[], position?: number | null) => {
      const { bytesWritten } = await handle(fd).writev(buffers, position);
      return new Results(bytesWritten, buffers);
    }),
    fstat: called(async (fd: number, options?: { bigint?: false }) => handle(fd).stat(options)),
    ftruncate: called(async (fd: number, length?: number) => handle(fd).truncate(length)),
    fsync: called(async (fd: number) => handle(fd).sync()),
    fdatasync: called(async (fd: number) => handle(fd).datasync()),
    fchmod: called(async (fd: number, mode: number) => handle(fd).chmod(mode)),
    fchown: called(async (fd: number, uid: number, gid: number) => handle(fd).chown(uid, gid)),
    futimes: called(async (fd: number, atime: number, mtime: number) => handle(fd).utimes(atime, mtime)),
    exists: (path: PathLike, callback: (there: boolean) => void) => void volume.exists(path).then(callback),
    createReadStream: volume.createReadStream.bind(volume),
    createWriteStream: volume.createWriteStream.bind(volume),
  };
  for (const name of PLAIN) functions[name] = called((volume[name] as Method).bind(volume));
  return {
    ...functions,
    promises: volume,
    constants: { ...OPEN_CONSTANTS, F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4, COPYFILE_EXCL: 1 },
  };
}

/** More than one result for a callback. */
class Results {
  readonly values: unknown[];
  constructor(...values: unknown[]) {
    this.values = values;
  }
}

/** A function with a callback as its last argument, as node:fs has them. */
function called(method: Method): (...args: unknown[]) => void {
  return (...args) => {
    const callback = args.pop() as Callback;
    if (typeof callback !== 'function') throw new TypeError('the last argument must be a callback');
    // Out of the promise, or what the callback throws would be taken for a rejection.
    method(...(args as never[])).then(
      result =>
        queueMicrotask(() =>
          result instanceof Results ? callback(null, ...result.values) : callback(null, result),
        ),
      error => queueMicrotask(() => callback(error)),
    );
  };
}
