import { errnoOf } from '../../../graph/fop-error.ts';
import type { LookupAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { discover } from './discover.ts';
import type { Distribute } from './distribute.ts';
import { ENODATA, ENOENT, ENOTCONN } from './errnos.ts';
import { fixDirectory, isLinkfile, stripPhase1 } from './iatt.ts';
import { isNameless, isRoot } from './loc.ts';
import { lookupDirectory } from './lookup-directory.ts';
import { lookupEverywhere } from './lookup-everywhere.ts';
import { askForDirectory, askForFile, LookupState, learnCommitHash, linktoTarget } from './lookup-state.ts';
import { GFID_REQ } from './names.ts';
import { revalidate } from './revalidate.ts';

const S_ISVTX = 0o1000;

/**
 * A lookup is one of three kinds: of a gfid without a name (all bricks are asked), of what was looked up before (asked where it was),
 * or of a name that is new to us (asked on the brick that it hashes to first).
 */
export function lookup(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  xdata: Dict | undefined,
): Promise<LookupAnswer> {
  const chosen = chosenSubvolume(dht, loc);
  const state = new LookupState(dht, frame, chosen?.loc ?? loc, xdata);
  if (isNameless(loc)) return discover(state);
  if (isRoot(loc)) state.request.setUint(dht.commitHashKey, 4);
  state.hashed = chosen?.subvolume ?? dht.hashedOf(loc);
  const layout = dht.layoutOf(loc.inode);
  if (layout === undefined) return freshLookup(state);
  // Bricks came up since this layout was made: it may be stale.
  if (layout.generation > 0 && layout.generation < dht.generation) return freshLookup(state);
  state.layout = layout;
  return revalidate(state);
}

/** `name@volume-dht:child`: a name to be looked for, or made, on that child. For debugging. */
export function chosenSubvolume(dht: Distribute, loc: Loc): { loc: Loc; subvolume: number } | undefined {
  if (!loc.name.includes('@')) return undefined;
  for (let i = 0; i < dht.count; i++) {
    const suffix = `@${dht.name}:${dht.childNames[i]}`;
    if (!loc.name.endsWith(suffix)) continue;
    const path = loc.path.endsWith(suffix) ? loc.path.slice(0, -suffix.length) : loc.path;
    return {
      loc: new Loc(loc.inode, loc.parent, loc.name.slice(0, -suffix.length), path),
      subvolume: i,
    };
  }
  return undefined;
}

export function freshLookup(state: LookupState): Promise<LookupAnswer> {
  const { dht, frame, request, hashed } = state;
  askForFile(dht, request);
  askForDirectory(dht, request);
  // A brick that has the name without a gfid would give it this one, and each brick of a directory another.
  state.gfidReq = request.gfid(GFID_REQ) ?? GFID_NULL;
  request.delete(GFID_REQ);
  if (hashed < 0) return lookupDirectory(state, true);
  return dht.subvolumes[hashed].lookup(frame, state.loc, request).then(
    answer => onHashed(state, answer),
    error => onHashedError(state, error),
  );
}

function onHashedError(state: LookupState, error: unknown): Promise<LookupAnswer> {
  const { dht } = state;
  const errno = errnoOf(error);
  state.failed(errno, error);
  if (errno === ENOENT) {
    if (dht.count > 1 && shouldLookupEverywhere(dht, state.loc)) {
      state.failed(ENOENT);
      return lookupEverywhere(state);
    }
  } else if (errno === ENOTCONN || errno === ENODATA) {
    // The name may be a directory, which all other bricks have, too.
    return lookupDirectory(state, false);
  }
  return Promise.reject(error);
}

/** Whether the hashed brick's word is not enough that there is no such file. */
function shouldLookupEverywhere(dht: Distribute, loc: Loc): boolean {
  const { lookupOptimize, lookupUnhashed } = dht.config;
  const layout = dht.layoutOf(loc.parent);
  if (lookupOptimize) return layout === undefined || layout.commitHash !== dht.volumeCommitHash;
  if (lookupUnhashed === 'auto') return layout !== undefined && layout.searchUnhashed > 0;
  return lookupUnhashed === 'on';
}

function onHashed(state: LookupState, answer: LookupAnswer): LookupAnswer | Promise<LookupAnswer> {
  const { dht, hashed } = state;
  const { stat, xdata } = answer;
  if (state.gfid === GFID_NULL) state.gfid = stat.gfid;
  learnCommitHash(dht, xdata);
  if (stat.isDirectory) return lookupDirectory(state, false);
  if (!isLinkfile(stat, xdata, dht.linkKey)) {
    dht.preset(answer.inode, hashed);
    dht.seeTimes(state.loc.parent, undefined, answer.postparent);
    stripPhase1(stat);
    fixDirectory(answer.postparent);
    return answer;
  }
  const target = linktoTarget(dht, xdata);
  if (target < 0) return lookupEverywhere(state);
  return followLinkto(state, target);
}

/** Looks where a linkto file points to. */
export function followLinkto(state: LookupState, target: number): Promise<LookupAnswer> {
  const { dht } = state;
  return dht.subvolumes[target].lookup(state.frame, state.loc, state.request).then(
    answer => {
      const { stat } = answer;
      if (stat.isDirectory || isLinkfile(stat, answer.xdata, dht.linkKey) || stat.gfid !== state.gfid)
        return lookupEverywhere(state);
      if (stat.nlink === 1 && dht.config.unhashedStickyBit) stat.mode |= S_ISVTX;
      dht.preset(answer.inode, target);
      dht.seeTimes(state.loc.parent, undefined, answer.postparent);
      stripPhase1(stat);
      fixDirectory(answer.postparent);
      return answer;
    },
    error => {
      state.cached = -1;
      // The linkto file must stay, as the name would be gone with it while the brick is down.
      if (errnoOf(error) === ENOTCONN) throw error;
      return lookupEverywhere(state);
    },
  );
}
