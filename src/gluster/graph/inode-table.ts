import { formatGfid, GFID_NULL, GFID_ROOT, type Gfid } from '../types/gfid.ts';
import { IA_IFDIR, IA_INVAL, type Iatt } from '../types/iatt.ts';
import type { Fd } from './fd.ts';
import { TableFd } from './fd-table.ts';
import type { Inode, InodeTable } from './inode.ts';
import { append, chain, moveBehind, remove, type Sibling } from './siblings.ts';
import type { Xlator } from './xlator.ts';

/** Another name of a file that has several. */
interface Dentry {
  readonly parent: TableInode;
  readonly name: string;
}

const NO_FDS: ReadonlySet<Fd> = new Set();
/** A path longer than this many names is cut: directories cannot nest so deep below PATH_MAX. */
const MAX_DEPTH = 4096;
let nextId = 1;

/**
 * An inode of a table. Most files have one name, nothing open and no children: its first name lies in the inode itself, and sets and
 * maps are only made for those that need one.
 */
export class TableInode implements Inode, Sibling<TableInode> {
  readonly table: GraphInodeTable;
  readonly id = nextId++;
  gfid: Gfid = GFID_NULL;
  type = IA_INVAL;
  readonly ctx: unknown[];
  nlookup = 0;
  refs = 0;
  /** In the table's map. */
  linked = false;
  /** Its last name was removed: it goes when nobody uses it any more. */
  removed = false;
  parent: TableInode | undefined = undefined;
  name = '';
  moreNames: Dentry[] | undefined = undefined;
  children: Map<string, TableInode> | undefined = undefined;
  /** Neighbours in the order of their directory's names; of a directory, the last in it. */
  before: TableInode | undefined = undefined;
  after: TableInode | undefined = undefined;
  last: TableInode | undefined = undefined;
  fdSet: Set<Fd> | undefined = undefined;
  anonymous: Fd[] | undefined = undefined;
  /** Neighbours in the list of those without references. */
  older: TableInode | undefined = undefined;
  newer: TableInode | undefined = undefined;
  list: LruList | undefined = undefined;

  constructor(table: GraphInodeTable, slots: number) {
    this.table = table;
    this.ctx = slots === 0 ? [] : new Array(slots);
  }

  get fds(): ReadonlySet<Fd> {
    return this.fdSet ?? NO_FDS;
  }

  /** Its user was asked to forget it. */
  get wasInvalidated(): boolean {
    return this.list !== undefined && this.list === this.table.invalidated;
  }

  ref(): this {
    if (this.refs++ === 0) this.list?.remove(this);
    return this;
  }

  unref(): void {
    if (this.refs > 0 && --this.refs === 0) this.table.idle(this);
  }
}

/** A list from the least to the most recently used. */
class LruList {
  oldest: TableInode | undefined = undefined;
  newest: TableInode | undefined = undefined;
  size = 0;

  push(inode: TableInode): void {
    inode.list = this;
    inode.older = this.newest;
    inode.newer = undefined;
    if (this.newest === undefined) this.oldest = inode;
    else this.newest.newer = inode;
    this.newest = inode;
    this.size++;
  }

  remove(inode: TableInode): void {
    if (inode.older === undefined) this.oldest = inode.newer;
    else inode.older.newer = inode.newer;
    if (inode.newer === undefined) this.newest = inode.older;
    else inode.newer.older = inode.older;
    inode.older = undefined;
    inode.newer = undefined;
    inode.list = undefined;
    this.size--;
  }
}

/** The inodes of a graph. `slots`: the xlators that keep contexts, by their slot. */
export class GraphInodeTable implements InodeTable {
  readonly root: TableInode;
  lruLimit: number;
  invalidator: ((inode: Inode) => void) | undefined = undefined;
  private readonly byGfid = new Map<Gfid, TableInode>();
  private readonly slots: readonly Xlator[];
  /** Without references: those that nobody has looked up, which may go, and those that their user must forget first. */
  private readonly unused = new LruList();
  private readonly known = new LruList();
  /** Whose user was asked to forget them. */
  readonly invalidated = new LruList();
  /** Ending one may make its directory idle: no pruning within pruning. */
  private pruning = false;

  constructor(slots: readonly Xlator[], lruLimit = 65536) {
    this.slots = slots;
    this.lruLimit = lruLimit;
    this.root = new TableInode(this, slots.length);
    this.root.gfid = GFID_ROOT;
    this.root.type = IA_IFDIR;
    this.root.linked = true;
    this.root.refs = 1;
    this.byGfid.set(GFID_ROOT, this.root);
  }

  get size(): number {
    return this.byGfid.size;
  }

  get lruSize(): number {
    return this.unused.size + this.known.size + this.invalidated.size;
  }

  /** Which are in use, and which are not, the least recently used first: for dumps. */
  *active(): Iterable<TableInode> {
    for (const inode of this.byGfid.values()) if (inode.list === undefined) yield inode;
  }

  *lru(): Iterable<TableInode> {
    for (const list of [this.invalidated, this.known, this.unused])
      for (let inode = list.oldest; inode !== undefined; inode = inode.newer) yield inode;
  }

  get invalidateSize(): number {
    return this.invalidated.size;
  }

  create(): TableInode {
    return new TableInode(this, this.slots.length);
  }

  find(gfid: Gfid): TableInode | undefined {
    const inode = this.byGfid.get(gfid);
    if (inode?.list !== undefined) touch(inode);
    return inode;
  }

  grep(parent: Inode, name: string): TableInode | undefined {
    const inode = (parent as TableInode).children?.get(name);
    if (inode?.list !== undefined) touch(inode);
    return inode;
  }

  link(inode: Inode, parent: Inode | undefined, name: string | undefined, iatt: Iatt): TableInode {
    let linked = inode as TableInode;
    const { gfid } = iatt;
    if (gfid === GFID_NULL) return linked;
    const existing = this.byGfid.get(gfid);
    if (existing !== undefined) linked = existing;
    else {
      // An inode that was linked stays what it is: a file of that name with another gfid is another file.
      if (linked.linked) linked = this.create();
      linked.gfid = gfid;
      linked.type = iatt.type;
      linked.linked = true;
      this.byGfid.set(gfid, linked);
    }
    if (parent !== undefined && name !== undefined && name !== '' && name !== '.' && name !== '..')
      this.setName(linked, parent as TableInode, name);
    if (linked.refs === 0) {
      if (linked.list === undefined) this.idle(linked);
      else touch(linked);
    }
    return linked;
  }

  unlink(inode: Inode, parent: Inode, name: string): void {
    const unlinked = inode as TableInode;
    if ((parent as TableInode).children?.get(name) !== unlinked) return;
    this.dropName(unlinked, parent as TableInode, name);
    if (unlinked.parent !== undefined) return;
    unlinked.removed = true;
    if (unlinked.list === this.unused) this.retire(unlinked);
  }

  rename(inode: Inode, from: Inode, fromName: string, to: Inode, toName: string): void {
    const moved = inode as TableInode;
    if (!moved.linked) return;
    if (from === to && fromName === toName) return;
    // Held, so that losing its old name does not end it.
    moved.ref();
    if ((from as TableInode).children?.get(fromName) === moved)
      this.dropName(moved, from as TableInode, fromName);
    this.setName(moved, to as TableInode, toName);
    moved.unref();
  }

  lookup(inode: Inode, n = 1): void {
    const known = inode as TableInode;
    known.nlookup += n;
    if (known.list !== undefined) touch(known, this.known);
  }

  forget(inode: Inode, n: number): void {
    const forgotten = inode as TableInode;
    forgotten.nlookup = n >= forgotten.nlookup ? 0 : forgotten.nlookup - n;
    const { list } = forgotten;
    if (forgotten.nlookup > 0 || list === undefined) return;
    // It may well be looked up again; but where nothing limits what is kept, or where there was too much already, it goes.
    if (this.lruLimit === 0 || list === this.invalidated) this.retire(forgotten);
    else {
      list.remove(forgotten);
      this.idle(forgotten);
    }
  }

  path(inode: Inode, name?: string): string {
    let path = name === undefined ? '' : `/${name}`;
    let at = inode as TableInode;
    for (let depth = 0; at !== this.root; depth++) {
      if (at.parent === undefined || depth > MAX_DEPTH) return `<gfid:${formatGfid(at.gfid)}>${path}`;
      path = `/${at.name}${path}`;
      at = at.parent;
    }
    return path === '' ? '/' : path;
  }

  parentOf(inode: Inode): TableInode | undefined {
    return (inode as TableInode).parent;
  }

  nameOf(inode: Inode): string {
    return (inode as TableInode).name;
  }

  after(inode: Inode): TableInode | undefined {
    return (inode as TableInode).after;
  }

  follow(inode: Inode, previous: Inode): void {
    const { parent } = inode as TableInode;
    if (parent === undefined || inode === previous || (previous as TableInode).parent !== parent) return;
    moveBehind(inode as TableInode, previous as TableInode, parent);
  }

  sortNames(directory: Inode): void {
    const children: TableInode[] = [];
    for (let at = (directory as TableInode).last; at !== undefined; at = at.before) children.push(at);
    children.sort((a, b) => (a.name < b.name ? -1 : 1));
    chain(children, directory as TableInode);
  }

  namesIn(directory: Inode): number {
    return (directory as TableInode).children?.size ?? 0;
  }

  openFd(inode: Inode, flags: number, pid: number, lkOwner: string): Fd {
    const opened = inode as TableInode;
    const fd = new TableFd(opened, this.slots, flags, pid, lkOwner, false);
    (opened.fdSet ??= new Set()).add(fd);
    opened.ref();
    return fd;
  }

  anonymousFd(inode: Inode, flags: number): Fd {
    const opened = inode as TableInode;
    const found = opened.anonymous?.find(fd => fd.flags === flags);
    if (found !== undefined) return found;
    const fd = new TableFd(opened, this.slots, flags, 0, '', true);
    (opened.anonymous ??= []).push(fd);
    return fd;
  }

  /** Ends all contexts: the graph is not used any more. */
  clear(): void {
    for (const inode of [...this.byGfid.values()]) {
      for (const fd of inode.fds) (fd as TableFd).end();
      this.endContexts(inode);
    }
  }

  /** The last reference is gone. */
  idle(inode: TableInode): void {
    if (!inode.linked || inode === this.root) return;
    if (inode.nlookup > 0) this.known.push(inode);
    else if (inode.removed) {
      this.retire(inode);
      return;
    } else this.unused.push(inode);
    this.prune(inode);
  }

  /** Keeps to the limit; `keep` came just now and is about to be used. */
  private prune(keep: TableInode): void {
    const { lruLimit, unused, known, invalidator } = this;
    if (lruLimit === 0 || this.pruning || this.lruSize <= lruLimit) return;
    this.pruning = true;
    while (unused.oldest !== undefined && unused.oldest !== keep && this.lruSize > lruLimit)
      this.retire(unused.oldest);
    if (invalidator !== undefined)
      while (known.oldest !== undefined && known.oldest !== keep && unused.size + known.size > lruLimit) {
        const inode = known.oldest;
        known.remove(inode);
        this.invalidated.push(inode);
        invalidator(inode);
      }
    this.pruning = false;
  }

  /** Drops an inode without references from the table. */
  private retire(inode: TableInode): void {
    inode.list?.remove(inode);
    this.byGfid.delete(inode.gfid);
    inode.linked = false;
    while (inode.parent !== undefined) this.dropName(inode, inode.parent, inode.name);
    this.endContexts(inode);
  }

  private endContexts(inode: TableInode): void {
    for (const fd of inode.anonymous ?? []) (fd as TableFd).end();
    inode.anonymous = undefined;
    const { ctx } = inode;
    for (let slot = 0; slot < ctx.length; slot++)
      if (ctx[slot] !== undefined) {
        this.slots[slot].forget?.(inode);
        ctx[slot] = undefined;
      }
  }

  private setName(inode: TableInode, parent: TableInode, name: string): void {
    const there = parent.children?.get(name);
    if (there === inode) return;
    // What is below itself would have no path.
    if (inode.type === IA_IFDIR)
      for (let at: TableInode | undefined = parent; at !== undefined; at = at.parent)
        if (at === inode) return;
    inode.ref();
    parent.ref();
    if (there !== undefined) this.unlink(there, parent, name);
    if (inode.type === IA_IFDIR && inode.parent !== undefined) this.dropName(inode, inode.parent, inode.name);
    (parent.children ??= new Map()).set(name, inode);
    inode.removed = false;
    if (inode.parent === undefined) {
      inode.parent = parent;
      inode.name = name;
      append(inode, parent);
    } else (inode.moreNames ??= []).push({ parent, name });
    inode.unref();
  }

  private dropName(inode: TableInode, parent: TableInode, name: string): void {
    parent.children!.delete(name);
    if (parent.children!.size === 0) parent.children = undefined;
    if (inode.parent === parent && inode.name === name) {
      const other = inode.moreNames?.pop();
      remove(inode, parent);
      inode.parent = other?.parent;
      inode.name = other?.name ?? '';
      if (other !== undefined) append(inode, other.parent);
    } else {
      const at = inode.moreNames!.findIndex(other => other.parent === parent && other.name === name);
      inode.moreNames!.splice(at, 1);
    }
    parent.unref();
  }
}

/** Makes it the most recently used, of its list or another. */
function touch(inode: TableInode, list = inode.list!): void {
  inode.list!.remove(inode);
  list.push(inode);
}
