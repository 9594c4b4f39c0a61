import type { Socket } from '../../env/env.ts';

/** Size of the memory that frames are encoded into: grows with what a stream has to say at once. */
const FIRST_BLOCK = 8 * 1024;
const LARGEST_BLOCK = 128 * 1024;
/** Payloads up to this size are copied behind their header: one piece costs less than a gathered write. */
export const COPY_UP_TO = 16 * 1024;

/**
 * The sending half of a byte stream: frames are encoded one behind the other into a block, large payloads
 * are referenced between them. Memory that the kernel has taken is used again.
 */
export class OutBuffer {
  /** Where to encode: from the offset that `ensure` returned. */
  buf: Buffer;
  view: DataView;
  /** End of what is encoded. */
  at = 0;
  /** Bytes that wait for flush. */
  queued = 0;
  private start = 0;
  private blockSize = FIRST_BLOCK;
  private parts: Uint8Array[] = [];
  private readonly alloc: (bytes: number) => Buffer;

  constructor(alloc: (bytes: number) => Buffer) {
    this.alloc = alloc;
    this.buf = alloc(0);
    this.view = new DataView(this.buf.buffer, 0, 0);
  }

  /** Makes room for `n` bytes in one piece and returns where they go; move `at` with `advance`. */
  ensure(n: number): number {
    if (this.at + n > this.buf.length) {
      this.cut();
      this.buf = this.alloc(Math.max(n, this.blockSize));
      if (this.blockSize < LARGEST_BLOCK) this.blockSize *= 4;
      this.view = new DataView(this.buf.buffer, this.buf.byteOffset, this.buf.length);
      this.at = 0;
      this.start = 0;
    }
    return this.at;
  }

  advance(n: number): void {
    this.at += n;
    this.queued += n;
  }

  /** Bytes that go out from where they are; nobody may change them until then. */
  ref(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.cut();
    this.parts.push(bytes);
    this.queued += bytes.length;
  }

  private cut(): void {
    if (this.at > this.start) {
      this.parts.push(this.buf.subarray(this.start, this.at));
      this.start = this.at;
    }
  }

  /** Hands everything to the socket. False when it asks to wait for its drain. */
  flush(socket: Socket): boolean {
    let go = true;
    const { parts } = this;
    if (parts.length === 0) {
      if (this.at > this.start) go = socket.write(this.buf.subarray(this.start, this.at));
    } else {
      this.cut();
      socket.cork();
      for (let i = 0; i < parts.length; i++) go = socket.write(parts[i]);
      socket.uncork();
      this.parts = [];
    }
    this.queued = 0;
    // Once the kernel has it all, the block starts anew; until then only what is behind is free.
    if (socket.pending === 0) this.at = 0;
    this.start = this.at;
    return go;
  }

  drop(): void {
    this.parts = [];
    this.queued = 0;
    this.at = 0;
    this.start = 0;
    this.buf = Buffer.alloc(0);
  }
}
