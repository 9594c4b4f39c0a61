import { errnoOf } from '../../../graph/fop-error.ts';
import type { EntryAnswer, RemoveAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { GFID_NULL, type Gfid } from '../../../types/gfid.ts';
import { type Iatt, SET_ATTR_GID, SET_ATTR_UID } from '../../../types/iatt.ts';
import { type Outcome, settle } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EEXIST, EIO } from './errnos.ts';
import { isLinkfile, LINKFILE_MODE } from './iatt.ts';
import { asRoot } from './locks.ts';
import { GFID_REQ, INTERNAL_FOP, PID_NO_ROOT_SQUASH, UNLINK_NOT_OPEN, UNLINK_ONLY_LINKTO } from './names.ts';

const S_IFREG = 0o100000;

export interface LinkfileOutcome {
  /** It is there now, ours or one that was there already. */
  readonly ok: boolean;
  /** We made it: it belongs to root, and gets its owner later. */
  readonly created: boolean;
  readonly errno: number;
  readonly error: unknown;
  readonly answer: EntryAnswer | undefined;
}

/**
 * Makes the linkto file `loc` on the child `on`, which says that the file is on `target`, with the file's gfid. `params` goes along to the
 * brick. Never rejects.
 */
export async function createLinkfile(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  on: number,
  target: number,
  gfid: Gfid,
  params: Dict | undefined,
): Promise<LinkfileOutcome> {
  const request = Dict.from(params);
  if (gfid !== GFID_NULL) request.setGfid(GFID_REQ, gfid);
  request.setString(INTERNAL_FOP, 'yes');
  request.setString(dht.linkKey, dht.childNames[target]);
  const child = dht.subvolumes[on];
  try {
    const root = asRoot(frame, PID_NO_ROOT_SQUASH);
    const answer = await child.mknod(root, loc, S_IFREG | LINKFILE_MODE, 0, 0, request);
    return { ok: true, created: true, errno: 0, error: undefined, answer };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== EEXIST) return { ok: false, created: false, errno, error, answer: undefined };
  }
  // Somebody else may have made it.
  try {
    const answer = await child.lookup(frame, loc, new Dict().setUint(dht.linkKey, 256));
    if (!isLinkfile(answer.stat, answer.xdata, dht.linkKey))
      dht.log('W', `${loc.name} is no linkto file on ${dht.childNames[on]}`);
    return { ok: true, created: false, errno: 0, error: undefined, answer };
  } catch (error) {
    return { ok: false, created: false, errno: errnoOf(error) || EIO, error, answer: undefined };
  }
}

/** Gives a linkto file the owner of its file; nobody waits for it. */
export function healLinkfileOwner(dht: Distribute, frame: Frame, loc: Loc, on: number, stat: Iatt): void {
  const request = new Dict().setString(INTERNAL_FOP, 'yes');
  const root = asRoot(frame, PID_NO_ROOT_SQUASH);
  dht.subvolumes[on].setattr(root, loc, stat, SET_ATTR_UID | SET_ATTR_GID, request).then(
    () => {},
    error => dht.log('W', `owner of linkto file ${loc.name}: errno ${errnoOf(error)}`),
  );
}

/**
 * Removes a name from a child if it is a linkto file there that nobody has open; else the brick refuses with EBUSY, lest a file be lost that
 * is just being moved there. Never rejects.
 */
export function unlinkLinkto(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  child: number,
  request = new Dict(),
): Promise<Outcome<RemoveAnswer>> {
  request.setInt(UNLINK_ONLY_LINKTO, 1).setInt(UNLINK_NOT_OPEN, 1);
  return settle(dht.subvolumes[child].unlink(asRoot(frame, PID_NO_ROOT_SQUASH), loc, 0, request));
}
