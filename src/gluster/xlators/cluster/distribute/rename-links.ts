import type { EntryAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { type Outcome, settle } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EEXIST, ESTALE } from './errnos.ts';
import { createLinkfile, type LinkfileOutcome, unlinkLinkto } from './linkfile.ts';
import { linktoTarget } from './lookup-state.ts';
import { FORCE_REPLACE } from './names.ts';
import { internalFop } from './rename-plan.ts';

/*
 * Stale linkto files are in the way of a rename: they lie where a name hashed to before a layout was fixed. FORCE_REPLACE has a brick's
 * storage replace them, but the brick's server refuses a name that it knows before the storage is asked.
 */

/** Links the file to a second name on its brick. */
export async function linkReplacing(
  dht: Distribute,
  frame: Frame,
  child: number,
  from: Loc,
  to: Loc,
  request: Dict,
): Promise<Outcome<EntryAnswer>> {
  request.setString(FORCE_REPLACE, 'yes');
  const outcome = await settle(dht.subvolumes[child].link(frame, from, to, request));
  if (outcome.errno !== EEXIST) return outcome;
  await unlinkLinkto(dht, frame, to, child, internalFop());
  return settle(dht.subvolumes[child].link(frame, from, to, request));
}

/** Makes the file's linkto file on a brick; one that says something else goes first. */
export async function linktoReplacing(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  on: number,
  target: number,
): Promise<LinkfileOutcome> {
  const params = internalFop().setString(FORCE_REPLACE, 'yes');
  const { gfid } = loc.inode;
  const linkto = await createLinkfile(dht, frame, loc, on, target, gfid, params);
  // ESTALE: it has another gfid.
  const usable = linkto.ok ? linktoTarget(dht, linkto.answer?.xdata) === target : linkto.errno !== ESTALE;
  if (linkto.created || usable) return linkto;
  await unlinkLinkto(dht, frame, loc, on, internalFop());
  return createLinkfile(dht, frame, loc, on, target, gfid, params);
}
