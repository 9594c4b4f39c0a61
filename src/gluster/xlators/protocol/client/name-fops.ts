import { ERRNO } from '../../../../base/errno.ts';
import type { Fd } from '../../../graph/fd.ts';
import { FopError } from '../../../graph/fop-error.ts';
import type {
  Answer,
  CreateAnswer,
  EntryAnswer,
  LookupAnswer,
  PrePostAnswer,
  RemoveAnswer,
  RenameAnswer,
  StatAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import type { Loc } from '../../../graph/loc.ts';
import { OP } from '../../../rpc/programs.ts';
import {
  createReply,
  entryReply,
  lookupReply,
  prePostReply,
  removeReply,
  renameReply,
  statReply,
} from '../../../rpc/replies.ts';
import {
  createRequest,
  icreateRequest,
  linkRequest,
  lookupRequest,
  mkdirRequest,
  mknodRequest,
  namelinkRequest,
  putRequest,
  renameRequest,
  rmdirRequest,
  symlinkRequest,
  unlinkRequest,
} from '../../../rpc/requests-name.ts';
import type { Dict } from '../../../types/dict.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { ClientBase } from './base.ts';
import { FdContext } from './fd-context.ts';
import type { FopCall } from './fop-call.ts';

interface LookedUp extends Answer {
  stat: Iatt;
  postparent: Iatt;
  xdata: Dict | undefined;
}

function finishLookup(reply: LookedUp, call: FopCall<LookedUp, LookupAnswer>): LookupAnswer {
  const inode = call.a as Inode;
  const { stat, postparent, xdata } = reply;
  // Another file has taken the name since the inode was made.
  if (inode.gfid !== GFID_NULL && inode.gfid !== stat.gfid)
    throw new FopError(ERRNO['ESTALE'], call.origin, xdata);
  return { stat, inode, postparent, xdata };
}

interface Entered extends Answer {
  stat: Iatt;
  preparent: Iatt;
  postparent: Iatt;
  xdata: Dict | undefined;
}

function finishEntry(reply: Entered, call: FopCall<Entered, EntryAnswer>): EntryAnswer {
  const { stat, preparent, postparent, xdata } = reply;
  return { stat, inode: call.a as Inode, preparent, postparent, xdata };
}

interface Created extends Entered {
  fd: number;
}

function finishCreate(reply: Created, call: FopCall<Created, CreateAnswer>): CreateAnswer {
  const { stat, preparent, postparent, xdata } = reply;
  const fd = call.a as Fd;
  (call.b as ClientNameFops).opened(fd, new FdContext(stat.gfid, reply.fd, call.c, false));
  return { stat, inode: fd.inode, preparent, postparent, xdata, fd };
}

interface Statted extends Answer {
  stat: Iatt;
  xdata: Dict | undefined;
}

function finishIcreate(
  reply: Statted,
  call: FopCall<Statted, StatAnswer & { inode: Inode }>,
): StatAnswer & { inode: Inode } {
  return { stat: reply.stat, inode: call.a as Inode, xdata: reply.xdata };
}

/** Fops that go by directory and name. */
export abstract class ClientNameFops extends ClientBase {
  /** An fd was opened on the brick. */
  abstract opened(fd: Fd, context: FdContext): void;

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const e = this.begin(frame, OP.LOOKUP);
    if (e === undefined) return this.notConnected();
    lookupRequest(this.wire, e, loc.gfid, loc.pargfid, loc.name, xdata);
    return this.submit(lookupReply, finishLookup, loc.inode);
  }

  mknod(
    frame: Frame,
    loc: Loc,
    mode: number,
    rdev: number,
    umask: number,
    xdata?: Dict,
  ): Promise<EntryAnswer> {
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.MKNOD);
    if (e === undefined) return this.notConnected();
    mknodRequest(this.wire, e, loc.pargfid, rdev, mode, umask, loc.name, xdata);
    return this.submit(entryReply, finishEntry, loc.inode);
  }

  mkdir(frame: Frame, loc: Loc, mode: number, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.MKDIR);
    if (e === undefined) return this.notConnected();
    mkdirRequest(this.wire, e, loc.pargfid, mode, umask, loc.name, xdata);
    return this.submit(entryReply, finishEntry, loc.inode);
  }

  unlink(frame: Frame, loc: Loc, xflags: number, xdata?: Dict): Promise<RemoveAnswer> {
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.UNLINK);
    if (e === undefined) return this.notConnected();
    unlinkRequest(this.wire, e, loc.pargfid, loc.name, xflags, xdata);
    return this.submit(removeReply);
  }

  rmdir(frame: Frame, loc: Loc, flags: number, xdata?: Dict): Promise<RemoveAnswer> {
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.RMDIR);
    if (e === undefined) return this.notConnected();
    rmdirRequest(this.wire, e, loc.pargfid, flags, loc.name, xdata);
    return this.submit(removeReply);
  }

  symlink(frame: Frame, target: string, loc: Loc, umask: number, xdata?: Dict): Promise<EntryAnswer> {
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.SYMLINK);
    if (e === undefined) return this.notConnected();
    symlinkRequest(this.wire, e, loc.pargfid, loc.name, umask, target, xdata);
    return this.submit(entryReply, finishEntry, loc.inode);
  }

  rename(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<RenameAnswer> {
    if (from.pargfid === GFID_NULL || to.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.RENAME);
    if (e === undefined) return this.notConnected();
    renameRequest(this.wire, e, from.pargfid, to.pargfid, from.name, to.name, xdata);
    return this.submit(renameReply);
  }

  link(frame: Frame, from: Loc, to: Loc, xdata?: Dict): Promise<EntryAnswer> {
    if (from.gfid === GFID_NULL || to.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.LINK);
    if (e === undefined) return this.notConnected();
    linkRequest(this.wire, e, from.gfid, to.pargfid, to.name, xdata);
    return this.submit(entryReply, finishEntry, from.inode);
  }

  create(
    frame: Frame,
    loc: Loc,
    flags: number,
    mode: number,
    umask: number,
    fd: Fd,
    xdata?: Dict,
  ): Promise<CreateAnswer> {
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.CREATE);
    if (e === undefined) return this.notConnected();
    const wanted = this.filtered(flags);
    createRequest(this.wire, e, loc.pargfid, wanted, mode, umask, loc.name, xdata);
    return this.submit(createReply, finishCreate, fd, this, wanted);
  }

  put(
    frame: Frame,
    loc: Loc,
    mode: number,
    umask: number,
    flags: number,
    data: readonly Buffer[],
    offset: number,
    xattr: Dict | undefined,
    xdata?: Dict,
  ): Promise<EntryAnswer> {
    if (!this.wire.v4) return this.notInOldProtocol();
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.PUT);
    if (e === undefined) return this.notConnected();
    let size = 0;
    for (const piece of data) size += piece.length;
    const { pargfid, name } = loc;
    putRequest(this.wire, e, pargfid, name, mode, umask, this.filtered(flags), offset, size, xattr, xdata);
    for (const piece of data) e.ref(piece);
    return this.submit(entryReply, finishEntry, loc.inode);
  }

  icreate(frame: Frame, loc: Loc, mode: number, xdata?: Dict): Promise<StatAnswer & { inode: Inode }> {
    if (!this.wire.v4) return this.notInOldProtocol();
    const e = this.begin(frame, OP.ICREATE);
    if (e === undefined) return this.notConnected();
    icreateRequest(this.wire, e, loc.gfid, mode, xdata);
    return this.submit(statReply, finishIcreate, loc.inode);
  }

  namelink(frame: Frame, loc: Loc, xdata?: Dict): Promise<PrePostAnswer> {
    if (!this.wire.v4) return this.notInOldProtocol();
    if (loc.pargfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.NAMELINK);
    if (e === undefined) return this.notConnected();
    namelinkRequest(this.wire, e, loc.pargfid, loc.name, xdata);
    return this.submit(prePostReply);
  }
}
