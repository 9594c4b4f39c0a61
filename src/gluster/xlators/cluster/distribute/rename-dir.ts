import type { RenameAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { settle, windAll } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { ENOTCONN, ENOTEMPTY } from './errnos.ts';
import { mergeIatt } from './iatt.ts';
import { unprotectNamespace } from './locks.ts';
import { protectBoth } from './rename-locks.ts';

/**
 * A directory is renamed on all bricks, first on the one that the new name hashes to. All must be up. When some fail, those that had done
 * it do it back.
 */
export async function renameDirectory(
  dht: Distribute,
  frame: Frame,
  from: Loc,
  to: Loc,
  srcHashed: number,
  dstHashed: number,
  dstCached: number,
): Promise<RenameAnswer> {
  if (!dht.up.allUp()) throw dht.error(ENOTCONN);
  const names = await protectBoth(dht, frame, from, to, srcHashed, dstHashed);
  try {
    if (dstCached >= 0 && !(await isEmpty(dht, frame, to))) throw dht.error(ENOTEMPTY);
    const first = await dht.subvolumes[dstHashed].rename(frame, from, to, undefined);
    let stat: Iatt | undefined = mergeIatt(undefined, first.stat);
    const outcomes = await windAll(dht.count, i =>
      i === dstHashed ? undefined : dht.subvolumes[i].rename(frame, from, to, undefined),
    );
    let failed: unknown;
    const done = [dstHashed];
    outcomes.forEach((outcome, i) => {
      if (outcome === undefined) return;
      if (outcome.answer === undefined) failed = outcome.error;
      else {
        done.push(i);
        stat = mergeIatt(stat, outcome.answer.stat);
      }
    });
    if (failed !== undefined) {
      await Promise.all(done.map(i => settle(dht.subvolumes[i].rename(frame, to, from, undefined))));
      throw failed;
    }
    return { stat: stat! };
  } finally {
    for (const namespace of names) unprotectNamespace(dht, namespace);
  }
}

/** Looks into the directory that is to be overwritten, on all bricks. */
async function isEmpty(dht: Distribute, frame: Frame, to: Loc): Promise<boolean> {
  const fd = to.inode.table.openFd(to.inode, 0, frame.root.pid, frame.root.lkOwner);
  try {
    const opened = await windAll(dht.count, i => dht.subvolumes[i].opendir(frame, to, fd, undefined));
    const listed = await windAll(dht.count, i =>
      opened[i]?.errno === 0 ? dht.subvolumes[i].readdir(frame, fd, 4096, 0n, undefined) : undefined,
    );
    return listed.every(outcome => (outcome?.answer?.entries.length ?? 0) <= 2);
  } finally {
    fd.release();
  }
}
