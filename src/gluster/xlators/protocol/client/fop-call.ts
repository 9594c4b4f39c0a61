import { ERRNO, errnoName } from '../../../../base/errno.ts';
import { type Span, unwind } from '../../../../base/trace.ts';
import { FopError } from '../../../graph/fop-error.ts';
import { RpcCall } from '../../../rpc/connection.ts';
import { type FopWire, ReplyHead } from '../../../rpc/fop-wire.ts';
import type { XdrDecoder } from '../../../rpc/xdr-decoder.ts';
import type { FdContext } from './fd-context.ts';

/** Reads a reply: undefined when the fop failed. */
export type ReplyReader<R> = (w: FopWire, d: XdrDecoder, head: ReplyHead) => R | undefined;

/**
 * Makes the answer of a good reply. It is given the call, so that it needs no closure: `a`, `b` and `c` are what the fop left for it
 * there. May throw a FopError.
 */
export type Finisher<R, T> = (reply: R, call: FopCall<R, T>, head: ReplyHead) => T;

/** One for all replies: nothing of it outlives a reply. */
const HEAD = new ReplyHead();

/** A fop on its way to the brick and back. */
export class FopCall<R, T> extends RpcCall {
  readonly promise: Promise<T>;
  readonly wire: FopWire;
  readonly origin: string;
  readonly read: ReplyReader<R>;
  readonly finish: Finisher<R, T> | undefined;
  readonly span: Span | undefined;
  a: unknown = undefined;
  b: unknown = undefined;
  c = 0;
  /** The fds that it goes by. */
  fd: FdContext | undefined = undefined;
  otherFd: FdContext | undefined = undefined;
  private resolve!: (answer: T) => void;
  private reject!: (error: FopError) => void;

  constructor(
    wire: FopWire,
    origin: string,
    span: Span | undefined,
    read: ReplyReader<R>,
    finish: Finisher<R, T> | undefined,
  ) {
    super();
    this.wire = wire;
    this.origin = origin;
    this.span = span;
    this.read = read;
    this.finish = finish;
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  reply(d: XdrDecoder): void {
    d.type = 'fop reply';
    const head = HEAD;
    const reply = this.read(this.wire, d, head);
    this.letGo();
    if (reply === undefined) {
      this.failed(new FopError(head.errno === 0 ? ERRNO['EIO'] : head.errno, this.origin, head.xdata));
      return;
    }
    const { finish } = this;
    if (finish === undefined) {
      if (this.span !== undefined) unwind(this.span);
      this.resolve(reply as unknown as T);
      return;
    }
    let answer: T;
    try {
      answer = finish(reply, this, head);
    } catch (thrown) {
      if (!(thrown instanceof FopError)) throw thrown;
      this.failed(thrown);
      return;
    }
    if (this.span !== undefined) unwind(this.span);
    this.resolve(answer);
  }

  fail(errno: number): void {
    this.letGo();
    // As Gluster has it, a brick that does not answer is one that is not there.
    this.failed(new FopError(errno === ERRNO['ETIMEDOUT'] ? ERRNO['ENOTCONN'] : errno, this.origin));
  }

  private letGo(): void {
    const { fd, otherFd } = this;
    this.fd = undefined;
    this.otherFd = undefined;
    // Either may be there without the other: an anonymous fd has nothing to release.
    fd?.answered();
    otherFd?.answered();
  }

  private failed(error: FopError): void {
    if (this.span !== undefined) unwind(this.span, errnoName(error.errno));
    this.reject(error);
  }
}
