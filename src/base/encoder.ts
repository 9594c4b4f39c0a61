const EMPTY = Buffer.alloc(0);

/**
 * Appends little-endian fields to a growing buffer and references large payloads instead of copying them.
 *
 * Versioned structs are Ceph's ENCODE_START (include/encoding.h): u8 version, u8 compat version,
 * u32 length of what follows. `start` writes the head and returns a mark, `finish` fills in the length.
 */
export class Encoder {
  private buf: Buffer;
  private view: DataView;
  /** Bytes written into `buf`. */
  private at = 0;
  /** Start in `buf` of the bytes that are in no segment yet. */
  private cut = 0;
  /** Bytes in finished segments. */
  private before = 0;
  private parts: Uint8Array[] | undefined;

  constructor(capacity = 256) {
    this.buf = Buffer.allocUnsafeSlow(capacity);
    this.view = new DataView(this.buf.buffer, this.buf.byteOffset, capacity);
  }

  /** Bytes appended so far, referenced payloads included. */
  get length(): number {
    return this.before + this.at - this.cut;
  }

  /** Forgets the content and keeps the memory. Only for one whose bytes are no longer in anyone's hands. */
  reset(): void {
    this.at = 0;
    this.cut = 0;
    this.before = 0;
    this.parts = undefined;
  }

  private grow(need: number): void {
    // The content keeps its place in the new buffer, so marks (offsets in buf) stay valid.
    let capacity = this.buf.length * 2;
    while (capacity < this.at + need) capacity *= 2;
    const bigger = Buffer.allocUnsafeSlow(capacity);
    this.buf.copy(bigger, 0, 0, this.at);
    if (this.parts !== undefined) this.repoint(bigger);
    this.buf = bigger;
    this.view = new DataView(bigger.buffer, bigger.byteOffset, capacity);
  }

  /** Segments that view the old buffer move to the new one, so that a mark before them can still be patched. */
  private repoint(bigger: Buffer): void {
    const parts = this.parts!;
    const old = this.buf;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (part.buffer !== old.buffer) continue;
      const start = part.byteOffset - old.byteOffset;
      parts[i] = bigger.subarray(start, start + part.length);
    }
  }

  /** Makes sure that `n` more bytes fit without growing. */
  reserve(n: number): void {
    if (this.at + n > this.buf.length) this.grow(n);
  }

  u8(value: number): void {
    if (this.at + 1 > this.buf.length) this.grow(1);
    this.buf[this.at++] = value;
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u16(value: number): void {
    if (this.at + 2 > this.buf.length) this.grow(2);
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    if (this.at + 4 > this.buf.length) this.grow(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  i32(value: number): void {
    this.u32(value);
  }

  /** A non-negative integer below 2^53. */
  u64(value: number): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setUint32(this.at, value, true);
    this.view.setUint32(this.at + 4, value / 0x1_0000_0000, true);
    this.at += 8;
  }

  /** An integer between -2^53 and 2^53. */
  i64(value: number): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setUint32(this.at, value, true);
    this.view.setInt32(this.at + 4, Math.floor(value / 0x1_0000_0000), true);
    this.at += 8;
  }

  /** A 64-bit field that may use all its bits (snap ids, cookies, features). Negative values wrap. */
  u64b(value: bigint): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setBigUint64(this.at, BigInt.asUintN(64, value), true);
    this.at += 8;
  }

  f32(value: number): void {
    if (this.at + 4 > this.buf.length) this.grow(4);
    this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }

  f64(value: number): void {
    if (this.at + 8 > this.buf.length) this.grow(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** Copies raw bytes, without a length. */
  bytes(value: Uint8Array): void {
    const n = value.length;
    if (this.at + n > this.buf.length) this.grow(n);
    this.buf.set(value, this.at);
    this.at += n;
  }

  zeros(n: number): void {
    if (this.at + n > this.buf.length) this.grow(n);
    const end = this.at + n;
    // A call of fill costs more than a few stores.
    if (n > 64) this.buf.fill(0, this.at, end);
    else for (let i = this.at; i < end; i++) this.buf[i] = 0;
    this.at = end;
  }

  /** u32 length, then the bytes (copied): a small bufferlist. */
  blob(value: Uint8Array): void {
    this.u32(value.length);
    this.bytes(value);
  }

  /** u32 length, then UTF-8. */
  str(value: string): void {
    const n = value.length;
    // Room for the worst case, so that one pass suffices.
    if (this.at + 4 + n * 3 > this.buf.length) this.grow(4 + n * 3);
    const { buf } = this;
    const start = this.at + 4;
    if (n <= 48) {
      let i = 0;
      for (; i < n; i++) {
        const c = value.charCodeAt(i);
        if (c > 127) break;
        buf[start + i] = c;
      }
      if (i === n) {
        this.view.setUint32(this.at, n, true);
        this.at = start + n;
        return;
      }
    }
    const written = buf.write(value, start, 'utf8');
    this.view.setUint32(this.at, written, true);
    this.at = start + written;
  }

  /** u32 length, then one byte a character (each below 256): a string of arbitrary bytes, such as an omap key. */
  bin(value: string): void {
    const n = value.length;
    if (this.at + 4 + n > this.buf.length) this.grow(4 + n);
    this.view.setUint32(this.at, n, true);
    this.buf.write(value, this.at + 4, 'latin1');
    this.at += 4 + n;
  }

  /** References bytes without a length; they must not change until the message has left. */
  ref(value: Uint8Array): void {
    if (value.length === 0) return;
    this.parts ??= [];
    if (this.at > this.cut) this.parts.push(this.buf.subarray(this.cut, this.at));
    this.parts.push(value);
    this.before += this.at - this.cut + value.length;
    this.cut = this.at;
  }

  /** u32 length, then referenced bytes: a large bufferlist. */
  refBlob(value: Uint8Array): void {
    this.u32(value.length);
    this.ref(value);
  }

  /** Opens a versioned struct; give the mark to `finish`. */
  start(version: number, compat: number): number {
    if (this.at + 6 > this.buf.length) this.grow(6);
    const { buf, at } = this;
    buf[at] = version;
    buf[at + 1] = compat;
    // Kept here until finish: how many bytes of segments came before, so that referenced bytes count too.
    this.view.setUint32(at + 2, this.before - this.cut, true);
    this.at = at + 6;
    return at;
  }

  finish(mark: number): void {
    const base = this.view.getInt32(mark + 2, true);
    const length = this.before - this.cut - base + this.at - mark - 6;
    this.patch(mark + 2, length);
  }

  /** Leaves room for a u32 that is known later; give the mark to `fillU32`. */
  holdU32(): number {
    this.u32(0);
    return this.at - 4;
  }

  fillU32(mark: number, value: number): void {
    this.patch(mark, value);
  }

  private patch(at: number, value: number): void {
    // Segments are views of the same memory, so this reaches bytes that were cut out already.
    this.view.setUint32(at, value, true);
  }

  /** What was appended, in order, referenced payloads as they are. */
  segments(): Uint8Array[] {
    const tail = this.buf.subarray(this.cut, this.at);
    if (this.parts === undefined) return tail.length === 0 ? [] : [tail];
    return tail.length === 0 ? this.parts.slice() : [...this.parts, tail];
  }

  /** What was appended as one buffer; copies only when something was referenced. */
  result(): Buffer {
    if (this.parts === undefined) return this.at === 0 ? EMPTY : this.buf.subarray(0, this.at);
    return Buffer.concat(this.segments());
  }
}

/** Runs an encode function on a fresh encoder and returns the bytes. */
export function encodeToBuffer(encode: (e: Encoder) => void): Buffer {
  const e = new Encoder();
  encode(e);
  return e.result();
}
