import type { LookupAnswer } from '../../../graph/fops.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { settle, windAll } from '../shared/wind.ts';
import { EBUSY, EIO, ENODATA, ENOENT, ENOTCONN, ESTALE } from './errnos.ts';
import { isLinkfile, mergeIatt } from './iatt.ts';
import { createLinkfile, healLinkfileOwner, unlinkLinkto } from './linkfile.ts';
import { protectNamespace, unprotectNamespace } from './locks.ts';
import { lookupDirectory } from './lookup-directory.ts';
import { answerOf, type LookupState, linktoTarget } from './lookup-state.ts';
import { OPEN_FD_COUNT } from './names.ts';

const S_ISVTX = 0o1000;
/** How often bricks are asked when what they said is no longer so. */
const MOST_LOOKS = 4;

/**
 * Asks all bricks for a name that is not, or not as expected, where it hashes to. Stale linkto files go; a file that is found gets a linkto
 * file on its hashed brick, so that the next lookup finds it at once.
 */
export async function lookupEverywhere(state: LookupState): Promise<LookupAnswer> {
  const { dht, frame, loc } = state;
  state.looks++;
  const outcomes = await windAll(dht.count, i => dht.subvolumes[i].lookup(frame, loc, state.request));
  const stale: number[] = [];
  for (let i = 0; i < dht.count; i++) {
    const { answer, errno, error } = outcomes[i]!;
    if (answer === undefined) {
      if (errno !== ENOENT) state.failed(errno, error);
      if (errno === ENODATA) state.gfidMissing = true;
      continue;
    }
    const { stat, xdata } = answer;
    if (state.gfid === GFID_NULL) state.gfid = stat.gfid;
    if (isLinkfile(stat, xdata, dht.linkKey)) {
      const openFds = xdata?.int(OPEN_FD_COUNT);
      if (i === state.hashed)
        state.linkto = { target: linktoTarget(dht, xdata), openFds: openFds ?? 0, gfid: stat.gfid };
      // Where a name does not hash to, a linkto file is of no use.
      else if (openFds === 0) stale.push(i);
      continue;
    }
    if (state.cached < 0) state.gfid = stat.gfid;
    if (stat.isDirectory) state.directories++;
    else {
      state.files++;
      if (state.cached < 0) {
        state.stat = mergeIatt(undefined, stat);
        state.xattrs = xdata;
        state.cached = i;
        state.postparent = mergeIatt(undefined, answer.postparent);
        state.cachedGfid = stat.gfid;
        state.inode = answer.inode;
      }
    }
  }
  if (stale.length > 0) await Promise.all(stale.map(i => unlinkLinkto(dht, frame, loc, i)));
  return everywhereDone(state);
}

async function everywhereDone(state: LookupState): Promise<LookupAnswer> {
  const { dht, hashed, cached, linkto } = state;
  // A file here and a directory there: nobody can tell which is right.
  if (state.files > 0 && state.directories > 0) throw dht.error(EIO);
  if (state.gfidMissing) {
    if (state.gfidReq === GFID_NULL) throw dht.error(ENODATA);
    state.gfidMissing = false;
    return lookupDirectory(state, false);
  }
  if (state.directories > 0) return lookupDirectory(state, false);
  if (cached < 0) {
    if (linkto !== undefined && hashed >= 0) {
      state.linkto = undefined;
      const { errno } = await unlinkLinkto(dht, state.frame, state.loc, hashed);
      // The file may have been moved there, after one brick was asked and before the other was.
      if (errno === EBUSY && state.looks < MOST_LOOKS) return lookupEverywhere(state.again());
    }
    throw dht.error(ENOENT);
  }
  const onHashed = state.needEverywhere || (hashed >= 0 && state.files === 1 && hashed === cached);
  if (onHashed) {
    // The file was moved to its hashed brick between two questions.
    if (state.needEverywhere && state.inode.gfid !== GFID_NULL && state.gfid !== state.inode.gfid)
      throw dht.error(ENOENT);
    return found(state);
  }
  if (hashed < 0) return found(state);
  if (linkto !== undefined) {
    if (linkto.target === cached) {
      if (state.cachedGfid !== linkto.gfid) throw dht.error(ESTALE);
      return found(state);
    }
    state.linkto = undefined;
    if (linkto.openFds === 0) {
      const { errno } = await unlinkLinkto(dht, state.frame, state.loc, hashed);
      // A rebalance has opened it since, and it may be the file itself by now.
      if (errno === EBUSY && state.looks < MOST_LOOKS) return lookupEverywhere(state.again());
      if (errno === EBUSY || errno === ENOTCONN) throw dht.error(EIO);
      return everywhereDone(state);
    }
  }
  return linkAndAnswer(state);
}

function found(state: LookupState): LookupAnswer {
  const { dht, cached } = state;
  dht.preset(state.inode, cached);
  dht.seeTimes(state.loc.parent, undefined, state.postparent);
  return answerOf(state);
}

/** Makes the linkto file on the hashed brick under the name's lock, unless someone else changed something meanwhile. */
async function linkAndAnswer(state: LookupState): Promise<LookupAnswer> {
  const { dht, frame, loc, hashed, cached } = state;
  let linked = false;
  // A rename holds the locks already.
  const locked = frame.root.op !== 'rename';
  const namespace = locked ? (await settle(protectNamespace(dht, frame, loc, hashed))).answer : undefined;
  if (!locked || namespace !== undefined) {
    let wanted = true;
    if (locked) {
      const [onHashed, onCached] = await Promise.all([
        settle(dht.subvolumes[hashed].lookup(frame, loc, undefined)),
        settle(dht.subvolumes[cached].lookup(frame, loc, undefined)),
      ]);
      wanted = onHashed.errno === ENOENT && onCached.answer?.stat.gfid === state.gfid;
    }
    if (wanted)
      linked = (await createLinkfile(dht, frame, loc, hashed, cached, state.gfid, undefined)).created;
  }
  unprotectNamespace(dht, namespace);
  dht.preset(state.inode, cached);
  const { stat } = state;
  if (stat !== undefined) {
    if (stat.nlink === 1 && dht.config.unhashedStickyBit) stat.mode |= S_ISVTX;
    if (linked) healLinkfileOwner(dht, frame, loc, hashed, stat);
  }
  return answerOf(state);
}
