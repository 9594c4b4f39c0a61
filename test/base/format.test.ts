import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cephFloat, formatJson, rawNumber } from '../../src/base/format.ts';

describe('formatJson', () => {
  it('prints as Ceph does, on one line and with four blanks', () => {
    const value = {
      name: 'a "b"\n\\\u0001\u007f/é',
      list: [1, true, null, [], {}],
      big: 2n ** 64n - 1n,
      map: new Map([['k', rawNumber('0.100000000')]]),
      gone: undefined,
      ratio: cephFloat(0.2),
    };
    expect(formatJson(value)).toBe(
      '{"name":"a \\"b\\"\\n\\\\\\u0001\\u007f/é","list":[1,true,null,[],{}],"big":18446744073709551615,' +
        '"map":{"k":0.100000000},"ratio":0.20000000000000001}',
    );
    expect(formatJson({ a: [1, { b: 2 }], c: {} }, true)).toBe(
      '{\n    "a": [\n        1,\n        {\n            "b": 2\n        }\n    ],\n    "c": {}\n}',
    );
  });

  it('is JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, pretty) => {
        const expected = JSON.stringify(value);
        expect(JSON.stringify(JSON.parse(formatJson(value, pretty)))).toBe(expected);
      }),
    );
  });
});
