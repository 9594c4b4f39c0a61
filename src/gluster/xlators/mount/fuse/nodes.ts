import type { Inode, InodeTable } from '../../../graph/inode.ts';
import type { Gfid } from '../../../types/gfid.ts';

const ROOT = 1;

/**
 * Which inode the kernel means by a node id. A node id lasts as long as the kernel knows it; its inode belongs to the graph that is in use,
 * and after a switch it is found anew, by gfid (`stale` tells).
 */
export class NodeTable {
  /** Whether the kernel may know what the graph in use has never looked up. */
  switched = false;
  private table: InodeTable;
  private readonly inodes = new Map<number, Inode>();
  private readonly ids = new Map<Inode, number>();
  /** Node ids that the kernel got under an earlier graph. */
  private readonly carried = new Map<Gfid, number>();
  private nextId = ROOT + 1;

  constructor(table: InodeTable) {
    this.table = table;
  }

  get size(): number {
    return this.inodes.size;
  }

  /** The inode of the graph in use; undefined when it must be found first (`stale`), or was never told to the kernel. */
  get(id: number): Inode | undefined {
    if (id === ROOT) return this.table.root;
    const inode = this.inodes.get(id);
    return inode !== undefined && inode.table === this.table ? inode : undefined;
  }

  /** The gfid of a node of an earlier graph. */
  stale(id: number): Gfid | undefined {
    const inode = this.inodes.get(id);
    return inode !== undefined && inode.table !== this.table ? inode.gfid : undefined;
  }

  /** The inode that a stale node was found to be. The kernel's count goes over to it. */
  renew(id: number, inode: Inode): void {
    const old = this.inodes.get(id);
    if (old === undefined || old.table === this.table) return;
    this.table.lookup(inode, old.nlookup);
    old.table.forget(old, old.nlookup);
    this.ids.delete(old);
    this.carried.delete(inode.gfid);
    this.inodes.set(id, inode);
    this.ids.set(inode, id);
  }

  /** The node id to tell the kernel, who counts one lookup more. */
  told(inode: Inode): number {
    if (inode === this.table.root) return ROOT;
    let id = this.ids.get(inode);
    if (id === undefined) {
      id = this.carried.get(inode.gfid);
      if (id !== undefined) this.renew(id, inode);
      else {
        id = this.nextId++;
        this.inodes.set(id, inode);
        this.ids.set(inode, id);
      }
    }
    this.table.lookup(inode, 1);
    return id;
  }

  /** The id of an inode that the kernel knows. */
  idOf(inode: Inode): number | undefined {
    return inode === this.table.root ? ROOT : this.ids.get(inode);
  }

  forget(id: number, count: number): void {
    const inode = this.inodes.get(id);
    if (inode === undefined) return;
    const left = inode.nlookup - count;
    if (left <= 0) {
      this.inodes.delete(id);
      this.ids.delete(inode);
      this.carried.delete(inode.gfid);
    }
    inode.table.forget(inode, count);
  }

  /** From now on nodes are those of another graph. */
  use(table: InodeTable): void {
    for (const [id, inode] of this.inodes) this.carried.set(inode.gfid, id);
    this.table = table;
    this.switched = true;
  }

  /** The mount has gone: the kernel knows nothing any more. */
  clear(): void {
    for (const inode of this.inodes.values()) inode.table.forget(inode, inode.nlookup);
    this.inodes.clear();
    this.ids.clear();
    this.carried.clear();
  }
}
