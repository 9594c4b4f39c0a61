import { errnoOf } from '../../../graph/fop-error.ts';
import type { RemoveAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { windAll } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOENT, ENOTCONN, isMissing } from './errnos.ts';
import { fixDirectory, inPhase1, inPhase2 } from './iatt.ts';
import { unlinkLinkto } from './linkfile.ts';
import { asRoot } from './locks.ts';
import { statIn } from './moved.ts';
import { IATT_IN_XDATA, PID_NO_ROOT_SQUASH } from './names.ts';

/** Removes a file, and then its linkto file where its name hashes to. A file that is just being moved goes from its new brick, too. */
export function unlink(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xflags: number,
  xdata: Dict | undefined,
): Promise<RemoveAnswer> {
  const cached = dht.cachedOf(loc.inode);
  if (cached < 0) return dht.fail(EINVAL);
  const mayMove = dht.commitHash.mayMove();
  const request = mayMove ? Dict.from(xdata).setInt(IATT_IN_XDATA, 1) : xdata;
  return dht.subvolumes[cached].unlink(frame, loc, xflags, request).then(
    answer => {
      dht.seeTimes(loc.parent, answer.preparent, answer.postparent);
      fixDirectory(answer.preparent);
      fixDirectory(answer.postparent);
      const stat = mayMove ? statIn(answer) : undefined;
      if (stat !== undefined && (inPhase1(stat) || inPhase2(stat)))
        return unlinkCopies(dht, frame, loc, cached).then(() => answer);
      if (!mayMove) return unlinkOnHashed(dht, frame, loc, xflags, xdata, cached, answer);
      return unlinkStale(dht, frame, loc, cached).then(() =>
        unlinkOnHashed(dht, frame, loc, xflags, xdata, cached, answer),
      );
    },
    error => {
      if (errnoOf(error) !== ENOENT) throw error;
      if (mayMove) return unlinkCopies(dht, frame, loc, cached).then(() => ({}));
      // Who removed it before us may have left the linkto file.
      return unlinkOnHashed(dht, frame, loc, xflags, xdata, cached, {});
    },
  );
}

function unlinkOnHashed(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xflags: number,
  xdata: Dict | undefined,
  cached: number,
  answer: RemoveAnswer,
): RemoveAnswer | Promise<RemoveAnswer> {
  const hashed = dht.hashedOf(loc);
  if (hashed < 0 || hashed === cached) return answer;
  return dht.subvolumes[hashed].unlink(frame, loc, xflags, xdata).then(
    () => answer,
    error => {
      const errno = errnoOf(error);
      if (errno === ENOENT || errno === ENOTCONN) return answer;
      throw error;
    },
  );
}

/**
 * Linkto files that are where the name hashed to before a layout was fixed. Names of one file share theirs on a brick, and become names of
 * the file again when the rebalance moves it there.
 */
function unlinkStale(dht: Distribute, frame: Frame, loc: Loc, cached: number): Promise<unknown> {
  const hashed = dht.hashedOf(loc);
  return windAll(dht.count, i =>
    i === cached || i === hashed ? undefined : unlinkLinkto(dht, frame, loc, i),
  );
}

/**
 * A rebalance has begun to copy the file, or has moved it: it goes, with its linkto file, from every other brick that has it under the name.
 * What the rebalance still writes to its copy has no name then.
 */
async function unlinkCopies(dht: Distribute, frame: Frame, loc: Loc, cached: number): Promise<void> {
  const root = asRoot(frame, PID_NO_ROOT_SQUASH);
  const outcomes = await windAll(dht.count, async i => {
    if (i === cached) return;
    const child = dht.subvolumes[i];
    const { stat } = await child.lookup(root, loc, undefined);
    if (stat.gfid === loc.inode.gfid) await child.unlink(root, loc, 0, undefined);
  });
  for (const outcome of outcomes)
    if (
      outcome !== undefined &&
      outcome.errno !== 0 &&
      outcome.errno !== ENOTCONN &&
      !isMissing(outcome.errno)
    )
      throw outcome.error;
}
