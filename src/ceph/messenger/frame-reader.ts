import { crc32c } from '../../base/crc32c.ts';
import { NacreError } from '../../base/errors.ts';
import { GCM_TAG_SIZE, type OnWireDecrypter } from './crypto-onwire.ts';
import {
  BANNER,
  BANNER_HEAD,
  BANNER_V1,
  EPILOGUE_CRC_REV0,
  EPILOGUE_CRC_REV1,
  EPILOGUE_SECURE,
  FLAG_COMPRESSED,
  HEADER2_SIZE,
  INLINE_SIZE,
  LATE_ABORTED,
  LATE_COMPLETE,
  LATE_MASK,
  MAX_BANNER_PAYLOAD,
  MAX_SEGMENTS,
  PREAMBLE_SIZE,
  pad16,
  SECURE_PREAMBLE_SIZE,
  TAG_ACK,
  TAG_HELLO,
  TAG_MESSAGE,
  tagName,
} from './frames-v2.ts';
import type { MessengerConfig } from './options.ts';
import { CHUNK_SIZE, DIRECT_FROM, readU16, readU32, StreamReader } from './stream-reader.ts';

function bad(message: string): never {
  throw new NacreError('EPROTO', 'msgr.frame', message);
}

export interface FrameHandler {
  /** The peer's banner. */
  onBanner(supported: bigint, required: bigint): void;
  /**
   * A preamble was read and its lengths are within the limits. False: nothing of the frame's content is
   * read before `resume` is called.
   */
  onPreamble(tag: number): boolean;
  /** A whole frame that passed its checks; `seg0` .. `seg3` of the reader hold it until this returns. */
  onFrame(tag: number): void;
  /** The sender gave the frame up; it counts as never sent. */
  onAborted(tag: number): void;
}

const READ_BANNER = 0;
const READ_BANNER_PAYLOAD = 1;
const READ_PREAMBLE = 2;
const READ_HELD = 3;
const READ_BODY = 4;
const READ_PIECES = 5;
const READ_CLOSED = 6;

/** Bodies up to this size are awaited in the chunk and taken apart in one go. */
const SMALL_BODY = CHUNK_SIZE / 2;

type ReadLimits = Pick<
  MessengerConfig,
  'max_front_bytes' | 'max_middle_bytes' | 'max_data_bytes' | 'max_control_bytes'
>;

/**
 * Parser of one direction of a v2 stream: banner, then frames. Throws NacreError EPROTO or EBADMSG on
 * anything that is not as it must be; the stream is of no use after that.
 */
export class FrameReader extends StreamReader {
  /** The current frame: its tag, number of segments, and their lengths. */
  tag = 0;
  segments = 0;
  len0 = 0;
  len1 = 0;
  len2 = 0;
  len3 = 0;
  /** The current frame's segments, once whole. Segment 0 lies in `seg0` from `seg0At`, valid only within onFrame. */
  seg0: Buffer;
  seg0At = 0;
  seg1: Buffer | undefined;
  seg2: Buffer | undefined;
  seg3: Buffer | undefined;
  revision1 = false;
  decrypter: OnWireDecrypter | undefined;
  /** While set, every raw byte that was consumed is kept here: authentication signs them. */
  capture: Buffer[] | undefined;
  private captured = 0;
  private readonly handler: FrameHandler;
  private readonly limits: ReadLimits;
  private state = READ_BANNER;
  private bannerLength = 0;
  private bodyLength = 0;
  /** Decrypted preamble and inline part (2.1 secure). */
  private inline: Buffer | undefined;
  private readonly pieceLength: number[] = [];
  private readonly pieces: Buffer[] = [];

  constructor(handler: FrameHandler, limits: ReadLimits, alloc: (bytes: number) => Buffer) {
    super(alloc);
    this.handler = handler;
    this.limits = limits;
    this.seg0 = this.chunk;
  }

  /** Starts at a frame instead of the banner. */
  skipBanner(): void {
    this.state = READ_PREAMBLE;
  }

  /** Goes on after onPreamble returned false. */
  resume(): void {
    if (this.state !== READ_HELD) return;
    this.startBody();
    this.parseLater();
  }

  get held(): boolean {
    return this.state === READ_HELD;
  }

  /** Bytes of front, middle and data of the current frame. */
  get messageBytes(): number {
    return this.len1 + this.len2 + this.len3;
  }

  close(): void {
    this.state = READ_CLOSED;
    this.capture = undefined;
    this.drop();
  }

  private keep(from: number, to: number): void {
    if (this.capture === undefined) return;
    this.keepBuffer(Buffer.from(this.chunk.subarray(from, to)));
  }

  private keepBuffer(bytes: Buffer): void {
    if (this.capture === undefined) return;
    this.captured += bytes.length;
    if (this.captured > 4 * this.limits.max_control_bytes) bad('too much before authentication is done');
    this.capture.push(bytes);
  }

  protected override parse(): void {
    for (;;) {
      switch (this.state) {
        case READ_PREAMBLE: {
          const secure = this.decrypter !== undefined && this.revision1;
          const need = secure ? SECURE_PREAMBLE_SIZE : PREAMBLE_SIZE;
          if (this.wpos - this.rpos < need) {
            this.ensure(need);
            return;
          }
          this.readPreamble(need);
          if (!this.handler.onPreamble(this.tag)) {
            if (this.state === READ_PREAMBLE) this.state = READ_HELD;
            return;
          }
          this.startBody();
          break;
        }
        case READ_BODY: {
          const need = this.bodyLength;
          const { rpos } = this;
          if (this.wpos - rpos < need) {
            this.ensure(need);
            return;
          }
          this.rpos = rpos + need;
          this.keep(rpos, rpos + need);
          this.state = READ_PREAMBLE;
          this.takeBody(rpos);
          break;
        }
        case READ_PIECES:
          if (!this.readPieces()) return;
          break;
        case READ_BANNER:
          if (this.wpos - this.rpos < BANNER_HEAD) return;
          this.readBannerHead();
          break;
        case READ_BANNER_PAYLOAD:
          if (this.wpos - this.rpos < this.bannerLength) return;
          this.readBannerPayload();
          break;
        default:
          return;
      }
    }
  }

  private readBannerHead(): void {
    const head = this.chunk.subarray(this.rpos, this.rpos + BANNER_HEAD);
    if (head.compare(BANNER, 0, BANNER.length, 0, BANNER.length) !== 0) {
      if (head.compare(BANNER_V1, 0, BANNER_V1.length, 0, BANNER_V1.length) === 0)
        bad('peer speaks protocol v1 on a v2 port');
      bad(`bad banner ${JSON.stringify(head.toString('latin1'))}`);
    }
    this.bannerLength = readU16(head, BANNER.length);
    if (this.bannerLength < 16 || this.bannerLength > MAX_BANNER_PAYLOAD)
      bad(`banner payload of ${this.bannerLength} bytes`);
    this.keep(this.rpos, this.rpos + BANNER_HEAD);
    this.rpos += BANNER_HEAD;
    this.state = READ_BANNER_PAYLOAD;
  }

  private readBannerPayload(): void {
    const at = this.rpos;
    const supported = this.chunk.readBigUInt64LE(at);
    const required = this.chunk.readBigUInt64LE(at + 8);
    this.keep(at, at + this.bannerLength);
    this.rpos += this.bannerLength;
    this.state = READ_PREAMBLE;
    this.handler.onBanner(supported, required);
  }

  private readPreamble(size: number): void {
    let from: Buffer = this.chunk;
    let at = this.rpos;
    this.keep(at, at + size);
    this.rpos = at + size;
    const { decrypter } = this;
    if (decrypter !== undefined) {
      decrypter.start();
      if (this.revision1) {
        const tagAt = at + PREAMBLE_SIZE + INLINE_SIZE;
        from = decrypter.update(from.subarray(at, tagAt));
        decrypter.finish(this.chunk.subarray(tagAt, tagAt + GCM_TAG_SIZE));
        this.inline = from;
      } else {
        from = decrypter.update(from.subarray(at, at + PREAMBLE_SIZE));
      }
      at = 0;
    }
    const crc = crc32c(from, 0, at, at + 28);
    if (crc !== readU32(from, at + 28))
      bad(`bad preamble crc: ${readU32(from, at + 28)} said, ${crc} calculated`);
    const tag = from[at];
    const n = from[at + 1];
    if (n < 1 || n > MAX_SEGMENTS) bad(`${n} segments in ${tagName(tag)}`);
    if ((from[at + 26] & FLAG_COMPRESSED) !== 0) bad(`compressed ${tagName(tag)}, which was not negotiated`);
    this.tag = tag;
    this.segments = n;
    this.len0 = readU32(from, at + 2);
    this.len1 = n > 1 ? readU32(from, at + 8) : 0;
    this.len2 = n > 2 ? readU32(from, at + 14) : 0;
    this.len3 = n > 3 ? readU32(from, at + 20) : 0;
    if (n > 1 && (n === 2 ? this.len1 : n === 3 ? this.len2 : this.len3) === 0)
      bad(`last segment of ${tagName(tag)} is empty`);
    this.checkLengths();
  }

  private checkLengths(): void {
    const { tag, len0, len1, len2, len3, limits } = this;
    if (tag === TAG_MESSAGE) {
      if (len0 !== HEADER2_SIZE) bad(`message header of ${len0} bytes`);
      if (len1 > limits.max_front_bytes) bad(`front of ${len1} bytes, at most ${limits.max_front_bytes}`);
      if (len2 > limits.max_middle_bytes) bad(`middle of ${len2} bytes, at most ${limits.max_middle_bytes}`);
      if (len3 > limits.max_data_bytes) bad(`data of ${len3} bytes, at most ${limits.max_data_bytes}`);
      return;
    }
    if (tag < TAG_HELLO || tag > TAG_ACK) bad(`unknown tag ${tag}`);
    if (len0 > limits.max_control_bytes) bad(`${tagName(tag)} of ${len0} bytes`);
    if (this.segments > 1) bad(`${this.segments} segments in ${tagName(tag)}`);
  }

  private startBody(): void {
    this.beginHandingOut();
    const { len0, segments } = this;
    const secure = this.decrypter !== undefined;
    let n: number;
    if (secure) {
      const rest = pad16(this.len1) + pad16(this.len2) + pad16(this.len3);
      if (!this.revision1) n = pad16(len0) + rest + EPILOGUE_SECURE + GCM_TAG_SIZE;
      else {
        n = pad16(len0) > INLINE_SIZE ? pad16(len0) - INLINE_SIZE + GCM_TAG_SIZE : 0;
        if (segments > 1) n += rest + EPILOGUE_SECURE + GCM_TAG_SIZE;
      }
    } else {
      const rest = this.messageBytes;
      if (!this.revision1) n = len0 + rest + EPILOGUE_CRC_REV0;
      else {
        n = len0 > 0 ? len0 + 4 : 0;
        if (segments > 1) n += rest + EPILOGUE_CRC_REV1;
      }
    }
    this.bodyLength = n;
    if (n <= SMALL_BODY) {
      this.state = READ_BODY;
      return;
    }
    const { pieceLength } = this;
    pieceLength.length = 0;
    this.pieces.length = 0;
    if (secure) pieceLength.push(n);
    else if (this.revision1) {
      pieceLength.push(len0 > 0 ? len0 + 4 : 0, this.len1, this.len2, this.len3);
      pieceLength.push(segments > 1 ? EPILOGUE_CRC_REV1 : 0);
    } else pieceLength.push(len0, this.len1, this.len2, this.len3, EPILOGUE_CRC_REV0);
    this.state = READ_PIECES;
  }

  protected override onDirect(piece: Buffer): void {
    this.pieces.push(piece);
  }

  /** Reads a long body piece by piece. False when bytes are missing. */
  private readPieces(): boolean {
    const { pieces, pieceLength } = this;
    while (pieces.length < pieceLength.length) {
      const n = pieceLength[pieces.length];
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
    for (let i = 0; i < pieces.length; i++) this.keepBuffer(pieces[i]);
    this.state = READ_PREAMBLE;
    this.takePieces();
    return true;
  }

  private takePieces(): void {
    const { pieces } = this;
    if (this.decrypter !== undefined) {
      const body = pieces[0];
      pieces.length = 0;
      this.takeSecure(body, 0, body.length);
      return;
    }
    const [first, front, middle, data, epilogue] = pieces;
    pieces.length = 0;
    this.seg0 = first;
    this.seg0At = 0;
    this.seg1 = front.length > 0 ? front : undefined;
    this.seg2 = middle.length > 0 ? middle : undefined;
    this.seg3 = data.length > 0 ? data : undefined;
    if (this.revision1 && this.len0 > 0) this.checkCrc(first, 0, this.len0, readU32(first, this.len0), 0);
    this.finishCrc(epilogue, 0, front, 0, middle, 0, data, 0);
  }

  private takeBody(at: number): void {
    const { chunk } = this;
    if (this.decrypter !== undefined) {
      this.takeSecure(chunk, at, at + this.bodyLength);
      return;
    }
    let o = at;
    this.seg0 = chunk;
    this.seg0At = o;
    if (this.revision1) {
      if (this.len0 > 0) {
        this.checkCrc(chunk, o, this.len0, readU32(chunk, o + this.len0), 0);
        o += 4;
      }
    }
    o += this.len0;
    const front = o;
    const middle = front + this.len1;
    const data = middle + this.len2;
    this.seg1 = this.len1 > 0 ? this.handOut(front, middle) : undefined;
    this.seg2 = this.len2 > 0 ? this.handOut(middle, data) : undefined;
    this.seg3 = this.len3 > 0 ? this.handOut(data, data + this.len3) : undefined;
    this.finishCrc(chunk, data + this.len3, chunk, front, chunk, middle, chunk, data);
  }

  /** Checks crcs and late status in the epilogue at `e`, and passes the frame on. */
  private finishCrc(
    epilogue: Buffer,
    e: number,
    front: Buffer,
    frontAt: number,
    middle: Buffer,
    middleAt: number,
    data: Buffer,
    dataAt: number,
  ): void {
    let crcs = e + 1;
    if (this.revision1) {
      if (this.segments === 1) {
        this.handler.onFrame(this.tag);
        return;
      }
    } else {
      this.checkCrc(this.seg0, this.seg0At, this.len0, readU32(epilogue, crcs), 0);
      crcs += 4;
    }
    if (this.segments > 1) this.checkCrc(front, frontAt, this.len1, readU32(epilogue, crcs), 1);
    if (this.segments > 2) this.checkCrc(middle, middleAt, this.len2, readU32(epilogue, crcs + 4), 2);
    if (this.segments > 3) this.checkCrc(data, dataAt, this.len3, readU32(epilogue, crcs + 8), 3);
    this.finishLate(epilogue[e]);
  }

  private checkCrc(bytes: Buffer, at: number, length: number, said: number, segment: number): void {
    const crc = crc32c(bytes, 0xffffffff, at, at + length);
    if (crc !== said)
      bad(`bad crc of segment ${segment} of ${tagName(this.tag)}: ${said} said, ${crc} calculated`);
  }

  private finishLate(late: number): void {
    let aborted: boolean;
    if (this.revision1) {
      const status = late & LATE_MASK;
      if (status !== LATE_COMPLETE && status !== LATE_ABORTED) bad(`bad late status ${late}`);
      aborted = status === LATE_ABORTED;
    } else aborted = (late & LATE_ABORTED) !== 0;
    if (aborted) this.handler.onAborted(this.tag);
    else this.handler.onFrame(this.tag);
    this.seg1 = undefined;
    this.seg2 = undefined;
    this.seg3 = undefined;
  }

  /** Ciphertext in `from` between `at` and `end`. */
  private takeSecure(from: Buffer, at: number, end: number): void {
    const decrypter = this.decrypter!;
    const { len0, len1, len2, len3 } = this;
    let plain: Buffer;
    let o = 0;
    if (this.revision1) {
      const inline = this.inline!;
      this.inline = undefined;
      let o0 = at;
      if (pad16(len0) > INLINE_SIZE) {
        const n = pad16(len0) - INLINE_SIZE;
        decrypter.start();
        const rest = decrypter.update(from.subarray(o0, o0 + n));
        decrypter.finish(from.subarray(o0 + n, o0 + n + GCM_TAG_SIZE));
        o0 += n + GCM_TAG_SIZE;
        this.seg0 = Buffer.concat([inline.subarray(PREAMBLE_SIZE), rest]);
        this.seg0At = 0;
      } else {
        this.seg0 = inline;
        this.seg0At = PREAMBLE_SIZE;
      }
      if (this.segments === 1) {
        this.handler.onFrame(this.tag);
        return;
      }
      decrypter.start();
      plain = decrypter.update(from.subarray(o0, end - GCM_TAG_SIZE));
    } else {
      plain = decrypter.update(from.subarray(at, end - GCM_TAG_SIZE));
      this.seg0 = plain;
      this.seg0At = 0;
      o = pad16(len0);
    }
    decrypter.finish(from.subarray(end - GCM_TAG_SIZE, end));
    this.seg1 = len1 > 0 ? plain.subarray(o, o + len1) : undefined;
    o += pad16(len1);
    this.seg2 = len2 > 0 ? plain.subarray(o, o + len2) : undefined;
    o += pad16(len2);
    this.seg3 = len3 > 0 ? plain.subarray(o, o + len3) : undefined;
    o += pad16(len3);
    this.finishLate(plain[o]);
  }
}
