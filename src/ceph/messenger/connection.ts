import { unwind, wind } from '../../base/trace.ts';
import type { NetAddress, TimerHandle } from '../../env/env.ts';
import type { AuthenticatedPeer } from '../auth/types.ts';
import type { Message } from '../messages/message.ts';
import { entityAddrVecText } from '../types/addr-text.ts';
import { type EntityName, entityNameText } from '../types/entity.ts';
import { ADDR_BLANK, ADDR_LEGACY, type EntityAddr, type EntityAddrVec } from '../types/entity-addr.ts';
import { type Features, NO_FEATURES } from '../types/features.ts';

import { Fifo } from './fifo.ts';
import type { Link } from './link.ts';
import type { MessengerImpl } from './messenger.ts';
import { OutQueue } from './out-queue.ts';
import { ProtocolV1 } from './protocol-v1.ts';
import { ProtocolV2 } from './protocol-v2.ts';
import { traceLink } from './trace-link.ts';
import type { Connection, Policy } from './types.ts';

export const CON_NONE = 0;
/** A link that we opened is in its handshake, or waits for its back-off to pass. */
export const CON_CONNECTING = 1;
/** A link that the peer opened is in its handshake. */
export const CON_ACCEPTING = 2;
export const CON_READY = 3;
/** No link, and no reason to open one before something is sent or the peer comes back. */
export const CON_STANDBY = 4;
export const CON_CLOSED = 5;

const STATE_NAMES = ['none', 'connecting', 'accepting', 'ready', 'standby', 'closed'];

/** Encoded bytes at which they go to the socket, although more messages wait. */
const FLUSH_AT = 256 * 1024;

/**
 * A session with one peer (msg/async/AsyncConnection, and the session half of ProtocolV1 and V2): policy,
 * sequence numbers, what is queued, what was sent and not acknowledged. Its link comes and goes.
 */
export class AsyncConnection implements Connection {
  readonly messenger: MessengerImpl;
  peerType: number;
  peerName: EntityName;
  peerAddrs: EntityAddrVec;
  /** The one of the peer's addresses that we connect to; of an accepted connection where the peer came from. */
  target: EntityAddr;
  policy: Policy;
  features: Features = NO_FEATURES;
  peer: AuthenticatedPeer | undefined = undefined;
  globalId = 0n;
  session: unknown = undefined;
  lastKeepaliveAck = 0;
  lastActive: number;
  state = CON_NONE;
  link: Link | undefined;
  /** False for accepted connections before their dispatchers have heard of them. */
  announced: boolean;
  /** Where it is registered; '' when it is not. */
  key = '';

  // The session. Counters are Ceph's: see msgr2.rst and ProtocolV2.h.
  /** Seq of the last message written, and of the last received. */
  outSeq = 0;
  inSeq = 0;
  /** Received messages that were not acknowledged. */
  ackLeft = 0;
  /** How often this session reconnected. */
  connectSeq = 0;
  /** The messenger's count of connection attempts, as of our last one, and as the peer said of its. */
  globalSeq = 0;
  peerGlobalSeq = 0;
  clientCookie = 0n;
  serverCookie = 0n;
  /** Protocol v1: the session was up once. */
  onceReady = false;
  readonly queue = new OutQueue();
  /** Written, not acknowledged, oldest first; lossless only. Their seqs are the last ones up to outSeq. */
  private readonly sent = new Fifo<Message>();
  private keepalive = false;
  private backoff = 0;
  private timer: TimerHandle | undefined;
  private startedAt = 0;
  /** In the messenger's list of those that have something to write. */
  dirty = false;

  constructor(
    messenger: MessengerImpl,
    peerType: number,
    addrs: EntityAddrVec,
    target: EntityAddr,
    ours: boolean,
  ) {
    this.messenger = messenger;
    this.peerType = peerType;
    this.peerName = { type: peerType, num: -1 };
    this.peerAddrs = addrs;
    this.target = target;
    this.announced = ours;
    this.policy = messenger.policyOf(peerType);
    this.lastActive = messenger.env.clock.mono();
    messenger.stats.msgr_created_connections++;
  }

  get isConnected(): boolean {
    return this.state === CON_READY;
  }

  get isLossy(): boolean {
    return this.policy.lossy;
  }

  describe(): string {
    const { messenger } = this;
    return (
      `-- ${entityAddrVecText(messenger.myAddrs)} >> ${entityAddrVecText(this.peerAddrs)} ` +
      `${entityNameText(this.peerName)} s=${STATE_NAMES[this.state]} l=${this.policy.lossy ? 1 : 0}`
    );
  }

  touch(): void {
    this.lastActive = this.messenger.env.clock.mono();
  }

  // Sending.

  send(message: Message): void {
    if (this.state === CON_CLOSED) return;
    if (message.trace !== undefined) this.traceSubmit(message);
    this.queue.push(message);
    this.kick();
  }

  private traceSubmit(message: Message): void {
    const span = wind('AsyncMessenger.submit_message', message.trace, {
      message: message.describe(),
      to: entityNameText(this.peerName),
      link: traceLink(this.messenger.myName, this.peerName, message.tid),
    });
    unwind(span);
  }

  sendKeepalive(): void {
    if (this.state === CON_CLOSED) return;
    this.keepalive = true;
    this.kick();
  }

  /** There is something to write. */
  kick(): void {
    if (this.state === CON_READY) {
      if (!this.dirty) this.messenger.scheduleFlush(this);
    } else if (this.state === CON_STANDBY && !this.policy.server) {
      if (this.serverCookie !== 0n) this.connectSeq++;
      this.connect();
    }
  }

  /** Writes what waits, as far as the socket takes it. */
  flush(): void {
    const { link, queue } = this;
    if (this.state !== CON_READY || link === undefined) return;
    if (this.keepalive) {
      this.keepalive = false;
      link.writeKeepalive();
    }
    while (!link.blocked) {
      const message = queue.shift();
      if (message === undefined) break;
      this.write(link, message);
      if (link.out.queued >= FLUSH_AT) link.flush();
    }
    if (this.ackLeft > 0) {
      this.ackLeft = 0;
      link.writeAck(this.inSeq);
    }
    link.flush();
  }

  private write(link: Link, message: Message): void {
    const { messenger } = this;
    const { scratch } = messenger;
    scratch.reset();
    const span =
      message.trace === undefined
        ? undefined
        : wind(`ProtocolV${link.protocol}.write_message`, message.trace, {
            message: message.describe(),
            seq: this.outSeq + 1,
            bytes: message.dataLength,
          });
    try {
      message.encodePayload(scratch, this.features);
    } catch (error) {
      unwind(span, error);
      messenger.log(
        -1,
        `${this.describe()} cannot encode a message of type ${message.type}: ${String(error)}`,
      );
      messenger.reportError(error);
      return;
    }
    message.seq = ++this.outSeq;
    if (!this.policy.lossy) this.sent.push(message);
    if (link.acksWithMessages) this.ackLeft = 0;
    if (messenger.logLevel >= 1)
      messenger.log(1, `${this.describe()} ==> ${message.describe()} seq ${message.seq} tid ${message.tid}`);
    link.writeMessage(message, scratch);
    messenger.stats.msgr_send_messages++;
    unwind(span);
  }

  // Receiving.

  /** A message with this seq is in good hands. */
  received(seq: number): void {
    this.inSeq = seq;
    if (!this.policy.lossy) {
      this.ackLeft++;
      this.kick();
    }
  }

  /** The peer has everything up to `seq`. */
  acked(seq: number): void {
    if (this.policy.lossy) return;
    const { sent } = this;
    let first = this.outSeq - sent.length + 1;
    while (sent.length > 0 && first <= seq) {
      sent.shift();
      first++;
    }
  }

  // Session.

  /** What was sent and not acknowledged waits again, before everything else. */
  requeueSent(): void {
    const { sent } = this;
    this.outSeq -= sent.length;
    this.queue.again.prepend(sent.take());
  }

  /** The peer says that it has these: no need to send them again. */
  discardRequeued(seq: number): void {
    const { again } = this.queue;
    if (again.length === 0) {
      this.outSeq = seq;
      return;
    }
    while (again.length > 0 && this.outSeq < seq) {
      again.shift();
      this.outSeq++;
    }
  }

  /** The peer knows nothing of the session any more: neither do we. */
  resetSession(): void {
    const { messenger } = this;
    messenger.log(1, `${this.describe()} session is reset`);
    messenger.dispatchQueue.discard(this);
    this.queue.clear();
    this.sent.clear();
    messenger.dispatchQueue.queueRemoteReset(this);
    this.outSeq = 0;
    this.inSeq = 0;
    this.ackLeft = 0;
    this.connectSeq = 0;
    this.peerGlobalSeq = 0;
    this.clientCookie = 0n;
    this.serverCookie = 0n;
    this.onceReady = false;
  }

  /** The policy that both ends agreed on: the server decides whether a session is lossy. */
  agreeLossy(lossy: boolean): void {
    if (this.policy.lossy !== lossy) this.policy = { ...this.policy, lossy };
  }

  // Life.

  /** Opens a link to the target. */
  connect(): void {
    const { messenger } = this;
    this.stopTimer();
    this.state = CON_CONNECTING;
    this.globalSeq = messenger.nextGlobalSeq();
    const link = this.target.type === ADDR_LEGACY ? new ProtocolV1(this, false) : new ProtocolV2(this, false);
    this.link = link;
    this.startedAt = messenger.env.clock.mono();
    this.armTick();
    const to: NetAddress = { host: this.target.ip, port: this.target.port };
    try {
      link.attach(messenger.stack.connect(to, link));
    } catch (error) {
      process.nextTick(() => this.fault(link, error as Error));
    }
  }

  /** Takes a stream that the peer opened. */
  accept(link: Link): void {
    this.state = CON_ACCEPTING;
    this.link = link;
    this.startedAt = this.messenger.env.clock.mono();
    this.armTick();
  }

  /** Gives this session the link of a newer connection of the same peer, which ends. */
  takeLink(from: AsyncConnection): void {
    const link = from.link!;
    from.link = undefined;
    this.link?.close();
    link.con = this;
    this.requeueSent();
    this.peer = from.peer;
    this.globalId = from.globalId;
    this.link = link;
    this.accept(link);
    from.stop();
  }

  /** The handshake is over. */
  ready(): void {
    const was = this.announced;
    this.announced = true;
    this.state = CON_READY;
    this.backoff = 0;
    this.armTick();
    const { messenger, link } = this;
    messenger.log(
      1,
      `${this.describe()} ready, features ${this.features.bits.toString(16)}` +
        `${was ? '' : ' (new)'} in_seq ${this.inSeq} out_seq ${this.outSeq}`,
    );
    messenger.dispatchQueue.announce(this, link!.accepting);
    if (this.state === CON_READY && (this.queue.length > 0 || this.ackLeft > 0 || this.keepalive))
      this.kick();
  }

  /** The link broke. What comes of it is the policy's and the state's business. */
  fault(link: Link, error: Error): void {
    if (this.link !== link || this.state === CON_CLOSED) return;
    const { messenger, policy, state } = this;
    const { raced } = link;
    messenger.stats.msgr_connection_faults++;
    messenger.log(state === CON_READY ? 0 : 1, `${this.describe()} fault: ${error.message}`);
    link.close();
    this.link = undefined;
    this.stopTimer();
    if (state === CON_CONNECTING && (error as NodeJS.ErrnoException).code === 'ECONNREFUSED')
      messenger.dispatchQueue.queueRefused(this);
    if (policy.lossy && state !== CON_CONNECTING) {
      this.stopAndReset();
      return;
    }
    this.requeueSent();
    if (state === CON_ACCEPTING && this.queue.length === 0 && !this.announced) {
      this.stop();
      return;
    }
    if (policy.server || (policy.standby && this.queue.length === 0 && !this.keepalive && !raced)) {
      this.state = CON_STANDBY;
      return;
    }
    if (state === CON_READY) {
      this.backoff = 0;
      this.connectSeq++;
      this.connect();
      return;
    }
    this.state = CON_CONNECTING;
    const { ms_initial_backoff, ms_max_backoff } = messenger.config;
    if (raced) this.backoff = ms_max_backoff;
    else if (this.backoff === 0) this.backoff = ms_initial_backoff;
    else this.backoff = Math.min(this.backoff * 2, ms_max_backoff);
    if (this.serverCookie !== 0n) this.connectSeq++;
    this.timer = messenger.env.timers.set(() => this.connect(), this.backoff * 1000);
  }

  /** Ends for good and tells the dispatchers. */
  stopAndReset(): void {
    const tell = this.announced && this.state !== CON_CLOSED;
    this.stop();
    if (tell) this.messenger.dispatchQueue.queueReset(this);
  }

  /** Ends for good. */
  stop(): void {
    if (this.state === CON_CLOSED) return;
    this.state = CON_CLOSED;
    this.stopTimer();
    const { link } = this;
    this.link = undefined;
    link?.close();
    this.queue.clear();
    this.sent.clear();
    this.messenger.dispatchQueue.discard(this);
    this.messenger.unregister(this);
  }

  markDown(): void {
    this.stop();
  }

  /** Breaks the link as if the network had; the session takes its course. For tests and fault injection. */
  breakLink(): void {
    if (this.link !== undefined) this.fault(this.link, new Error('link broken on purpose'));
  }

  // One timer: until ready it bounds the handshake, then it looks for silence.

  private stopTimer(): void {
    if (this.timer === undefined) return;
    this.messenger.env.timers.clear(this.timer);
    this.timer = undefined;
  }

  private armTick(): void {
    this.stopTimer();
    const { config, env } = this.messenger;
    const now = env.clock.mono();
    const ready = this.state === CON_READY;
    const limit = 1000 * (ready ? config.ms_connection_idle_timeout : config.ms_connection_ready_timeout);
    const since = ready ? this.lastActive : this.startedAt;
    this.timer = env.timers.set(this.tick, Math.max(1, since + limit - now), true);
  }

  private readonly tick = (): void => {
    this.timer = undefined;
    const { link, messenger } = this;
    if (link === undefined) return;
    const now = messenger.env.clock.mono();
    if (this.state === CON_READY) {
      if (now - this.lastActive < messenger.config.ms_connection_idle_timeout * 1000) {
        this.armTick();
        return;
      }
      messenger.stats.msgr_connection_idle_timeouts++;
      this.fault(link, new Error(`idle for ${Math.round(now - this.lastActive)} ms`));
      return;
    }
    messenger.stats.msgr_connection_ready_timeouts++;
    this.fault(link, new Error(`not ready after ${Math.round(now - this.startedAt)} ms`));
  };
}

/** The address to connect to: the first of a protocol that we speak. */
export function targetOf(addrs: EntityAddrVec): EntityAddr {
  for (const addr of addrs) if (addr.family !== 0 && addr.port !== 0) return addr;
  return addrs[0] ?? ADDR_BLANK;
}
