import type { NacreError } from '../../base/errors.ts';
import type { AuthEntityName } from './entity-name.ts';
import type { AuthCapsInfo } from './tickets.ts';
import { AUTH_NONE, type AuthDone } from './types.ts';

/** What the monitor answers in one round. */
export interface AuthServiceReply {
  /** Negative errno: refused; 0: answered, there is more to say; 1: authenticated. */
  readonly result: number;
  readonly reply: Buffer;
  /** With result 1: what the entity may do at the monitors. */
  readonly caps?: AuthCapsInfo;
  readonly done?: AuthDone;
  /** With a negative result: why. For the log; the peer learns the number alone. */
  readonly error?: NacreError;
}

/**
 * The monitor's half of one method for one session (auth/AuthServiceHandler.h). Lives as long as the session.
 */
export interface AuthServiceHandler {
  /** AUTH_*. */
  readonly method: number;
  /** The first round. `globalId` is the one that the client has, or a new one. */
  startSession(name: AuthEntityName, globalId: bigint, isNewGlobalId: boolean): AuthServiceReply;
  /**
   * Each further round of a handshake, and MAuth messages: all of protocol v1's exchange, and renewals. The
   * length of the connection's secret in bytes, 0 in crc mode; undefined for MAuth messages, which bring
   * none. An MAuthReply must carry the session's global id each time: clients take another one for a new
   * session. A result of 1 is sent as 0.
   */
  handleRequest(payload: Buffer, connectionSecretLength?: number): AuthServiceReply;
}

const EMPTY = Buffer.alloc(0);

export function createNoneServiceHandler(): AuthServiceHandler {
  const done: AuthServiceReply = {
    result: 1,
    reply: EMPTY,
    caps: { allowAll: true, caps: EMPTY },
    done: { sessionKey: undefined, connectionSecret: EMPTY },
  };
  return { method: AUTH_NONE, startSession: () => done, handleRequest: () => ({ ...done, result: 0 }) };
}
