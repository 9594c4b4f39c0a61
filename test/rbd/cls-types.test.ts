import { describe, expect, it } from 'vitest';
import { Decoder } from '../../src/base/decoder.ts';
import { encodeToBuffer } from '../../src/base/encoder.ts';
import { mirrorImage, trashImageSpec, trashImages } from '../../src/ceph/types/cls-rbd.ts';
import {
  BitVector,
  bitVector,
  decodeBitVector,
  encodeBitVector,
} from '../../src/ceph/types/cls-rbd-bit-vector.ts';
import { clsRbdParent, clsRbdSnap, emptySnap, NO_PARENT } from '../../src/ceph/types/cls-rbd-header.ts';
import { decodeOldHeader, encodeOldHeader, type OldHeader } from '../../src/ceph/types/cls-rbd-old.ts';
import { fuzzDecoder, prng } from '../support/fuzz.ts';

function random(size: number, seed: number): BitVector {
  const next = prng(seed);
  const v = new BitVector(size);
  for (let i = 0; i < size; i++) v.set(i, next() & 3);
  return v;
}

describe('bit vectors', () => {
  it('come back as they were, with checksums and without', () => {
    for (const size of [0, 1, 3, 4, 5, 16_383, 16_384, 16_385, 50_000])
      for (const crc of [true, false]) {
        const v = random(size, size + 1);
        const d = new Decoder(encodeToBuffer(e => encodeBitVector(e, v, crc)));
        const again = decodeBitVector(d);
        expect(again.size).toBe(size);
        expect(again.data.equals(v.data)).toBe(true);
        expect(d.remaining).toBe(0);
      }
  });

  it('are refused when a bit of theirs changed', () => {
    const bytes = encodeToBuffer(e => bitVector.encode(e, random(20_000, 3)));
    for (const at of [10, 18, 100, 4096 + 18, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 1;
      expect(() => decodeBitVector(new Decoder(damaged)), `byte ${at}`).toThrow('BitVector');
    }
  });

  it('fill and resize as element by element', () => {
    const next = prng(7);
    for (let round = 0; round < 200; round++) {
      const size = 1 + (next() % 40);
      const v = random(size, round + 1);
      const model = Array.from({ length: size }, (_, i) => v.get(i));
      const start = next() % size;
      const end = start + (next() % (size - start + 1));
      const value = next() & 3;
      v.fill(value, start, end);
      model.fill(value, start, end);
      expect(Array.from({ length: size }, (_, i) => v.get(i))).toEqual(model);
      const grown = size + (next() % 20);
      v.resize(grown);
      expect(v.data.length).toBe(Math.ceil(grown / 4));
      expect(Array.from({ length: size }, (_, i) => v.get(i))).toEqual(model);
    }
  });
});

const OLD: OldHeader = {
  text: '<<< Rados Block Device Image >>>\n',
  blockName: 'rb.0.1011.6b8b4567',
  signature: 'RBD',
  version: '001.005',
  order: 22,
  cryptType: 0,
  compType: 0,
  imageSize: 1 << 30,
  snapSeq: 7n,
  snaps: [
    { id: 7n, imageSize: 1 << 30, name: 'second' },
    { id: 3n, imageSize: 1 << 29, name: 'first' },
  ],
};

describe('headers of format 1', () => {
  it('come back as they were', () => {
    const bytes = encodeToBuffer(e => encodeOldHeader(e, OLD));
    expect(bytes.length).toBe(112 + 2 * 16 + 'second'.length + 'first'.length + 2);
    expect(decodeOldHeader(new Decoder(bytes))).toEqual(OLD);
  });
});

describe('damaged input', () => {
  const spec = {
    source: 0,
    name: 'gone',
    deletionTime: { sec: 1, nsec: 2 },
    defermentEndTime: { sec: 3, nsec: 4 },
    state: 0,
  };
  const parent = { ...NO_PARENT, poolId: 1, imageId: 'abc', snapId: 4n, headOverlap: 77, structV: 1 };

  it('is survived by every decoder', () => {
    const cases: [string, (d: Decoder) => unknown, Buffer][] = [
      ['BitVector', decodeBitVector, encodeToBuffer(e => bitVector.encode(e, random(90, 2)))],
      ['old header', decodeOldHeader, encodeToBuffer(e => encodeOldHeader(e, OLD))],
      ['trash', trashImages.decode, encodeToBuffer(e => trashImages.encode(e, new Map([['id', spec]])))],
      ['trash spec', trashImageSpec.decode, encodeToBuffer(e => trashImageSpec.encode(e, spec))],
      [
        'mirror image',
        mirrorImage.decode,
        encodeToBuffer(e => mirrorImage.encode(e, { globalImageId: 'g', state: 1, mode: 0 })),
      ],
      ['parent of version 1', clsRbdParent.decode, encodeToBuffer(e => clsRbdParent.encode(e, parent))],
      ['snapshot', clsRbdSnap.decode, encodeToBuffer(e => clsRbdSnap.encode(e, emptySnap))],
    ];
    for (const [name, decode, sample] of cases) fuzzDecoder(name, decode, [sample], 2000);
  });
});

describe('what older releases wrote', () => {
  it('is read: a parent of version 1', () => {
    const bytes = encodeToBuffer(e => clsRbdParent.encode(e, parentV1));
    expect(bytes[0]).toBe(1);
    expect(clsRbdParent.decode(new Decoder(bytes))).toEqual(parentV1);
  });

  it('is read: a snapshot of version 4 with a parent of its own', () => {
    const bytes = encodeToBuffer(e => {
      const mark = e.start(4, 1);
      e.u64b(9n);
      e.str('snap');
      e.u64(4096);
      e.u64b(1n);
      clsRbdParent.encode(e, parentV1);
      e.u8(2);
      e.u64b(1n);
      e.finish(mark);
    });
    const snap = clsRbdSnap.decode(new Decoder(bytes));
    expect(snap).toEqual({
      ...emptySnap,
      id: 9n,
      name: 'snap',
      imageSize: 4096,
      parent: parentV1,
      protectionStatus: 2,
      flags: 1n,
    });
  });
});

const parentV1 = { ...NO_PARENT, poolId: 1, imageId: 'abc', snapId: 4n, headOverlap: 77, structV: 1 };
