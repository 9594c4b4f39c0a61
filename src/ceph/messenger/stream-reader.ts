/** Size of the memory that small things are read into. */
export const CHUNK_SIZE = 64 * 1024;
/** Free room below which a fresh chunk is taken: a read into less would cost a system call for little. */
const MIN_ROOM = 8 * 1024;
/** A piece longer than this is read straight into memory of its own. */
export const DIRECT_FROM = 16 * 1024;
/** Parts up to this size are copied out, so that a few bytes do not keep a whole chunk alive. */
const COPY_UP_TO = 1024;

/** Little-endian reads that need no view of their own. */
export function readU16(b: Uint8Array, at: number): number {
  return b[at] | (b[at + 1] << 8);
}

export function readU32(b: Uint8Array, at: number): number {
  return (b[at] | (b[at + 1] << 8) | (b[at + 2] << 16) | (b[at + 3] << 24)) >>> 0;
}

/** -1 when it is above 2^53. */
export function readU64(b: Uint8Array, at: number): number {
  const high = readU32(b, at + 4);
  return high > 0x1f_ffff ? -1 : high * 0x1_0000_0000 + readU32(b, at);
}

/**
 * The receiving half of a byte stream: lends memory to the socket and gives the parser what came.
 *
 * Small things are read into a chunk and parsed where they lie: `chunk` from `rpos` to `wpos`. A chunk of
 * which nothing was handed out is used again; one of which something was is left to whoever has it, and a fresh one
 * is taken when it is full. A long piece (`direct`) is read into memory of exactly its size, so that a
 * large payload is never copied.
 */
export abstract class StreamReader {
  protected chunk: Buffer;
  protected rpos = 0;
  protected wpos = 0;
  /** True when a part of the chunk was handed out. */
  private pinned = false;
  /** What `pinned` was before the frame that is being passed on now. */
  private pinnedBefore = false;
  private direct: Buffer | undefined;
  /** The direct piece of the frame that is being passed on now. */
  private lastDirect: Buffer | undefined;
  /** Memory of a direct piece that nobody kept, for the next one of its size. */
  private spareDirect: Buffer | undefined;
  private directWanted = 0;
  private directAt = 0;
  private readonly alloc: (bytes: number) => Buffer;

  constructor(alloc: (bytes: number) => Buffer) {
    this.alloc = alloc;
    this.chunk = alloc(CHUNK_SIZE);
    this.lent = this.chunk;
  }

  /** Consumes what it can of the chunk; asks for a direct piece with `wantDirect`. */
  protected abstract parse(): void;

  /** A direct piece is complete. `parse` follows. */
  protected abstract onDirect(piece: Buffer): void;

  /** What was lent last, and whether the reader moved on before the stream read into it. */
  private lent: Uint8Array;
  private stale = false;

  readBuffer(): Uint8Array {
    this.stale = false;
    this.lent = this.nextBuffer();
    return this.lent;
  }

  private nextBuffer(): Uint8Array {
    if (this.directWanted > 0) {
      this.direct ??= this.allocDirect(this.directWanted);
      return this.directAt === 0 ? this.direct : this.direct.subarray(this.directAt);
    }
    if (this.rpos === this.wpos && !this.pinned) {
      this.rpos = 0;
      this.wpos = 0;
      if (this.chunk.length > CHUNK_SIZE) this.chunk = this.alloc(CHUNK_SIZE);
      return this.chunk;
    }
    if (this.chunk.length - this.wpos < MIN_ROOM) {
      this.renew();
      // Full of what may not be parsed yet: a stream that was told to pause still wants memory for its next read.
      if (this.chunk.length - this.wpos < MIN_ROOM) this.grow();
    }
    return this.chunk.subarray(this.wpos);
  }

  onRead(n: number): void {
    if (this.stale) {
      this.onBuffer(this.lent.subarray(0, n));
      return;
    }
    if (this.directWanted > 0) {
      this.directAt += n;
      if (this.directAt < this.directWanted) return;
      this.finishDirect();
    } else {
      this.wpos += n;
    }
    this.parse();
  }

  /** Goes on with what is here, outside of a read. A stream may have borrowed memory for its next read already. */
  protected parseLater(): void {
    this.stale = true;
    this.parse();
  }

  /** Bytes that are in memory already, and are the sender's. */
  onBuffer(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.directWanted > 0) {
        const left = this.directWanted - this.directAt;
        // Copied even where a buffer is just what is wanted: it is the sender's, who may use it again.
        this.direct ??= this.allocDirect(this.directWanted);
        const n = Math.min(left, bytes.length - at);
        this.direct.set(bytes.subarray(at, at + n), this.directAt);
        this.directAt += n;
        at += n;
        if (this.directAt < this.directWanted) return;
        this.finishDirect();
        this.parse();
        continue;
      }
      const room = this.nextBuffer();
      const n = Math.min(room.length, bytes.length - at);
      room.set(at === 0 && n === bytes.length ? bytes : bytes.subarray(at, at + n));
      at += n;
      this.wpos += n;
      this.parse();
    }
  }

  private finishDirect(): void {
    const piece = this.direct!;
    this.direct = undefined;
    this.directWanted = 0;
    this.directAt = 0;
    this.lastDirect = piece;
    this.onDirect(piece);
  }

  /**
   * Reads the next `n` bytes into memory of their own. True when they were all here; otherwise `onDirect`
   * comes later. Nothing is allocated before the stream asks for the memory.
   */
  protected wantDirect(n: number): void {
    this.directWanted = n;
    this.directAt = 0;
    const here = Math.min(this.wpos - this.rpos, n);
    if (here > 0) {
      this.direct = this.allocDirect(n);
      this.chunk.copy(this.direct, 0, this.rpos, this.rpos + here);
      this.rpos += here;
      this.directAt = here;
      if (here === n) this.finishDirect();
    }
  }

  protected get waitsForDirect(): boolean {
    return this.directWanted > 0;
  }

  /** Makes sure that `n` bytes from `rpos` fit into the chunk; n is at most half of CHUNK_SIZE. */
  protected ensure(n: number): void {
    if (this.rpos + n > this.chunk.length) this.renew();
  }

  private grow(): void {
    const bigger = this.alloc(this.wpos + CHUNK_SIZE);
    this.chunk.copy(bigger, 0, 0, this.wpos);
    this.chunk = bigger;
    this.pinned = false;
  }

  private renew(): void {
    const { chunk, rpos, wpos } = this;
    if (this.pinned) {
      this.chunk = this.alloc(CHUNK_SIZE);
      this.pinned = false;
      if (wpos > rpos) chunk.copy(this.chunk, 0, rpos, wpos);
    } else if (wpos > rpos) {
      chunk.copyWithin(0, rpos, wpos);
    }
    this.rpos = 0;
    this.wpos = wpos - rpos;
  }

  private allocDirect(n: number): Buffer {
    const spare = this.spareDirect;
    if (spare === undefined || spare.length !== n) return this.alloc(n);
    this.spareDirect = undefined;
    return spare;
  }

  /** Before the first part of a frame is handed out. */
  protected beginHandingOut(): void {
    this.pinnedBefore = this.pinned;
    this.lastDirect = undefined;
  }

  /** Nobody kept a part of the frame that was passed on last: its memory may be read into again. */
  takeBack(): void {
    this.pinned = this.pinnedBefore;
    this.spareDirect = this.lastDirect;
  }

  /** Bytes of the chunk for someone who keeps them. */
  protected handOut(from: number, to: number): Buffer {
    if (to - from > COPY_UP_TO) {
      this.pinned = true;
      return this.chunk.subarray(from, to);
    }
    const copy = Buffer.allocUnsafe(to - from);
    this.chunk.copy(copy, 0, from, to);
    return copy;
  }

  /** Forgets everything; the memory goes. */
  protected drop(): void {
    this.direct = undefined;
    this.spareDirect = undefined;
    this.directWanted = 0;
    this.rpos = 0;
    this.wpos = 0;
  }
}
