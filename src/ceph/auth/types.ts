import type { EntityAddrVec } from '../types/entity.ts';

/** CEPH_AUTH_* methods (include/ceph_fs.h). */
export const AUTH_UNKNOWN = 0;
export const AUTH_NONE = 1;
export const AUTH_CEPHX = 2;

/** CEPH_CON_MODE_*: what protocol v2 does to frames once authenticated. */
export const CON_MODE_UNKNOWN = 0;
export const CON_MODE_CRC = 1;
export const CON_MODE_SECURE = 2;

/**
 * What authentication sees of a connection, and where it keeps its own state for it. The messenger owns
 * one for each handshake attempt.
 */
export interface AuthConnection {
  /** CEPH_ENTITY_TYPE_* of the other end (for an acceptor: known after its auth request was read). */
  peerType: number;
  readonly peerAddrs: EntityAddrVec;
  /**
   * The messenger's Connection that this handshake is for. Tells apart two connections to one peer; a
   * messenger that has one object for both sets it to itself.
   */
  readonly connection?: unknown;
  /** Where an AuthClient / AuthServer keeps what it must remember between rounds. */
  authState: unknown;
}

/** Both ends' result of a successful handshake. */
export interface AuthDone {
  /** Signs messages of protocol v1 and the auth signature frames of v2; undefined with auth none. */
  readonly sessionKey: Buffer | undefined;
  /** Keys and nonces of secure mode; empty otherwise. */
  readonly connectionSecret: Buffer;
}

/** The connecting end (Ceph's AuthClient). The mon client implements it for every connection of a process. */
export interface AuthClient {
  /** First words: the method, the connection modes wanted in order, and the method's own payload. */
  getAuthRequest(con: AuthConnection): { method: number; preferredModes: number[]; payload: Buffer };
  /** The server wants another round: returns what to send back. Throws when the peer is not to be trusted. */
  handleAuthReplyMore(con: AuthConnection, payload: Buffer): Buffer;
  /**
   * Authenticated. `payload` carries tickets (monitor) or proof (service). Throws when it does not verify.
   */
  handleAuthDone(con: AuthConnection, globalId: bigint, conMode: number, payload: Buffer): AuthDone;
  /**
   * The server refused the method. Returns to try again with getAuthRequest; throws when nothing is left to
   * try.
   */
  handleAuthBadMethod(
    con: AuthConnection,
    oldMethod: number,
    result: number,
    allowedMethods: number[],
    allowedModes: number[],
  ): void;

  // Protocol v1 carries an authorizer inside its connect message instead.
  /**
   * Authorizer for a v1 connect; protocol AUTH_NONE or AUTH_CEPHX (AUTH_UNKNOWN and empty towards a monitor).
   */
  getAuthorizerV1(con: AuthConnection): { protocol: number; authorizer: Buffer };
  /** Adds the server's challenge to the authorizer (cephx v2 authorizers); returns the new authorizer. */
  addChallengeV1(con: AuthConnection, challenge: Buffer): Buffer;
  /** Checks the server's reply; returns the session key that signs messages. Throws if it does not verify. */
  verifyReplyV1(con: AuthConnection, reply: Buffer): AuthDone;
  /**
   * The server refused the authorizer (CEPH_MSGR_TAG_BADAUTHORIZER): drop the ticket so that a new one is
   * fetched.
   */
  invalidateAuthorizer(peerType: number): void;
}

/** Who the acceptor found the peer to be. */
export interface AuthenticatedPeer {
  /** Entity name with type: 'client.admin'. */
  readonly entityName: string;
  readonly globalId: bigint;
  /** Capabilities as the ticket carries them (encoded AuthCapsInfo's caps), undefined with allow-all. */
  readonly caps: Buffer | undefined;
  readonly allowAll: boolean;
  /**
   * Towards a monitor: the method's server half, which answers the MAuth messages that the session sends
   * later.
   */
  readonly handler?: unknown;
}

export type AuthServerResult =
  | {
      readonly status: 'done';
      readonly reply: Buffer;
      readonly globalId: bigint;
      readonly done: AuthDone;
      readonly peer: AuthenticatedPeer;
    }
  | { readonly status: 'more'; readonly reply: Buffer }
  /** Negative errno: EACCES, EPERM, EOPNOTSUPP (method not allowed). */
  | { readonly status: 'fail'; readonly result: number };

/** The accepting end (Ceph's AuthServer). Monitors answer with tickets, other daemons check authorizers. */
export interface AuthServer {
  supportedMethods(peerType: number): number[];
  supportedModes(peerType: number, method: number): number[];
  /** The first of `preferred` that is allowed; CON_MODE_UNKNOWN when none is. */
  pickConMode(peerType: number, method: number, preferred: number[]): number;
  /** One round. `more` is false for the first. `conMode` is what will be used when done. */
  handleAuthRequest(
    con: AuthConnection,
    more: boolean,
    method: number,
    conMode: number,
    payload: Buffer,
  ): AuthServerResult | Promise<AuthServerResult>;
  /** Protocol v1: checks a connect's authorizer; 'more' asks for the challenge to be added to it. */
  handleAuthorizerV1(
    con: AuthConnection,
    protocol: number,
    authorizer: Buffer,
  ): AuthServerResult | Promise<AuthServerResult>;
}
