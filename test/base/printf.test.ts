import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatFixed, formatGeneral } from '../../src/base/printf.ts';

/** What C's printf says, by way of Python, whose % operator is that. */
const PRINTF = `
import json, sys
for line in sys.stdin:
    value, spec = json.loads(line)
    print(spec % float(value))
`;
const havePython = spawnSync('python3', ['--version']).status === 0;

function printf(cases: readonly (readonly [number, string])[]): string[] {
  const input = cases
    .map(([value, spec]) => JSON.stringify([Object.is(value, -0) ? '-0' : String(value), spec]))
    .join('\n');
  const { stdout } = spawnSync('python3', ['-c', PRINTF], { input });
  return stdout.toString().trimEnd().split('\n');
}

/** Doubles of every size, and exact halves, where rounding to even shows. */
const values = fc.sample(
  fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 }).map(n => n / 2 ** 16),
    fc.integer({ min: -9999, max: 9999 }).map(n => n / 8),
    fc.constantFrom(0, -0, 0.5, 1.5, 2.5, 1e-5, 123456789, 100000),
  ),
  { numRuns: 2000, seed: 7 },
);

describe.skipIf(!havePython)('numbers as C prints them', () => {
  it.each([1, 3, 6, 17])('%%.%ig', digits => {
    const expected = printf(values.map(value => [value, `%.${digits}g`]));
    expect(values.map(value => formatGeneral(value, digits))).toEqual(expected);
  });

  it.each([0, 2, 5])('%%.%if', decimals => {
    const expected = printf(values.map(value => [value, `%.${decimals}f`]));
    expect(values.map(value => formatFixed(value, decimals))).toEqual(expected);
  });
});

describe('formatGeneral', () => {
  it('keeps every float with 17 digits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        expect(Number(formatGeneral(value, 17))).toBe(value);
      }),
    );
  });

  it('prints what is no number', () => {
    expect([Number.NaN, 1 / 0, -1 / 0].map(value => formatGeneral(value))).toEqual(['nan', 'inf', '-inf']);
  });
});
