import type { Decoder } from '../../base/decoder.ts';

/**
 * A versioned struct (ENCODE_START: u8 version, u8 compat version, u32 length) as its bytes, head included: for
 * what is passed on, or decoded by few of those who get the message.
 */
export function decodeRawStruct(d: Decoder): Buffer {
  const at = d.offset;
  d.skip(2);
  const length = d.u32();
  d.skip(length);
  return d.buf.subarray(at, d.offset);
}
