import type { Listener, Socket, SocketHandler } from '../env/env.ts';
import { adminSocketCommand } from './admin-socket-client.ts';
import type { AdminRegistry } from './admin-socket-registry.ts';
import type { Context } from './context.ts';
import { NacreError } from './errors.ts';
import { SUBSYS_ASOK } from './log.ts';

/** Longest request. */
const MAX_REQUEST = 64 * 1024;
/** What sun_path holds. */
const MAX_PATH = 107;

/** Requests of the oldest form: four bytes, big-endian. */
const NUMBERED = ['0', 'perfcounters_dump', 'perfcounters_schema'];

/**
 * One client: a request ended by NUL or newline (or four bytes that start with a NUL, the oldest form), an answer of
 * u32 big-endian length and that many bytes, end of stream (common/admin_socket.cc do_accept).
 */
class Request implements SocketHandler {
  private readonly socket: Socket;
  private readonly registry: AdminRegistry;
  private readonly done: (request: Request) => void;
  private buffer = Buffer.alloc(1024);
  private filled = 0;
  private answered = false;

  constructor(socket: Socket, registry: AdminRegistry, done: (request: Request) => void) {
    this.socket = socket;
    this.registry = registry;
    this.done = done;
  }

  onConnect(): void {}

  readBuffer(): Uint8Array {
    if (this.filled === this.buffer.length) {
      const bigger = Buffer.alloc(this.buffer.length * 2);
      this.buffer.copy(bigger);
      this.buffer = bigger;
    }
    return this.buffer.subarray(this.filled);
  }

  onRead(n: number): void {
    this.filled += n;
    if (this.answered) {
      // A client that goes on talking is not listened to.
      this.filled = 0;
      return;
    }
    const bytes = this.buffer.subarray(0, this.filled);
    if (bytes[0] === 0) {
      if (bytes.length >= 4) this.answer(NUMBERED[bytes.readUInt32BE(0)] ?? '');
      return;
    }
    const end = bytes.findIndex(byte => byte === 0 || byte === 10);
    if (end >= 0) this.answer(bytes.toString('utf8', 0, end));
    else if (this.filled > MAX_REQUEST) this.socket.destroy();
  }

  private answer(request: string): void {
    this.answered = true;
    void this.registry.execute(request).then(payload => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(payload.length);
      this.socket.cork();
      this.socket.write(head);
      this.socket.write(payload);
      this.socket.uncork();
      this.socket.end();
    });
  }

  onDrain(): void {}

  onClose(): void {
    this.done(this);
  }

  close(): void {
    this.socket.destroy();
  }
}

/**
 * The socket that 'ceph daemon PATH COMMAND' talks to. Serves what is in the context's registry.
 */
export class AdminSocket implements AsyncDisposable {
  readonly path: string;
  private readonly ctx: Context;
  private listener: Listener | undefined;
  private readonly open = new Set<Request>();

  private constructor(ctx: Context, path: string) {
    this.ctx = ctx;
    this.path = path;
  }

  /**
   * Listens on `path` (by default what the option admin_socket says). A socket file that nobody listens on any more is
   * replaced. Throws EEXIST when another program is there, ENAMETOOLONG, or what binding throws.
   */
  static async listen(ctx: Context, path = ctx.config.get('admin_socket')): Promise<AdminSocket> {
    if (Buffer.byteLength(path) > MAX_PATH)
      throw new NacreError('ENAMETOOLONG', 'admin_socket', `socket path ${path} is over ${MAX_PATH} bytes`);
    const admin = new AdminSocket(ctx, path);
    try {
      await admin.bind();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      const alive = await adminSocketCommand(ctx.env, path, '0').then(
        () => true,
        () => false,
      );
      if (alive)
        throw new NacreError('EEXIST', 'admin_socket', `another program listens on ${path}`, {
          cause: error,
        });
      await ctx.env.fs.unlink(path);
      await admin.bind();
    }
    const mode = ctx.config.get('admin_socket_mode');
    if (mode !== '') await ctx.env.fs.chmod(path, Number.parseInt(mode, 8));
    ctx.log.write(SUBSYS_ASOK, 5, `asok listening on ${path}`);
    return admin;
  }

  private async bind(): Promise<void> {
    this.listener = await this.ctx.env.net.listen({ path: this.path }, socket => {
      const request = new Request(socket, this.ctx.admin, done => this.open.delete(done));
      this.open.add(request);
      return request;
    });
  }

  async close(): Promise<void> {
    const { listener } = this;
    this.listener = undefined;
    if (listener === undefined) return;
    for (const request of this.open) request.close();
    await listener.close();
    // The listener unlinks its file; where it does not, the file would stay behind.
    await this.ctx.env.fs.unlink(this.path).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
