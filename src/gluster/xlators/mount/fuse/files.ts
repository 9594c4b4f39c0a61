import { ERRNO } from '../../../../base/errno.ts';
import type { FuseCopyRange, FuseOperations, FuseRequest } from '../../../../fuse/types.ts';
import type { Inode } from '../../../graph/inode.ts';
import { SEEK_TO_DATA, SEEK_TO_HOLE } from '../../../types/fs.ts';
import { O_ACCMODE, O_TRUNC } from '../../../types/open-flags.ts';
import type { Bridge } from './bridge.ts';

/** fallocate(2)'s. */
const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;
const FALLOC_ZERO_RANGE = 16;
/** lseek(2)'s. */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Requests on open files. */
export function fileOperations(bridge: Bridge): FuseOperations {
  const open = (request: FuseRequest, flags: number): void => {
    const inode = bridge.node(request, request.nodeid, open, [flags]);
    if (inode === undefined) return;
    const reads = (flags & O_ACCMODE) === 0;
    const pending = reads ? bridge.ahead.pending(inode) : undefined;
    if (pending === undefined) openNow(request, inode, flags);
    else void pending.then(() => openAfterLookup(request, flags));
    if (reads) bridge.ahead.asked(request, inode, true);
  };

  const openAfterLookup = (request: FuseRequest, flags: number): void => {
    const inode = bridge.node(request, request.nodeid, openAfterLookup, [flags]);
    if (inode !== undefined) openNow(request, inode, flags);
  };

  const openNow = (request: FuseRequest, inode: Inode, flags: number): void => {
    const frame = bridge.frame(request, 'open');
    const fd = bridge.graph.inodes.openFd(inode, flags, request.pid, frame.root.lkOwner);
    bridge.fops.open(frame, bridge.loc(inode), flags & ~O_TRUNC, fd).then(
      ({ xdata }) =>
        request.replyOpen(bridge.handles.add(fd, request.nodeid, false).fh, bridge.openFlags(xdata)),
      error => {
        fd.release();
        bridge.fail(request, error, true);
      },
    );
  };

  const read = (request: FuseRequest, fh: number, offset: number, size: number): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    bridge.fops.readv(bridge.frame(request, 'readv'), handle.fd, size, offset, 0).then(
      ({ data, memory }) => {
        request.replyData(data);
        // The kernel has it by now.
        memory?.recycle();
      },
      error => bridge.fail(request, error),
    );
  };

  const write = (request: FuseRequest, fh: number, offset: number, data: Buffer): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    bridge.fops.writev(bridge.frame(request, 'writev'), handle.fd, [data], offset, 0).then(
      ({ written }) => request.replyWritten(written),
      error => bridge.fail(request, error),
    );
  };

  const flush = (request: FuseRequest, fh: number): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    const frame = bridge.frame(request, 'flush');
    bridge.fops.flush(frame, handle.fd).then(
      () => {
        // POSIX: closing any descriptor of a file gives up its owner's locks.
        if (handle.locks.length > 0)
          handle.locks = handle.locks.filter(lock => lock.owner !== frame.root.lkOwner);
        request.ok();
      },
      error => bridge.fail(request, error),
    );
  };

  const release = (request: FuseRequest, fh: number): void => {
    bridge.handles.remove(fh)?.fd.release();
    request.ok();
  };

  const fsync = (request: FuseRequest, fh: number, dataOnly: boolean): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    bridge.fops.fsync(bridge.frame(request, 'fsync'), handle.fd, dataOnly).then(
      () => request.ok(),
      error => bridge.fail(request, error),
    );
  };

  const fallocate = (
    request: FuseRequest,
    fh: number,
    mode: number,
    offset: number,
    length: number,
  ): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    const { fops } = bridge;
    const frame = bridge.frame(request, 'fallocate');
    const { fd } = handle;
    let done: Promise<unknown>;
    if ((mode & FALLOC_PUNCH_HOLE) !== 0) done = fops.discard(frame, fd, offset, length);
    else if ((mode & FALLOC_ZERO_RANGE) !== 0) {
      // The fop zerofill may grow the file, which this must not.
      if ((mode & FALLOC_KEEP_SIZE) !== 0) {
        request.error(ERRNO['EOPNOTSUPP']);
        return;
      }
      done = fops.zerofill(frame, fd, offset, length);
    } else if ((mode & ~FALLOC_KEEP_SIZE) === 0)
      done = fops.fallocate(frame, fd, (mode & FALLOC_KEEP_SIZE) !== 0, offset, length);
    else {
      request.error(ERRNO['EOPNOTSUPP']);
      return;
    }
    done.then(
      () => request.ok(),
      error => bridge.fail(request, error),
    );
  };

  const lseek = (request: FuseRequest, fh: number, offset: number, whence: number): void => {
    const handle = bridge.handle(request, fh);
    if (handle === undefined) return;
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) {
      request.error(ERRNO['EINVAL']);
      return;
    }
    const what = whence === SEEK_DATA ? SEEK_TO_DATA : SEEK_TO_HOLE;
    bridge.fops.seek(bridge.frame(request, 'seek'), handle.fd, offset, what).then(
      answer => request.replyLseek(answer.offset),
      error => bridge.fail(request, error),
    );
  };

  const copyFileRange = (request: FuseRequest, range: FuseCopyRange): void => {
    const from = bridge.handle(request, range.fhIn);
    if (from === undefined) return;
    const to = bridge.handle(request, range.fhOut);
    if (to === undefined) return;
    const frame = bridge.frame(request, 'copyFileRange');
    const { offsetIn, offsetOut, length, flags } = range;
    bridge.fops.copyFileRange(frame, from.fd, offsetIn, to.fd, offsetOut, length, flags).then(
      ({ copied }) => request.replyWritten(copied),
      // The kernel copies by reading and writing then: the files may be on different bricks.
      error => bridge.fail(request, error),
    );
  };

  return {
    open,
    read,
    write,
    flush,
    release,
    fsync,
    fallocate,
    lseek,
    ...(bridge.options.copyFileRange ? { copyFileRange } : {}),
  };
}
