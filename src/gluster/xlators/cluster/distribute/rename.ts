import type { RenameAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { F_WRLCK } from '../../../types/fs.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { IA_IFDIR, type Iatt } from '../../../types/iatt.ts';
import { settle } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOENT, isMissing } from './errnos.ts';
import { isLinkfile, stripPhase1 } from './iatt.ts';
import { createLinkfile, healLinkfileOwner } from './linkfile.ts';
import { withInode } from './loc.ts';
import {
  asRoot,
  type BrickLock,
  type HeldLocks,
  type Namespace,
  releaseLocks,
  takeLocks,
  unprotectNamespace,
} from './locks.ts';
import { DOMAIN_FILE_MIGRATE, FORCE_REPLACE, PID_NO_ROOT_SQUASH } from './names.ts';
import { renameDirectory } from './rename-dir.ts';
import { protectBoth } from './rename-locks.ts';
import { changelogRename, dontAccount, internalFop } from './rename-plan.ts';

/** A rename of a file with the four children that take part. */
class Rename {
  readonly dht: Distribute;
  readonly frame: Frame;
  readonly from: Loc;
  to: Loc;
  readonly xdata: Dict;
  readonly srcHashed: number;
  srcCached: number;
  readonly dstHashed: number;
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

/**
 * The order of things: the file is locked against being moved by a rebalance, both names against other works, and then looked up again;
 * the new name's linkto file is made, the new name linked to the file on its brick, the linkto file renamed over, and then the old
 * name goes. Before the link a failure undoes all; after the linkto file's part it is only a stale linkto file.
 */
async function renameFile(work: Rename): Promise<RenameAnswer> {
  const { dht, frame } = work;
  let migrate: HeldLocks | undefined;
  let names: Namespace[] = [];
  try {
    migrate = await takeLocks(dht, frame, migrateLocks(work));
    names = await protectBoth(dht, frame, work.from, work.to, work.srcHashed, work.dstHashed);
    await lookAgain(work);
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

function migrateLocks(work: Rename): BrickLock[] {
  const lock = (subvolume: number, loc: Loc, tolerance: BrickLock['tolerance']): BrickLock => ({
    subvolume,
    inode: loc.inode,
    type: F_WRLCK,
    domain: DOMAIN_FILE_MIGRATE,
    name: undefined,
    tolerance,
  });
  const locks = [lock(work.srcCached, work.from, 'none')];
  // What is overwritten may be gone by now, which is no reason to fail.
  if (work.dstCached >= 0) locks.push(lock(work.dstCached, work.to, 'missing-or-eio'));
  return locks;
}

/** Both names may have changed while we waited: the source must still be the file, the target may be another by now. */
async function lookAgain(work: Rename): Promise<void> {
  const { dht, frame, from, to } = work;
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
  if (source.answer === undefined) throw source.error;
  const { stat, xdata } = source.answer;
  if (isLinkfile(stat, xdata, dht.linkKey) || stat.gfid !== from.inode.gfid) throw dht.error(ENOENT);
}

/** A lookup that is part of a rename must not wait for the lock of a name, which the rename has. */
function named(frame: Frame): Frame {
  if (frame.root.op === 'rename') return frame;
  const own = frame.detach();
  own.root.op = 'rename';
  return own;
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
    const params = internalFop().setString(FORCE_REPLACE, 'yes');
    const linkto = await createLinkfile(dht, frame, from, dstHashed, srcCached, from.inode.gfid, params);
    work.linked = linkto.created;
    if (!linkto.ok) {
      await cleanUp(work);
      throw linkto.error;
    }
  }
  const request = internalFop();
  if (work.sameParent) dontAccount(request);
  request.setString(FORCE_REPLACE, 'yes');
  const { answer, error } = await settle(dht.subvolumes[srcCached].link(frame, from, to, request));
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
  const as = work.linked ? work.root() : frame;
  const { answer, errno, error } = await settle(dht.subvolumes[child].rename(as, from, to, work.xdata));
  if (answer === undefined) {
    // Of the linkto file it does not matter: others may know the new name already, which must not vanish again.
    if (child === srcCached) {
      await cleanUp(work);
      throw error;
    }
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

/** The old name, and what was overwritten, go from bricks that the rename itself did not reach. */
async function removeOld(work: Rename): Promise<void> {
  const { dht, frame, from, to, srcHashed, srcCached, dstHashed, dstCached } = work;
  const renamedOn = srcCached === dstCached ? srcCached : dstHashed;
  const removals: Promise<unknown>[] = [];
  if (srcCached !== dstHashed && srcCached !== dstCached) {
    const request = work.sameParent ? dontAccount(internalFop()) : internalFop();
    changelogRename(request, from, to);
    removals.push(settle(dht.subvolumes[srcCached].unlink(frame, from, 0, request)));
  }
  if (srcHashed !== renamedOn && srcHashed !== srcCached)
    removals.push(settle(dht.subvolumes[srcHashed].unlink(frame, from, 0, dontAccount(internalFop()))));
  if (dstCached >= 0 && dstCached !== dstHashed && dstCached !== srcCached)
    removals.push(settle(dht.subvolumes[dstCached].unlink(frame, to, 0, internalFop())));
  await Promise.all(removals);
}

/** Without the directories' attributes: they are of one brick of several, and whoever caches them has to ask again. */
function answerOf(work: Rename): RenameAnswer {
  const { answer, stat } = work;
  if (stat === undefined) throw work.dht.error(EINVAL);
  stripPhase1(stat);
  return answer?.xdata === undefined ? { stat } : { stat, xdata: answer.xdata };
}
