import { describe, expect, it } from 'vitest';
import { IdTable } from '../../src/base/id-table.ts';
import { prng } from '../support/fuzz.ts';

describe('a table of what is under way', () => {
  it.each([4, 40, 4000])('holds what a Map holds, with about %i entries at a time', many => {
    const random = prng(many);
    const table = new IdTable<{ id: number }>();
    const model = new Map<number, { id: number }>();
    // Past 2^32 too: ids are counted for the life of a client.
    let id = 2 ** 32 - 5000;
    for (let step = 0; step < 20_000; step++) {
      if (random() % (2 * many) >= model.size) {
        // A session sees some of the ids that its client gives out.
        id += 1 + (random() % 5);
        const entry = { id };
        table.set(id, { id });
        table.set(id, entry);
        model.set(id, entry);
      } else {
        const keys = [...model.keys()];
        const gone = keys[random() % keys.length];
        table.delete(gone);
        table.delete(gone);
        model.delete(gone);
        expect(table.get(gone)).toBe(undefined);
      }
      expect(table.size).toBe(model.size);
      const probe = id - (random() % (4 * many));
      expect(table.get(probe)).toBe(model.get(probe));
    }
    const all = [...model.values()].sort((a, b) => a.id - b.id);
    expect(table.values()).toHaveLength(all.length);
    table.values().forEach((entry, i) => {
      expect(entry).toBe(all[i]);
    });
    for (const entry of all) expect(table.get(entry.id)).toBe(entry);
    table.clear();
    expect(table.size).toBe(0);
    expect(table.values()).toEqual([]);
  });
});
