const PAGE = 4096;

/** A file's bytes with holes: pages of 4 KiB, those that are not there read as zeros. */
export class SparseData {
  size = 0;
  readonly #pages = new Map<number, Buffer>();

  /** Blocks of 512 bytes, as `st_blocks` counts them. */
  get blocks(): number {
    return this.#pages.size * (PAGE / 512);
  }

  /** A copy of what is there of the range. */
  read(offset: number, length: number): Buffer {
    const end = Math.min(this.size, offset + length);
    if (end <= offset) return Buffer.alloc(0);
    const out = Buffer.allocUnsafe(end - offset);
    for (let at = offset; at < end; ) {
      const within = at % PAGE;
      const n = Math.min(PAGE - within, end - at);
      const page = this.#pages.get((at - within) / PAGE);
      if (page === undefined) out.fill(0, at - offset, at - offset + n);
      else page.copy(out, at - offset, within, within + n);
      at += n;
    }
    return out;
  }

  write(offset: number, data: Uint8Array): void {
    for (let done = 0; done < data.length; ) {
      const at = offset + done;
      const within = at % PAGE;
      const n = Math.min(PAGE - within, data.length - done);
      this.#page((at - within) / PAGE).set(data.subarray(done, done + n), within);
      done += n;
    }
    if (data.length > 0) this.size = Math.max(this.size, offset + data.length);
  }

  truncate(size: number): void {
    if (size < this.size) {
      const last = Math.floor(size / PAGE);
      for (const index of [...this.#pages.keys()]) if (index > last) this.#pages.delete(index);
      if (size % PAGE === 0) this.#pages.delete(last);
      else this.#pages.get(last)?.fill(0, size % PAGE);
    }
    this.size = size;
  }

  /** Gives the range pages of its own; the size stays. */
  allocate(offset: number, length: number): void {
    const last = Math.floor((offset + length - 1) / PAGE);
    for (let index = Math.floor(offset / PAGE); index <= last; index++) this.#page(index);
  }

  /** Makes the range read as zeros; whole pages become holes. The size stays. */
  punch(offset: number, length: number): void {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const within = at % PAGE;
      const n = Math.min(PAGE - within, end - at);
      const index = (at - within) / PAGE;
      if (n === PAGE) this.#pages.delete(index);
      else this.#pages.get(index)?.fill(0, within, within + n);
      at += n;
    }
  }

  /** Where the next data (or hole) from `offset` on is; undefined past the end. The end of the file is a hole. */
  seek(offset: number, hole: boolean): number | undefined {
    if (offset >= this.size) return undefined;
    for (let at = offset; at < this.size; at = (Math.floor(at / PAGE) + 1) * PAGE) {
      if (this.#pages.has(Math.floor(at / PAGE)) !== hole) return at;
    }
    return hole ? this.size : undefined;
  }

  #page(index: number): Buffer {
    let page = this.#pages.get(index);
    if (page === undefined) {
      page = Buffer.alloc(PAGE);
      this.#pages.set(index, page);
    }
    return page;
  }
}
