import type { NacreError } from '../../base/errors.ts';
import type { AuthDone } from './types.ts';

/**
 * Shows a service who we are: with cephx a ticket and a proof that it is ours (auth/Auth.h, AuthAuthorizer).
 */
export interface Authorizer {
  /** AUTH_*. */
  readonly method: number;
  /** What goes on the wire; addChallenge changes it. */
  readonly bytes: Buffer;
  /** Answers the service's challenge; returns the new bytes. Throws when the challenge does not decrypt. */
  addChallenge(challenge: Buffer): Buffer;
  /**
   * Checks that the service could read our ticket; returns the session's secrets. Throws EACCES when it could
   * not.
   */
  verifyReply(reply: Buffer): AuthDone;
}

/** What comes of a monitor's words: something to say back, or the end of the exchange. */
export type AuthRound =
  | { readonly status: 'more'; readonly request: Buffer }
  | { readonly status: 'done'; readonly done: AuthDone };

/** The client half of one method, for one session with the monitors (auth/AuthClientHandler.h). */
export interface AuthClientHandler {
  /** AUTH_*. */
  readonly method: number;
  /** CEPH_ENTITY_TYPE_* bits of the services whose tickets are wanted. */
  setWantKeys(keys: number): void;
  setGlobalId(globalId: bigint): void;
  /** Forgets the exchange, not the tickets. */
  reset(): void;
  /**
   * A monitor's reply: in protocol v2 the payload of AUTH_REPLY_MORE and AUTH_DONE, in v1 that of MAuthReply.
   * @throws NacreError EPERM when it does not verify, the errno of `result` when that is negative.
   */
  handleResponse(result: number, payload: Buffer): AuthRound;
  /** True when a ticket is missing or near its end: send buildRequest in an MAuth. */
  needTickets(): boolean;
  buildRequest(): Buffer;
  /** Asks for the rotating secrets of our own service kind; undefined where the method has none. */
  buildRotatingRequest(): Buffer | undefined;
  /** Throws EACCES without a valid ticket for the service (CEPH_ENTITY_TYPE_*). */
  buildAuthorizer(serviceType: number): Authorizer;
  /** A service refused the ticket: needTickets is true until there is a new one. */
  invalidateTicket(serviceType: number): void;
  /** A second handler with the same tickets, for the next session. */
  clone(): AuthClientHandler;
}

/** What an error says, without its code and operation: to be put into another's message. */
export function reasonOf(error: NacreError): string {
  const { code, op, message } = error;
  const start = message.startsWith(`${code}: `) ? code.length + 2 : 0;
  const end = message.endsWith(`, ${op}`) ? message.length - op.length - 2 : message.length;
  return message.slice(start, end);
}
