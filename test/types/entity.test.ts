import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import {
  ADDR_LEGACY,
  ADDR_MSGR2,
  ADDR_NONE,
  compareAddr,
  decodeEntityAddr,
  decodeEntityAddrVec,
  encodeEntityAddr,
  encodeEntityAddrVec,
  entityAddrText,
  entityAddrVecText,
  makeEntityAddr,
  parseEntityAddr,
  parseEntityAddrVec,
  parseEntityName,
  sameAddr,
} from '../../src/ceph/types/entity.ts';
import { ALL_FEATURES, NO_FEATURES } from '../../src/ceph/types/features.ts';
import { ipBytes, ipv6Text, isIp } from '../../src/ceph/types/ip.ts';

describe('addresses', () => {
  it.each([
    'v2:10.1.2.3:3300/0',
    'v1:10.1.2.3:6789/17',
    '127.0.0.1:0/4294967295',
    'v2:[::1]:3300/0',
    'v1:[fe80::1:0:0:2]:1/2',
    '-',
    '[v2:10.1.2.3:3300/0,v1:10.1.2.3:6789/0]',
    '[v2:[::1]:3300/0,v1:[::1]:6789/0]',
  ])('%s reads and prints the same', text => {
    const vec = parseEntityAddrVec(text.replace(/^127/, 'any:127'));
    expect(vec && entityAddrVecText(vec)).toBe(text);
    const bytes = encodeToBuffer(e => encodeEntityAddrVec(e, vec!, ALL_FEATURES));
    const d = new Decoder(bytes);
    expect(entityAddrVecText(decodeEntityAddrVec(d))).toBe(text);
    expect(d.remaining).toBe(0);
  });

  it.each(['', 'v2:', 'v2:300.1.1.1:1', 'v1:1.2.3.4:70000', '1.2.3.4:1x', '[v1:1.2.3.4:1', 'host:1'])(
    'refuses %s',
    text => {
      expect(parseEntityAddrVec(text)).toBeUndefined();
    },
  );

  it('without MSG_ADDR2 an address is a sockaddr_storage and a vector its legacy address', () => {
    const vec = parseEntityAddrVec('[v2:10.1.2.3:3300/0,v1:10.1.2.3:6789/5]')!;
    const bytes = encodeToBuffer(e => encodeEntityAddrVec(e, vec, NO_FEATURES));
    expect(bytes.length).toBe(4 + 4 + 128);
    // Family and port are in network order.
    expect(bytes.subarray(8, 16).toString('hex')).toBe('00021a850a010203');
    expect(decodeEntityAddrVec(new Decoder(bytes)).map(entityAddrText)).toEqual(['v1:10.1.2.3:6789/5']);
  });

  it('keeps IPv6 flow info and scope', () => {
    const raw = Buffer.from('0000000100000002', 'hex');
    const addr = { ...makeEntityAddr(ADDR_MSGR2, 'fe80::1', 99, 3), raw };
    const again = decodeEntityAddr(new Decoder(encodeToBuffer(e => encodeEntityAddr(e, addr, ALL_FEATURES))));
    expect(again).toEqual(addr);
  });

  it('knows equal addresses and orders the others', () => {
    const a = parseEntityAddr('1.2.3.4:5/6', ADDR_LEGACY)!;
    const b = parseEntityAddr('v1:1.2.3.4:5/6')!;
    expect(sameAddr(a, b)).toBe(true);
    expect(compareAddr(a, b)).toBe(0);
    expect(compareAddr(a, parseEntityAddr('v1:1.2.3.5:5/6')!)).toBe(-1);
    expect(parseEntityAddr('-')!.type).toBe(ADDR_NONE);
  });
});

describe('IP addresses', () => {
  it.each([
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['::1.2.3.4', '::1.2.3.4'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['FE80::', 'fe80::'],
  ])('%s is %s', (text, canonical) => {
    expect(ipv6Text(ipBytes(text))).toBe(canonical);
  });

  it.each(['1.2.3', '01.2.3.4', '256.0.0.0', '::1::', '1:2:3:4:5:6:7:8:9', 'g::', ':', 'abc'])(
    '%s is none',
    text => {
      expect(isIp(text)).toBe(false);
    },
  );
});

describe('entity names', () => {
  it('reads what it prints', () => {
    expect(parseEntityName('osd.12')).toEqual({ type: 4, num: 12 });
    expect(parseEntityName('osd.')).toBeUndefined();
    expect(parseEntityName('foo.1')).toBeUndefined();
  });
});
