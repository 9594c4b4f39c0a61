import type { Inode } from './inode.ts';

/**
 * An open file or directory (`fd_t`). Xlators keep what they need to know of it at their slot of `ctx`. Whoever opened it
 * calls `release` once. A layer that works on with it after it has answered (write-behind's flushes) takes a reference; when the opener
 * has released it and no reference is left, each xlator that has a context hears of it, once.
 */
export interface Fd {
  readonly inode: Inode;
  /** O_* of the open. */
  flags: number;
  readonly pid: number;
  readonly lkOwner: string;
  /** By slot of an xlator (`Xlator.slot`). */
  readonly ctx: unknown[];
  readonly isDirectory: boolean;
  /** No open on any brick stands behind it: fops go by gfid. */
  readonly anonymous: boolean;
  /** The opener has released it. */
  readonly released: boolean;
  release(): void;
  ref(): this;
  unref(): void;
}
