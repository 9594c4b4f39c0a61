const ZEROS = Buffer.alloc(64 << 10);

/** Whether bytes [start, end) are all zero. */
export function isZero(data: Buffer, start = 0, end = data.length): boolean {
  // Data that is not zero nearly always shows it at once.
  for (let i = start, near = Math.min(end, start + 16); i < near; i++) if (data[i] !== 0) return false;
  for (let at = start; at < end; at += ZEROS.length) {
    const to = Math.min(end, at + ZEROS.length);
    if (data.compare(ZEROS, 0, to - at, at, to) !== 0) return false;
  }
  return true;
}

/**
 * Where the run of data or of zeros ends that begins at `start`, in steps of `sparseSize` bytes (the last may be
 * shorter). 0 looks for no zeros.
 */
export function runEnd(data: Buffer, start: number, sparseSize: number): { end: number; zero: boolean } {
  const { length } = data;
  if (sparseSize === 0) return { end: length, zero: false };
  let end = Math.min(length, start + sparseSize);
  const zero = isZero(data, start, end);
  while (end < length) {
    const next = Math.min(length, end + sparseSize);
    if (isZero(data, end, next) !== zero) break;
    end = next;
  }
  return { end, zero };
}
