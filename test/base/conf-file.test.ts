import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeKey, parseConfFile } from '../../src/base/config/conf-file.ts';
import { NacreError } from '../../src/base/errors.ts';

const read = (text: string) =>
  Object.fromEntries([...parseConfFile(text)].map(([name, keys]) => [name, Object.fromEntries(keys)]));

describe('parseConfFile', () => {
  it('reads sections, keys with blanks, and comments of both kinds', () => {
    const text = `; first
# second

[global]   # the section
  mon host = 10.0.0.1 , 10.0.0.2   ; two of them
\tfsid\t=\tabc\t
[client.admin] ; us
log file=
`;
    expect(read(text)).toEqual({
      global: { mon_host: '10.0.0.1 , 10.0.0.2', fsid: 'abc' },
      'client.admin': { log_file: '' },
    });
  });

  it('merges sections of one name, and the last of equal keys wins', () => {
    expect(read('[a]\nx y = 1\nz = 2\n[b]\nx = 3\n[a]\nx_y = 4\n')).toEqual({
      a: { x_y: '4', z: '2' },
      b: { x: '3' },
    });
  });

  it('joins continued lines, not those that end in an escaped backslash', () => {
    expect(read('[a]\nx = one \\\n  two\ny = back\\\\\nz = 3\n')).toEqual({
      a: { x: 'one   two', y: 'back\\', z: '3' },
    });
  });

  it('does not continue a comment', () => {
    expect(read('[a]\n# a comment \\\nx = 1\ny = 2 ; and here \\\nz = 3\n')).toEqual({
      a: { x: '1', y: '2', z: '3' },
    });
  });

  it('takes what is quoted and escaped as it is', () => {
    expect(read('[a]\na = "x y" # c\nb = \'its\'\n')).toEqual({ a: { a: 'x y', b: 'its' } });
    expect(read('[a]\na = \\; \\# \\= \\" \\t\nb = "a \\" b"\nc = "a;b#c"\nd = a "b" c\n')).toEqual({
      a: { a: '; # = " t', b: 'a " b', c: 'a;b#c', d: 'a "b" c' },
    });
  });

  it('takes any line end, a byte order mark and a file without a last line end', () => {
    expect(read('\ufeff[a]\r\nx = 1\r\n\r\ny = 2')).toEqual({ a: { x: '1', y: '2' } });
    expect(read('[a]\rx = 1\ry = 2\r')).toEqual({ a: { x: '1', y: '2' } });
  });

  it('puts settings before any section into global', () => {
    expect(read('x = 1\n[client]\ny = 2\n')).toEqual({ global: { x: '1' }, client: { y: '2' } });
  });

  it.each([
    ['[global\nx = 1\n', 1, "without ']'"],
    ['[]\nx = 1\n', 1, 'without a name'],
    ['[global] x = 1\n', 1, 'after a section heading'],
    ['[global]\n\nnonsense\n', 3, 'nonsense'],
    ['[global]\n= 1\n', 2, "before the '='"],
    ['[global]\nx = "open\n', 2, 'no closing "'],
    ['[global]\nx = "a" b\n', 2, 'after the closing "'],
    ['[global]\nx # = 1\n', 2, "'key = value'"],
  ])('refuses %j naming line %i', (text, line, why) => {
    expect(() => parseConfFile(text, 'my.conf')).toThrow(NacreError);
    expect(() => parseConfFile(text, 'my.conf')).toThrow(`my.conf:${line}:`);
    expect(() => parseConfFile(text, 'my.conf')).toThrow(why);
  });

  it('gives a value or EINVAL for anything', () => {
    const piece = fc.constantFrom(
      '[',
      ']',
      '=',
      '"',
      "'",
      '\\',
      '\n',
      '\r',
      ';',
      '#',
      ' ',
      'a',
      'global',
      '$x',
      '\t',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 60 }).map(parts => parts.join('')),
          fc.string(),
        ),
        text => {
          try {
            for (const keys of parseConfFile(text).values())
              for (const [key, value] of keys) {
                expect(key).toBe(normalizeKey(key));
                expect(value).toBe(value.trim());
              }
          } catch (error) {
            expect(error).toMatchObject({ name: 'NacreError', code: 'EINVAL' });
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('reads back what is written with quotes and escapes', () => {
    const key = fc.stringMatching(/^[a-z][a-z_]{0,10}$/);
    const value = fc.string({ minLength: 1, maxLength: 30 }).map(text => text.replace(/[\r\n]/g, '').trim());
    fc.assert(
      fc.property(fc.dictionary(key, value), settings => {
        const lines = Object.entries(settings).map(([k, v]) => `${k} = "${v.replace(/["\\;#]/g, '\\$&')}"`);
        const parsed = read(`[global]\n${lines.join('\n')}\n`)['global'];
        expect(parsed).toEqual({ ...settings });
      }),
    );
  });
});
