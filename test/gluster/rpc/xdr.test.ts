import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import {
  decodeGfxDict,
  encodeGfxDict,
  serializeDict,
  unserializeDict,
} from '../../../src/gluster/rpc/dict.ts';
import { decodeGfIatt, decodeIattx, encodeGfIatt, encodeIattx } from '../../../src/gluster/rpc/iatt.ts';
import { XdrDecoder } from '../../../src/gluster/rpc/xdr-decoder.ts';
import { XdrEncoder } from '../../../src/gluster/rpc/xdr-encoder.ts';
import { Dict } from '../../../src/gluster/types/dict.ts';
import { gfidFromRandom } from '../../../src/gluster/types/gfid.ts';
import { Iatt } from '../../../src/gluster/types/iatt.ts';

function encoded(write: (e: XdrEncoder) => void): Buffer {
  const e = new XdrEncoder();
  e.begin();
  write(e);
  e.end();
  return e.result();
}

const BYTES = fc.uint8Array({ maxLength: 100 });
const TEXT = BYTES.map(bytes => Buffer.from(bytes).toString('latin1'));

describe('XDR', () => {
  it('numbers', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.maxSafeInteger(),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        (small, signed, big) => {
          const bytes = encoded(e => {
            e.u32(small);
            e.i64(signed);
            e.u64(Math.abs(signed));
            e.u64b(big);
          });
          const d = new XdrDecoder(bytes);
          expect(d.u32()).toBe(small);
          expect(d.i64()).toBe(signed);
          expect(d.u64()).toBe(Math.abs(signed));
          expect(d.u64b()).toBe(big);
          expect(d.remaining).toBe(0);
        },
      ),
    );
  });

  it('texts and bytes are padded to 4 with zeros', () => {
    fc.assert(
      fc.property(TEXT, BYTES, (text, bytes) => {
        const out = encoded(e => {
          e.u32(0xffff_ffff);
          e.text(text);
          e.textz(text);
          e.opaque(bytes);
        });
        expect(out.length % 4).toBe(0);
        const d = new XdrDecoder(out);
        d.u32();
        expect(d.text()).toBe(text);
        expect(d.text()).toBe(`${text}\0`);
        expect([...d.opaque()]).toEqual([...bytes]);
        expect(d.remaining).toBe(0);
        for (let i = 0; i < bytes.length % 4 && bytes.length % 4 > 0 && i < 4 - (bytes.length % 4); i++)
          expect(out[out.length - 1 - i]).toBe(0);
      }),
    );
  });

  it('records follow each other in one memory, and large ones grow', () => {
    const e = new XdrEncoder(64);
    const sizes = [4, 100, 4000, 40_000, 8, 70_000, 12];
    for (const size of sizes) {
      e.begin();
      const mark = e.hold();
      e.bytes(Buffer.alloc(size, size & 0xff));
      e.fill(mark, e.recordLength);
      e.end();
    }
    const out = Buffer.concat(e.take());
    let at = 0;
    for (const size of sizes) {
      expect(out.readUInt32BE(at)).toBe(size + 4);
      expect(out.subarray(at + 4, at + 4 + size).every(byte => byte === (size & 0xff))).toBe(true);
      at += 4 + size;
    }
    expect(at).toBe(out.length);
  });

  it('references payloads, and takes back what was not ended', () => {
    const e = new XdrEncoder();
    const payload = Buffer.alloc(100_000, 7);
    e.begin();
    e.u32(1);
    e.ref(payload);
    expect(e.recordLength).toBe(100_004);
    e.end();
    e.begin();
    e.u32(0xdead);
    e.begin();
    e.u32(2);
    e.end();
    const parts = e.take();
    expect(parts[1]).toBe(payload);
    expect(Buffer.concat(parts).subarray(100_004).toString('hex')).toBe('00000002');
    expect(e.length).toBe(0);
  });

  it('refuses what is not there', () => {
    const d = new XdrDecoder(Buffer.from('ffffffff00000000', 'hex'));
    expect(() => d.text()).toThrow(DecodeError);
    d.offset = 0;
    expect(() => d.opaque()).toThrow(/bytes wanted/);
    d.offset = 0;
    expect(() => d.count(4)).toThrow(DecodeError);
    d.offset = 0;
    expect(() => d.u64()).toThrow(/above 2\^53/);
    d.offset = 4;
    expect(() => d.u64()).toThrow(DecodeError);
    // 3 bytes of text and no padding: cut off.
    expect(() => new XdrDecoder(Buffer.from('00000003616263', 'hex')).text()).toThrow(DecodeError);
  });
});

function someDict(): Dict {
  const iatt = new Iatt();
  iatt.gfid = gfidFromRandom(Buffer.alloc(16, 3));
  iatt.size = 2 ** 45 + 1;
  iatt.mode = 0o100644;
  iatt.mtime = -5;
  iatt.mtimeNsec = 999_999_999;
  return new Dict()
    .setInt('int', -42)
    .setInt('long', -(1n << 60n))
    .setUint('uint', (1n << 64n) - 1n)
    .setString('text', 'caf\xe9')
    .setBytes('bytes', Buffer.from([0, 255, 1]))
    .setGfid('gfid', iatt.gfid)
    .setIatt('iatt', iatt)
    .set('mdata', {
      type: 9,
      value: { atime: 1, atimeNsec: 2, mtime: 3, mtimeNsec: 4, ctime: 5, ctimeNsec: 6 },
    })
    .set('double', { type: 4, value: 1.5 });
}

describe('dicts', () => {
  it('4.x: every type, and none', () => {
    const dict = someDict();
    const d = new XdrDecoder(encoded(e => encodeGfxDict(e, dict)));
    expect(decodeGfxDict(d)).toEqual(dict);
    expect(d.remaining).toBe(0);
    const none = encoded(e => encodeGfxDict(e, undefined));
    expect(none.toString('hex')).toBe('00000000ffffffff00000000');
    expect(decodeGfxDict(new XdrDecoder(none))).toBeUndefined();
    const empty = encoded(e => encodeGfxDict(e, new Dict()));
    expect(decodeGfxDict(new XdrDecoder(empty))).toEqual(new Dict());
  });

  it('serialized: numbers are text, and attributes are refused', () => {
    const dict = new Dict()
      .setInt('int', -42)
      .setString('text', 'x')
      .setBytes('bytes', Buffer.from([0]));
    const back = unserializeDict(serializeDict(dict), message => {
      throw new Error(message);
    });
    expect(back.int('int')).toBe(-42);
    expect(back.string('text')).toBe('x');
    expect([...back.bytes('bytes')!]).toEqual([0]);
    expect(() => serializeDict(someDict())).toThrow(/ENOTSUP.*iatt/);
  });
});

describe('attributes', () => {
  it('go there and back in both forms', () => {
    const s = new Iatt();
    Object.assign(s, { gfid: gfidFromRandom(Buffer.alloc(16, 9)), inoHi: 0xffff_ffff, inoLo: 1, dev: 64768 });
    Object.assign(s, {
      mode: 0o40755,
      nlink: 2,
      uid: 1000,
      gid: 0xffff_fffe,
      rdev: 0,
      size: 4096,
      blksize: 4096,
    });
    Object.assign(s, {
      blocks: 8,
      atime: 1e9,
      atimeNsec: 1,
      mtime: 2e9,
      mtimeNsec: 2,
      ctime: 3e9,
      ctimeNsec: 3,
    });
    expect(decodeGfIatt(new XdrDecoder(encoded(e => encodeGfIatt(e, s))))).toEqual(s);
    Object.assign(s, { flags: 0x1fff, btime: 5, btimeNsec: 6, attributes: 0x20, attributesMask: 0x7f });
    expect(decodeIattx(new XdrDecoder(encoded(e => encodeIattx(e, s))))).toEqual(s);
  });
});
