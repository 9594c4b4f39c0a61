import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';

/** MonCap (mon/MonCap.h) travels as its text; who grants by it parses that. */
export interface MonCap {
  readonly text: string;
}

// MonCap: struct v4 compat 4 {string text}.
export function encodeMonCap(e: Encoder, cap: MonCap): void {
  const mark = e.start(4, 4);
  e.str(cap.text);
  e.finish(mark);
}

export function decodeMonCap(d: Decoder): MonCap {
  const end = d.start('MonCap', 4);
  const cap = { text: d.str() };
  d.finish(end);
  return cap;
}
