import type { Socket } from 'node:net';
import type { Extent } from './block-device.ts';
import {
  REPLY_FLAG_DONE,
  REPLY_TYPE_BLOCK_STATUS,
  REPLY_TYPE_ERROR,
  REPLY_TYPE_NONE,
  REPLY_TYPE_OFFSET_DATA,
  REPLY_TYPE_OFFSET_HOLE,
  SIMPLE_REPLY_MAGIC,
  STATE_HOLE,
  STATE_ZERO,
  STRUCTURED_REPLY_MAGIC,
} from './protocol.ts';

// Replies of the transmission phase.
//   simple:     u32 magic 0x67446698, u32 error, u64 cookie, data of a read that went well
//   structured: u32 magic 0x668e33ef, u16 flags, u16 type, u64 cookie, u32 length, payload by type:
//     OFFSET_DATA   u64 offset, data            OFFSET_HOLE   u64 offset, u32 length
//     BLOCK_STATUS  u32 context, (u32 length, u32 flags) each
//     ERROR         u32 error, u16 length of message, message
const SIMPLE_HEADER = 16;
const CHUNK_HEADER = 20;

/** Headers are carved from blocks of this size. */
const SLAB = 16 << 10;

/** What a request is called by its client. */
export interface Cookie {
  readonly cookieHigh: number;
  readonly cookieLow: number;
}

/**
 * Gathers the replies that are ready in one turn of the event loop and gives them to the socket in one piece. Says
 * when they are in the kernel's hands, so that a client who reads no replies cannot make us hoard them.
 */
export class ReplyStream {
  private readonly socket: Socket;
  private readonly onDrained: (requests: number, bytes: number) => void;
  private waiting: Buffer[] = [];
  private slab = Buffer.allocUnsafeSlow(SLAB);
  /** Headers since the last payload, not in `waiting` yet: slab[from, to). */
  private from = 0;
  private to = 0;
  private requests = 0;
  private bytes = 0;
  private scheduled = false;
  /** Requests and bytes, in turn, of what the socket was given and has not written yet. */
  private readonly given: number[] = [];

  /** `onDrained`: replies to that many requests, which were charged with so many bytes, are written. */
  constructor(socket: Socket, onDrained: (requests: number, bytes: number) => void) {
    this.socket = socket;
    this.onDrained = onDrained;
  }

  /** Nothing waits, and the socket has written everything. */
  get idle(): boolean {
    return this.given.length === 0 && this.requests === 0;
  }

  simple(cookie: Cookie, error: number): void {
    const at = this.carve(SIMPLE_HEADER);
    const { slab } = this;
    slab.writeUInt32BE(SIMPLE_REPLY_MAGIC, at);
    slab.writeUInt32BE(error, at + 4);
    slab.writeUInt32BE(cookie.cookieHigh, at + 8);
    slab.writeUInt32BE(cookie.cookieLow, at + 12);
  }

  simpleData(cookie: Cookie, data: Buffer): void {
    this.simple(cookie, 0);
    this.payload(data);
  }

  none(cookie: Cookie): void {
    this.chunk(cookie, REPLY_TYPE_NONE, true, 0, 0);
  }

  data(cookie: Cookie, offset: number, data: Buffer, done: boolean): void {
    const at = this.chunk(cookie, REPLY_TYPE_OFFSET_DATA, done, 8, 8 + data.length);
    this.offset(offset, at);
    this.payload(data);
  }

  hole(cookie: Cookie, offset: number, length: number, done: boolean): void {
    const at = this.chunk(cookie, REPLY_TYPE_OFFSET_HOLE, done, 12, 12);
    this.offset(offset, at);
    this.slab.writeUInt32BE(length, at + 8);
  }

  blockStatus(cookie: Cookie, context: number, extents: readonly Extent[]): void {
    const length = 4 + 8 * extents.length;
    let at = this.chunk(cookie, REPLY_TYPE_BLOCK_STATUS, true, length, length);
    const { slab } = this;
    slab.writeUInt32BE(context, at);
    at += 4;
    for (const { length: bytes, hole } of extents) {
      slab.writeUInt32BE(bytes, at);
      slab.writeUInt32BE(hole ? STATE_HOLE | STATE_ZERO : 0, at + 4);
      at += 8;
    }
  }

  /** `message`: ASCII, a few words. */
  error(cookie: Cookie, error: number, message: string): void {
    const length = 6 + message.length;
    const at = this.chunk(cookie, REPLY_TYPE_ERROR, true, length, length);
    this.slab.writeUInt32BE(error, at);
    this.slab.writeUInt16BE(message.length, at + 4);
    this.slab.write(message, at + 6, 'latin1');
  }

  /** The reply to a request is whole; `bytes`: what the request was charged with. */
  end(bytes: number): void {
    this.requests++;
    this.bytes += bytes;
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(flush, this);
  }

  /** Header and the first `fixed` bytes of the payload, of which there will be `length`. Where the payload begins. */
  private chunk(cookie: Cookie, type: number, done: boolean, fixed: number, length: number): number {
    const at = this.carve(CHUNK_HEADER + fixed);
    const { slab } = this;
    slab.writeUInt32BE(STRUCTURED_REPLY_MAGIC, at);
    slab.writeUInt16BE(done ? REPLY_FLAG_DONE : 0, at + 4);
    slab.writeUInt16BE(type, at + 6);
    slab.writeUInt32BE(cookie.cookieHigh, at + 8);
    slab.writeUInt32BE(cookie.cookieLow, at + 12);
    slab.writeUInt32BE(length, at + 16);
    return at + CHUNK_HEADER;
  }

  private offset(offset: number, at: number): void {
    this.slab.writeUInt32BE(Math.floor(offset / 0x100000000), at);
    this.slab.writeUInt32BE(offset >>> 0, at + 4);
  }

  private carve(bytes: number): number {
    if (this.to + bytes > SLAB) {
      this.close();
      this.slab = Buffer.allocUnsafeSlow(SLAB);
      this.from = 0;
      this.to = 0;
    }
    this.to += bytes;
    return this.to - bytes;
  }

  private close(): void {
    if (this.to > this.from) this.waiting.push(this.slab.subarray(this.from, this.to));
    this.from = this.to;
  }

  private payload(data: Buffer): void {
    this.close();
    this.waiting.push(data);
  }

  /** Gives everything to the socket. */
  flush(): void {
    this.scheduled = false;
    this.close();
    const { waiting, socket } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    this.given.push(this.requests, this.bytes);
    this.requests = 0;
    this.bytes = 0;
    if (socket.destroyed) {
      this.written();
      return;
    }
    const last = waiting.length - 1;
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(waiting[i]);
    socket.write(waiting[last], this.written);
    socket.uncork();
  }

  private readonly written = (): void => {
    const requests = this.given.shift()!;
    const bytes = this.given.shift()!;
    this.onDrained(requests, bytes);
  };
}

function flush(stream: ReplyStream): void {
  stream.flush();
}
