import type { Fd } from '../../../graph/fd.ts';
import type { ReadAnswer } from '../../../graph/fops.ts';

/** A stretch of a file that was read ahead, or is being read. */
export class Page {
  readonly offset: number;
  answer: ReadAnswer | undefined = undefined;
  /** Settles when it is read. */
  readonly read: Promise<ReadAnswer>;

  constructor(offset: number, read: Promise<ReadAnswer>) {
    this.offset = offset;
    this.read = read;
  }
}

/** What read-ahead knows of an open file. */
export class ReadAheadFile {
  readonly fd: Fd;
  readonly pageSize: number;
  /** Where the next read will be, if it goes on from the last. */
  offset = 0;
  /** Bytes read in sequence. */
  expected = 0;
  /** How many pages are read ahead now. */
  pageCount = 1;
  readonly pages = new Map<number, Page>();

  /** Pages of another life of the layer are not believed. */
  life: number;

  constructor(fd: Fd, pageSize: number, life: number) {
    this.life = life;
    this.fd = fd;
    this.pageSize = pageSize;
  }

  floor(offset: number): number {
    return offset - (offset % this.pageSize);
  }

  /** Drops pages that begin before `end`. Who waits for one of them gets it all the same. */
  dropBefore(end: number): void {
    for (const offset of this.pages.keys()) if (offset < end) this.pages.delete(offset);
  }

  dropRange(start: number, end: number): void {
    for (const offset of this.pages.keys())
      if (offset < end && offset + this.pageSize > start) this.pages.delete(offset);
  }
}
