import { crc32c } from '../../base/crc32c.ts';
import { Decoder } from '../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../base/encoder.ts';
import type { Message, MessageHeader } from '../messages/message.ts';
import { FEATURE_MSG_AUTH, FEATURE_MSGR_KEEPALIVE2 } from '../types/features.ts';
import { decodeUTime, encodeUTime, utimeFromMs } from '../types/utime.ts';
import { HandshakeV1, refuse } from './handshake-v1.ts';
import { COPY_UP_TO } from './out-buffer.ts';
import type { MessageSigner } from './signature-v1.ts';
import {
  FOOTER_COMPLETE,
  FOOTER_SIGNED,
  FOOTER_SIZE,
  HEADER_SIZE,
  OLD_FOOTER_SIZE,
  TAG_ACK,
  TAG_CLOSE,
  TAG_KEEPALIVE,
  TAG_KEEPALIVE2,
  TAG_KEEPALIVE2_ACK,
  TAG_MSG,
} from './wire-v1.ts';

/** A link of protocol v1 (msg/async/ProtocolV1). */
export class ProtocolV1 extends HandshakeV1 {
  // Ready: reading.

  onTag(tag: number, bytes: Buffer): void {
    const { con } = this;
    switch (tag) {
      case TAG_ACK:
        con.acked(new Decoder(bytes, 'ack').u64());
        return;
      case TAG_KEEPALIVE2: {
        const stamp = decodeUTime(new Decoder(bytes, 'keepalive2'));
        this.say(e => {
          e.u8(TAG_KEEPALIVE2_ACK);
          encodeUTime(e, stamp);
        });
        return;
      }
      case TAG_KEEPALIVE2_ACK:
        con.lastKeepaliveAck = this.messenger.env.clock.mono();
        return;
      case TAG_CLOSE:
        con.stopAndReset();
        return;
      default:
    }
  }

  onHeader(): boolean {
    return this.claim(this.reader.messageBytes);
  }

  onMessage(): void {
    const { con, reader, signer } = this;
    if (signer !== undefined) this.checkSignature(signer);
    if (con.peerName.num !== reader.srcNum && reader.srcNum >= 0)
      con.peerName = { type: con.peerType, num: reader.srcNum };
    const header: MessageHeader = {
      type: reader.type,
      version: reader.version,
      compatVersion: reader.compatVersion,
      tid: reader.tid,
      priority: reader.priority,
    };
    this.deliver(reader.seq, header, reader.front, reader.middle, reader.data);
  }

  private readonly expected = Buffer.alloc(8);

  private checkSignature(signer: MessageSigner): void {
    const r = this.reader;
    signer.sign(
      r.seq,
      r.headerCrc,
      r.frontCrc,
      r.frontLength,
      r.middleCrc,
      r.middleLength,
      r.dataCrc,
      r.dataLength,
      this.expected,
      0,
    );
    if (this.expected.equals(r.signature)) return;
    refuse(
      (r.footerFlags & FOOTER_SIGNED) === 0
        ? 'message is not signed'
        : 'signature of a message does not match',
    );
  }

  // Ready: writing.

  override writeMessage(m: Message, front: Encoder): void {
    const { con, messenger, out, signer } = this;
    const { data, middle } = m;
    const frontLength = front.length;
    const middleLength = middle === undefined ? 0 : middle.length;
    let dataLength = 0;
    for (let i = 0; i < data.length; i++) dataLength += data[i].length;
    const footerSize = con.features.has(FEATURE_MSG_AUTH) ? FOOTER_SIZE : OLD_FOOTER_SIZE;
    const small = frontLength + middleLength + dataLength <= COPY_UP_TO;
    const payload = frontLength + middleLength + (small ? dataLength : 0);
    const at = out.ensure(1 + HEADER_SIZE + payload + (small ? footerSize : 0));
    let { buf, view } = out;
    buf[at] = TAG_MSG;
    const h = at + 1;
    putU64(view, h, m.seq);
    putU64(view, h + 8, m.tid);
    view.setUint16(h + 16, m.type, true);
    view.setUint16(h + 18, m.priority, true);
    view.setUint16(h + 20, m.version, true);
    view.setUint32(h + 22, frontLength, true);
    view.setUint32(h + 26, middleLength, true);
    view.setUint32(h + 30, dataLength, true);
    view.setUint16(h + 34, 0, true);
    buf[h + 36] = messenger.myName.type;
    putS64(view, h + 37, messenger.myName.num);
    view.setUint16(h + 45, m.compatVersion, true);
    view.setUint16(h + 47, 0, true);
    const headerCrc = crc32c(buf, 0, h, h + 49);
    view.setUint32(h + 49, headerCrc, true);
    let o = h + HEADER_SIZE;
    let frontCrc = 0;
    const parts = front.segments();
    for (let i = 0; i < parts.length; i++) {
      frontCrc = crc32c(parts[i], frontCrc);
      buf.set(parts[i], o);
      o += parts[i].length;
    }
    let middleCrc = 0;
    if (middle !== undefined) {
      middleCrc = crc32c(middle, 0);
      buf.set(middle, o);
      o += middleLength;
    }
    let dataCrc = 0;
    for (let i = 0; i < data.length; i++) {
      dataCrc = crc32c(data[i], dataCrc);
      if (!small) continue;
      buf.set(data[i], o);
      o += data[i].length;
    }
    out.advance(o - at);
    if (!small) {
      for (let i = 0; i < data.length; i++) out.ref(data[i]);
      o = out.ensure(footerSize);
      buf = out.buf;
      view = out.view;
    }
    view.setUint32(o, frontCrc, true);
    view.setUint32(o + 4, middleCrc, true);
    view.setUint32(o + 8, dataCrc, true);
    let flags = FOOTER_COMPLETE;
    if (footerSize === FOOTER_SIZE) {
      if (signer !== undefined) {
        signer.sign(
          m.seq,
          headerCrc,
          frontCrc,
          frontLength,
          middleCrc,
          middleLength,
          dataCrc,
          dataLength,
          buf,
          o + 12,
        );
        flags |= FOOTER_SIGNED;
      } else buf.fill(0, o + 12, o + 20);
    }
    buf[o + footerSize - 1] = flags;
    out.advance(footerSize);
  }

  override writeAck(seq: number): void {
    const at = this.out.ensure(9);
    this.out.buf[at] = TAG_ACK;
    putU64(this.out.view, at + 1, seq);
    this.out.advance(9);
  }

  override writeKeepalive(): void {
    const stamp = utimeFromMs(this.messenger.env.clock.now());
    const two = this.con.features.has(FEATURE_MSGR_KEEPALIVE2);
    this.put(
      encodeToBuffer(e => {
        e.u8(two ? TAG_KEEPALIVE2 : TAG_KEEPALIVE);
        if (two) encodeUTime(e, stamp);
      }),
    );
  }
}

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value / 0x1_0000_0000, true);
}

function putS64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
