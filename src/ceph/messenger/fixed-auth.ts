import type { Random } from '../../env/env.ts';
import {
  AUTH_NONE,
  type AuthClient,
  type AuthConnection,
  type AuthDone,
  type AuthServer,
  type AuthServerResult,
  CON_MODE_CRC,
  CON_MODE_SECURE,
  CON_MODE_UNKNOWN,
} from '../auth/types.ts';
import { CONNECTION_SECRET_SIZE } from './crypto-onwire.ts';

const EMPTY = Buffer.alloc(0);
const KEY_SIZE = 16;

/**
 * Authentication that proves nothing, for benchmarks and tests of the messenger without a monitor: every peer
 * is let in, and the keys of secure mode and of signatures travel in the clear. Both ends are the same object
 * or two of its kind.
 */
export class FixedAuth implements AuthClient, AuthServer {
  private readonly random: Random;
  private readonly modes: number[];
  private readonly signed: boolean;

  /** `modes`: CON_MODE_* wanted and allowed, in order; `signed`: with a session key, so that what can be signed is. */
  constructor(random: Random, modes: number[] = [CON_MODE_CRC], signed = false) {
    this.random = random;
    this.modes = modes;
    this.signed = signed;
  }

  private doneFrom(payload: Buffer): AuthDone {
    return {
      connectionSecret: payload.subarray(0, CONNECTION_SECRET_SIZE),
      sessionKey:
        payload.length > CONNECTION_SECRET_SIZE ? payload.subarray(CONNECTION_SECRET_SIZE) : undefined,
    };
  }

  private makeSecrets(): Buffer {
    return this.random.bytes(CONNECTION_SECRET_SIZE + (this.signed ? KEY_SIZE : 0));
  }

  getAuthRequest(): { method: number; preferredModes: number[]; payload: Buffer } {
    return { method: AUTH_NONE, preferredModes: this.modes, payload: EMPTY };
  }

  handleAuthReplyMore(): Buffer {
    return EMPTY;
  }

  handleAuthDone(_con: AuthConnection, _globalId: bigint, _conMode: number, payload: Buffer): AuthDone {
    return this.doneFrom(payload);
  }

  handleAuthBadMethod(): void {
    throw new Error('the peer refused the only method there is');
  }

  getAuthorizerV1(): { protocol: number; authorizer: Buffer } {
    return { protocol: AUTH_NONE, authorizer: EMPTY };
  }

  addChallengeV1(): Buffer {
    return EMPTY;
  }

  verifyReplyV1(_con: AuthConnection, reply: Buffer): AuthDone {
    return this.doneFrom(reply);
  }

  invalidateAuthorizer(): void {}

  supportedMethods(): number[] {
    return [AUTH_NONE];
  }

  supportedModes(): number[] {
    return this.modes;
  }

  pickConMode(_peerType: number, _method: number, preferred: number[]): number {
    return preferred.find(mode => this.modes.includes(mode)) ?? CON_MODE_UNKNOWN;
  }

  handleAuthRequest(): AuthServerResult {
    return this.letIn();
  }

  handleAuthorizerV1(): AuthServerResult {
    return this.letIn();
  }

  private letIn(): AuthServerResult {
    const reply = this.makeSecrets();
    return {
      status: 'done',
      reply,
      globalId: 0n,
      done: this.doneFrom(reply),
      peer: { entityName: 'client.anyone', globalId: 0n, caps: undefined, allowAll: true },
    };
  }
}

/** Modes by the names that options use: 'crc', 'secure'. */
export function modesOf(mode: 'crc' | 'secure'): number[] {
  return mode === 'secure' ? [CON_MODE_SECURE] : [CON_MODE_CRC];
}
