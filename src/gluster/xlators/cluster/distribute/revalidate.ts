import { errnoOf } from '../../../graph/fop-error.ts';
import type { LookupAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { GFID_NULL, GFID_ROOT } from '../../../types/gfid.ts';
import { IA_IFREG, IA_INVAL } from '../../../types/iatt.ts';
import { windAll } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENODATA, ENOENT, ESTALE } from './errnos.ts';
import { attributesDiffer, fixDirectory, isLater, isLinkfile, mergeIatt, stripPhase1 } from './iatt.ts';
import type { Layout } from './layout.ts';
import { decodeLayout } from './layout-disk.ts';
import { followLinkto } from './lookup.ts';
import { hasXattr, lookupDirectory, needsSelfheal, selfhealAndAnswer } from './lookup-directory.ts';
import { lookupEverywhere } from './lookup-everywhere.ts';
import { answerOf, LookupState, linktoTarget, mdsCount } from './lookup-state.ts';
import { aggregate } from './merge.ts';
import { GFID_REQ } from './names.ts';

const S_ISVTX = 0o1000;

/** A lookup of a file that we know, on its brick. */
export function revalidateFile(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  request: Dict,
  child: number,
): Promise<LookupAnswer> {
  return dht.subvolumes[child].lookup(frame, loc, request).then(
    answer => {
      const { stat, xdata } = answer;
      const { type } = loc.inode;
      if (type !== IA_INVAL && stat.type !== type) return dht.fail(EINVAL);
      if (isLinkfile(stat, xdata, dht.linkKey)) return wasMoved(stateOf(dht, frame, loc, request), answer);
      if (stat.isDirectory) return lookupDirectory(stateOf(dht, frame, loc, request), false);
      if (dht.config.unhashedStickyBit && stat.nlink === 1 && dht.hashedOf(loc) !== child)
        stat.mode |= S_ISVTX;
      dht.seeTimes(loc.parent, undefined, answer.postparent);
      stripPhase1(stat);
      fixDirectory(answer.postparent);
      return answer;
    },
    error => {
      if (errnoOf(error) !== ENOENT || loc.inode.type !== IA_IFREG) throw error;
      // Perhaps it was moved and the linkto file is gone, too.
      const state = stateOf(dht, frame, loc, request);
      state.failed(ENOENT, error);
      state.needEverywhere = true;
      return everywhereAgain(state);
    },
  );
}

function stateOf(dht: Distribute, frame: Frame, loc: Loc, request: Dict): LookupState {
  const state = new LookupState(dht, frame, loc, request);
  state.hashed = dht.hashedOf(loc);
  state.gfid = loc.gfid;
  return state;
}

/** There is a linkto file where the file was. */
function wasMoved(state: LookupState, answer: LookupAnswer): Promise<LookupAnswer> {
  const { dht } = state;
  state.gfid = answer.stat.gfid;
  const target = linktoTarget(dht, answer.xdata);
  return target < 0 ? dht.fail(ESTALE) : followLinkto(state, target);
}

function everywhereAgain(state: LookupState): Promise<LookupAnswer> {
  state.layout = undefined;
  state.cached = -1;
  if (state.gfid !== GFID_NULL) state.request.setGfid(GFID_REQ, state.gfid);
  return lookupEverywhere(state);
}

/** A lookup of a directory that we know, on all bricks. */
export async function revalidateDirectory(state: LookupState): Promise<LookupAnswer> {
  const { dht, inode, loc } = state;
  const known = state.layout!;
  state.mds = dht.mdsOf(inode);
  state.gfid = loc.gfid;
  const outcomes = await windAll(dht.count, i => dht.subvolumes[i].lookup(state.frame, loc, state.request));
  for (let i = 0; i < dht.count; i++) {
    const { answer, errno, error } = outcomes[i]!;
    if (answer !== undefined) takeAnswer(state, i, answer, known);
    else {
      state.failed(errno, error);
      if (errno === ESTALE) state.stale = true;
      else if (errno === ENOENT) {
        const entry = known.of(i);
        if (entry !== undefined) entry.err = errno;
        state.needSelfheal = true;
      } else if (errno === ENODATA) state.needEverywhere = true;
    }
  }
  if (dht.count === 1) state.needXattrHeal = false;
  const root = inode.gfid === GFID_ROOT;
  if (state.stat?.isDirectory) {
    if (!root && !hasXattr(state, dht.mdsKey)) state.needSelfheal = true;
    if (needsSelfheal(state)) {
      const source = root ? state.rootStat : state.mdsStat;
      if (source !== undefined) {
        state.stat.gid = source.gid;
        state.stat.uid = source.uid;
        state.stat.mode = source.mode;
      }
      return selfhealAndAnswer(state);
    }
  }
  if (state.layoutMismatch) return lookupDirectory(state, false);
  if (state.needEverywhere) return everywhereAgain(state);
  if (state.stale) return dht.fail(ESTALE);
  if (!state.found) return state.reject();
  // Only bricks that have a layout count as sources: when none has, it must be looked up afresh.
  if (state.stat === undefined) return dht.fail(ESTALE);
  dht.seeTimes(loc.parent, undefined, state.postparent);
  return answerOf(state);
}

function takeAnswer(state: LookupState, child: number, answer: LookupAnswer, known: Layout): void {
  const { dht, inode } = state;
  const { stat, xdata } = answer;
  dht.commitHash.learn(xdata);
  if (inode.type !== IA_INVAL && stat.type !== inode.type) {
    state.failed(EINVAL);
    return;
  }
  if (xdata?.has(dht.config.xattrName)) {
    const old = state.rootStat;
    if (old === undefined || isLater(stat.ctime, stat.ctimeNsec, old.ctime, old.ctimeNsec))
      state.rootStat = stat;
  }
  if (state.stat !== undefined && attributesDiffer(state.stat, stat)) state.needAttrHeal = true;
  if (xdata?.has(dht.mdsKey)) {
    state.mds = child;
    state.mdsStat = stat;
    makeContext(inode, dht.slot).mds = child;
    if ((mdsCount(dht, xdata) ?? 0) < 0) {
      state.mdsXattrs = xdata;
      state.needXattrHeal = true;
    }
  }
  if (mismatch(dht.config.xattrName, known, child, answer)) {
    state.layoutMismatch = true;
    return;
  }
  state.stat = mergeIatt(state.stat, stat);
  state.postparent = mergeIatt(state.postparent, answer.postparent);
  state.found = true;
  state.xattrs = aggregate(state.xattrs, xdata);
}

/** The layout that we know is not what is on the brick (`dht_layout_dir_mismatch`). */
function mismatch(key: string, known: Layout, child: number, answer: LookupAnswer): boolean {
  const entry = known.of(child);
  if (entry === undefined) return true;
  const bytes = answer.xdata?.bytes(key);
  if (answer.xdata === undefined) return entry.err === 0;
  if (bytes === undefined) return entry.err === 0 && entry.stop !== 0;
  const disk = decodeLayout(bytes);
  return (
    disk === undefined ||
    disk.start !== entry.start ||
    disk.stop !== entry.stop ||
    disk.commitHash !== entry.commitHash
  );
}
