import { fileNameLength, writeFileName } from '../base/file-name.ts';
import { ENTRY_WORDS, putEntry } from './encode.ts';
import { put64 } from './frame.ts';
import { OUT_HEADER } from './protocol.ts';
import type { FuseDirectory, FuseEntry, U64 } from './types.ts';

/**
 * A listing, after room for the header of the answer. Each record is padded to 8 bytes:
 *   READDIR:     fuse_dirent { u64 ino, off; u32 namelen, type; name }
 *   READDIRPLUS: fuse_direntplus { fuse_entry_out; fuse_dirent }
 */
export class Directory implements FuseDirectory {
  readonly plus: boolean;
  /** Header included. */
  readonly buffer: Buffer;
  readonly words: Uint32Array;
  length = OUT_HEADER;
  readonly #limit: number;

  constructor(plus: boolean, size: number, memory: Buffer) {
    this.plus = plus;
    this.buffer = memory;
    this.words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >>> 2);
    this.#limit = Math.min(memory.length, OUT_HEADER + size);
  }

  get empty(): boolean {
    return this.length === OUT_HEADER;
  }

  add(name: string, inoHigh: number, inoLow: number, type: number, next: number | U64): boolean {
    const head = this.plus ? ENTRY_WORDS : 0;
    const at = this.length >>> 2;
    if (!this.#dirent(at + head, name, inoHigh, inoLow, type, next)) return false;
    if (this.plus) this.words.fill(0, at, at + head);
    return true;
  }

  addEntry(name: string, entry: FuseEntry, next: number | U64): boolean {
    const head = this.plus ? ENTRY_WORDS : 0;
    const at = this.length >>> 2;
    const { inoHigh, inoLow, mode } = entry.attr;
    if (!this.#dirent(at + head, name, inoHigh, inoLow, (mode >>> 12) & 15, next)) return false;
    if (this.plus) putEntry(this.words, at, entry);
    return true;
  }

  #dirent(
    at: number,
    name: string,
    inoHigh: number,
    inoLow: number,
    type: number,
    next: number | U64,
  ): boolean {
    const start = (at + 6) * 4;
    // Three bytes a UTF-16 unit at most: where that fits the name need not be measured first.
    let end: number;
    if (start + name.length * 3 + 7 <= this.#limit) {
      end = start + writeFileName(this.buffer, name, start);
    } else {
      end = start + fileNameLength(name);
      if (((end + 7) & ~7) > this.#limit) return false;
      writeFileName(this.buffer, name, start);
    }
    const words = this.words;
    words[at] = inoLow;
    words[at + 1] = inoHigh;
    if (typeof next === 'number') put64(words, at + 2, next);
    else {
      words[at + 2] = next.low;
      words[at + 3] = next.high;
    }
    words[at + 4] = end - start;
    words[at + 5] = type;
    const padded = (end + 7) & ~7;
    for (let i = end; i < padded; i++) this.buffer[i] = 0;
    this.length = padded;
    return true;
  }
}
