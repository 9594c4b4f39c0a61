import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { GFID_NULL, GFID_ROOT } from '../../../types/gfid.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { windAll } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EEXIST, EINVAL, isMissing } from './errnos.ts';
import { mergeIatt } from './iatt.ts';
import { COMMIT_HASH_INVALID, ERR_NO_LAYOUT, type Layout } from './layout.ts';
import { withInode } from './loc.ts';
import { asRoot, protectNamespace, unprotectNamespace } from './locks.ts';
import type { LookupState } from './lookup-state.ts';
import { GFID_REQ, INTERNAL_CTX, LIST_XATTR, PID_NO_ROOT_SQUASH } from './names.ts';
import { layOutNewDirectory } from './new-layout.ts';
import { healLayout } from './selfheal-layout.ts';
import { healXattrs, markMdsAndWait, takeHealed } from './selfheal-xattrs.ts';

/** All attributes; bricks take those that can be set. */
const ALL_ATTRIBUTES = 0xffffff;

/** A directory that is being healed. */
export interface Patient {
  readonly dht: Distribute;
  /** As root. */
  readonly frame: Frame;
  loc: Loc;
  layout: Layout;
  stat: Iatt;
  /** Attributes for bricks that get the directory; quota limits among them. */
  xattrs: Dict | undefined;
  hashed: number;
  mds: number;
  /** Make it on every brick, whatever is known of it. */
  readonly force: boolean;
  needAttrHeal: boolean;
  needLayout: boolean;
}

/**
 * Heals a directory that a lookup found wanting: makes it on bricks that do not have it, gives all the same owner and
 * permissions and extended attributes, and repairs the layout. While a brick is down nothing is healed. Returns the layout that is in
 * force then. (`dht_selfheal_directory`)
 */
export async function selfhealDirectory(state: LookupState): Promise<Layout> {
  const { dht } = state;
  const root = state.stat!.gfid === GFID_ROOT;
  if (state.needAttrHeal) {
    const source = root ? state.rootStat : state.mdsStat;
    if (source !== undefined) {
      const stat = state.stat!;
      stat.uid = source.uid;
      stat.gid = source.gid;
      stat.mode = source.mode;
      stat.ctime = source.ctime;
      stat.ctimeNsec = source.ctimeNsec;
    }
  }
  if (!root) linkInode(state);
  if (state.needXattrHeal && state.mdsXattrs !== undefined) {
    state.xattrs ??= new Dict();
    takeHealed(state.xattrs, state.mdsXattrs);
    state.mdsXattrs = undefined;
  }
  const layout = state.layout!;
  const { holes, overlaps, missing, down, misc } = layout.anomalies();
  if (down > 0 || misc > 0) return layout;
  layout.sortByName(dht.childNames);
  if (holes > 0 || overlaps > 0) {
    // Files need not be where the new ranges put them.
    layout.commitHash = COMMIT_HASH_INVALID;
    layOutNewDirectory(dht, dht.pathed(state.loc), layout);
  }
  const patient: Patient = {
    dht,
    frame: asRoot(state.frame, PID_NO_ROOT_SQUASH),
    loc: state.loc,
    layout,
    stat: state.stat!,
    xattrs: state.xattrs,
    hashed: state.hashed,
    mds: state.mds,
    force: false,
    needAttrHeal: state.needAttrHeal,
    needLayout: holes > 0 || overlaps > 0 || missing > 0,
  };
  if (!layout.entries.some(entry => isMissing(entry.err))) {
    if (!root) {
      if (state.needXattrHeal) healXattrs(dht, state.frame, state.loc, state.mds);
      else await markMdsAndWait(state);
    }
    await healAttributes(patient);
  } else if (!(await makeDirectories(patient))) return layout;
  state.stat = patient.stat;
  return patient.layout;
}

/** The directory is known by its gfid from now on: fops on it go by that. */
function linkInode(state: LookupState): void {
  const { loc } = state;
  if (loc.parent === undefined) return;
  const linked = loc.inode.table.link(loc.inode, loc.parent, loc.name, state.stat!);
  if (linked === loc.inode) return;
  state.loc = withInode(loc, linked);
  state.inode = linked;
}

/** Puts a directory back on all bricks after an rmdir that failed half way (`dht_selfheal_restore`). */
export async function restoreDirectory(dht: Distribute, frame: Frame, loc: Loc, stat: Iatt): Promise<void> {
  const layout = dht.layoutOf(loc.inode);
  if (layout === undefined) return;
  const patient: Patient = {
    dht,
    frame: asRoot(frame, PID_NO_ROOT_SQUASH),
    loc,
    layout,
    stat,
    xattrs: undefined,
    hashed: dht.hashedOf(loc),
    mds: dht.mdsOf(loc.inode),
    force: true,
    needAttrHeal: false,
    needLayout: false,
  };
  await makeDirectories(patient);
}

/**
 * Makes the directory where it is missing, under the lock of its name: a lookup before makes sure that nobody removed it
 * meanwhile. False: that was not to be, and nothing was changed.
 */
async function makeDirectories(patient: Patient): Promise<boolean> {
  const { dht, frame, loc, layout } = patient;
  if (patient.hashed < 0) patient.hashed = dht.hashedOf(loc);
  if (patient.hashed < 0) return false;
  if (dht.count > 1 && !patient.xattrs?.has(dht.mdsKey))
    makeContext(loc.inode, dht.slot).mds = patient.hashed;
  const namespace = await protectNamespace(dht, frame, loc, patient.hashed);
  try {
    const request = new Dict().setInt(LIST_XATTR, 1);
    const outcomes = await windAll(dht.count, i =>
      dht.subvolumes[i].lookup(frame, loc, i === patient.mds ? request : undefined),
    );
    let gone = 0;
    let lastError: unknown;
    const { mode, uid, gid } = patient.stat;
    for (let i = 0; i < dht.count; i++) {
      const { answer, errno, error } = outcomes[i]!;
      const entry = layout.of(i);
      if (answer !== undefined) {
        patient.stat = mergeIatt(patient.stat, answer.stat)!;
        if (i === patient.mds && answer.xdata !== undefined) patient.xattrs = answer.xdata;
        if (entry !== undefined) entry.err = ERR_NO_LAYOUT;
      } else if (isMissing(errno)) {
        gone++;
        lastError = error;
        if (entry !== undefined) entry.err = errno;
      }
    }
    if (gone === layout.entries.length) throw lastError;
    // Whoever differs is what is healed, not where from.
    if (patient.needAttrHeal) Object.assign(patient.stat, { mode, uid, gid });
    await makeMissing(patient);
  } finally {
    unprotectNamespace(dht, namespace);
  }
  await healAttributes(patient);
  return true;
}

/** A flag of `glusterfs.internal-ctx`: quota does not refuse a directory that is healed (GF_DHT_HEAL_DIR, bit 0 of 256). */
function healFlag(): Buffer {
  const bits = Buffer.alloc(32);
  bits[0] = 1;
  return bits;
}

async function makeMissing(patient: Patient): Promise<void> {
  const { dht, frame, loc, layout, stat } = patient;
  const request = new Dict();
  if (stat.gfid !== GFID_NULL) request.setGfid(GFID_REQ, stat.gfid);
  if (patient.xattrs !== undefined) takeHealed(request, patient.xattrs);
  request.setBytes(INTERNAL_CTX, healFlag());
  const outcomes = await windAll(dht.count, i => {
    const entry = layout.of(i);
    if (entry === undefined || !(isMissing(entry.err) || patient.force)) return undefined;
    return dht.subvolumes[i].mkdir(frame, loc, stat.mode, 0, request);
  });
  for (let i = 0; i < dht.count; i++) {
    const outcome = outcomes[i];
    const entry = layout.of(i);
    if (outcome === undefined || entry === undefined) continue;
    if (outcome.errno === 0 || outcome.errno === EEXIST) entry.err = ERR_NO_LAYOUT;
    else dht.log('W', `healing ${loc.name} on ${dht.childNames[i]}: errno ${outcome.errno}`);
  }
}

/** Owner, permissions and times on all bricks, then the layout. */
async function healAttributes(patient: Patient): Promise<void> {
  const { dht, frame, layout } = patient;
  const fresh = layout.entries.some(entry => entry.err === ERR_NO_LAYOUT);
  if (fresh || patient.needAttrHeal)
    await windAll(dht.count, i =>
      dht.subvolumes[i].setattr(frame, patient.loc, patient.stat, ALL_ATTRIBUTES, undefined),
    );
  if (!patient.needLayout) return;
  if (patient.loc.inode.gfid === GFID_NULL) throw dht.error(EINVAL);
  const healed = await healLayout(patient, false);
  patient.layout = healed.layout;
  patient.stat = healed.stat;
}
