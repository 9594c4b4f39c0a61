import { errnoOf } from '../../../graph/fop-error.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { settle } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { asRoot } from './locks.ts';
import type { LookupState } from './lookup-state.ts';
import {
  HEALED_XATTRS,
  INTERNAL_FOP,
  PID_NO_ROOT_SQUASH,
  QUOTA_LIMIT,
  QUOTA_LIMIT_OBJECTS,
  SYNC_BACKEND_XATTRS,
} from './names.ts';

/** Copies what a directory's metadata server passes on to the other bricks. Returns whether there was any. */
export function takeHealed(to: Dict, from: Dict): boolean {
  let any = false;
  for (const [key, value] of from.entries)
    if (key.startsWith('user.') || HEALED_XATTRS.includes(key)) {
      to.set(key, value);
      any = true;
    }
  return any;
}

/**
 * Brings the extended attributes of a directory that were changed while a brick was down to that brick; nobody waits for it. When all bricks
 * have them, the count on the metadata server goes back to zero.
 */
export function healXattrs(dht: Distribute, frame: Frame, loc: Loc, mds: number): void {
  if (mds < 0 || loc.inode.gfid === GFID_NULL) return;
  heal(dht, asRoot(frame, PID_NO_ROOT_SQUASH), new Loc(loc.inode), mds).catch(error =>
    dht.log('E', `healing xattrs of a directory: errno ${errnoOf(error)}`),
  );
}

async function heal(dht: Distribute, frame: Frame, loc: Loc, mds: number): Promise<void> {
  const { dict } = await dht.subvolumes[mds].getxattr(frame, loc, undefined, undefined);
  const wanted = new Dict();
  if (!takeHealed(wanted, dict)) return;
  const xdata = new Dict();
  if (wanted.has(QUOTA_LIMIT) || wanted.has(QUOTA_LIMIT_OBJECTS)) xdata.setInt(INTERNAL_FOP, 1);
  xdata.setInt(SYNC_BACKEND_XATTRS, 1);
  let failed = false;
  for (let i = 0; i < dht.count; i++) {
    if (i === mds) continue;
    const { errno } = await settle(dht.subvolumes[i].setxattr(frame, loc, wanted, 0, xdata));
    if (errno !== 0) failed = true;
  }
  if (failed) return;
  const zero = new Dict().setBytes(dht.mdsKey, Buffer.alloc(4));
  await settle(dht.subvolumes[mds].setxattr(frame, loc, zero, 0, undefined));
}

/**
 * Makes the child that the directory's name hashes to its metadata server, if it has none. `background`: a lookup goes on meanwhile, and
 * it is only done while all bricks are up. False: it cannot be told which child that is.
 */
export function markMds(state: LookupState, background: boolean): boolean {
  const { dht, inode } = state;
  if (state.xattrs?.has(dht.mdsKey)) return true;
  if (background && !dht.up.allUp()) return true;
  const hashed = hashedOfInode(state);
  if (hashed < 0) return false;
  void setMdsXattr(state, hashed).then(done => {
    if (done) makeContext(inode, dht.slot).mds = hashed;
  });
  return true;
}

/** As `markMds`, and waits. */
export async function markMdsAndWait(state: LookupState): Promise<void> {
  const { dht, inode } = state;
  if (state.xattrs?.has(dht.mdsKey)) return;
  const hashed = hashedOfInode(state);
  if (hashed >= 0 && (await setMdsXattr(state, hashed))) makeContext(inode, dht.slot).mds = hashed;
}

async function setMdsXattr(state: LookupState, child: number): Promise<boolean> {
  const { dht } = state;
  const zero = new Dict().setBytes(dht.mdsKey, Buffer.alloc(4));
  const root = asRoot(state.frame, PID_NO_ROOT_SQUASH);
  const { errno } = await settle(dht.subvolumes[child].setxattr(root, state.loc, zero, 0, undefined));
  return errno === 0;
}

function hashedOfInode(state: LookupState): number {
  const { dht, loc, inode } = state;
  if (loc.parent !== undefined) return dht.hashedOf(loc);
  const table = inode.table;
  const parent = table.parentOf(inode);
  if (parent === undefined) return -1;
  const path = table.path(inode);
  return dht.hashedOf(new Loc(inode, parent, path.slice(path.lastIndexOf('/') + 1), path));
}
