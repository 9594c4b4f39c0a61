import { errnoOf } from '../../../graph/fop-error.ts';
import type { LookupAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import type { Dict } from '../../../types/dict.ts';
import { GFID_NULL, type Gfid } from '../../../types/gfid.ts';
import { IA_IFDIR } from '../../../types/iatt.ts';
import { discover } from './discover.ts';
import type { Distribute } from './distribute.ts';
import { ENODATA, ENOENT, ENOTCONN } from './errnos.ts';
import { fixDirectory, isLinkfile, stripPhase1 } from './iatt.ts';
import { isNameless, isRoot } from './loc.ts';
import { lookupDirectory } from './lookup-directory.ts';
import { lookupEverywhere } from './lookup-everywhere.ts';
import { LookupState, linktoTarget, requestOf } from './lookup-state.ts';
import { GFID_REQ } from './names.ts';
import { revalidateDirectory, revalidateFile } from './revalidate.ts';

const S_ISVTX = 0o1000;

/**
 * A lookup is one of three kinds: of a gfid without a name (all bricks are asked), of what was looked up before (asked where it was),
 * or of a name that is new to us (asked on the brick that it hashes to first).
 */
export function lookup(
  dht: Distribute,
  frame: Frame,
  asked: Loc,
  xdata: Dict | undefined,
): Promise<LookupAnswer> {
  const chosen = chosenSubvolume(dht, asked);
  const loc = chosen?.loc ?? asked;
  const request = requestOf(dht, xdata, isRoot(loc));
  if (isNameless(loc)) return discover(new LookupState(dht, frame, loc, request));
  const layout = dht.layoutOf(loc.inode);
  // Bricks that came up since a layout was made may have made it stale.
  const known = layout !== undefined && (layout.generation === 0 || layout.generation >= dht.generation);
  if (known && layout.entries.length === 1 && loc.inode.type !== IA_IFDIR)
    return revalidateFile(dht, frame, loc, request, layout.entries[0].subvolume);
  const hashed = chosen?.subvolume ?? dht.hashedOf(loc);
  if (!known) return freshLookup(dht, frame, loc, request, hashed);
  const state = new LookupState(dht, frame, loc, request);
  state.hashed = hashed;
  state.layout = layout;
  return revalidateDirectory(state);
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

function freshLookup(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  request: Dict,
  hashed: number,
): Promise<LookupAnswer> {
  // A brick that has the name without a gfid would give it this one, and each brick of a directory another.
  const gfidReq = request.gfid(GFID_REQ) ?? GFID_NULL;
  request.delete(GFID_REQ);
  if (hashed < 0) return lookupDirectory(stateOf(dht, frame, loc, request, hashed, gfidReq), true);
  return dht.subvolumes[hashed].lookup(frame, loc, request).then(
    answer => {
      const { stat, xdata } = answer;
      if (stat.isDirectory || isLinkfile(stat, xdata, dht.linkKey))
        return onHashed(stateOf(dht, frame, loc, request, hashed, gfidReq), answer);
      return fileFound(dht, loc, hashed, answer);
    },
    error => onHashedError(stateOf(dht, frame, loc, request, hashed, gfidReq), error),
  );
}

function stateOf(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  request: Dict,
  hashed: number,
  gfidReq: Gfid,
): LookupState {
  const state = new LookupState(dht, frame, loc, request);
  state.hashed = hashed;
  state.gfidReq = gfidReq;
  return state;
}

/** The file is on that child. */
function fileFound(dht: Distribute, loc: Loc, child: number, answer: LookupAnswer): LookupAnswer {
  dht.preset(answer.inode, child);
  dht.seeTimes(loc.parent, undefined, answer.postparent);
  stripPhase1(answer.stat);
  fixDirectory(answer.postparent);
  return answer;
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
  if (lookupOptimize) return !dht.commitHash.settled(layout);
  if (lookupUnhashed === 'auto') return layout !== undefined && layout.searchUnhashed > 0;
  // As in 10.3, 'off' is no different from 'on'.
  return true;
}

function onHashed(state: LookupState, answer: LookupAnswer): Promise<LookupAnswer> {
  const { dht } = state;
  const { stat, xdata } = answer;
  state.gfid = stat.gfid;
  dht.commitHash.learn(xdata);
  if (stat.isDirectory) return lookupDirectory(state, false);
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
      return fileFound(dht, state.loc, target, answer);
    },
    error => {
      state.cached = -1;
      // The linkto file must stay, as the name would be gone with it while the brick is down.
      if (errnoOf(error) === ENOTCONN) throw error;
      return lookupEverywhere(state);
    },
  );
}
