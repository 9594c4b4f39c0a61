import { IA_IFDIR } from '../types/iatt.ts';
import type { Fd } from './fd.ts';
import type { TableInode } from './inode-table.ts';
import type { Xlator } from './xlator.ts';

/** An fd of an inode table. */
export class TableFd implements Fd {
  readonly inode: TableInode;
  flags: number;
  readonly pid: number;
  readonly lkOwner: string;
  readonly ctx: unknown[];
  readonly anonymous: boolean;
  released = false;
  private refs = 1;
  private ended = false;
  private readonly slots: readonly Xlator[];

  constructor(
    inode: TableInode,
    slots: readonly Xlator[],
    flags: number,
    pid: number,
    lkOwner: string,
    anonymous: boolean,
  ) {
    this.inode = inode;
    this.slots = slots;
    this.flags = flags;
    this.pid = pid;
    this.lkOwner = lkOwner;
    this.anonymous = anonymous;
    this.ctx = slots.length === 0 ? [] : new Array(slots.length);
  }

  get isDirectory(): boolean {
    return this.inode.type === IA_IFDIR;
  }

  /** An anonymous fd stays: it ends with its inode. */
  release(): void {
    if (this.released || this.anonymous) return;
    this.released = true;
    this.unref();
  }

  ref(): this {
    this.refs++;
    return this;
  }

  unref(): void {
    if (--this.refs > 0 || this.ended || this.anonymous) return;
    this.end();
    const { inode } = this;
    inode.fdSet?.delete(this);
    if (inode.fdSet?.size === 0) inode.fdSet = undefined;
    inode.unref();
  }

  /** Every xlator with a context hears of the end, once. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    const { ctx } = this;
    for (let slot = 0; slot < ctx.length; slot++)
      if (ctx[slot] !== undefined) {
        this.slots[slot].release?.(this);
        ctx[slot] = undefined;
      }
  }
}
