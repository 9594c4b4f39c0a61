import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NacreError } from '../../../src/base/errors.ts';
import type { OptionKind, OptionSpec } from '../../../src/gluster/graph/option-types.ts';
import * as values from '../../../src/gluster/graph/option-values.ts';
import { optionsOf, XlatorOptions } from '../../../src/gluster/graph/options.ts';
import { xlatorRegistry } from '../../../src/gluster/xlators/index.ts';
import { goldenPath } from '../../support/golden.ts';

function read(spec: Omit<OptionSpec, 'description'>, value: string): XlatorOptions {
  return XlatorOptions.read({ it: { ...spec, description: '' } }, [['it', { value, line: 7 }]], {
    name: 'vol',
    type: 'test/x',
    volumes: new Set(['vol', 'other']),
  });
}

describe('option values', () => {
  it.each([
    ['4096', 4096],
    ['4KB', 4096],
    ['4kb', 4096],
    ['1.5GB', 1.5 * 2 ** 30],
    ['0.5MB', 2 ** 19],
    ['12B', 12],
    [' 7', 7],
    ['1PB', 2 ** 50],
    ['0x10', undefined],
    ['-1', undefined],
    ['10K', undefined],
    ['KB', undefined],
    ['', undefined],
    ['99999999999PB', undefined],
    ['4constructor', undefined],
  ])('size %j is %s', (text, bytes) => {
    expect(values.parseByteSize(text)).toBe(bytes);
  });

  it.each([
    ['10', 10],
    ['10s', 10],
    ['10sec', 10],
    ['2m', 120],
    ['2min', 120],
    ['1h', 3600],
    ['1hr', 3600],
    ['2d', 172800],
    ['2days', 172800],
    ['1w', 604800],
    ['1wk', 604800],
    ['1day', undefined],
    ['-3', undefined],
    ['soon', undefined],
  ])('time %j is %s', (text, seconds) => {
    expect(values.parseTime(text)).toBe(seconds);
  });

  it.each([
    ['10', 10],
    ['-10', -10],
    ['0x1F', 31],
    ['010', 8],
    ['-0', undefined],
    ['9', 9],
    ['08', undefined],
    ['1e3', undefined],
    ['9223372036854775808', undefined],
  ])('number %j is %s', (text, number) => {
    expect(values.parseInteger(text)).toBe(number);
  });

  it('booleans have ten names', () => {
    const names = ['1', 'on', 'yes', 'true', 'enable', '0', 'off', 'no', 'false', 'disable'];
    expect(names.map(values.parseBool)).toEqual([...Array(5).fill(true), ...Array(5).fill(false)]);
    expect(values.parseBool('ENABLE')).toBe(true);
    expect(values.parseBool('2')).toBeUndefined();
  });
});

describe('XlatorOptions', () => {
  it.each<[OptionKind, Omit<OptionSpec, 'kind' | 'description'>, string, RegExp | undefined]>([
    ['int', { min: 1, max: 64 }, '64', undefined],
    ['int', { min: 1, max: 64 }, '65', /out of range \[1 - 64\]/],
    ['int', { min: 1 }, '0', /smaller than the minimum of 1/],
    ['int', { max: 9 }, '10', /greater than the maximum of 9/],
    ['percent', {}, '100%', undefined],
    ['percent', {}, '101%', /out of range/],
    ['percent-or-size', {}, '10%', undefined],
    ['percent-or-size', {}, '10GB', undefined],
    ['percent-or-size', {}, '110%', /out of range/],
    ['percent-or-size', {}, '1.5', /fraction/],
    ['string', { values: ['a', 'b'] }, 'c', /possible are a, b/],
    ['xlator', {}, 'other', undefined],
    ['xlator', {}, 'nobody', /no volume/],
    ['path', {}, '/a/b', undefined],
    ['path', {}, 'a/b', /absolute/],
    ['path', {}, '/a/../b', /invalid path/],
    ['address', {}, '10.1.2.3', undefined],
    ['address', {}, 'fe80::1%eth0', undefined],
    ['address', {}, 'node-1.example.org', undefined],
    ['address', {}, 'node_1', /no valid address/],
    ['address-list', {}, '10.1.*,10.0.0.0/8,host', undefined],
    ['address-list', {}, '/a(h1|10.1.2.3),/b(h2)', undefined],
    ['address-list', {}, '/a', /list of addresses/],
    ['auth-address', {}, '*', undefined],
    ['auth-address', {}, '10.0.0.0/33', /list of addresses/],
    ['priority-list', {}, '*.jpg:1,*.txt:2', undefined],
    ['priority-list', {}, '*.jpg', /list of priorities/],
    ['size-list', { min: 512 }, '*.iso:128KB,1MB:1MB', undefined],
    ['size-list', { min: 512 }, '100', /list of sizes/],
    ['double', { min: 0, max: 1 }, '0.5', undefined],
    ['double', { min: 0, max: 1 }, '1.5', /out of range/],
  ])('%s %j: %s', (kind, limits, value, refused) => {
    const result = () => read({ kind, ...limits }, value);
    if (refused === undefined) expect(result().text('it')).toBe(value);
    else {
      expect(result).toThrow(refused);
      expect(result).toThrow(/line 7: volume 'vol' \(test\/x\): option it: '/);
    }
  });

  it('any text is a value or refused with its place', () => {
    const kinds = [
      'any',
      'string',
      'int',
      'size',
      'percent',
      'percent-or-size',
      'bool',
      'xlator',
      'path',
      'time',
    ];
    const others = ['double', 'address', 'address-list', 'priority-list', 'size-list', 'auth-address'];
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.constantFrom('1', '0x', '.', '-', '%', 'KB', 'days', ',', ':', '/', '(', ')', '*', ' '), {
          maxLength: 12,
        })
        .map(parts => parts.join('')),
    );
    fc.assert(
      fc.property(fc.constantFrom(...[...kinds, ...others]), text, (kind, value) => {
        try {
          const options = read({ kind: kind as OptionKind, min: 0, max: 1e6 }, value);
          expect(options.text('it')).toBe(value);
          expect(Number.isNaN(options.number('it'))).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(NacreError);
          expect((error as Error).message).toMatch(/line 7: volume 'vol'/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('a percentage of at most 100 is one, anything else a size', () => {
    expect(read({ kind: 'percent-or-size' }, '10%').number('it')).toBe(10);
    expect(read({ kind: 'percent-or-size' }, '10GB').number('it')).toBe(10 * 2 ** 30);
  });

  it('knows aliases, patterns and defaults, and keeps what it does not know', () => {
    const table = {
      size: { kind: 'size', default: '1MB', aliases: ['cache-size'], description: '' },
      'auth.*.allow': { kind: 'auth-address', description: '' },
    } as const;
    const options = XlatorOptions.read(
      table,
      [
        ['cache-size', { value: '2MB' }],
        ['auth.addr.allow', { value: '*' }],
        ['strange', { value: 'x' }],
      ],
      { name: 'v', type: 't' },
    );
    expect(options.number('size')).toBe(2 << 20);
    expect(options.string('auth.addr.allow')).toBe('*');
    expect(options.unknown).toEqual(['strange']);
    expect(optionsOf(table).number('size')).toBe(1 << 20);
    expect(() => options.text('nothing')).toThrow(/'nothing' is no option of t/);
  });

  const golden = goldenPath('peers/golden/gluster/volfiles/volume-get-dist-all.txt');
  it.skipIf(golden === undefined)("our translators' defaults are those of GlusterFS 10.3", () => {
    const listed = new Map(
      readFileSync(golden!, 'latin1')
        .split('\n')
        .map(line => /^(\S+)\s+(\S+) \(DEFAULT\)/.exec(line))
        .filter(match => match !== null)
        .map(match => [match[1], match[2]]),
    );
    const checks: [type: string, option: string, listed: string][] = [
      ['debug/io-stats', 'dump-fd-stats', 'diagnostics.dump-fd-stats'],
      ['debug/io-stats', 'ios-dump-interval', 'diagnostics.stats-dump-interval'],
      ['debug/io-stats', 'ios-sample-interval', 'diagnostics.fop-sample-interval'],
      ['debug/io-stats', 'ios-dump-format', 'diagnostics.stats-dump-format'],
      ['debug/io-stats', 'ios-sample-buf-size', 'diagnostics.fop-sample-buf-size'],
      ['debug/io-stats', 'ios-dnscache-ttl-sec', 'diagnostics.stats-dnscache-ttl-sec'],
      ['performance/io-threads', 'high-prio-threads', 'performance.high-prio-threads'],
      ['performance/io-threads', 'normal-prio-threads', 'performance.normal-prio-threads'],
      ['performance/io-threads', 'low-prio-threads', 'performance.low-prio-threads'],
      ['performance/io-threads', 'least-prio-threads', 'performance.least-prio-threads'],
      ['performance/io-threads', 'enable-least-priority', 'performance.enable-least-priority'],
      ['performance/io-threads', 'cleanup-disconnected-reqs', 'performance.iot-cleanup-disconnected-reqs'],
      ['features/utime', 'noatime', 'ctime.noatime'],
      ['debug/error-gen', 'failure', 'debug.error-failure'],
      ['debug/error-gen', 'error-no', 'debug.error-number'],
      ['debug/error-gen', 'random-failure', 'debug.random-failure'],
    ];
    for (const [type, option, name] of checks) {
      const there = listed.get(name);
      if (there === undefined || there === '(null)') continue;
      expect(xlatorRegistry(type)!.options[option]?.default, `${type} ${option}`).toBe(there);
    }
  });
});
