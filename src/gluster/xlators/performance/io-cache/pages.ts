import type { ReadAnswer } from '../../../graph/fops.ts';
import type { Iatt } from '../../../types/iatt.ts';

export const PAGE_SIZE = 128 * 1024;

/** A page of a file: what was read of it, or is being. */
export class CachePage {
  readonly index: number;
  answer: ReadAnswer | undefined = undefined;
  read: Promise<ReadAnswer> | undefined = undefined;

  constructor(index: number) {
    this.index = index;
  }
}

/** What io-cache knows of a file. Pages in the order of their last use. */
export class CachedFile {
  readonly pages = new Map<number, CachePage>();
  /** The mtime that the pages are of. */
  mtime = -1;
  mtimeNsec = 0;
  /** When it was last compared: monotonic milliseconds. */
  validated = 0;
  weight: number;
  bytes = 0;
  /** Pages of another life of the layer are not believed. */
  life = 0;
  /** Its size is not one that is cached. */
  unfit = false;

  constructor(weight: number) {
    this.weight = weight;
  }

  sameTime(stat: Iatt): boolean {
    return this.mtime === stat.mtime && this.mtimeNsec === stat.mtimeNsec;
  }
}

/** All files with pages: those of low weight go first, then the least recently used. */
export class CacheTable {
  private readonly lru: Set<CachedFile>[] = [];
  used = 0;

  touch(file: CachedFile): void {
    let list = this.lru[file.weight];
    if (list === undefined) list = this.lru[file.weight] = new Set();
    list.delete(file);
    list.add(file);
  }

  /** A page came. */
  add(file: CachedFile, bytes: number): void {
    file.bytes += bytes;
    this.used += bytes;
    this.touch(file);
  }

  drop(file: CachedFile, page: CachePage): void {
    if (file.pages.get(page.index) !== page) return;
    file.pages.delete(page.index);
    const bytes = page.answer?.length ?? 0;
    file.bytes -= bytes;
    this.used -= bytes;
  }

  flush(file: CachedFile): void {
    this.used -= file.bytes;
    file.bytes = 0;
    file.pages.clear();
    this.lru[file.weight]?.delete(file);
  }

  prune(most: number): void {
    for (const list of this.lru)
      for (const file of list ?? []) {
        if (this.used <= most) return;
        for (const page of file.pages.values()) {
          if (this.used <= most) return;
          if (page.answer !== undefined) this.drop(file, page);
        }
        if (file.pages.size === 0) list.delete(file);
      }
  }
}
