import type { ReadAnswer } from '../../../graph/fops.ts';

/** Takes the bytes of one read out of pages that follow each other; no byte is copied. */
export function assemble(
  pages: readonly ReadAnswer[],
  first: number,
  offset: number,
  size: number,
  pageSize: number,
): ReadAnswer {
  const data: Buffer[] = [];
  let at = offset;
  const end = offset + size;
  let last = pages[0];
  for (let i = 0; i < pages.length && at < end; i++) {
    last = pages[i];
    let start = first + i * pageSize;
    for (const piece of last.data) {
      const from = at - start;
      start += piece.length;
      if (from >= piece.length) continue;
      const to = Math.min(piece.length, from + end - at);
      data.push(from === 0 && to === piece.length ? piece : piece.subarray(from, to));
      at += to - from;
      if (at >= end) break;
    }
    if (last.length < pageSize) break;
  }
  const ended = at < end || (last.eof && at >= first + (pages.length - 1) * pageSize + last.length);
  return { data, length: at - offset, eof: ended, stat: last.stat };
}
