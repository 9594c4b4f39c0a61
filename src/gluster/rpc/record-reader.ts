import { DecodeError } from '../../base/errors.ts';
import { LAST_FRAGMENT } from './message.ts';
import { giveRecord, takeRecord } from './record-pool.ts';
import { XdrDecoder } from './xdr-decoder.ts';

/** What most reads go into, of all connections together: whatever is read is used up, or copied, before the next read. */
const SCRATCH = Buffer.allocUnsafeSlow(64 * 1024);
const DECODER = new XdrDecoder(SCRATCH);
/** A record from which on its bytes are read to where they stay. */
const LARGE = 16 * 1024;
/** While large records come in, what is read of the next one before its own memory is there. */
const PEEK = SCRATCH.subarray(0, 256);
/** Less than this of a record is not worth a read of its own. */
const TAIL = 2048;

/**
 * Puts records together from a stream of bytes: record marks, fragments (RFC 5531, section 11). Small records are handed over where
 * they were read; a large one gets memory of its own, into which the rest of it is read directly.
 */
export class RecordReader {
  private readonly maxRecord: number;
  private readonly deliver: (record: XdrDecoder) => void;
  private mark = 0;
  private markBytes = 0;
  /** The record that is not complete yet. */
  private record: Buffer | undefined;
  private filled = 0;
  /** Bytes of the current fragment that are still to come. */
  private missing = 0;
  private last = false;
  private expectLarge = false;
  private lentRecord = false;

  constructor(maxRecord: number, deliver: (record: XdrDecoder) => void) {
    this.maxRecord = maxRecord;
    this.deliver = deliver;
  }

  /** Memory for the next read. */
  buffer(): Uint8Array {
    const { record } = this;
    if (record !== undefined && this.missing >= TAIL) {
      this.lentRecord = true;
      return record.subarray(this.filled, this.filled + this.missing);
    }
    this.lentRecord = false;
    return this.expectLarge && record === undefined ? PEEK : SCRATCH;
  }

  /**
   * `n` bytes were read into the buffer lent last.
   * @throws DecodeError when the stream is not one of records.
   */
  read(n: number): void {
    if (!this.lentRecord) {
      this.consume(SCRATCH, n);
      return;
    }
    this.filled += n;
    this.missing -= n;
    if (this.missing === 0) this.fragmentEnds();
  }

  /** Bytes from elsewhere; what is handed over from them is not the records' own. */
  consume(bytes: Buffer, n: number): void {
    let at = 0;
    while (at < n) {
      if (this.record !== undefined && this.missing > 0) {
        const take = Math.min(this.missing, n - at);
        bytes.copy(this.record, this.filled, at, at + take);
        at += take;
        this.filled += take;
        this.missing -= take;
        if (this.missing === 0) this.fragmentEnds();
        continue;
      }
      // A record mark, which may itself be cut in pieces.
      if (this.markBytes === 0 && n - at >= 4) {
        this.mark = bytes.readUInt32BE(at);
        at += 4;
      } else {
        this.mark = ((this.mark << 8) | bytes[at++]) >>> 0;
        if (++this.markBytes < 4) continue;
        this.markBytes = 0;
      }
      const { mark } = this;
      this.mark = 0;
      const length = mark & ~LAST_FRAGMENT;
      this.last = mark >= LAST_FRAGMENT;
      if (this.record === undefined && this.last && n - at >= length) {
        this.expectLarge = false;
        DECODER.reset(bytes, at, at + length, false);
        at += length;
        this.deliver(DECODER);
        continue;
      }
      this.fragmentBegins(length);
    }
  }

  private fragmentBegins(length: number): void {
    const before = this.record === undefined ? 0 : this.filled;
    if (before + length > this.maxRecord)
      throw new DecodeError(
        'RPC record',
        0,
        `${before + length} bytes are announced, ${this.maxRecord} is the limit`,
      );
    const { record } = this;
    if (record === undefined) this.record = takeRecord(length);
    else if (record.length < before + length) {
      // Twice as much as before, so that many small fragments are not copied again and again.
      const capacity = Math.min(this.maxRecord, Math.max(before + length, record.length * 2));
      this.record = takeRecord(capacity);
      record.copy(this.record, 0, 0, before);
      giveRecord(record);
    }
    this.filled = before;
    this.missing = length;
    if (length === 0) this.fragmentEnds();
  }

  private fragmentEnds(): void {
    if (!this.last) return;
    const record = this.record!;
    this.record = undefined;
    this.expectLarge = this.filled >= LARGE;
    const d = new XdrDecoder(record, 'RPC record', true);
    d.limit = this.filled;
    d.record = record;
    this.deliver(d);
    // Nobody has kept anything of it.
    if (d.record !== undefined) giveRecord(record);
  }
}
