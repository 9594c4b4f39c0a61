import { IN_HEADER } from './protocol.ts';

/**
 * Memory that one request is read into, with a view of 32-bit words: every field of the protocol is aligned.
 * It goes back to its pool when the session and all who hold its data have let go.
 */
export class Frame {
  readonly buffer: Buffer;
  readonly words: Uint32Array;
  /** Bytes of the request that is in it. */
  length = 0;
  holders = 1;
  readonly #pool: FramePool;

  constructor(size: number, pool: FramePool) {
    this.buffer = Buffer.allocUnsafeSlow(size);
    this.words = new Uint32Array(this.buffer.buffer, this.buffer.byteOffset, size >>> 2);
    this.#pool = pool;
  }

  hold(): void {
    this.holders++;
  }

  release(): void {
    if (--this.holders === 0) this.#pool.giveBack(this);
  }
}

/** Frames for one session: a few are kept, those beyond go to the garbage collector. */
export class FramePool {
  /** Size of a frame: the largest write, its headers, and what the kernel wants spare. */
  size: number;
  readonly #free: Frame[] = [];
  readonly #keep: number;

  constructor(size: number, keep: number) {
    this.size = size;
    this.#keep = keep;
  }

  take(): Frame {
    const frame = this.#free.pop();
    if (frame === undefined) return new Frame(this.size, this);
    frame.holders = 1;
    return frame;
  }

  giveBack(frame: Frame): void {
    if (this.#free.length < this.#keep && frame.buffer.length === this.size) this.#free.push(frame);
  }
}

/** The kernel wants room for a header and a page beside the largest write. */
export function frameSize(maxWrite: number): number {
  return (Math.max(8192, maxWrite + 4096 + IN_HEADER) + 7) & ~7;
}

/** Words at `at` and the next as one number. Beyond 2^53 the lowest bits are lost. */
export function u64(words: Uint32Array, at: number): number {
  return words[at] + words[at + 1] * 4294967296;
}

/** The same with a sign. */
export function i64(words: Uint32Array, at: number): number {
  return words[at] + (words[at + 1] | 0) * 4294967296;
}

/** Stores a number of either sign in two words. */
export function put64(words: Uint32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = Math.floor(value / 4294967296);
}
