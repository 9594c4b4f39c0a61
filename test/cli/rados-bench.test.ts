import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import {
  encodeMetadata,
  makeContents,
  numberContents,
  objectPrefix,
  objectsOf,
} from '../../src/cli/rados/bench-data.ts';

/** snprintf(buffer, size, "I'm the %16dth op!", n) into a buffer of 'z'. */
function printed(size: number, n: number): Buffer {
  const expected = Buffer.alloc(size, 'z');
  const text = `I'm the ${String(n).padStart(16)}th op!`.slice(0, size - 1);
  expected.write(`${text}\0`, 'latin1');
  return expected;
}

describe('contents of benchmark objects', () => {
  it.each([2, 10, 24, 25, 30, 31, 32, 4096])('are numbered as snprintf numbers them, in %i bytes', size => {
    const contents = makeContents(size);
    // Back and forth: digits of a longer number must not stay.
    for (const n of [0, 7, 10, 123_456_789, 42, 2 ** 31 - 1, 0]) {
      numberContents(contents, n);
      expect(contents.equals(printed(size, n)), `${n}: ${contents.subarray(0, 40).toString('latin1')}`).toBe(
        true,
      );
    }
  });
});

describe('what a run leaves behind', () => {
  it('is laid out as the other tool reads it', () => {
    // u64 16384, s32 9, s32 -1, u64 4096
    const bytes = encodeMetadata({ objectSize: 16384, numOps: 9, pid: -1, opSize: 4096 });
    expect(bytes.toString('hex')).toBe('0040000000000000' + '09000000' + 'ffffffff' + '0010000000000000');
  });

  it('counts objects that are not full', () => {
    expect(objectsOf({ objectSize: 16384, numOps: 9, pid: 1, opSize: 4096 })).toBe(3);
    expect(objectsOf({ objectSize: 4096, numOps: 9, pid: 1, opSize: 4096 })).toBe(9);
    expect(objectsOf({ objectSize: 4096, numOps: 0, pid: 1, opSize: 4096 })).toBe(0);
  });

  it('names objects by host and process', () => {
    expect(objectPrefix(12)).toBe(`benchmark_data_${hostname().slice(0, 29)}_12`);
  });
});
