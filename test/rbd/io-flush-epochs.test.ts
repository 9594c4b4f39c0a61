import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FlushEpoch, FlushEpochs } from '../../src/ceph/rbd/io/flush-epochs.ts';

describe('flushes and the writes before them', () => {
  it('calls back when, and only when, all writes entered before have left', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.nat())), steps => {
        const epochs = new FlushEpochs();
        const under: { id: number; epoch: FlushEpoch }[] = [];
        const flushes: { waitsFor: Set<number>; done: boolean }[] = [];
        let next = 0;
        const leave = (at: number) => {
          const [{ id, epoch }] = under.splice(at, 1);
          for (const { waitsFor } of flushes) waitsFor.delete(id);
          epochs.leave(epoch);
        };
        const check = () => {
          for (const { waitsFor, done } of flushes) expect(done).toBe(waitsFor.size === 0);
        };
        for (const [what, which] of steps) {
          if (what === 0) under.push({ id: next++, epoch: epochs.enter() });
          else if (what === 1 && under.length > 0) leave(which % under.length);
          else if (what === 2) {
            const flush = { waitsFor: new Set(under.map(({ id }) => id)), done: false };
            flushes.push(flush);
            epochs.wait(() => (flush.done = true));
          }
          check();
        }
        while (under.length > 0) {
          leave(0);
          check();
        }
      }),
    );
  });
});
