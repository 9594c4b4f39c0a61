import type { Fd } from '../../../graph/fd.ts';
import { errnoOf } from '../../../graph/fop-error.ts';
import type { PrePostAnswer, ReadAnswer, StatAnswer, WriteAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { O_APPEND, O_WRONLY } from '../../../types/open-flags.ts';
import { contextOf, type InodeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EBADF, EBADFD, EINVAL, isMissing } from './errnos.ts';
import { inPhase1, inPhase2, mayMigrate, stripPhase1 } from './iatt.ts';
import {
  asOpener,
  finishedMeanwhile,
  isOpenOn,
  migrationFinished,
  migrationTarget,
  openForFop,
  protectWrites,
} from './migration.ts';
import { PROTECT_WRITES } from './names.ts';
import { shorten } from './still.ts';

/*
 * Fops on a file go to the child that has it. Their answers tell when the file is being moved or has been (migration.ts), and only
 * then more is to be done: what changes a file is done on its new brick as well, what reads it is done there again. On the way that all
 * calls take there is one look at the mode in the answer.
 */

/** A fop that is to be done again elsewhere; `moving`: the rebalance is writing the file there. */
export type Again<T> = (child: number, moving?: boolean) => Promise<T>;

export function cachedContext(dht: Distribute, inode: Inode): InodeContext | undefined {
  const ctx = contextOf(inode, dht.slot);
  return ctx?.cached === undefined ? undefined : ctx;
}

// --- what reads

async function readElsewhere<T extends StatAnswer>(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
  answer: T,
  again: Again<T>,
): Promise<T> {
  if (inPhase2(answer.stat)) {
    const now = await migrationFinished(dht, frame, on, cached);
    if (now === undefined) return answer;
    const second = await again(now);
    stripPhase1(second.stat);
    return second;
  }
  stripPhase1(answer.stat);
  return answer;
}

/** After an error: the child may not know the fd as the file was moved to it, or the file was moved away. */
export async function afterError<T>(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
  error: unknown,
  again: Again<T>,
): Promise<T> {
  const errno = errnoOf(error);
  if (!(on instanceof Loc) && (errno === EBADF || errno === EBADFD)) {
    // Once: it may be a fd that is bad indeed.
    if (on.anonymous || isOpenOn(dht, on, cached)) throw error;
    if (!(await openForFop(dht, frame, on, cached))) throw error;
    return again(cached);
  }
  if (!isMissing(errno)) throw error;
  let now: number | undefined;
  try {
    now = await migrationFinished(dht, frame, on, cached);
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
  const ctx = cachedContext(dht, fd.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.readv(frame, fd, size, offset, flags, xdata).then(
    answer =>
      mayMigrate(answer.stat)
        ? readElsewhere(dht, frame, fd, cached, answer, child =>
            dht.subvolumes[child].readv(frame, fd, size, offset, flags, xdata),
          )
        : answer,
    error =>
      afterError(dht, frame, fd, cached, error, child =>
        dht.subvolumes[child].readv(frame, fd, size, offset, flags, xdata),
      ),
  );
}

export function stat(dht: Distribute, frame: Frame, loc: Loc, xdata: Dict | undefined): Promise<StatAnswer> {
  const ctx = cachedContext(dht, loc.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  const again = (child: number) => dht.subvolumes[child].stat(frame, loc, xdata);
  return ctx.cached!.stat(frame, loc, xdata).then(
    answer => (mayMigrate(answer.stat) ? readElsewhere(dht, frame, loc, cached, answer, again) : answer),
    error => afterError(dht, frame, loc, cached, error, again),
  );
}

export function fstat(dht: Distribute, frame: Frame, fd: Fd, xdata: Dict | undefined): Promise<StatAnswer> {
  const ctx = cachedContext(dht, fd.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  const again = (child: number) => dht.subvolumes[child].fstat(frame, fd, xdata);
  return ctx.cached!.fstat(frame, fd, xdata).then(
    answer => (mayMigrate(answer.stat) ? readElsewhere(dht, frame, fd, cached, answer, again) : answer),
    error => afterError(dht, frame, fd, cached, error, again),
  );
}

// --- what changes

async function changeElsewhere<T extends PrePostAnswer>(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  cached: number,
  answer: T,
  again: Again<T>,
): Promise<T> {
  if (inPhase2(answer.post)) {
    const now = await migrationFinished(dht, frame, on, cached);
    if (now !== undefined) return again(now);
    return answer;
  }
  if (inPhase1(answer.post)) {
    const target = await migrationTarget(dht, frame, on, cached);
    // The old brick's attributes are the ones that count until the move is over.
    if (target !== undefined) await again(target, true);
    else {
      const now = await finishedMeanwhile(dht, frame, on, cached);
      if (now !== undefined) return again(now);
    }
  }
  stripPhase1(answer.pre);
  stripPhase1(answer.post);
  return answer;
}

/** Winds what changes a file, and follows the file. */
function change<T extends PrePostAnswer>(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  wind: Again<T>,
): Promise<T> {
  const ctx = cachedContext(dht, on.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return wind(cached).then(
    answer => (mayMigrate(answer.post) ? changeElsewhere(dht, frame, on, cached, answer, wind) : answer),
    error => afterError(dht, frame, on, cached, error, wind),
  );
}

/** What was written to a file that is being moved, once more on its new brick, where the rebalance must not overwrite it. */
function writeCopy(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  data: readonly Buffer[],
  offset: number,
  flags: number,
  xdata: Dict | undefined,
  target: number,
  { pre }: WriteAnswer,
): Promise<WriteAnswer> {
  const child = dht.subvolumes[target];
  const request = Dict.from(xdata).setUint(PROTECT_WRITES, 1);
  if ((fd.flags & O_APPEND) === 0) return child.writev(frame, fd, data, offset, flags, request);
  // The rebalance may have copied what was appended: it belongs where it was appended to the old brick's file, not to the copy's end.
  const anonymous = fd.inode.table.anonymousFd(fd.inode, O_WRONLY);
  return child.writev(asOpener(frame), anonymous, data, pre.size, flags, request);
}

/** `change` for what takes data away, which the rebalance must not write once more. */
function takeAway<T extends PrePostAnswer>(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  wind: Again<T>,
): Promise<T> {
  return change(dht, frame, on, (child, moving) =>
    moving ? protectWrites(dht, frame, on.inode, child).then(() => wind(child)) : wind(child),
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
  const ctx = cachedContext(dht, fd.inode);
  if (ctx === undefined) return dht.fail(EINVAL);
  const cached = ctx.cachedIndex;
  return ctx.cached!.writev(frame, fd, data, offset, flags, xdata).then(
    answer =>
      mayMigrate(answer.post)
        ? changeElsewhere(dht, frame, fd, cached, answer, (child, moving) =>
            moving
              ? writeCopy(dht, frame, fd, data, offset, flags, xdata, child, answer)
              : dht.subvolumes[child].writev(frame, fd, data, offset, flags, xdata),
          )
        : answer,
    error =>
      afterError(dht, frame, fd, cached, error, child =>
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
  const wind = (child: number) => dht.subvolumes[child].truncate(frame, loc, offset, xdata);
  return shorten(dht, frame, loc.inode, () => takeAway(dht, frame, loc, wind));
}

export function ftruncate(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  offset: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  const wind = (child: number) => dht.subvolumes[child].ftruncate(frame, fd, offset, xdata);
  return shorten(dht, frame, fd.inode, () => takeAway(dht, frame, fd, wind));
}

export function fsync(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  datasync: boolean,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, fd, child => dht.subvolumes[child].fsync(frame, fd, datasync, xdata));
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
  return change(dht, frame, fd, child =>
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
  return takeAway(dht, frame, fd, child => dht.subvolumes[child].discard(frame, fd, offset, length, xdata));
}

export function zerofill(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  offset: number,
  length: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return takeAway(dht, frame, fd, child => dht.subvolumes[child].zerofill(frame, fd, offset, length, xdata));
}

export function setattr(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  attributes: Iatt,
  valid: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  return change(dht, frame, loc, child =>
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
  return change(dht, frame, fd, child => dht.subvolumes[child].fsetattr(frame, fd, attributes, valid, xdata));
}
