import { expect, it } from 'vitest';
import { xxhash32, xxhash64 } from '../../src/ceph/osd/ops/xxhash.ts';

// Published values: the specification's for nothing and 'a', python-xxhash's documentation for the sentence.
it.each([
  ['', 0x02cc5d05, 0xef46db3751d8e999n],
  ['a', 0x550d7456, 0xd24ec4f1a98c6e5bn],
  ['Nobody inspects the spammish repetition', 0xe2293b2f, 0xfbcea83c8a378bf1n],
])('xxHash of %j', (text, narrow, wide) => {
  expect(xxhash32(Buffer.from(text), 0)).toBe(narrow);
  expect(xxhash64(Buffer.from(text), 0n)).toBe(wide);
  const framed = Buffer.from(`..${text}!`);
  expect(xxhash64(framed, 0n, 2, framed.length - 1)).toBe(wide);
});
