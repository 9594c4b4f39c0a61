import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import { ENTITY_TYPE_AUTH, ENTITY_TYPE_MGR } from '../types/entity.ts';
import {
  CEPHX_GET_AUTH_SESSION_KEY,
  CEPHX_GET_PRINCIPAL_SESSION_KEY,
  CEPHX_GET_ROTATING_KEY,
  challengeProof,
  decodeResponseHeader,
  decodeServerChallenge,
  encodeAuthenticate,
  encodeRequestHeader,
  encodeServiceTicketRequest,
} from './cephx-protocol.ts';
import { type CryptoKey, decodeSealed } from './crypto.ts';
import { type AuthEntityName, authEntityNameText } from './entity-name.ts';
import type { AuthClientHandler, Authorizer, AuthRound } from './handler.ts';
import type { RotatingKeyring } from './rotating-keyring.ts';
import { TicketManager } from './ticket-handler.ts';
import { decodeRotatingSecrets } from './tickets.ts';
import { AUTH_CEPHX, type AuthDone } from './types.ts';

const EMPTY = Buffer.alloc(0);
const NO_SECRETS: AuthDone = { sessionKey: undefined, connectionSecret: EMPTY };
/** Version of CephXAuthenticate whose senders always show the old ticket with an old global id. */
const AUTHENTICATE_VERSION = 3;

export interface CephxClientOptions {
  readonly env: Env;
  readonly entityName: AuthEntityName;
  /** The entity's secret now; asked again each time, so that a key can change while we run. */
  readonly secret: () => CryptoKey | undefined;
  /** Where a daemon keeps its service's rotating secrets. */
  readonly rotating?: RotatingKeyring;
}

/**
 * cephx towards the monitors (auth/cephx/CephxClientHandler.h): answers the challenge with a proof of the
 * secret, gets an AUTH ticket and with it tickets for the services, and renews them.
 */
export class CephxClientHandler implements AuthClientHandler {
  readonly method = AUTH_CEPHX;
  private readonly options: CephxClientOptions;
  private readonly tickets: TicketManager;
  private want = ENTITY_TYPE_AUTH;
  private starting = true;
  private serverChallenge = 0n;
  /** What the session's own exchange gave; later exchanges only fetch tickets. */
  private session: AuthDone = NO_SECRETS;

  constructor(options: CephxClientOptions, tickets = new TicketManager(options.env)) {
    this.options = options;
    this.tickets = tickets;
  }

  setWantKeys(keys: number): void {
    this.want = keys | ENTITY_TYPE_AUTH;
  }

  setGlobalId(globalId: bigint): void {
    this.tickets.globalId = globalId;
  }

  reset(): void {
    this.starting = true;
    this.serverChallenge = 0n;
    this.session = NO_SECRETS;
  }

  clone(): CephxClientHandler {
    const copy = new CephxClientHandler(this.options, this.tickets.clone());
    copy.want = this.want;
    return copy;
  }

  private name(): string {
    return authEntityNameText(this.options.entityName);
  }

  private secret(): CryptoKey {
    const secret = this.options.secret();
    if (secret === undefined || secret.secret.length === 0)
      throw new NacreError('ENOENT', 'cephx.authenticate', `the keyring has no key for ${this.name()}`);
    return secret;
  }

  handleResponse(result: number, payload: Buffer): AuthRound {
    if (result < 0)
      throw NacreError.fromErrno(
        result,
        'cephx.authenticate',
        `the monitor refused ${this.name()}: its key is not the one that the monitors have, or they don't know it`,
      );
    const d = new Decoder(payload, 'cephx reply');
    if (this.starting) {
      this.serverChallenge = decodeServerChallenge(d).serverChallenge;
      this.starting = false;
      this.tickets.invalidate(ENTITY_TYPE_AUTH);
      return { status: 'more', request: this.buildRequest() };
    }
    const header = decodeResponseHeader(d);
    if (header.status < 0)
      throw NacreError.fromErrno(
        header.status,
        'cephx.authenticate',
        `the monitor refused request 0x${header.requestType.toString(16)} of ${this.name()}`,
      );
    switch (header.requestType) {
      case CEPHX_GET_AUTH_SESSION_KEY:
        return this.gotSession(d);
      case CEPHX_GET_PRINCIPAL_SESSION_KEY:
        this.tickets.verifyReply(d, this.tickets.sessionKey(ENTITY_TYPE_AUTH));
        return { status: 'done', done: this.session };
      case CEPHX_GET_ROTATING_KEY:
        this.options.rotating?.setSecrets(
          decodeSealed(d, this.secret(), 'RotatingSecrets', decodeRotatingSecrets),
        );
        return { status: 'done', done: this.session };
      default:
        throw new NacreError(
          'EPERM',
          'cephx.authenticate',
          `the monitor answered with an unknown request type 0x${header.requestType.toString(16)}`,
        );
    }
  }

  // Tail of the reply to CEPHX_GET_AUTH_SESSION_KEY when other keys were asked for: bufferlist that holds the
  // sealed connection secret (a string), bufferlist with the other tickets, opened with the new session key.
  private gotSession(d: Decoder): AuthRound {
    this.openWithSecret(d);
    const session = this.tickets.sessionKey(ENTITY_TYPE_AUTH);
    let connectionSecret = EMPTY;
    if (d.remaining > 0) {
      const sealed = d.blob();
      const others = d.blob();
      if (sealed.length > 0)
        connectionSecret = decodeSealed(
          new Decoder(sealed, 'connection secret'),
          session,
          'connection secret',
          inside => Buffer.from(inside.blob()),
        );
      if (others.length > 0) this.tickets.verifyReply(new Decoder(others, 'service tickets'), session);
    }
    this.session = { sessionKey: session.secret, connectionSecret };
    // An old monitor gives no other tickets along: ask for them.
    if (this.needTickets()) return { status: 'more', request: this.buildRequest() };
    return { status: 'done', done: this.session };
  }

  private openWithSecret(d: Decoder): void {
    try {
      this.tickets.verifyReply(d, this.secret());
    } catch (cause) {
      if (!(cause instanceof NacreError) || cause.code !== 'EPERM') throw cause;
      throw new NacreError(
        'EPERM',
        'cephx.authenticate',
        `the ticket for ${this.name()} does not open with its key: this is not our monitor, or the keys differ`,
        { cause },
      );
    }
  }

  /** Without a ticket for managers alone one can live (a cluster that is being upgraded has none). */
  needTickets(): boolean {
    const need = this.tickets.needed(this.want);
    return need !== 0 && need !== ENTITY_TYPE_MGR;
  }

  /** Milliseconds until needTickets becomes true by itself. */
  renewIn(): number {
    return this.tickets.renewIn(this.want & ~ENTITY_TYPE_MGR);
  }

  buildRequest(): Buffer {
    const need = this.tickets.needed(this.want);
    if ((need & ENTITY_TYPE_AUTH) !== 0) return this.buildAuthenticate(need);
    return encodeToBuffer(e => {
      encodeRequestHeader(e, { requestType: CEPHX_GET_PRINCIPAL_SESSION_KEY });
      e.bytes(this.tickets.buildAuthorizer(ENTITY_TYPE_AUTH).bytes);
      encodeServiceTicketRequest(e, { keys: need });
    });
  }

  private buildAuthenticate(need: number): Buffer {
    const clientChallenge = this.options.env.random.bytes(8).readBigUInt64LE();
    const key = challengeProof(this.secret(), { serverChallenge: this.serverChallenge, clientChallenge });
    const oldTicket = this.tickets.blob(ENTITY_TYPE_AUTH);
    return encodeToBuffer(e => {
      encodeRequestHeader(e, { requestType: CEPHX_GET_AUTH_SESSION_KEY });
      encodeAuthenticate(e, {
        structV: AUTHENTICATE_VERSION,
        clientChallenge,
        key,
        oldTicket,
        otherKeys: need,
      });
    });
  }

  buildRotatingRequest(): Buffer {
    return encodeToBuffer(e => encodeRequestHeader(e, { requestType: CEPHX_GET_ROTATING_KEY }));
  }

  buildAuthorizer(serviceType: number): Authorizer {
    return this.tickets.buildAuthorizer(serviceType);
  }

  invalidateTicket(serviceType: number): void {
    this.tickets.invalidate(serviceType);
  }
}
