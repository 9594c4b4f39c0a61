import type { Env, Listener, NetAddress, Socket, SocketHandler } from '../../env/env.ts';

/**
 * Consumer of a stream. Beyond what a socket's handler does, it may take bytes by reference from a stack that
 * has them in memory already.
 */
export interface StreamHandler extends SocketHandler {
  /** The next bytes, for good: nobody changes them any more, the handler may keep them. */
  onBuffer(bytes: Uint8Array): void;
}

/**
 * What carries byte streams between messengers: TCP, pairs within the process. A stack that can only send
 * from and receive into memory registered with it gives that memory through `alloc`: everything that the
 * messenger lends to a stream or writes to it, payloads of callers excepted, comes from there.
 */
export interface NetworkStack {
  /** For logs: 'tcp'. */
  readonly name: string;
  /** Starts connecting; as Net.connect. */
  connect(to: NetAddress, handler: StreamHandler): Socket;
  /** Binds and accepts; as Net.listen. */
  listen(at: NetAddress, accept: (socket: Socket) => StreamHandler): Promise<Listener>;
  /** Memory, not cleared, to receive into and send from. */
  alloc(bytes: number): Buffer;
}

/** Byte streams of the host: TCP, or unix sockets where the address is a path. */
export class TcpStack implements NetworkStack {
  readonly name = 'tcp';
  private readonly env: Env;
  private readonly noDelay: boolean;

  constructor(env: Env, noDelay = true) {
    this.env = env;
    this.noDelay = noDelay;
  }

  connect(to: NetAddress, handler: StreamHandler): Socket {
    return this.env.net.connect(to, handler, { noDelay: this.noDelay });
  }

  listen(at: NetAddress, accept: (socket: Socket) => StreamHandler): Promise<Listener> {
    return this.env.net.listen(at, accept);
  }

  alloc(bytes: number): Buffer {
    return Buffer.allocUnsafeSlow(bytes);
  }
}
