import type { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import type { Env } from '../../env/env.ts';
import { entityTypeName } from '../types/entity.ts';
import {
  type CephXServiceTicketInfo,
  decodeAuthorize,
  decodeServiceTicketInfo,
  decodeTicketBlob,
  encodeAuthorizeReply,
  encodeServerChallenge,
  plusOne,
} from './cephx-protocol.ts';
import { decodeSealed, encodeSealed, seal, unseal } from './crypto.ts';
import type { KeyStore } from './rotating-keyring.ts';
import type { AuthDone } from './types.ts';

/**
 * Id of a ticket that is sealed with an entity's own key instead of a rotating one: monitors among
 * themselves.
 */
export const NON_ROTATING_SECRET = 0xffff_ffff_ffff_ffffn;

/** Remembers the challenge that was sent on a connection until it is answered. */
export interface AuthorizerChallenge {
  pending: bigint | undefined;
}

export interface VerifyAuthorizerOptions {
  readonly env: Env;
  readonly keys: KeyStore;
  /** At the authorizer; left after it. */
  readonly d: Decoder;
  /** Bytes of connection secret to make: 64 in secure mode, else 0. */
  readonly connectionSecretLength: number;
  /** Undefined when no challenge is wanted: requests inside an authenticated session. */
  readonly challenge?: AuthorizerChallenge;
}

export type VerifiedAuthorizer =
  | {
      readonly status: 'done';
      readonly reply: Buffer;
      readonly info: CephXServiceTicketInfo;
      readonly done: AuthDone;
    }
  | { readonly status: 'challenge'; readonly reply: Buffer; readonly info: CephXServiceTicketInfo };

/**
 * Checks an authorizer, the accepting end's half of cephx (cephx_verify_authorizer): opens the ticket with
 * the service's secret, finds the session key in it, and with that opens the bearer's proof. A first
 * authorizer is answered with a challenge, so that a recorded one is of no use to anybody.
 * @throws NacreError EACCES when it does not verify, DecodeError when it does not read.
 */
export function verifyAuthorizer(options: VerifyAuthorizerOptions): VerifiedAuthorizer {
  const { env, keys, d, connectionSecretLength, challenge } = options;
  d.type = 'authorizer';
  d.u8();
  const globalId = d.u64b();
  const service = d.u32();
  const blob = decodeTicketBlob(d);
  const secret =
    blob.secretId === NON_ROTATING_SECRET
      ? keys.getSecret({ type: service, id: '' })
      : keys.getServiceSecret(service, blob.secretId);
  if (secret === undefined)
    throw new NacreError(
      'EACCES',
      'cephx.verify_authorizer',
      `the ticket is sealed with secret ${blob.secretId} of service ${entityTypeName(service)}, which is not (or no longer) here`,
    );
  const info = unseal(secret, blob.blob, 'CephXServiceTicketInfo', decodeServiceTicketInfo);
  if (info.ticket.globalId !== globalId)
    throw new NacreError(
      'EACCES',
      'cephx.verify_authorizer',
      `global id ${globalId} is claimed with the ticket of ${info.ticket.globalId}`,
    );
  const proof = decodeSealed(d, info.sessionKey, 'CephXAuthorize', decodeAuthorize);

  if (challenge !== undefined) {
    if (!proof.haveChallenge || challenge.pending === undefined) {
      const serverChallenge = env.random.bytes(8).readBigUInt64LE();
      challenge.pending = serverChallenge;
      const reply = seal(info.sessionKey, e => encodeServerChallenge(e, { serverChallenge }));
      return { status: 'challenge', reply, info };
    }
    const expected = plusOne(challenge.pending);
    challenge.pending = undefined;
    if (proof.serverChallengePlusOne !== expected)
      throw new NacreError(
        'EACCES',
        'cephx.verify_authorizer',
        'the authorizer answers another challenge than ours',
      );
  }

  const connectionSecret =
    connectionSecretLength > 0 ? env.random.bytes(connectionSecretLength) : Buffer.alloc(0);
  const reply = encodeToBuffer(e =>
    encodeSealed(e, info.sessionKey, inside =>
      encodeAuthorizeReply(inside, { noncePlusOne: plusOne(proof.nonce), connectionSecret }),
    ),
  );
  return {
    status: 'done',
    reply,
    info,
    done: { sessionKey: Buffer.from(info.sessionKey.secret), connectionSecret },
  };
}
