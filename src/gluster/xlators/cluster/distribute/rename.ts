import { errnoOf } from '../../../graph/fop-error.ts';
import type { RenameAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { IA_IFDIR, type Iatt } from '../../../types/iatt.ts';
import { settle } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EBUSY, EINVAL, EIO, ENOENT, isMissing } from './errnos.ts';
import { isLinkfile, stripPhase1 } from './iatt.ts';
import { decodeLayout } from './layout-disk.ts';
import { createLinkfile, healLinkfileOwner, unlinkLinkto } from './linkfile.ts';
import { locOf, withInode } from './loc.ts';
import {
  asRoot,
  type BrickLock,
  type HeldLocks,
  type Namespace,
  releaseLocks,
  takeLocks,
  unprotectNamespace,
} from './locks.ts';
import { PID_NO_ROOT_SQUASH } from './names.ts';
import { renameDirectory } from './rename-dir.ts';
import { linkReplacing, linktoReplacing } from './rename-links.ts';
import { protectBoth } from './rename-locks.ts';
import { changelogRename, dontAccount, internalFop } from './rename-plan.ts';
import { refreshLayout } from './selfheal-layout.ts';
import { migrateLock, movedTo, named } from './still.ts';

/** A rename of a file with the four children that take part. */
class Rename {
  readonly dht: Distribute;
  readonly frame: Frame;
  readonly from: Loc;
  to: Loc;
  readonly xdata: Dict;
  srcHashed: number;
  srcCached: number;
  dstHashed: number;
  /** -1: the new name is free. */
  dstCached: number;
  /** We made a linkto file for the new name, which belongs to root yet. */
  linked = false;
  /** The new name was linked to the file on its brick. */
  addedLink = false;
  stat: Iatt | undefined = undefined;
  answer: RenameAnswer | undefined = undefined;

  constructor(dht: Distribute, frame: Frame, from: Loc, to: Loc, xdata: Dict | undefined) {
    this.dht = dht;
    this.frame = frame;
    this.from = from;
    this.to = to;
    this.xdata = Dict.from(xdata);
    this.srcHashed = dht.hashedOf(from);
    this.srcCached = dht.cachedOf(from.inode);
    this.dstHashed = dht.hashedOf(to);
    this.dstCached = dht.cachedOf(to.inode);
  }

  get sameParent(): boolean {
    return this.from.pargfid === this.to.pargfid;
  }

  root(): Frame {
    return asRoot(this.frame, PID_NO_ROOT_SQUASH);
  }
}

export async function rename(
  dht: Distribute,
  frame: Frame,
  from: Loc,
  to: Loc,
  xdata: Dict | undefined,
): Promise<RenameAnswer> {
  const work = new Rename(dht, frame, from, to, xdata);
  if (work.srcHashed < 0 || work.srcCached < 0 || work.dstHashed < 0) throw dht.error(EINVAL);
  if (from.inode.type === IA_IFDIR)
    return renameDirectory(dht, frame, from, to, work.srcHashed, work.dstHashed, work.dstCached);
  return renameFile(work);
}

/** How often the locks are taken anew because what they were chosen by had changed. */
const ATTEMPTS = 8;

/**
 * The order of things: the file is locked against being moved by a rebalance, both names against other works, and then all is looked up
 * again; when files or layouts have moved, the locks are taken anew where they belong now. The new name's linkto file is made, the new
 * name linked to the file on its brick, the linkto file renamed over, and then the old name goes. Before the link a failure undoes all;
 * after the linkto file's part it is only a stale linkto file.
 */
async function renameFile(work: Rename): Promise<RenameAnswer> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const answer = await tryLocked(work);
    if (answer !== undefined) return answer;
  }
  work.dht.log('W', `renaming ${work.from.name} to ${work.to.name}: it moved ${ATTEMPTS} times meanwhile`);
  throw work.dht.error(EBUSY);
}

/** Undefined: other locks are needed, and those that were held are let go. */
async function tryLocked(work: Rename): Promise<RenameAnswer | undefined> {
  const { dht, frame } = work;
  let migrate: HeldLocks | undefined;
  let names: Namespace[] = [];
  try {
    try {
      migrate = await takeLocks(dht, frame, migrateLocks(work));
    } catch (error) {
      // Where it was, there is nothing to lock any more.
      if (!isMissing(errnoOf(error)) || !(await followMoved(work))) throw error;
      return undefined;
    }
    names = await protectBoth(dht, frame, work.from, work.to, work.srcHashed, work.dstHashed);
    if (!(await layoutsHold(work)) || !(await lookAgain(work))) return undefined;
    await createLinks(work);
    await renameOnBrick(work);
    await removeOld(work);
    if (work.linked && work.stat !== undefined)
      healLinkfileOwner(dht, frame, withInode(work.to, work.from.inode), work.dstHashed, work.stat);
    return answerOf(work);
  } finally {
    void releaseLocks(dht, migrate);
    for (const namespace of names) unprotectNamespace(dht, namespace);
  }
}

/**
 * Whether both names still hash to the bricks that are locked. Those who change a directory's layout lock it on all bricks, so what the
 * locked ones say stays true until the locks are let go.
 */
async function layoutsHold(work: Rename): Promise<boolean> {
  const { dht, from, to, srcHashed, dstHashed } = work;
  const [source, target] = await Promise.all([
    inRange(work, from, srcHashed),
    inRange(work, to, dstHashed),
    dht.commitHash.ask(work.root()),
  ]);
  if (source && target) return true;
  for (const { parent } of work.sameParent ? [from] : [from, to])
    if (parent !== undefined) await learnLayout(dht, work.root(), parent);
  work.srcHashed = dht.hashedOf(from);
  work.dstHashed = dht.hashedOf(to);
  if (work.srcHashed < 0 || work.dstHashed < 0) throw dht.error(EIO);
  return work.srcHashed === srcHashed && work.dstHashed === dstHashed;
}

/** What the bricks have now is the directory's layout, unless one of them has none or is down: that is for a lookup to heal. */
async function learnLayout(dht: Distribute, frame: Frame, directory: Inode): Promise<void> {
  const { layout } = await refreshLayout(dht, frame, locOf(directory), undefined);
  layout.sort();
  const { holes, overlaps } = layout.anomalies();
  if (holes === 0 && overlaps === 0) dht.layoutRead(directory, layout);
}

async function inRange(work: Rename, loc: Loc, hashed: number): Promise<boolean> {
  const { dht } = work;
  if (loc.parent === undefined) return true;
  const key = dht.config.xattrName;
  const request = new Dict().setUint(key, 16);
  const { answer } = await settle(dht.subvolumes[hashed].lookup(work.root(), locOf(loc.parent), request));
  // What is wrong with the directory itself shows in what follows.
  if (answer === undefined) return true;
  const bytes = answer.xdata?.bytes(key);
  const range = bytes === undefined ? undefined : decodeLayout(bytes);
  const hash = dht.names.of(loc.name);
  return range !== undefined && range.start <= hash && hash <= range.stop;
}

function migrateLocks({ from, to, srcCached, dstCached }: Rename): BrickLock[] {
  const locks = [migrateLock(srcCached, from.inode)];
  // What is overwritten may be gone by now, which is no reason to fail.
  if (dstCached >= 0) locks.push(migrateLock(dstCached, to.inode, 'missing-or-eio'));
  return locks;
}

/**
 * Both names may have changed while we waited: the source must still be the file, the target may be another by now. False when either is on
 * another brick than was locked.
 */
async function lookAgain(work: Rename): Promise<boolean> {
  const { dht, frame, from, to, dstCached } = work;
  const request = new Dict().setUint(dht.linkKey, 256);
  const fresh = withInode(to, from.inode.table.create());
  const [source, target] = await Promise.all([
    settle(dht.subvolumes[work.srcCached].lookup(frame, from, request)),
    settle(dht.lookup(named(frame), fresh, request)),
  ]);
  if (target.answer !== undefined) {
    work.dstCached = dht.cachedOf(fresh.inode);
    const { stat } = target.answer;
    if (stat.gfid !== to.inode.gfid) {
      const { parent } = to;
      if (parent !== undefined) {
        const { table } = to.inode;
        if (to.inode.gfid !== GFID_NULL) table.unlink(to.inode, parent, to.name);
        work.to = withInode(to, table.link(fresh.inode, parent, to.name, stat));
      }
    }
  } else if (isMissing(target.errno)) work.dstCached = -1;
  if (source.answer === undefined) {
    if (isMissing(source.errno) && (await followMoved(work))) return false;
    throw source.error;
  }
  const { stat, xdata } = source.answer;
  if (isLinkfile(stat, xdata, dht.linkKey) || stat.gfid !== from.inode.gfid) {
    if (await followMoved(work)) return false;
    throw dht.error(ENOENT);
  }
  return work.dstCached < 0 || work.dstCached === dstCached;
}

/** The file is not where we knew it: whether a rebalance has moved it, under its name, to a brick that we know now. */
async function followMoved(work: Rename): Promise<boolean> {
  const now = await movedTo(work.dht, work.frame, work.from, work.srcCached);
  if (now >= 0) work.srcCached = now;
  return now >= 0;
}

/** Before the file gets its new name: the linkto file at the name's hashed brick, and the name on the file's brick. */
async function createLinks(work: Rename): Promise<void> {
  const { dht, frame, from, to, srcHashed, srcCached, dstHashed, dstCached } = work;
  if (srcCached === dstCached) {
    if (dstHashed === dstCached) return;
    // The file that is overwritten has a linkto file there, which would be in the way.
    const { errno, error } = await settle(
      dht.subvolumes[dstHashed].unlink(frame, to, 0, dontAccount(internalFop())),
    );
    if (errno !== 0 && errno !== ENOENT) throw error;
    return;
  }
  if (srcCached === dstHashed) return;
  if (dstHashed !== srcHashed) {
    const linkto = await linktoReplacing(dht, frame, from, dstHashed, srcCached);
    work.linked = linkto.created;
    if (!linkto.ok) {
      await cleanUp(work);
      throw linkto.error;
    }
  }
  const request = internalFop();
  if (work.sameParent) dontAccount(request);
  const { answer, error } = await linkReplacing(dht, frame, srcCached, from, to, request);
  if (answer === undefined) {
    await cleanUp(work);
    throw error;
  }
  work.addedLink = true;
  work.stat = answer.stat;
}

async function renameOnBrick(work: Rename): Promise<void> {
  const { dht, frame, from, to, srcCached, dstHashed, dstCached } = work;
  const child = srcCached === dstCached ? srcCached : dstHashed;
  if (srcCached !== dstHashed && child === dstHashed) dontAccount(work.xdata);
  if (child === srcCached) changelogRename(work.xdata, from, to);
  const rename = () =>
    settle(dht.subvolumes[child].rename(work.linked ? work.root() : frame, from, to, work.xdata));
  let { answer, errno, error } = await rename();
  // Names that were not looked up since layouts were fixed have no linkto file there yet.
  if (answer === undefined && child !== srcCached && isMissing(errno)) {
    const linkto = await linktoReplacing(dht, frame, from, child, srcCached);
    work.linked = linkto.created;
    if (linkto.ok) ({ answer, errno, error } = await rename());
  }
  if (answer === undefined) {
    // What is to be overwritten would hide the file from then on.
    if (child === srcCached || child === dstCached) {
      await cleanUp(work);
      throw error;
    }
    // Of the linkto file it does not matter: others may know the new name already, which must not vanish again.
    dht.log('W', `renaming linkto file ${from.name} to ${to.name}: errno ${errno}`);
  } else if (child === srcCached) {
    work.stat = answer.stat;
    work.answer = answer;
  }
  if (srcCached === dstCached && dstHashed !== dstCached) {
    const at = withInode(to, from.inode);
    const linkto = await createLinkfile(dht, frame, at, dstHashed, srcCached, from.inode.gfid, undefined);
    if (linkto.created && work.stat !== undefined) healLinkfileOwner(dht, frame, at, dstHashed, work.stat);
  }
}

/** Undoes what was made for the new name. */
async function cleanUp(work: Rename): Promise<void> {
  const { dht, from, to, srcHashed, srcCached, dstHashed, dstCached } = work;
  if (srcCached === dstCached) return;
  const root = work.root();
  const undo: Promise<unknown>[] = [];
  if (work.linked && dstHashed !== srcHashed && dstHashed !== srcCached)
    undo.push(settle(dht.subvolumes[dstHashed].unlink(root, from, 0, dontAccount(internalFop()))));
  if (work.addedLink && srcCached !== dstHashed) {
    const request = work.sameParent ? dontAccount(internalFop()) : internalFop();
    undo.push(settle(dht.subvolumes[srcCached].unlink(root, to, 0, request)));
  }
  await Promise.all(undo);
}

/**
 * The old name, and what was overwritten, go from bricks that the rename itself did not reach. A file whose old name cannot be taken away
 * loses its new name again, as long as nothing was overwritten.
 */
async function removeOld(work: Rename): Promise<void> {
  const { dht, frame, from, to, srcHashed, srcCached, dstHashed, dstCached } = work;
  const renamedOn = srcCached === dstCached ? srcCached : dstHashed;
  if (srcCached !== dstHashed && srcCached !== dstCached) await removeOldName(work);
  const removals: Promise<unknown>[] = [];
  if (srcHashed !== renamedOn && srcHashed !== srcCached)
    removals.push(removed(work, srcHashed, from, dontAccount(internalFop())));
  if (dstCached >= 0 && dstCached !== dstHashed && dstCached !== srcCached)
    removals.push(removed(work, dstCached, to, internalFop()));
  // Linkto files that are where a name hashed to before a layout was fixed: the rebalance would make names of the file of them.
  const fromSpread = maySpread(dht, from);
  const toSpread = work.sameParent ? fromSpread : maySpread(dht, to);
  for (let i = 0; i < dht.count; i++) {
    if (i === srcCached) continue;
    if (fromSpread && i !== srcHashed && i !== renamedOn)
      removals.push(unlinkLinkto(dht, frame, from, i, internalFop()));
    if (toSpread && i !== dstHashed && i !== dstCached)
      removals.push(unlinkLinkto(dht, frame, to, i, internalFop()));
  }
  await Promise.all(removals);
}

async function removeOldName(work: Rename): Promise<void> {
  const { dht, frame, from, to, srcCached, dstHashed, dstCached } = work;
  const request = work.sameParent ? dontAccount(internalFop()) : internalFop();
  changelogRename(request, from, to);
  const { errno, error } = await settle(dht.subvolumes[srcCached].unlink(frame, from, 0, request));
  if (errno === 0 || isMissing(errno)) return;
  dht.log('E', `${from.name}, renamed to ${to.name}, keeps its old name: errno ${errno}`);
  if (dstCached >= 0) return;
  await Promise.all([
    settle(dht.subvolumes[srcCached].unlink(work.root(), to, 0, internalFop())),
    unlinkLinkto(dht, frame, to, dstHashed, internalFop()),
  ]);
  throw error;
}

/** Whether linkto files of a name may be on bricks that it does not hash to: not once a rebalance has seen the whole directory. */
function maySpread(dht: Distribute, loc: Loc): boolean {
  return !dht.commitHash.settled(dht.layoutOf(loc.parent));
}

async function removed(work: Rename, child: number, loc: Loc, request: Dict): Promise<void> {
  const { dht, frame } = work;
  const { errno } = await settle(dht.subvolumes[child].unlink(frame, loc, 0, request));
  if (errno !== 0 && !isMissing(errno))
    dht.log('W', `${loc.name} stays on ${dht.childNames[child]} after a rename: errno ${errno}`);
}

/** Without the directories' attributes: they are of one brick of several, and whoever caches them has to ask again. */
function answerOf(work: Rename): RenameAnswer {
  const { answer, stat } = work;
  if (stat === undefined) throw work.dht.error(EINVAL);
  stripPhase1(stat);
  return answer?.xdata === undefined ? { stat } : { stat, xdata: answer.xdata };
}
