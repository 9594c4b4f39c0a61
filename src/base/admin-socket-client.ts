import type { Env, Socket, SocketHandler } from '../env/env.ts';
import { NacreError } from './errors.ts';

const MAX_ANSWER = 256 * 1024 * 1024;

class Exchange implements SocketHandler {
  socket!: Socket;
  private readonly request: Buffer;
  private readonly resolve: (answer: Buffer) => void;
  private readonly reject: (error: Error) => void;
  private readonly path: string;
  private buffer = Buffer.alloc(4);
  private filled = 0;
  private length = -1;

  constructor(
    path: string,
    request: Buffer,
    resolve: (answer: Buffer) => void,
    reject: (error: Error) => void,
  ) {
    this.path = path;
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }

  onConnect(): void {
    this.socket.write(this.request);
  }

  readBuffer(): Uint8Array {
    return this.filled < this.buffer.length ? this.buffer.subarray(this.filled) : Buffer.alloc(1);
  }

  onRead(n: number): void {
    this.filled += n;
    if (this.filled < this.buffer.length) return;
    if (this.length < 0) {
      this.length = this.buffer.readUInt32BE(0);
      if (this.length > MAX_ANSWER) {
        this.fail('EMSGSIZE', `an answer of ${this.length} bytes`);
        return;
      }
      this.buffer = Buffer.alloc(this.length);
      this.filled = 0;
      if (this.length > 0) return;
    }
    this.resolve(this.buffer);
    this.socket.destroy();
  }

  onDrain(): void {}

  onClose(error?: Error): void {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    this.fail(code ?? 'ECONNRESET', error?.message ?? 'the answer ended early', error);
  }

  fail(code: string, why: string, cause?: unknown): void {
    this.socket.destroy();
    this.reject(new NacreError(code, 'admin_socket', `${this.path}: ${why}`, { cause }));
  }
}

/**
 * Sends one command to a program's admin socket, as 'ceph daemon' does: words, or an object with `prefix` and
 * arguments. Resolves to the answer's bytes, errors of the command included ('ERROR: ...'). Rejects with ENOENT or
 * ECONNREFUSED when nobody listens, and when the signal aborts.
 */
export function adminSocketCommand(
  env: Env,
  path: string,
  command: string | Readonly<Record<string, unknown>>,
  signal?: AbortSignal,
): Promise<Buffer> {
  const request = `${typeof command === 'string' ? command : JSON.stringify(command)}\0`;
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(path, Buffer.from(request), resolve, reject);
    exchange.socket = env.net.connect({ path }, exchange);
    const aborted = () => exchange.fail('ECANCELED', 'aborted', signal?.reason);
    if (signal?.aborted) aborted();
    else signal?.addEventListener('abort', aborted, { once: true });
  });
}
