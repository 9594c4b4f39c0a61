import type { Fd } from '../../../graph/fd.ts';
import type { Flock } from '../../../types/fs.ts';

/** An open file or directory as the kernel knows it. Its fd is of the graph in use: a switch replaces it. */
export interface Handle {
  readonly fh: number;
  fd: Fd;
  readonly nodeid: number;
  readonly isDirectory: boolean;
  /** Locks that were granted through it, to be taken again in the next graph. */
  locks: readonly Flock[];
  /** A switch could not open it again: what comes through it fails with this errno. */
  broken: number;
}

/** Handles by the number that the kernel has of them. */
export class HandleTable {
  private readonly handles: (Handle | undefined)[] = [undefined];
  private readonly free: number[] = [];
  private readonly fds = new Set<Fd>();

  add(fd: Fd, nodeid: number, isDirectory: boolean): Handle {
    const fh = this.free.pop() ?? this.handles.length;
    const handle: Handle = { fh, fd, nodeid, isDirectory, locks: [], broken: 0 };
    this.handles[fh] = handle;
    this.fds.add(fd);
    return handle;
  }

  /** The fd's open was answered, and it is not released yet. */
  has(fd: Fd): boolean {
    return this.fds.has(fd);
  }

  /** Another graph's fd stands for the old one. */
  replace(handle: Handle, fd: Fd): void {
    this.fds.delete(handle.fd);
    this.fds.add(fd);
    handle.fd = fd;
  }

  get(fh: number): Handle | undefined {
    return this.handles[fh];
  }

  remove(fh: number): Handle | undefined {
    const handle = this.handles[fh];
    if (handle === undefined) return undefined;
    this.handles[fh] = undefined;
    this.fds.delete(handle.fd);
    this.free.push(fh);
    return handle;
  }

  *[Symbol.iterator](): Generator<Handle> {
    for (const handle of this.handles) if (handle !== undefined) yield handle;
  }
}
