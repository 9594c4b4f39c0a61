import { F_UNLCK, type Flock } from '../../../types/fs.ts';
import type { Gfid } from '../../../types/gfid.ts';

/** A lock that the brick has granted, and whose it is. */
export interface HeldLock {
  readonly flock: Flock;
  readonly pid: number;
}

const END = Number.MAX_SAFE_INTEGER;

function endOf(flock: Flock): number {
  return flock.len === 0 ? END : flock.start + flock.len;
}

/** What the client knows of an fd that is open on its brick (`clnt_fd_ctx_t`). */
export class FdContext {
  readonly gfid: Gfid;
  readonly flags: number;
  readonly isDirectory: boolean;
  /** The brick's number; -1: it has been lost with the connection. */
  remoteFd: number;
  reopening = false;
  released = false;
  /** Operations that went by gfid since the fd was lost. */
  reopenAttempts = 0;
  locks: HeldLock[] = [];
  /** Calls under way that name the brick's number. */
  private calls = 0;
  private whenIdle: (() => void) | undefined = undefined;

  constructor(gfid: Gfid, remoteFd: number, flags: number, isDirectory: boolean) {
    this.gfid = gfid;
    this.remoteFd = remoteFd;
    this.flags = flags;
    this.isDirectory = isDirectory;
  }

  called(): void {
    this.calls++;
  }

  answered(): void {
    if (--this.calls > 0 || this.whenIdle === undefined) return;
    const release = this.whenIdle;
    this.whenIdle = undefined;
    release();
  }

  /**
   * Runs `release` when no call is under way. A brick does not keep to the order of what it is sent: it would do a call after the release,
   * on whatever has the number by then.
   */
  idle(release: () => void): void {
    if (this.calls === 0) release();
    else this.whenIdle = release;
  }

  /** Takes note of what the brick has granted: replaces what the same owner held in that range. */
  granted(flock: Flock, pid: number): void {
    const from = flock.start;
    const to = endOf(flock);
    const kept: HeldLock[] = [];
    for (const held of this.locks) {
      const other = held.flock;
      const otherEnd = endOf(other);
      if (other.owner !== flock.owner || otherEnd <= from || other.start >= to) {
        kept.push(held);
        continue;
      }
      if (other.start < from) kept.push({ pid: held.pid, flock: { ...other, len: from - other.start } });
      if (otherEnd > to)
        kept.push({
          pid: held.pid,
          flock: { ...other, start: to, len: otherEnd === END ? 0 : otherEnd - to },
        });
    }
    if (flock.type !== F_UNLCK) kept.push({ pid, flock: { ...flock } });
    this.locks = kept;
  }

  /** All locks of an owner are gone, as at its flush. */
  ownerGone(owner: string): void {
    if (this.locks.length > 0) this.locks = this.locks.filter(held => held.flock.owner !== owner);
  }
}
