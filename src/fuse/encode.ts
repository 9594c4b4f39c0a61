import { put64 } from './frame.ts';
import type { FuseAttr, FuseEntry } from './types.ts';

export const ATTR_WORDS = 22;
export const ENTRY_WORDS = 10 + ATTR_WORDS;

/**
 * struct fuse_attr, at word `at`:
 *   u64 ino, size, blocks, atime, mtime, ctime; u32 atimensec, mtimensec, ctimensec, mode, nlink, uid, gid, rdev, blksize, flags
 */
export function putAttr(words: Uint32Array, at: number, attr: FuseAttr): void {
  words[at] = attr.inoLow;
  words[at + 1] = attr.inoHigh;
  put64(words, at + 2, attr.size);
  put64(words, at + 4, attr.blocks);
  put64(words, at + 6, attr.atime);
  put64(words, at + 8, attr.mtime);
  put64(words, at + 10, attr.ctime);
  words[at + 12] = attr.atimeNsec;
  words[at + 13] = attr.mtimeNsec;
  words[at + 14] = attr.ctimeNsec;
  words[at + 15] = attr.mode;
  words[at + 16] = attr.nlink;
  words[at + 17] = attr.uid;
  words[at + 18] = attr.gid;
  words[at + 19] = attr.rdev;
  words[at + 20] = attr.blksize;
  words[at + 21] = 0;
}

/** struct fuse_entry_out: u64 nodeid, generation, entry_valid, attr_valid; u32 entry_valid_nsec, attr_valid_nsec; fuse_attr */
export function putEntry(words: Uint32Array, at: number, entry: FuseEntry): void {
  put64(words, at, entry.nodeid);
  put64(words, at + 2, entry.generation);
  putTimeout(words, at + 4, at + 8, entry.entryTimeout);
  putTimeout(words, at + 6, at + 9, entry.attrTimeout);
  putAttr(words, at + 10, entry.attr);
}

/** A time to live in seconds, whole ones in one place and the fraction in another. */
export function putTimeout(words: Uint32Array, secondsAt: number, nsecAt: number, timeout: number): void {
  // Longer than the kernel's jiffies reach means for ever.
  const bounded = timeout > 0 ? Math.min(timeout, 0xffffffff) : 0;
  const seconds = Math.floor(bounded);
  words[secondsAt] = seconds;
  words[secondsAt + 1] = 0;
  words[nsecAt] = Math.floor((bounded - seconds) * 1e9);
}
