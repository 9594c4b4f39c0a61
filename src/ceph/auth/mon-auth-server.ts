import { Decoder } from '../../base/decoder.ts';
import { NacreError } from '../../base/errors.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import { ENTITY_TYPE_CLIENT, entityTypeName } from '../types/entity.ts';
import {
  type AuthRefused,
  checkAuthorizer,
  connectionSecretLength,
  EACCES_RESULT,
  guarded,
} from './auth-server.ts';
import {
  AUTH_MODE_AUTHORIZER,
  AUTH_MODE_AUTHORIZER_MAX,
  AUTH_MODE_MON,
  AUTH_MODE_MON_MAX,
} from './cephx-protocol.ts';
import { CephxServiceHandler } from './cephx-server.ts';
import { type AuthEntityName, authEntityNameText, decodeAuthEntityName } from './entity-name.ts';
import type { KeyServer } from './key-server.ts';
import { type AuthRegistry, authMethodName } from './registry.ts';
import type { KeyStore } from './rotating-keyring.ts';
import {
  type AuthServiceHandler,
  type AuthServiceReply,
  createNoneServiceHandler,
} from './service-handler.ts';
import {
  AUTH_CEPHX,
  AUTH_NONE,
  AUTH_UNKNOWN,
  type AuthConnection,
  type AuthServer,
  type AuthServerResult,
  CON_MODE_CRC,
} from './types.ts';

export interface MonAuthServerOptions {
  readonly env: Env;
  readonly registry: AuthRegistry;
  readonly keys: KeyServer;
  /**
   * Secrets for authorizers of other monitors and daemons (the key of 'mon.'); the key server when left out.
   */
  readonly authorizerKeys?: KeyStore;
  /** A global id that no client has; undefined while there is none to give (no quorum yet). */
  readonly assignGlobalId: () => bigint | undefined;
  readonly allowInsecureReclaim?: () => boolean;
  readonly onRefused?: AuthRefused;
}

/**
 * What a monitor needs beyond AuthServer: handlers for protocol v1, whose exchange comes in MAuth messages.
 */
export interface MonAuthServer extends AuthServer {
  /** A handler for one session. Throws EOPNOTSUPP when the method is not allowed with such an entity. */
  createHandler(method: number, entityName: AuthEntityName): AuthServiceHandler;
  /**
   * The first of a client's methods (v1 sends them in its first MAuth) that is allowed; AUTH_UNKNOWN when
   * none is.
   */
  pickMethod(entityName: AuthEntityName, methods: readonly number[]): number;
}

interface MonAuthState {
  readonly entityName: AuthEntityName;
  readonly globalId: bigint;
  readonly handler: AuthServiceHandler;
}

const EMPTY = Buffer.alloc(0);

/**
 * The accepting end of a monitor (Monitor::handle_auth_request): authenticates entities by their own keys and
 * gives them tickets, and takes authorizers from other monitors and daemons. Afterwards `peer.handler` is the
 * session's AuthServiceHandler, for the MAuth messages that renew tickets.
 */
export function createMonAuthServer(options: MonAuthServerOptions): MonAuthServer {
  const { env, registry, keys, onRefused } = options;

  const createHandler = (method: number, name: AuthEntityName): AuthServiceHandler => {
    if (!registry.supportedMethods(name.type).includes(method))
      throw new NacreError(
        'EOPNOTSUPP',
        'auth.start_session',
        `auth ${authMethodName(method)} is not allowed for ${authEntityNameText(name)}`,
      );
    if (method === AUTH_CEPHX)
      return new CephxServiceHandler({ env, keys, allowInsecureReclaim: options.allowInsecureReclaim });
    if (method === AUTH_NONE) return createNoneServiceHandler();
    throw new NacreError('EOPNOTSUPP', 'auth.start_session', `${authMethodName(method)} is not known`);
  };

  const answer = (state: MonAuthState, reply: AuthServiceReply): AuthServerResult => {
    if (reply.result < 0)
      throw (
        reply.error ?? NacreError.fromErrno(reply.result, 'auth.handle_request', 'the request was refused')
      );
    if (reply.result === 0) return { status: 'more', reply: reply.reply };
    return {
      status: 'done',
      reply: reply.reply,
      globalId: state.globalId,
      done: reply.done ?? { sessionKey: undefined, connectionSecret: EMPTY },
      peer: {
        entityName: authEntityNameText(state.entityName),
        globalId: state.globalId,
        caps: reply.caps?.caps,
        allowAll: reply.caps?.allowAll ?? false,
        handler: state.handler,
      },
    };
  };

  // First payload: u8 mode (AUTH_MODE_MON), EntityName, u64 global_id (0: a new one), then the method's own
  // (nothing today).
  const start = (con: AuthConnection, method: number, payload: Buffer): AuthServerResult => {
    const d = new Decoder(payload, 'auth request');
    d.u8();
    const entityName = decodeAuthEntityName(d);
    const claimed = d.u64b();
    const handler = createHandler(method, entityName);
    const globalId = claimed === 0n ? options.assignGlobalId() : claimed;
    if (globalId === undefined)
      throw new NacreError('EBUSY', 'auth.start_session', 'no global id can be given now');
    const state: MonAuthState = { entityName, globalId, handler };
    con.authState = state;
    return answer(state, handler.startSession(entityName, globalId, claimed === 0n));
  };

  const round = (
    con: AuthConnection,
    more: boolean,
    method: number,
    conMode: number,
    payload: Buffer,
  ): AuthServerResult => {
    const state = con.authState as MonAuthState | undefined;
    if (more && state !== undefined && 'handler' in state) {
      if (state.handler.method !== method)
        throw new NacreError('EACCES', 'auth.handle_request', 'the method changed in mid-exchange');
      return answer(state, state.handler.handleRequest(payload, connectionSecretLength(conMode)));
    }
    const mode = payload.length > 0 ? payload[0] : 0;
    if (mode >= AUTH_MODE_AUTHORIZER && mode <= AUTH_MODE_AUTHORIZER_MAX) {
      if (!registry.supportedMethods(con.peerType).includes(method))
        throw new NacreError(
          'EOPNOTSUPP',
          'auth.verify',
          `auth ${authMethodName(method)} is not allowed with a ${entityTypeName(con.peerType)}`,
        );
      return checkAuthorizer(
        { env, keys: options.authorizerKeys ?? keys },
        con,
        more,
        method,
        conMode,
        payload,
      );
    }
    if (more || mode < AUTH_MODE_MON || mode > AUTH_MODE_MON_MAX)
      throw new NacreError('EACCES', 'auth.start_session', `auth mode ${mode} is not known`);
    return start(con, method, payload);
  };

  return {
    createHandler,
    pickMethod(entityName, methods) {
      const allowed = registry.supportedMethods(entityName.type);
      return methods.find(method => allowed.includes(method)) ?? AUTH_UNKNOWN;
    },
    supportedMethods: peerType => registry.supportedMethods(peerType),
    supportedModes: (peerType, method) => registry.supportedModes(peerType, method),
    pickConMode: (peerType, method, preferred) => registry.pickMode(peerType, method, preferred),
    handleAuthRequest(con, more, method, conMode, payload) {
      const span = tracing()
        ? wind('Monitor.handle_auth_request', undefined, { method: authMethodName(method), more })
        : undefined;
      const result = guarded(con, onRefused, () => round(con, more, method, conMode, payload));
      unwind(span, result.status === 'fail' ? `refused (${result.result})` : undefined);
      return result;
    },
    handleAuthorizerV1(con, protocol, authorizer) {
      // Protocol v1: who talks to a monitor proves itself afterwards, in MAuth messages.
      if (authorizer.length === 0 && (con.peerType === ENTITY_TYPE_CLIENT || protocol === AUTH_UNKNOWN))
        return {
          status: 'done',
          reply: EMPTY,
          globalId: 0n,
          done: { sessionKey: undefined, connectionSecret: EMPTY },
          peer: { entityName: '', globalId: 0n, caps: undefined, allowAll: false },
        };
      if (protocol !== AUTH_NONE && protocol !== AUTH_CEPHX) return { status: 'fail', result: EACCES_RESULT };
      return guarded(con, onRefused, () =>
        checkAuthorizer(
          { env, keys: options.authorizerKeys ?? keys },
          con,
          con.authState !== undefined,
          protocol,
          CON_MODE_CRC,
          authorizer,
        ),
      );
    },
  };
}
