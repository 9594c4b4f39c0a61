import type { Fd } from '../../../graph/fd.ts';
import type { Flock } from '../../../types/fs.ts';
import { F_UNLCK } from '../../../types/fs.ts';

/** An open file or directory as the kernel knows it. Its fd is of the graph in use: a switch replaces it. */
export interface Handle {
  readonly fh: number;
  fd: Fd;
  readonly nodeid: number;
  readonly isDirectory: boolean;
  /** Locks that were granted through it, to be taken again in the next graph. */
  locks: Flock[] | undefined;
  /** A switch could not open it again: what comes through it fails with this errno. */
  broken: number;
}

/** Handles by the number that the kernel has of them. */
export class HandleTable {
  private readonly handles: (Handle | undefined)[] = [undefined];
  private readonly free: number[] = [];

  add(fd: Fd, nodeid: number, isDirectory: boolean): Handle {
    const fh = this.free.pop() ?? this.handles.length;
    const handle: Handle = { fh, fd, nodeid, isDirectory, locks: undefined, broken: 0 };
    this.handles[fh] = handle;
    return handle;
  }

  get(fh: number): Handle | undefined {
    return this.handles[fh];
  }

  remove(fh: number): Handle | undefined {
    const handle = this.handles[fh];
    if (handle === undefined) return undefined;
    this.handles[fh] = undefined;
    this.free.push(fh);
    return handle;
  }

  *[Symbol.iterator](): Generator<Handle> {
    for (const handle of this.handles) if (handle !== undefined) yield handle;
  }
}

/** Takes note of a lock that was granted, or given up, so that a later graph can be asked for the same. */
export function noteLock(handle: Handle, lock: Flock): void {
  const end = lock.len === 0 ? Number.POSITIVE_INFINITY : lock.start + lock.len;
  const kept: Flock[] = [];
  for (const other of handle.locks ?? []) {
    const otherEnd = other.len === 0 ? Number.POSITIVE_INFINITY : other.start + other.len;
    if (other.owner !== lock.owner || otherEnd <= lock.start || other.start >= end) {
      kept.push(other);
      continue;
    }
    if (other.start < lock.start) kept.push({ ...other, len: lock.start - other.start });
    if (otherEnd > end) kept.push({ ...other, start: end, len: other.len === 0 ? 0 : otherEnd - end });
  }
  if (lock.type !== F_UNLCK) kept.push({ ...lock });
  handle.locks = kept.length === 0 ? undefined : kept;
}
