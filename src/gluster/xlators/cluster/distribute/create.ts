import type { Fd } from '../../../graph/fd.ts';
import { FopError } from '../../../graph/fop-error.ts';
import type { CreateAnswer, EntryAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { F_RDLCK } from '../../../types/fs.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { FdContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, EIO, ENOENT } from './errnos.ts';
import { fixDirectory, stripPhase1 } from './iatt.ts';
import type { Layout } from './layout.ts';
import { createLinkfile, healLinkfileOwner } from './linkfile.ts';
import { locOf } from './loc.ts';
import { type HeldLocks, releaseLocks, takeLocks } from './locks.ts';
import { chosenSubvolume } from './lookup.ts';
import { setParentLayout } from './mkdir.ts';
import { DOMAIN_LAYOUT_HEAL, INTERNAL_FOP, PREOP_CHECK_FAILED, PREOP_PARENT_KEY } from './names.ts';
import { refreshLayout } from './selfheal-layout.ts';

/** Makes a file on a child: `create` or `mknod`, with the request that goes along. */
type Maker<T> = (child: number, loc: Loc, request: Dict) => Promise<T>;

export function create(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  flags: number,
  mode: number,
  umask: number,
  fd: Fd,
  xdata: Dict | undefined,
): Promise<CreateAnswer> {
  const make: Maker<CreateAnswer> = (child, at, request) =>
    dht.subvolumes[child].create(frame, at, flags, mode, umask, fd, request).then(answer => {
      answer.fd.ctx[dht.slot] = new FdContext(child);
      return answer;
    });
  return makeFile(dht, frame, loc, xdata, make, true);
}

export function mknod(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  mode: number,
  rdev: number,
  umask: number,
  xdata: Dict | undefined,
): Promise<EntryAnswer> {
  const make: Maker<EntryAnswer> = (child, at, request) =>
    dht.subvolumes[child].mknod(frame, at, mode, rdev, umask, request);
  return makeFile(dht, frame, loc, xdata, make, false);
}

export function symlink(
  dht: Distribute,
  frame: Frame,
  target: string,
  loc: Loc,
  umask: number,
  xdata: Dict | undefined,
): Promise<EntryAnswer> {
  const hashed = dht.hashedOf(loc);
  if (hashed < 0) return dht.fail(EIO);
  return dht.subvolumes[hashed]
    .symlink(frame, target, loc, umask, xdata)
    .then(answer => made(dht, loc, hashed, answer));
}

/** What was made is on that child. */
function made<T extends EntryAnswer>(dht: Distribute, loc: Loc, child: number, answer: T): T {
  dht.seeTimes(loc.parent, answer.preparent, answer.postparent);
  dht.preset(answer.inode, child);
  stripPhase1(answer.stat);
  fixDirectory(answer.preparent);
  fixDirectory(answer.postparent);
  return answer;
}

/**
 * A new file goes to the brick that its name hashes to. When that is filled, it goes elsewhere, with a linkto file on its hashed
 * brick. `checked`: the brick is told the parent's layout, and refuses when that has changed.
 */
async function makeFile<T extends EntryAnswer>(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xdata: Dict | undefined,
  make: Maker<T>,
  checked: boolean,
): Promise<T> {
  dht.usage.refresh(frame);
  const request = Dict.from(xdata);
  const chosen = checked ? chosenSubvolume(dht, loc) : undefined;
  if (chosen !== undefined) {
    const hashed = dht.hashedOf(chosen.loc);
    if (hashed >= 0 && hashed !== chosen.subvolume)
      return withLinkto(dht, frame, chosen.loc, hashed, chosen.subvolume, request, make);
    setParentLayout(dht, chosen.loc, chosen.subvolume, request);
    return made(dht, chosen.loc, chosen.subvolume, await make(chosen.subvolume, chosen.loc, request));
  }
  const hashed = dht.hashedOf(loc);
  if (hashed < 0) throw dht.error(EIO);
  // After a remove-brick began, our layout of the parent may still name the brick that goes.
  if (dht.decommissioned[hashed]) return underLock(dht, frame, loc, hashed, request, make);
  if (checked) setParentLayout(dht, loc, hashed, request);
  try {
    return await onAvailable(dht, frame, loc, hashed, dht.layoutOf(loc.inode), request, make);
  } catch (error) {
    if (!(error instanceof FopError) || !error.xdata?.has(PREOP_CHECK_FAILED)) throw error;
    return underLock(dht, frame, loc, hashed, request, make);
  }
}

async function onAvailable<T extends EntryAnswer>(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  hashed: number,
  layout: Layout | undefined,
  request: Dict,
  make: Maker<T>,
): Promise<T> {
  if (dht.usage.isFilled(hashed)) {
    const better = dht.usage.roomFor(hashed, layout ?? dht.layoutOf(loc.parent));
    if (better !== hashed) {
      request.delete(PREOP_PARENT_KEY);
      request.delete(dht.config.xattrName);
      return withLinkto(dht, frame, loc, hashed, better, request, make);
    }
  }
  return made(dht, loc, hashed, await make(hashed, loc, request));
}

async function withLinkto<T extends EntryAnswer>(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  hashed: number,
  child: number,
  request: Dict,
  make: Maker<T>,
): Promise<T> {
  const linkto = await createLinkfile(dht, frame, loc, hashed, child, GFID_NULL, request);
  if (!linkto.ok) throw linkto.error;
  request.delete(dht.linkKey);
  request.delete(INTERNAL_FOP);
  const answer = made(dht, loc, child, await make(child, loc, request));
  if (linkto.created) healLinkfileOwner(dht, frame, loc, hashed, answer.stat);
  return answer;
}

/** Chooses the brick again by what the parent's layout is now, while nobody can change it. */
async function underLock<T extends EntryAnswer>(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  hashed: number,
  request: Dict,
  make: Maker<T>,
): Promise<T> {
  const { parent } = loc;
  if (parent === undefined) throw dht.error(EINVAL);
  let held: HeldLocks | undefined;
  try {
    held = await takeLocks(dht, frame, [
      {
        subvolume: hashed,
        inode: parent,
        type: F_RDLCK,
        domain: DOMAIN_LAYOUT_HEAL,
        name: undefined,
        tolerance: 'missing',
      },
    ]);
    const { layout } = await refreshLayout(dht, frame, locOf(parent), undefined);
    const now = layout.search(dht.names.of(loc.name));
    if (now < 0) throw dht.error(ENOENT);
    request.delete(PREOP_PARENT_KEY);
    request.delete(dht.config.xattrName);
    return await onAvailable(dht, frame, loc, now, layout, request, make);
  } finally {
    void releaseLocks(dht, held);
  }
}
