import { NacreError } from '../base/errors.ts';
import { loadNative } from './native.ts';
import { fusermount, run } from './programs.ts';

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/**
 * Unmounts what is on a path, in a thread or process of its own: the kernel may want answers of this process first (dirty
 * pages). With `lazy` the name goes at once.
 */
export async function unmount(path: string, options: { lazy?: boolean } = {}): Promise<void> {
  const lazy = options.lazy ?? false;
  if (process.geteuid?.() !== 0) {
    await run(fusermount(), [lazy ? '-uz' : '-u', '--', path], ['ignore', 'ignore', 'pipe']);
    return;
  }
  const native = loadNative();
  if (native === undefined) {
    await run('umount', [...(lazy ? ['-l'] : []), '-i', '--', path], ['ignore', 'ignore', 'pipe']);
    return;
  }
  const errno = await native.umount(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0));
  if (errno !== 0) throw NacreError.fromErrno(errno, 'fuse.unmount', `unmount of ${path}`);
}
