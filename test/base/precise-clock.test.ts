import { describe, expect, it } from 'vitest';
import { PreciseClock } from '../../src/base/precise-clock.ts';
import { nodeEnv } from '../../src/env/node.ts';

describe('a precise clock', () => {
  it('never differs from the wall clock by a millisecond, and goes up', () => {
    const clock = new PreciseClock(nodeEnv.clock);
    let last = 0;
    const times = new Set<number>();
    for (let i = 0; i < 20_000; i++) {
      const before = Date.now();
      const now = clock.now();
      const after = Date.now();
      expect(now >= before && now < after + 1).toBe(true);
      expect(now >= last).toBe(true);
      last = now;
      times.add(now);
    }
    // Far more than there were milliseconds.
    expect(times.size).toBeGreaterThan(5000);
  });

  it('tells times within a millisecond apart, and follows the wall clock when that is set', () => {
    let mono = 5000;
    let wall = 1_700_000_000_000.25;
    const clock = new PreciseClock({ now: () => Math.floor(wall), mono: () => mono });
    const pass = (ms: number): number => {
      mono += ms;
      wall += ms;
      return clock.now();
    };
    for (let i = 0; i < 100; i++) pass(0.4);
    const a = pass(0.1);
    const b = pass(0.1);
    expect(b - a).toBeCloseTo(0.1, 2);
    expect(Math.abs(b - wall)).toBeLessThan(0.5);
    wall -= 3_600_000;
    expect(Math.abs(pass(0.1) - wall)).toBeLessThan(1);
    wall += 7_200_000;
    expect(Math.abs(pass(0.1) - wall)).toBeLessThan(1);
  });
});
