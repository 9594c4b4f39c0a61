import { expect } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { DecodeError } from '../../src/base/errors.ts';

/** A small deterministic generator (xorshift32), so that a failing case can be run again. */
export function prng(seed: number): () => number {
  let s = seed | 0 || 1;
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    return s >>> 0;
  };
}

/** What one decoder does with one input: a value or a DecodeError; anything else fails the test. */
function attempt(decode: (d: Decoder) => unknown, input: Buffer, what: string): void {
  try {
    decode(new Decoder(input));
  } catch (error) {
    if (!(error instanceof DecodeError))
      throw new Error(
        `${what}: ${input.length} bytes ${input.toString('hex').slice(0, 400)}: ${String(error)}`,
        {
          cause: error,
        },
      );
  }
}

/**
 * Feeds a decoder truncations of the samples, samples with bytes changed and with 32-bit fields replaced by
 * large lengths, and random bytes. Each must end in a value or a DecodeError, with bounded memory.
 */
export function fuzzDecoder(
  name: string,
  decode: (d: Decoder) => unknown,
  samples: readonly Uint8Array[],
  cases = 400,
  seed = 1,
): void {
  const next = prng(seed);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < cases; i++) {
    const kind = samples.length === 0 ? 3 : i % 4;
    let input: Buffer;
    if (kind === 3) {
      input = Buffer.alloc(next() % 200);
      for (let k = 0; k < input.length; k++) input[k] = next();
    } else {
      const sample = samples[next() % samples.length];
      input = Buffer.from(sample);
      if (kind === 0) input = input.subarray(0, next() % (input.length + 1));
      else if (kind === 1)
        for (let k = 0; k < 4 && input.length > 0; k++) input[next() % input.length] = next();
      else if (input.length >= 4)
        input.writeUInt32LE((next() | 0x7f000000) >>> 0, next() % (input.length - 3));
    }
    attempt(decode, input, `${name} case ${i}`);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * 1024 * 1024);
}
