import type { Throttle } from '../../base/throttle.ts';
import type { AuthenticatedPeer } from '../auth/types.ts';
import type { Message } from '../messages/message.ts';
import type { EntityAddrVec, EntityName } from '../types/entity.ts';
import type { Features } from '../types/features.ts';
import type { MessengerStats } from './options.ts';

/** How a messenger treats peers of one type (msg/Policy.h). */
export interface Policy {
  /** A fault ends the session: nothing is replayed, the dispatcher hears `handleReset`. */
  readonly lossy: boolean;
  /** The peer connects to us; we never reconnect. */
  readonly server: boolean;
  /** A server that lost its connection waits for the peer to come back. */
  readonly standby: boolean;
  /** Detects a peer that has forgotten the session. */
  readonly resetCheck: boolean;
  /** A lossy server still keeps one connection an address, so that a second one ends the first. Default true. */
  readonly registerLossyClients?: boolean;
  /** Payload bytes that may be held between the socket and the end of dispatch. */
  throttlerBytes?: Throttle;
  throttlerMessages?: Throttle;
  readonly featuresSupported: Features;
  readonly featuresRequired: Features;
}

/** One peer session. Outlives TCP connections where the policy is lossless. */
export interface Connection {
  readonly peerType: number;
  /** Entity number of the peer, when it told (v2 HELLO / ident, v1 connect). */
  readonly peerName: EntityName;
  readonly peerAddrs: EntityAddrVec;
  readonly features: Features;
  readonly isConnected: boolean;
  readonly isLossy: boolean;
  /** Who the peer proved to be; set on accepted connections once authenticated. */
  readonly peer: AuthenticatedPeer | undefined;
  /** global_id of the session, when authenticated. */
  readonly globalId: bigint;
  /** A dispatcher's session object for this peer. */
  session: unknown;
  /** When the peer last answered a keepalive, milliseconds on the Env's monotonic clock; 0 for never. */
  readonly lastKeepaliveAck: number;
  /** When anything last arrived, same clock. */
  readonly lastActive: number;
  /** Queues a message. Order within one priority is kept. Never throws; a lossy connection that is down drops it. */
  send(message: Message): void;
  sendKeepalive(): void;
  /** Ends the session from this side: drops what is queued, no handleReset, no reconnect. */
  markDown(): void;
}

/**
 * Consumer of messages. Dispatchers are asked in the order they were added.
 *
 * The bytes and the count that a message holds of the throttles return when dispatch returns, unless the
 * dispatcher called `hold(message)` on the messenger and releases it later.
 */
export interface Dispatcher {
  /** True for messages that may be handled at once on the reading path. */
  canFastDispatch?(message: Message): boolean;
  fastDispatch?(con: Connection, message: Message): void;
  /** True when handled; false lets the next dispatcher try. */
  dispatch(con: Connection, message: Message): boolean;
  /** We connected and the session is established. */
  handleConnect?(con: Connection): void;
  /** A peer connected and was authenticated. */
  handleAccept?(con: Connection): void;
  /** A lossy session ended, or a server's session was dropped. */
  handleReset?(con: Connection): void;
  /** The peer forgot our lossless session; what was in flight is lost. */
  handleRemoteReset?(con: Connection): void;
  /** ECONNREFUSED: nobody listens there. */
  handleRefused?(con: Connection): void;
}

export interface Messenger extends AsyncDisposable {
  readonly myName: EntityName;
  readonly myAddrs: EntityAddrVec;
  /** Who we are from now on: a client learns its number from the monitor. */
  setMyName?(name: EntityName): void;
  setPolicy(peerType: number, policy: Policy): void;
  setDefaultPolicy(policy: Policy): void;
  addDispatcher(dispatcher: Dispatcher): void;
  /** Listens on each address; port 0 picks from the configured range. Resolves to the addresses bound. */
  bind(addrs: EntityAddrVec): Promise<EntityAddrVec>;
  /** The session with a peer, made when there is none (a new one each time where the policy is lossy and `anon`). */
  connectTo(peerType: number, addrs: EntityAddrVec, anon?: boolean): Connection;
  /** A connection to oneself: delivered through the dispatch queue without a socket. */
  readonly loopback: Connection;
  /** Keeps a message's share of the throttles beyond dispatch. */
  hold(message: Message): void;
  release(message: Message): void;
  readonly stats: MessengerStats;
  /** Closes every connection and listener. Idempotent. */
  shutdown(): Promise<void>;
}
