import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NacreError } from '../../../src/base/errors.ts';
import { parseVolfile, VolfileError } from '../../../src/gluster/graph/volfile.ts';
import { goldenPath } from '../../support/golden.ts';

const golden = goldenPath('peers/golden/gluster/volfiles');
const vectors = join(import.meta.dirname, '..', '..', 'vectors', 'gluster');

function volfilesUnder(dir: string): string[] {
  return readdirSync(dir).flatMap(name => {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) return volfilesUnder(path);
    return name.endsWith('.vol') ? [path] : [];
  });
}

function failure(text: string): VolfileError {
  try {
    parseVolfile(text);
  } catch (error) {
    if (error instanceof VolfileError) return error;
    throw error;
  }
  throw new Error('it was taken for good');
}

describe('parseVolfile', () => {
  it('reads every form of the grammar', () => {
    const [a, b, top] = parseVolfile(readFileSync(join(vectors, 'syntax.vol'), 'latin1'));
    expect(a).toMatchObject({ name: 'a-0', type: 'test/leaf', line: 2, subvolumes: [] });
    expect(a.options.get('text')).toEqual({
      key: 'text',
      value: 'two words # and "quotes" and a \\ backslash',
      line: 4,
      column: 10,
    });
    expect(a.options.get('empty')?.value).toBe('');
    expect(b).toMatchObject({ name: 'b 1', line: 7 });
    expect(b.options.get('key#not-a-comment')?.value).toBe('value');
    expect(top.subvolumes).toEqual(['a-0', 'b 1']);
    expect([...top.options.keys()]).toEqual(['before', 'after']);
  });

  it.each([
    ['', 1, 1, /no volume/],
    ['bolume x', 1, 1, /'volume' was expected, not 'bolume'/],
    ['volume', 1, 7, /ends where the name/],
    ['volume type', 1, 8, /'type' stands where/],
    ['volume x\ntype t', 2, 7, /without 'end-volume'/],
    ['volume x\nend-volume', 2, 1, /no 'type'/],
    ['volume x\n option a b', 2, 2, /'type' must come before 'option'/],
    ['volume x\n type t\n type u\nend-volume', 3, 2, /second 'type'/],
    ['volume x\n type t\n option a\nend-volume', 4, 1, /the value of option 'a'/],
    ['volume x\n type t\n option a 1\n option a 2\nend-volume', 4, 9, /set twice/],
    ['volume x\n type t\n subvolumes\nend-volume', 4, 1, /the name of a subvolume/],
    ['volume x\n type t\n subvolumes x\nend-volume', 3, 13, /its own subvolume/],
    ['volume x\n type t\n subvolumes y\nend-volume', 3, 13, /'y' is not defined before/],
    ['volume x\ntype t\nend-volume\nvolume x\ntype t\nend-volume', 4, 8, /defined again/],
    ['volume x\ntype t\nvolume y', 3, 1, /'end-volume' is missing/],
    ['volume x\ntype t\nwhatever', 3, 1, /'whatever' is none of/],
    ['volume x\ntype t\noption a "b\n"', 3, 10, /not closed/],
    ['volume x\ntype t\noption a "b\\', 3, 10, /not closed/],
    ['volume x\ntype t\noption a \\b', 3, 10, /backslash/],
  ])('%j is wrong at line %i, column %i', (text, line, column, message) => {
    const error = failure(text);
    expect(error.message).toMatch(message);
    expect([error.line, error.column]).toEqual([line, column]);
    expect(error.code).toBe('EINVAL');
  });

  it('does not run commands', () => {
    expect(() => parseVolfile('volume `id`')).toThrow(/ENOTSUP.*line 1, column 8.*backticks/);
  });

  it('ends on any input, quickly, with volumes or an error of its own', () => {
    const pieces = [
      'volume',
      'end-volume',
      'type',
      'option',
      'subvolumes',
      'a',
      'b/c',
      '"',
      '\\',
      '#',
      '\n',
      ' ',
      '`',
    ];
    const soup = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(soup, words => {
        try {
          expect(parseVolfile(words.join(' ')).length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(NacreError);
          expect((error as Error).message.length).toBeLessThan(400);
        }
      }),
    );
  });

  it('refuses what is far too long before it reads it', () => {
    expect(() => parseVolfile('x'.repeat((16 << 20) + 1))).toThrow(VolfileError);
  });

  it.skipIf(golden === undefined)('reads what glusterd writes', () => {
    const files = volfilesUnder(golden!);
    expect(files.length).toBeGreaterThan(50);
    for (const path of files) {
      const text = readFileSync(path, 'latin1');
      const volumes = parseVolfile(text);
      expect(volumes.length, path).toBe(text.match(/^volume /gm)?.length);
      const options = volumes.reduce((sum, volume) => sum + volume.options.size, 0);
      expect(options, path).toBe(text.match(/^ *option /gm)?.length ?? 0);
    }
  });
});
