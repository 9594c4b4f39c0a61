import { errnoOf } from '../../../graph/fop-error.ts';
import type { RemoveAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOENT, ENOTCONN } from './errnos.ts';
import { fixDirectory } from './iatt.ts';

/** Removes a file, and then its linkto file where its name hashes to. */
export function unlink(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xflags: number,
  xdata: Dict | undefined,
): Promise<RemoveAnswer> {
  const cached = dht.cachedOf(loc.inode);
  if (cached < 0) return dht.fail(EINVAL);
  return dht.subvolumes[cached].unlink(frame, loc, xflags, xdata).then(
    answer => {
      dht.seeTimes(loc.parent, answer.preparent, answer.postparent);
      fixDirectory(answer.preparent);
      fixDirectory(answer.postparent);
      return unlinkLinkto(dht, frame, loc, xflags, xdata, cached, answer);
    },
    error => {
      // Who removed it before us may have left the linkto file.
      if (errnoOf(error) !== ENOENT) throw error;
      return unlinkLinkto(dht, frame, loc, xflags, xdata, cached, {});
    },
  );
}

function unlinkLinkto(
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
