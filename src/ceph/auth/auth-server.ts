import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import { type AuthorizerChallenge, verifyAuthorizer } from './authorize.ts';
import { AUTH_MODE_AUTHORIZER, AUTH_MODE_AUTHORIZER_MAX } from './cephx-protocol.ts';
import { authEntityNameText } from './entity-name.ts';
import { verifyNoneAuthorizer } from './none.ts';
import { type AuthRegistry, authMethodName } from './registry.ts';
import type { KeyStore } from './rotating-keyring.ts';
import {
  AUTH_CEPHX,
  AUTH_NONE,
  type AuthConnection,
  type AuthServer,
  type AuthServerResult,
  CON_MODE_CRC,
  CON_MODE_SECURE,
} from './types.ts';

const EMPTY = Buffer.alloc(0);
/** Bytes of secret that a secure connection wants: a key and two nonces for each direction come out of it. */
const SECURE_SECRET_LENGTH = 64;

export const EACCES_RESULT = -13;
export const EOPNOTSUPP_RESULT = -95;

/** Bytes of connection secret in a mode (AuthConnectionMeta::get_connection_secret_length). */
export function connectionSecretLength(conMode: number): number {
  return conMode === CON_MODE_SECURE ? SECURE_SECRET_LENGTH : 0;
}

/** Refusals by reason, for whoever logs them. Peers learn only the number. */
export type AuthRefused = (con: AuthConnection, error: NacreError) => void;

export interface ServiceAuthServerOptions {
  readonly env: Env;
  readonly registry: AuthRegistry;
  /** Where the secrets are that tickets were sealed with. */
  readonly keys: KeyStore;
  readonly onRefused?: AuthRefused;
}

/** Runs one round and turns what is wrong with the peer's words into a refusal. */
export function guarded(
  con: AuthConnection,
  onRefused: AuthRefused | undefined,
  run: () => AuthServerResult,
): AuthServerResult {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof NacreError)) throw error;
    onRefused?.(con, error);
    return { status: 'fail', result: error.code === 'EOPNOTSUPP' ? EOPNOTSUPP_RESULT : EACCES_RESULT };
  }
}

/** One round with an authorizer, in either protocol. */
export function checkAuthorizer(
  options: Omit<ServiceAuthServerOptions, 'registry'>,
  con: AuthConnection,
  more: boolean,
  method: number,
  conMode: number,
  authorizer: Buffer,
): AuthServerResult {
  const { env, keys } = options;
  if (authorizer.length === 0) throw new NacreError('EACCES', 'auth.verify', 'there is no authorizer');
  if (method === AUTH_NONE) {
    const peer = verifyNoneAuthorizer(authorizer);
    return {
      status: 'done',
      reply: EMPTY,
      globalId: peer.globalId,
      done: { sessionKey: undefined, connectionSecret: EMPTY },
      peer,
    };
  }
  const challenge: AuthorizerChallenge = (con.authState as AuthorizerChallenge | undefined) ?? {
    pending: undefined,
  };
  const challenged = challenge.pending !== undefined;
  con.authState = challenge;
  const verified = verifyAuthorizer({
    env,
    keys,
    d: new Decoder(authorizer, 'authorizer'),
    connectionSecretLength: connectionSecretLength(conMode),
    challenge,
  });
  if (verified.status === 'challenge') {
    if (more || challenged) throw new NacreError('EACCES', 'auth.verify', 'the challenge was not answered');
    return { status: 'more', reply: verified.reply };
  }
  const { ticket } = verified.info;
  return {
    status: 'done',
    reply: verified.reply,
    globalId: ticket.globalId,
    done: verified.done,
    peer: {
      entityName: authEntityNameText(ticket.name),
      globalId: ticket.globalId,
      caps: ticket.caps.caps,
      allowAll: ticket.caps.allowAll,
    },
  };
}

/**
 * The accepting end of every daemon but the monitors: takes authorizers, with method none or with cephx
 * tickets (MonClient::handle_auth_request).
 */
export function createServiceAuthServer(options: ServiceAuthServerOptions): AuthServer {
  const { registry, onRefused } = options;
  const round = (
    con: AuthConnection,
    more: boolean,
    method: number,
    conMode: number,
    payload: Buffer,
  ): AuthServerResult => {
    const span = tracing()
      ? wind('AuthServer.handle_auth_request', undefined, { method: authMethodName(method), more })
      : undefined;
    const result = guarded(con, onRefused, () => {
      if (
        (method !== AUTH_NONE && method !== AUTH_CEPHX) ||
        !registry.supportedMethods(con.peerType).includes(method)
      )
        throw new NacreError(
          'EOPNOTSUPP',
          'auth.verify',
          `auth ${authMethodName(method)} is not allowed here`,
        );
      return checkAuthorizer(options, con, more, method, conMode, payload);
    });
    unwind(span, result.status === 'fail' ? `refused (${result.result})` : undefined);
    return result;
  };
  return {
    supportedMethods: peerType => registry.supportedMethods(peerType),
    supportedModes: (peerType, method) => registry.supportedModes(peerType, method),
    pickConMode: (peerType, method, preferred) => registry.pickMode(peerType, method, preferred),
    handleAuthRequest(con, more, method, conMode, payload) {
      const mode = payload.length > 0 ? payload[0] : 0;
      if (mode < AUTH_MODE_AUTHORIZER || mode > AUTH_MODE_AUTHORIZER_MAX)
        return guarded(con, onRefused, () => {
          throw new NacreError('EACCES', 'auth.verify', `auth mode ${mode} is not for this daemon`);
        });
      return round(con, more, method, conMode, payload);
    },
    handleAuthorizerV1: (con, protocol, authorizer) =>
      round(con, con.authState !== undefined, protocol, CON_MODE_CRC, authorizer),
  };
}
