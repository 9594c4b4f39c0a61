import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import { ENTITY_TYPE_AUTH, entityTypeName } from '../types/entity.ts';
import { utimeToMs } from '../types/utime.ts';
import {
  type CephXAuthorize,
  type CephXTicketBlob,
  decodeAuthorizeReply,
  decodeServerChallenge,
  decodeServiceTicket,
  decodeTicketBlob,
  encodeAuthorize,
  encodeTicketBlob,
  NO_TICKET,
  plusOne,
} from './cephx-protocol.ts';
import { type CryptoKey, decodeSealed, encodeSealed, NO_KEY, unseal } from './crypto.ts';
import type { Authorizer } from './handler.ts';
import { AUTH_CEPHX, type AuthDone } from './types.ts';

/** A ticket for one service and its bearer's secrets (CephXTicketHandler). */
interface Ticket {
  sessionKey: CryptoKey;
  blob: CephXTicketBlob;
  /** On the monotonic clock, milliseconds. Infinity for a ticket without an end. */
  renewAfter: number;
  expires: number;
  have: boolean;
}

/** A share of its validity before a ticket's end at which a new one is asked for. */
const RENEW_SHARE = 1 / 4;

/** The tickets of one client (CephXTicketManager). */
export class TicketManager {
  globalId = 0n;
  private readonly env: Env;
  private readonly tickets = new Map<number, Ticket>();

  constructor(env: Env) {
    this.env = env;
  }

  clone(): TicketManager {
    const copy = new TicketManager(this.env);
    copy.globalId = this.globalId;
    for (const [service, ticket] of this.tickets) copy.tickets.set(service, { ...ticket });
    return copy;
  }

  have(service: number): boolean {
    const ticket = this.tickets.get(service);
    if (ticket === undefined) return false;
    if (ticket.have && this.env.clock.mono() >= ticket.expires) ticket.have = false;
    return ticket.have;
  }

  /** True when there is no ticket, or it should be renewed. */
  need(service: number): boolean {
    const ticket = this.tickets.get(service);
    if (ticket === undefined || !this.have(service)) return true;
    return this.env.clock.mono() >= ticket.renewAfter;
  }

  /** The CEPH_ENTITY_TYPE_* bits in `want` whose tickets are needed. */
  needed(want: number): number {
    let need = 0;
    for (let service = 1; service <= want; service <<= 1)
      if ((want & service) !== 0 && this.need(service)) need |= service;
    return need;
  }

  /**
   * Milliseconds from now until the first of the `want`ed tickets should be renewed; 0 when one is missing.
   */
  renewIn(want: number): number {
    const now = this.env.clock.mono();
    let first = Number.POSITIVE_INFINITY;
    for (let service = 1; service <= want; service <<= 1) {
      if ((want & service) === 0) continue;
      if (!this.have(service)) return 0;
      first = Math.min(first, this.tickets.get(service)!.renewAfter - now);
    }
    return Math.max(0, first);
  }

  /** A new one is wanted at once; until it is there, the old one may still be of use. */
  invalidate(service: number): void {
    const ticket = this.tickets.get(service);
    if (ticket !== undefined) ticket.renewAfter = Number.NEGATIVE_INFINITY;
  }

  sessionKey(service: number): CryptoKey {
    return this.tickets.get(service)?.sessionKey ?? NO_KEY;
  }

  /** The opaque part, valid or not. */
  blob(service: number): CephXTicketBlob {
    return this.tickets.get(service)?.blob ?? NO_TICKET;
  }

  /**
   * Takes over the tickets of a monitor's reply, opened with the client's secret or the AUTH session key.
   * Throws EPERM when the key does not open them, DecodeError when they do not read.
   *
   * Reply: u8 version 1, u32 count, then for each: u32 service, u8 version 1, sealed CephXServiceTicket, u8
   * encrypted, and the CephXTicketBlob in a blob: plain, or sealed with the session key of the ticket that it
   * replaces.
   */
  verifyReply(d: Decoder, secret: CryptoKey): void {
    d.u8();
    for (let n = d.count(14); n > 0; n--) {
      const service = d.u32();
      d.u8();
      const { sessionKey, validity } = decodeSealed(d, secret, 'CephXServiceTicket', decodeServiceTicket);
      const sealed = d.bool();
      const inner = sealed
        ? decodeSealed(d, this.sessionKey(service), 'service ticket', inside => Buffer.from(inside.blob()))
        : d.blob();
      const blob = decodeTicketBlob(new Decoder(inner, 'CephXTicketBlob'));
      const validityMs = utimeToMs(validity);
      const expires = validityMs > 0 ? this.env.clock.mono() + validityMs : Number.POSITIVE_INFINITY;
      this.tickets.set(service, {
        sessionKey: copyKey(sessionKey),
        blob: { secretId: blob.secretId, blob: Buffer.from(blob.blob) },
        expires,
        renewAfter: validityMs > 0 ? expires - validityMs * RENEW_SHARE : expires,
        have: true,
      });
    }
  }

  /** Throws EACCES without a valid ticket. */
  buildAuthorizer(service: number): Authorizer {
    const ticket = this.tickets.get(service);
    if (ticket === undefined || !this.have(service))
      throw new NacreError(
        'EACCES',
        'cephx.build_authorizer',
        `no valid ticket for service ${entityTypeName(service)}${service === ENTITY_TYPE_AUTH ? ' (the session itself)' : ''}`,
      );
    return new CephxAuthorizer(this.env, service, this.globalId, ticket.blob, ticket.sessionKey);
  }
}

/** Decoded keys are views of a message's buffer; what outlives it is copied. */
export function copyKey(key: CryptoKey): CryptoKey {
  return { type: key.type, created: key.created, secret: Buffer.from(key.secret) };
}

// Authorizer: u8 version 1 (which is AUTH_MODE_AUTHORIZER in protocol v2), u64 global_id, u32 service,
// CephXTicketBlob ticket, then sealed with the session key: CephXAuthorize.
class CephxAuthorizer implements Authorizer {
  readonly method = AUTH_CEPHX;
  bytes: Buffer;
  private readonly base: Buffer;
  private readonly nonce: bigint;
  private readonly service: number;
  private readonly sessionKey: CryptoKey;

  constructor(env: Env, service: number, globalId: bigint, ticket: CephXTicketBlob, sessionKey: CryptoKey) {
    this.service = service;
    this.sessionKey = sessionKey;
    this.nonce = env.random.bytes(8).readBigUInt64LE();
    this.base = encodeToBuffer(e => {
      e.u8(1);
      e.u64b(globalId);
      e.u32(service);
      encodeTicketBlob(e, ticket);
    });
    this.bytes = this.build({ nonce: this.nonce, haveChallenge: false, serverChallengePlusOne: 0n });
  }

  private build(proof: CephXAuthorize): Buffer {
    return encodeToBuffer(e => {
      e.bytes(this.base);
      encodeSealed(e, this.sessionKey, inside => encodeAuthorize(inside, proof));
    });
  }

  addChallenge(challenge: Buffer): Buffer {
    // An empty challenge asks for the same authorizer again.
    if (challenge.length > 0) {
      const { serverChallenge } = unseal(
        this.sessionKey,
        challenge,
        'CephXAuthorizeChallenge',
        decodeServerChallenge,
      );
      this.bytes = this.build({
        nonce: this.nonce,
        haveChallenge: true,
        serverChallengePlusOne: plusOne(serverChallenge),
      });
    }
    return this.bytes;
  }

  verifyReply(reply: Buffer): AuthDone {
    const d = new Decoder(reply, 'CephXAuthorizeReply');
    const { noncePlusOne, connectionSecret } = decodeSealed(
      d,
      this.sessionKey,
      'CephXAuthorizeReply',
      decodeAuthorizeReply,
    );
    if (noncePlusOne !== plusOne(this.nonce))
      throw new NacreError(
        'EACCES',
        'cephx.verify_reply',
        `the ${entityTypeName(this.service)} answered another authorizer than ours`,
      );
    return { sessionKey: this.sessionKey.secret, connectionSecret: Buffer.from(connectionSecret) };
  }
}
