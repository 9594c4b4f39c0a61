import type { Fops } from '../../../graph/fops.ts';
import type { Inode } from '../../../graph/inode.ts';
import { SeenTimes } from './iatt.ts';
import type { Layout } from './layout.ts';

/** A file that is being moved: from where to where. */
export interface Migration {
  readonly from: number;
  readonly to: number;
}

/** What distribute knows of an inode (`dht_inode_ctx_t`). */
export class InodeContext {
  /** A directory's layout; a file's is of one entry, shared by all files of the brick. */
  layout: Layout | undefined = undefined;
  /** The child that has the file; of a directory, the first of its layout. */
  cached: Fops | undefined = undefined;
  cachedIndex = -1;
  readonly times = new SeenTimes();
  /** Where a directory's locks are, once there was one. */
  lockSubvolume = -1;
  /** Locks of a directory that are held through us. */
  lockRefs = 0;
  /** Directories: the child whose extended attributes and owner count (metadata server); that which the name hashed to when it was made. */
  mds = -1;
  migration: Migration | undefined = undefined;
}

export function contextOf(inode: Inode, slot: number): InodeContext | undefined {
  return inode.ctx[slot] as InodeContext | undefined;
}

export function makeContext(inode: Inode, slot: number): InodeContext {
  let ctx = inode.ctx[slot] as InodeContext | undefined;
  if (ctx === undefined) {
    ctx = new InodeContext();
    inode.ctx[slot] = ctx;
  }
  return ctx;
}

/** An open file: the child that it was opened on last. */
export class FdContext {
  openedOn: number;

  constructor(openedOn: number) {
    this.openedOn = openedOn;
  }
}
