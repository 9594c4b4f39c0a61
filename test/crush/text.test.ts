import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import {
  CrushCompileError,
  type CrushMap,
  compileCrush,
  decompileCrush,
  encodeCrushMap,
} from '../../src/ceph/crush/index.ts';
import { prng } from '../support/fuzz.ts';
import { ALGS, PROFILES, randomMap } from './random-map.ts';

const SMALL = `
# a comment
tunable choose_total_tries 50
device 0 osd.0 class ssd
device 1 osd.1 class hdd # spins
type 0 osd
type 1 host
type 2 root
host a {
  id -2
  alg straw2
  hash 0
  item osd.0 weight 1.5
  item osd.1
}
root default {
  id -1
  id -5 class ssd
  alg straw2
  hash 0 # rjenkins1
  item a
}
rule r {
  id 3
  type replicated
  min_size 1
  max_size 10
  step take default class ssd
  step chooseleaf firstn 0 type host
  step emit
}
`;

function bytesOf(map: CrushMap): string {
  return encodeToBuffer(e => encodeCrushMap(e, map)).toString('hex');
}

function errorOf(text: string): CrushCompileError {
  try {
    compileCrush(text);
  } catch (error) {
    if (error instanceof CrushCompileError) return error;
    throw error;
  }
  throw new Error('compiled');
}

describe('compiling', () => {
  it('gives items their weight, or one, or that of their bucket', () => {
    const map = compileCrush(SMALL);
    expect(map.bucket(-2)).toMatchObject({ itemWeights: [0x18000, 0x10000], weight: 0x28000 });
    expect(map.bucket(-1)).toMatchObject({ items: [-2], itemWeights: [0x28000] });
  });

  it('makes shadows with the ids that are given and finds free ones for the rest', () => {
    const map = compileCrush(SMALL);
    expect(map.names.name(-5)).toBe('default~ssd');
    expect(map.rules[3]?.steps[0].arg1).toBe(-5);
    const host = map.bucket(-5)!.items[0];
    expect(map.names.name(host)).toBe('a~ssd');
    expect(map.bucket(host)?.items).toEqual([0]);
  });

  it('takes buckets in any order', () => {
    const [head, host, root, tail] = SMALL.split(/(?=^host|^root|^rule)/m);
    expect(bytesOf(compileCrush(head + root + host + tail))).toBe(bytesOf(compileCrush(SMALL)));
  });

  it.each([
    [
      'an item that is not there',
      'item osd.1',
      'item osd.9',
      14,
      "item 'osd.9' in bucket 'a' is not defined",
    ],
    ['a type that is not there', 'host a {', 'hose a {', 9, "bucket type 'hose' is not defined"],
    ['a tunable that is not there', 'choose_total_tries', 'tries', 3, 'tunable tries not recognized'],
    ['a kind that is not there', 'alg straw2', 'alg straw3', 9, "unknown bucket alg 'straw3'"],
    ['a name twice', 'osd.1 class', 'osd.0 class', 5, 'item osd.0 defined twice'],
    ['a weight too large', 'weight 1.5', 'weight 101', 13, 'device weight limited to 100'],
    ['a bucket id twice', 'id -2', 'id -1', 16, 'Duplicate bucket id -1'],
    [
      'a class without devices',
      'take default class ssd',
      'take a class hdx',
      28,
      "in rule 'r' device class 'hdx' not defined",
    ],
    ['a step that is not there', 'step emit', 'step emt', 30, "parse error at 'emt'"],
    ['a missing brace', 'item a\n}', 'item a\n', 23, "parse error at 'rule r {'"],
    ['a bad number', 'id 3', 'id x', 24, "parse error at 'x'"],
  ])('says in which line: %s', (_, from, to, line, text) => {
    expect(SMALL).toContain(from);
    const error = errorOf(SMALL.replace(from, to));
    expect([error.line, error.text]).toEqual([line, text]);
  });

  it('refuses buckets after rules and buckets in each other', () => {
    const [head, host, root, tail] = SMALL.split(/(?=^host|^root|^rule)/m);
    expect(errorOf(head + host + tail.replace('default class ssd', 'a') + root).text).toMatch(/before rules/);
    const ring = `type 1 host\nhost a {\n alg list\n item b\n}\nhost b {\n alg list\n item a\n}\n`;
    expect(errorOf(ring).text).toMatch(/included each other/);
  });

  it('bounds what a line can ask for', () => {
    expect(errorOf('type 1 host\nhost a {\n id -2000000000\n alg straw2\n}\n').code).toBe('ENOSPC');
    expect(
      errorOf('type 1 host\ndevice 0 d\nhost a {\n alg straw2\n item d pos 2000000000\n}\n').text,
    ).toMatch(/pos 2000000000 >= size/);
    expect(errorOf(SMALL.replace('id 3', 'id 70000')).text).toMatch(/unable to add rule id 70000/);
  });
});

describe('text and map', () => {
  it('come back the same, for maps of every kind', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1 }),
        fc.constantFrom(...ALGS),
        fc.constantFrom(...PROFILES),
        fc.boolean(),
        fc.boolean(),
        (seed, alg, profile, classes, chooseArgs) => {
          const shadowed = classes && alg !== 'uniform' && alg !== 'mixed';
          const map = randomMap({ seed, alg, profile, classes: shadowed, chooseArgs });
          // Sixteen decimals hold a weight whole.
          const text = decompileCrush(map, { weightDecimals: 16 });
          const again = compileCrush(text);
          expect(decompileCrush(again, { weightDecimals: 16 })).toBe(text);
          expect(bytesOf(compileCrush(decompileCrush(again, { weightDecimals: 16 })))).toBe(bytesOf(again));
          const once = decompileCrush(compileCrush(decompileCrush(map)));
          expect(decompileCrush(compileCrush(once))).toBe(once);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('survives damaged text', () => {
    const next = prng(99);
    const text = decompileCrush(
      randomMap({ seed: 5, alg: 'straw2', profile: 'jewel', classes: true, chooseArgs: true }),
    );
    const words = text.split(/\s+/);
    let errors = 0;
    for (let i = 0; i < 1500; i++) {
      let damaged = text;
      const at = next() % text.length;
      if (i % 4 === 0) damaged = text.slice(0, at);
      else if (i % 4 === 1)
        damaged = text.slice(0, at) + String.fromCharCode(next() % 128) + text.slice(at + 1);
      else if (i % 4 === 2) damaged = text.slice(0, at) + text.slice(at + (next() % 80));
      else damaged = `${text.slice(0, at)} ${words[next() % words.length]} ${text.slice(at)}`;
      try {
        compileCrush(damaged);
      } catch (error) {
        if (!(error instanceof CrushCompileError)) throw error;
        expect(error.line).toBeGreaterThan(0);
        errors++;
      }
    }
    expect(errors).toBeGreaterThan(500);
  });
});
