import { formatFixed } from '../../base/printf.ts';

/** A 16.16 weight as a float: through 32 bits of precision, as Ceph converts it. */
export function weightToFloat(weight: number): number {
  return Math.fround(weight) / 0x10000;
}

/** weightf_t of `ceph osd tree` and `crushtool --tree`: five decimals, a bare 0 for next to nothing. */
export function weightText(weight: number): string {
  if (weight < -0.01) return '-';
  return weight < 0.000001 ? '0' : formatFixed(weight, 5);
}
