import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { tracing, unwind, wind } from '../../base/trace.ts';
import type { Env } from '../../env/env.ts';
import { ENTITY_TYPE_MON, entityAddrVecText, entityTypeName } from '../types/entity.ts';
import { CephxClientHandler } from './cephx-client.ts';
import { AUTH_MODE_MON } from './cephx-protocol.ts';
import type { CryptoKey } from './crypto.ts';
import { type AuthEntityName, authEntityNameText, encodeAuthEntityName } from './entity-name.ts';
import { type AuthClientHandler, type Authorizer, reasonOf } from './handler.ts';
import { createNoneClientHandler } from './none.ts';
import { type AuthRegistry, authMethodName } from './registry.ts';
import type { RotatingKeyring } from './rotating-keyring.ts';
import {
  AUTH_CEPHX,
  AUTH_NONE,
  AUTH_UNKNOWN,
  type AuthClient,
  type AuthConnection,
  type AuthDone,
} from './types.ts';

const EMPTY = Buffer.alloc(0);

export interface SessionAuthOptions {
  readonly env: Env;
  readonly registry: AuthRegistry;
  readonly entityName: AuthEntityName;
  /** The entity's secret now; undefined when the keyring has none. */
  readonly secret: () => CryptoKey | undefined;
  /** CEPH_ENTITY_TYPE_* bits of the services that will be talked to. */
  readonly wantKeys: number;
  readonly rotating?: RotatingKeyring;
}

/** What a handshake with a monitor came to: the handler that has the tickets, and who we are now. */
export interface MonSessionAuth {
  readonly handler: AuthClientHandler;
  readonly globalId: bigint;
}

/** One handshake with a monitor. */
interface MonHandshake {
  handler: AuthClientHandler | undefined;
  method: number;
}

/** How the mon client takes part; each may be left out. */
export interface SessionAuthHooks {
  /** The session so far, whose global id and tickets a new handshake takes over; undefined starts afresh. */
  current?(con: AuthConnection): MonSessionAuth | undefined;
  /** A monitor accepted us. */
  onDone?(con: AuthConnection, session: MonSessionAuth): void;
  /** A monitor refused us for good, or did not prove itself. */
  onFailed?(con: AuthConnection, error: NacreError): void;
  /** A service refused its ticket: a new one should be fetched. */
  onTicketRefused?(): void;
}

/**
 * The connecting end of a process: with monitors it authenticates by the entity's key, with everyone else by
 * the tickets of the current session (the auth half of mon/MonClient.h and MonConnection).
 */
export class SessionAuthClient implements AuthClient {
  private readonly options: SessionAuthOptions;
  private readonly hooks: SessionAuthHooks;
  /** The session whose tickets services are shown. */
  session: MonSessionAuth | undefined;

  constructor(options: SessionAuthOptions, hooks: SessionAuthHooks = {}) {
    this.options = options;
    this.hooks = hooks;
  }

  /** A handler of a method, with the tickets of `from` when it is of the same method. */
  createHandler(method: number, from: MonSessionAuth | undefined): AuthClientHandler {
    const { env, entityName, secret, rotating, wantKeys } = this.options;
    let handler: AuthClientHandler;
    if (from?.handler.method === method) {
      handler = from.handler.clone();
      handler.reset();
    } else if (method === AUTH_CEPHX) handler = new CephxClientHandler({ env, entityName, secret, rotating });
    else if (method === AUTH_NONE) handler = createNoneClientHandler(entityName);
    else throw new NacreError('EOPNOTSUPP', 'auth.start', `auth ${authMethodName(method)} is not known`);
    handler.setWantKeys(wantKeys);
    handler.setGlobalId(from?.globalId ?? 0n);
    return handler;
  }

  /** Methods for a monitor, best first; cephx only with a key. */
  monMethods(): number[] {
    const { registry, secret, entityName } = this.options;
    const methods = registry.supportedMethods(ENTITY_TYPE_MON);
    const usable = secret() === undefined ? methods.filter(method => method !== AUTH_CEPHX) : methods;
    if (usable.length === 0)
      throw new NacreError(
        'ENOENT',
        'auth.start',
        methods.length === 0
          ? 'no auth method is allowed (auth_client_required)'
          : `no keyring has a key for ${authEntityNameText(entityName)}, and auth cephx is required`,
      );
    return usable;
  }

  private peerText(con: AuthConnection): string {
    return `${entityTypeName(con.peerType)} at ${entityAddrVecText(con.peerAddrs) || '?'}`;
  }

  private explain(con: AuthConnection, what: string, cause: unknown): NacreError {
    if (!(cause instanceof NacreError)) throw cause;
    const { entityName } = this.options;
    // What a peer says wrongly is as good as a refusal.
    const code = cause.code === 'EBADMSG' || cause.code === 'EPERM' ? 'EACCES' : cause.code;
    return new NacreError(
      code,
      'auth.authenticate',
      `${what} ${authEntityNameText(entityName)} with ${this.peerText(con)}: ${reasonOf(cause)}`,
      { cause },
    );
  }

  getAuthRequest(con: AuthConnection): { method: number; preferredModes: number[]; payload: Buffer } {
    const { registry } = this.options;
    if (con.peerType !== ENTITY_TYPE_MON) {
      const authorizer = this.authorizerFor(con);
      return {
        method: authorizer.method,
        preferredModes: registry.supportedModes(con.peerType, authorizer.method),
        payload: authorizer.bytes,
      };
    }
    try {
      const state = con.authState as MonHandshake | undefined;
      const method = state?.method ?? this.monMethods()[0];
      return this.monRequest(con, method);
    } catch (cause) {
      throw this.failed(con, this.explain(con, 'cannot authenticate', cause));
    }
  }

  // First payload towards a monitor: u8 AUTH_MODE_MON, EntityName, u64 global_id (0: none yet).
  private monRequest(con: AuthConnection, method: number): ReturnType<AuthClient['getAuthRequest']> {
    const { registry, entityName } = this.options;
    const preferredModes = registry.supportedModes(ENTITY_TYPE_MON, method);
    if (preferredModes.length === 0)
      throw new NacreError(
        'EACCES',
        'auth.start',
        `no connection mode is allowed with auth ${authMethodName(method)}`,
      );
    const from = this.hooks.current?.(con);
    const handshake: MonHandshake = { handler: this.createHandler(method, from), method };
    con.authState = handshake;
    const payload = encodeToBuffer(e => {
      e.u8(AUTH_MODE_MON);
      encodeAuthEntityName(e, entityName);
      e.u64b(from?.globalId ?? 0n);
    });
    return { method, preferredModes, payload };
  }

  /** An authorizer for a service from the current session's tickets. Throws EACCES when there is none. */
  private authorizerFor(con: AuthConnection): Authorizer {
    if (this.session === undefined)
      throw new NacreError(
        'EACCES',
        'auth.authenticate',
        `there is no session with a monitor yet, so no ticket to show to ${this.peerText(con)}`,
      );
    const authorizer = this.session.handler.buildAuthorizer(con.peerType);
    con.authState = authorizer;
    return authorizer;
  }

  private monHandler(con: AuthConnection): AuthClientHandler {
    const handler = (con.authState as MonHandshake | undefined)?.handler;
    if (handler === undefined)
      throw new NacreError('EACCES', 'auth.authenticate', 'the monitor speaks before it was asked');
    return handler;
  }

  private failed(con: AuthConnection, error: NacreError): NacreError {
    if (con.peerType === ENTITY_TYPE_MON) this.hooks.onFailed?.(con, error);
    return error;
  }

  handleAuthReplyMore(con: AuthConnection, payload: Buffer): Buffer {
    try {
      if (con.peerType !== ENTITY_TYPE_MON) return this.addChallengeV1(con, payload);
      const round = this.monHandler(con).handleResponse(0, payload);
      if (round.status === 'done')
        throw new NacreError('EACCES', 'auth.authenticate', 'the monitor asks for more when all was said');
      return round.request;
    } catch (cause) {
      throw this.failed(con, this.explain(con, 'authentication failed for', cause));
    }
  }

  handleAuthDone(con: AuthConnection, globalId: bigint, _conMode: number, payload: Buffer): AuthDone {
    const span = tracing()
      ? wind('MonClient.handle_auth_done', undefined, {
          peer: this.peerText(con),
          globalId: String(globalId),
        })
      : undefined;
    try {
      const done =
        con.peerType === ENTITY_TYPE_MON
          ? this.monDone(con, globalId, payload)
          : this.verifyReplyV1(con, payload);
      unwind(span);
      return done;
    } catch (cause) {
      const error = this.failed(con, this.explain(con, 'authentication failed for', cause));
      unwind(span, error);
      throw error;
    }
  }

  private monDone(con: AuthConnection, globalId: bigint, payload: Buffer): AuthDone {
    const handler = this.monHandler(con);
    handler.setGlobalId(globalId);
    const round = handler.handleResponse(0, payload);
    if (round.status === 'more')
      throw new NacreError('EACCES', 'auth.authenticate', 'the monitor ends before it gave us all tickets');
    const session = { handler, globalId };
    if (this.hooks.onDone === undefined) this.session = session;
    else this.hooks.onDone(con, session);
    return round.done;
  }

  handleAuthBadMethod(
    con: AuthConnection,
    oldMethod: number,
    result: number,
    allowedMethods: number[],
    allowedModes: number[],
  ): void {
    const { entityName, registry } = this.options;
    const said = `${this.peerText(con)} refused ${authEntityNameText(entityName)} with auth ${authMethodName(oldMethod)}`;
    if (con.peerType === ENTITY_TYPE_MON) {
      const ours = this.monMethods();
      const next = ours.slice(ours.indexOf(oldMethod) + 1).find(method => allowedMethods.includes(method));
      if (next !== undefined) {
        con.authState = { handler: undefined, method: next } satisfies MonHandshake;
        return;
      }
    }
    let why: string;
    if (!allowedMethods.includes(oldMethod)) {
      const theirs = allowedMethods.map(authMethodName).join(', ') || 'none at all';
      why = `it allows ${theirs}`;
      if (allowedMethods.includes(AUTH_CEPHX) && oldMethod === AUTH_NONE && con.peerType === ENTITY_TYPE_MON)
        why += `, and no keyring has a key for ${authEntityNameText(entityName)}`;
    } else if (
      allowedModes.length > 0 &&
      !registry.supportedModes(con.peerType, oldMethod).some(mode => allowedModes.includes(mode))
    )
      why = `it allows connection modes ${allowedModes.join(', ')}, we none of these`;
    else if (con.peerType === ENTITY_TYPE_MON)
      why = 'the key in our keyring is not the one it knows, or it does not know us';
    else {
      why = 'it does not accept our ticket';
      this.invalidateAuthorizer(con.peerType);
    }
    const code = result === -95 ? 'EOPNOTSUPP' : 'EACCES';
    throw this.failed(con, new NacreError(code, 'auth.authenticate', `${said}: ${why}`));
  }

  getAuthorizerV1(con: AuthConnection): { protocol: number; authorizer: Buffer } {
    if (con.peerType === ENTITY_TYPE_MON) return { protocol: AUTH_UNKNOWN, authorizer: EMPTY };
    const authorizer = this.authorizerFor(con);
    return { protocol: authorizer.method, authorizer: authorizer.bytes };
  }

  private authorizerOf(con: AuthConnection): Authorizer {
    const authorizer = con.authState as Authorizer | undefined;
    if (authorizer === undefined)
      throw new NacreError(
        'EACCES',
        'auth.authenticate',
        `${this.peerText(con)} answers an authorizer that was not sent`,
      );
    return authorizer;
  }

  addChallengeV1(con: AuthConnection, challenge: Buffer): Buffer {
    return this.authorizerOf(con).addChallenge(challenge);
  }

  verifyReplyV1(con: AuthConnection, reply: Buffer): AuthDone {
    if (con.peerType === ENTITY_TYPE_MON) return { sessionKey: undefined, connectionSecret: EMPTY };
    return this.authorizerOf(con).verifyReply(reply);
  }

  invalidateAuthorizer(peerType: number): void {
    this.session?.handler.invalidateTicket(peerType);
    this.hooks.onTicketRefused?.();
  }
}
