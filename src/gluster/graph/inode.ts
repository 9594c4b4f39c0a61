import type { Gfid } from '../types/gfid.ts';
import type { Iatt } from '../types/iatt.ts';
import type { Fd } from './fd.ts';

/**
 * A file as a graph knows it (`inode_t`). Its gfid is null until a lookup or a create linked it. Xlators keep what they know of
 * it at their slot of `ctx`.
 */
export interface Inode {
  readonly table: InodeTable;
  gfid: Gfid;
  /** IA_IF*; IA_INVAL until it is linked. */
  type: number;
  /** By slot of an xlator (`Xlator.slot`). */
  readonly ctx: unknown[];
  /** What is open on it. */
  readonly fds: ReadonlySet<Fd>;
  /** Lookups that the top layer answered and its user has not forgotten yet. */
  readonly nlookup: number;
  /**
   * References held by the layers: while there are any, it is not forgotten. Open fds and known children each hold one. A layer that
   * keeps an inode longer than a fop takes one.
   */
  readonly refs: number;
  ref(): this;
  unref(): void;
  /** For the top layer (FUSE): a number for this inode that is unique in the process. */
  readonly id: number;
}

/** All inodes of a graph (`inode_table_t`): by gfid, and by directory and name. Forgets the least recently used over its limit. */
export interface InodeTable {
  readonly root: Inode;
  /** Inodes that are linked; of which without references. */
  readonly size: number;
  readonly lruSize: number;
  /** How many without references are kept; 0: no limit. Those with lookups only go when their user forgets them. */
  lruLimit: number;
  /** Asked to make the user forget an inode (FUSE: an invalidation to the kernel) when there are too many with lookups. */
  invalidator: ((inode: Inode) => void) | undefined;
  /** A new one that is not linked. */
  create(): Inode;
  find(gfid: Gfid): Inode | undefined;
  /** The child of that name, as far as it is known. */
  grep(parent: Inode, name: string): Inode | undefined;
  /**
   * Links `inode` to its directory and gives it the gfid and type of `iatt`. Returns the inode to use from now on: one that
   * was there already with this gfid, if there is.
   */
  link(inode: Inode, parent: Inode | undefined, name: string | undefined, iatt: Iatt): Inode;
  unlink(inode: Inode, parent: Inode, name: string): void;
  rename(inode: Inode, from: Inode, fromName: string, to: Inode, toName: string): void;
  /** Adds `n` to, or takes it from, the lookup count. */
  lookup(inode: Inode, n?: number): void;
  forget(inode: Inode, n: number): void;
  /** '/a/b', one character a byte, as far as names are known; '<gfid:…>' before what is not. */
  path(inode: Inode, name?: string): string;
  parentOf(inode: Inode): Inode | undefined;
  /** Its first name, in the directory that `parentOf` tells. */
  nameOf(inode: Inode): string;
  /** The one behind it in the order of their directory: as listed or made, or as `follow` has put it. */
  after(inode: Inode): Inode | undefined;
  /** Puts an inode behind another one of its directory. */
  follow(inode: Inode, previous: Inode): void;
  /** Puts all that is known of a directory in the order of the names' bytes. */
  sortNames(directory: Inode): void;
  /** How many names of a directory are known. */
  namesIn(directory: Inode): number;
  openFd(inode: Inode, flags: number, pid: number, lkOwner: string): Fd;
  /** One fd for all who have none of their own. */
  anonymousFd(inode: Inode, flags: number): Fd;
}
