import { promises as dns } from 'node:dns';
import net from 'node:net';
import tls from 'node:tls';
import type { ConnectOptions, Listener, Net, NetAddress, Socket, SocketHandler } from './env.ts';

interface OnRead {
  buffer: () => Uint8Array;
  callback: (bytes: number, into: Uint8Array) => boolean;
}

/** Room for what arrives before an accepted socket's handler can lend memory. */
const FIRST_READ = 4096;

/** Bytes on their way to the kernel at which a write asks to wait: a large payload goes in one piece. */
const HIGH_WATER = 1 << 20;

function addressOf(host: string | undefined, port: number | undefined, path: string): NetAddress {
  return host !== undefined && port !== undefined ? { host, port } : { path };
}

/** A socket whose reads go into the handler's own buffers (`onread`), without stream buffering on the way. */
class NodeSocket implements Socket {
  private readonly socket: net.Socket;
  private readonly path: string;
  private corked = false;
  private error: Error | undefined;

  constructor(socket: net.Socket, path: string) {
    this.socket = socket;
    this.path = path;
    // Without onread data would flow into the stream's own buffers; the no-op listener is never reached.
    socket.on('error', error => {
      this.error = error;
    });
  }

  attach(handler: SocketHandler, connected: boolean, ready = 'connect'): void {
    const { socket } = this;
    socket.on('drain', () => handler.onDrain());
    socket.on('end', () => socket.destroy());
    socket.on('close', () => handler.onClose(this.error));
    if (connected) handler.onConnect();
    else socket.on(ready, () => handler.onConnect());
  }

  get remote(): NetAddress {
    return addressOf(this.socket.remoteAddress, this.socket.remotePort, this.path);
  }

  get local(): NetAddress {
    return addressOf(this.socket.localAddress, this.socket.localPort, this.path);
  }

  get pending(): number {
    return this.socket.writableLength;
  }

  write(bytes: Uint8Array): boolean {
    if (this.socket.destroyed) return true;
    return this.socket.write(bytes);
  }

  cork(): void {
    if (!this.corked) {
      this.corked = true;
      this.socket.cork();
    }
  }

  uncork(): void {
    if (this.corked) {
      this.corked = false;
      this.socket.uncork();
    }
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(error?: Error): void {
    this.socket.destroy(error);
  }
}

/**
 * Breaks the knot that an accepted socket wants its first buffer before its handler exists: that one is ours, and
 * what was read into it is copied over.
 */
function onReadOf(holder: { handler?: SocketHandler }): OnRead {
  let first: Buffer | undefined;
  return {
    buffer: () => holder.handler?.readBuffer() ?? (first = Buffer.allocUnsafeSlow(FIRST_READ)),
    callback: (bytes, into) => {
      const handler = holder.handler!;
      if (into !== first) {
        handler.onRead(bytes);
        return true;
      }
      for (let at = 0; at < bytes; ) {
        const lent = handler.readBuffer();
        const n = first.copy(lent, 0, at, bytes);
        handler.onRead(n);
        at += n;
      }
      first = undefined;
      return true;
    },
  };
}

export const nodeNet: Net = {
  connect(to: NetAddress, handler: SocketHandler, options?: ConnectOptions): Socket {
    const onread = onReadOf({ handler }) as unknown as net.OnReadOpts;
    const path = 'path' in to ? to.path : '';
    const common = {
      ...('path' in to ? { path: to.path } : { host: to.host, port: to.port }),
      noDelay: options?.noDelay ?? true,
      ...(options?.keepAliveMs !== undefined && {
        keepAlive: true,
        keepAliveInitialDelay: options.keepAliveMs,
      }),
      onread,
      writableHighWaterMark: HIGH_WATER,
      // Of a name with several addresses Node gives each a quarter of a second only, less than a busy or distant host may take.
      autoSelectFamilyAttemptTimeout: 2000,
    };
    if (options?.tls !== undefined) {
      const { name, ...material } = options.tls;
      const socket = tls.connect({
        ...common,
        ...material,
        ...(name === undefined ? { checkServerIdentity: () => undefined } : { servername: name }),
      } as unknown as tls.ConnectionOptions);
      const wrapped = new NodeSocket(socket, path);
      wrapped.attach(handler, false, 'secureConnect');
      return wrapped;
    }
    const socket = net.connect(common as unknown as net.NetConnectOpts);
    const wrapped = new NodeSocket(socket, path);
    wrapped.attach(handler, false);
    return wrapped;
  },

  listen(at: NetAddress, accept: (socket: Socket) => SocketHandler): Promise<Listener> {
    const path = 'path' in at ? at.path : '';
    const open = new Set<net.Socket>();
    const server = net.createServer({ pauseOnConnect: true, noDelay: true }, accepted => {
      // The server cannot be given onread, so its fresh, still paused handle moves into a socket of our own.
      const inner = accepted as net.Socket & { _handle: unknown };
      const handle = inner._handle as { reading?: boolean } | null;
      if (handle === null) return;
      inner._handle = null;
      // Without its handle it is gone for the server too, which else would wait for it when it closes.
      accepted.destroy();
      const holder: { handler?: SocketHandler } = {};
      const socket = new net.Socket({
        handle,
        onread: onReadOf(holder),
        writableHighWaterMark: HIGH_WATER,
      } as unknown as net.SocketConstructorOpts);
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      const wrapped = new NodeSocket(socket, path);
      const handler = accept(wrapped);
      holder.handler = handler;
      wrapped.attach(handler, true);
      socket.resume();
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen('path' in at ? { path: at.path } : { host: at.host, port: at.port }, () => {
        server.off('error', reject);
        const bound = server.address();
        const address =
          bound === null || typeof bound === 'string' ? { path } : { host: bound.address, port: bound.port };
        let closing: Promise<void> | undefined;
        const close = () => {
          closing ??= new Promise<void>(done => {
            server.close(() => done());
            for (const socket of open) socket.destroy();
          });
          return closing;
        };
        resolve({ address, close, [Symbol.asyncDispose]: close });
      });
    });
  },

  async lookup(host: string): Promise<string[]> {
    return (await dns.lookup(host, { all: true, verbatim: true })).map(found => found.address);
  },

  async lookupSrv(name: string) {
    const records = await dns.resolveSrv(name);
    return records.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  },
};
