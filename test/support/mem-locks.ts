import { ERRNO } from '../../src/base/errno.ts';
import { FopError } from '../../src/gluster/graph/fop-error.ts';
import { F_GETLK, F_SETLKW, F_UNLCK, F_WRLCK, type Flock } from '../../src/gluster/types/fs.ts';

interface Held {
  type: number;
  start: number;
  /** Past the last byte; Infinity to the end of the file. */
  end: number;
  owner: string;
  client: object;
  pid: number;
}

interface Waiter {
  readonly want: Held;
  readonly grant: () => void;
  readonly fail: (error: FopError) => void;
}

function conflicts(a: Held, b: Held): boolean {
  if (a.client === b.client && a.owner === b.owner) return false;
  return (a.type === F_WRLCK || b.type === F_WRLCK) && a.start < b.end && b.start < a.end;
}

/**
 * Locks on ranges of a file, in one domain. With `merge` as POSIX has them for `lk` (an owner's locks merge and split); without it as
 * inodelk has them (each is unlocked as it was taken).
 */
export class RangeLocks {
  readonly held: Held[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #merge: boolean;

  constructor(merge: boolean) {
    this.#merge = merge;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  /** `onWait` gets a function that gives up waiting, if it comes to that. */
  lock(client: object, cmd: number, flock: Flock, onWait: (cancel: () => void) => void): Promise<Flock> {
    const end = flock.len === 0 ? Number.POSITIVE_INFINITY : flock.start + flock.len;
    const { type, start, owner, pid } = flock;
    const want: Held = { type, start, end, owner, client, pid };
    if (cmd === F_GETLK) {
      const other = this.held.find(each => conflicts(each, want));
      if (other === undefined) return Promise.resolve({ ...flock, type: F_UNLCK });
      const len = other.end === Number.POSITIVE_INFINITY ? 0 : other.end - other.start;
      return Promise.resolve({ ...flock, type: other.type, start: other.start, len, pid: other.pid });
    }
    if (type === F_UNLCK) {
      if (!this.#unlock(want)) return Promise.reject(new FopError(ERRNO['EINVAL']));
      this.#wake();
      return Promise.resolve(flock);
    }
    if (!this.held.some(each => conflicts(each, want))) {
      this.#take(want);
      return Promise.resolve(flock);
    }
    if (cmd !== F_SETLKW) return Promise.reject(new FopError(ERRNO['EAGAIN']));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { want, grant: () => resolve(flock), fail: reject };
      this.#waiters.push(waiter);
      onWait(() => this.#giveUp(waiter, 'EINTR'));
    });
  }

  /** Drops what a client (or one owner of it) holds and waits for. */
  drop(client: object, owner?: string): void {
    for (let i = this.held.length - 1; i >= 0; i--) {
      const each = this.held[i];
      if (each.client === client && (owner === undefined || each.owner === owner)) this.held.splice(i, 1);
    }
    for (const waiter of [...this.#waiters]) {
      const { want } = waiter;
      if (want.client === client && (owner === undefined || want.owner === owner))
        this.#giveUp(waiter, 'ENOTCONN');
    }
    this.#wake();
  }

  #giveUp(waiter: Waiter, code: string): void {
    const at = this.#waiters.indexOf(waiter);
    if (at < 0) return;
    this.#waiters.splice(at, 1);
    waiter.fail(new FopError(ERRNO[code]));
  }

  #wake(): void {
    for (let i = 0; i < this.#waiters.length; ) {
      const waiter = this.#waiters[i];
      if (this.held.some(each => conflicts(each, waiter.want))) {
        i++;
        continue;
      }
      this.#waiters.splice(i, 1);
      this.#take(waiter.want);
      waiter.grant();
    }
  }

  #take(want: Held): void {
    if (this.#merge) this.#unlock(want);
    this.held.push(want);
  }

  #unlock(want: Held): boolean {
    const mine = (each: Held): boolean => each.client === want.client && each.owner === want.owner;
    if (!this.#merge) {
      const at = this.held.findIndex(e => mine(e) && e.start === want.start && e.end === want.end);
      if (at < 0) return false;
      this.held.splice(at, 1);
      return true;
    }
    for (const each of this.held.filter(e => mine(e) && e.start < want.end && want.start < e.end)) {
      this.held.splice(this.held.indexOf(each), 1);
      if (each.start < want.start) this.held.push({ ...each, end: want.start });
      if (each.end > want.end) this.held.push({ ...each, start: want.end });
    }
    return true;
  }
}

/** The owner's share of a domain of `EntryLocks`: on one name, or on all of a directory. */
interface HeldEntry {
  readonly name: string | undefined;
  readonly exclusive: boolean;
  readonly owner: string;
  readonly client: object;
}

/** Locks on names of a directory, in one domain (entrylk). No name: all of it. */
export class EntryLocks {
  readonly held: HeldEntry[] = [];
  readonly #waiters: { want: HeldEntry; grant: () => void; fail: (error: FopError) => void }[] = [];

  lock(want: HeldEntry, wait: boolean, onWait: (cancel: () => void) => void): Promise<void> {
    if (!this.#blocked(want)) {
      this.held.push(want);
      return Promise.resolve();
    }
    if (!wait) return Promise.reject(new FopError(ERRNO['EAGAIN']));
    return new Promise((grant, fail) => {
      const waiter = { want, grant, fail };
      this.#waiters.push(waiter);
      onWait(() => {
        const at = this.#waiters.indexOf(waiter);
        if (at < 0) return;
        this.#waiters.splice(at, 1);
        fail(new FopError(ERRNO['EINTR']));
      });
    });
  }

  unlock(client: object, owner: string, name: string | undefined): Promise<void> {
    const at = this.held.findIndex(e => e.client === client && e.owner === owner && e.name === name);
    if (at < 0) return Promise.reject(new FopError(ERRNO['EINVAL']));
    this.held.splice(at, 1);
    this.#wake();
    return Promise.resolve();
  }

  drop(client: object): void {
    for (let i = this.held.length - 1; i >= 0; i--)
      if (this.held[i].client === client) this.held.splice(i, 1);
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      const waiter = this.#waiters[i];
      if (waiter.want.client !== client) continue;
      this.#waiters.splice(i, 1);
      waiter.fail(new FopError(ERRNO['ENOTCONN']));
    }
    this.#wake();
  }

  #blocked(want: HeldEntry): boolean {
    return this.held.some(
      e =>
        (e.client !== want.client || e.owner !== want.owner) &&
        (e.exclusive || want.exclusive) &&
        (e.name === undefined || want.name === undefined || e.name === want.name),
    );
  }

  #wake(): void {
    for (let i = 0; i < this.#waiters.length; ) {
      const waiter = this.#waiters[i];
      if (this.#blocked(waiter.want)) {
        i++;
        continue;
      }
      this.#waiters.splice(i, 1);
      this.held.push(waiter.want);
      waiter.grant();
    }
  }
}
