import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import {
  MON_DB_ERASE,
  MON_DB_ERASE_RANGE,
  MON_DB_PUT,
  type MonDbOp,
  monDbTransaction,
} from '../types/mon-types.ts';

const NOTHING = Buffer.alloc(0);

/** Changes of a monitor's store that are applied together (MonitorDBStore::Transaction). */
export class MonTransaction {
  readonly ops: MonDbOp[] = [];
  private size = 0;

  get isEmpty(): boolean {
    return this.ops.length === 0;
  }

  /** Bytes of keys and values. */
  get bytes(): number {
    return this.size;
  }

  private add(type: number, prefix: string, key: string, bl: Buffer, endkey: string): void {
    this.ops.push({ type, prefix, key, bl, endkey });
    this.size += prefix.length + key.length + bl.length;
  }

  put(prefix: string, key: string | number, value: Buffer): void {
    this.add(MON_DB_PUT, prefix, String(key), value, '');
  }

  /** A number as Ceph keeps versions: u64. */
  putVersion(prefix: string, key: string, version: number): void {
    this.put(
      prefix,
      key,
      encodeToBuffer(e => e.u64(version)),
    );
  }

  erase(prefix: string, key: string | number): void {
    this.add(MON_DB_ERASE, prefix, String(key), NOTHING, '');
  }

  /** Keys from `first` to before `end`. */
  eraseRange(prefix: string, first: string, end: string): void {
    this.add(MON_DB_ERASE_RANGE, prefix, first, NOTHING, end);
  }

  append(other: MonTransaction): void {
    for (const op of other.ops) this.add(op.type, op.prefix, op.key, op.bl as Buffer, op.endkey);
  }

  /** What monitors send each other and keep in their log. */
  encode(): Buffer {
    return encodeToBuffer(e =>
      monDbTransaction.encode(e, { ops: this.ops, keys: this.ops.length, bytes: this.size }),
    );
  }

  /** @throws DecodeError */
  static decode(bytes: Buffer): MonTransaction {
    const tx = new MonTransaction();
    const { ops } = monDbTransaction.decode(new Decoder(bytes, 'MonitorDBStore::Transaction'));
    for (const op of ops) tx.add(op.type, op.prefix, op.key, op.bl as Buffer, op.endkey);
    return tx;
  }
}

/**
 * Where a monitor keeps everything that must outlive it: values by prefix (one a service) and key
 * (mon/MonitorDBStore.h).
 */
export interface MonStore extends AsyncDisposable {
  get(prefix: string, key: string | number): Buffer | undefined;
  /** Keys of a prefix in the order of their bytes. */
  keys(prefix: string): string[];
  /** Applies all or nothing; `done` is called once it is durable, in the order of the calls. */
  apply(tx: MonTransaction, done: () => void): void;
  close(): Promise<void>;
}

/** A u64 as putVersion writes it; 0 when there is none. */
export function getVersion(store: MonStore, prefix: string, key: string): number {
  const bytes = store.get(prefix, key);
  return bytes === undefined ? 0 : new Decoder(bytes, `${prefix}/${key}`).u64();
}

/** A store that is gone with its process. */
export class MemMonStore implements MonStore {
  private readonly prefixes = new Map<string, Map<string, Buffer>>();

  get(prefix: string, key: string | number): Buffer | undefined {
    return this.prefixes.get(prefix)?.get(String(key));
  }

  keys(prefix: string): string[] {
    return [...(this.prefixes.get(prefix)?.keys() ?? [])].sort((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
  }

  apply(tx: MonTransaction, done: () => void): void {
    for (const { type, prefix, key, bl, endkey } of tx.ops) {
      let values = this.prefixes.get(prefix);
      if (values === undefined) this.prefixes.set(prefix, (values = new Map()));
      if (type === MON_DB_PUT) values.set(key, bl as Buffer);
      else if (type === MON_DB_ERASE) values.delete(key);
      else if (type === MON_DB_ERASE_RANGE)
        for (const known of [...values.keys()]) if (known >= key && known < endkey) values.delete(known);
    }
    done();
  }

  async close(): Promise<void> {
    this.prefixes.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
