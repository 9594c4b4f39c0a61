import type { Fd } from '../../../graph/fd.ts';
import type { Answer, Fops, PrePostAnswer, StatAnswer, StatfsAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import type { StatVfs } from '../../../types/fs.ts';
import { GFID_ROOT } from '../../../types/gfid.ts';
import { IA_IFDIR, IA_INVAL, type Iatt } from '../../../types/iatt.ts';
import { type Outcome, windAll } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOTCONN } from './errnos.ts';
import { mergeIatt } from './iatt.ts';

/*
 * Fops on directories (and on what is neither directory nor regular file, which is on one child) go to all that have it, and their answers
 * are put together; one good answer is enough.
 */

/** The children of an inode: a file's one, a directory's all. */
function windLayout<T>(
  dht: Distribute,
  inode: Inode,
  wind: (child: Fops) => Promise<T>,
): Promise<(Outcome<T> | undefined)[]> {
  const layout = dht.layoutOf(inode);
  if (layout === undefined) return dht.fail(EINVAL);
  return windAll(layout.entries.length, i => wind(dht.subvolumes[layout.entries[i].subvolume]));
}

export async function stat(
  dht: Distribute,
  inode: Inode,
  wind: (child: Fops) => Promise<StatAnswer>,
): Promise<StatAnswer> {
  const outcomes = await windLayout(dht, inode, wind);
  let merged: Iatt | undefined;
  let last: StatAnswer | undefined;
  let error: unknown;
  for (const outcome of outcomes) {
    if (outcome!.answer === undefined) error = outcome!.error;
    else {
      last = outcome!.answer;
      merged = mergeIatt(merged, last.stat);
    }
  }
  if (merged === undefined) throw error;
  return last?.xdata === undefined ? { stat: merged } : { stat: merged, xdata: last.xdata };
}

/** Puts answers of a change together; rejects when there is none. */
function prePost(outcomes: readonly (Outcome<PrePostAnswer> | undefined)[]): PrePostAnswer {
  let pre: Iatt | undefined;
  let post: Iatt | undefined;
  let xdata: Dict | undefined;
  let error: unknown;
  for (const outcome of outcomes) {
    if (outcome === undefined) continue;
    if (outcome.answer === undefined) error = outcome.error;
    else {
      pre = mergeIatt(pre, outcome.answer.pre);
      post = mergeIatt(post, outcome.answer.post);
      xdata = outcome.answer.xdata;
    }
  }
  if (pre === undefined || post === undefined) throw error;
  return xdata === undefined ? { pre, post } : { pre, post, xdata };
}

/** The metadata server's attributes count: first there, and only when that went well on the others, whatever they say. */
export async function setattr(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  attributes: Iatt,
  valid: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  const { inode } = loc;
  const layout = dht.layoutOf(inode);
  if (layout === undefined) throw dht.error(EINVAL);
  const wind = (child: Fops) => child.setattr(frame, loc, attributes, valid, xdata);
  let answer: PrePostAnswer;
  if (inode.type === IA_IFDIR && inode.gfid !== GFID_ROOT && layout.entries.length > 1) {
    const mds = dht.mdsOf(inode);
    if (mds < 0) throw dht.error(EINVAL);
    if (!dht.up.is(mds)) throw dht.error(ENOTCONN);
    const first = await wind(dht.subvolumes[mds]);
    const others = await windAll(dht.count, i => (i === mds ? undefined : wind(dht.subvolumes[i])));
    answer = prePost([{ answer: first, errno: 0, error: undefined }, ...others]);
  } else answer = prePost(await windLayout(dht, inode, wind));
  makeContext(inode, dht.slot).times.set(answer.post);
  return answer;
}

export async function fsetattr(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  attributes: Iatt,
  valid: number,
  xdata: Dict | undefined,
): Promise<PrePostAnswer> {
  const answer = prePost(
    await windLayout(dht, fd.inode, child => child.fsetattr(frame, fd, attributes, valid, xdata)),
  );
  makeContext(fd.inode, dht.slot).times.set(answer.post);
  return answer;
}

/** To all children; one good answer is enough. */
export async function any<T extends Answer>(dht: Distribute, wind: (child: Fops) => Promise<T>): Promise<T> {
  const outcomes = await windAll(dht.count, i => wind(dht.subvolumes[i]));
  let error: unknown;
  for (const outcome of outcomes) {
    if (outcome!.answer !== undefined) return outcome!.answer;
    error = outcome!.error;
  }
  throw error;
}

/** GF_IPC_TARGET_UPCALL (glusterfs-fops.h): register for changes of these xattrs; ours are added. */
const IPC_TARGET_UPCALL = 2;

export function ipc(dht: Distribute, frame: Frame, op: number, xdata: Dict | undefined): Promise<Answer> {
  if (op !== IPC_TARGET_UPCALL) return dht.next.ipc(frame, op, xdata);
  const request = Dict.from(xdata).setInt(dht.config.xattrName, 0);
  return any(dht, child => child.ipc(frame, op, request));
}

// --- statfs

/** The sum over all bricks that answer. Where quota limits what a directory shows, the brick with the most usage counts. */
export async function statfs(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xdata: Dict | undefined,
): Promise<StatfsAnswer> {
  const { inode } = loc;
  const directory = inode.type === IA_IFDIR || inode.type === IA_INVAL;
  const asked = directory ? loc : new Loc(inode.table.root, undefined, '', '/');
  const outcomes = await windAll(dht.count, i => dht.subvolumes[i].statfs(frame, asked, xdata));
  let sum: StatVfs | undefined;
  let quota = false;
  let answered: Dict | undefined;
  let error: unknown;
  for (const outcome of outcomes) {
    const { answer } = outcome!;
    if (answer === undefined) {
      error = outcome!.error;
      continue;
    }
    answered = answer.xdata;
    const limited = answer.xdata?.int('quota-deem-statfs') === 1;
    const { statfs } = answer;
    if (quota || limited) {
      if (!limited) continue;
      const used = statfs.blocks - statfs.bfree;
      if (!quota || sum === undefined || used >= sum.blocks - sum.bfree) sum = { ...statfs };
      quota = true;
    } else if (sum === undefined) sum = { ...statfs };
    else addStatfs(sum, { ...statfs });
  }
  if (sum === undefined) throw error;
  return answered === undefined ? { statfs: sum } : { statfs: sum, xdata: answered };
}

function addStatfs(sum: StatVfs, more: StatVfs): void {
  const bsize = Math.max(sum.bsize, more.bsize);
  const frsize = Math.max(sum.frsize, more.frsize);
  normalize(sum, bsize, frsize);
  normalize(more, bsize, frsize);
  sum.blocks += more.blocks;
  sum.bfree += more.bfree;
  sum.bavail += more.bavail;
  sum.files += more.files;
  sum.ffree += more.ffree;
  sum.favail += more.favail;
}

function normalize(vfs: StatVfs, bsize: number, frsize: number): void {
  vfs.bsize = bsize;
  if (vfs.frsize === frsize) return;
  const factor = vfs.frsize / frsize;
  vfs.frsize = frsize;
  vfs.blocks = Math.floor(factor * vfs.blocks);
  vfs.bfree = Math.floor(factor * vfs.bfree);
  vfs.bavail = Math.floor(factor * vfs.bavail);
}
