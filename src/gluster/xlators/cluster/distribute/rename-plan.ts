import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { CHANGELOG_RENAME_OP, INTERNAL_FOP, MARKER_DONT_ACCOUNT } from './names.ts';

/**
 * Tells the changelog of a brick that what it is asked for is part of this rename (dht_changelog_rename_info_t): gfids of both
 * directories, lengths of both names with their NULs as 32-bit words of the host (little-endian), both names.
 */
export function changelogRename(xdata: Dict, from: Loc, to: Loc): Dict {
  const oldName = Buffer.from(`${from.name}\0`, 'latin1');
  const newName = Buffer.from(`${to.name}\0`, 'latin1');
  const head = Buffer.alloc(40);
  head.write(from.pargfid, 0, 'latin1');
  head.write(to.pargfid, 16, 'latin1');
  head.writeUInt32LE(oldName.length, 32);
  head.writeUInt32LE(newName.length, 36);
  return xdata.setBytes(CHANGELOG_RENAME_OP, Buffer.concat([head, oldName, newName]));
}

/** Not what a user asked for, but part of it: quota and changelog are told. */
export function internalFop(): Dict {
  return new Dict().setString(INTERNAL_FOP, 'yes');
}

/** The file is counted elsewhere already. */
export function dontAccount(xdata: Dict): Dict {
  return xdata.setString(MARKER_DONT_ACCOUNT, 'yes');
}
