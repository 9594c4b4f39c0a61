import type { LookupAnswer } from '../../../graph/fops.ts';
import { Loc } from '../../../graph/loc.ts';
import { GFID_ROOT } from '../../../types/gfid.ts';
import { settle, windAll } from '../shared/wind.ts';
import { makeContext } from './context.ts';
import { EIO, isMissing } from './errnos.ts';
import { isLinkfile, mergeIatt } from './iatt.ts';
import { mergeAnswer } from './layout-disk.ts';
import { answerOf, type LookupState, mdsCount } from './lookup-state.ts';
import { aggregate } from './merge.ts';
import { ANCESTRY_PATH } from './names.ts';
import { healXattrs, markMds, takeHealed } from './selfheal-xattrs.ts';

/** A lookup by gfid alone: without a name there is no hash, and all bricks are asked. */
export async function discover(state: LookupState): Promise<LookupAnswer> {
  const { dht, request, loc } = state;
  state.layout = dht.newLayout();
  state.gfid = loc.gfid;
  const outcomes = await windAll(dht.count, i => dht.subvolumes[i].lookup(state.frame, loc, request));
  for (let i = 0; i < dht.count; i++) {
    const { answer, errno, error } = outcomes[i]!;
    mergeAnswer(state.layout, i, errno, answer?.xdata, dht.config.xattrName);
    if (answer === undefined) state.failed(errno, error);
    else takeAnswer(state, i, answer);
  }
  return complete(state);
}

function takeAnswer(state: LookupState, child: number, answer: LookupAnswer): void {
  const { dht } = state;
  const { stat, xdata } = answer;
  if (stat.isDirectory) state.directories++;
  else {
    state.files++;
    if (isLinkfile(stat, xdata, dht.linkKey) || state.cached >= 0) return;
    state.cached = child;
  }
  state.found = true;
  if (state.xattrs === undefined) state.xattrs = aggregate(undefined, xdata);
  else if (stat.isDirectory) state.xattrs = aggregate(state.xattrs, xdata);
  state.stat = mergeIatt(state.stat, stat);
  state.postparent = mergeIatt(state.postparent, answer.postparent);
  if (!xdata?.has(dht.mdsKey)) return;
  makeContext(state.inode, dht.slot).mds = child;
  if ((mdsCount(dht, xdata) ?? 0) < 0) {
    state.mdsXattrs = xdata;
    state.needXattrHeal = true;
    state.mds = child;
  }
}

async function complete(state: LookupState): Promise<LookupAnswer> {
  const { dht } = state;
  const layout = state.layout!;
  if (dht.count === 1) state.needXattrHeal = false;
  if (state.needXattrHeal && state.mdsXattrs !== undefined) takeHealed(state.xattrs!, state.mdsXattrs);
  if (state.files > 0 && state.directories > 0) throw dht.error(EIO);
  let anomalies = false;
  if (state.cached >= 0) dht.preset(state.inode, state.cached);
  else {
    const wrong = layout.normalize();
    if (wrong < 0 || (wrong > 0 && !state.found)) anomalies = true;
    else dht.layoutRead(state.inode, layout);
  }
  dht.commitHash.learn(state.xattrs);
  if (!state.found) return state.reject();
  if (state.stat?.isDirectory) {
    const source = layout.entries.find(entry => entry.err === 0)?.subvolume ?? -1;
    const missing = layout.entries.some(entry => isMissing(entry.err));
    const marked = state.stat.gfid === GFID_ROOT || markMds(state, true);
    if (state.needXattrHeal && !missing) healXattrs(dht, state.frame, state.loc, state.mds);
    if (source >= 0 && (missing || anomalies || !marked)) await healPath(state, source);
  }
  return answerOf(state);
}

/** Looks up every directory on the way to this one by name, which heals each of them. */
async function healPath(state: LookupState, source: number): Promise<void> {
  const { dht, frame, inode } = state;
  const table = inode.table;
  const asked = await settle(
    dht.subvolumes[source].getxattr(frame, new Loc(inode), ANCESTRY_PATH, undefined),
  );
  const path = asked.answer?.dict.string(ANCESTRY_PATH);
  if (path === undefined) return;
  let parent = table.root;
  for (const name of path.split('/').filter(part => part !== '')) {
    const known = table.grep(parent, name);
    if (known !== undefined) {
      parent = known;
      continue;
    }
    const fresh = new Loc(table.create(), parent, name, table.path(parent, name));
    const { answer } = await settle(dht.lookup(frame, fresh, undefined));
    if (answer === undefined) return;
    parent = table.link(answer.inode, parent, name, answer.stat);
  }
  if (parent.gfid === state.gfid) state.inode = parent;
}
