import { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { DecodeError, NacreError } from '../../base/errors.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { Socket } from '../../env/env.ts';
import type { AuthConnection } from '../auth/types.ts';
import { type Message, type MessageHeader, messageDecoder } from '../messages/message.ts';
import type { AsyncConnection } from './connection.ts';
import { putShare } from './dispatch-queue.ts';
import { OutBuffer } from './out-buffer.ts';
import type { StreamHandler } from './stack.ts';
import type { StreamReader } from './stream-reader.ts';
import { traceLink } from './trace-link.ts';

/**
 * One byte stream under a connection, from its handshake to its end: what protocols v1 and v2 have in common.
 * A link breaks and is replaced; the session (sequence numbers, queues, cookies) is the connection's.
 */
export abstract class Link implements StreamHandler {
  abstract readonly protocol: 1 | 2;
  /** Changes when an accepted stream turns out to continue another connection's session. */
  con: AsyncConnection;
  /** True when the peer connected to us. */
  readonly accepting: boolean;
  /** The peer told us to wait for its own connection. */
  raced = false;
  /** The socket took less than it was given: nothing is written before it drains. */
  blocked = false;
  readonly out: OutBuffer;
  protected readonly auth: AuthConnection;
  protected socket!: Socket;
  protected abstract readonly reader: StreamReader & { close(): void; resume(): void };
  private closed = false;
  /** Throttles that the message being read has: 0 none .. 3 all. */
  private claimed = 0;
  private claimBytes = 0;
  /** What the claim waits for. */
  private waitsFor: { cancel(granted: () => void): boolean } | undefined;

  constructor(con: AsyncConnection, accepting: boolean) {
    this.con = con;
    this.accepting = accepting;
    this.out = new OutBuffer(con.messenger.stack.alloc);
    const self = this;
    this.auth = {
      peerType: con.peerType,
      get peerAddrs() {
        return self.con.peerAddrs;
      },
      get connection() {
        return self.con;
      },
      authState: undefined,
    };
  }

  /** The stream is up: first words. */
  protected abstract begin(): void;
  /** Encodes a message whose front is in `front` already. */
  abstract writeMessage(m: Message, front: Encoder): void;
  /** Acknowledges what was received; true when messages carry it along. */
  abstract writeAck(seq: number): void;
  abstract readonly acksWithMessages: boolean;
  abstract writeKeepalive(): void;

  get messenger() {
    return this.con.messenger;
  }

  attach(socket: Socket): void {
    this.socket = socket;
  }

  get isClosed(): boolean {
    return this.closed;
  }

  // The socket's side.

  onConnect(): void {
    if (this.closed) return;
    this.con.touch();
    this.guard(this.beginSelf);
  }

  private readonly beginSelf = (): void => this.begin();

  readBuffer(): Uint8Array {
    return this.reader.readBuffer();
  }

  onRead(n: number): void {
    if (this.closed) return;
    const { stats } = this.con.messenger;
    stats.msgr_recv_bytes += n;
    stats.msgr_recv_calls++;
    this.con.touch();
    try {
      this.reader.onRead(n);
    } catch (error) {
      this.fail(error);
    }
  }

  onBuffer(bytes: Uint8Array): void {
    if (this.closed) return;
    const { stats } = this.con.messenger;
    stats.msgr_recv_bytes += bytes.length;
    stats.msgr_recv_calls++;
    this.con.touch();
    try {
      this.reader.onBuffer(bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  onDrain(): void {
    if (!this.blocked) return;
    this.blocked = false;
    if (!this.closed) this.con.flush();
  }

  onClose(error?: Error): void {
    if (this.closed) return;
    this.con.fault(this, error ?? new NacreError('ECONNRESET', 'msgr.read', 'peer closed the connection'));
  }

  /** Runs a step of the handshake; what it throws breaks the link. */
  protected guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  protected fail(error: unknown): void {
    this.con.fault(this, error instanceof Error ? error : new Error(String(error)));
  }

  /** Hands what is encoded to the socket. */
  flush(): void {
    const { queued } = this.out;
    if (queued === 0 || this.closed) return;
    const { stats } = this.con.messenger;
    stats.msgr_send_bytes += queued;
    stats.msgr_send_calls++;
    const go = this.out.flush(this.socket);
    if (!go && this.socket.pending > 0) this.blocked = true;
  }

  /** Ends the stream without a fault. Throttles that a half-read message holds come back. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.dropClaim();
    this.reader.close();
    this.out.drop();
    this.socket?.destroy();
  }

  // Throttles: messages, bytes, dispatch bytes, one after the other. While one is full nothing is read.

  /** True when a message of `bytes` may be read on; false: the socket is paused and the reader resumed later. */
  protected claim(bytes: number): boolean {
    this.claimBytes = bytes;
    this.claimed = 0;
    if (this.claimMore()) return true;
    this.con.messenger.stats.msgr_throttle_waits++;
    this.socket.pause();
    return false;
  }

  private claimMore(): boolean {
    const { policy, messenger } = this.con;
    const bytes = this.claimBytes;
    while (this.claimed < 3) {
      const throttle =
        this.claimed === 0
          ? policy.throttlerMessages
          : this.claimed === 1
            ? policy.throttlerBytes
            : messenger.dispatchQueue.throttle;
      const wanted = this.claimed === 0 ? 1 : bytes;
      if (throttle !== undefined && wanted > 0 && !throttle.tryTake(wanted)) {
        this.waitsFor = throttle;
        throttle.get(wanted, this.granted);
        return false;
      }
      this.claimed++;
    }
    return true;
  }

  private readonly granted = (): void => {
    this.waitsFor = undefined;
    this.claimed++;
    if (!this.claimMore()) return;
    // Not from within the release of another message: that may be in the middle of anything.
    process.nextTick(this.goOn);
  };

  private readonly goOn = (): void => {
    if (this.closed) return;
    this.guard(() => this.reader.resume());
    if (!this.closed && this.waitsFor === undefined) this.socket.resume();
  };

  protected dropClaim(): void {
    this.waitsFor?.cancel(this.granted);
    this.waitsFor = undefined;
    const { claimed, claimBytes } = this;
    this.claimed = 0;
    if (claimed === 0) return;
    const { policy, messenger } = this.con;
    if (claimed === 3) putShare(policy, messenger.dispatchQueue.throttle, claimBytes);
    else {
      policy.throttlerMessages?.put(1);
      if (claimed === 2 && claimBytes > 0) policy.throttlerBytes?.put(claimBytes);
    }
  }

  // Messages.

  /** A whole, checked message: decoded, its sequence number checked, and given to dispatch. */
  protected deliver(
    seq: number,
    header: MessageHeader,
    front: Buffer | undefined,
    middle: Buffer | undefined,
    data: Buffer | undefined,
  ): boolean {
    const { con } = this;
    const { messenger } = con;
    if (seq <= con.inSeq) {
      messenger.log(
        1,
        `${con.describe()} got old message ${seq} <= ${con.inSeq}, type ${header.type}, discarding`,
      );
      this.dropClaim();
      return true;
    }
    if (seq > con.inSeq + 1)
      messenger.log(1, `${con.describe()} missed messages, skipped from seq ${con.inSeq} to ${seq}`);
    const decode = messageDecoder(header.type);
    if (decode === undefined) {
      messenger.log(0, `${con.describe()} drops a message of unknown type ${header.type}`);
      con.received(seq);
      this.dropClaim();
      return true;
    }
    const span = tracing()
      ? wind(`ProtocolV${this.protocol}.handle_message`, undefined, {
          type: header.type,
          seq,
          bytes: this.claimBytes,
          link: traceLink(messenger.myName, con.peerName, header.tid),
        })
      : undefined;
    let message: Message;
    try {
      message = decode(new Decoder(front ?? EMPTY), header, data, middle);
    } catch (error) {
      unwind(span, error);
      if (error instanceof DecodeError)
        throw new NacreError('EBADMSG', 'msgr.decode', `message type ${header.type}: ${error.message}`, {
          cause: error,
        });
      throw error;
    }
    message.seq = seq;
    message.tid = header.tid;
    message.priority = header.priority;
    // The share goes over to the message.
    message.shareBytes = this.claimBytes;
    message.shareOf = con.policy;
    this.claimed = 0;
    con.received(seq);
    messenger.stats.msgr_recv_messages++;
    if (messenger.logLevel >= 1)
      messenger.log(1, `${con.describe()} <== ${message.describe()} seq ${seq} tid ${message.tid}`);
    if (span !== undefined) message.trace = span;
    messenger.dispatchQueue.received(con, message, this.claimBytes);
    if (span !== undefined) unwind(span);
    return message.borrowed;
  }
}

const EMPTY = Buffer.alloc(0);
