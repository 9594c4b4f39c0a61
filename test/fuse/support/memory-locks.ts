import { type FuseLock, type FuseRequest, LOCK } from '../../../src/fuse/index.ts';

interface Held {
  owner: string;
  fh: number;
  start: number;
  end: number;
  type: number;
  pid: number;
}

interface Waiting {
  readonly fh: number;
  readonly request: FuseRequest;
  readonly lock: FuseLock;
  readonly owner: string;
}

export function ownerOf(request: FuseRequest): string {
  return `${request.ownerHigh}:${request.ownerLow}`;
}

/** Byte-range locks of one inode, in POSIX's way; flock(2)'s are whole-file locks in a table of their own. */
export class LockTable {
  #held: Held[] = [];
  #waiting: Waiting[] = [];

  conflict(owner: string, lock: FuseLock): Held | undefined {
    return this.#held.find(
      h =>
        h.owner !== owner &&
        h.start <= lock.end &&
        lock.start <= h.end &&
        (h.type === LOCK.WRLCK || lock.type === LOCK.WRLCK),
    );
  }

  set(request: FuseRequest, fh: number, lock: FuseLock, wait: boolean): void {
    const owner = ownerOf(request);
    if (lock.type !== LOCK.UNLCK && this.conflict(owner, lock) !== undefined) {
      if (!wait) {
        request.error(11);
        return;
      }
      // A flock being converted is given up first, as the kernel does it.
      if (lock.flock) this.release(owner);
      const waiting = { fh, request, lock, owner };
      this.#waiting.push(waiting);
      request.onInterrupt(() => {
        const at = this.#waiting.indexOf(waiting);
        if (at < 0) return;
        this.#waiting.splice(at, 1);
        request.error(4);
      });
      return;
    }
    this.#put(owner, fh, lock);
    request.ok();
    this.#wake();
  }

  release(owner: string): void {
    if (!this.#held.some(h => h.owner === owner)) return;
    this.#held = this.#held.filter(h => h.owner !== owner);
    this.#wake();
  }

  /** Locks of an open file description (F_OFD_SETLK) go with it, and the kernel does not say so. */
  releaseHandle(fh: number): void {
    if (!this.#held.some(h => h.fh === fh)) return;
    this.#held = this.#held.filter(h => h.fh !== fh);
    this.#wake();
  }

  #put(owner: string, fh: number, lock: FuseLock): void {
    const kept: Held[] = [];
    for (const h of this.#held) {
      if (h.owner !== owner || h.end < lock.start || h.start > lock.end) {
        kept.push(h);
        continue;
      }
      if (h.start < lock.start) kept.push({ ...h, end: lock.start - 1 });
      if (h.end > lock.end) kept.push({ ...h, start: lock.end + 1 });
    }
    if (lock.type !== LOCK.UNLCK)
      kept.push({ owner, fh, start: lock.start, end: lock.end, type: lock.type, pid: lock.pid });
    this.#held = kept;
  }

  #wake(): void {
    for (let i = 0; i < this.#waiting.length; ) {
      const { request, fh, lock, owner } = this.#waiting[i];
      if (this.conflict(owner, lock) !== undefined) {
        i++;
        continue;
      }
      this.#waiting.splice(i, 1);
      this.#put(owner, fh, lock);
      request.ok();
    }
  }
}
