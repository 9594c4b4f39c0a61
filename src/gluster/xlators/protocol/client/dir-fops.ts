import { decodeOffset, encodeOffset } from '../../../graph/d-off.ts';
import type { Fd } from '../../../graph/fd.ts';
import type { Answer, GraphEntry, OpenAnswer, ReaddirAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { readdirpReply, readdirReply } from '../../../rpc/dirents.ts';
import { OP } from '../../../rpc/programs.ts';
import { commonReply, openReply } from '../../../rpc/replies.ts';
import { gfidRequest } from '../../../rpc/requests-attr.ts';
import { fsyncRequest, readdirRequest } from '../../../rpc/requests-file.ts';
import type { Dict } from '../../../types/dict.ts';
import type { DirEntry } from '../../../types/fs.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import { BAD_FD } from './base.ts';
import { ClientFileFops, finishOpen } from './file-fops.ts';
import type { FopCall } from './fop-call.ts';

interface Listed {
  entries: DirEntry[];
  eof: boolean;
  xdata: Dict | undefined;
}

function finishReaddir(reply: Listed, call: FopCall<Listed, ReaddirAnswer>): ReaddirAnswer {
  const entries: GraphEntry[] = reply.entries;
  (call.b as ClientDirFops).leaveMark(entries);
  if (call.a !== undefined) {
    const { inodes } = (call.b as ClientDirFops).host;
    for (const entry of entries) {
      const { stat } = entry;
      if (stat === undefined) continue;
      // What the brick did not look up ('..') has no gfid, and says nothing.
      if (stat.gfid === GFID_NULL) entry.stat = undefined as never;
      else entry.inode = inodes.find(stat.gfid) ?? inodes.create();
    }
  }
  return {
    entries,
    eof: reply.eof,
    ...(reply.xdata !== undefined && { xdata: reply.xdata }),
  };
}

/** Fops on directories. */
export abstract class ClientDirFops extends ClientFileFops {
  /** Puts our number among the graph's leaves into the offsets. */
  leaveMark(entries: readonly GraphEntry[]): void {
    const { leaf, leaves } = this;
    if (leaves === 1) return;
    for (const entry of entries) entry.dOff = encodeOffset(entry.dOff, leaf, leaves);
  }

  opendir(frame: Frame, loc: Loc, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.OPENDIR);
    if (e === undefined) return this.notConnected();
    gfidRequest(this.wire, e, loc.gfid, xdata);
    return this.submit(openReply, finishOpen, fd, this);
  }

  readdir(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.READDIR);
    if (e === undefined) return this.notConnected();
    readdirRequest(this.wire, e, fd.inode.gfid, remote, decodeOffset(offset, this.leaves), size, xdata);
    return this.submitOn(fd, readdirReply, finishReaddir, undefined, this);
  }

  readdirp(frame: Frame, fd: Fd, size: number, offset: bigint, xdata?: Dict): Promise<ReaddirAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.READDIRP);
    if (e === undefined) return this.notConnected();
    readdirRequest(this.wire, e, fd.inode.gfid, remote, decodeOffset(offset, this.leaves), size, xdata);
    return this.submitOn(fd, readdirpReply, finishReaddir, fd, this);
  }

  fsyncdir(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<Answer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FSYNCDIR);
    if (e === undefined) return this.notConnected();
    fsyncRequest(this.wire, e, fd.inode.gfid, remote, datasync ? 1 : 0, xdata);
    return this.submitOn(fd, commonReply);
  }
}
