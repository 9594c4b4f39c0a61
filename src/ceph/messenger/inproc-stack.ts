import { NacreError } from '../../base/errors.ts';
import type { Env, Listener, NetAddress, Socket } from '../../env/env.ts';
import { Fifo } from './fifo.ts';
import type { NetworkStack, StreamHandler } from './stack.ts';

/** Bytes under way above which `write` asks to wait for onDrain. */
const HIGH_WATER = 4 << 20;
/** Deliveries in a row by microtask; then one goes through the event loop, so that nothing else starves. */
const BURST = 64;

function keyOf(at: NetAddress): string {
  return 'path' in at ? at.path : `${at.host}:${at.port}`;
}

/** One end of a pair. Bytes travel by reference: what was written is what the other end gets. */
class InprocSocket implements Socket {
  readonly local: NetAddress;
  readonly remote: NetAddress;
  peer!: InprocSocket;
  /** Undefined until the accepting side gave one. */
  handler: StreamHandler | undefined;
  private readonly stack: InprocStack;
  /** Written by the peer, not yet delivered here. */
  private readonly inbox = new Fifo<Uint8Array>();
  private inboxBytes = 0;
  private scheduled = false;
  private paused = false;
  private ending = false;
  private blocked = false;
  private closed = false;

  constructor(stack: InprocStack, local: NetAddress, remote: NetAddress) {
    this.stack = stack;
    this.local = local;
    this.remote = remote;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  get pending(): number {
    return this.peer.inboxBytes;
  }

  write(bytes: Uint8Array): boolean {
    const { peer } = this;
    if (this.closed || peer.closed || bytes.length === 0) return true;
    peer.inbox.push(bytes);
    peer.inboxBytes += bytes.length;
    peer.schedule();
    if (peer.inboxBytes < HIGH_WATER) return true;
    this.blocked = true;
    return false;
  }

  cork(): void {}

  uncork(): void {}

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.schedule();
  }

  end(): void {
    if (this.closed || this.peer.closed) return;
    this.peer.ending = true;
    this.peer.schedule();
  }

  destroy(error?: Error): void {
    this.shut(error);
    this.peer.shut(undefined);
  }

  /** Also the first delivery of a new pair, before which onConnect is due. */
  start(): void {
    this.stack.defer(() => {
      if (!this.closed) this.handler?.onConnect();
    });
  }

  private shut(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.inbox.clear();
    this.inboxBytes = 0;
    this.stack.forget(this);
    this.stack.defer(() => this.handler?.onClose(error));
  }

  private schedule(): void {
    if (this.scheduled || this.paused || this.closed) return;
    this.scheduled = true;
    this.stack.defer(this.deliver);
  }

  private readonly deliver = (): void => {
    this.scheduled = false;
    while (!this.paused && !this.closed) {
      const bytes = this.inbox.shift();
      if (bytes === undefined) break;
      this.inboxBytes -= bytes.length;
      this.handler?.onBuffer(bytes);
    }
    if (this.closed) return;
    const { peer } = this;
    if (peer.blocked && this.inboxBytes < HIGH_WATER / 2) {
      peer.blocked = false;
      if (!peer.closed) peer.handler?.onDrain();
    }
    if (this.ending && this.inbox.length === 0) this.destroy();
  };
}

/**
 * Streams between messengers of one process. Both must be given the same stack: it is the registry of
 * addresses. Large payloads arrive as the very memory that the sender gave, so neither end may change it;
 * who stores a payload that its sender may reuse copies it.
 */
export class InprocStack implements NetworkStack {
  readonly name = 'inproc';
  private readonly env: Env;
  private readonly listeners = new Map<string, (socket: Socket) => StreamHandler>();
  private readonly open = new Set<InprocSocket>();
  private nextPort = 1;
  private burst = 0;

  constructor(env: Env) {
    this.env = env;
  }

  /** Runs soon, in order. */
  defer(fn: () => void): void {
    if (this.burst >= BURST) {
      this.env.timers.immediate(fn);
      return;
    }
    if (this.burst++ === 0)
      this.env.timers.immediate(() => {
        this.burst = 0;
      });
    queueMicrotask(fn);
  }

  forget(socket: InprocSocket): void {
    this.open.delete(socket);
  }

  connect(to: NetAddress, handler: StreamHandler): Socket {
    const local: NetAddress = { host: '127.0.0.1', port: 32768 + (this.nextPort++ % 32768) };
    const near = new InprocSocket(this, local, to);
    const far = new InprocSocket(this, to, local);
    near.peer = far;
    far.peer = near;
    near.handler = handler;
    const accept = this.listeners.get(keyOf(to));
    if (accept === undefined) {
      const refused: NodeJS.ErrnoException = new Error(`connect ECONNREFUSED ${keyOf(to)}`);
      refused.code = 'ECONNREFUSED';
      this.defer(() => handler.onClose(refused));
      return near;
    }
    this.open.add(near);
    this.open.add(far);
    near.start();
    this.defer(() => {
      if (far.isClosed) return;
      far.handler = accept(far);
      far.handler.onConnect();
    });
    return near;
  }

  async listen(at: NetAddress, accept: (socket: Socket) => StreamHandler): Promise<Listener> {
    const address: NetAddress =
      'path' in at || at.port !== 0 ? at : { host: at.host, port: this.freePort(at.host) };
    const key = keyOf(address);
    if (this.listeners.has(key)) {
      throw new NacreError('EADDRINUSE', 'inproc.listen', `${key} is in use`);
    }
    this.listeners.set(key, accept);
    const close = async () => {
      this.listeners.delete(key);
      for (const socket of this.open) if (keyOf(socket.local) === key) socket.destroy();
    };
    return { address, close, [Symbol.asyncDispose]: close };
  }

  private freePort(host: string): number {
    let port = 6800;
    while (this.listeners.has(`${host}:${port}`)) port++;
    return port;
  }

  alloc(bytes: number): Buffer {
    return Buffer.allocUnsafeSlow(bytes);
  }
}
