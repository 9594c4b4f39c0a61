import { crc32c } from '../../base/crc32c.ts';
import type { Decoder } from '../../base/decoder.ts';
import { Encoder } from '../../base/encoder.ts';
import type { Codec } from './codec.ts';

/** Bytes of data that have a checksum of their own. */
export const BIT_VECTOR_BLOCK = 4096;
/** Bytes before the data: u32 length of the header, its version, u64 size. */
export const BIT_VECTOR_HEADER = 18;

/**
 * BitVector<2> (common/bit_vector.hpp), the form of object maps: two bits an element, the first in the highest bits
 * of the first byte.
 *
 * Encoded: a blob with ENCODE_START(1, 1): u64 elements; the data without a length; a blob that is empty or has u32
 * crc32c of the header, u32 blocks and u32 crc32c of each block of 4096 bytes (seed 0).
 */
export class BitVector {
  /** ceil(size / 4) bytes. */
  data: Buffer;
  /** Elements. */
  size: number;

  constructor(size = 0, data: Buffer = Buffer.alloc(Math.ceil(size / 4))) {
    this.size = size;
    this.data = data;
  }

  /** 0 to 3. The index must be below `size`. */
  get(index: number): number {
    return (this.data[index >>> 2] >>> ((3 - (index & 3)) << 1)) & 3;
  }

  set(index: number, value: number): void {
    const shift = (3 - (index & 3)) << 1;
    const at = index >>> 2;
    this.data[at] = (this.data[at] & ~(3 << shift)) | ((value & 3) << shift);
  }

  /** Sets [start, end). */
  fill(value: number, start = 0, end: number = this.size): void {
    let i = start;
    for (; i < end && (i & 3) !== 0; i++) this.set(i, value);
    const whole = (end - i) >>> 2;
    if (whole > 0) this.data.fill((value & 3) * 0x55, i >>> 2, (i >>> 2) + whole);
    for (i += whole * 4; i < end; i++) this.set(i, value);
  }

  /** New elements are 0, but for those in the last byte that were there before a smaller size was set. */
  resize(size: number): void {
    const bytes = Math.ceil(size / 4);
    if (bytes > this.data.length) {
      const data = Buffer.alloc(bytes);
      this.data.copy(data);
      this.data = data;
    } else if (bytes < this.data.length) this.data = this.data.subarray(0, bytes);
    this.size = size;
  }

  clone(): BitVector {
    return new BitVector(this.size, Buffer.from(this.data));
  }
}

function header(size: number): Buffer {
  const e = new Encoder(16);
  const mark = e.start(1, 1);
  e.u64(size);
  e.finish(mark);
  return e.result();
}

/** Checksum of a block of data. */
export function bitVectorBlockCrc(data: Uint8Array, block: number): number {
  const start = block * BIT_VECTOR_BLOCK;
  return crc32c(data, 0, start, Math.min(start + BIT_VECTOR_BLOCK, data.length));
}

/** `crc` false: without checksums, as "object_map_load" answers. */
export function encodeBitVector(e: Encoder, v: BitVector, crc = true): void {
  const head = header(v.size);
  e.blob(head);
  e.ref(v.data);
  if (!crc) {
    e.u32(0);
    return;
  }
  const blocks = Math.ceil(v.data.length / BIT_VECTOR_BLOCK);
  e.u32(8 + blocks * 4);
  e.u32(crc32c(head, 0));
  e.u32(blocks);
  for (let i = 0; i < blocks; i++) e.u32(bitVectorBlockCrc(v.data, i));
}

/** Elements that a header says there are. */
export function decodeBitVectorHeader(d: Decoder): { size: number; crc: number } {
  const n = d.u32();
  const start = d.offset;
  if (n > d.remaining) d.fail(`a header of ${n} bytes, ${d.remaining} left`);
  const end = d.start('BitVector', 1);
  const size = d.u64();
  d.finish(end);
  d.offset = start + n;
  return { size, crc: crc32c(d.buf, 0, start, start + n) };
}

/** Fails where a checksum is wrong. The data is a view of the input. */
export function decodeBitVector(d: Decoder): BitVector {
  const { size, crc } = decodeBitVectorHeader(d);
  const bytes = Math.ceil(size / 4);
  if (bytes > d.remaining) d.fail(`${size} elements, ${d.remaining} bytes left`);
  const data = d.bytes(bytes);
  const footer = d.u32();
  if (footer > d.remaining) d.fail(`checksums of ${footer} bytes, ${d.remaining} left`);
  const end = d.offset + footer;
  if (footer > 0) {
    const blocks = Math.ceil(bytes / BIT_VECTOR_BLOCK);
    if (footer < 8 + blocks * 4) d.fail('checksums are missing');
    if (d.u32() !== crc) d.fail('wrong checksum of the header');
    d.skip(4);
    for (let i = 0; i < blocks; i++)
      if (d.u32() !== bitVectorBlockCrc(data, i)) d.fail(`wrong checksum of block ${i}`);
  }
  d.offset = end;
  return new BitVector(size, data);
}

export const bitVector: Codec<BitVector> = {
  min: BIT_VECTOR_HEADER + 4,
  zero: () => new BitVector(),
  encode: (e, v) => encodeBitVector(e, v),
  decode: decodeBitVector,
};
