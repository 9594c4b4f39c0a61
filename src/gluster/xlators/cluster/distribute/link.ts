import type { EntryAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import type { Distribute } from './distribute.ts';
import { EIO, ENOENT } from './errnos.ts';
import { fixDirectory, inPhase1, inPhase2, mayMigrate, mergeIatt, stripPhase1 } from './iatt.ts';
import { createLinkfile, healLinkfileOwner, type LinkfileOutcome, unlinkLinkto } from './linkfile.ts';
import { migrationFinished, newPlace } from './migration.ts';
import { heldStill } from './still.ts';

/**
 * Another name for a file, on the file's brick; when the name hashes to another, a linkto file is there first. On a brick where the file is
 * itself, that would be a name of the file: it must not be moved there meanwhile.
 */
export function link(
  dht: Distribute,
  frame: Frame,
  from: Loc,
  to: Loc,
  xdata: Dict | undefined,
): Promise<EntryAnswer> {
  return heldStill(dht, frame, from, () => linkOnBrick(dht, frame, from, to, xdata));
}

async function linkOnBrick(
  dht: Distribute,
  frame: Frame,
  from: Loc,
  to: Loc,
  xdata: Dict | undefined,
): Promise<EntryAnswer> {
  const cached = dht.cachedOf(from.inode);
  if (cached < 0) throw dht.error(ENOENT);
  const hashed = dht.hashedOf(to);
  if (hashed < 0) throw dht.error(EIO);
  let linkto: LinkfileOutcome | undefined;
  if (hashed !== cached) {
    linkto = await createLinkfile(dht, frame, to, hashed, cached, from.inode.gfid, undefined);
    if (!linkto.ok) throw linkto.error;
  }
  let answer: EntryAnswer;
  try {
    answer = await dht.subvolumes[cached].link(frame, from, to, xdata);
  } catch (error) {
    if (linkto?.created) void unlinkLinkto(dht, frame, to, hashed);
    throw error;
  }
  dht.seeTimes(from.parent, answer.preparent, answer.postparent);
  if (mayMigrate(answer.stat))
    answer = await onTargetToo(dht, frame, from, to, xdata, cached, hashed, answer);
  if (linkto?.created) healLinkfileOwner(dht, frame, to, hashed, answer.stat);
  stripPhase1(answer.stat);
  fixDirectory(answer.preparent);
  fixDirectory(answer.postparent);
  return answer;
}

/** The file is being moved, or has been: its new brick must have the name, too. */
async function onTargetToo(
  dht: Distribute,
  frame: Frame,
  from: Loc,
  to: Loc,
  xdata: Dict | undefined,
  cached: number,
  hashed: number,
  answer: EntryAnswer,
): Promise<EntryAnswer> {
  const phase2 = inPhase2(answer.stat);
  if (!phase2 && !inPhase1(answer.stat)) return answer;
  const target = phase2
    ? await migrationFinished(dht, frame, from, cached)
    : await newPlace(dht, frame, from, cached);
  // The linkto file that we made is what the file becomes there.
  if (target === undefined || (target === hashed && hashed !== cached)) return answer;
  const second = await dht.subvolumes[target].link(frame, from, to, xdata);
  second.stat = phase2 ? second.stat : (mergeIatt(undefined, answer.stat) ?? second.stat);
  return second;
}
