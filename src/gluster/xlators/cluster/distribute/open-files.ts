import { ERRNO } from '../../../../base/errno.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type { Answer, CopyRangeAnswer, OpenAnswer, SeekAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { IA_IFDIR } from '../../../types/iatt.ts';
import { O_TRUNC } from '../../../types/open-flags.ts';
import { contextOf, FdContext } from './context.ts';
import { type Again, afterError, cachedContext, truncate } from './data.ts';
import type { Distribute } from './distribute.ts';
import { EBADF, EBADFD, EINVAL, ENOTCONN, EREMOTE, isMissing } from './errnos.ts';
import { mayMigrate } from './iatt.ts';
import { isOpenOn, migrationFinished } from './migration.ts';

/* Fops on open files and what else does not answer with attributes that would tell of a move (data.ts has those that do). */

/** O_TRUNC goes as a truncate after the open: its answer tells of a move. */
export function open(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  flags: number,
  fd: Fd,
  xdata: Dict | undefined,
): Promise<OpenAnswer> {
  if (dht.count === 1 || (flags & O_TRUNC) === 0) return openPlain(dht, frame, loc, flags, fd, xdata);
  return openPlain(dht, frame, loc, flags & ~O_TRUNC, fd, xdata).then(answer =>
    truncate(dht, frame, loc, 0, undefined).then(() => answer),
  );
}

function openPlain(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  flags: number,
  fd: Fd,
  xdata: Dict | undefined,
): Promise<OpenAnswer> {
  const ctx = cachedContext(dht, loc.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.open(frame, loc, flags, fd, xdata).then(
    answer => {
      fd.ctx[dht.slot] = new FdContext(cached);
      return answer;
    },
    error =>
      afterError(dht, frame, loc, cached, error, child =>
        dht.subvolumes[child].open(frame, loc, flags, fd, xdata),
      ),
  );
}

export function flush(dht: Distribute, frame: Frame, fd: Fd, xdata: Dict | undefined): Promise<Answer> {
  const ctx = cachedContext(dht, fd.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  const flushed = ctx.cached!.flush(frame, fd, xdata);
  return flushed.then(
    answer => {
      const target = ctx.migration?.to;
      if (target === undefined || target === cached || !isOpenOn(dht, fd, target)) return answer;
      return dht.subvolumes[target].flush(frame, fd, xdata);
    },
    error => onRemote(dht, frame, fd, cached, error, child => dht.subvolumes[child].flush(frame, fd, xdata)),
  );
}

/** EREMOTE: locks were taken along to the file's new brick. */
export async function onRemote<T>(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  cached: number,
  error: unknown,
  again: Again<T>,
): Promise<T> {
  const errno = errnoOf(error);
  if (errno === EBADF || errno === EBADFD) return afterError(dht, frame, fd, cached, error, again);
  if (errno !== EREMOTE) throw error;
  const known = contextOf(fd.inode, dht.slot)?.migration?.to;
  if (known !== undefined && isOpenOn(dht, fd, known)) return again(known);
  const now = await migrationFinished(dht, frame, fd, cached);
  if (now === undefined) throw error;
  return again(now);
}

export function seek(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  offset: number,
  what: number,
  xdata: Dict | undefined,
): Promise<SeekAnswer> {
  const ctx = cachedContext(dht, fd.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx
    .cached!.seek(frame, fd, offset, what, xdata)
    .catch(error =>
      afterError(dht, frame, fd, cached, error, child =>
        dht.subvolumes[child].seek(frame, fd, offset, what, xdata),
      ),
    );
}

/** A directory may be asked about on any brick: the next one, when one is down or does not have it. */
export function access(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  mask: number,
  xdata: Dict | undefined,
): Promise<Answer> {
  const { inode } = loc;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.access(frame, loc, mask, xdata).catch(error => {
    if (inode.type === IA_IFDIR) return accessNext(dht, frame, loc, mask, cached, error);
    return afterError(dht, frame, loc, cached, error, child =>
      dht.subvolumes[child].access(frame, loc, mask, xdata),
    );
  });
}

async function accessNext(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  mask: number,
  cached: number,
  first: unknown,
): Promise<Answer> {
  let error = first;
  for (let n = 1; n < dht.count; n++) {
    const errno = errnoOf(error);
    if (errno !== ENOTCONN && !isMissing(errno)) break;
    try {
      return await dht.subvolumes[(cached + n) % dht.count].access(frame, loc, mask, undefined);
    } catch (next) {
      error = next;
    }
  }
  throw error;
}

/** Within one brick; between bricks EXDEV makes the caller copy by itself. */
export async function copyFileRange(
  dht: Distribute,
  frame: Frame,
  from: Fd,
  fromOffset: number,
  to: Fd,
  toOffset: number,
  length: number,
  flags: number,
  xdata: Dict | undefined,
): Promise<CopyRangeAnswer> {
  const child = dht.cachedFops(to.inode);
  if (child === undefined) throw dht.error(EINVAL);
  if (child !== dht.cachedFops(from.inode)) throw dht.error(ERRNO['EXDEV']);
  // Of a file that is being moved the copy would have to be made twice.
  const before = await child.fstat(frame, to, undefined);
  if (mayMigrate(before.stat)) throw dht.error(ERRNO['EXDEV']);
  return child.copyFileRange(frame, from, fromOffset, to, toOffset, length, flags, xdata);
}
