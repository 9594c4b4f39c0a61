import type { Fd } from '../../../graph/fd.ts';
import type { GraphEntry, RemoveAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { Iatt } from '../../../types/iatt.ts';
import { settle, windAll } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EACCES, ENOENT, ENOTEMPTY, isMissing } from './errnos.ts';
import { fixDirectory, isLinkfile, mergeIatt } from './iatt.ts';
import { protectNamespace, unprotectNamespace } from './locks.ts';
import { linktoTarget } from './lookup-state.ts';
import { restoreDirectory } from './selfheal.ts';

/**
 * Removes a directory: first, stale linkto files in it go (a user does not see them); then the directory goes from all bricks but the
 * hashed one, and from that last, so that the name is there until all of it is gone. What fails half way is put back.
 */
export async function rmdir(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  flags: number,
  xdata: Dict | undefined,
): Promise<RemoveAnswer> {
  if (flags === 0) await removeLinktos(dht, frame, loc, xdata);
  const hashed = dht.hashedOf(loc);
  const merged: RemoveAnswer = {};
  const namespace = await protectNamespace(dht, frame, loc, hashed);
  let restore = false;
  let failed: unknown;
  try {
    const outcomes = await windAll(dht.count, i =>
      i === hashed ? undefined : dht.subvolumes[i].rmdir(frame, loc, flags, undefined),
    );
    let removed = false;
    for (const outcome of outcomes) {
      if (outcome === undefined) continue;
      if (outcome.answer !== undefined) {
        removed = true;
        mergeParents(merged, outcome.answer);
      } else if (!isMissing(outcome.errno)) {
        failed = outcome.error;
        if (outcome.errno !== EACCES) restore = true;
      }
    }
    if (restore) restore = removed;
    if (failed === undefined) {
      const last = await settle(dht.subvolumes[hashed].rmdir(frame, loc, flags, undefined));
      if (last.answer !== undefined) mergeParents(merged, last.answer);
      else {
        failed = last.error;
        restore = !isMissing(last.errno) && last.errno !== EACCES;
      }
    }
  } finally {
    unprotectNamespace(dht, namespace);
  }
  if (restore) await putBack(dht, frame, loc);
  if (failed !== undefined) throw failed;
  dht.seeTimes(loc.parent, merged.preparent, merged.postparent);
  fixDirectory(merged.preparent);
  fixDirectory(merged.postparent);
  return merged;
}

function mergeParents(merged: RemoveAnswer, answer: RemoveAnswer): void {
  const pre = mergeIatt(merged.preparent, answer.preparent);
  const post = mergeIatt(merged.postparent, answer.postparent);
  if (pre !== undefined) merged.preparent = pre;
  if (post !== undefined) merged.postparent = post;
}

/** The directory is made again where it went, with the attributes of those that are left. */
async function putBack(dht: Distribute, frame: Frame, loc: Loc): Promise<void> {
  const stat = new Iatt();
  stat.gfid = loc.inode.gfid;
  stat.mode = 0o040000;
  const { error } = await settle(restoreDirectory(dht, frame, loc, stat));
  if (error !== undefined) dht.log('W', `restoring ${loc.name} after rmdir failed`);
}

/** Removes linkto files that point nowhere from all bricks; rejects with ENOTEMPTY when there is anything else. */
async function removeLinktos(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xdata: Dict | undefined,
): Promise<void> {
  const fd = loc.inode.table.openFd(loc.inode, 0, frame.root.pid, frame.root.lkOwner);
  try {
    const request = Dict.from(xdata).setUint(dht.linkKey, 256);
    const opened = await windAll(dht.count, i => dht.subvolumes[i].opendir(frame, loc, fd, request));
    for (const outcome of opened)
      if (outcome !== undefined && outcome.errno !== 0 && !isMissing(outcome.errno)) throw outcome.error;
    const emptied = await windAll(dht.count, i =>
      opened[i]?.errno === 0 ? emptyBrick(dht, frame, loc, fd, i) : undefined,
    );
    for (const outcome of emptied) if (outcome !== undefined && outcome.errno !== 0) throw outcome.error;
  } finally {
    fd.release();
  }
}

async function emptyBrick(dht: Distribute, frame: Frame, loc: Loc, fd: Fd, child: number): Promise<void> {
  const request = new Dict().setUint(dht.linkKey, 256);
  for (;;) {
    const { answer } = await settle(dht.subvolumes[child].readdirp(frame, fd, 4096, 0n, request));
    const entries = (answer?.entries ?? []).filter(({ name }) => name !== '.' && name !== '..');
    if (entries.length === 0) return;
    for (const entry of entries)
      if (entry.stat === undefined || !isLinkfile(entry.stat, entry.dict, dht.linkKey))
        throw dht.error(ENOTEMPTY);
    const removed = await Promise.all(entries.map(entry => removeLinkto(dht, frame, loc, entry, child)));
    // What can neither be looked up nor removed would be listed for ever.
    if (!removed.includes(true)) throw dht.error(ENOTEMPTY);
  }
}

async function removeLinkto(
  dht: Distribute,
  frame: Frame,
  dir: Loc,
  entry: GraphEntry,
  child: number,
): Promise<boolean> {
  const { table } = dir.inode;
  const loc = new Loc(table.create(), dir.inode, entry.name, table.path(dir.inode, entry.name));
  const request = new Dict().setUint(dht.linkKey, 256);
  const target = linktoTarget(dht, entry.dict);
  if (target >= 0 && target !== child) {
    // It is not stale: the file is there.
    const { errno, error } = await settle(dht.subvolumes[target].lookup(frame, loc, request));
    if (errno === 0) throw dht.error(ENOTEMPTY);
    if (errno !== ENOENT) throw error;
  }
  const { answer } = await settle(dht.subvolumes[child].lookup(frame, loc, request));
  if (answer === undefined) return false;
  if (!isLinkfile(answer.stat, answer.xdata, dht.linkKey)) throw dht.error(ENOTEMPTY);
  const { errno, error } = await settle(dht.subvolumes[child].unlink(frame, loc, 0, undefined));
  if (errno !== 0 && errno !== ENOENT) throw error;
  return true;
}
