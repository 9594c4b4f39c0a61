import { Decoder } from '../../base/decoder.ts';
import { Encoder, encodeToBuffer } from '../../base/encoder.ts';
import { DecodeError, NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import { ENTITY_TYPE_AUTH, ENTITY_TYPE_MON } from '../types/entity.ts';
import { verifyAuthorizer } from './authorize.ts';
import {
  CEPHX_GET_AUTH_SESSION_KEY,
  CEPHX_GET_PRINCIPAL_SESSION_KEY,
  CEPHX_GET_ROTATING_KEY,
  type CephXAuthenticate,
  type CephXServiceTicketInfo,
  challengeProof,
  decodeAuthenticate,
  decodeRequestHeader,
  decodeServiceTicketInfo,
  decodeServiceTicketRequest,
  encodeResponseHeader,
  encodeServerChallenge,
  encodeServiceTicket,
  encodeTicketBlob,
} from './cephx-protocol.ts';
import { type CryptoKey, encodeSealed, unseal } from './crypto.ts';
import { type AuthEntityName, authEntityNameText } from './entity-name.ts';
import { buildTicketBlob, type KeyServer, type SessionAuthInfo } from './key-server.ts';
import type { AuthServiceHandler, AuthServiceReply } from './service-handler.ts';
import type { AuthTicket } from './tickets.ts';
import { AUTH_CEPHX } from './types.ts';

/** All bits that name a service. */
const SERVICE_BITS = 0xff;
const EMPTY = Buffer.alloc(0);

export interface CephxServiceOptions {
  readonly env: Env;
  readonly keys: KeyServer;
  /**
   * auth_allow_insecure_global_id_reclaim: old clients may take back a global id without their old ticket.
   */
  readonly allowInsecureReclaim?: () => boolean;
}

/** A refusal: what to tell the peer, and what to tell the log. */
function refuse(code: string, message: string): never {
  throw new NacreError(code, 'cephx.authenticate', message);
}

/** The monitor's half of cephx for one session (auth/cephx/CephxServiceHandler.h). */
export class CephxServiceHandler implements AuthServiceHandler {
  readonly method = AUTH_CEPHX;
  private readonly options: CephxServiceOptions;
  private entityName: AuthEntityName = { type: 0, id: '' };
  private globalId = 0n;
  private isNewGlobalId = false;
  private serverChallenge = 0n;

  constructor(options: CephxServiceOptions) {
    this.options = options;
  }

  startSession(name: AuthEntityName, globalId: bigint, isNewGlobalId: boolean): AuthServiceReply {
    this.entityName = name;
    this.globalId = globalId;
    this.isNewGlobalId = isNewGlobalId;
    do this.serverChallenge = this.options.env.random.bytes(8).readBigUInt64LE();
    while (this.serverChallenge === 0n);
    const reply = encodeToBuffer(e => encodeServerChallenge(e, { serverChallenge: this.serverChallenge }));
    return { result: 0, reply };
  }

  handleRequest(payload: Buffer, connectionSecretLength?: number): AuthServiceReply {
    const d = new Decoder(payload, 'cephx request');
    try {
      const { requestType } = decodeRequestHeader(d);
      switch (requestType) {
        case CEPHX_GET_AUTH_SESSION_KEY:
          return this.authenticate(decodeAuthenticate(d), connectionSecretLength);
        case CEPHX_GET_PRINCIPAL_SESSION_KEY:
          return this.serviceTickets(d);
        case CEPHX_GET_ROTATING_KEY:
          return this.rotatingKeys();
        default:
          return refuse('EINVAL', `request type 0x${requestType.toString(16)} is not known`);
      }
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      // What cannot be read is refused as a wrong key is.
      const result = error instanceof DecodeError ? -1 : error.errno;
      return { result, reply: EMPTY, error };
    }
  }

  // Reply: CephXResponseHeader, the AUTH ticket (ticket reply), and when other keys were asked for:
  // bufferlist with the sealed connection secret (nothing outside a handshake), bufferlist with the other
  // tickets (ticket reply).
  private authenticate(
    request: CephXAuthenticate,
    connectionSecretLength: number | undefined,
  ): AuthServiceReply {
    const { env, keys } = this.options;
    const name = authEntityNameText(this.entityName);
    const auth = keys.getAuth(this.entityName);
    if (auth === undefined) refuse('EPERM', `there is no entity ${name}`);
    if (this.serverChallenge === 0n) refuse('EPERM', `${name} answers a challenge that was not sent`);
    const expected = challengeProof(auth.key, {
      serverChallenge: this.serverChallenge,
      clientChallenge: request.clientChallenge,
    });
    if (request.key !== expected) refuse('EPERM', `${name} has another key than the one that is known here`);

    const old = this.verifyOldTicket(request);
    const info = keys.buildSessionAuthInfo(ENTITY_TYPE_AUTH, {
      name: this.entityName,
      globalId: this.globalId,
    });
    if (info === undefined) refuse('EIO', 'there are no rotating secrets of the auth service');
    const caps = keys.getCaps(this.entityName, ENTITY_TYPE_MON);
    if (caps === undefined || caps.caps.length === 0)
      refuse('EACCES', `${name} has no capabilities at the monitors`);

    const connectionSecret = connectionSecretLength ? env.random.bytes(connectionSecretLength) : EMPTY;
    const reply = encodeToBuffer(e => {
      encodeResponseHeader(e, { requestType: CEPHX_GET_AUTH_SESSION_KEY, status: 0 });
      encodeTicketReply(e, auth.key, [info], old?.sessionKey);
      if (request.otherKeys === 0) return;
      const secret = new Encoder(128);
      if (connectionSecretLength !== undefined)
        encodeSealed(secret, info.sessionKey, inside => inside.blob(connectionSecret));
      e.blob(secret.result());
      // The AUTH ticket is above already, perhaps encrypted for the one who holds the old one.
      const others = this.ticketsOf(request.otherKeys & ~ENTITY_TYPE_AUTH, info.ticket);
      e.blob(
        others.length === 0 ? EMPTY : encodeToBuffer(x => encodeTicketReply(x, info.sessionKey, others)),
      );
    });
    // From here on the global id is this client's: a renewal has to show the ticket.
    this.isNewGlobalId = false;
    return { result: 1, reply, caps, done: { sessionKey: info.sessionKey.secret, connectionSecret } };
  }

  /**
   * A client that comes with a global id must show the AUTH ticket that it got for it. The ticket when it
   * did, undefined when none is needed.
   */
  private verifyOldTicket(request: CephXAuthenticate): CephXServiceTicketInfo | undefined {
    const { keys, allowInsecureReclaim } = this.options;
    const { oldTicket } = request;
    const name = authEntityNameText(this.entityName);
    if (this.isNewGlobalId) {
      if (oldTicket.blob.length > 0) refuse('EINVAL', `${name} shows a ticket without having a global id`);
      return undefined;
    }
    const insecure = request.structV < 3 && (allowInsecureReclaim?.() ?? false);
    const problem = (what: string): undefined => {
      if (!insecure) refuse('EACCES', `${name} wants global id ${this.globalId} back ${what}`);
      return undefined;
    };
    if (oldTicket.blob.length === 0) return problem('without a ticket');
    const secret = keys.getServiceSecret(ENTITY_TYPE_AUTH, oldTicket.secretId);
    if (secret === undefined) return problem('with a ticket that has expired');
    let info: CephXServiceTicketInfo;
    try {
      info = unseal(secret, oldTicket.blob, 'CephXServiceTicketInfo', decodeServiceTicketInfo);
    } catch (error) {
      if (!(error instanceof NacreError)) throw error;
      return problem('with a ticket that does not open');
    }
    if (info.ticket.globalId !== this.globalId) return problem('with the ticket of another');
    return info;
  }

  private ticketsOf(services: number, parent: Pick<AuthTicket, 'name' | 'globalId'>): SessionAuthInfo[] {
    const infos: SessionAuthInfo[] = [];
    for (let service = 1; service <= SERVICE_BITS; service <<= 1) {
      if ((services & service) === 0) continue;
      const info = this.options.keys.buildSessionAuthInfo(service, parent);
      if (info !== undefined) infos.push(info);
    }
    return infos;
  }

  // Request: an authorizer for the AUTH service, CephXServiceTicketRequest. Reply: CephXResponseHeader,
  // ticket reply.
  private serviceTickets(d: Decoder): AuthServiceReply {
    const { env, keys } = this.options;
    const { info } = verifyAuthorizer({ env, keys, d, connectionSecretLength: 0 });
    const wanted = decodeServiceTicketRequest(d).keys;
    const infos = this.ticketsOf(wanted, info.ticket);
    if (infos.length === 0 && (wanted & SERVICE_BITS) !== 0)
      refuse('EPERM', `none of the services 0x${wanted.toString(16)} has rotating secrets`);
    const reply = encodeToBuffer(e => {
      encodeResponseHeader(e, { requestType: CEPHX_GET_PRINCIPAL_SESSION_KEY, status: 0 });
      encodeTicketReply(e, info.sessionKey, infos);
    });
    return { result: 0, reply };
  }

  private rotatingKeys(): AuthServiceReply {
    const sealed = this.options.keys.rotatingEncrypted(this.entityName);
    if (sealed === undefined)
      refuse('EPERM', `there are no rotating secrets for ${authEntityNameText(this.entityName)}`);
    const reply = encodeToBuffer(e => {
      encodeResponseHeader(e, { requestType: CEPHX_GET_ROTATING_KEY, status: 0 });
      e.bytes(sealed);
    });
    return { result: 0, reply };
  }
}

// Ticket reply: u8 version 1, u32 count, then for each: u32 service, u8 version 1, CephXServiceTicket sealed
// with the bearer's key, u8 encrypted, bufferlist that holds the CephXTicketBlob, or that bufferlist sealed
// with the old session key.
function encodeTicketReply(
  e: Encoder,
  bearer: CryptoKey,
  infos: readonly SessionAuthInfo[],
  oldSessionKey?: CryptoKey,
): void {
  e.u8(1);
  e.u32(infos.length);
  for (const info of infos) {
    e.u32(info.service);
    e.u8(1);
    encodeSealed(e, bearer, inside =>
      encodeServiceTicket(inside, { sessionKey: info.sessionKey, validity: info.validity }),
    );
    const blob = encodeToBuffer(x => encodeTicketBlob(x, buildTicketBlob(info)));
    e.bool(oldSessionKey !== undefined);
    if (oldSessionKey === undefined) e.blob(blob);
    else encodeSealed(e, oldSessionKey, inside => inside.blob(blob));
  }
}
