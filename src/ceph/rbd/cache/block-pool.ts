/** Sizes that are kept for the next taker: powers of two from 512 bytes to 64 KiB. */
const SMALLEST_SHIFT = 9;
export const BLOCK_MAX = 65536;
const CLASSES = 8;
/** Bytes of unused blocks that are kept. */
const KEEP_FREE = 1 << 20;

/** A piece of memory that several buffer heads and writes under way share. */
export class Block {
  readonly bytes: Buffer;
  /** How many hold it. The last one to let go returns it to the pool. */
  refs = 1;
  /** Bytes from the start that were given out; what follows may be appended to. */
  used = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

function classOf(size: number): number {
  return size <= 512 ? 0 : 32 - Math.clz32(size - 1) - SMALLEST_SHIFT;
}

/**
 * The memory of one cache. Blocks of fixed sizes go round, so that writes of one size neither allocate nor leave holes, and
 * `live` is exactly what the cache holds.
 */
export class BlockPool {
  /** Bytes of all blocks that someone holds. */
  live = 0;
  private freeBytes = 0;
  private readonly free: Block[][] = Array.from({ length: CLASSES }, () => []);

  /** A block of at least `size` bytes, at most BLOCK_MAX; its content is undefined. */
  take(size: number): Block {
    const index = classOf(size);
    let block = this.free[index].pop();
    if (block === undefined) block = new Block(Buffer.allocUnsafeSlow(1 << (index + SMALLEST_SHIFT)));
    else {
      this.freeBytes -= block.bytes.length;
      block.refs = 1;
      block.used = 0;
    }
    this.live += block.bytes.length;
    return block;
  }

  /** A block of exactly `size` bytes, which may be large; it is not used again. */
  takeLarge(size: number): Block {
    const block = new Block(Buffer.allocUnsafeSlow(size));
    block.used = size;
    this.live += size;
    return block;
  }

  release(block: Block): void {
    if (--block.refs > 0) return;
    const size = block.bytes.length;
    this.live -= size;
    if (this.freeBytes + size > KEEP_FREE || size > BLOCK_MAX) return;
    const index = classOf(size);
    if (size !== 1 << (index + SMALLEST_SHIFT)) return;
    this.free[index].push(block);
    this.freeBytes += size;
  }
}
