import { getVersion, type MonStore, MonTransaction } from './store.ts';

const PREFIX = 'paxos';

/**
 * The one order of all changes of the monitors' store. With a single monitor every proposal is accepted as soon as
 * its own store has it; agreement with others goes between `propose` and `apply`, and nothing outside sees of it.
 */
export class Paxos {
  readonly store: MonStore;
  private version: number;

  constructor(store: MonStore) {
    this.store = store;
    this.version = getVersion(store, PREFIX, 'last_committed');
  }

  get lastCommitted(): number {
    return this.version;
  }

  /** `committed` is called when the transaction is in the store, in the order of the proposals. */
  propose(tx: MonTransaction, committed: () => void): void {
    const version = ++this.version;
    const whole = new MonTransaction();
    whole.append(tx);
    whole.putVersion(PREFIX, 'last_committed', version);
    this.store.apply(whole, committed);
  }
}
