import { GFID_NULL, type Gfid } from '../types/gfid.ts';
import type { Inode } from './inode.ts';

/**
 * What a fop works on, by name (`loc_t`). `inode` is there always: a new, unlinked one where nothing is known yet (lookup,
 * create, mkdir ...). `parent` and `name` where the fop goes by directory and name. Names and paths: one character a byte.
 */
export class Loc {
  path: string;
  name: string;
  inode: Inode;
  parent: Inode | undefined;
  /** The gfid where the inode was not linked yet: of a lookup by gfid, or of what a lookup has found just now. */
  known: Gfid = GFID_NULL;

  constructor(inode: Inode, parent?: Inode, name = '', path = '') {
    this.inode = inode;
    this.parent = parent;
    this.name = name;
    this.path = path;
  }

  get gfid(): Gfid {
    const { gfid } = this.inode;
    return gfid === GFID_NULL ? this.known : gfid;
  }

  get pargfid(): Gfid {
    return this.parent?.gfid ?? GFID_NULL;
  }
}
