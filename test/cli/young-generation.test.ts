import { getHeapSpaceStatistics } from 'node:v8';
import { expect, it } from 'vitest';
import { settleYoungGeneration } from '../../src/cli/gluster/young-generation.ts';

const MIB = 1 << 20;

function youngSpace() {
  return getHeapSpaceStatistics().find(space => space.space_name === 'new_space')!;
}

it('the young generation is brought to its size and stays there, whatever is made and kept', () => {
  settleYoungGeneration();
  const { space_used_size, space_available_size } = youngSpace();
  const half = (space_used_size + space_available_size) / MIB;
  expect(half).toBeGreaterThan(3);
  let largest = 0;
  for (let round = 0; round < 5; round++) {
    const kept: object[] = [];
    for (let i = 0; i < 200_000; i++) {
      kept.push({ i, text: [i] });
      if (i % 20_000 === 0) largest = Math.max(largest, youngSpace().space_size);
    }
    expect(kept.length).toBe(200_000);
  }
  // Two halves, and what a collection is just moving.
  expect(largest / MIB).toBeLessThan(Math.max(half, 4) * 3 + 1);
});
