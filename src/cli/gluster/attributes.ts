import { formatGfid, gfidFromBytes } from '../../gluster/types/gfid.ts';
import type { VolumeFs } from '../../gluster/volume/volume-fs.ts';
import { permissions } from './list.ts';

const ENCODINGS = {
  text: (value: Buffer) => `"${value.toString().replace(/["\\]/g, '\\$&').replace(/\0$/, '')}"`,
  hex: (value: Buffer) => `0x${value.toString('hex')}`,
  base64: (value: Buffer) => `0s${value.toString('base64')}`,
};

export interface GetfattrFlags {
  readonly name?: string;
  readonly dump?: boolean;
  readonly encoding?: keyof typeof ENCODINGS;
  readonly match?: string;
}

/** `getfattr`: names, with -d values, or with -n one of them, as getfattr(1) prints them. */
export async function getfattr(volume: VolumeFs, path: string, flags: GetfattrFlags): Promise<void> {
  const match = new RegExp(flags.match === '-' ? '' : (flags.match ?? '^user\\.'));
  const names =
    flags.name !== undefined
      ? [flags.name]
      : (await volume.listxattr(path)).filter(name => match.test(name)).sort();
  if (names.length === 0) return;
  process.stdout.write(`# file: ${path.replace(/^\//, '')}\n`);
  for (const name of names) {
    if (flags.dump !== true && flags.name === undefined) {
      process.stdout.write(`${name}\n`);
      continue;
    }
    const value = await volume.getxattr(path, name);
    const encode = ENCODINGS[flags.encoding ?? (isText(value) ? 'text' : 'base64')];
    process.stdout.write(`${name}=${encode(value)}\n`);
  }
  process.stdout.write('\n');
}

function isText(value: Buffer): boolean {
  return value.every((byte, i) => byte >= 0x20 || (byte === 0 && i === value.length - 1));
}

/** `stat`: what stat(1) tells, and where in the volume the file is. */
export async function stat(volume: VolumeFs, path: string, flags: { json?: boolean }): Promise<void> {
  const stats = await volume.lstat(path);
  const wide = await volume.lstat(path, { bigint: true });
  const gfid = await volume
    .getxattr(path, 'glusterfs.gfid')
    .then(value => formatGfid(gfidFromBytes(value)))
    .catch(() => undefined);
  const where = await volume
    .getxattr(path, 'trusted.glusterfs.pathinfo')
    .then(value => value.toString().replace(/\0$/, ''))
    .catch(() => undefined);
  if (flags.json === true) {
    process.stdout.write(
      `${JSON.stringify({ path, size: stats.size, blocks: stats.blocks, mode: stats.mode, uid: stats.uid, gid: stats.gid, nlink: stats.nlink, ino: String(wide.ino), atime: stats.atime, mtime: stats.mtime, ctime: stats.ctime, gfid, pathinfo: where })}\n`,
    );
    return;
  }
  const kind = stats.isDirectory()
    ? 'directory'
    : stats.isSymbolicLink()
      ? 'symbolic link'
      : stats.isFile()
        ? 'regular file'
        : 'special file';
  const time = (ns: bigint) => {
    const iso = new Date(Number(ns / 1_000_000n)).toISOString();
    return `${iso.slice(0, 10)} ${iso.slice(11, 19)}.${String(ns % 1_000_000_000n).padStart(9, '0')} +0000`;
  };
  process.stdout.write(
    `  File: ${path}\n` +
      `  Size: ${String(stats.size).padEnd(15)} Blocks: ${String(stats.blocks).padEnd(10)} IO Block: ${stats.blksize}   ${kind}\n` +
      ` Inode: ${String(wide.ino).padEnd(20)} Links: ${stats.nlink}\n` +
      `Access: (${(stats.mode & 0o7777).toString(8).padStart(4, '0')}/${permissions(stats)})  Uid: ${stats.uid}   Gid: ${stats.gid}\n` +
      `Access: ${time(wide.atimeNs)}\nModify: ${time(wide.mtimeNs)}\nChange: ${time(wide.ctimeNs)}\n` +
      (gfid === undefined ? '' : `  GFID: ${gfid}\n`) +
      (where === undefined ? '' : ` Where: ${where}\n`),
  );
}
