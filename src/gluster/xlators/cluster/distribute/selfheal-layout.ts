import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { DICT_IATT, Dict } from '../../../types/dict.ts';
import { F_WRLCK } from '../../../types/fs.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { windAll } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { mergeIatt } from './iatt.ts';
import { ERR_NO_LAYOUT, type Layout, LayoutEntry } from './layout.ts';
import { encodeLayout, mergeAnswer } from './layout-disk.ts';
import { type BrickLock, releaseLocks, takeLocks } from './locks.ts';
import {
  DOMAIN_LAYOUT_HEAL,
  IATT_IN_XDATA,
  INTERNAL_FOP,
  QUOTA_LIMIT,
  QUOTA_LIMIT_OBJECTS,
} from './names.ts';

/** A directory whose layout is to be written. */
export interface LayoutPatient {
  readonly dht: Distribute;
  readonly frame: Frame;
  readonly loc: Loc;
  readonly layout: Layout;
  readonly stat: Iatt;
  readonly xattrs: Dict | undefined;
  readonly hashed: number;
  readonly force: boolean;
}

export interface HealedLayout {
  readonly layout: Layout;
  readonly stat: Iatt;
}

/** What the bricks have now, and their attributes put together. */
export interface RefreshedLayout {
  readonly layout: Layout;
  readonly stat: Iatt | undefined;
}

/** Reads the layout of a directory from all bricks (`dht_refresh_layout`); rejects when none answers. Not sorted. */
export async function refreshLayout(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  stat: Iatt | undefined,
): Promise<RefreshedLayout> {
  const layout = dht.newLayout();
  const request = new Dict().setUint(dht.config.xattrName, 16);
  const outcomes = await windAll(dht.count, i => dht.subvolumes[i].lookup(frame, loc, request));
  let merged = stat;
  let any = false;
  let last: unknown;
  for (let i = 0; i < dht.count; i++) {
    const { answer, errno, error } = outcomes[i]!;
    mergeAnswer(layout, i, errno, answer?.xdata, dht.config.xattrName);
    merged = mergeIatt(merged, answer?.stat);
    if (answer !== undefined) any = true;
    else last = error;
  }
  if (!any) throw last;
  return { layout, stat: merged };
}

/**
 * Locks the layout of a directory on all bricks, so that of several clients one heals (of a new directory only on its hashed brick), sees
 * whether it still is as it was, and writes what is missing.
 */
export async function healLayout(patient: LayoutPatient, newDirectory: boolean): Promise<HealedLayout> {
  const { dht, frame, loc } = patient;
  const children = newDirectory ? [patient.hashed] : dht.childNames.map((_, i) => i);
  const held = await lockLayout(dht, frame, loc, children);
  try {
    const refreshed = await refreshLayout(dht, frame, loc, patient.stat);
    const disk = refreshed.layout;
    disk.sort();
    let stat = refreshed.stat ?? patient.stat;
    const { holes, overlaps } = disk.anomalies();
    const missing = !patient.force && patient.layout.missingDirectories() > 0;
    if (holes === 0 && overlaps === 0 && !missing && !patient.force) return { layout: disk, stat };
    // A well-formed layout stays; bricks that got the directory just now have no part in it.
    const layout = holes === 0 && overlaps === 0 ? disk : patient.layout;
    stat = await writeLayout(patient, layout, stat);
    return { layout, stat };
  } finally {
    void releaseLocks(dht, held);
  }
}

/** Exclusive locks of a directory's layout. */
export function lockLayout(dht: Distribute, frame: Frame, loc: Loc, children: readonly number[]) {
  const locks = children.map(
    (subvolume): BrickLock => ({
      subvolume,
      inode: loc.inode,
      type: F_WRLCK,
      domain: DOMAIN_LAYOUT_HEAL,
      name: undefined,
      tolerance: 'none',
    }),
  );
  return takeLocks(dht, frame, locks);
}

/** Writes the parts that bricks do not have yet; those without a range get an empty one. */
async function writeLayout(patient: LayoutPatient, layout: Layout, stat: Iatt): Promise<Iatt> {
  const { dht } = patient;
  const wanted: (Buffer | undefined)[] = [];
  for (let i = 0; i < dht.count; i++) {
    const entry = layout.of(i);
    if (entry !== undefined && entry.err === ERR_NO_LAYOUT && entry.stop !== 0)
      wanted.push(encodeLayout(entry, layout.type));
    else wanted.push(layout.hasRange(i) ? undefined : encodeLayout(new LayoutEntry(), 0));
  }
  return writeParts(patient, layout, stat, wanted);
}

/** Writes a layout anew to all bricks, whatever they have: fix-layout. */
export function rewriteLayout(patient: LayoutPatient, layout: Layout, stat: Iatt): Promise<Iatt> {
  const { dht } = patient;
  const none = new LayoutEntry();
  none.commitHash = layout.commitHash;
  const wanted = dht.childNames.map((_, i) => encodeLayout(layout.of(i) ?? none, layout.type));
  return writeParts(patient, layout, stat, wanted);
}

async function writeParts(
  patient: LayoutPatient,
  layout: Layout,
  before: Iatt,
  wanted: readonly (Buffer | undefined)[],
): Promise<Iatt> {
  const { dht, frame, loc, xattrs } = patient;
  const outcomes = await windAll(dht.count, i => {
    const bytes = wanted[i];
    if (bytes === undefined) return undefined;
    const dict = new Dict().setBytes(dht.config.xattrName, bytes);
    for (const key of [QUOTA_LIMIT, QUOTA_LIMIT_OBJECTS]) {
      const value = xattrs?.get(key);
      if (value !== undefined) dict.set(key, value);
    }
    const xdata = new Dict().setString(INTERNAL_FOP, 'yes').setInt(IATT_IN_XDATA, 1);
    return dht.subvolumes[i].setxattr(frame, loc, dict, 0, xdata);
  });
  let stat: Iatt = before;
  outcomes.forEach((outcome, i) => {
    if (outcome === undefined) return;
    const entry = layout.of(i);
    if (entry !== undefined) entry.err = outcome.errno;
    const value = outcome.answer?.xdata?.get(IATT_IN_XDATA);
    if (value?.type === DICT_IATT) stat = mergeIatt(stat, value.value) ?? stat;
  });
  return stat;
}
