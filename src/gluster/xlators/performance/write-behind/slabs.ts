const SLAB_SIZE = 1024 * 1024;
/** What is larger gets a slab of its own. */
const LARGEST = SLAB_SIZE / 4;
/** Slabs that wait to be used again: fresh memory costs more than the copy into it. */
const KEPT = 4;

export interface Slab {
  readonly bytes: Buffer;
  /** Bytes given out from the start on. */
  used: number;
  /** Pieces of it that are in use. */
  live: number;
}

/**
 * Memory for writes that are answered before they are written: whoever wrote gets its buffer back with the answer. Writes are copied
 * one after the other into slabs, so that those that follow each other lie side by side and go down as one piece. A slab whose
 * pieces have all been written is used again.
 */
export class Slabs {
  private current: Slab | undefined = undefined;
  private readonly free: Slab[] = [];

  /** A slab with room for `size` bytes after its `used`. */
  take(size: number): Slab {
    if (size > SLAB_SIZE) return fresh(size);
    if (size > LARGEST) return this.free.pop() ?? fresh(SLAB_SIZE);
    const { current } = this;
    if (current !== undefined && SLAB_SIZE - current.used >= size) return current;
    return (this.current = this.free.pop() ?? fresh(SLAB_SIZE));
  }

  /** A piece of it was written. */
  release(slab: Slab): void {
    if (--slab.live > 0) return;
    slab.used = 0;
    if (slab !== this.current && slab.bytes.length === SLAB_SIZE && this.free.length < KEPT)
      this.free.push(slab);
  }

  /** A piece of it failed on its way, and somebody may still read it: the slab is left to the garbage collector. */
  abandon(slab: Slab): void {
    if (slab === this.current) this.current = undefined;
  }
}

function fresh(size: number): Slab {
  return { bytes: Buffer.allocUnsafeSlow(size), used: 0, live: 0 };
}

/** Copies `data` to the end of what the slab holds. */
export function append(slab: Slab, data: readonly Buffer[]): void {
  let at = slab.used;
  for (const piece of data) {
    slab.bytes.set(piece, at);
    at += piece.length;
  }
  slab.used = at;
}
