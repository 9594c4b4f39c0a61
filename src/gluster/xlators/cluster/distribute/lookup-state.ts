import type { LookupAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import { DICT_INT, DICT_UINT, Dict, type DictValue } from '../../../types/dict.ts';
import { GFID_NULL, type Gfid } from '../../../types/gfid.ts';
import type { Iatt } from '../../../types/iatt.ts';
import type { Distribute } from './distribute.ts';
import { ENOTCONN } from './errnos.ts';
import { fixDirectory, stripPhase1 } from './iatt.ts';
import type { Layout } from './layout.ts';
import { ACL_ACCESS, ACL_DEFAULT, OPEN_FD_COUNT } from './names.ts';

/** What a lookup found out on its way from brick to brick. */
export class LookupState {
  readonly dht: Distribute;
  readonly frame: Frame;
  loc: Loc;
  /** What is asked of the bricks. */
  readonly request: Dict;
  inode: Inode;
  hashed = -1;
  cached = -1;
  gfid: Gfid = GFID_NULL;
  /** The gfid that the top layer would have for what has none. */
  gfidReq: Gfid = GFID_NULL;
  layout: Layout | undefined = undefined;
  stat: Iatt | undefined = undefined;
  postparent: Iatt | undefined = undefined;
  xattrs: Dict | undefined = undefined;
  /** Newest owner and permissions among bricks that have a layout of the root directory: those are healed from. */
  rootStat: Iatt | undefined = undefined;
  mds = -1;
  mdsStat: Iatt | undefined = undefined;
  mdsXattrs: Dict | undefined = undefined;
  found = false;
  errno = 0;
  error: unknown = undefined;
  files = 0;
  directories = 0;
  needSelfheal = false;
  needAttrHeal = false;
  needXattrHeal = false;
  needEverywhere = false;
  gfidMissing = false;
  layoutMismatch = false;
  stale = false;
  /** A linkto file on the hashed brick, and what it says. */
  linkto: { target: number; openFds: number; gfid: Gfid } | undefined = undefined;
  cachedGfid: Gfid = GFID_NULL;
  /** How often all bricks were asked. */
  looks = 0;

  constructor(dht: Distribute, frame: Frame, loc: Loc, request: Dict) {
    this.dht = dht;
    this.frame = frame;
    this.loc = loc;
    this.inode = loc.inode;
    this.request = request;
  }

  /** For asking all bricks once more, knowing nothing of what they said. */
  again(): LookupState {
    const state = new LookupState(this.dht, this.frame, this.loc, this.request);
    state.hashed = this.hashed;
    state.gfidReq = this.gfidReq;
    state.looks = this.looks;
    return state;
  }

  /** The last answer counts; that a brick is down is known at once, before any brick answers. */
  failed(errno: number, error?: unknown): void {
    if (errno === ENOTCONN && this.errno !== 0) return;
    this.errno = errno;
    this.error = error;
  }

  /** Rejects with what went wrong last. */
  reject(): Promise<never> {
    return this.error === undefined ? this.dht.fail(this.errno) : Promise.reject(this.error);
  }
}

const UINT_4: DictValue = { type: DICT_UINT, value: 4 };
const UINT_16: DictValue = { type: DICT_UINT, value: 16 };
const UINT_256: DictValue = { type: DICT_UINT, value: 256 };
const INT_0: DictValue = { type: DICT_INT, value: 0 };

/**
 * What a lookup asks of bricks besides what the layers above ask, as nobody knows yet whether it is a file or a directory: attributes that tell
 * a linkto file and whether it is in use; a directory's layout, its metadata server, and the ACLs that go to bricks that do not have it.
 */
export function requestOf(dht: Distribute, xdata: Dict | undefined, root: boolean): Dict {
  const request = Dict.from(xdata);
  if (root) request.set(dht.commitHashKey, UINT_4);
  request.set(dht.linkKey, UINT_256);
  request.set(OPEN_FD_COUNT, UINT_4);
  request.set(dht.config.xattrName, UINT_16);
  request.set(dht.mdsKey, UINT_4);
  if (!request.has(ACL_ACCESS)) request.set(ACL_ACCESS, INT_0);
  if (!request.has(ACL_DEFAULT)) request.set(ACL_DEFAULT, INT_0);
  return request;
}

/** The answer as users see it. */
export function answerOf(state: LookupState): LookupAnswer {
  const { dht, stat, xattrs } = state;
  if (stat === undefined) throw dht.error(state.errno);
  stripPhase1(stat);
  fixDirectory(state.postparent);
  xattrs?.delete(dht.mdsKey);
  const answer: LookupAnswer = { stat, inode: state.inode };
  if (state.postparent !== undefined) answer.postparent = state.postparent;
  if (xattrs !== undefined) answer.xdata = xattrs;
  return answer;
}

/** The child that a linkto file names; -1: none that there is. */
export function linktoTarget(dht: Distribute, xattrs: Dict | undefined): number {
  return dht.childOfName(xattrs?.string(dht.linkKey));
}

/** The count in trusted.glusterfs.dht.mds, a big-endian word; below zero while the other bricks lack something. */
export function mdsCount(dht: Distribute, xattrs: Dict | undefined): number | undefined {
  const bytes = xattrs?.bytes(dht.mdsKey);
  return bytes?.length === 4 ? bytes.readInt32BE(0) : undefined;
}
