import { ERRNO } from '../../../../base/errno.ts';
import type { Fd } from '../../../graph/fd.ts';
import type {
  Answer,
  CopyRangeAnswer,
  OpenAnswer,
  PrePostAnswer,
  RchecksumAnswer,
  ReadAnswer,
  SeekAnswer,
  WriteAnswer,
} from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import type { ReplyHead } from '../../../rpc/fop-wire.ts';
import { OP } from '../../../rpc/programs.ts';
import {
  commonReply,
  copyRangeReply,
  openReply,
  prePostReply,
  rchecksumReply,
  readReply,
  seekReply,
} from '../../../rpc/replies.ts';
import {
  copyFileRangeRequest,
  fallocateRequest,
  fdRequest,
  fsyncRequest,
  ftruncateRequest,
  openRequest,
  rangeRequest,
  rchecksumRequest,
  readWriteRequest,
  seekRequest,
  truncateRequest,
} from '../../../rpc/requests-file.ts';
import type { Dict } from '../../../types/dict.ts';
import { GFID_NULL } from '../../../types/gfid.ts';
import type { Iatt } from '../../../types/iatt.ts';
import { ClientAttrFops } from './attr-fops.ts';
import { ANON_FD, BAD_FD } from './base.ts';
import { FdContext } from './fd-context.ts';
import type { FopCall } from './fop-call.ts';

/** Larger reads are made in parts, so that no reply is longer than a connection takes. */
const MAX_READ = 4 << 20;

interface Opened {
  fd: number;
  xdata: Dict | undefined;
}

export function finishOpen(reply: Opened, call: FopCall<Opened, OpenAnswer>): OpenAnswer {
  const fd = call.a as Fd;
  const context = new FdContext(fd.inode.gfid, reply.fd, call.c, fd.isDirectory);
  (call.b as ClientFileFops).opened(fd, context);
  return { fd, ...(reply.xdata !== undefined && { xdata: reply.xdata }) };
}

interface PrePost {
  pre: Iatt;
  post: Iatt;
  xdata: Dict | undefined;
}

function finishWrite(reply: PrePost, call: FopCall<PrePost, WriteAnswer>, head: ReplyHead): WriteAnswer {
  if (call.a !== undefined) (call.b as ClientFileFops).tryReopen(call.a as Fd);
  const { pre, post, xdata } = reply;
  return xdata === undefined ? { pre, post, written: head.ret } : { pre, post, written: head.ret, xdata };
}

function finishRead(reply: ReadAnswer, call: FopCall<ReadAnswer, ReadAnswer>): ReadAnswer {
  if (call.a !== undefined) (call.b as ClientFileFops).tryReopen(call.a as Fd);
  if (call.c === 0) reply.memory = undefined;
  return reply;
}

/** Fops on files and open files. */
export abstract class ClientFileFops extends ClientAttrFops {
  /** An operation on an fd that the brick has lost went by gfid: perhaps it can be opened again. */
  abstract tryReopen(fd: Fd): void;

  truncate(frame: Frame, loc: Loc, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    const e = this.begin(frame, OP.TRUNCATE);
    if (e === undefined) return this.notConnected();
    truncateRequest(this.wire, e, loc.gfid, offset, xdata);
    return this.submit(prePostReply);
  }

  ftruncate(frame: Frame, fd: Fd, offset: number, xdata?: Dict): Promise<PrePostAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FTRUNCATE);
    if (e === undefined) return this.notConnected();
    ftruncateRequest(this.wire, e, fd.inode.gfid, remote, offset, xdata);
    return this.submitOn(fd, prePostReply);
  }

  open(frame: Frame, loc: Loc, flags: number, fd: Fd, xdata?: Dict): Promise<OpenAnswer> {
    if (loc.gfid === GFID_NULL) return this.invalid();
    // Locks that a lost fd held are gone; to open it anew would hide that.
    if (this.strictLocks && (this.fdContext(fd)?.locks.length ?? 0) > 0) return this.badFd();
    const e = this.begin(frame, OP.OPEN);
    if (e === undefined) return this.notConnected();
    const wanted = this.filtered(flags);
    openRequest(this.wire, e, loc.gfid, wanted, xdata);
    return this.submit(openReply, finishOpen, fd, this, wanted);
  }

  readv(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    if (size > MAX_READ) return this.readInParts(frame, fd, size, offset, flags, xdata);
    const remote = this.remoteFd(fd, true);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.READ);
    if (e === undefined) return this.notConnected();
    readWriteRequest(this.wire, e, fd.inode.gfid, remote, offset, size, this.filtered(flags), xdata);
    const lost = remote === ANON_FD && this.fdContext(fd) !== undefined;
    if (!lost && this.recycles) return this.submitOn(fd, readReply) as Promise<ReadAnswer>;
    return this.submitOn(
      fd,
      readReply as never,
      finishRead,
      lost ? fd : undefined,
      this,
      this.recycles ? 1 : 0,
    );
  }

  private async readInParts(
    frame: Frame,
    fd: Fd,
    size: number,
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<ReadAnswer> {
    const data: Buffer[] = [];
    let length = 0;
    for (;;) {
      const want = Math.min(MAX_READ, size - length);
      const part = await this.readv(frame, fd, want, offset + length, flags, xdata);
      data.push(...part.data);
      length += part.length;
      if (part.length < want || length >= size) return { ...part, data, length, memory: undefined };
    }
  }

  writev(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    const { connection } = this;
    if (connection?.congested) return this.writeLater(frame, fd, data, offset, flags, xdata);
    const remote = this.remoteFd(fd, true);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.WRITE);
    if (e === undefined) return this.notConnected();
    let size = 0;
    for (let i = 0; i < data.length; i++) size += data[i].length;
    readWriteRequest(this.wire, e, fd.inode.gfid, remote, offset, size, this.filtered(flags), xdata);
    for (let i = 0; i < data.length; i++) e.ref(data[i]);
    const lost = remote === ANON_FD && this.fdContext(fd) !== undefined;
    return this.submitOn(fd, prePostReply, finishWrite, lost ? fd : undefined, this);
  }

  /** More waits to be sent than may: this one waits until there is room. */
  private async writeLater(
    frame: Frame,
    fd: Fd,
    data: readonly Buffer[],
    offset: number,
    flags: number,
    xdata?: Dict,
  ): Promise<WriteAnswer> {
    const connection = this.connection!;
    await new Promise<void>(resolve => connection.whenDrained(resolve));
    if (this.connection !== connection) return this.notConnected();
    return this.writev(frame, fd, data, offset, flags, xdata);
  }

  flush(frame: Frame, fd: Fd, xdata?: Dict): Promise<Answer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FLUSH);
    if (e === undefined) return this.notConnected();
    fdRequest(this.wire, e, fd.inode.gfid, remote, xdata);
    // The brick drops the locks of whoever flushes.
    this.fdContext(fd)?.ownerGone(frame.root.lkOwner);
    return frame.root.unwaited ? this.submitUnwaitedOn(fd, commonReply) : this.submitOn(fd, commonReply);
  }

  fsync(frame: Frame, fd: Fd, datasync: boolean, xdata?: Dict): Promise<PrePostAnswer> {
    const remote = this.remoteFd(fd, true);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FSYNC);
    if (e === undefined) return this.notConnected();
    fsyncRequest(this.wire, e, fd.inode.gfid, remote, datasync ? 1 : 0, xdata);
    return this.submitOn(fd, prePostReply);
  }

  fallocate(
    frame: Frame,
    fd: Fd,
    keepSize: boolean,
    offset: number,
    length: number,
    xdata?: Dict,
  ): Promise<PrePostAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.FALLOCATE);
    if (e === undefined) return this.notConnected();
    fallocateRequest(this.wire, e, fd.inode.gfid, remote, keepSize ? 1 : 0, offset, length, xdata);
    return this.submitOn(fd, prePostReply);
  }

  discard(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.range(frame, OP.DISCARD, fd, offset, length, xdata);
  }

  zerofill(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<PrePostAnswer> {
    return this.range(frame, OP.ZEROFILL, fd, offset, length, xdata);
  }

  private range(
    frame: Frame,
    procedure: number,
    fd: Fd,
    offset: number,
    length: number,
    xdata: Dict | undefined,
  ): Promise<PrePostAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, procedure);
    if (e === undefined) return this.notConnected();
    rangeRequest(this.wire, e, fd.inode.gfid, remote, offset, length, xdata);
    return this.submitOn(fd, prePostReply);
  }

  seek(frame: Frame, fd: Fd, offset: number, what: number, xdata?: Dict): Promise<SeekAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.SEEK);
    if (e === undefined) return this.notConnected();
    seekRequest(this.wire, e, fd.inode.gfid, remote, offset, what, xdata);
    return this.submitOn(fd, seekReply);
  }

  rchecksum(frame: Frame, fd: Fd, offset: number, length: number, xdata?: Dict): Promise<RchecksumAnswer> {
    const remote = this.remoteFd(fd, false);
    if (remote === BAD_FD) return this.badFd();
    const e = this.begin(frame, OP.RCHECKSUM);
    if (e === undefined) return this.notConnected();
    rchecksumRequest(this.wire, e, fd.inode.gfid, remote, offset, length, xdata);
    return this.submitOn(fd, rchecksumReply);
  }

  copyFileRange(
    frame: Frame,
    from: Fd,
    fromOffset: number,
    to: Fd,
    toOffset: number,
    length: number,
    flags: number,
    xdata?: Dict,
  ): Promise<CopyRangeAnswer> {
    if (!this.wire.v4) return this.notInOldProtocol();
    const fromFd = this.remoteFd(from, true);
    const toFd = this.remoteFd(to, true);
    if (fromFd === BAD_FD || toFd === BAD_FD) return this.badFd();
    if (length > 0xffff_ffff) return this.fail(ERRNO['EINVAL']);
    const e = this.begin(frame, OP.COPY_FILE_RANGE);
    if (e === undefined) return this.notConnected();
    copyFileRangeRequest(
      this.wire,
      e,
      from.inode.gfid,
      to.inode.gfid,
      fromFd,
      toFd,
      fromOffset,
      toOffset,
      length,
      flags,
      xdata,
    );
    return this.submitOnBoth(from, to, copyRangeReply);
  }
}
