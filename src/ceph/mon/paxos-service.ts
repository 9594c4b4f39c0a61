import type { Env } from '../../env/env.ts';
import type { Paxos } from './paxos.ts';
import { getVersion, type MonStore, MonTransaction } from './store.ts';

/** What every service of a monitor stands on. */
export interface ServiceBase {
  readonly env: Env;
  readonly paxos: Paxos;
}

/**
 * One map or database of the monitors (mon/PaxosService.h): its versions are in the store under the service's
 * name, changes gather in a pending version, which is proposed once what runs now has said all that it wants
 * changed.
 */
export abstract class PaxosService {
  /** Prefix in the store: 'osdmap'. */
  readonly name: string;
  protected readonly env: Env;
  protected readonly paxos: Paxos;
  private first = 0;
  private last = 0;
  private scheduled = false;
  private proposing = false;
  private waiting: (() => void)[] = [];

  constructor(name: string, base: ServiceBase) {
    this.name = name;
    this.env = base.env;
    this.paxos = base.paxos;
  }

  protected get store(): MonStore {
    return this.paxos.store;
  }

  get firstCommitted(): number {
    return this.first;
  }

  get lastCommitted(): number {
    return this.last;
  }

  /** Reads what the store has; when it has nothing, makes the first version. */
  start(): void {
    this.first = getVersion(this.store, this.name, 'first_committed');
    this.last = getVersion(this.store, this.name, 'last_committed');
    if (this.last > 0) {
      this.load();
      return;
    }
    const tx = new MonTransaction();
    this.createInitial(tx);
    this.first = 1;
    this.last = 1;
    this.putVersions(tx);
    this.paxos.propose(tx, () => {});
  }

  private putVersions(tx: MonTransaction): void {
    tx.putVersion(this.name, 'first_committed', this.first);
    tx.putVersion(this.name, 'last_committed', this.last);
  }

  /** Takes over the last version of the store. */
  protected abstract load(): void;
  /** Writes version 1 and takes it over. */
  protected abstract createInitial(tx: MonTransaction): void;
  /**
   * Writes what is pending as the next version and returns how to take it over once it is committed; undefined when
   * there is nothing to change.
   */
  protected abstract encodePending(tx: MonTransaction, version: number): (() => void) | undefined;
  /** A version was committed and taken over. */
  protected committed(): void {}

  /** Proposes what is pending soon; `done` is called once it is committed (at once when it comes to nothing). */
  propose(done?: () => void): void {
    if (done !== undefined) this.waiting.push(done);
    if (this.scheduled || this.proposing) {
      this.scheduled = true;
      return;
    }
    this.scheduled = true;
    this.env.timers.immediate(this.run);
  }

  private readonly run = (): void => {
    if (this.proposing) return;
    this.scheduled = false;
    const waiting = this.waiting;
    this.waiting = [];
    const tx = new MonTransaction();
    const version = this.last + 1;
    const takeOver = this.encodePending(tx, version);
    if (takeOver === undefined) {
      for (const done of waiting) done();
      return;
    }
    this.last = version;
    this.putVersions(tx);
    this.proposing = true;
    this.paxos.propose(tx, () => {
      this.proposing = false;
      takeOver();
      this.committed();
      for (const done of waiting) done();
      if (this.scheduled || this.waiting.length > 0) {
        this.scheduled = true;
        this.env.timers.immediate(this.run);
      }
    });
  };

  /** Forgets versions before `first`; what they were stored under is erased by `erase`. */
  protected trimTo(first: number, tx: MonTransaction, erase: (version: number) => void): void {
    for (let v = this.first; v < first; v++) erase(v);
    if (first > this.first) {
      this.first = first;
      tx.putVersion(this.name, 'first_committed', first);
    }
  }
}
