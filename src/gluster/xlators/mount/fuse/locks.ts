import { ERRNO } from '../../../../base/errno.ts';
import type { FuseLock, FuseOperations, FuseRequest } from '../../../../fuse/types.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import { withLock } from '../../../graph/held-locks.ts';
import { F_GETLK, F_RDLCK, F_SETLK, F_SETLKW, F_UNLCK, F_WRLCK, type Flock } from '../../../types/fs.ts';
import type { Bridge } from './bridge.ts';

/** POSIX's lock types as Linux numbers them. */
const TYPES = [F_RDLCK, F_WRLCK, F_UNLCK];

/** Requests of fcntl(2) and flock(2); a volume knows one kind of lock, so both are the same to it. */
export function lockOperations(bridge: Bridge): FuseOperations {
  const range = ({ type, start, end, pid }: FuseLock, owner: string): Flock => ({
    type: TYPES[type] ?? F_UNLCK,
    whence: 0,
    start,
    len: Number.isFinite(end) ? end - start + 1 : 0,
    pid,
    owner,
  });

  const getlk = (request: FuseRequest, fh: number, lock: FuseLock): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    const frame = bridge.frame(request, 'lk');
    bridge.fops.lk(frame, handle.fd, F_GETLK, range(lock, frame.root.lkOwner)).then(
      ({ flock }) =>
        request.replyLock({
          type: flock.type,
          start: flock.start,
          end: flock.len === 0 ? Number.POSITIVE_INFINITY : flock.start + flock.len - 1,
          pid: flock.pid,
          flock: lock.flock,
        }),
      error => bridge.fail(request, error),
    );
  };

  const set = (request: FuseRequest, fh: number, lock: FuseLock, cmd: number): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    const frame = bridge.frame(request, 'lk');
    const flock = range(lock, frame.root.lkOwner);
    const { graph } = bridge;
    let settled = false;
    bridge.fops.lk(frame, handle.fd, cmd, flock).then(
      () => {
        settled = true;
        handle.locks = withLock(handle.locks, flock);
        request.ok();
      },
      error => {
        settled = true;
        if (request.interrupted) request.error(ERRNO['EINTR']);
        // It waited in a graph that is not in use any more: it goes on waiting in the next.
        else if (bridge.graph !== graph) set(request, fh, lock, cmd);
        else request.error(errnoOf(error));
      },
    );
    if (cmd !== F_SETLKW) return;
    request.onInterrupt(() => {
      if (settled) return;
      // The brick forgets the lock that waits, which fails the fop above; without the brick's help it goes on waiting, as Gluster's
      // own mount does.
      const name = `glusterfs.intrlk.tposix.kblocked.${flock.whence},${flock.start}-${flock.len}`;
      const asking = bridge.frame(request, 'fgetxattr');
      bridge.fops.fgetxattr(asking, handle.fd, name).catch(() => {});
    });
  };

  return {
    getlk,
    setlk: (request, fh, lock) => set(request, fh, lock, F_SETLK),
    setlkw: (request, fh, lock) => set(request, fh, lock, F_SETLKW),
  };
}
