import { DecodeError } from '../../base/errors.ts';
import { GFID_LENGTH, type Gfid } from '../types/gfid.ts';
import type { Recyclable } from '../types/recyclable.ts';
import { latin1 } from './latin1.ts';
import { RecordMemory, takeRecord } from './record-pool.ts';

const TWO32 = 0x1_0000_0000;
/** Node has a pool of its own for copies that are smaller. */
const SMALL = 2048;

/**
 * Reads XDR with bounds checks. Strings are of one character a byte and always copies; `bytes` and `opaque` are views, which last
 * as long as the memory below them (see `owned`). One decoder may go from record to record (`reset`).
 */
export class XdrDecoder {
  buf: Buffer;
  offset: number;
  limit: number;
  /** Type named in errors. */
  type: string;
  /** The memory belongs to this record alone, so that a view of its payload may be kept. */
  owned: boolean;
  /** That memory, as long as nobody has claimed it. */
  record: Buffer | undefined = undefined;
  /** Of the payload read last: what can be used again once it is used up. */
  memory: Recyclable | undefined = undefined;
  private view: DataView;
  private base = 0;

  constructor(buf: Buffer, type = 'XDR', owned = true) {
    this.buf = buf;
    this.view = new DataView(buf.buffer, buf.byteOffset, buf.length);
    this.offset = 0;
    this.limit = buf.length;
    this.type = type;
    this.owned = owned;
  }

  reset(buf: Buffer, from: number, to: number, owned: boolean): void {
    if (buf !== this.buf) {
      this.buf = buf;
      this.view = new DataView(buf.buffer, buf.byteOffset, buf.length);
    }
    this.base = from;
    this.offset = from;
    this.limit = to;
    this.owned = owned;
  }

  get remaining(): number {
    return this.limit - this.offset;
  }

  fail(message: string): never {
    throw new DecodeError(this.type, this.offset - this.base, message);
  }

  private short(n: number): never {
    this.fail(`${n} bytes wanted, ${this.limit - this.offset} left`);
  }

  u32(): number {
    const at = this.offset;
    if (at + 4 > this.limit) this.short(4);
    this.offset = at + 4;
    return this.view.getUint32(at);
  }

  i32(): number {
    const at = this.offset;
    if (at + 4 > this.limit) this.short(4);
    this.offset = at + 4;
    return this.view.getInt32(at);
  }

  /** A u64 that must be below 2^53. */
  u64(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    const high = this.view.getUint32(at);
    if (high > 0x1f_ffff)
      this.fail(`64-bit value 0x${this.view.getBigUint64(at).toString(16)} is above 2^53`);
    this.offset = at + 8;
    // Small numbers stay small integers: a product with 2^32 would be a number on the heap wherever it is kept.
    const low = this.view.getUint32(at + 4);
    return high === 0 ? low : high * TWO32 + low;
  }

  /** An s64 that must be between -2^53 and 2^53. */
  i64(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    const high = this.view.getInt32(at);
    const low = this.view.getUint32(at + 4);
    const value = high === 0 ? low : high * TWO32 + low;
    if (!Number.isSafeInteger(value)) this.fail(`64-bit value ${value} is beyond 2^53`);
    this.offset = at + 8;
    return value;
  }

  /** A u64 of which a number close to it is enough (sizes of file systems, device numbers). */
  u64n(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    const high = this.view.getUint32(at);
    const low = this.view.getUint32(at + 4);
    return high === 0 ? low : high * TWO32 + low;
  }

  u64b(): bigint {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    return this.view.getBigUint64(at);
  }

  /** A signed number, a bigint where it is beyond 2^53. */
  i64any(): number | bigint {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    const value = this.view.getInt32(at) * TWO32 + this.view.getUint32(at + 4);
    return Number.isSafeInteger(value) ? value : this.view.getBigInt64(at);
  }

  /** An unsigned number, a bigint where it is beyond 2^53. */
  u64any(): number | bigint {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    const value = this.view.getUint32(at) * TWO32 + this.view.getUint32(at + 4);
    return Number.isSafeInteger(value) ? value : this.view.getBigUint64(at);
  }

  f64(): number {
    const at = this.offset;
    if (at + 8 > this.limit) this.short(8);
    this.offset = at + 8;
    return this.view.getFloat64(at);
  }

  /** opaque[n] as a string of one character a byte; n is a multiple of 4. */
  fixed(n: number): string {
    const at = this.offset;
    if (at + n > this.limit) this.short(n);
    this.offset = at + n;
    return latin1(this.buf, at, at + n);
  }

  gfid(): Gfid {
    return this.fixed(GFID_LENGTH) as Gfid;
  }

  /** The length of an opaque<> whose bytes, padding included, are there. */
  private varlen(): number {
    const n = this.u32();
    if (n > this.limit - this.offset || ((n + 3) & ~3) > this.limit - this.offset) this.short(n);
    return n;
  }

  /** opaque<> or string<> as a string of one character a byte. */
  text(): string {
    const n = this.varlen();
    const at = this.offset;
    this.offset = at + ((n + 3) & ~3);
    return n === 0 ? '' : latin1(this.buf, at, at + n);
  }

  /** As `text`, without a NUL at the end where there is one. */
  textz(): string {
    const n = this.varlen();
    const at = this.offset;
    this.offset = at + ((n + 3) & ~3);
    if (n === 0) return '';
    return latin1(this.buf, at, this.buf[at + n - 1] === 0 ? at + n - 1 : at + n);
  }

  /** opaque<>; a view. */
  opaque(): Buffer {
    const n = this.varlen();
    const at = this.offset;
    this.offset = at + ((n + 3) & ~3);
    return this.buf.subarray(at, at + n);
  }

  /** opaque<> that may be kept: a copy. */
  keep(): Buffer {
    return Buffer.from(this.opaque());
  }

  skip(n: number): void {
    if (this.offset + n > this.limit) this.short(n);
    this.offset += n;
  }

  /** What follows the record's XDR: a bulk payload. May be kept; `memory` is what can be recycled with it. */
  payload(n: number): Buffer {
    const at = this.offset;
    if (n > this.limit - at) this.short(n);
    this.offset = at + n;
    this.memory = undefined;
    const { record } = this;
    if (record !== undefined) {
      this.record = undefined;
      this.memory = new RecordMemory(record);
    }
    if (this.owned) return this.buf.subarray(at, at + n);
    if (n < SMALL) return Buffer.from(this.buf.subarray(at, at + n));
    const copy = takeRecord(n);
    this.buf.copy(copy, 0, at, at + n);
    this.memory = new RecordMemory(copy);
    return copy.length === n ? copy : copy.subarray(0, n);
  }

  /** A count, refused when `count * minBytes` exceeds what is left. */
  count(minBytes: number): number {
    const n = this.u32();
    if (n * minBytes > this.limit - this.offset)
      this.fail(`${n} elements of at least ${minBytes} bytes, ${this.limit - this.offset} bytes left`);
    return n;
  }
}
