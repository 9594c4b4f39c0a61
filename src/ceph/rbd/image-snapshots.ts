import type { ImageCtx } from './image-ctx.ts';
import { refreshIfNeeded } from './open/refresh.ts';
import { listChildren, listDescendants } from './operations/children.ts';
import { rollbackToSnapshot } from './operations/rollback.ts';
import * as operations from './operations/snapshot.ts';
import { snapshotOf } from './operations/snapshot-remove.ts';
import { removeSnapshotBy } from './operations/snapshot-remove-force.ts';
import type { ChildImage, ProgressOption, RemoveSnapshotOptions } from './options.ts';
import type { SnapInfo } from './types.ts';

/** An image's snapshots: those of users, by name. */
export class Snapshots {
  private readonly ctx: ImageCtx;

  constructor(ctx: ImageCtx) {
    this.ctx = ctx;
  }

  /** Oldest first. With `all`, those of groups, of the trash and of mirrors too. */
  async list(options: { readonly all?: boolean } = {}): Promise<SnapInfo[]> {
    await refreshIfNeeded(this.ctx);
    const snaps = [...this.ctx.state.snaps].reverse();
    return options.all === true ? snaps : snaps.filter(snap => snap.namespace.type === 'user');
  }

  async exists(name: string): Promise<boolean> {
    await refreshIfNeeded(this.ctx);
    return this.ctx.snapNamed(name) !== undefined;
  }

  /** EEXIST for a name in use, EDQUOT when there may not be more. */
  create(name: string, options: ProgressOption = {}): Promise<void> {
    return operations.createSnapshot(this.ctx, name, options);
  }

  /** EBUSY while it is protected. */
  remove(name: string, options: RemoveSnapshotOptions = {}): Promise<void> {
    return removeSnapshotBy(this.ctx, name, options);
  }

  rename(from: string, to: string): Promise<void> {
    return operations.renameSnapshot(this.ctx, from, to);
  }

  protect(name: string): Promise<void> {
    return operations.protectSnapshot(this.ctx, name);
  }

  unprotect(name: string): Promise<void> {
    return operations.unprotectSnapshot(this.ctx, name);
  }

  isProtected(name: string): Promise<boolean> {
    return operations.isSnapshotProtected(this.ctx, name);
  }

  /** The image becomes what it was. */
  rollback(name: string, options: ProgressOption = {}): Promise<void> {
    return rollbackToSnapshot(this.ctx, name, options);
  }

  /** Infinity: none. */
  async getLimit(): Promise<number> {
    return (await operations.snapshotLimit(this.ctx)) ?? Number.POSITIVE_INFINITY;
  }

  setLimit(limit: number): Promise<void> {
    return operations.setSnapshotLimit(this.ctx, limit);
  }

  clearLimit(): Promise<void> {
    return operations.setSnapshotLimit(this.ctx, undefined);
  }

  /** Removes all that are not protected. Resolves to the names of those that are. */
  purge(options: ProgressOption = {}): Promise<string[]> {
    return operations.purgeSnapshots(this.ctx, options);
  }

  /** Clones of a snapshot; with `descendants`, clones of clones too. */
  async children(name: string, options: { readonly descendants?: boolean } = {}): Promise<ChildImage[]> {
    await refreshIfNeeded(this.ctx);
    const { id } = snapshotOf(this.ctx, name, 'children');
    return options.descendants === true ? listDescendants(this.ctx, id) : listChildren(this.ctx, id);
  }
}
