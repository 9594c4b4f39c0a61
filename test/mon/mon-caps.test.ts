import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NacreError } from '../../src/base/errors.ts';
import { MON_CAP_R, MON_CAP_W, MON_CAP_X, MonCaps } from '../../src/ceph/mon/mon-caps.ts';

const NO_ARGS = new Map<string, string>();
const may = (caps: string, service: string, need: number, command = '', args = NO_ARGS) =>
  MonCaps.parse(caps).isCapable('client.x', service, command, args, need);

describe('capabilities at the monitors', () => {
  it('grant what they name and nothing more', () => {
    expect(may('allow *', 'auth', MON_CAP_R | MON_CAP_W | MON_CAP_X)).toBe(true);
    expect(may('allow r', 'osd', MON_CAP_R)).toBe(true);
    expect(may('allow r', 'osd', MON_CAP_R | MON_CAP_W)).toBe(false);
    expect(may('allow rw', 'auth', MON_CAP_X)).toBe(false);
    expect(may('', 'mon', MON_CAP_R)).toBe(false);
  });

  it('add up over clauses', () => {
    expect(may('allow r, allow w', 'osd', MON_CAP_R | MON_CAP_W)).toBe(true);
    expect(may('allow service osd rw; allow service mon r', 'osd', MON_CAP_R | MON_CAP_W)).toBe(true);
    expect(may('allow service osd rw; allow service mon r', 'mon', MON_CAP_W)).toBe(false);
  });

  it('let a command through by its arguments', () => {
    const caps = 'allow command "auth get" with entity=client.x';
    const need = MON_CAP_R | MON_CAP_X;
    expect(may(caps, 'auth', need, 'auth get', new Map([['entity', 'client.x']]))).toBe(true);
    expect(may(caps, 'auth', need, 'auth get', new Map([['entity', 'client.y']]))).toBe(false);
    expect(may(caps, 'auth', need, 'auth ls')).toBe(false);
    const prefix = 'allow command "config-key get" with key prefix rbd/';
    expect(may(prefix, 'config-key', MON_CAP_R, 'config-key get', new Map([['key', 'rbd/a']]))).toBe(true);
    expect(may(prefix, 'config-key', MON_CAP_R, 'config-key get', new Map([['key', 'mgr/a']]))).toBe(false);
  });

  it('know the profiles', () => {
    expect(may('allow profile osd', 'osd', MON_CAP_R | MON_CAP_W | MON_CAP_X)).toBe(true);
    expect(may('profile rbd', 'osd', MON_CAP_R)).toBe(true);
    expect(may('profile rbd', 'osd', MON_CAP_W)).toBe(false);
    const add = new Map([
      ['blocklistop', 'add'],
      ['addr', '10.0.0.1:0/77'],
    ]);
    expect(may('profile rbd', 'osd', MON_CAP_R | MON_CAP_W, 'osd blocklist', add)).toBe(true);
    const rm = new Map([...add, ['blocklistop', 'rm']] as const);
    expect(may('profile rbd', 'osd', MON_CAP_R | MON_CAP_W, 'osd blocklist', rm)).toBe(false);
  });

  it.each(['foo bar', 'allow', 'allow q', 'allow r extra', 'allow r,', 'profile'])('refuse %j', text => {
    expect(() => MonCaps.parse(text)).toThrow('mon capability parse failed');
  });

  it('survive any text: parsed, or refused with EINVAL', () => {
    const words = fc.constantFrom(
      ...['allow', 'profile', 'service', 'command', 'with', 'prefix', 'regex', 'network', 'osd', 'rwx', '*'],
      ...['=', ',', ';', '"', "'", ' ', '\t', '10.0.0.0/8', '(((', 'a=b'],
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(words).map(all => all.join(' ')),
    );
    fc.assert(
      fc.property(texts, text => {
        try {
          MonCaps.parse(text).isCapable('client.x', 'osd', 'osd dump', NO_ARGS, MON_CAP_R);
        } catch (error) {
          expect(error).toBeInstanceOf(NacreError);
          expect((error as NacreError).code).toBe('EINVAL');
        }
      }),
      { numRuns: 3000 },
    );
  });
});
