import type { Cookie, ReplyStream } from './reply-stream.ts';

/** Holes smaller than this go as zeros: a chunk of their own saves nothing. */
const LEAST_HOLE = 4096;

/** A reply becomes one piece of data when it would have more chunks than this. */
const MOST_CHUNKS = 64;

/** A read, as its client knows it. */
interface ReadRequest extends Cookie {
  readonly offset: number;
  readonly length: number;
}

/**
 * Joins what has less than LEAST_HOLE between it, and drops what is empty: pairs of offset and length. Undefined when
 * that leaves more than a reply should have.
 */
function joined(extents: readonly number[], length: number): number[] | undefined {
  const out: number[] = [];
  for (let i = 0; i < extents.length; i += 2) {
    const at = extents[i];
    const bytes = Math.min(extents[i + 1], length - at);
    if (bytes <= 0) continue;
    const last = out.length - 2;
    const end = last < 0 ? 0 : out[last] + out[last + 1];
    if (at - end < LEAST_HOLE) {
      if (last < 0) out.push(0, at + bytes);
      else out[last + 1] = at + bytes - out[last];
    } else out.push(at, bytes);
    if (out.length > MOST_CHUNKS) return undefined;
  }
  const last = out.length - 2;
  if (last >= 0 && length - out[last] - out[last + 1] < LEAST_HOLE) out[last + 1] = length - out[last];
  return out;
}

/** Answers a read with what was read; `extents`: where there was data, if that is known. */
export function sendRead(
  replies: ReplyStream,
  request: ReadRequest,
  data: Buffer,
  extents: readonly number[] | undefined,
  structured: boolean,
): void {
  if (!structured) {
    replies.simpleData(request, data);
    return;
  }
  const { offset, length } = request;
  const parts = extents === undefined ? undefined : joined(extents, length);
  if (parts === undefined) {
    replies.data(request, offset, data, true);
    return;
  }
  let at = 0;
  for (let i = 0; i < parts.length; i += 2) {
    const from = parts[i];
    const to = from + parts[i + 1];
    if (from > at) replies.hole(request, offset + at, from - at, false);
    replies.data(request, offset + from, data.subarray(from, to), to === length);
    at = to;
  }
  if (at < length) replies.hole(request, offset + at, length - at, true);
}
