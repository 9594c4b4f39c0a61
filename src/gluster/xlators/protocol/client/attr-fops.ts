import type { Fd } from '../../../graph/fd.ts';
import type {
  Answer,
  PrePostAnswer,
  ReadlinkAnswer,
  StatAnswer,
  StatfsAnswer,
  XattrAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { OP } from '../../../rpc/programs.ts';
import {
  commonReply,
  prePostReply,
  readlinkReply,
  statfsReply,
  statReply,
  xattrReply,
} from '../../../rpc/replies.ts';
import {
  accessRequest,
  fgetxattrRequest,
  fremovexattrRequest,
  fsetattrRequest,
  fsetxattrRequest,
  getxattrRequest,
  gfidRequest,
  removexattrRequest,
  setattrRequest,
  setxattrRequest,
} from '../../../rpc/requests-attr.ts';
import { fdRequest, ipcRequest, readlinkRequest } from '../../../rpc/requests-file.ts';
import { Dict } from '../../../types/dict.ts';
import { GFID_NULL, GFID_ROOT } from '../../../types/gfid.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { BAD_FD } from './base.ts';
import { ClientNameFops } from './name-fops.ts';

interface XattrReply {
  dict: Dict | undefined;
  xdata: Dict | undefined;
}

function finishXattr(reply: XattrReply): XattrAnswer {
  return { dict: reply.dict ?? new Dict(), ...(reply.xdata !== undefined && { xdata: reply.xdata }) };
}

/** Fops on attributes. */
export abstract class ClientAttrFops extends ClientNameFops {
  stat(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.STAT);
    if (e === undefined) return this.notConnected();
    gfidRequest(this.wire, e, loc.gfid, xdata);
    return this.submit(statReply);
  }

  fstat(frame: Frame, fd: Fd, xdata?: Dict): Promise<StatAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FSTAT);
    if (e === undefined) return this.notConnected();
    fdRequest(this.wire, e, fd.inode.gfid, remote, xdata);
    return this.submitOn(fd, statReply);
  }

  setattr(frame: Frame, loc: Loc, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.SETATTR);
    if (e === undefined) return this.notConnected();
    setattrRequest(this.wire, e, loc.gfid, stat, valid, xdata);
    return this.submit(prePostReply);
  }

  fsetattr(frame: Frame, fd: Fd, stat: Iatt, valid: number, xdata?: Dict): Promise<PrePostAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FSETATTR);
    if (e === undefined) return this.notConnected();
    fsetattrRequest(this.wire, e, fd.inode.gfid, remote, stat, valid, xdata);
    return this.submitOn(fd, prePostReply);
  }

  access(frame: Frame, loc: Loc, mask: number, xdata?: Dict): Promise<Answer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.ACCESS);
    if (e === undefined) return this.notConnected();
    accessRequest(this.wire, e, loc.gfid, mask, xdata);
    return this.submit(commonReply);
  }

  readlink(frame: Frame, loc: Loc, size: number, xdata?: Dict): Promise<ReadlinkAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.READLINK);
    if (e === undefined) return this.notConnected();
    readlinkRequest(this.wire, e, loc.gfid, size, xdata);
    return this.submit(readlinkReply);
  }

  statfs(frame: Frame, loc: Loc, xdata?: Dict): Promise<StatfsAnswer> {
    const e = this.begin(frame, OP.STATFS);
    if (e === undefined) return this.notConnected();
    gfidRequest(this.wire, e, loc.gfid === GFID_NULL ? GFID_ROOT : loc.gfid, xdata);
    return this.submit(statfsReply);
  }

  setxattr(frame: Frame, loc: Loc, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.SETXATTR);
    if (e === undefined) return this.notConnected();
    setxattrRequest(this.wire, e, loc.gfid, flags, dict, xdata);
    return this.submit(commonReply);
  }

  fsetxattr(frame: Frame, fd: Fd, dict: Dict, flags: number, xdata?: Dict): Promise<Answer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FSETXATTR);
    if (e === undefined) return this.notConnected();
    fsetxattrRequest(this.wire, e, fd.inode.gfid, remote, flags, dict, xdata);
    return this.submitOn(fd, commonReply);
  }

  getxattr(frame: Frame, loc: Loc, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.GETXATTR);
    if (e === undefined) return this.notConnected();
    getxattrRequest(this.wire, e, loc.gfid, name, xdata);
    return this.submit(xattrReply, finishXattr);
  }

  fgetxattr(frame: Frame, fd: Fd, name: string | undefined, xdata?: Dict): Promise<XattrAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FGETXATTR);
    if (e === undefined) return this.notConnected();
    fgetxattrRequest(this.wire, e, fd.inode.gfid, remote, name, xdata);
    return this.submitOn(fd, xattrReply, finishXattr);
  }

  removexattr(frame: Frame, loc: Loc, name: string, xdata?: Dict): Promise<Answer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.REMOVEXATTR);
    if (e === undefined) return this.notConnected();
    removexattrRequest(this.wire, e, loc.gfid, name, xdata);
    return this.submit(commonReply);
  }

  fremovexattr(frame: Frame, fd: Fd, name: string, xdata?: Dict): Promise<Answer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FREMOVEXATTR);
    if (e === undefined) return this.notConnected();
    fremovexattrRequest(this.wire, e, fd.inode.gfid, remote, name, xdata);
    return this.submitOn(fd, commonReply);
  }

  xattrop(frame: Frame, loc: Loc, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.XATTROP);
    if (e === undefined) return this.notConnected();
    setxattrRequest(this.wire, e, loc.gfid, op, dict, xdata);
    return this.submit(xattrReply, finishXattr);
  }

  fxattrop(frame: Frame, fd: Fd, op: number, dict: Dict, xdata?: Dict): Promise<XattrAnswer> {
    const remote = this.remoteFd(fd, true);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FXATTROP);
    if (e === undefined) return this.notConnected();
    fsetxattrRequest(this.wire, e, fd.inode.gfid, remote, op, dict, xdata);
    return this.submitOn(fd, xattrReply, finishXattr);
  }

  ipc(frame: Frame, op: number, xdata?: Dict): Promise<Answer> {
    const e = this.begin(frame, OP.IPC);
    if (e === undefined) return this.notConnected();
    ipcRequest(this.wire, e, op, xdata);
    return this.submit(commonReply);
  }
}
