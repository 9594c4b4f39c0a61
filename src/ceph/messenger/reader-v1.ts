import { crc32c } from '../../base/crc32c.ts';
import { NacreError } from '../../base/errors.ts';
import type { MessengerConfig } from './options.ts';
import { CHUNK_SIZE, DIRECT_FROM, readU16, readU32, readU64, StreamReader } from './stream-reader.ts';
import {
  FOOTER_COMPLETE,
  FOOTER_NOCRC,
  FOOTER_SIZE,
  HEADER_SIZE,
  TAG_ACK,
  TAG_CLOSE,
  TAG_KEEPALIVE,
  TAG_KEEPALIVE2,
  TAG_KEEPALIVE2_ACK,
  TAG_MSG,
} from './wire-v1.ts';

function bad(message: string): never {
  throw new NacreError('EPROTO', 'msgr.v1', message);
}

export interface ReaderV1Handler {
  /** The piece of the handshake that was asked for. */
  onPiece(bytes: Buffer): void;
  /** TAG_ACK (u64), TAG_KEEPALIVE2 and its ack (ceph_timespec) with their bytes; TAG_KEEPALIVE, TAG_CLOSE with none. */
  onTag(tag: number, bytes: Buffer): void;
  /** A header was read. False: nothing more is read before `resume`. */
  onHeader(): boolean;
  /** A whole message whose crcs are right. */
  onMessage(): void;
}

const READ_PIECE = 0;
const READ_TAG = 1;
const READ_SMALL = 2;
const READ_HEADER = 3;
const READ_HELD = 4;
const READ_BODY = 5;
const READ_PIECES = 6;
const READ_IDLE = 7;
const READ_CLOSED = 8;

const SMALL_BODY = CHUNK_SIZE / 2;
const EMPTY = Buffer.alloc(0);

type ReadLimits = Pick<MessengerConfig, 'max_front_bytes' | 'max_middle_bytes' | 'max_data_bytes'>;

/**
 * Parser of one direction of a v1 stream: pieces of known size as long as the handshake asks for them, then
 * tags and messages. Throws NacreError EPROTO on what is not as it must be.
 */
export class ReaderV1 extends StreamReader {
  seq = 0;
  tid = 0;
  type = 0;
  priority = 0;
  version = 0;
  compatVersion = 0;
  srcType = 0;
  srcNum = 0;
  frontLength = 0;
  middleLength = 0;
  dataLength = 0;
  headerCrc = 0;
  /** What came, and its crcs as checked. */
  front: Buffer | undefined;
  middle: Buffer | undefined;
  data: Buffer | undefined;
  frontCrc = 0;
  middleCrc = 0;
  dataCrc = 0;
  footerFlags = 0;
  readonly signature = Buffer.alloc(8);
  /** By whether MSG_AUTH was negotiated. */
  footerSize = FOOTER_SIZE;
  private readonly handler: ReaderV1Handler;
  private readonly limits: ReadLimits;
  private state = READ_IDLE;
  private want = 0;
  private tag = 0;
  private readonly pieces: Buffer[] = [];

  constructor(handler: ReaderV1Handler, limits: ReadLimits, alloc: (bytes: number) => Buffer) {
    super(alloc);
    this.handler = handler;
    this.limits = limits;
  }

  /** The handshake needs `n` bytes next; `onPiece` gets them. Only from within onPiece, or before anything is read. */
  expect(n: number): void {
    if (n > SMALL_BODY) bad(`${n} bytes in the handshake`);
    this.want = n;
    this.state = READ_PIECE;
  }

  /** The handshake is over. */
  expectTags(): void {
    this.state = READ_TAG;
  }

  /** Goes on after `expect` outside of onPiece, or after onHeader returned false. */
  resume(): void {
    if (this.state === READ_HELD) this.startBody();
    this.parseLater();
  }

  get messageBytes(): number {
    return this.frontLength + this.middleLength + this.dataLength;
  }

  close(): void {
    this.state = READ_CLOSED;
    this.drop();
  }

  protected override parse(): void {
    for (;;) {
      const here = this.wpos - this.rpos;
      switch (this.state) {
        case READ_TAG:
          if (here < 1) return;
          this.readTag(this.chunk[this.rpos++]);
          break;
        case READ_HEADER:
          if (here < HEADER_SIZE) {
            this.ensure(HEADER_SIZE);
            return;
          }
          this.readHeader(this.rpos);
          this.rpos += HEADER_SIZE;
          if (!this.handler.onHeader()) {
            if (this.state === READ_HEADER) this.state = READ_HELD;
            return;
          }
          this.startBody();
          break;
        case READ_BODY: {
          const need = this.messageBytes + this.footerSize;
          if (here < need) {
            this.ensure(need);
            return;
          }
          const at = this.rpos;
          this.rpos += need;
          this.state = READ_TAG;
          this.takeBody(at);
          break;
        }
        case READ_PIECES:
          if (!this.readPieces()) return;
          break;
        case READ_SMALL:
        case READ_PIECE: {
          const need = this.want;
          if (here < need) {
            this.ensure(need);
            return;
          }
          const bytes = this.chunk.subarray(this.rpos, this.rpos + need);
          this.rpos += need;
          if (this.state === READ_SMALL) {
            this.state = READ_TAG;
            this.handler.onTag(this.tag, bytes);
          } else {
            this.state = READ_IDLE;
            this.handler.onPiece(bytes);
          }
          break;
        }
        default:
          return;
      }
    }
  }

  private readTag(tag: number): void {
    switch (tag) {
      case TAG_MSG:
        this.state = READ_HEADER;
        return;
      case TAG_ACK:
      case TAG_KEEPALIVE2:
      case TAG_KEEPALIVE2_ACK:
        this.tag = tag;
        this.want = 8;
        this.state = READ_SMALL;
        return;
      case TAG_KEEPALIVE:
      case TAG_CLOSE:
        this.handler.onTag(tag, EMPTY);
        return;
      default:
        bad(`bad tag ${tag}`);
    }
  }

  private readHeader(at: number): void {
    const b = this.chunk;
    this.headerCrc = readU32(b, at + 49);
    const crc = crc32c(b, 0, at, at + 49);
    if (crc !== this.headerCrc) bad(`bad header crc: ${this.headerCrc} said, ${crc} calculated`);
    this.seq = readU64(b, at);
    this.tid = readU64(b, at + 8);
    this.type = readU16(b, at + 16);
    this.priority = readU16(b, at + 18);
    this.version = readU16(b, at + 20);
    this.frontLength = readU32(b, at + 22);
    this.middleLength = readU32(b, at + 26);
    this.dataLength = readU32(b, at + 30);
    this.srcType = b[at + 36];
    this.srcNum = readS64(b, at + 37);
    this.compatVersion = readU16(b, at + 45);
    if (this.seq < 0 || this.tid < 0) bad('sequence number or tid above 2^53');
    const { limits } = this;
    if (this.frontLength > limits.max_front_bytes) bad(`front of ${this.frontLength} bytes`);
    if (this.middleLength > limits.max_middle_bytes) bad(`middle of ${this.middleLength} bytes`);
    if (this.dataLength > limits.max_data_bytes) bad(`data of ${this.dataLength} bytes`);
  }

  private startBody(): void {
    if (this.messageBytes + this.footerSize <= SMALL_BODY) {
      this.state = READ_BODY;
      return;
    }
    this.pieces.length = 0;
    this.state = READ_PIECES;
  }

  protected override onDirect(piece: Buffer): void {
    this.pieces.push(piece);
  }

  private pieceLength(i: number): number {
    return i === 0
      ? this.frontLength
      : i === 1
        ? this.middleLength
        : i === 2
          ? this.dataLength
          : this.footerSize;
  }

  private readPieces(): boolean {
    const { pieces } = this;
    while (pieces.length < 4) {
      const n = this.pieceLength(pieces.length);
      if (n > DIRECT_FROM) {
        this.wantDirect(n);
        if (this.waitsForDirect) return false;
        continue;
      }
      if (this.wpos - this.rpos < n) {
        this.ensure(n);
        return false;
      }
      pieces.push(this.handOut(this.rpos, this.rpos + n));
      this.rpos += n;
    }
    const [front, middle, data, footer] = pieces;
    pieces.length = 0;
    this.state = READ_TAG;
    this.front = front.length > 0 ? front : undefined;
    this.middle = middle.length > 0 ? middle : undefined;
    this.data = data.length > 0 ? data : undefined;
    this.finish(front, 0, middle, 0, data, 0, footer, 0);
    return true;
  }

  private takeBody(at: number): void {
    const { chunk } = this;
    const middle = at + this.frontLength;
    const data = middle + this.middleLength;
    const footer = data + this.dataLength;
    this.front = middle > at ? this.handOut(at, middle) : undefined;
    this.middle = data > middle ? this.handOut(middle, data) : undefined;
    this.data = footer > data ? this.handOut(data, footer) : undefined;
    this.finish(chunk, at, chunk, middle, chunk, data, chunk, footer);
  }

  private finish(
    front: Buffer,
    frontAt: number,
    middle: Buffer,
    middleAt: number,
    data: Buffer,
    dataAt: number,
    footer: Buffer,
    f: number,
  ): void {
    const signed = this.footerSize === FOOTER_SIZE;
    const flags = footer[f + this.footerSize - 1];
    if ((flags & FOOTER_COMPLETE) === 0) bad('message was aborted');
    this.footerFlags = flags;
    this.frontCrc = this.checkCrc('front', front, frontAt, this.frontLength, readU32(footer, f));
    this.middleCrc = this.checkCrc('middle', middle, middleAt, this.middleLength, readU32(footer, f + 4));
    const dataCrc = readU32(footer, f + 8);
    this.dataCrc =
      (flags & FOOTER_NOCRC) !== 0 ? dataCrc : this.checkCrc('data', data, dataAt, this.dataLength, dataCrc);
    if (signed) footer.copy(this.signature, 0, f + 12, f + 20);
    this.handler.onMessage();
    this.front = undefined;
    this.middle = undefined;
    this.data = undefined;
  }

  private checkCrc(what: string, bytes: Buffer, at: number, length: number, said: number): number {
    const crc = crc32c(bytes, 0, at, at + length);
    if (crc !== said) bad(`bad ${what} crc: ${said} said, ${crc} calculated`);
    return crc;
  }
}

/** Entity numbers are small or -1; anything else counts as unknown. */
function readS64(b: Uint8Array, at: number): number {
  const value = readU64(b, at);
  return value < 0 ? -1 : value;
}
