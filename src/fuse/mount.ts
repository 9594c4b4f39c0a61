import { closeSync, constants, openSync } from 'node:fs';
import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { NacreError } from '../base/errors.ts';
import { driverWords, type FuseMountOptions, mountFlags, mountWords, quoteWord } from './mount-options.ts';
import { loadNative } from './native.ts';
import { fusermount, run } from './programs.ts';
import { FuseSession, type FuseSessionOptions } from './session.ts';
import type { FuseConnection, FuseOperations } from './types.ts';
import { unmount } from './unmount.ts';

export interface FuseMountParameters extends FuseMountOptions, FuseSessionOptions {}

/** How long the kernel may take to let go of what has been unmounted. */
const COPIES_MS = 3000;

/** A mounted file system. */
export class FuseMount implements AsyncDisposable {
  readonly path: string;
  readonly session: FuseSession;
  /** What INIT agreed on. */
  readonly connection: FuseConnection;
  /** The kernel's number of this mount, for it can be covered by another on the same path. */
  readonly mountId: number | undefined;
  #unmounting: Promise<void> | undefined;

  constructor(path: string, session: FuseSession, connection: FuseConnection, mountId: number | undefined) {
    this.path = path;
    this.mountId = mountId;
    this.session = session;
    this.connection = connection;
  }

  get notify(): FuseSession['notify'] {
    return this.session.notify;
  }

  /** Resolves when it is unmounted, by us or by anybody, and the device is closed. */
  get closed(): Promise<void> {
    return this.session.closed;
  }

  /** EBUSY if files are open; with `lazy` the name goes at once, and the file system when the last file is closed. */
  unmount(options: { lazy?: boolean } = {}): Promise<void> {
    if (this.session.ended) return this.session.closed;
    this.#unmounting ??= this.#unmount(options.lazy ?? false).finally(() => {
      this.#unmounting = undefined;
    });
    return this.#unmounting;
  }

  async #unmount(lazy: boolean): Promise<void> {
    const there = (await findMount(this.path))?.id;
    if (this.mountId !== undefined && there !== this.mountId)
      throw new NacreError(
        there === undefined ? 'EINVAL' : 'EBUSY',
        'fuse.unmount',
        there === undefined
          ? `${this.path} is not a mount point any more`
          : `${this.path} is covered by another mount`,
      );
    await unmount(this.path, { lazy });
    if (lazy) return;
    // Nobody uses it here, but other mount namespaces (containers) may have got a copy, which would keep it for ever.
    const copied = setTimeout(() => this.session.close(), COPIES_MS);
    await this.session.closed;
    clearTimeout(copied);
  }

  /** Unmounts; if that does not work because it is busy, takes the name away and cuts the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.unmount();
    } catch (error) {
      if (this.session.ended) return;
      await unmount(this.path, { lazy: true }).catch(() => {});
      await this.session.close();
      if ((error as NacreError).code !== 'EBUSY') throw error;
    }
  }
}

/**
 * Mounts a file system: as root by mount(2), as a user by fusermount3. A mount point on which a dead process has left its mount
 * (ENOTCONN) is cleared first. Resolves when the kernel and we have agreed.
 */
export async function mount(
  mountpoint: string,
  ops: FuseOperations,
  parameters: FuseMountParameters = {},
): Promise<FuseMount> {
  if (process.platform !== 'linux')
    throw new NacreError('ENOTSUP', 'fuse.mount', `FUSE on ${process.platform} (only Linux is spoken to)`);
  if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1)
    throw new NacreError('ENOTSUP', 'fuse.mount', 'FUSE on a big-endian machine');
  const { path, mode } = await clearMountPoint(mountpoint);
  const fd =
    process.geteuid?.() === 0
      ? await mountAsRoot(path, mode, parameters)
      : await mountAsUser(path, parameters);
  let session: FuseSession;
  try {
    session = new FuseSession(fd, ops, parameters);
  } catch (error) {
    closeSync(fd);
    await unmount(path, { lazy: true }).catch(() => {});
    throw error;
  }
  try {
    const connection = await session.ready;
    const found = await findMount(path);
    if (parameters.readahead !== undefined && found !== undefined)
      await setReadahead(found.device, parameters.readahead);
    return new FuseMount(path, session, connection, found?.id);
  } catch (error) {
    await unmount(path, { lazy: true }).catch(() => {});
    await session.close();
    throw error;
  }
}

/** The mount point's real path and type, without what a dead process has left there. */
async function clearMountPoint(mountpoint: string): Promise<{ path: string; mode: number }> {
  for (let attempt = 0; ; attempt++) {
    try {
      const path = await realpath(mountpoint);
      return { path, mode: (await stat(path)).mode };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const dead = code === 'ENOTCONN' || code === 'ECONNABORTED';
      if (!dead || attempt > 8)
        throw new NacreError(code ?? 'EIO', 'fuse.mount', `mount point ${mountpoint}`, { cause: error });
      await unmount(mountpoint, { lazy: true });
    }
  }
}

async function mountAsRoot(path: string, mode: number, options: FuseMountParameters): Promise<number> {
  const fd = openDevice();
  const fsname = options.fsname ?? 'nacre';
  const owner = `rootmode=${(mode & 0o170000).toString(8)},user_id=0,group_id=0`;
  const native = loadNative();
  try {
    if (native === undefined) {
      const words = [`fd=3,${owner}`, ...driverWords(options), ...mountWords(options)];
      const type = options.subtype === undefined ? 'fuse' : `fuse.${options.subtype}`;
      const args = ['-i', '-t', type, '-o', words.join(','), '--', fsname, path];
      await run('mount', args, ['ignore', 'ignore', 'pipe', fd]);
      return fd;
    }
    const data = [`fd=${fd}`, owner, ...driverWords(options)].join(',');
    const flags = mountFlags(options);
    const type = options.subtype === undefined ? 'fuse' : `fuse.${options.subtype}`;
    const errno = await native.mount(fsname, path, type, flags, data);
    if (errno !== 0) throw NacreError.fromErrno(errno, 'fuse.mount', `mount on ${path} (${data})`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openDevice(): number {
  try {
    return openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new NacreError(
      code ?? 'EIO',
      'fuse.mount',
      code === 'ENOENT'
        ? '/dev/fuse does not exist: the fuse module is not loaded'
        : '/dev/fuse cannot be opened',
      { cause: error },
    );
  }
}

/** fusermount3 is setuid root: it opens the device, mounts, and hands the descriptor over by the socket named in _FUSE_COMMFD. */
async function mountAsUser(path: string, options: FuseMountParameters): Promise<number> {
  const native = loadNative();
  if (native === undefined)
    throw new NacreError(
      'ENOTSUP',
      'fuse.mount',
      'mounting without being root needs the optional package koffi',
    );
  const words = [`fsname=${quoteWord(options.fsname ?? 'nacre')}`];
  if (options.subtype !== undefined) words.push(`subtype=${quoteWord(options.subtype)}`);
  words.push(...driverWords(options), ...mountWords(options));
  const [ours, theirs] = native.socketpair();
  try {
    const args = ['-o', words.join(','), '--', path];
    const stdio = ['ignore', 'ignore', 'pipe', theirs] as const;
    await run(fusermount(), args, stdio, { ...process.env, _FUSE_COMMFD: '3' });
    const fd = native.receiveDescriptor(ours);
    if (fd < 0) throw NacreError.fromErrno(fd, 'fuse.mount', 'fusermount3 has sent no descriptor');
    return fd;
  } finally {
    closeSync(ours);
    closeSync(theirs);
  }
}

/** The kernel bounds readahead by what INIT offers; beyond that root sets it on the mount's backing device. */
async function setReadahead(device: string, bytes: number): Promise<void> {
  try {
    await writeFile(`/sys/class/bdi/${device}/read_ahead_kb`, String(Math.ceil(bytes / 1024)));
  } catch {
    // A wish only: /sys may be read-only, and users may not.
  }
}

/** The uppermost mount on a path. /proc/self/mountinfo: id, parent, major:minor, root, mount point ... */
async function findMount(path: string): Promise<{ id: number; device: string } | undefined> {
  const wanted = escapeMountPath(path);
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const fields = table
    .split('\n')
    .map(line => line.split(' '))
    .findLast(line => line[4] === wanted);
  return fields === undefined ? undefined : { id: Number(fields[0]), device: fields[2] };
}

/** As /proc writes paths. */
function escapeMountPath(path: string): string {
  return path.replace(/[ \t\n\\]/g, c => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
