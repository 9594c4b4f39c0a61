import type { Inode, InodeTable } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { GFID_NULL, GFID_ROOT, type Gfid } from '../../../types/gfid.ts';

/** What laying out a directory needs of its loc. */
export interface PathedLoc {
  readonly gfid: Gfid;
  readonly fullPath: string;
}

/** The path of a loc, also where whoever made it left it empty. */
export function fullPath(table: InodeTable, loc: Loc): string {
  if (loc.path !== '') return loc.path;
  if (loc.parent !== undefined) return table.path(loc.parent, loc.name);
  return table.path(loc.inode);
}

export function isRoot(loc: Loc): boolean {
  return loc.inode.gfid === GFID_ROOT;
}

/** Asked for by gfid alone. */
export function isNameless(loc: Loc): boolean {
  return loc.parent === undefined && loc.inode.gfid !== GFID_NULL && loc.inode.gfid !== GFID_ROOT;
}

/** The same name for another inode. */
export function withInode(loc: Loc, inode: Inode): Loc {
  return new Loc(inode, loc.parent, loc.name, loc.path);
}

/** Of an inode by its gfid, without a name. */
export function locOf(inode: Inode): Loc {
  return new Loc(inode);
}
