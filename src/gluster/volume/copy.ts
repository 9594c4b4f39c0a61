import { NacreError } from '../../base/errors.ts';
import { O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY } from '../types/open-flags.ts';
import type { FileHandle } from './file-handle.ts';
import type { CopyOptions } from './fs-options.ts';
import { type PathLike, toBytes, toText } from './names.ts';
import { parseOpenFlags } from './open-flags.ts';
import { join } from './resolve.ts';
import type { VolumeFs } from './volume-fs.ts';

export const COPYFILE_EXCL = 1;

/** Works on an open file and closes it. What `work` fails with counts more than what closing fails with then. */
export async function closing<T>(file: FileHandle, work: (file: FileHandle) => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work(file);
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
  await file.close();
  return result;
}

export async function copyFile(fs: VolumeFs, from: PathLike, to: PathLike, mode: number): Promise<void> {
  const flags = O_WRONLY | O_CREAT | ((mode & COPYFILE_EXCL) !== 0 ? parseOpenFlags('wx') : O_TRUNC);
  const options = { start: 0, autoClose: false, highWaterMark: 1 << 20 };
  await closing(await fs.open(from, O_RDONLY), async source => {
    const stat = await source.stat();
    if (stat.isDirectory())
      throw new NacreError('EISDIR', 'gluster.copyFile', `'${toText(toBytes(from))}' is a directory`);
    await closing(await fs.open(to, flags, stat.mode & 0o7777), target =>
      target.writeFile(source.createReadStream(options)),
    );
  });
}

export async function copyTree(
  fs: VolumeFs,
  from: PathLike,
  to: PathLike,
  options: CopyOptions,
): Promise<void> {
  const refused = (code: string, why: string) => new NacreError(code, 'gluster.cp', why);
  const source = toBytes(from);
  const target = toBytes(to);
  const stat = await fs.lstat(from);
  if (stat.isDirectory()) {
    if (options.recursive !== true)
      throw refused('EISDIR', `'${toText(source)}' is a directory, and recursive is not set`);
    if (join(target, '').startsWith(join(source, '')))
      throw refused('EINVAL', `'${toText(target)}' lies within '${toText(source)}'`);
    if (await isThere(fs, to, false))
      throw refused('EISDIR', `'${toText(target)}' is there and no directory`);
    await fs.mkdir(to, { recursive: true, mode: stat.mode & 0o7777 });
    for (const name of await fs.readdir(from, { encoding: 'buffer' })) {
      const below = name.toString('latin1');
      const [old, copy] = [join(source, below), join(target, below)];
      await copyTree(fs, Buffer.from(old, 'latin1'), Buffer.from(copy, 'latin1'), options);
    }
  } else {
    if (await isThere(fs, to, true)) throw refused('ENOTDIR', `'${toText(target)}' is a directory`);
    if (options.force === false && (await fs.exists(to))) {
      if (options.errorOnExist === true) throw refused('EEXIST', `'${toText(target)}' is there already`);
      return;
    }
    if (stat.isSymbolicLink()) {
      await fs.rm(to, { force: true });
      await fs.symlink(Buffer.from(await fs.readlink(from, 'latin1'), 'latin1'), to);
      return;
    }
    await fs.copyFile(from, to);
  }
  if (options.preserveTimestamps === true) await fs.utimes(to, stat.atimeMs / 1000, stat.mtimeMs / 1000);
}

/** Whether there is a directory, or something else. */
async function isThere(fs: VolumeFs, path: PathLike, directory: boolean): Promise<boolean> {
  const stat = await fs.lstat(path).catch(() => undefined);
  return stat !== undefined && stat.isDirectory() === directory;
}
