import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { decodeList, encodeList } from '../types/collections.ts';
import { decodeUTime, encodeUTime, type UTime, utimeFromMs } from '../types/utime.ts';
import { PaxosService } from './paxos-service.ts';
import type { MonTransaction } from './store.ts';

/** Where the values of options are, by SECTION/NAME; their versions are under the name of the service. */
const VALUES = 'config';

/** One option of one section. */
export interface ConfigValue {
  /** 'global', 'osd', 'osd.3'. */
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

export interface ConfigChange {
  readonly key: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** One version of the options: who changed what. */
export interface ConfigChanges {
  readonly version: number;
  readonly stamp: UTime;
  readonly name: string;
  readonly changes: readonly ConfigChange[];
}

// A version: utime_t stamp, str name, list of (str key, bool, str before, bool, str after).
function encodeChanges(c: ConfigChanges): Buffer {
  return encodeToBuffer(e => {
    encodeUTime(e, c.stamp);
    e.str(c.name);
    encodeList(e, c.changes, (inner, { key, before, after }) => {
      inner.str(key);
      inner.bool(before !== undefined);
      inner.str(before ?? '');
      inner.bool(after !== undefined);
      inner.str(after ?? '');
    });
  });
}

function decodeChanges(bytes: Buffer, version: number): ConfigChanges {
  const d = new Decoder(bytes, 'ConfigChanges');
  const stamp = decodeUTime(d);
  const name = d.str();
  const changes = decodeList(d, 14, inner => {
    const key = inner.str();
    const hadBefore = inner.bool();
    const before = inner.str();
    const hasAfter = inner.bool();
    const after = inner.str();
    return { key, before: hadBefore ? before : undefined, after: hasAfter ? after : undefined };
  });
  return { version, stamp, name, changes };
}

/** Options that the monitors keep for everyone (mon/ConfigMonitor.h). */
export class ConfigMonitor extends PaxosService {
  /** By 'SECTION/NAME'. */
  private values = new Map<string, string>();
  private readonly pending = new Map<string, string | undefined>();
  /** Options changed. */
  onChange: () => void = () => {};

  protected override createInitial(tx: MonTransaction): void {
    tx.put(this.name, 1, encodeChanges({ version: 1, stamp: { sec: 0, nsec: 0 }, name: '', changes: [] }));
  }

  protected override load(): void {
    this.values = new Map(
      this.store.keys(VALUES).map(key => [key, this.store.get(VALUES, key)!.toString('utf8')]),
    );
  }

  protected override encodePending(tx: MonTransaction, version: number): (() => void) | undefined {
    const next = new Map(this.values);
    const changes: ConfigChange[] = [];
    for (const [key, after] of this.pending) {
      const before = this.values.get(key);
      if (before === after) continue;
      changes.push({ key, before, after });
      if (after === undefined) {
        next.delete(key);
        tx.erase(VALUES, key);
      } else {
        next.set(key, after);
        tx.put(VALUES, key, Buffer.from(after, 'utf8'));
      }
    }
    this.pending.clear();
    if (changes.length === 0) return undefined;
    tx.put(
      this.name,
      version,
      encodeChanges({ version, stamp: utimeFromMs(this.env.clock.now()), name: '', changes }),
    );
    return () => {
      this.values = next;
    };
  }

  protected override committed(): void {
    this.onChange();
  }

  set(section: string, name: string, value: string | undefined): void {
    this.pending.set(`${section}/${name}`, value);
  }

  /** All, by section (global first), then by name. */
  all(): ConfigValue[] {
    const order = (section: string) => (section === 'global' ? '' : section);
    return [...this.values]
      .map(([key, value]) => {
        const cut = key.lastIndexOf('/');
        return { section: key.slice(0, cut), name: key.slice(cut + 1), value };
      })
      .sort((a, b) => {
        const [x, y] = [order(a.section), order(b.section)];
        return x !== y ? (x < y ? -1 : 1) : a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
      });
  }

  /** What holds for an entity ('osd.3'): the more special section beats the more general one. */
  forEntity(entity: string): Map<string, ConfigValue> {
    const type = entity.split('.')[0];
    const found = new Map<string, ConfigValue>();
    for (const section of ['global', type, entity])
      for (const each of this.all()) if (each.section === section) found.set(each.name, each);
    return found;
  }

  history(n: number): ConfigChanges[] {
    const out: ConfigChanges[] = [];
    for (let v = this.lastCommitted; v > 0 && out.length < n; v--) {
      const bytes = this.store.get(this.name, v);
      if (bytes !== undefined) out.push(decodeChanges(bytes, v));
    }
    return out;
  }
}
