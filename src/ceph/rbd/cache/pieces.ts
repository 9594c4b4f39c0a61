/** Copies `length` bytes of a vector of pieces, from the offset `from` within it, to a place in `target`. */
export function copyPieces(
  pieces: readonly Uint8Array[],
  from: number,
  length: number,
  target: Uint8Array,
  at: number,
): void {
  if (from === 0 && pieces.length === 1 && pieces[0].length === length) {
    target.set(pieces[0], at);
    return;
  }
  let skip = from;
  let left = length;
  let to = at;
  for (let i = 0; left > 0; i++) {
    const piece = pieces[i];
    if (skip >= piece.length) {
      skip -= piece.length;
      continue;
    }
    const n = Math.min(left, piece.length - skip);
    target.set(skip === 0 && n === piece.length ? piece : piece.subarray(skip, skip + n), to);
    skip = 0;
    to += n;
    left -= n;
  }
}
