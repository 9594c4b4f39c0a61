import type { LookupAnswer } from '../../../graph/fops.ts';
import { GFID_NULL, GFID_ROOT } from '../../../types/gfid.ts';
import { windAll } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import { ENODATA } from './errnos.ts';
import { attributesDiffer, isLater, mergeIatt } from './iatt.ts';
import { mergeAnswer } from './layout-disk.ts';
import { lookupEverywhere } from './lookup-everywhere.ts';
import { answerOf, type LookupState, mdsCount } from './lookup-state.ts';
import { aggregate } from './merge.ts';
import { GFID_REQ } from './names.ts';
import { selfhealDirectory } from './selfheal.ts';

/**
 * Asks all bricks for a directory, puts their answers and parts of the layout together, and heals what is wrong. `first`: nothing
 * was asked yet, as the hashed brick is not known.
 */
export async function lookupDirectory(state: LookupState, first: boolean): Promise<LookupAnswer> {
  const { dht, request } = state;
  const layout = dht.newLayout();
  state.layout = layout;
  state.xattrs = undefined;
  state.stat = undefined;
  state.postparent = undefined;
  state.found = false;
  if (!first && state.gfid !== GFID_NULL) request.setGfid(GFID_REQ, state.gfid);
  const outcomes = await windAll(dht.count, i => dht.subvolumes[i].lookup(state.frame, state.loc, request));
  for (let i = 0; i < dht.count; i++) takeAnswer(state, i, outcomes[i]!);
  const { gfid } = state;
  if (gfid !== GFID_ROOT && !hasXattr(state, dht.mdsKey)) state.needSelfheal = true;
  if (dht.count === 1) state.needXattrHeal = false;
  if (state.needSelfheal || state.needEverywhere) {
    if (gfid !== GFID_NULL) request.setGfid(GFID_REQ, gfid);
    else if (state.gfidReq !== GFID_NULL) request.setGfid(GFID_REQ, state.gfidReq);
  }
  if (state.needEverywhere) {
    state.needEverywhere = false;
    return lookupEverywhere(state);
  }
  if (!state.found) return state.reject();
  if (needsSelfheal(state)) return selfhealAndAnswer(state);
  dht.layoutRead(state.inode, layout);
  dht.seeTimes(state.inode, undefined, state.stat);
  dht.seeTimes(state.loc.parent, undefined, state.postparent);
  return answerOf(state);
}

export function hasXattr(state: LookupState, key: string): boolean {
  return state.xattrs?.has(key) ?? false;
}

function takeAnswer(
  state: LookupState,
  child: number,
  outcome: { answer: LookupAnswer | undefined; errno: number; error: unknown },
): void {
  const { dht } = state;
  const { answer, errno } = outcome;
  mergeAnswer(state.layout!, child, errno, answer?.xdata, dht.config.xattrName);
  if (answer === undefined) {
    state.failed(errno, outcome.error);
    // The directory has no gfid on this brick: it gets one.
    if (errno === ENODATA) state.needEverywhere = true;
    return;
  }
  const { stat, xdata } = answer;
  if (state.gfid === GFID_NULL) state.gfid = stat.gfid;
  if (!stat.isDirectory) {
    state.needEverywhere = true;
    return;
  }
  state.found = true;
  state.xattrs = aggregate(state.xattrs, xdata);
  const root = stat.gfid === GFID_ROOT;
  if (root && xdata?.has(dht.config.xattrName)) {
    const old = state.rootStat;
    if (old === undefined || isLater(stat.ctime, stat.ctimeNsec, old.ctime, old.ctimeNsec))
      state.rootStat = stat;
  }
  if (state.stat !== undefined && attributesDiffer(state.stat, stat)) state.needAttrHeal = true;
  state.stat = mergeIatt(state.stat, stat);
  state.postparent = mergeIatt(state.postparent, answer.postparent);
  if (!xdata?.has(dht.mdsKey)) return;
  state.mds = child;
  state.mdsStat = stat;
  makeContext(state.inode, dht.slot).mds = child;
  if ((mdsCount(dht, xdata) ?? 0) < 0) {
    state.mdsXattrs = xdata;
    state.needXattrHeal = true;
  }
}

/** Something is to be healed; sorts the layout. */
export function needsSelfheal(state: LookupState): boolean {
  const anomalies = state.layout!.normalize() !== 0;
  return anomalies || state.needAttrHeal || state.needXattrHeal || state.needSelfheal;
}

/** Heals the directory and answers; an answer is late, but not refused, when some of it cannot be healed now. */
export async function selfhealAndAnswer(state: LookupState): Promise<LookupAnswer> {
  const { dht } = state;
  const layout = await selfhealDirectory(state);
  dht.layoutRead(state.inode, layout);
  dht.seeTimes(state.inode, undefined, state.stat);
  dht.seeTimes(state.loc.parent, undefined, state.postparent);
  return answerOf(state);
}
