import { Decoder } from '../../src/base/decoder.ts';
import { Encoder } from '../../src/base/encoder.ts';
import { NacreError } from '../../src/base/errors.ts';
import type { AuthClient, AuthenticatedPeer, AuthServer } from '../../src/ceph/auth/types.ts';
import { type Message, messageDecoder } from '../../src/ceph/messages/message.ts';
import '../../src/ceph/messages/index.ts';
import type { Connection, Dispatcher, Messenger } from '../../src/ceph/messenger/types.ts';
import {
  ADDR_MSGR2,
  addrKey,
  ENTITY_TYPE_CLIENT,
  ENTITY_TYPE_MON,
  type EntityAddrVec,
  type EntityName,
} from '../../src/ceph/types/entity.ts';
import { ALL_FEATURES } from '../../src/ceph/types/features.ts';
import type { Env, TimerHandle } from '../../src/env/env.ts';
import { nodeEnv } from '../../src/env/node.ts';
import { handshake, handshakeV1 } from '../auth/handshake.ts';

/** Lets everything that is ready run: promises, and what they start. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise(resolve => setImmediate(resolve));
}

interface Alarm {
  readonly at: number;
  readonly fn: () => void;
  readonly every: number | undefined;
}

/** An env whose time passes only when it is told to. */
export class HandEnv implements Env {
  private passed = 0;
  private readonly alarms = new Set<Alarm>();
  readonly random = nodeEnv.random;
  readonly net = nodeEnv.net;
  readonly fs = nodeEnv.fs;
  readonly host = nodeEnv.host;
  readonly clock = { now: () => 1_800_000_000_000 + this.passed, mono: () => 1000 + this.passed };
  readonly timers: Env['timers'] = {
    set: (fn, ms) => this.add(fn, ms, undefined),
    every: (fn, ms) => this.add(fn, ms, ms),
    clear: handle => this.alarms.delete(handle as Alarm),
    immediate: fn => nodeEnv.timers.immediate(fn),
  };

  private add(fn: () => void, ms: number, every: number | undefined): TimerHandle {
    const alarm: Alarm = { at: this.passed + ms, fn, every };
    this.alarms.add(alarm);
    return alarm;
  }

  /** Timers that are set. */
  get waiting(): number {
    return this.alarms.size;
  }

  /** Milliseconds until the next one; Infinity without. */
  get next(): number {
    return Math.min(...[...this.alarms].map(alarm => alarm.at)) - this.passed;
  }

  async advance(ms: number): Promise<void> {
    const end = this.passed + ms;
    for (;;) {
      await settle();
      const due = [...this.alarms].filter(alarm => alarm.at <= end).sort((a, b) => a.at - b.at);
      if (due.length === 0) break;
      const [alarm] = due;
      this.passed = Math.max(this.passed, alarm.at);
      this.alarms.delete(alarm);
      if (alarm.every !== undefined) this.add(alarm.fn, alarm.every, alarm.every);
      alarm.fn();
    }
    this.passed = end;
    await settle();
  }
}

/** The accepting side of a connection: what a monitor sees. */
export interface ServerSide {
  readonly peer: AuthenticatedPeer;
  readonly isMsgr2: boolean;
  send(m: Message): void;
}

/** Something that accepts connections in the loop network. */
export interface LoopServer {
  readonly auth: AuthServer;
  /** False: nobody listens. 'silent': accepts and never says a word. */
  up: boolean | 'silent';
  /** Does not answer keepalives any more. */
  mute: boolean;
  accept(side: ServerSide): void;
  receive(side: ServerSide, m: Message): void;
}

/** A message as the other end would get it. */
function carry(m: Message): Message {
  const e = new Encoder();
  m.encodePayload(e, ALL_FEATURES);
  const { type, version, compatVersion, tid, priority } = m;
  const data = m.data.length === 0 ? undefined : Buffer.concat(m.data);
  const decode = messageDecoder(type);
  if (decode === undefined) throw new Error(`nobody reads ${m.describe()}`);
  const front = new Decoder(Buffer.from(e.result()), 'front');
  const copy = decode(front, { type, version, compatVersion, tid, priority }, data, undefined);
  copy.tid = tid;
  return copy;
}

class LoopConnection implements Connection {
  readonly peerType: number;
  readonly peerAddrs: EntityAddrVec;
  readonly peerName: EntityName = { type: ENTITY_TYPE_MON, num: 0 };
  readonly features = ALL_FEATURES;
  readonly isLossy = true;
  readonly peer = undefined;
  isConnected = false;
  globalId = 0n;
  session: unknown;
  lastKeepaliveAck = 0;
  lastActive = 0;
  private down = false;
  private readonly queue: Message[] = [];
  private readonly network: LoopNetwork;
  private readonly owner: LoopMessenger;
  private server: LoopServer | undefined;
  private side: ServerSide | undefined;
  authState: unknown;

  constructor(network: LoopNetwork, owner: LoopMessenger, peerType: number, addrs: EntityAddrVec) {
    this.network = network;
    this.owner = owner;
    this.peerType = peerType;
    this.peerAddrs = addrs;
    setImmediate(() => void this.connect());
  }

  private async connect(): Promise<void> {
    if (this.down) return;
    const target = this.peerAddrs.find(addr => addr.type === ADDR_MSGR2) ?? this.peerAddrs[0];
    const server = this.network.servers.get(addrKey({ ...target, nonce: 0 }));
    if (server?.up === 'silent') return;
    if (server === undefined || !server.up) {
      for (const d of this.owner.dispatchers) d.handleRefused?.(this);
      this.reset();
      return;
    }
    const isMsgr2 = target.type === ADDR_MSGR2;
    try {
      const { auth } = this.owner;
      const shake = isMsgr2 ? handshake : handshakeV1;
      const done = await shake(this.wrap(auth), server.auth, ENTITY_TYPE_CLIENT, this.peerType);
      if (this.down) return;
      this.server = server;
      this.side = {
        peer: done.peer,
        isMsgr2,
        send: m => setImmediate(() => this.deliver(carry(m))),
      };
      server.accept(this.side);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      this.reset();
      return;
    }
    this.isConnected = true;
    this.lastActive = this.network.env.clock.mono();
    this.network.open.add(this);
    for (const d of this.owner.dispatchers) d.handleConnect?.(this);
    for (const m of this.queue.splice(0)) this.transmit(m);
  }

  /** The handshake helper has a connection of its own: authentication is to see this one. */
  private wrap(auth: AuthClient): AuthClient {
    return {
      getAuthRequest: () => auth.getAuthRequest(this),
      handleAuthReplyMore: (_, payload) => auth.handleAuthReplyMore(this, payload),
      handleAuthDone: (_, id, mode, payload) => auth.handleAuthDone(this, id, mode, payload),
      handleAuthBadMethod: (_, method, result, methods, modes) =>
        auth.handleAuthBadMethod(this, method, result, methods, modes),
      getAuthorizerV1: () => auth.getAuthorizerV1(this),
      addChallengeV1: (_, challenge) => auth.addChallengeV1(this, challenge),
      verifyReplyV1: (_, reply) => auth.verifyReplyV1(this, reply),
      invalidateAuthorizer: type => auth.invalidateAuthorizer(type),
    };
  }

  private transmit(m: Message): void {
    const copy = carry(m);
    setImmediate(() => {
      if (!this.down && this.server!.up === true) this.server!.receive(this.side!, copy);
    });
  }

  private deliver(m: Message): void {
    if (this.down || this.server!.up !== true) return;
    this.lastActive = this.network.env.clock.mono();
    for (const d of this.owner.dispatchers) if (d.dispatch(this, m)) return;
  }

  send(m: Message): void {
    if (this.down) return;
    if (this.isConnected) this.transmit(m);
    else this.queue.push(m);
  }

  sendKeepalive(): void {
    setImmediate(() => {
      if (this.isConnected && !this.down && this.server!.up === true && !this.server!.mute)
        this.lastKeepaliveAck = this.network.env.clock.mono();
    });
  }

  /** The stream broke. */
  reset(): void {
    if (this.down) return;
    this.markDown();
    for (const d of this.owner.dispatchers) d.handleReset?.(this);
  }

  get isDown(): boolean {
    return this.down;
  }

  to(server: LoopServer): boolean {
    return this.server === server;
  }

  markDown(): void {
    this.down = true;
    this.isConnected = false;
    this.network.open.delete(this);
  }
}

class LoopMessenger implements Messenger {
  readonly myName: EntityName = { type: ENTITY_TYPE_CLIENT, num: -1 };
  readonly myAddrs: EntityAddrVec = [];
  readonly dispatchers: Dispatcher[] = [];
  readonly auth: AuthClient;
  private readonly network: LoopNetwork;

  constructor(network: LoopNetwork, auth: AuthClient) {
    this.network = network;
    this.auth = auth;
  }

  addDispatcher(dispatcher: Dispatcher): void {
    this.dispatchers.push(dispatcher);
  }

  connectTo(peerType: number, addrs: EntityAddrVec): Connection {
    const con = new LoopConnection(this.network, this, peerType, addrs);
    this.network.made.push(con);
    return con;
  }

  get loopback(): Connection {
    throw new Error('not in the loop network');
  }
  get stats(): Messenger['stats'] {
    throw new Error('not in the loop network');
  }
  setPolicy(): void {}
  setDefaultPolicy(): void {}
  async bind(): Promise<EntityAddrVec> {
    return [];
  }
  hold(): void {}
  release(): void {}
  async shutdown(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}
}

/**
 * Carries messages between a client and monitors of one process, encoded and decoded, one event loop turn
 * each.
 */
export class LoopNetwork {
  readonly env: HandEnv;
  readonly servers = new Map<string, LoopServer>();
  readonly open = new Set<LoopConnection>();
  /** All connections ever. */
  readonly made: LoopConnection[] = [];

  constructor(env: HandEnv) {
    this.env = env;
  }

  listen(addrs: EntityAddrVec, server: LoopServer): void {
    for (const addr of addrs) this.servers.set(addrKey({ ...addr, nonce: 0 }), server);
  }

  messenger(auth: AuthClient): Messenger {
    return new LoopMessenger(this, auth);
  }

  /** Breaks all connections to a server. */
  break(server: LoopServer): void {
    for (const con of [...this.open]) if (con.to(server)) con.reset();
  }
}
