import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFileName, encodeFileName, fileNameLength, writeFileName } from '../../src/base/file-name.ts';

function roundTrip(bytes: Buffer): void {
  const name = decodeFileName(bytes, 0, bytes.length);
  expect(encodeFileName(name)).toEqual(bytes);
  expect(fileNameLength(name)).toBe(bytes.length);
  const room = Buffer.alloc(bytes.length + 8, 0xaa);
  expect(writeFileName(room, name, 4)).toBe(bytes.length);
  expect(room.subarray(4, 4 + bytes.length)).toEqual(bytes);
}

test('any bytes survive the way to a string and back', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => roundTrip(Buffer.from(bytes))));
  // Bytes that are nearly UTF-8.
  const near = fc.array(
    fc.constantFrom(0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, 0xbd),
    {
      maxLength: 12,
    },
  );
  fc.assert(
    fc.property(near, bytes => roundTrip(Buffer.from(bytes))),
    { numRuns: 2000 },
  );
});

test('UTF-8 is what it always is, and the replacement character is itself', () => {
  for (const name of ['plain', 'grüße', '😀', '\ufffd', 'a\ufffdb', '']) {
    expect(encodeFileName(name)).toEqual(Buffer.from(name, 'utf8'));
    roundTrip(Buffer.from(name, 'utf8'));
  }
  expect(decodeFileName(Buffer.from([0x61, 0xff, 0x62]), 0, 3)).toBe('a\udcffb');
  // An encoded surrogate is not UTF-8: three odd bytes.
  expect(decodeFileName(Buffer.from([0xed, 0xb2, 0x80]), 0, 3)).toBe('\udced\udcb2\udc80');
});
