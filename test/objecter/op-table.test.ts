import { describe, expect, it } from 'vitest';
import { Op } from '../../src/ceph/objecter/op.ts';
import { OpTable } from '../../src/ceph/objecter/op-table.ts';
import { makeLocator } from '../../src/ceph/types/object-locator.ts';
import { prng } from '../support/fuzz.ts';

function opOf(tid: number): Op {
  const op = new Op('object', makeLocator(1, '', ''), 0, [], { opFinished() {} });
  op.tid = tid;
  return op;
}

describe('the table of a session', () => {
  it.each([4, 40, 4000])('holds what a Map holds, with about %i ops at a time', many => {
    const random = prng(many);
    const table = new OpTable();
    const model = new Map<number, Op>();
    // Past 2^32 too: tids are counted for the life of a client.
    let tid = 2 ** 32 - 5000;
    for (let step = 0; step < 20_000; step++) {
      if (random() % (2 * many) >= model.size) {
        // A session sees some of the tids that its client gives out.
        tid += 1 + (random() % 5);
        const op = opOf(tid);
        table.add(op);
        table.add(op);
        model.set(tid, op);
      } else {
        const keys = [...model.keys()];
        const gone = keys[random() % keys.length];
        table.delete(gone);
        table.delete(gone);
        model.delete(gone);
        expect(table.get(gone)).toBe(undefined);
      }
      expect(table.size).toBe(model.size);
      const probe = tid - (random() % (4 * many));
      expect(table.get(probe)).toBe(model.get(probe));
    }
    expect(table.values()).toEqual([...model.values()].sort((a, b) => a.tid - b.tid));
    for (const op of model.values()) expect(table.get(op.tid)).toBe(op);
    table.clear();
    expect(table.size).toBe(0);
    expect(table.values()).toEqual([]);
  });
});
