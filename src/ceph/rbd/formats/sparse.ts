import { isZero } from '../../../base/zeros.ts';

/**
 * Where the run of data or of zeros ends that begins at `start`, in steps of `sparseSize` bytes (the last may be
 * shorter). 0 looks for no zeros.
 */
export function runEnd(data: Buffer, start: number, sparseSize: number): { end: number; zero: boolean } {
  const { length } = data;
  if (sparseSize === 0) return { end: length, zero: false };
  // What is all zeros is known as such in large steps.
  if (isZero(data, start, length)) return { end: length, zero: true };
  let end = Math.min(length, start + sparseSize);
  const zero = isZero(data, start, end);
  while (end < length) {
    const next = Math.min(length, end + sparseSize);
    if (isZero(data, end, next) !== zero) break;
    end = next;
  }
  return { end, zero };
}
