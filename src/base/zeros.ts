/** What zeros are compared with, and what stands for a stretch of them. Nobody writes to it. */
const ZEROS = Buffer.alloc(4 << 20);
/** Bytes compared at a time: both sides stay in the nearest caches. */
const STEP = 64 << 10;

/** A view of bytes that are all zero, not to be written to; `length` up to 4 MiB. `isZero` knows it without a look. */
export function zeros(length: number): Buffer {
  if (length > ZEROS.length) throw new RangeError(`zeros of ${length} bytes; there are ${ZEROS.length}`);
  return ZEROS.subarray(0, length);
}

/** Whether bytes [start, end) are all zero. */
export function isZero(data: Buffer, start = 0, end = data.length): boolean {
  if (data.buffer === ZEROS.buffer) return true;
  // Data that is not zero nearly always shows it at once.
  for (let i = start, near = Math.min(end, start + 16); i < near; i++) if (data[i] !== 0) return false;
  for (let at = start; at < end; at += STEP) {
    const to = Math.min(end, at + STEP);
    if (data.compare(ZEROS, 0, to - at, at, to) !== 0) return false;
  }
  return true;
}
