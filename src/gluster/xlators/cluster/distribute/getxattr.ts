import type { Fd } from '../../../graph/fd.ts';
import type { Fops, XattrAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Inode } from '../../../graph/inode.ts';
import { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { IA_IFDIR } from '../../../types/iatt.ts';
import { settle, windAll } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EBADF, EBADFD, EINVAL, ENODATA, ENOENT, ENOTCONN, ENOTSUP, EOPNOTSUPP } from './errnos.ts';
import type { Layout } from './layout.ts';
import { aggregate } from './merge.ts';
import { isOpenOn, openForFop } from './migration.ts';
import {
  FIND_LOCAL_SUBVOL,
  HASHED_SUBVOL,
  HEALED_XATTRS,
  LINKINFO,
  LIST_NODE_UUIDS,
  LOCKINFO,
  NODE_UUID,
  OLD_FIND_LOCAL_SUBVOL,
  PATHINFO,
  REAL_FILENAME,
  SUBVOL_STATUS,
  USER_PATHINFO,
} from './names.ts';

const isPathinfo = (name: string): boolean => PATHINFO.startsWith(name) || USER_PATHINFO.startsWith(name);

/** Extended attributes; some are not on any brick but tell of the distribution itself. */
export function getxattr(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  name: string | undefined,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const { inode } = loc;
  const layout = dht.layoutOf(inode);
  if (layout === undefined) return dht.fail(ENOENT);
  const directory = layout.entries.length > 1;
  if (name !== undefined) {
    if (dht.mdsKey.startsWith(name) && name !== '') return dht.fail(ENOTSUP);
    if (name.startsWith(SUBVOL_STATUS)) return subvolumeStatus(dht, name);
    if (directory) {
      if (name.startsWith(REAL_FILENAME)) return realFilename(dht, frame, loc, layout, name, xdata);
      // Only the rebalance daemon asks for those.
      if (name === FIND_LOCAL_SUBVOL || name === OLD_FIND_LOCAL_SUBVOL) return dht.fail(ENOTSUP);
      if (isPathinfo(name) || name === NODE_UUID || name === LIST_NODE_UUIDS)
        return whereDirectory(dht, frame, loc, layout, name, xdata);
    } else if (isPathinfo(name) || name === NODE_UUID) return whereFile(dht, frame, loc, layout, name, xdata);
    if (name === LINKINFO) return linkinfo(dht, frame, loc, xdata);
    if (name.startsWith(HASHED_SUBVOL)) return hashedSubvolume(dht, loc, name);
  }
  const wind = (child: Fops) => child.getxattr(frame, loc, name, xdata);
  return ordinary(dht, frame, inode, layout, name, wind);
}

export async function fgetxattr(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  name: string | undefined,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const { inode } = fd;
  const layout = dht.layoutOf(inode);
  if (layout === undefined) throw dht.error(ENOENT);
  const wind = (child: Fops) => child.fgetxattr(frame, fd, name, xdata);
  if (inode.type === IA_IFDIR && name !== undefined && !name.startsWith(LOCKINFO))
    return ordinary(dht, frame, inode, layout, name, wind);
  const cached = layout.entries[0].subvolume;
  const { answer, errno, error } = await settle(wind(dht.subvolumes[cached]));
  if (answer !== undefined) return { ...answer, dict: hideXattrs(dht, frame, answer.dict) };
  const unknown = errno === EBADF || errno === EBADFD;
  if (!unknown || isOpenOn(dht, fd, cached) || !(await openForFop(dht, frame, fd, cached))) throw error;
  const again = await wind(dht.subvolumes[cached]);
  return { ...again, dict: hideXattrs(dht, frame, again.dict) };
}

/** Without what is none of a user's business. */
export function hideXattrs(dht: Distribute, frame: Frame, dict: Dict): Dict {
  const shown = Dict.from(dict);
  shown.delete(dht.config.xattrName);
  shown.delete(dht.mdsKey);
  shown.delete(dht.commitHashKey);
  if (frame.root.pid >= 0)
    for (const key of shown.entries.keys())
      if (key.startsWith('trusted.glusterfs.quota') || key.startsWith('trusted.pgfid')) shown.delete(key);
  return shown;
}

/** Of a directory, what its metadata server is for comes from there while it is up; all else from all bricks. */
async function ordinary(
  dht: Distribute,
  frame: Frame,
  inode: Inode,
  layout: Layout,
  name: string | undefined,
  wind: (child: Fops) => Promise<XattrAnswer>,
): Promise<XattrAnswer> {
  if (layout.entries.length === 1) {
    const answer = await wind(dht.subvolumes[layout.entries[0].subvolume]);
    return { ...answer, dict: hideXattrs(dht, frame, answer.dict) };
  }
  const mds = dht.mdsOf(inode);
  const ofMds = name !== undefined && (name.startsWith('user.') || HEALED_XATTRS.includes(name));
  if (mds >= 0 && dht.up.is(mds) && ofMds) {
    const answer = await wind(dht.subvolumes[mds]);
    const dict = Dict.from(answer.dict);
    dict.delete(dht.config.xattrName);
    return { ...answer, dict };
  }
  const outcomes = await windAll(dht.count, i => wind(dht.subvolumes[i]));
  let dict: Dict | undefined;
  let xdata: Dict | undefined;
  let error: unknown;
  for (const outcome of outcomes) {
    const { answer } = outcome!;
    if (answer === undefined) error = outcome!.error;
    else {
      dict = aggregate(dict, hideXattrs(dht, frame, answer.dict));
      xdata = aggregate(xdata, answer.xdata);
    }
  }
  if (dict === undefined) throw error;
  return xdata === undefined ? { dict } : { dict, xdata };
}

/** dht.subvol.status: 1 while all bricks are up. */
export function subvolumeStatus(dht: Distribute, name: string): Promise<XattrAnswer> {
  return Promise.resolve({ dict: new Dict().setInt(name, dht.up.allUp() ? 1 : 0) });
}

/** Which brick a directory has how much of. */
function layoutText(dht: Distribute, layout: Layout): string {
  return layout.entries
    .map(({ subvolume, start, stop }) => `(${dht.childNames[subvolume]} ${start} ${stop})`)
    .join(' ');
}

async function whereDirectory(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  layout: Layout,
  name: string,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const outcomes = await windAll(layout.entries.length, i =>
    dht.subvolumes[layout.entries[i].subvolume].getxattr(frame, loc, name, xdata),
  );
  const values: string[] = [];
  for (const outcome of outcomes) {
    const { answer, errno, error } = outcome!;
    if (answer === undefined) {
      // A brick that is down is left out.
      if (errno !== ENOTCONN) throw error;
      continue;
    }
    const value = answer.dict.string(name);
    if (value === undefined) throw dht.error(ENODATA);
    values.push(value);
  }
  if (values.length === 0) throw dht.error(ENOTCONN);
  const text = isPathinfo(name)
    ? `((<DISTRIBUTE:${dht.name}> ${values.join(' ')}) (${dht.name}-layout ${layoutText(dht, layout)}))`
    : values.join(' ');
  return { dict: new Dict().setString(name, text) };
}

async function whereFile(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  layout: Layout,
  name: string,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const child = dht.subvolumes[layout.entries[0].subvolume];
  const answer = await child.getxattr(frame, loc, name, xdata);
  const value = answer.dict.string(name);
  if (value === undefined) throw dht.error(ENODATA);
  const text = isPathinfo(name) ? `(<DISTRIBUTE:${dht.name}> ${value})` : value;
  return { dict: new Dict().setString(name, text) };
}

/** trusted.distribute.linkinfo: where a file's linkto file is. */
function linkinfo(dht: Distribute, frame: Frame, loc: Loc, xdata: Dict | undefined): Promise<XattrAnswer> {
  const hashed = dht.hashedOf(loc);
  const cached = dht.cachedOf(loc.inode);
  if (hashed < 0 || cached < 0) return dht.fail(EINVAL);
  if (hashed === cached) return dht.fail(ENODATA);
  return dht.subvolumes[hashed].getxattr(frame, loc, PATHINFO, xdata).then(answer => {
    const value = answer.dict.string(PATHINFO);
    const dict = Dict.from(answer.dict);
    if (value !== undefined) dict.setString(LINKINFO, value);
    return { ...answer, dict };
  });
}

/** dht.file.hashed-subvol.NAME of a directory: the child that the name hashes to. */
function hashedSubvolume(dht: Distribute, loc: Loc, name: string): Promise<XattrAnswer> {
  const file = name.slice(HASHED_SUBVOL.length);
  if (file === '') return dht.fail(EINVAL);
  const hashed = dht.hashedOf(new Loc(loc.inode.table.create(), loc.inode, file));
  if (hashed < 0) return dht.fail(ENODATA);
  return Promise.resolve({ dict: new Dict().setString(name, dht.childNames[hashed]) });
}

/** Samba's question for a name that differs in case only: any brick may know it, and all must be able to tell. */
async function realFilename(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  layout: Layout,
  name: string,
  xdata: Dict | undefined,
): Promise<XattrAnswer> {
  const outcomes = await windAll(layout.entries.length, i =>
    dht.subvolumes[layout.entries[i].subvolume].getxattr(frame, loc, name, xdata),
  );
  let found: XattrAnswer | undefined;
  for (const outcome of outcomes) {
    if (outcome!.errno === EOPNOTSUPP) throw outcome!.error;
    found = outcome!.answer ?? found;
  }
  if (found === undefined) throw dht.error(ENODATA);
  return found;
}
