import { type FuseAttr, LOCK } from '../../../src/fuse/index.ts';
import type { LockTable } from './memory-locks.ts';

/** Files are kept in pieces of this size; a piece that is not there is a hole. */
export const CHUNK = 64 * 1024;

export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_ISGID = 0o2000;
export { LOCK };

export interface Dirent {
  readonly name: string;
  readonly node: MemoryNode;
  /** Place in the directory, ascending, never used twice. */
  readonly cookie: number;
}

const ZEROS = Buffer.alloc(CHUNK);

/** One inode of the memory file system. */
export class MemoryNode {
  readonly id: number;
  readonly attr: FuseAttr;
  readonly btime: number;
  readonly btimeNsec: number;
  lookups = 0;
  opens = 0;
  target = '';
  parent: MemoryNode | undefined = undefined;
  children: Map<string, Dirent> | undefined = undefined;
  nextCookie = 3;
  xattrs: Map<string, Buffer> | undefined = undefined;
  locks: LockTable | undefined = undefined;
  flocks: LockTable | undefined = undefined;
  /** Those who poll. */
  wakeups: Set<number> | undefined = undefined;
  pollable = false;
  chunks: (Buffer | undefined)[] = [];

  constructor(id: number, mode: number, uid: number, gid: number, rdev: number) {
    this.id = id;
    const directory = (mode & S_IFMT) === S_IFDIR;
    if (directory) this.children = new Map();
    this.attr = {
      inoHigh: 0,
      inoLow: id,
      size: 0,
      blocks: 0,
      atime: 0,
      atimeNsec: 0,
      mtime: 0,
      mtimeNsec: 0,
      ctime: 0,
      ctimeNsec: 0,
      mode,
      nlink: directory ? 2 : 1,
      uid,
      gid,
      rdev,
      blksize: 4096,
    };
    this.touch(true, true, true);
    this.btime = this.attr.mtime;
    this.btimeNsec = this.attr.mtimeNsec;
  }

  touch(atime: boolean, mtime: boolean, ctime: boolean): void {
    const now = performance.timeOrigin + performance.now();
    const seconds = Math.floor(now / 1000);
    const nsec = Math.floor((now - seconds * 1000) * 1e6);
    const { attr } = this;
    if (atime) {
      attr.atime = seconds;
      attr.atimeNsec = nsec;
    }
    if (mtime) {
      attr.mtime = seconds;
      attr.mtimeNsec = nsec;
    }
    if (ctime) {
      attr.ctime = seconds;
      attr.ctimeNsec = nsec;
    }
  }

  /** Pieces of [offset, offset + size), no further than the end. */
  read(offset: number, size: number): Buffer[] {
    const end = Math.min(this.attr.size, offset + size);
    const pieces: Buffer[] = [];
    for (let at = offset; at < end; ) {
      const inside = at % CHUNK;
      const length = Math.min(CHUNK - inside, end - at);
      pieces.push((this.chunks[(at - inside) / CHUNK] ?? ZEROS).subarray(inside, inside + length));
      at += length;
    }
    return pieces;
  }

  write(offset: number, data: Uint8Array): void {
    for (let from = 0; from < data.length; ) {
      const at = offset + from;
      const inside = at % CHUNK;
      const index = (at - inside) / CHUNK;
      const length = Math.min(CHUNK - inside, data.length - from);
      let chunk = this.chunks[index];
      if (chunk === undefined) {
        chunk = Buffer.alloc(CHUNK);
        this.chunks[index] = chunk;
        this.attr.blocks += CHUNK / 512;
      }
      chunk.set(length === data.length ? data : data.subarray(from, from + length), inside);
      from += length;
    }
    if (offset + data.length > this.attr.size) this.attr.size = offset + data.length;
  }

  truncate(size: number): void {
    if (size < this.attr.size) this.clear(size, this.attr.size - size);
    this.attr.size = size;
  }

  /** Zeros, as holes where whole pieces are concerned. */
  clear(offset: number, length: number): void {
    const end = Math.min(offset + length, this.chunks.length * CHUNK);
    const wholeEnd = offset + length >= this.attr.size ? Number.POSITIVE_INFINITY : end;
    for (let at = offset; at < end; ) {
      const inside = at % CHUNK;
      const index = (at - inside) / CHUNK;
      const piece = Math.min(CHUNK - inside, end - at);
      if (this.chunks[index] !== undefined) {
        if (inside === 0 && (piece === CHUNK || wholeEnd >= at + CHUNK)) {
          this.chunks[index] = undefined;
          this.attr.blocks -= CHUNK / 512;
        } else this.chunks[index]?.fill(0, inside, inside + piece);
      }
      at += piece;
    }
  }

  allocate(offset: number, length: number): void {
    for (let at = offset - (offset % CHUNK); at < offset + length; at += CHUNK) {
      if (this.chunks[at / CHUNK] !== undefined) continue;
      this.chunks[at / CHUNK] = Buffer.alloc(CHUNK);
      this.attr.blocks += CHUNK / 512;
    }
  }

  /** SEEK_DATA and SEEK_HOLE; undefined where there is none. */
  seek(offset: number, hole: boolean): number | undefined {
    const { size } = this.attr;
    if (offset < 0 || offset >= size) return undefined;
    for (let at = offset; at < size; at += CHUNK - (at % CHUNK))
      if ((this.chunks[Math.floor(at / CHUNK)] === undefined) === hole) return at;
    return hole ? size : undefined;
  }
}
