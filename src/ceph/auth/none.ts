import { Decoder } from '../../base/decoder.ts';
import { encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import {
  type AuthEntityName,
  authEntityNameText,
  decodeAuthEntityName,
  encodeAuthEntityName,
} from './entity-name.ts';
import type { AuthClientHandler, Authorizer, AuthRound } from './handler.ts';
import { AUTH_NONE, type AuthDone, type AuthenticatedPeer } from './types.ts';

// Method none: everyone is who they say they are. No keys, so nothing is signed and there is no secure mode.

const EMPTY = Buffer.alloc(0);
const NO_SECRETS: AuthDone = { sessionKey: undefined, connectionSecret: EMPTY };

// Authorizer of method none (auth/none/AuthNoneProtocol.h): u8 version 1, EntityName name, u64 global_id.
export function encodeNoneAuthorizer(name: AuthEntityName, globalId: bigint): Buffer {
  return encodeToBuffer(e => {
    e.u8(1);
    encodeAuthEntityName(e, name);
    e.u64b(globalId);
  });
}

/** Throws DecodeError. */
export function verifyNoneAuthorizer(authorizer: Buffer): AuthenticatedPeer {
  const d = new Decoder(authorizer, 'AuthNoneAuthorizer');
  d.u8();
  const entityName = authEntityNameText(decodeAuthEntityName(d));
  return { entityName, globalId: d.u64b(), caps: undefined, allowAll: true };
}

export function createNoneAuthorizer(name: AuthEntityName, globalId: bigint): Authorizer {
  const bytes = encodeNoneAuthorizer(name, globalId);
  return { method: AUTH_NONE, bytes, addChallenge: () => bytes, verifyReply: () => NO_SECRETS };
}

export function createNoneClientHandler(entityName: AuthEntityName): AuthClientHandler {
  let globalId = 0n;
  return {
    method: AUTH_NONE,
    setWantKeys() {},
    setGlobalId(id) {
      globalId = id;
    },
    reset() {},
    handleResponse(result): AuthRound {
      if (result < 0)
        throw NacreError.fromErrno(
          result,
          'auth.none',
          `the monitor refused ${authEntityNameText(entityName)} with auth none`,
        );
      return { status: 'done', done: NO_SECRETS };
    },
    needTickets: () => false,
    buildRequest: () => EMPTY,
    buildRotatingRequest: () => undefined,
    buildAuthorizer: () => createNoneAuthorizer(entityName, globalId),
    invalidateTicket() {},
    clone() {
      const copy = createNoneClientHandler(entityName);
      copy.setGlobalId(globalId);
      return copy;
    },
  };
}
