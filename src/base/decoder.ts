import { DecodeError } from './errors.ts';

const TWO32 = 0x1_0000_0000;
const MAX_DEPTH = 64;

/**
 * Reads little-endian fields with bounds checks. Every failure is a DecodeError that names the type that
 * was being read and the offset. Counts are checked against the bytes that are left before anything is
 * allocated or looped over (`count`).
 *
 * Versioned structs are Ceph's DECODE_START: `const end = d.start('pg_info_t', 32); const v = d.structV; ...
 * d.finish(end);`: what a newer encoder appended is skipped, what needs a newer decoder is refused.
 */
export class Decoder {
  readonly buf: Buffer;
  /** Next byte to read. */
  offset: number;
  /** First byte after what may be read: the end of the innermost open struct, or of the buffer. */
  limit: number;
  /** Version of the struct opened last; copy it before decoding a field that is a struct itself. */
  structV = 0;
  /** Type named in errors. */
  type: string;
  private readonly view: DataView;
  private depth = 0;

  constructor(bytes: Uint8Array, type = 'bytes') {
    this.buf = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.offset = 0;
    this.limit = bytes.length;
    this.type = type;
  }

  get remaining(): number {
    return this.limit - this.offset;
  }

  fail(message: string): never {
    throw new DecodeError(this.type, this.offset, message);
  }

  private short(n: number): never {
    this.fail(`${n} bytes wanted, ${this.limit - this.offset} left`);
  }

  u8(): number {
    const at = this.offset;
    if (at + 1 > this.limit) this.short(1);
    this.offset = at + 1;
    return this.buf[at];
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  bool(): boolean {
    return this.u8() !== 0;
  }

  u16(): number {
    const at = this.offset;
    if (at + 2 > this.limit) this.short(2);
    this.offset = at + 2;
    return this.view.getUint16(at, true);
  }

  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  u32(): number {
    const at = this.offset;
    if (at + 4 > this.limit) this.short(4);
    this.offset = at + 4;
    return this.view.getUint32(at, true);
  }

  i32(): number {
    const at = this.offset;
    if (at + 4 > this.limit) this.short(4);
    this.offset = at + 4;
    return this.view.getInt32(at, true);
  }

  /** A u64 that must be below 2^53. */
  u64(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    const high = this.view.getUint32(at + 4, true);
    if (high > 0x1f_ffff)
      this.fail(`64-bit value 0x${this.view.getBigUint64(at, true).toString(16)} is above 2^53`);
    this.offset = at + 8;
    return high * TWO32 + this.view.getUint32(at, true);
  }

  /** An s64 that must be between -2^53 and 2^53. */
  i64(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    const value = this.view.getInt32(at + 4, true) * TWO32 + this.view.getUint32(at, true);
    if (!Number.isSafeInteger(value)) this.fail(`64-bit value ${value} is beyond 2^53`);
    this.offset = at + 8;
    return value;
  }

  u64b(): bigint {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    return this.view.getBigUint64(at, true);
  }

  i64b(): bigint {
    return BigInt.asIntN(64, this.u64b());
  }

  f32(): number {
    const at = this.offset;
    if (at + 4 > this.limit) this.short(4);
    this.offset = at + 4;
    return this.view.getFloat32(at, true);
  }

  f64(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    return this.view.getFloat64(at, true);
  }

  /** A view of the next `n` bytes; not a copy. */
  bytes(n: number): Buffer {
    const at = this.offset;
    if (at + n > this.limit) this.short(n);
    this.offset = at + n;
    return this.buf.subarray(at, at + n);
  }

  skip(n: number): void {
    if (this.offset + n > this.limit) this.short(n);
    this.offset += n;
  }

  /** u32 length, then that many bytes; a view, not a copy. */
  blob(): Buffer {
    return this.bytes(this.u32());
  }

  /** u32 length, then UTF-8. */
  str(): string {
    const n = this.u32();
    const at = this.offset;
    if (at + n > this.limit) this.short(n);
    this.offset = at + n;
    return n === 0 ? '' : this.buf.toString('utf8', at, at + n);
  }

  /** u32 length, then arbitrary bytes as a string of one character a byte: keeps what is not UTF-8, sorts as bytes do. */
  bin(): string {
    const n = this.u32();
    const at = this.offset;
    if (at + n > this.limit) this.short(n);
    this.offset = at + n;
    return n === 0 ? '' : this.buf.toString('latin1', at, at + n);
  }

  rest(): Buffer {
    return this.bytes(this.limit - this.offset);
  }

  /** A u32 element count, refused when `count * minBytes` exceeds what is left. */
  count(minBytes = 1): number {
    const n = this.u32();
    if (n * minBytes > this.limit - this.offset)
      this.fail(`${n} elements of at least ${minBytes} bytes, ${this.limit - this.offset} bytes left`);
    return n;
  }

  /** Guards recursion in the data: throws past a fixed depth. Pair with `leave`. */
  enter(): void {
    if (++this.depth > MAX_DEPTH) this.fail('nested too deeply');
  }

  leave(): void {
    this.depth--;
  }

  /**
   * Opens a versioned struct of a type that we know up to `known`. Returns what `finish` wants.
   * @throws DecodeError when the writer says that version `known` cannot read it, or its length is a lie.
   */
  start(type: string, known: number): number {
    this.type = type;
    const at = this.offset;
    if (at + 6 > this.limit) this.short(6);
    const compat = this.buf[at + 1];
    const length = this.view.getUint32(at + 2, true);
    this.structV = this.buf[at];
    if (compat > known) this.fail(`needs version ${compat}, ${known} is known`);
    this.offset = at + 6;
    if (this.offset + length > this.limit) this.short(length);
    const outer = this.limit;
    this.limit = this.offset + length;
    return outer;
  }

  /**
   * Opens a struct that once had no compat version and length: DECODE_START_LEGACY_COMPAT_LEN. Versions below
   * `compatSince` have only the version byte, versions below `lengthSince` no length.
   */
  startLegacy(type: string, known: number, compatSince: number, lengthSince: number, wide = false): number {
    this.type = type;
    // The oldest forms wrote the version in 32 bits (DECODE_START_LEGACY_COMPAT_LEN_32).
    const v = wide ? this.u32() : this.u8();
    this.structV = v;
    const outer = this.limit;
    if (v >= compatSince) {
      const compat = this.u8();
      if (compat > known) this.fail(`needs version ${compat}, ${known} is known`);
    }
    if (v >= lengthSince) {
      const length = this.u32();
      if (this.offset + length > outer) this.short(length);
      this.limit = this.offset + length;
      return outer;
    }
    // Without a length the struct ends where its fields end: a mark that `finish` recognises.
    return -1;
  }

  /** Closes the struct: skips what was appended by a newer version. */
  finish(outer: number): void {
    if (outer < 0) return;
    this.offset = this.limit;
    this.limit = outer;
  }
}
