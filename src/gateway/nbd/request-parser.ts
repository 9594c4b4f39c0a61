import { CMD_WRITE, REQUEST_MAGIC } from './protocol.ts';

// A request of the transmission phase, 28 bytes and the payload of a write:
//   u32 magic 0x25609513, u16 command flags, u16 type, u64 cookie, u64 offset, u32 length, data
const HEADER = 28;

/** Fragments of this size and more are kept as they came; smaller ones are copied together. */
const KEEP = 8 << 10;

/** The header of a request, as it came. */
export interface RequestHeader {
  flags: number;
  type: number;
  /** The client's name for the request: any 64 bits, as two halves. */
  cookieHigh: number;
  cookieLow: number;
  /** Infinity when it is more than 2^53. */
  offset: number;
  length: number;
}

/** What to do with the payload of a write. */
export type PayloadPlan = 'keep' | 'skip';

export interface RequestSink {
  /** Whether the next request may be read; `resume` on the parser when that changes. */
  readonly ready: boolean;
  /** A request whose payload is still to come. The header is valid during the call only. */
  writeBegins(header: RequestHeader): PayloadPlan;
  /** A request is complete. `payload` is that of a write, empty when it was skipped. */
  request(header: RequestHeader, payload: Buffer[]): void;
  /** The client does not speak the protocol: nothing more is parsed. */
  violation(message: string): void;
}

/**
 * Takes the byte stream of the transmission phase apart. It holds one header, and the payload of one write; how much
 * that may be is the sink's to say, which is asked before a payload is taken in.
 */
export class RequestParser {
  private readonly sink: RequestSink;
  private readonly partial = Buffer.allocUnsafeSlow(HEADER);
  private filled = 0;
  private readonly header: RequestHeader = {
    flags: 0,
    type: 0,
    cookieHigh: 0,
    cookieLow: 0,
    offset: 0,
    length: 0,
  };
  /** Bytes of the payload that are still to come. */
  private wanted = 0;
  private skipping = false;
  private payload: Buffer[] = [];
  /** Memory for what is left of the payload, and how much of it is used. */
  private room: Buffer | undefined;
  private roomUsed = 0;
  /** Bytes that came while the sink was not ready. */
  private held: Buffer[] = [];
  private parsing = false;
  private failed = false;

  constructor(sink: RequestSink) {
    this.sink = sink;
  }

  /** The sink was not ready, and bytes wait for it: no more should be read. */
  get blocked(): boolean {
    return this.held.length > 0;
  }

  /** Within a request, of which something is still to come. */
  get midway(): boolean {
    return this.filled > 0 || this.wanted > 0;
  }

  /**
   * Memory that the next bytes can be read into without a detour, when a good deal of a payload is still to come.
   * Report with `filledRoom` how much was.
   */
  lend(): Buffer | undefined {
    if (this.wanted < KEEP || this.skipping || this.failed || this.held.length > 0) return undefined;
    const room = this.takeRoom();
    return room.subarray(this.roomUsed, this.roomUsed + this.wanted);
  }

  filledRoom(bytes: number): void {
    this.roomUsed += bytes;
    this.wanted -= bytes;
    if (this.wanted === 0) this.endOfPayload();
  }

  /** Takes bytes in. True when parts of `chunk` are kept: its memory is not the caller's any more. */
  feed(chunk: Buffer): boolean {
    if (this.failed) return false;
    if (this.held.length > 0 || this.parsing) {
      this.held.push(chunk);
      return true;
    }
    return this.parse(chunk);
  }

  /** Goes on with what waited. */
  resume(): void {
    if (this.parsing) return;
    while (this.held.length > 0 && this.sink.ready && !this.failed) {
      const chunk = this.held.shift()!;
      this.parse(chunk);
    }
  }

  /** Parses `chunk`; what the sink is not ready for goes to the front of what waits. */
  private parse(chunk: Buffer): boolean {
    this.parsing = true;
    let at = 0;
    let kept = false;
    while (at < chunk.length && !this.failed) {
      if (this.wanted > 0) {
        const part = Math.min(this.wanted, chunk.length - at);
        if (this.take(chunk, at, at + part)) kept = true;
        at += part;
      } else if (!this.sink.ready && this.filled === 0) {
        this.held.unshift(chunk.subarray(at));
        kept = true;
        break;
      } else at += this.takeHeader(chunk, at);
    }
    this.parsing = false;
    return kept;
  }

  /** Bytes of the header that were taken. */
  private takeHeader(chunk: Buffer, at: number): number {
    if (this.filled === 0 && chunk.length - at >= HEADER) {
      this.decode(chunk, at);
      return HEADER;
    }
    const part = Math.min(HEADER - this.filled, chunk.length - at);
    chunk.copy(this.partial, this.filled, at, at + part);
    this.filled += part;
    if (this.filled === HEADER) {
      this.filled = 0;
      this.decode(this.partial, 0);
    }
    return part;
  }

  private decode(from: Buffer, at: number): void {
    const { header, sink } = this;
    const magic = from.readUInt32BE(at);
    if (magic !== REQUEST_MAGIC) {
      this.failed = true;
      sink.violation(`a request begins with 0x${magic.toString(16)}`);
      return;
    }
    header.flags = from.readUInt16BE(at + 4);
    header.type = from.readUInt16BE(at + 6);
    header.cookieHigh = from.readUInt32BE(at + 8);
    header.cookieLow = from.readUInt32BE(at + 12);
    const high = from.readUInt32BE(at + 16);
    header.offset =
      high < 0x200000 ? high * 0x100000000 + from.readUInt32BE(at + 20) : Number.POSITIVE_INFINITY;
    header.length = from.readUInt32BE(at + 24);
    if (header.type !== CMD_WRITE || header.length === 0) {
      if (header.type === CMD_WRITE) sink.writeBegins(header);
      sink.request(header, []);
      return;
    }
    this.skipping = sink.writeBegins(header) === 'skip';
    this.wanted = header.length;
  }

  /** True when the bytes are kept where they are. */
  private take(chunk: Buffer, from: number, to: number): boolean {
    const part = to - from;
    let kept = false;
    if (!this.skipping) {
      if (part >= KEEP && this.room === undefined) {
        this.payload.push(chunk.subarray(from, to));
        kept = true;
      } else {
        const room = this.takeRoom();
        chunk.copy(room, this.roomUsed, from, to);
        this.roomUsed += part;
      }
    }
    this.wanted -= part;
    if (this.wanted === 0) this.endOfPayload();
    return kept;
  }

  private takeRoom(): Buffer {
    if (this.room === undefined) {
      this.room = Buffer.allocUnsafeSlow(this.wanted);
      this.roomUsed = 0;
    }
    return this.room;
  }

  private endOfPayload(): void {
    const { payload } = this;
    if (this.room !== undefined) payload.push(this.room);
    this.payload = [];
    this.room = undefined;
    this.skipping = false;
    this.sink.request(this.header, payload);
  }
}
