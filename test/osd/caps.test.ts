import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OsdCaps } from '../../src/ceph/osd/index.ts';

const base = {
  poolName: 'p',
  nspace: '',
  applications: new Map(),
  object: 'o',
  read: false,
  write: false,
  classes: [],
};
const can = (caps: string, want: object) => OsdCaps.parse(caps).isCapable({ ...base, ...want });
const cls = (className: string, method: string, read: boolean, write: boolean) => ({
  classes: [{ className, method, read, write }],
});

describe('OSD capabilities', () => {
  it.each([
    ['allow *', { read: true, write: true }, true],
    ['allow r', { read: true }, true],
    ['allow r', { write: true }, false],
    ['allow rw pool=p', { write: true }, true],
    ['allow rw pool=q', { write: true }, false],
    ['allow rwx pool=q, allow r pool=p', { read: true }, true],
    ['allow rw pool="p"', { write: true }, true],
    ['allow r; allow w', { read: true, write: true }, false],
    ['allow rw namespace=n', { write: true, nspace: 'n' }, true],
    ['allow rw namespace=n', { write: true }, false],
    ['allow rw namespace=n*', { write: true, nspace: 'nm' }, true],
    ['allow r object_prefix rbd_', { read: true, object: 'rbd_data' }, true],
    ['allow r object_prefix rbd_', { read: true, object: 'other' }, false],
    ['allow rw', cls('lock', 'lock', true, true), false],
    ['allow rwx', cls('lock', 'lock', true, true), true],
    ['allow class-read', cls('lock', 'get_info', true, false), true],
    ['allow class lock', cls('lock', 'lock', true, true), true],
    ['allow class lock get_info', cls('lock', 'lock', true, true), false],
    ['profile rbd', { read: true, write: true, ...cls('rbd', 'x', true, true) }, true],
    ['profile rbd pool=q', { write: true }, false],
    ['profile rbd-read-only pool=p', { write: true }, false],
    ['profile rbd-read-only pool=p', { read: true }, true],
    ['allow r tag rbd k=v', { read: true, applications: new Map([['rbd', new Map([['k', 'v']])]]) }, true],
    ['allow r tag rbd k=v', { read: true, applications: new Map([['rbd', new Map([['k', 'w']])]]) }, false],
    ['allow nonsense', { read: true }, false],
    ['', { read: true }, false],
  ])('%s: %o is %s', (caps, want, expected) => {
    expect(can(caps, want)).toBe(expected);
  });

  it('survive any text, which allows nothing unless it says so', () => {
    const words = fc.constantFrom(
      ...[
        'allow',
        'profile',
        'pool',
        'namespace',
        'object_prefix',
        'tag',
        'class',
        'network',
        'rwx',
        '*',
        'rbd',
      ],
      ...['=', ',', ';', '"', ' ', '\t', 'pool=p', 'k=v'],
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words).map(all => all.join(' ')),
    );
    fc.assert(
      fc.property(texts, text => {
        if (can(text, { write: true })) expect(text).toMatch(/allow|profile/);
      }),
      { numRuns: 3000 },
    );
  });
});
