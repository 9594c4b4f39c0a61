import { FopError } from '../../../graph/fop-error.ts';
import type { EntryAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { windAll } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EEXIST, EINVAL, EIO, ENOENT, ENOSPC, EPERM } from './errnos.ts';
import { fixDirectory, mergeIatt } from './iatt.ts';
import { COMMIT_HASH_INVALID, type Layout } from './layout.ts';
import { encodeLayout, mergeAnswer } from './layout-disk.ts';
import { locOf, withInode } from './loc.ts';
import { asRoot, protectNamespace, unprotectNamespace } from './locks.ts';
import { GFID_REQ, PID_NO_ROOT_SQUASH, PREOP_CHECK_FAILED, PREOP_PARENT_KEY } from './names.ts';
import { layOutNewDirectory } from './new-layout.ts';
import { healLayout, refreshLayout } from './selfheal-layout.ts';

/**
 * A directory is made on its hashed brick first, where only one of several clients succeeds, then on all others, and then
 * it gets its layout. The hashed brick checks that the parent's layout is still the one by which it was chosen.
 */
export async function mkdir(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  mode: number,
  umask: number,
  xdata: Dict | undefined,
): Promise<EntryAnswer> {
  // Without a gfid that all bricks are told, each would choose one.
  if (xdata?.gfid(GFID_REQ) === undefined) throw dht.error(EPERM);
  dht.usage.refresh(frame);
  let hashed = dht.hashedOf(loc);
  if (hashed < 0) throw dht.error(EIO);
  const layout = dht.newLayout();
  layout.commitHash = dht.config.lookupOptimize ? dht.commitHash.last : COMMIT_HASH_INVALID;
  const request = Dict.from(xdata);
  setParentLayout(dht, loc, hashed, request);
  const namespace = await protectNamespace(dht, frame, loc, hashed);
  let stat: Iatt | undefined;
  let preparent: Iatt | undefined;
  let postparent: Iatt | undefined;
  try {
    request.setBytes(dht.mdsKey, Buffer.alloc(4));
    let answer: EntryAnswer;
    try {
      answer = await dht.subvolumes[hashed].mkdir(frame, loc, mode, umask, request);
    } catch (error) {
      if (!(error instanceof FopError) || !error.xdata?.has(PREOP_CHECK_FAILED)) throw error;
      hashed = await withNewParentLayout(dht, frame, loc, hashed, request);
      answer = await dht.subvolumes[hashed].mkdir(frame, loc, mode, umask, request);
    }
    request.delete(PREOP_PARENT_KEY);
    request.delete(dht.config.xattrName);
    mergeMade(dht, layout, hashed, 0);
    stat = mergeIatt(stat, answer.stat);
    preparent = mergeIatt(preparent, answer.preparent);
    postparent = mergeIatt(postparent, answer.postparent);
    // Only the hashed brick is the directory's metadata server.
    request.delete(dht.mdsKey);
    makeContext(loc.inode, dht.slot).mds = hashed;
    const outcomes = await windAll(dht.count, i =>
      i === hashed ? undefined : dht.subvolumes[i].mkdir(frame, loc, mode, umask, request),
    );
    outcomes.forEach((outcome, i) => {
      if (outcome === undefined) return;
      // A lookup of another client may have been quicker to heal it there.
      const exists = outcome.errno === EEXIST;
      mergeMade(dht, layout, i, exists ? 0 : outcome.errno);
      if (outcome.answer === undefined) return;
      stat = mergeIatt(stat, outcome.answer.stat);
      preparent = mergeIatt(preparent, outcome.answer.preparent);
      postparent = mergeIatt(postparent, outcome.answer.postparent);
    });
  } finally {
    unprotectNamespace(dht, namespace);
  }
  const { inode, layout: inForce, stat: merged } = await giveLayout(dht, frame, loc, layout, stat!, hashed);
  fixDirectory(preparent);
  fixDirectory(postparent);
  dht.setLayout(inode, inForce);
  dht.seeTimes(inode, undefined, merged);
  dht.seeTimes(loc.parent, preparent, postparent);
  const answer: EntryAnswer = { stat: merged, inode };
  if (preparent !== undefined) answer.preparent = preparent;
  if (postparent !== undefined) answer.postparent = postparent;
  return answer;
}

function mergeMade(dht: Distribute, layout: Layout, child: number, errno: number): void {
  const full = errno === 0 && dht.usage.isFilled(child);
  mergeAnswer(layout, child, full ? ENOSPC : errno, undefined, dht.config.xattrName);
}

async function giveLayout(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  layout: Layout,
  stat: Iatt,
  hashed: number,
) {
  const linked = loc.inode.table.link(loc.inode, loc.parent, loc.name, stat);
  if (linked !== loc.inode) makeContext(linked, dht.slot).mds = hashed;
  const made = withInode(loc, linked);
  layout.sortByName(dht.childNames);
  layOutNewDirectory(dht, dht.pathed(made), layout);
  const patient = {
    dht,
    frame: asRoot(frame, PID_NO_ROOT_SQUASH),
    loc: made,
    layout,
    stat,
    xattrs: undefined,
    hashed,
    force: false,
  };
  const healed = await healLayout(patient, true);
  return { inode: linked, ...healed };
}

/** Tells the brick which layout of the parent made us choose it: it refuses when that is not so any more. */
export function setParentLayout(
  dht: Distribute,
  loc: Loc,
  hashed: number,
  request: Dict,
): Buffer | undefined {
  const layout = dht.layoutOf(loc.parent);
  const entry = layout?.of(hashed);
  if (layout === undefined || entry === undefined) return undefined;
  const bytes = encodeLayout(entry, layout.type);
  request.setString(PREOP_PARENT_KEY, dht.config.xattrName);
  request.setBytes(dht.config.xattrName, bytes);
  return bytes;
}

/** The parent's layout has changed: reads it again, and gives the brick that the name hashes to now. */
async function withNewParentLayout(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  before: number,
  request: Dict,
): Promise<number> {
  const { parent } = loc;
  if (parent === undefined) throw dht.error(EINVAL);
  const old = request.bytes(dht.config.xattrName);
  const { layout } = await refreshLayout(dht, frame, locOf(parent), undefined);
  layout.sort();
  dht.layoutRead(parent, layout);
  const hashed = dht.hashedOf(loc);
  if (hashed < 0) throw dht.error(ENOENT);
  const now = setParentLayout(dht, loc, hashed, request);
  if (now === undefined || (hashed === before && old !== undefined && now.equals(old))) throw dht.error(EIO);
  return hashed;
}
