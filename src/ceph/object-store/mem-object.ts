import { Extents } from './extents.ts';

/** An omap in key order. Keys are sorted when somebody reads in order, not at every insertion. */
export class Omap {
  private readonly values = new Map<string, Uint8Array>();
  private sorted: string[] | undefined = [];
  /** Bytes of keys and values. */
  bytes = 0;

  get size(): number {
    return this.values.size;
  }

  get(key: string): Uint8Array | undefined {
    return this.values.get(key);
  }

  set(key: string, value: Uint8Array): void {
    const old = this.values.get(key);
    if (old === undefined) {
      this.bytes += key.length + value.length;
      // Ascending insertion, the usual case, keeps the order.
      const { sorted } = this;
      if (sorted !== undefined && (sorted.length === 0 || sorted[sorted.length - 1] < key)) sorted.push(key);
      else this.sorted = undefined;
    } else this.bytes += value.length - old.length;
    this.values.set(key, value);
  }

  delete(key: string): void {
    const old = this.values.get(key);
    if (old === undefined) return;
    this.bytes -= key.length + old.length;
    this.values.delete(key);
    this.sorted = undefined;
  }

  clear(): void {
    this.values.clear();
    this.sorted = [];
    this.bytes = 0;
  }

  keys(): readonly string[] {
    this.sorted ??= [...this.values.keys()].sort();
    return this.sorted;
  }

  /** Index of the first key >= `from` in keys(). */
  find(from: string): number {
    const keys = this.keys();
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle] < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  *from(first: string): IterableIterator<[string, Uint8Array]> {
    const keys = this.keys();
    for (let i = this.find(first); i < keys.length; i++) {
      const value = this.values.get(keys[i]);
      if (value !== undefined) yield [keys[i], value];
    }
  }

  clone(): Omap {
    const copy = new Omap();
    for (const [key, value] of this.values) copy.values.set(key, value);
    copy.bytes = this.bytes;
    copy.sorted = undefined;
    return copy;
  }
}

const NO_HEADER = Buffer.alloc(0);

/** One object in memory. */
export class MemObject {
  data = new Extents();
  /** Bytes. */
  size = 0;
  attrs = new Map<string, Uint8Array>();
  /** Made when first written to: most objects have none. */
  omap: Omap | undefined;
  omapHeader: Uint8Array = NO_HEADER;

  clone(): MemObject {
    const copy = new MemObject();
    copy.data = this.data.clone();
    copy.size = this.size;
    copy.attrs = new Map(this.attrs);
    copy.omap = this.omap?.clone();
    copy.omapHeader = this.omapHeader;
    return copy;
  }
}
