import type { Fd } from '../../../graph/fd.ts';
import type { Answer, Fops } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFDIR } from '../../../types/iatt.ts';
import { settle, windAll } from '../shared/wind.ts';
import * as directories from './directories.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL, ENOENT, ENOTCONN, ENOTSUP, EPERM } from './errnos.ts';
import { fixLayout } from './fix-layout.ts';
import { watched } from './moved.ts';
import {
  DECOMMISSION_BRICK,
  FIX_LAYOUT,
  HEALED_XATTRS,
  IATT_IN_XDATA,
  MIGRATE_DATA,
  NUKE,
  SPREAD_COUNT,
} from './names.ts';

/** `GF_XATTROP_ADD_ARRAY` (glusterfs-fops.h): adds big-endian 32-bit words. */
const XATTROP_ADD_ARRAY = 0;

export function setxattr(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  dict: Dict,
  flags: number,
  xdata: Dict | undefined,
): Promise<Answer> {
  const { inode } = loc;
  if (isInternal(dht, dict)) return dht.fail(EPERM);
  if (dht.cachedOf(inode) < 0) return dht.fail(EINVAL);
  if (dict.has(dht.mdsKey)) return dht.fail(ENOTSUP);
  // The rebalance daemon's commands; files are moved by it, not by clients.
  if (dict.has(MIGRATE_DATA) || dict.has(DECOMMISSION_BRICK)) return dht.fail(ENOTSUP);
  if (dict.has(FIX_LAYOUT)) return fixLayout(dht, frame, loc, dict);
  if (dict.has(SPREAD_COUNT)) return spread(dht, frame, loc, dict);
  if (dict.has(NUKE)) return nuke(dht, frame, loc);
  if (inode.type === IA_IFDIR)
    return onDirectory(dht, frame, loc, namesOf(dict), child =>
      child.setxattr(frame, loc, dict, flags, xdata),
    );
  const request = Dict.from(xdata).setInt(IATT_IN_XDATA, 1);
  return watched(dht, frame, loc, i => dht.subvolumes[i].setxattr(frame, loc, dict, flags, request));
}

export function fsetxattr(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  dict: Dict,
  flags: number,
  xdata: Dict | undefined,
): Promise<Answer> {
  const { inode } = fd;
  if (isInternal(dht, dict)) return dht.fail(EPERM);
  if (dht.cachedOf(inode) < 0) return dht.fail(EINVAL);
  if (inode.type === IA_IFDIR)
    return onDirectory(dht, frame, fd, namesOf(dict), child =>
      child.fsetxattr(frame, fd, dict, flags, xdata),
    );
  const request = Dict.from(xdata).setInt(IATT_IN_XDATA, 1);
  return watched(dht, frame, fd, i => dht.subvolumes[i].fsetxattr(frame, fd, dict, flags, request));
}

export function removexattr(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  name: string,
  xdata: Dict | undefined,
): Promise<Answer> {
  const { inode } = loc;
  if (name.startsWith(dht.config.xattrName)) return dht.fail(EPERM);
  if (dht.cachedOf(inode) < 0) return dht.fail(EINVAL);
  if (inode.type === IA_IFDIR)
    return onDirectory(dht, frame, loc, [name], child => child.removexattr(frame, loc, name, xdata));
  const request = Dict.from(xdata).setInt(IATT_IN_XDATA, 1);
  return watched(dht, frame, loc, i => dht.subvolumes[i].removexattr(frame, loc, name, request));
}

export function fremovexattr(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  name: string,
  xdata: Dict | undefined,
): Promise<Answer> {
  const { inode } = fd;
  if (name.startsWith(dht.config.xattrName)) return dht.fail(EPERM);
  if (dht.cachedOf(inode) < 0) return dht.fail(EINVAL);
  if (inode.type === IA_IFDIR)
    return onDirectory(dht, frame, fd, [name], child => child.fremovexattr(frame, fd, name, xdata));
  const request = Dict.from(xdata).setInt(IATT_IN_XDATA, 1);
  return watched(dht, frame, fd, i => dht.subvolumes[i].fremovexattr(frame, fd, name, request));
}

function namesOf(dict: Dict): string[] {
  return [...dict.entries.keys()];
}

/** Users do not change what distribute keeps on the bricks. */
function isInternal(dht: Distribute, dict: Dict): boolean {
  return namesOf(dict).some(name => name.startsWith(dht.config.xattrName));
}

/**
 * On a directory. What its metadata server passes on to bricks that missed it is counted there: one down before, one up when all bricks
 * have the change. While the count is below zero, lookups heal.
 */
async function onDirectory(
  dht: Distribute,
  frame: Frame,
  on: Loc | Fd,
  names: readonly string[],
  wind: (child: Fops) => Promise<Answer>,
): Promise<Answer> {
  const healed = names.some(name => name.startsWith('user') || HEALED_XATTRS.includes(name));
  if (!healed || dht.count === 1) {
    await directories.any(dht, wind);
    return {};
  }
  const mds = dht.mdsOf(on.inode);
  if (mds < 0) throw dht.error(ENOENT);
  if (!dht.up.is(mds)) throw dht.error(ENOTCONN);
  const add = (n: number): Promise<unknown> => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(n, 0);
    const dict = new Dict().setBytes(dht.mdsKey, bytes);
    const child = dht.subvolumes[mds];
    return on instanceof Loc
      ? child.xattrop(frame, on, XATTROP_ADD_ARRAY, dict, undefined)
      : child.fxattrop(frame, on, XATTROP_ADD_ARRAY, dict, undefined);
  };
  await add(-1);
  const answer = await wind(dht.subvolumes[mds]);
  const others = await windAll(dht.count, i => (i === mds ? undefined : wind(dht.subvolumes[i])));
  if (others.every(outcome => outcome === undefined || outcome.errno === 0)) await settle(add(1));
  return answer;
}

/** distribute.directory-spread-count: over how many bricks a directory is spread from now on. */
function spread(dht: Distribute, frame: Frame, loc: Loc, dict: Dict): Promise<Answer> {
  const layout = dht.layoutOf(loc.inode);
  const count = dict.int(SPREAD_COUNT) ?? 0;
  if (layout === undefined || count <= 0 || count > dht.count) return dht.fail(ENOTSUP);
  layout.spreadCount = count;
  return fixLayout(dht, frame, loc, new Dict());
}

/** glusterfs.dht.nuke: the bricks remove the directory with all that is in it. */
async function nuke(dht: Distribute, frame: Frame, loc: Loc): Promise<Answer> {
  const { inode } = loc;
  if (inode.type !== IA_IFDIR) throw dht.error(ENOTSUP);
  const parent = loc.parent ?? inode.table.parentOf(inode);
  if (parent === undefined) throw dht.error(ENOENT);
  const path = loc.path === '' ? inode.table.path(inode) : loc.path;
  const name = loc.name === '' ? path.slice(path.lastIndexOf('/') + 1) : loc.name;
  await dht.rmdir(frame, new Loc(inode, parent, name, path), 1, undefined);
  return {};
}
