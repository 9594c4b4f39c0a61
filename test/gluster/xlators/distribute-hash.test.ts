import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { fromPosix, NameHash } from '../../../src/gluster/xlators/cluster/distribute/hash.ts';
import { dmHash, Layout } from '../../../src/gluster/xlators/cluster/distribute/index.ts';
import { mergeAnswer } from '../../../src/gluster/xlators/cluster/distribute/layout-disk.ts';
import { goldenPath } from '../../support/golden.ts';

const KEY = 'trusted.glusterfs.dht';
const vectors = join(import.meta.dirname, '..', '..', 'vectors', 'gluster');

function lines(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(line => line !== '');
}

/** Layouts by directory, read as a lookup reads them. */
function layouts(entries: Iterable<readonly [dir: string, brick: number, hex: string]>): Map<string, Layout> {
  const found = new Map<string, Layout>();
  for (const [dir, brick, hex] of entries) {
    let layout = found.get(dir);
    if (layout === undefined) found.set(dir, (layout = new Layout(3, 1, 3)));
    mergeAnswer(layout, brick, 0, new Dict().setBytes(KEY, Buffer.from(hex, 'hex')), KEY);
  }
  for (const layout of found.values()) expect(layout.normalize()).toBe(0);
  return found;
}

function hashes(rsync?: string, extra?: string): NameHash {
  const names = new NameHash();
  names.configure(rsync, extra);
  return names;
}

describe('Placement of names', () => {
  it('is where GlusterFS put files', () => {
    const rows = lines(join(vectors, 'dht-placement.txt')).filter(line => !line.startsWith('#'));
    const byDir = layouts(
      rows
        .filter(row => row.startsWith('layout '))
        .map(row => {
          const [, dir, brick, hex] = row.split(' ');
          return [dir, Number(brick.slice(1)), hex] as const;
        }),
    );
    const names = hashes();
    let count = 0;
    for (const row of rows) {
      if (row.startsWith('layout ')) continue;
      const [dir, brick, hex] = row.split(' ');
      const name = Buffer.from(hex, 'hex').toString('latin1');
      expect(`b${byDir.get(dir)?.search(names.of(name))}`, name).toBe(brick);
      count++;
    }
    expect(count).toBeGreaterThan(250);
  });

  const golden = goldenPath('peers/golden/gluster/dht/dist-3-placement.txt');
  it.skipIf(golden === undefined)(
    'is where GlusterFS put all files of the golden listing, with its hashes',
    () => {
      const rows = lines(golden!);
      const layout = /^# dir "(.*?)" brick b(\d): trusted.glusterfs.dht=0x(\w+)/;
      const byDir = layouts(
        rows.flatMap(row => {
          const match = layout.exec(row);
          return match === null ? [] : [[match[1], Number(match[2]), match[3]] as const];
        }),
      );
      const names = hashes();
      let dir = '';
      let count = 0;
      for (const row of rows) {
        const match = layout.exec(row);
        if (match !== null) dir = match[1];
        if (row.startsWith('#')) continue;
        const [hash, brick, hex] = row.split(' ');
        const name = Buffer.from(hex, 'hex').toString('latin1');
        const own = names.of(name);
        expect(own.toString(16).padStart(8, '0'), name).toBe(hash);
        expect(`b${byDir.get(dir)?.search(own)}`).toBe(brick);
        count++;
      }
      expect(count).toBe(446);
    },
  );

  it('gives temporary names of rsync the place of the final name', () => {
    const names = hashes();
    for (const name of ['movie.mkv', 'a', 'x.tar.gz'])
      expect(names.of(`.${name}.Ab12Cd`)).toBe(names.of(name));
    // The expression wants something between two dots.
    for (const name of ['..x', '.x', '.bashrc', 'a.b', '.a.']) expect(names.munge(name)).toBe(name);
    expect(names.munge('.a.b.c')).toBe('a.b');
    expect(names.munge('.a\nb.c')).toBe('a\nb');
  });

  it('takes other expressions, the extra one first', () => {
    const names = hashes('none', '^(.*)\\.part$');
    expect(names.munge('.a.b')).toBe('.a.b');
    expect(names.munge('film.part')).toBe('film');
    expect(hashes(undefined, '^(.*)~$').munge('.x.y~')).toBe('.x.y');
    expect(hashes(undefined, '^(.*)~$').munge('.x.y')).toBe('x');
    expect(new NameHash().configure('(', '[')).toEqual(['(', '[']);
    expect(hashes('(').munge('.a.b')).toBe('.a.b');
  });

  it('reads bracket expressions as POSIX does', () => {
    const posix = (text: string) => new RegExp(fromPosix(text), 's');
    expect(posix('^[[:alpha:]_]+([0-9]+)$').exec('ab_12')?.[1]).toBe('12');
    expect(posix('^[]x]+$').test(']x]')).toBe(true);
    expect(posix('^[^]x]+$').test('ab')).toBe(true);
    expect(posix('^[\\.]$').test('\\')).toBe(true);
    expect(posix('a{2}\\.b').test('aa.b')).toBe(true);
    expect(() => posix('[[:nothing:]]')).toThrow(SyntaxError);
    expect(() => posix('(?=a)')).toThrow(SyntaxError);
  });
});

describe('First ranges of directories', () => {
  it('go to the brick that the path’s hash names', () => {
    const starts = [0, 0x55555555, 0xaaaaaaaa];
    let count = 0;
    for (const row of lines(join(vectors, 'dht-directories.txt'))) {
      if (row.startsWith('#')) continue;
      const [path, ...rest] = row.split(' ');
      const found = rest.slice(0, 3).map(start => Number.parseInt(start, 16));
      const first = dmHash(path) % 3;
      expect(found, path).toEqual([0, 1, 2].map(brick => starts[(brick - first + 3) % 3]));
      count++;
    }
    expect(count).toBeGreaterThan(50);
  });
});
