import { ERRNO } from '../../../../base/errno.ts';
import { wind } from '../../../../base/trace.ts';
import type { GraphEvent } from '../../../graph/events.ts';
import type { Fd } from '../../../graph/fd.ts';
import { FopError } from '../../../graph/fop-error.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Xlator, type XlatorSetup } from '../../../graph/xlator.ts';
import type { RpcCall, RpcConnection } from '../../../rpc/connection.ts';
import type { FopWire } from '../../../rpc/fop-wire.ts';
import { WIRE_4 } from '../../../rpc/fop-wire.ts';
import type { Caller } from '../../../rpc/message.ts';
import { FOP_PROGRAM } from '../../../rpc/programs.ts';
import type { XdrEncoder } from '../../../rpc/xdr-encoder.ts';
import { O_DIRECT } from '../../../types/open-flags.ts';
import type { FdContext } from './fd-context.ts';
import { type Finisher, FopCall, type ReplyReader } from './fop-call.ts';

/** An fd that stands for "the file of this gfid" (GF_ANON_FD_NO). */
export const ANON_FD = -2;
export const BAD_FD = -1;
const EBADFD = 77;

/** What all fops of the client share: the connection as it is now, and how a call is made on it. */
export abstract class ClientBase extends Xlator {
  /** Undefined while no brick has taken us in. */
  protected connection: RpcConnection | undefined;
  protected wire: FopWire = WIRE_4;
  protected sendGids = true;
  protected filterODirect = false;
  protected strictLocks = false;
  /** A lock was asked for since this client is there. */
  protected everLocked = false;
  /** No layer above keeps what was read: its memory may be used again by whoever asked. */
  protected recycles = false;
  /** Our number among the leaves of the graph, for offsets in directories. */
  protected leaf = 0;
  protected leaves = 1;
  private lastEvent: GraphEvent | undefined;
  private frame: Frame | undefined;
  private procedure = 0;

  constructor(setup: XlatorSetup) {
    super(setup);
    this.readOptions();
  }

  protected readOptions(): void {
    const { options } = this;
    this.sendGids = options.bool('send-gids');
    this.filterODirect = options.bool('filter-O_DIRECT');
    this.strictLocks = options.bool('strict-locks');
  }

  /** Tells the layers above, but not the same thing twice. */
  protected tell(event: GraphEvent, data?: unknown): void {
    if (this.lastEvent === event) return;
    this.lastEvent = event;
    this.notifyParents(event, data);
  }

  /** Begins a call; undefined when there is no brick. `submit` must follow at once. */
  protected begin(frame: Frame, procedure: number): XdrEncoder | undefined {
    const { connection } = this;
    if (connection === undefined) return undefined;
    this.frame = frame;
    this.procedure = procedure;
    const { root } = frame;
    const who: Caller = this.sendGids ? root : { ...root, groups: [root.gid] };
    return connection.begin(FOP_PROGRAM, this.wire.version, procedure, who);
  }

  private call<R, T>(read: ReplyReader<R>, finish: Finisher<R, T> | undefined): FopCall<R, T> {
    const { peer } = this.connection!;
    const above = this.frame!.span;
    const span =
      above === undefined ? undefined : wind('rpc_clnt_submit', above, { peer, procedure: this.procedure });
    return new FopCall(this.wire, this.name, span, read, finish);
  }

  /** Sends the call that was begun. `a`, `b`, `c`: for `finish`. */
  protected submit<R, T>(
    read: ReplyReader<R>,
    finish?: Finisher<R, T>,
    a?: unknown,
    b?: unknown,
    c = 0,
  ): Promise<T> {
    return this.submitOn(undefined, read, finish, a, b, c);
  }

  /** As `submit`, of a call that goes by an fd: the brick does not hear that it is released before it has answered. */
  protected submitOn<R, T>(
    fd: Fd | undefined,
    read: ReplyReader<R>,
    finish?: Finisher<R, T>,
    a?: unknown,
    b?: unknown,
    c = 0,
  ): Promise<T> {
    const call = this.call(read, finish);
    call.a = a;
    call.b = b;
    call.c = c;
    if (fd !== undefined) call.fd = this.used(fd);
    this.connection!.submit(call);
    return call.promise;
  }

  protected submitOnBoth<R, T>(fd: Fd, other: Fd, read: ReplyReader<R>): Promise<T> {
    const call = this.call<R, T>(read, undefined);
    call.fd = this.used(fd);
    call.otherFd = this.used(other);
    this.connection!.submit(call);
    return call.promise;
  }

  /** As `submitOn`, for what nobody waits for. */
  protected submitUnwaitedOn<R, T>(fd: Fd, read: ReplyReader<R>): Promise<T> {
    const call = this.call<R, T>(read, undefined);
    call.fd = this.used(fd);
    this.submitUnwaited(call);
    return call.promise;
  }

  /** Sends a call that nobody waits for: a little later, but not where locks may go with it, for which somebody may wait. */
  protected submitUnwaited(call: RpcCall): void {
    if (this.everLocked) this.connection!.submit(call);
    else this.connection!.submitLazily(call);
  }

  private used(fd: Fd): FdContext | undefined {
    const context = this.fdContext(fd);
    context?.called();
    return context;
  }

  protected fail(errno: number): Promise<never> {
    return Promise.reject(new FopError(errno, this.name));
  }

  protected notConnected(): Promise<never> {
    return this.fail(ERRNO['ENOTCONN']);
  }

  protected invalid(): Promise<never> {
    return this.fail(ERRNO['EINVAL']);
  }

  protected badFd(): Promise<never> {
    return this.fail(EBADFD);
  }

  /** A procedure that program 3.3 does not have. */
  protected notInOldProtocol(): Promise<never> {
    return this.fail(ERRNO['EOPNOTSUPP']);
  }

  protected fdContext(fd: Fd): FdContext | undefined {
    return fd.ctx[this.slot] as FdContext | undefined;
  }

  /**
   * The brick's number of an fd (client_get_remote_fd): BAD_FD where there is none. `fallback`: the operation may go by gfid as well,
   * unless locks are held on the fd, which the brick would not honour then.
   */
  protected remoteFd(fd: Fd, fallback: boolean): number {
    const context = this.fdContext(fd);
    if (context === undefined) return fd.anonymous || fallback ? ANON_FD : BAD_FD;
    const { remoteFd } = context;
    if (remoteFd >= 0 && !context.reopening) return remoteFd;
    return fallback && context.locks.length === 0 ? ANON_FD : BAD_FD;
  }

  protected filtered(flags: number): number {
    return this.filterODirect ? flags & ~O_DIRECT : flags;
  }
}
