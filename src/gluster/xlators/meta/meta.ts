import { anyFops, defineFops, subjectOf } from '../../graph/every-fop.ts';
import type { Fd } from '../../graph/fd.ts';
import { FopError } from '../../graph/fop-error.ts';
import {
  type Answer,
  FOP_NAMES,
  type FopName,
  type Fops,
  type LookupAnswer,
  type ReaddirAnswer,
} from '../../graph/fops.ts';
import type { Frame } from '../../graph/frame.ts';
import type { Inode } from '../../graph/inode.ts';
import type { Loc } from '../../graph/loc.ts';
import type { OptionTable } from '../../graph/option-types.ts';
import { Xlator } from '../../graph/xlator.ts';
import { Dict } from '../../types/dict.ts';
import type { DirEntry } from '../../types/fs.ts';
import { GFID_ROOT, inoHigh, inoLow } from '../../types/gfid.ts';
import { formatOfType, IA_IFDIR, IA_IFLNK, Iatt } from '../../types/iatt.ts';
import type { MetaNode } from './nodes.ts';
import { META_ROOT_GFID, makeTree } from './tree.ts';

const EPERM = 1;
const ENOENT = 2;
const EACCES = 13;
const ENOTDIR = 20;
const ENODATA = 61;

/** DT_* of directory entries. */
const DT_OF_TYPE: Readonly<Record<number, number>> = { 1: 8, 2: 4, 3: 10 };

/**
 * The tree `.meta` in a volume's root, which tells of the process and its graph, and lets some of it be set. It is not listed. Until
 * somebody looks for it only lookups come by here.
 */
export class Meta extends Xlator implements Partial<Fops> {
  static readonly options: OptionTable = {
    'meta-dir-name': { kind: 'string', default: '.meta', description: 'What the directory is called.' },
  };

  private readonly dirName = this.options.string('meta-dir-name');
  private tree: MetaNode | undefined;

  override implementsFop(fop: FopName, watched = false): boolean {
    return super.implementsFop(fop) && (fop === 'lookup' || this.tree !== undefined || watched);
  }

  lookup(frame: Frame, loc: Loc, xdata?: Dict): Promise<LookupAnswer> {
    const { parent } = loc;
    if ((parent?.gfid === GFID_ROOT && loc.name === this.dirName) || loc.gfid === META_ROOT_GFID)
      return this.found(loc.inode, this.root());
    if (this.tree === undefined) return this.next.lookup(frame, loc, xdata);
    const directory = parent === undefined ? undefined : this.nodeOf(parent);
    if (directory !== undefined) {
      const node = directory.children().get(loc.name);
      return node === undefined
        ? Promise.reject(new FopError(ENOENT, this.name))
        : this.found(loc.inode, node);
    }
    const node = parent === undefined ? this.nodeOf(loc.inode) : undefined;
    return node === undefined ? this.next.lookup(frame, loc, xdata) : this.found(loc.inode, node);
  }

  private root(): MetaNode {
    if (this.tree === undefined) {
      this.tree = makeTree(this.host);
      this.host.relink();
    }
    return this.tree;
  }

  private found(inode: Inode, node: MetaNode): Promise<LookupAnswer> {
    inode.ctx[this.slot] = node;
    return Promise.resolve({
      inode,
      stat: this.attributes(node),
      postparent: this.attributes(node.parent ?? node),
    });
  }

  /** The node behind an inode; undefined for all that is the volume's. */
  nodeOf(inode: Inode): MetaNode | undefined {
    return inode.ctx[this.slot] as MetaNode | undefined;
  }

  attributes(node: MetaNode): Iatt {
    const stat = new Iatt();
    const { gfid, type } = node;
    stat.gfid = gfid;
    stat.inoHi = inoHigh(gfid);
    stat.inoLo = inoLow(gfid);
    const permissions = type === IA_IFDIR ? 0o555 : type === IA_IFLNK ? 0o777 : node.write ? 0o644 : 0o444;
    stat.mode = formatOfType(type) | permissions;
    stat.nlink = type === IA_IFDIR ? 2 : 1;
    const now = this.host.env.clock.now();
    stat.atime = stat.mtime = stat.ctime = Math.floor(now / 1000);
    stat.atimeNsec = stat.mtimeNsec = stat.ctimeNsec = Math.floor((now % 1000) * 1e6);
    return stat;
  }

  /** The text of a file as it was when it was first read through this fd. */
  contents(fd: Fd, node: MetaNode): Buffer {
    const kept = fd.ctx[this.slot] as Buffer | undefined;
    if (kept !== undefined) return kept;
    const made = Buffer.from(node.text(), 'latin1');
    fd.ctx[this.slot] = made;
    return made;
  }

  override release(_fd: Fd): void {}

  override forget(_inode: Inode): void {}
}

/** What a fop does to a node of the tree. */
type NodeFop = (meta: Meta, node: MetaNode, args: readonly unknown[]) => object;

function fail(errno: number): never {
  throw new FopError(errno, 'meta-autoload');
}

function listing(node: MetaNode, size: number, offset: bigint): ReaddirAnswer {
  if (node.type !== IA_IFDIR) fail(ENOTDIR);
  const all: [string, MetaNode][] = [['.', node], ['..', node.parent ?? node], ...node.children()];
  const entries: DirEntry[] = [];
  let room = size;
  let at = Number(offset);
  for (; at < all.length; at++) {
    const [name, { type }] = all[at];
    // As a dirent in memory there: a fixed part and the name.
    room -= 32 + name.length;
    if (room < 0 && entries.length > 0) break;
    entries.push({ name, dOff: BigInt(at + 1), type: DT_OF_TYPE[type] });
  }
  return { entries, eof: at >= all.length };
}

const done = (): Answer => ({});
const attributes: NodeFop = (meta, node) => ({ stat: meta.attributes(node) });
const unchanged: NodeFop = (meta, node) => ({ pre: meta.attributes(node), post: meta.attributes(node) });
const list: NodeFop = (_meta, node, [, size, offset]) => listing(node, size as number, offset as bigint);

const NODE_FOPS: Readonly<Partial<Record<FopName, NodeFop>>> = {
  stat: attributes,
  fstat: attributes,
  access: done,
  opendir: (_meta, node, [, fd]) => (node.type === IA_IFDIR ? { fd } : fail(ENOTDIR)),
  open: (_meta, _node, [, , fd]) => ({ fd, xdata: new Dict().setInt('direct-io-mode', 1) }),
  flush: done,
  fsync: unchanged,
  fsyncdir: done,
  truncate: unchanged,
  ftruncate: unchanged,
  setattr: unchanged,
  fsetattr: unchanged,
  readdir: list,
  readdirp: list,
  readlink: (meta, node) =>
    node.type === IA_IFLNK ? { path: node.target, stat: meta.attributes(node) } : fail(EINVAL),
  readv: (meta, node, [fd, size, offset]) => {
    const contents = meta.contents(fd as Fd, node);
    const data = contents.subarray(offset as number, (offset as number) + (size as number));
    const eof = (offset as number) + data.length >= contents.length;
    return { data: [data], length: data.length, eof, stat: meta.attributes(node) };
  },
  writev: (meta, node, [, data]) => {
    if (node.write === undefined) fail(EACCES);
    const bytes = Buffer.concat(data as Buffer[]);
    node.write(bytes.toString('latin1'));
    return { written: bytes.length, ...unchanged(meta, node, []) };
  },
  getxattr: () => fail(ENODATA),
  fgetxattr: () => fail(ENODATA),
};
const EINVAL = 22;

function makeFop(fop: FopName): (this: Meta, frame: Frame, ...args: unknown[]) => Promise<unknown> {
  const act = NODE_FOPS[fop] ?? (() => fail(EPERM));
  return function (frame, ...args) {
    const subject = subjectOf(args);
    const loc = subject as Loc | undefined;
    // What is made, removed or renamed goes by its directory.
    const inode = loc?.parent !== undefined && MAKES.has(fop) ? loc.parent : subject?.inode;
    const node = inode === undefined ? undefined : this.nodeOf(inode);
    if (node === undefined) return anyFops(this.next)[fop](frame, ...args);
    try {
      return Promise.resolve(act(this, node, args));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

const MAKES: ReadonlySet<FopName> = new Set(['create', 'mknod', 'mkdir', 'symlink', 'put', 'icreate']);

defineFops(
  Meta,
  makeFop,
  FOP_NAMES.filter(fop => fop !== 'lookup' && fop !== 'ipc'),
);
