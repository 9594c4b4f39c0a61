import { ERRNO } from '../../../../base/errno.ts';
import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type {
  Answer,
  CopyRangeAnswer,
  OpenAnswer,
  PrePostAnswer,
  ReadAnswer,
  SeekAnswer,
  StatAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFDIR, type Iatt } from '../../../types/iatt.ts';
import { contextOf, FdContext, type InodeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EBADF, EBADFD, EINVAL, ENOTCONN, EREMOTE, isMissing } from './errnos.ts';
import { inPhase1, inPhase2, mayMigrate, stripPhase1 } from './iatt.ts';
import { isOpenOn, migrationFinished, migrationTarget, openForFop } from './migration.ts';
import { PROTECT_WRITES } from './names.ts';

/*
 * Fops on a file go to the child that has it. Their answers tell when the file is being moved or has been (migration.ts), and only
 * then more is to be done: what changes a file is done on its new brick as well, what reads it is done there again. On the way that all
 * calls take there is one look at the mode in the answer.
 */

/** A fop that is to be done again elsewhere. */
type Again<T> = (child: number) => Promise<T>;

function cachedContext(dht: Distribute, inode: Inode): InodeContext | undefined {
  const ctx = contextOf(inode, dht.slot);
  return ctx?.cached === undefined ? undefined : ctx;
}

// --- what reads

async function readElsewhere<T extends StatAnswer>(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  loc: Loc | undefined,
  fd: Fd | undefined,
  cached: number,
  answer: T,
  again: Again<T>,
): Promise<T> {
  if (inPhase2(answer.stat)) {
    const now = await migrationFinished(dht, frame, inode, loc, fd, cached);
    if (now === undefined) return answer;
    const second = await again(now);
    stripPhase1(second.stat);
    return second;
  }
  stripPhase1(answer.stat);
  return answer;
}

/** After an error: the child may not know the fd as the file was moved to it, or the file was moved away. */
async function afterError<T>(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  loc: Loc | undefined,
  fd: Fd | undefined,
  cached: number,
  error: unknown,
  again: Again<T>,
): Promise<T> {
  const errno = errnoOf(error);
  if (fd !== undefined && (errno === EBADF || errno === EBADFD)) {
    // Once: it may be a fd that is bad indeed.
    if (fd.anonymous || isOpenOn(dht, fd, cached)) throw error;
    if (!(await openForFop(dht, frame, fd, cached))) throw error;
    return again(cached);
  }
  if (!isMissing(errno)) throw error;
  let now: number | undefined;
  try {
    now = await migrationFinished(dht, frame, inode, loc, fd, cached);
  } catch {
    throw error;
  }
  if (now === undefined || now < 0) throw error;
  return again(now);
}

export function readv(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  size: number,
  offset: number,
  flags: number,
  xdata: Dict | undefined,
): Promise<ReadAnswer> {
  const { inode } = fd;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.readv(frame, fd, size, offset, flags, xdata).then(
    answer =>
      mayMigrate(answer.stat)
        ? readElsewhere(dht, frame, inode, undefined, fd, cached, answer, child =>
            dht.subvolumes[child].readv(frame, fd, size, offset, flags, xdata),
          )
        : answer,
    error =>
      afterError(dht, frame, inode, undefined, fd, cached, error, child =>
        dht.subvolumes[child].readv(frame, fd, size, offset, flags, xdata),
      ),
  );
}

export function stat(dht: Distribute, frame: Frame, loc: Loc, xdata: Dict | undefined): Promise<StatAnswer> {
  const { inode } = loc;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  const again = (child: number) => dht.subvolumes[child].stat(frame, loc, xdata);
  return ctx.cached!.stat(frame, loc, xdata).then(
    answer =>
      mayMigrate(answer.stat)
        ? readElsewhere(dht, frame, inode, loc, undefined, cached, answer, again)
        : answer,
    error => afterError(dht, frame, inode, loc, undefined, cached, error, again),
  );
}

export function fstat(dht: Distribute, frame: Frame, fd: Fd, xdata: Dict | undefined): Promise<StatAnswer> {
  const { inode } = fd;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  const again = (child: number) => dht.subvolumes[child].fstat(frame, fd, xdata);
  return ctx.cached!.fstat(frame, fd, xdata).then(
    answer =>
      mayMigrate(answer.stat)
        ? readElsewhere(dht, frame, inode, undefined, fd, cached, answer, again)
        : answer,
    error => afterError(dht, frame, inode, undefined, fd, cached, error, again),
  );
}

// --- what changes

async function changeElsewhere<T extends PrePostAnswer>(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  loc: Loc | undefined,
  fd: Fd | undefined,
  cached: number,
  answer: T,
  again: Again<T>,
): Promise<T> {
  if (inPhase2(answer.post)) {
    const now = await migrationFinished(dht, frame, inode, loc, fd, cached);
    if (now !== undefined) return again(now);
    return answer;
  }
  if (inPhase1(answer.post)) {
    const target = await migrationTarget(dht, frame, inode, loc, fd, cached);
    // The old brick's attributes are the ones that count until the move is over.
    if (target !== undefined) await again(target);
  }
  stripPhase1(answer.pre);
  stripPhase1(answer.post);
  return answer;
}

/** Winds what changes a file, and follows the file. */
function change<T extends PrePostAnswer>(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  loc: Loc | undefined,
  fd: Fd | undefined,
  wind: Again<T>,
): Promise<T> {
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return wind(cached).then(
    answer =>
      mayMigrate(answer.post) ? changeElsewhere(dht, frame, inode, loc, fd, cached, answer, wind) : answer,
    error => afterError(dht, frame, inode, loc, fd, cached, error, wind),
  );
}

export function writev(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  data: readonly Buffer[],
  offset: number,
  flags: number,
  xdata: Dict | undefined,
): Promise<WriteAnswer> {
  const { inode } = fd;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.writev(frame, fd, data, offset, flags, xdata).then(
    answer =>
      mayMigrate(answer.post)
        ? changeElsewhere(dht, frame, inode, undefined, fd, cached, answer, child => {
            // The rebalance must not overwrite this with what it read before.
            const phase1 = inPhase1(answer.post);
            const request = phase1 ? Dict.from(xdata).setUint(PROTECT_WRITES, 1) : xdata;
            return dht.subvolumes[child].writev(frame, fd, data, offset, flags, request);
          })
        : answer,
    error =>
      afterError(dht, frame, inode, undefined, fd, cached, error, child =>
        dht.subvolumes[child].writev(frame, fd, data, offset, flags, xdata),
      ),
  );
}

export function truncate(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  offset: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, loc.inode, loc, undefined, child =>
    dht.subvolumes[child].truncate(frame, loc, offset, xdata),
  );
}

export function ftruncate(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  offset: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd.inode, undefined, fd, child =>
    dht.subvolumes[child].ftruncate(frame, fd, offset, xdata),
  );
}

export function fsync(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  datasync: boolean,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd.inode, undefined, fd, child =>
    dht.subvolumes[child].fsync(frame, fd, datasync, xdata),
  );
}

export function fallocate(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  keepSize: boolean,
  offset: number,
  length: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd.inode, undefined, fd, child =>
    dht.subvolumes[child].fallocate(frame, fd, keepSize, offset, length, xdata),
  );
}

export function discard(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  offset: number,
  length: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd.inode, undefined, fd, child =>
    dht.subvolumes[child].discard(frame, fd, offset, length, xdata),
  );
}

export function zerofill(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  offset: number,
  length: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd.inode, undefined, fd, child =>
    dht.subvolumes[child].zerofill(frame, fd, offset, length, xdata),
  );
}

export function setattr(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  attributes: Iatt,
  valid: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, loc.inode, loc, undefined, child =>
    dht.subvolumes[child].setattr(frame, loc, attributes, valid, xdata),
  );
}

export function fsetattr(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  attributes: Iatt,
  valid: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd.inode, undefined, fd, child =>
    dht.subvolumes[child].fsetattr(frame, fd, attributes, valid, xdata),
  );
}

// --- open files

export function open(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  flags: number,
  fd: Fd,
  xdata: Dict | undefined,
): Promise<OpenAnswer> {
  const { inode } = loc;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.open(frame, loc, flags, fd, xdata).then(
    answer => {
      fd.ctx[dht.slot] = new FdContext(cached);
      return answer;
    },
    error =>
      afterError(dht, frame, inode, loc, undefined, cached, error, child =>
        dht.subvolumes[child].open(frame, loc, flags, fd, xdata),
      ),
  );
}

export function flush(dht: Distribute, frame: Frame, fd: Fd, xdata: Dict | undefined): Promise<Answer> {
  const { inode } = fd;
  const ctx = cachedContext(dht, inode);
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
  const { inode } = fd;
  const errno = errnoOf(error);
  if (errno === EBADF || errno === EBADFD)
    return afterError(dht, frame, inode, undefined, fd, cached, error, again);
  if (errno !== EREMOTE) throw error;
  const known = contextOf(inode, dht.slot)?.migration?.to;
  if (known !== undefined && isOpenOn(dht, fd, known)) return again(known);
  const now = await migrationFinished(dht, frame, inode, undefined, fd, cached);
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
  const { inode } = fd;
  const ctx = cachedContext(dht, inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx
    .cached!.seek(frame, fd, offset, what, xdata)
    .catch(error =>
      afterError(dht, frame, inode, undefined, fd, cached, error, child =>
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
    return afterError(dht, frame, inode, loc, undefined, cached, error, child =>
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
