import type { Answer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { IA_IFDIR, Iatt } from '../../../types/iatt.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOTCONN, ENOTSUP } from './errnos.ts';
import type { Layout } from './layout.ts';
import { releaseLocks } from './locks.ts';
import { layOutAgain } from './new-layout.ts';
import { lockLayout, refreshLayout, rewriteLayout } from './selfheal-layout.ts';

/**
 * distribute.fix.layout on a directory: spreads it over the bricks that there are now (`dht_fix_directory_layout`). Files stay where they
 * are; lookups find them, until a rebalance moves them.
 */
export async function fixLayout(dht: Distribute, frame: Frame, loc: Loc, dict: Dict): Promise<Answer> {
  const { inode } = loc;
  if (inode.type !== IA_IFDIR) throw dht.error(ENOTSUP);
  // A new commit hash is the rebalance daemon's to set.
  if (dict.has('new-commit-hash')) throw dht.error(ENOTSUP);
  const known = dht.layoutOf(inode);
  if (known === undefined) throw dht.error(EINVAL);
  const wanted = layOutAgain(dht, dht.pathed(loc), known);
  if (wanted === undefined) throw dht.error(ENOTCONN);
  const held = await lockLayout(
    dht,
    frame,
    loc,
    dht.childNames.map((_, i) => i),
  );
  try {
    const { layout: disk, stat } = await refreshLayout(dht, frame, loc, undefined);
    disk.sort();
    if (!isWanted(dht, wanted, disk)) {
      dht.setLayout(inode, disk);
      return {};
    }
    const patient = {
      dht,
      frame,
      loc,
      layout: wanted,
      stat: stat ?? new Iatt(),
      xattrs: undefined,
      hashed: -1,
      force: false,
    };
    await rewriteLayout(patient, wanted, patient.stat);
    wanted.sort();
    dht.setLayout(inode, wanted);
    return {};
  } finally {
    void releaseLocks(dht, held);
  }
}

/** Not while bricks are missing; else when the layout on disk is broken, or does not use exactly the bricks that it should. */
function isWanted(dht: Distribute, wanted: Layout, disk: Layout): boolean {
  const { holes, overlaps, down, misc } = disk.anomalies();
  if (down > 0 || misc > 0) return false;
  if (holes > 0 || overlaps > 0) return true;
  if (wanted.commitHash !== disk.commitHash) return true;
  if (disk.entries.some(entry => dht.decommissioned[entry.subvolume])) return true;
  if (disk.span() !== dht.count - dht.decommissionedCount) return true;
  return isWeighted(wanted) !== isWeighted(disk);
}

/** Ranges differ by more than rounding does. */
function isWeighted(layout: Layout): boolean {
  let first = 0;
  for (const { start, stop } of layout.entries) {
    const range = stop - start;
    if (first === 0) first = range;
    else if (range !== 0 && Math.abs(range - first) > layout.entries.length) return true;
  }
  return false;
}
