import type { Fd } from '../../../graph/fd.ts';
import type { Answer, XattrAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { DICT_IATT, Dict } from '../../../types/dict.ts';
import { IA_IFDIR, Iatt } from '../../../types/iatt.ts';
import { afterError } from './data.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL } from './errnos.ts';
import { inPhase1, inPhase2 } from './iatt.ts';
import { migrationFinished, newPlace } from './migration.ts';
import { IATT_IN_XDATA, MODE_IN_XDATA } from './names.ts';

/*
 * Fops that change a file and do not answer with its attributes: these are asked for in xdata, so that a file that is being moved is
 * noticed.
 */

/** The attributes, or at least type and permissions, that came along. */
export function statIn(answer: Answer): Iatt | undefined {
  const mode = answer.xdata?.int(MODE_IN_XDATA);
  if (mode !== undefined) {
    const stat = new Iatt();
    stat.mode = mode;
    return stat;
  }
  const value = answer.xdata?.get(IATT_IN_XDATA);
  return value?.type === DICT_IATT ? value.value : undefined;
}

/** Winds such a fop on a file, and follows the file. `wind` is given the request with what it has to ask for. */
export async function watched<T extends Answer>(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  wind: (child: number) => Promise<T>,
): Promise<T> {
  const cached = dht.cachedOf(on.inode);
  if (cached < 0) throw dht.error(EINVAL);
  let answer: T;
  try {
    answer = await wind(cached);
  } catch (error) {
    return afterError(dht, frame, on, cached, error, wind);
  }
  const stat = statIn(answer);
  if (stat === undefined) return answer;
  if (inPhase2(stat)) {
    const now = await migrationFinished(dht, frame, on, cached);
    return now === undefined ? answer : wind(now);
  }
  if (inPhase1(stat)) {
    const target = await newPlace(dht, frame, on, cached);
    return target === undefined ? answer : wind(target);
  }
  return answer;
}

function askForStat(xdata: Dict | undefined): Dict {
  return Dict.from(xdata).setInt(MODE_IN_XDATA, 1).setInt(IATT_IN_XDATA, 1);
}

export function xattrop(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  op: number,
  dict: Dict,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const child = dht.cachedFops(loc.inode);
  if (child === undefined) return dht.fail(EINVAL);
  if (loc.inode.type === IA_IFDIR) return child.xattrop(frame, loc, op, dict, xdata);
  const request = askForStat(xdata);
  return watched(dht, frame, loc, i => dht.subvolumes[i].xattrop(frame, loc, op, dict, request));
}

export function fxattrop(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  op: number,
  dict: Dict,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const child = dht.cachedFops(fd.inode);
  if (child === undefined) return dht.fail(EINVAL);
  if (fd.inode.type === IA_IFDIR) return child.fxattrop(frame, fd, op, dict, xdata);
  const request = askForStat(xdata);
  return watched(dht, frame, fd, i => dht.subvolumes[i].fxattrop(frame, fd, op, dict, request));
}
