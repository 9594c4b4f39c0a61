import { putLatin1 } from './latin1.ts';

const SLAB = 16 * 1024;
/** What is there at least for each record's first bytes, so that most records never grow. */
const HEADROOM = 1024;

/**
 * Writes XDR (RFC 4506: big-endian, everything padded to 4 bytes) for one stream, record after record, into memory that is handed
 * out by `take` and never written again; large payloads are referenced, not copied.
 *
 * A mark is the distance from the record's start; it is good until the record ends.
 */
export class XdrEncoder {
  private buf: Buffer;
  private view: DataView;
  private at = 0;
  /** Start of the bytes that are in no part yet. */
  private cut = 0;
  /** Start of the record being written. */
  private recordStart = 0;
  /** Bytes that the record references. */
  private referenced = 0;
  /** A record was begun and not ended. */
  private open = false;
  private parts: Uint8Array[] = [];
  private queued = 0;

  constructor(capacity = SLAB) {
    this.buf = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.buf.buffer, this.buf.byteOffset, capacity);
  }

  /** Bytes written and not taken. */
  get length(): number {
    return this.queued + this.at - this.cut;
  }

  private renew(capacity: number): void {
    this.buf = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.buf.buffer, this.buf.byteOffset, capacity);
  }

  /** The record moves to larger memory; what was written before it stays where it is. Nothing was referenced in it yet. */
  private grow(need: number): void {
    if (this.referenced > 0) throw new Error('a referenced payload ends its record');
    const { buf, recordStart } = this;
    const used = this.at - recordStart;
    if (recordStart > this.cut) {
      this.parts.push(buf.subarray(this.cut, recordStart));
      this.queued += recordStart - this.cut;
    }
    this.renew(Math.max(SLAB, (used + need) * 2));
    buf.copy(this.buf, 0, recordStart, this.at);
    this.recordStart = 0;
    this.cut = 0;
    this.at = used;
  }

  /** Begins a record. One that was begun and not ended, because something in it could not be encoded, is taken back. */
  begin(): void {
    if (this.open) this.abandon();
    this.open = true;
    if (this.at + HEADROOM > this.buf.length) {
      this.flushPart();
      this.renew(SLAB);
      this.at = 0;
      this.cut = 0;
    }
    this.recordStart = this.at;
    this.referenced = 0;
  }

  /** The record is whole. */
  end(): void {
    this.open = false;
  }

  /** Takes back the record that was begun. */
  abandon(): void {
    if (this.referenced > 0) throw new Error('a record with references cannot be taken back');
    this.at = this.recordStart;
    this.open = false;
  }

  /** Takes back the record that was ended last, for later: its bytes are copied to `to` at `at`. Their number, or -1 when it has to stay. */
  withdraw(to: Buffer, at: number): number {
    const length = this.at - this.recordStart;
    if (this.referenced > 0 || length > to.length - at) return -1;
    this.buf.copy(to, at, this.recordStart, this.at);
    this.at = this.recordStart;
    return length;
  }

  /** Bytes of the record so far, references included. */
  get recordLength(): number {
    return this.at - this.recordStart + this.referenced;
  }

  private flushPart(): void {
    if (this.at > this.cut) {
      this.parts.push(this.buf.subarray(this.cut, this.at));
      this.queued += this.at - this.cut;
      this.cut = this.at;
    }
  }

  /** All that was written since the last call, in order. The encoder does not touch it any more. */
  take(): Uint8Array[] {
    if (this.open && this.referenced === 0) this.abandon();
    this.flushPart();
    const { parts } = this;
    this.parts = [];
    this.queued = 0;
    return parts;
  }

  /** As one buffer; copies when there are references. For small things and tests. */
  result(): Buffer {
    const parts = this.take();
    return parts.length === 1
      ? Buffer.from(parts[0].buffer, parts[0].byteOffset, parts[0].length)
      : Buffer.concat(parts);
  }

  u32(value: number): void {
    if (this.at + 4 > this.buf.length) this.grow(4);
    this.view.setUint32(this.at, value);
    this.at += 4;
  }

  i32(value: number): void {
    this.u32(value);
  }

  /** A non-negative integer below 2^53. */
  u64(value: number): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setUint32(this.at, value / 0x1_0000_0000);
    this.view.setUint32(this.at + 4, value);
    this.at += 8;
  }

  /** An integer between -2^53 and 2^53. */
  i64(value: number): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setInt32(this.at, Math.floor(value / 0x1_0000_0000));
    this.view.setUint32(this.at + 4, value);
    this.at += 8;
  }

  /** Any 64 bits; negative values wrap. */
  u64b(value: bigint): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setBigUint64(this.at, BigInt.asUintN(64, value));
    this.at += 8;
  }

  f64(value: number): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setFloat64(this.at, value);
    this.at += 8;
  }

  /** `n` bytes of a string of one character a byte, without length or padding: opaque[n], n a multiple of 4. */
  fixed(value: string, n: number): void {
    if (this.at + n > this.buf.length) this.grow(n);
    if (value.length !== n) throw new RangeError(`${value.length} bytes where ${n} belong`);
    putLatin1(this.buf, value, this.at, n);
    this.at += n;
  }

  /** opaque<>: length, bytes of a string of one character a byte, padding. */
  text(value: string): void {
    this.chars(value, value.length);
  }

  /** As `text`, with a NUL at the end that is counted. */
  textz(value: string): void {
    this.chars(value, value.length + 1);
  }

  private chars(value: string, n: number): void {
    const padded = (n + 3) & ~3;
    if (this.at + 4 + padded > this.buf.length) this.grow(4 + padded);
    this.view.setUint32(this.at, n);
    const start = this.at + 4;
    if (padded > 0) this.view.setUint32(start + padded - 4, 0);
    const { length } = value;
    if (length <= 24) {
      const { buf } = this;
      for (let i = 0; i < length; i++) buf[start + i] = value.charCodeAt(i);
    } else putLatin1(this.buf, value, start, length);
    this.at = start + padded;
  }

  /** opaque<>: length, bytes (copied), padding. */
  opaque(value: Uint8Array): void {
    const n = value.length;
    const padded = (n + 3) & ~3;
    if (this.at + 4 + padded > this.buf.length) this.grow(4 + padded);
    this.view.setUint32(this.at, n);
    if (padded > 0) this.view.setUint32(this.at + padded, 0);
    this.buf.set(value, this.at + 4);
    this.at += 4 + padded;
  }

  /** Bytes as they are, copied: no length, no padding. */
  bytes(value: Uint8Array): void {
    const n = value.length;
    if (this.at + n > this.buf.length) this.grow(n);
    this.buf.set(value, this.at);
    this.at += n;
  }

  /** Leaves room for a u32 and returns its mark. */
  hold(): number {
    this.u32(0);
    return this.at - 4 - this.recordStart;
  }

  fill(mark: number, value: number): void {
    this.view.setUint32(this.recordStart + mark, value);
  }

  /** Bytes between the end of the u32 at `mark` and here. */
  since(mark: number): number {
    return this.at - this.recordStart - mark - 4;
  }

  /** References bytes; they must not change until they have left. Only at the end of a record. */
  ref(value: Uint8Array): void {
    if (value.length === 0) return;
    if (this.at > this.cut) {
      this.parts.push(this.buf.subarray(this.cut, this.at));
      this.queued += this.at - this.cut;
    }
    this.parts.push(value);
    this.queued += value.length;
    this.referenced += value.length;
    this.cut = this.at;
  }
}
