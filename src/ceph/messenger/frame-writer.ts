import { crc32c } from '../../base/crc32c.ts';
import type { Encoder } from '../../base/encoder.ts';
import { GCM_TAG_SIZE, type OnWireEncrypter } from './crypto-onwire.ts';
import {
  ALIGN_DEFAULT,
  ALIGN_PAGE,
  EPILOGUE_CRC_REV0,
  EPILOGUE_CRC_REV1,
  EPILOGUE_SECURE,
  encodeBanner,
  HEADER2_SIZE,
  INLINE_SIZE,
  LATE_COMPLETE,
  PREAMBLE_SIZE,
  pad16,
  TAG_MESSAGE,
} from './frames-v2.ts';
import { COPY_UP_TO, type OutBuffer } from './out-buffer.ts';

/** What the header of a MESSAGE says, as the writer wants it. */
export interface MessageFields {
  readonly seq: number;
  readonly ackSeq: number;
  readonly tid: number;
  readonly type: number;
  readonly priority: number;
  readonly version: number;
  readonly compatVersion: number;
  /** Where the data belongs within a page: a hint for receivers that align their memory. */
  readonly dataOff: number;
}

const NONE: readonly Uint8Array[] = [];

function bytesOf(parts: readonly Uint8Array[]): number {
  let n = 0;
  for (let i = 0; i < parts.length; i++) n += parts[i].length;
  return n;
}

/** Encodes the frames of one direction of a v2 stream into an OutBuffer. */
export class FrameWriter {
  revision1 = false;
  encrypter: OnWireEncrypter | undefined;
  /** While set, every raw byte that is written is kept here too. */
  capture: Buffer[] | undefined;
  private readonly out: OutBuffer;
  private plain: Buffer = Buffer.alloc(0);
  private plainView: DataView = new DataView(this.plain.buffer, 0, 0);

  constructor(out: OutBuffer) {
    this.out = out;
  }

  private keep(from: number, to: number): void {
    if (this.capture !== undefined) this.capture.push(Buffer.from(this.out.buf.subarray(from, to)));
  }

  banner(supported: bigint, required: bigint): void {
    const bytes = encodeBanner(supported, required);
    const at = this.out.ensure(bytes.length);
    this.out.buf.set(bytes, at);
    this.out.advance(bytes.length);
    this.keep(at, at + bytes.length);
  }

  /** A frame of one segment. */
  control(tag: number, payload: Uint8Array): void {
    const n = payload.length;
    if (this.encrypter !== undefined) {
      const most = PREAMBLE_SIZE + pad16(n) + INLINE_SIZE + EPILOGUE_SECURE;
      this.room(most);
      const { plain } = this;
      plain.fill(0, 0, most);
      plain.set(payload, PREAMBLE_SIZE);
      this.preamble(plain, this.plainView, 0, tag, 1, n, 0, 0, 0);
      this.sealHead(n);
      if (!this.revision1) {
        this.emit(plain.subarray(PREAMBLE_SIZE, PREAMBLE_SIZE + pad16(n) + EPILOGUE_SECURE));
        this.emitTag();
      }
      return;
    }
    const { out } = this;
    const at = out.ensure(PREAMBLE_SIZE + n + EPILOGUE_CRC_REV0);
    const { buf, view } = out;
    this.preamble(buf, view, at, tag, 1, n, 0, 0, 0);
    let o = at + PREAMBLE_SIZE;
    buf.set(payload, o);
    const crc = crc32c(buf, 0xffffffff, o, o + n);
    o += n;
    if (!this.revision1) {
      buf[o] = 0;
      view.setUint32(o + 1, crc, true);
      buf.fill(0, o + 5, o + EPILOGUE_CRC_REV0);
      o += EPILOGUE_CRC_REV0;
    } else if (n > 0) {
      view.setUint32(o, crc, true);
      o += 4;
    }
    out.advance(o - at);
    this.keep(at, o);
  }

  message(
    h: MessageFields,
    front: Encoder,
    middle: Uint8Array | undefined,
    data: readonly Uint8Array[],
  ): void {
    const frontLength = front.length;
    const middleLength = middle === undefined ? 0 : middle.length;
    const dataLength = data.length === 1 ? data[0].length : bytesOf(data);
    const n = dataLength > 0 ? 4 : middleLength > 0 ? 3 : frontLength > 0 ? 2 : 1;
    if (this.encrypter === undefined) {
      this.plainMessage(h, n, front, frontLength, middle, middleLength, data, dataLength);
      return;
    }
    this.secureMessage(h, n, front, frontLength, middle, middleLength, data, dataLength);
  }

  private plainMessage(
    h: MessageFields,
    n: number,
    front: Encoder,
    frontLength: number,
    middle: Uint8Array | undefined,
    middleLength: number,
    data: readonly Uint8Array[],
    dataLength: number,
  ): void {
    const { out, revision1 } = this;
    const epilogue = revision1 ? (n > 1 ? EPILOGUE_CRC_REV1 : 0) : EPILOGUE_CRC_REV0;
    const head = PREAMBLE_SIZE + HEADER2_SIZE + (revision1 ? 4 : 0);
    const small = frontLength + middleLength + dataLength <= COPY_UP_TO;
    const at = out.ensure(head + epilogue + (small ? frontLength + middleLength + dataLength : 0));
    let { buf, view } = out;
    this.preamble(buf, view, at, TAG_MESSAGE, n, HEADER2_SIZE, frontLength, middleLength, dataLength);
    let o = at + PREAMBLE_SIZE;
    putHeader2(view, buf, o, h);
    const headerCrc = crc32c(buf, 0xffffffff, o, o + HEADER2_SIZE);
    o += HEADER2_SIZE;
    if (revision1) {
      view.setUint32(o, headerCrc, true);
      o += 4;
    }
    const segments = front.segments();
    let frontCrc = 0xffffffff;
    let middleCrc = 0xffffffff;
    let dataCrc = 0xffffffff;
    if (small) {
      for (let i = 0; i < segments.length; i++) {
        frontCrc = crc32c(segments[i], frontCrc);
        buf.set(segments[i], o);
        o += segments[i].length;
      }
      if (middle !== undefined) {
        middleCrc = crc32c(middle, middleCrc);
        buf.set(middle, o);
        o += middleLength;
      }
      for (let i = 0; i < data.length; i++) {
        dataCrc = crc32c(data[i], dataCrc);
        buf.set(data[i], o);
        o += data[i].length;
      }
      out.advance(o - at);
    } else {
      out.advance(o - at);
      for (let i = 0; i < segments.length; i++) {
        frontCrc = crc32c(segments[i], frontCrc);
        this.append(segments[i], true);
      }
      if (middle !== undefined) {
        middleCrc = crc32c(middle, middleCrc);
        this.append(middle, false);
      }
      for (let i = 0; i < data.length; i++) {
        dataCrc = crc32c(data[i], dataCrc);
        this.append(data[i], false);
      }
      o = out.ensure(epilogue);
      buf = out.buf;
      view = out.view;
    }
    if (epilogue === 0) return;
    if (revision1) {
      buf[o] = LATE_COMPLETE;
      o += 1;
    } else {
      buf[o] = 0;
      view.setUint32(o + 1, headerCrc, true);
      o += 5;
    }
    // A segment that is not there has a crc of zero, one that is empty the crc of nothing.
    view.setUint32(o, n > 1 ? frontCrc : 0, true);
    view.setUint32(o + 4, n > 2 ? middleCrc : 0, true);
    view.setUint32(o + 8, n > 3 ? dataCrc : 0, true);
    out.advance(epilogue);
  }

  /** Behind what is encoded: copied when short or when its memory is about to be used again. */
  private append(bytes: Uint8Array, copy: boolean): void {
    const { out } = this;
    if (!copy && bytes.length > COPY_UP_TO / 4) {
      out.ref(bytes);
      return;
    }
    const at = out.ensure(bytes.length);
    out.buf.set(bytes, at);
    out.advance(bytes.length);
  }

  private secureMessage(
    h: MessageFields,
    n: number,
    front: Encoder,
    frontLength: number,
    middle: Uint8Array | undefined,
    middleLength: number,
    data: readonly Uint8Array[],
    dataLength: number,
  ): void {
    const small = dataLength <= COPY_UP_TO;
    const body = pad16(frontLength) + pad16(middleLength) + (small ? pad16(dataLength) : 16);
    this.room(PREAMBLE_SIZE + INLINE_SIZE + body + EPILOGUE_SECURE);
    const { plain, plainView, revision1 } = this;
    this.preamble(plain, plainView, 0, TAG_MESSAGE, n, HEADER2_SIZE, frontLength, middleLength, dataLength);
    putHeader2(plainView, plain, PREAMBLE_SIZE, h);
    let o = PREAMBLE_SIZE + HEADER2_SIZE;
    plain.fill(0, o, PREAMBLE_SIZE + INLINE_SIZE);
    this.sealHead(HEADER2_SIZE);
    if (n === 1) {
      if (!revision1) {
        plain.fill(0, PREAMBLE_SIZE + INLINE_SIZE, PREAMBLE_SIZE + INLINE_SIZE + EPILOGUE_SECURE);
        this.emit(plain.subarray(PREAMBLE_SIZE, PREAMBLE_SIZE + INLINE_SIZE + EPILOGUE_SECURE));
        this.emitTag();
      }
      return;
    }
    // In 2.0 all is one GCM message: the header segment, which fills the inline part exactly, goes along.
    const from = revision1 ? PREAMBLE_SIZE + INLINE_SIZE : PREAMBLE_SIZE;
    if (revision1) this.encrypter!.start();
    o = PREAMBLE_SIZE + INLINE_SIZE;
    o = this.fillPadded(o, front.segments(), frontLength);
    if (middle !== undefined) o = this.fillPadded(o, [middle], middleLength);
    if (small) {
      o = this.fillPadded(o, data, dataLength);
    } else {
      this.emit(plain.subarray(from, o));
      for (let i = 0; i < data.length; i++) this.emit(data[i]);
      o = this.fillPadded(0, NONE, dataLength);
    }
    plain.fill(0, o, o + EPILOGUE_SECURE);
    plain[o] = revision1 ? LATE_COMPLETE : 0;
    this.emit(plain.subarray(small ? from : 0, o + EPILOGUE_SECURE));
    this.emitTag();
  }

  /** Copies parts to `o` of the plaintext and pads; with no parts writes only the padding of `length`. */
  private fillPadded(o: number, parts: readonly Uint8Array[], length: number): number {
    const { plain } = this;
    let at = o;
    for (let i = 0; i < parts.length; i++) {
      plain.set(parts[i], at);
      at += parts[i].length;
    }
    const end = at + (pad16(length) - length);
    plain.fill(0, at, end);
    return end;
  }

  /** The first GCM message of a frame whose preamble and segment 0 lie at the start of the plaintext. */
  private sealHead(length: number): void {
    const { plain } = this;
    const encrypter = this.encrypter!;
    encrypter.start();
    if (!this.revision1) {
      this.emit(plain.subarray(0, PREAMBLE_SIZE));
      return;
    }
    this.emit(plain.subarray(0, PREAMBLE_SIZE + INLINE_SIZE));
    this.emitTag();
    if (pad16(length) > INLINE_SIZE) {
      encrypter.start();
      this.emit(plain.subarray(PREAMBLE_SIZE + INLINE_SIZE, PREAMBLE_SIZE + pad16(length)));
      this.emitTag();
    }
  }

  private emit(plain: Uint8Array): void {
    const sealed = this.encrypter!.update(plain);
    if (sealed.length > COPY_UP_TO) {
      this.out.ref(sealed);
      return;
    }
    const at = this.out.ensure(sealed.length);
    this.out.buf.set(sealed, at);
    this.out.advance(sealed.length);
  }

  private emitTag(): void {
    const tag = this.encrypter!.finish();
    const at = this.out.ensure(GCM_TAG_SIZE);
    this.out.buf.set(tag, at);
    this.out.advance(GCM_TAG_SIZE);
  }

  private room(n: number): void {
    if (this.plain.length >= n) return;
    this.plain = Buffer.allocUnsafeSlow(Math.max(n, 2 * COPY_UP_TO));
    this.plainView = new DataView(this.plain.buffer, 0, this.plain.length);
  }

  private preamble(
    buf: Buffer,
    view: DataView,
    at: number,
    tag: number,
    n: number,
    len0: number,
    len1: number,
    len2: number,
    len3: number,
  ): void {
    buf[at] = tag;
    buf[at + 1] = n;
    view.setUint32(at + 2, len0, true);
    view.setUint16(at + 6, ALIGN_DEFAULT, true);
    view.setUint32(at + 8, len1, true);
    view.setUint16(at + 12, n > 1 ? ALIGN_DEFAULT : 0, true);
    view.setUint32(at + 14, len2, true);
    view.setUint16(at + 18, n > 2 ? ALIGN_DEFAULT : 0, true);
    view.setUint32(at + 20, len3, true);
    view.setUint16(at + 24, n > 3 ? ALIGN_PAGE : 0, true);
    view.setUint16(at + 26, 0, true);
    view.setUint32(at + 28, crc32c(buf, 0, at, at + 28), true);
  }
}

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value / 0x1_0000_0000, true);
}

function putHeader2(view: DataView, buf: Buffer, at: number, h: MessageFields): void {
  putU64(view, at, h.seq);
  putU64(view, at + 8, h.tid);
  view.setUint16(at + 16, h.type, true);
  view.setUint16(at + 18, h.priority, true);
  view.setUint16(at + 20, h.version, true);
  view.setUint32(at + 22, 0, true);
  view.setUint16(at + 26, h.dataOff, true);
  putU64(view, at + 28, h.ackSeq);
  buf[at + 36] = MESSAGE_FLAGS;
  view.setUint16(at + 37, h.compatVersion, true);
  view.setUint16(at + 39, 0, true);
}

/** CEPH_MSG_FOOTER_COMPLETE and NOCRC: what is left of v1's footer, as Ceph sends it. */
const MESSAGE_FLAGS = 3;
