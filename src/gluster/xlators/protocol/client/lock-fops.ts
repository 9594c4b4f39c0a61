import type { Fd } from '../../../graph/fd.ts';
import type { ActiveLock, ActiveLocksAnswer, Answer, LeaseAnswer, LkAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { OP } from '../../../rpc/programs.ts';
import { commonReply, getactivelkReply, leaseReply, lkReply } from '../../../rpc/replies.ts';
import { gfidRequest } from '../../../rpc/requests-attr.ts';
import {
  entrylkRequest,
  fentrylkRequest,
  finodelkRequest,
  GF_LK_GETLK,
  GF_LK_SETLK,
  GF_LK_SETLKW,
  inodelkRequest,
  leaseRequest,
  lkRequest,
  setactivelkRequest,
} from '../../../rpc/requests-lock.ts';
import type { Dict } from '../../../types/dict.ts';
import { F_GETLK, F_SETLK, F_SETLKW, type Flock, type Lease } from '../../../types/fs.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { BAD_FD } from './base.ts';
import { ClientDirFops } from './dir-fops.ts';
import type { FdContext } from './fd-context.ts';
import type { FopCall } from './fop-call.ts';

/** Gluster's number of a command; undefined when there is none. */
function lockCommand(cmd: number): number | undefined {
  switch (cmd) {
    case F_GETLK:
      return GF_LK_GETLK;
    case F_SETLK:
      return GF_LK_SETLK;
    case F_SETLKW:
      return GF_LK_SETLKW;
    default:
      return undefined;
  }
}

interface Locked {
  flock: Flock;
  xdata: Dict | undefined;
}

function finishLk(reply: Locked, call: FopCall<Locked, LkAnswer>): LkAnswer {
  (call.b as FdContext | undefined)?.granted(call.a as Flock, call.c);
  return reply as LkAnswer;
}

/** Fops on locks. */
export abstract class ClientLockFops extends ClientDirFops {
  lk(frame: Frame, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<LkAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const command = lockCommand(cmd);
    if (command === undefined) return this.invalid();
    const e = this.begin(frame, OP.LK);
    if (e === undefined) return this.notConnected();
    lkRequest(this.wire, e, fd.inode.gfid, remote, command, flock, xdata);
    if (command === GF_LK_GETLK) return this.submitOn(fd, lkReply, finishLk);
    this.everLocked = true;
    const asked = { ...flock, owner: frame.root.lkOwner };
    return this.submitOn(fd, lkReply, finishLk, asked, this.fdContext(fd), frame.root.pid);
  }

  inodelk(frame: Frame, volume: string, loc: Loc, cmd: number, flock: Flock, xdata?: Dict): Promise<Answer> {
    const command = lockCommand(cmd);
    if (command === undefined || loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.INODELK);
    if (e === undefined) return this.notConnected();
    inodelkRequest(this.wire, e, loc.gfid, command, flock, volume, xdata);
    return this.submit(commonReply);
  }

  finodelk(frame: Frame, volume: string, fd: Fd, cmd: number, flock: Flock, xdata?: Dict): Promise<Answer> {
    const remote = this.remoteFd(fd, true);
    if (remote === BAD_FD) return this.badFd();
    const command = lockCommand(cmd);
    if (command === undefined) return this.invalid();
    const e = this.begin(frame, OP.FINODELK);
    if (e === undefined) return this.notConnected();
    finodelkRequest(this.wire, e, fd.inode.gfid, remote, command, flock, volume, xdata);
    return this.submitOn(fd, commonReply);
  }

  entrylk(
    frame: Frame,
    volume: string,
    loc: Loc,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<Answer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.ENTRYLK);
    if (e === undefined) return this.notConnected();
    entrylkRequest(this.wire, e, loc.gfid, cmd, type, basename, volume, xdata);
    return this.submit(commonReply);
  }

  fentrylk(
    frame: Frame,
    volume: string,
    fd: Fd,
    basename: string | undefined,
    cmd: number,
    type: number,
    xdata?: Dict,
  ): Promise<Answer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FENTRYLK);
    if (e === undefined) return this.notConnected();
    fentrylkRequest(this.wire, e, fd.inode.gfid, remote, cmd, type, basename, volume, xdata);
    return this.submitOn(fd, commonReply);
  }

  lease(frame: Frame, loc: Loc, lease: Lease, xdata?: Dict): Promise<LeaseAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    // The brick grants none while it takes the file for open.
    this.connection?.sendLazy();
    const e = this.begin(frame, OP.LEASE);
    if (e === undefined) return this.notConnected();
    leaseRequest(this.wire, e, loc.gfid, lease, xdata);
    return this.submit(leaseReply);
  }

  getactivelk(frame: Frame, loc: Loc, xdata?: Dict): Promise<ActiveLocksAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.GETACTIVELK);
    if (e === undefined) return this.notConnected();
    gfidRequest(this.wire, e, loc.gfid, xdata);
    return this.submit(getactivelkReply);
  }

  setactivelk(frame: Frame, loc: Loc, locks: readonly ActiveLock[], xdata?: Dict): Promise<Answer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.SETACTIVELK);
    if (e === undefined) return this.notConnected();
    this.everLocked = true;
    setactivelkRequest(this.wire, e, loc.gfid, locks, xdata);
    return this.submit(commonReply);
  }
}
