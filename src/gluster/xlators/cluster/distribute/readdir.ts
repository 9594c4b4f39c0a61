import type { Fd } from '../../../graph/fd.ts';
import type { GraphEntry, OpenAnswer, ReaddirAnswer } from '../../../graph/fops.ts';
import type { Frame } from '../../../graph/frame.ts';
import type { Loc } from '../../../graph/loc.ts';
import { Dict } from '../../../types/dict.ts';
import { windAll } from '../shared/wind.ts';
import type { Distribute } from './distribute.ts';
import { EINVAL } from './errnos.ts';
import { fixDirectory, isLinkfile, stripPhase1 } from './iatt.ts';
import type { Layout } from './layout.ts';
import { mergeAnswer } from './layout-disk.ts';
import { READDIR_SKIP_DIRS } from './names.ts';

const DT_DIR = 4;

/** Opens a directory on all bricks; one is enough. */
export async function opendir(
  dht: Distribute,
  frame: Frame,
  loc: Loc,
  fd: Fd,
  xdata: Dict | undefined,
): Promise<OpenAnswer> {
  const first = dht.up.first();
  const request = Dict.from(xdata).setUint(dht.linkKey, 256);
  const others = dht.config.readdirOptimize ? Dict.from(request).setInt(READDIR_SKIP_DIRS, 1) : request;
  const outcomes = await windAll(dht.count, i =>
    dht.subvolumes[i].opendir(frame, loc, fd, i === first ? request : others),
  );
  let error: unknown;
  for (const outcome of outcomes) {
    if (outcome!.answer !== undefined) return { fd };
    error = outcome!.error;
  }
  throw error;
}

/** A listing goes through the bricks one after the other; where it goes on is in the offset (events.ts). */
export function readdir(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  size: number,
  offset: bigint,
): Promise<ReaddirAnswer> {
  if (dht.config.useReaddirp || !dht.up.allUp()) return readdirp(dht, frame, fd, size, offset, undefined);
  return listing(
    dht,
    fd,
    offset,
    (child, at) => dht.subvolumes[child].readdir(frame, fd, size, at, undefined),
    plain,
  );
}

export function readdirp(
  dht: Distribute,
  frame: Frame,
  fd: Fd,
  size: number,
  offset: bigint,
  xdata: Dict | undefined,
): Promise<ReaddirAnswer> {
  const request = Dict.from(xdata).setUint(dht.linkKey, 256);
  if (dht.count === 1) request.setUint(dht.config.xattrName, 16);
  const first = dht.up.first();
  const others = dht.config.readdirOptimize ? Dict.from(request).setInt(READDIR_SKIP_DIRS, 1) : request;
  return listing(
    dht,
    fd,
    offset,
    (child, at) => dht.subvolumes[child].readdirp(frame, fd, size, at, child === first ? request : others),
    withStat,
  );
}

/** Whether an entry of a brick belongs into the listing. */
type Filter = (dht: Distribute, layout: Layout, entry: GraphEntry, child: number, first: number) => boolean;

async function listing(
  dht: Distribute,
  fd: Fd,
  offset: bigint,
  read: (child: number, offset: bigint) => Promise<ReaddirAnswer>,
  filter: Filter,
): Promise<ReaddirAnswer> {
  const layout = dht.layoutOf(fd.inode);
  if (layout === undefined) throw dht.error(EINVAL);
  const first = dht.up.first();
  let child = offset === 0n ? 0 : dht.up.childOfOffset(offset);
  let at = offset;
  for (;;) {
    let answer: ReaddirAnswer;
    try {
      answer = await read(child, at);
    } catch {
      // As in Gluster, a brick that cannot be read leaves its files out of the listing.
      answer = { entries: [], eof: true };
    }
    const entries: GraphEntry[] = [];
    let next = 0n;
    for (const entry of answer.entries) {
      next = entry.dOff;
      if (filter(dht, layout, entry, child, first)) entries.push(entry);
    }
    if (entries.length > 0) return { entries, eof: answer.eof && child === dht.up.last() };
    if (next === 0n || answer.eof) {
      if (++child >= dht.count) return { entries, eof: true };
      at = 0n;
    } else at = next;
  }
}

function plain(dht: Distribute, layout: Layout, entry: GraphEntry, child: number, first: number): boolean {
  if (entry.type === DT_DIR && dht.config.readdirOptimize) return child === first;
  const hashed = layout.search(dht.names.of(entry.name));
  return hashed < 0 || hashed === child;
}

/** Linkto files stay out; directories, which are on all bricks, come from the one that they hash to. */
function withStat(dht: Distribute, layout: Layout, entry: GraphEntry, child: number, first: number): boolean {
  const { stat, inode } = entry;
  if (stat === undefined)
    return dht.count === 1 || entry.type !== DT_DIR || plain(dht, layout, entry, child, first);
  if (isLinkfile(stat, entry.dict, dht.linkKey)) return false;
  const several = dht.count > 1;
  if (stat.isDirectory) {
    if (several) {
      if (dht.config.readdirOptimize) {
        if (child !== first) return false;
      } else {
        const hashed = layout.search(dht.names.of(entry.name));
        if (hashed !== child && ((hashed >= 0 && dht.up.is(hashed)) || child !== first)) return false;
      }
    }
    fixDirectory(stat);
    if (inode !== undefined) {
      dht.seeTimes(inode, undefined, stat);
      // Its layout is not known from here: without an inode the top looks it up.
      if (several || !takeLayout(dht, entry, child)) delete entry.inode;
    }
    return true;
  }
  if (dht.config.lookupUnhashed === 'auto' && layout.search(dht.names.of(entry.name)) !== child)
    layout.searchUnhashed++;
  if (entry.dict?.has(dht.linkKey)) stripPhase1(stat);
  if (inode !== undefined) dht.preset(inode, child);
  else {
    const known = dht.host.inodes.find(stat.gfid);
    if (known !== undefined) dht.preset(known, child);
  }
  return true;
}

function takeLayout(dht: Distribute, entry: GraphEntry, child: number): boolean {
  const { inode } = entry;
  if (inode === undefined) return false;
  if (dht.layoutOf(inode) !== undefined) return true;
  const layout = dht.newLayout(1);
  mergeAnswer(layout, child, 0, entry.dict, dht.config.xattrName);
  if (layout.normalize() !== 0) return false;
  dht.layoutRead(inode, layout);
  return true;
}
