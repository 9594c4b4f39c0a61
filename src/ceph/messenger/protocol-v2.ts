import type { Encoder } from '../../base/encoder.ts';
import type { Message, MessageHeader } from '../messages/message.ts';
import { utimeFromMs } from '../types/utime.ts';
import { decodeAuthMore, decodeStamp, encodeStamp } from './control-frames.ts';
import {
  TAG_ACK,
  TAG_AUTH_BAD_METHOD,
  TAG_AUTH_DONE,
  TAG_AUTH_REPLY_MORE,
  TAG_AUTH_REQUEST,
  TAG_AUTH_REQUEST_MORE,
  TAG_AUTH_SIGNATURE,
  TAG_CLIENT_IDENT,
  TAG_HELLO,
  TAG_IDENT_MISSING_FEATURES,
  TAG_KEEPALIVE2,
  TAG_KEEPALIVE2_ACK,
  TAG_MESSAGE,
  TAG_SERVER_IDENT,
  TAG_SESSION_RECONNECT,
  TAG_SESSION_RECONNECT_OK,
  TAG_SESSION_RESET,
  TAG_SESSION_RETRY,
  TAG_SESSION_RETRY_GLOBAL,
  TAG_WAIT,
  tagName,
} from './frames-v2.ts';
import {
  AUTH,
  AUTH_MORE,
  AUTH_SIGN,
  HELLO,
  READY,
  refuse,
  SESSION_ACCEPT,
  SESSION_IDENT,
  SESSION_RECONNECT,
  STEP_NAMES,
} from './handshake-v2.ts';
import { readSeq, SessionV2 } from './session-v2.ts';
import { readU16, readU64 } from './stream-reader.ts';

/** Which step a control frame belongs to; a frame at any other step breaks the link. */
const STEP_OF_TAG: Readonly<Record<number, readonly number[]>> = {
  [TAG_HELLO]: [HELLO],
  [TAG_AUTH_REQUEST]: [AUTH],
  [TAG_AUTH_BAD_METHOD]: [AUTH],
  [TAG_AUTH_REPLY_MORE]: [AUTH],
  [TAG_AUTH_REQUEST_MORE]: [AUTH_MORE],
  [TAG_AUTH_DONE]: [AUTH],
  [TAG_AUTH_SIGNATURE]: [AUTH_SIGN],
  [TAG_CLIENT_IDENT]: [SESSION_ACCEPT],
  [TAG_SERVER_IDENT]: [SESSION_IDENT],
  [TAG_IDENT_MISSING_FEATURES]: [SESSION_IDENT],
  [TAG_SESSION_RECONNECT]: [SESSION_ACCEPT],
  [TAG_SESSION_RESET]: [SESSION_RECONNECT],
  [TAG_SESSION_RETRY]: [SESSION_RECONNECT],
  [TAG_SESSION_RETRY_GLOBAL]: [SESSION_RECONNECT],
  [TAG_SESSION_RECONNECT_OK]: [SESSION_RECONNECT],
  [TAG_WAIT]: [SESSION_IDENT, SESSION_RECONNECT],
  [TAG_KEEPALIVE2]: [READY],
  [TAG_KEEPALIVE2_ACK]: [READY],
  [TAG_ACK]: [READY],
};

/** Which end may send a control frame of the handshake: the acceptor receives requests, the connector answers. */
const TO_ACCEPTOR = new Set([
  TAG_AUTH_REQUEST,
  TAG_AUTH_REQUEST_MORE,
  TAG_CLIENT_IDENT,
  TAG_SESSION_RECONNECT,
]);
const TO_CONNECTOR = new Set([
  TAG_AUTH_BAD_METHOD,
  TAG_AUTH_REPLY_MORE,
  TAG_AUTH_DONE,
  TAG_SERVER_IDENT,
  TAG_IDENT_MISSING_FEATURES,
  TAG_SESSION_RESET,
  TAG_SESSION_RETRY,
  TAG_SESSION_RETRY_GLOBAL,
  TAG_SESSION_RECONNECT_OK,
  TAG_WAIT,
]);

/** A link of protocol v2 (msg/async/ProtocolV2). */
export class ProtocolV2 extends SessionV2 {
  // Writing, once ready.

  override writeMessage(m: Message, front: Encoder): void {
    this.fields.seq = m.seq;
    this.fields.ackSeq = this.con.inSeq;
    this.fields.tid = m.tid;
    this.fields.type = m.type;
    this.fields.priority = m.priority;
    this.fields.version = m.version;
    this.fields.compatVersion = m.compatVersion;
    this.writer.message(this.fields, front, m.middle, m.data);
  }

  private readonly fields = {
    seq: 0,
    ackSeq: 0,
    tid: 0,
    type: 0,
    priority: 0,
    version: 0,
    compatVersion: 0,
    dataOff: 0,
  };

  override writeAck(seq: number): void {
    const { scratch } = this.messenger;
    scratch.reset();
    scratch.u64(seq);
    this.writer.control(TAG_ACK, scratch.result());
  }

  override writeKeepalive(): void {
    const stamp = utimeFromMs(this.messenger.env.clock.now());
    this.control(TAG_KEEPALIVE2, e => encodeStamp(e, stamp));
  }

  // What the reader found.

  onPreamble(tag: number): boolean {
    if (tag !== TAG_MESSAGE) return true;
    if (this.step !== READY) refuse(`message before the session is open, at ${STEP_NAMES[this.step]}`);
    return this.claim(this.reader.messageBytes);
  }

  onAborted(_tag: number): void {
    this.dropClaim();
  }

  onFrame(tag: number): void {
    const { reader } = this;
    if (tag === TAG_MESSAGE) {
      this.onMessage();
      return;
    }
    if (!(STEP_OF_TAG[tag] ?? []).includes(this.step))
      refuse(`${tagName(tag)} does not belong at ${STEP_NAMES[this.step]}`);
    if (this.accepting ? TO_CONNECTOR.has(tag) : TO_ACCEPTOR.has(tag))
      refuse(`${tagName(tag)} is for the other end`);
    const payload = reader.seg0.subarray(reader.seg0At, reader.seg0At + reader.len0);
    const { messenger } = this;
    if (messenger.logLevel >= 10) messenger.log(10, `${this.con.describe()} got ${tagName(tag)}`);
    this.onControl(tag, payload);
  }

  private onControl(tag: number, payload: Buffer): void {
    const { con } = this;
    switch (tag) {
      case TAG_ACK:
        con.acked(this.read(tag, payload, readSeq));
        return;
      case TAG_KEEPALIVE2: {
        const stamp = this.read(tag, payload, decodeStamp);
        this.say(TAG_KEEPALIVE2_ACK, e => encodeStamp(e, stamp));
        return;
      }
      case TAG_KEEPALIVE2_ACK:
        this.read(tag, payload, decodeStamp);
        con.lastKeepaliveAck = this.messenger.env.clock.mono();
        return;
      case TAG_HELLO:
        this.onHello(payload);
        return;
      case TAG_AUTH_REQUEST:
        this.onAuthRequest(payload);
        return;
      case TAG_AUTH_REQUEST_MORE:
        this.askAuthServer(true, this.read(tag, payload, decodeAuthMore));
        return;
      case TAG_AUTH_BAD_METHOD:
        this.onAuthBadMethod(payload);
        return;
      case TAG_AUTH_REPLY_MORE:
        this.onAuthReplyMore(payload);
        return;
      case TAG_AUTH_DONE:
        this.onAuthDone(payload);
        return;
      case TAG_AUTH_SIGNATURE:
        this.onSignature(payload);
        return;
      case TAG_CLIENT_IDENT:
        this.onClientIdent(payload);
        return;
      case TAG_SERVER_IDENT:
        this.onServerIdent(payload);
        return;
      case TAG_SESSION_RECONNECT:
        this.onReconnect(payload);
        return;
      default:
        this.onSessionAnswer(tag, payload);
    }
  }

  private onMessage(): void {
    const { reader } = this;
    const b = reader.seg0;
    const at = reader.seg0At;
    const seq = readU64(b, at);
    const ackSeq = readU64(b, at + 28);
    const tid = readU64(b, at + 8);
    if (seq < 0 || ackSeq < 0 || tid < 0) refuse('sequence number or tid above 2^53');
    const header: MessageHeader = {
      type: readU16(b, at + 16),
      version: readU16(b, at + 20),
      compatVersion: readU16(b, at + 37),
      tid,
      priority: readU16(b, at + 18),
    };
    this.con.acked(ackSeq);
    if (this.deliver(seq, header, reader.seg1, reader.seg2, reader.seg3)) reader.takeBack();
  }
}
