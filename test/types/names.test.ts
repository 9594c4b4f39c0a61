import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { collText, decodeColl, encodeColl, parseColl } from '../../src/ceph/types/coll.ts';
import {
  compareEVersion,
  decodeEVersion,
  EVERSION_MAX,
  encodeEVersion,
} from '../../src/ceph/types/eversion.ts';
import {
  compareBytewise,
  compareHObject,
  decodeHObject,
  encodeHObject,
  ghobjectText,
  HOBJECT_MAX,
  HOBJECT_MIN,
  type HObject,
  hobjectText,
  makeGHObject,
  parseHObject,
  reverseBits,
} from '../../src/ceph/types/hobject.ts';
import { parsePgId, parseSpgId, pgShardText, pgText, spgText } from '../../src/ceph/types/pg.ts';
import { SNAP_HEAD, snapContextIsValid } from '../../src/ceph/types/snap.ts';
import { utimeFromMs, utimeText, utimeToMs } from '../../src/ceph/types/utime.ts';
import { uuidFromBytes, uuidFromRandom, uuidToBytes } from '../../src/ceph/types/uuid.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });

const hobject: fc.Arbitrary<HObject> = fc.record({
  key: text,
  oid: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  snap: fc.oneof(fc.constant(SNAP_HEAD), fc.bigInt(0n, (1n << 64n) - 1n)),
  hash: fc.nat(0xffff_ffff),
  max: fc.constant(false),
  nspace: text,
  pool: fc.integer({ min: -1000, max: 2 ** 40 }),
});

describe('hobject_t', () => {
  it('keeps its value over the wire and as text', () => {
    fc.assert(
      fc.property(hobject, o => {
        const d = new Decoder(encodeToBuffer(e => encodeHObject(e, o)));
        expect(decodeHObject(d)).toEqual(o);
        expect(d.remaining).toBe(0);
        expect(parseHObject(hobjectText(o))).toEqual(o);
      }),
    );
  });

  it('has a least and a greatest', () => {
    for (const o of [HOBJECT_MIN, HOBJECT_MAX])
      expect(decodeHObject(new Decoder(encodeToBuffer(e => encodeHObject(e, o))))).toEqual(o);
    fc.assert(
      fc.property(hobject, o => {
        expect(compareHObject(HOBJECT_MIN, o)).toBe(-1);
        expect(compareHObject(o, HOBJECT_MAX)).toBe(-1);
      }),
    );
  });

  it('sorts by pool, reversed hash, namespace, key or name, name, snap', () => {
    // The same order, told by bytes: a string of fixed-width parts would sort so.
    const sortKey = (o: HObject): Buffer[] => {
      const head = Buffer.alloc(12);
      head.writeBigUInt64BE(BigInt(o.pool) + (1n << 62n), 0);
      head.writeUInt32BE(Number.parseInt([...o.hash.toString(2).padStart(32, '0')].reverse().join(''), 2), 8);
      const snap = Buffer.alloc(8);
      snap.writeBigUInt64BE(o.snap);
      return [head, Buffer.from(o.nspace), Buffer.from(o.key || o.oid), Buffer.from(o.oid), snap];
    };
    fc.assert(
      fc.property(hobject, hobject, fc.nat(3), (a, b0, same) => {
        // Two random ones would nearly always differ in the first part.
        const b = { ...b0 };
        if (same > 0) Object.assign(b, { pool: a.pool, hash: a.hash });
        if (same > 1) Object.assign(b, { nspace: a.nspace, key: a.key });
        if (same > 2) Object.assign(b, { oid: a.oid });
        const [x, y] = [sortKey(a), sortKey(b)];
        const first = x.findIndex((part, i) => !part.equals(y[i]));
        expect(compareHObject(a, b)).toBe(first < 0 ? 0 : Buffer.compare(x[first], y[first]));
      }),
    );
  });

  it('reverses bits', () => {
    expect(reverseBits(1)).toBe(0x80000000);
    fc.assert(fc.property(fc.nat(0xffff_ffff), n => reverseBits(reverseBits(n)) === n));
  });

  it('compares strings by their UTF-8', () => {
    const any = fc.string({ unit: 'binary', maxLength: 4 });
    fc.assert(
      fc.property(any, any, (a, b) => {
        fc.pre(!/\p{Cs}/u.test(a) && !/\p{Cs}/u.test(b));
        expect(compareBytewise(a, b)).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
    expect(compareBytewise('\uffff', '\u{10000}')).toBe(-1);
  });

  it('shows shard and generation of a stored object', () => {
    const o = parseHObject('3:bd63b0f1:::name:head')!;
    expect(ghobjectText(makeGHObject(o))).toBe('#3:bd63b0f1:::name:head#');
    expect(ghobjectText(makeGHObject(o, 2, 17n))).toBe('2#3:bd63b0f1:::name:head#11');
  });
});

describe('PG ids', () => {
  it.each(['0.0', '1.7f', '12.ffffffff'])('%s', name => expect(pgText(parsePgId(name)!)).toBe(name));
  it.each(['1.7f', '1.7fs2', '3.0s11'])('%s with a shard', name =>
    expect(spgText(parseSpgId(name)!)).toBe(name),
  );
  it.each(['', '1', '1.', '.1', '1.g', '1.123456789', '1.7fs', '1.7fsx', '1.7fs200'])('%s is none', name =>
    expect(parseSpgId(name)).toBeUndefined(),
  );
  it('holders', () => {
    expect(pgShardText({ osd: 3, shard: -1 })).toBe('3');
    expect(pgShardText({ osd: 3, shard: 1 })).toBe('3(1)');
    expect(pgShardText({ osd: -1, shard: -1 })).toBe('?');
  });
  it.each(['meta', '1.7f_head', '1.7fs2_head', '4.0_TEMP'])('collection %s', name => {
    const c = parseColl(name)!;
    expect(collText(decodeColl(new Decoder(encodeToBuffer(e => encodeColl(e, c)))))).toBe(name);
  });
});

describe('small types', () => {
  it('eversion_t has a greatest', () => {
    const bytes = encodeToBuffer(e => encodeEVersion(e, EVERSION_MAX));
    expect(bytes.toString('hex')).toBe('ff'.repeat(12));
    expect(decodeEVersion(new Decoder(bytes))).toEqual(EVERSION_MAX);
    expect(compareEVersion({ epoch: 2, version: 1 }, { epoch: 1, version: 9 })).toBe(1);
  });

  it('snap contexts are newest first', () => {
    expect(snapContextIsValid({ seq: 5n, snaps: [5n, 3n, 1n] })).toBe(true);
    expect(snapContextIsValid({ seq: 4n, snaps: [5n] })).toBe(false);
    expect(snapContextIsValid({ seq: 5n, snaps: [3n, 3n] })).toBe(false);
    expect(snapContextIsValid({ seq: 5n, snaps: [3n, 0n] })).toBe(false);
    expect(snapContextIsValid({ seq: SNAP_HEAD, snaps: [] })).toBe(false);
  });

  it('utime_t', () => {
    expect(utimeText({ sec: 0x60408e4d, nsec: 12_345_678 })).toBe('2021-03-04T07:37:49.012345+0000');
    expect(utimeText({ sec: 12, nsec: 345_678_000 })).toBe('12.345678');
    fc.assert(
      fc.property(fc.nat(4_000_000_000), fc.nat(999), (sec, ms) => {
        expect(Math.round(utimeToMs(utimeFromMs(sec * 1000 + ms)))).toBe(sec * 1000 + ms);
      }),
    );
  });

  it('uuids', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), bytes => {
        expect(Uint8Array.from(uuidToBytes(uuidFromBytes(bytes)))).toEqual(bytes);
        expect(uuidFromRandom(bytes)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
    expect(() => uuidToBytes('nonsense')).toThrow(/not a uuid/);
  });
});
