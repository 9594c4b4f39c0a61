import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/**
 * blkin_trace_info: s64 trace id, s64 span id, s64 parent span id. Zero unless the cluster was built with
 * blkin, so it is kept only to pass it on.
 */
const TRACE_INFO_BYTES = 24;

export function encodeTraceInfo(e: Encoder, info: Buffer | undefined): void {
  if (info === undefined) e.zeros(TRACE_INFO_BYTES);
  else e.bytes(info);
}

/** Undefined when all of it is zero. */
export function decodeTraceInfo(d: Decoder): Buffer | undefined {
  const at = d.offset;
  d.skip(TRACE_INFO_BYTES);
  const { buf } = d;
  for (let i = at; i < at + TRACE_INFO_BYTES; i++)
    if (buf[i] !== 0) return buf.subarray(at, at + TRACE_INFO_BYTES);
  return undefined;
}
