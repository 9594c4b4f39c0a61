import { describe, expect, it } from 'vitest';
import type { Decoder } from '../../src/base/decoder.ts';
import * as dump from '../../src/cli/rados/dump.ts';
import { hexdump } from '../../src/cli/rados/hexdump.ts';
import { parseBytes } from '../../src/cli/rados/options.ts';
import { fuzzDecoder } from '../support/fuzz.ts';

const values = new Map([
  ['a', Buffer.from('1')],
  ['b', Buffer.alloc(300, 7)],
]);

describe('the file of an export', () => {
  it('gives back what was put in', () => {
    expect(dump.decodeSuper(dump.encodeSuper())).toEqual({ headerLength: 18, footerLength: 10 });
    const [header, body, footer] = dump.encodeSection(dump.DATA, dump.encodeData(5, Buffer.from('bytes')));
    expect(header).toHaveLength(18);
    expect(dump.decodeHeader(header)).toEqual({ type: dump.DATA, length: body.length });
    expect(dump.decodeData(body)).toEqual({ offset: 5, data: Buffer.from('bytes') });
    expect(footer).toHaveLength(10);
    expect(() => dump.checkFooter(footer)).not.toThrow();
    footer[8] ^= 1;
    expect(() => dump.checkFooter(footer)).toThrow('Bad footer magic');
    expect(dump.decodeHeader(dump.encodeMark(dump.POOL_END))).toEqual({ type: dump.POOL_END, length: 0 });
    expect(dump.decodeValues(dump.encodeValues(values))).toEqual(values);
    expect(dump.decodeOmapHeader(dump.encodeOmapHeader(Buffer.from('h'))).toString()).toBe('h');
    const begin = dump.decodeObjectBegin(dump.encodeObjectBegin('name', 'space', 'key'));
    expect(begin).toMatchObject({ oid: 'name', nspace: 'space', key: 'key', max: false });
  });

  it.each<[string, (bytes: Buffer) => unknown, Buffer]>([
    ['header', dump.decodeHeader, dump.encodeMark(dump.OBJECT_END)],
    ['object_begin', dump.decodeObjectBegin, dump.encodeObjectBegin('o', 'n', 'k')],
    ['data_section', dump.decodeData, dump.encodeData(1, Buffer.alloc(50))],
    ['attr_section', dump.decodeValues, dump.encodeValues(values)],
    ['omap_hdr_section', dump.decodeOmapHeader, dump.encodeOmapHeader(Buffer.alloc(9))],
  ])('survives a damaged %s', (name, decode, sample) => {
    fuzzDecoder(name, (d: Decoder) => decode(d.rest()), [sample]);
  });
});

describe('hexdump', () => {
  it('shows equal lines once', () => {
    const bytes = Buffer.concat([Buffer.alloc(64, 'x'), Buffer.from('end\n')]);
    expect(hexdump(bytes)).toBe(
      '00000000  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  |xxxxxxxxxxxxxxxx|\n*\n' +
        '00000040  65 6e 64 0a                                       |end.|\n00000044\n',
    );
  });
});

describe('sizes', () => {
  it.each([
    ['4096', 4096],
    ['4K', 4096],
    ['4Ki', 4096],
    ['1M', 1 << 20],
    ['2G', 2 ** 31],
  ])('%s', (text, bytes) => expect(parseBytes('block-size', text)).toBe(bytes));

  it.each(['', 'K', '4X', '-1', '1.5', '99999E'])('refuses %j', text =>
    expect(() => parseBytes('block-size', text)).toThrow('Invalid value for block-size'),
  );
});
