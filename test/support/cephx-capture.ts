import { Decoder } from '../../src/base/decoder.ts';
import {
  AUTH_MODE_MON,
  CEPHX_GET_AUTH_SESSION_KEY,
  CEPHX_GET_PRINCIPAL_SESSION_KEY,
  type CephXTicketBlob,
  challengeProof,
  decodeAuthenticate,
  decodeAuthorize,
  decodeAuthorizeReply,
  decodeRequestHeader,
  decodeResponseHeader,
  decodeServerChallenge,
  decodeServiceTicket,
  decodeTicketBlob,
} from '../../src/ceph/auth/cephx-protocol.ts';
import { type CryptoKey, decodeSealed, unseal } from '../../src/ceph/auth/crypto.ts';
import { authEntityNameText, decodeAuthEntityName } from '../../src/ceph/auth/entity-name.ts';
import type { Keyring } from '../../src/ceph/auth/keyring.ts';
import { AUTH_CEPHX } from '../../src/ceph/auth/types.ts';
import type { CapturedConnection } from './pcap.ts';

/** A frame of the handshake in protocol v2: always one segment, never encrypted. */
export interface HandshakeFrame {
  readonly tag: number;
  readonly payload: Buffer;
  /** First byte after the frame in its stream. */
  readonly end: number;
}

export const TAG_HELLO = 1;
export const TAG_AUTH_REQUEST = 2;
export const TAG_AUTH_BAD_METHOD = 3;
export const TAG_AUTH_REPLY_MORE = 4;
export const TAG_AUTH_REQUEST_MORE = 5;
export const TAG_AUTH_DONE = 6;

/** The frames of one direction from the banner to what ends the handshake on that side. */
export function handshakeFrames(stream: Buffer, lastTag: number): HandshakeFrame[] {
  if (stream.subarray(0, 8).toString('latin1') !== 'ceph v2\n') throw new Error('no v2 banner');
  const banner = stream.readUInt16LE(8);
  // Features supported: bit 0 is revision 2.1. Both ends of a capture are the same release.
  const revision1 = (stream[10] & 1) === 1;
  const frames: HandshakeFrame[] = [];
  for (let at = 10 + banner; at + 32 <= stream.length; ) {
    const tag = stream[at];
    const length = stream.readUInt32LE(at + 2);
    // Revision 2.1: one crc after the only segment. Revision 2.0: flags byte and four crcs.
    const end = at + 32 + length + (revision1 ? 4 : 17);
    frames.push({ tag, payload: stream.subarray(at + 32, at + 32 + length), end });
    at = end;
    if (tag === lastTag && (tag === TAG_AUTH_DONE || frames.filter(f => f.tag === tag).length === 1)) break;
  }
  return frames;
}

/** What one captured connection's handshake came to, from its bytes and the keyring alone. */
export interface CapturedHandshake {
  /** With whom: 'mon', or the service of the ticket: 'osd'. */
  readonly peer: 'mon' | 'osd';
  readonly entityName: string | undefined;
  readonly method: number;
  readonly preferredModes: readonly number[];
  readonly globalId: bigint;
  readonly conMode: number;
  readonly sessionKey: Buffer | undefined;
  /** 64 bytes in secure mode, else none. */
  readonly connectionSecret: Buffer;
  /** Where each direction goes on after the handshake's plain frames. */
  readonly clientEnd: number;
  readonly serverEnd: number;
}

/**
 * Follows captured cephx handshakes. Tickets of one connection are needed by the next, so connections are to
 * be given in order to the same instance. Throws when a proof does not verify.
 */
export class CephxCapture {
  private readonly keyring: Keyring;
  /** Session keys by the ticket that they came with. */
  private readonly tickets = new Map<string, CryptoKey>();

  constructor(keyring: Keyring) {
    this.keyring = keyring;
  }

  follow(connection: CapturedConnection): CapturedHandshake {
    const server = handshakeFrames(connection.server.bytes, TAG_AUTH_DONE);
    const client = handshakeFrames(connection.client.bytes, TAG_AUTH_REQUEST_MORE);
    const request = client.find(f => f.tag === TAG_AUTH_REQUEST)!;
    const done = server.find(f => f.tag === TAG_AUTH_DONE)!;
    const more = client.find(f => f.tag === TAG_AUTH_REQUEST_MORE);
    // AUTH_REQUEST: u32 method, vector<u32> modes, blob. AUTH_DONE: u64 global id, u32 mode, blob.
    const r = new Decoder(request.payload, 'AUTH_REQUEST');
    const method = r.u32();
    const preferredModes: number[] = [];
    for (let n = r.count(4); n > 0; n--) preferredModes.push(r.u32());
    const first = r.blob();
    const d = new Decoder(done.payload, 'AUTH_DONE');
    const globalId = d.u64b();
    const conMode = d.u32();
    const last = d.blob();
    const common = {
      method,
      preferredModes,
      globalId,
      conMode,
      clientEnd: (more ?? request).end,
      serverEnd: done.end,
    };
    const isMon = first[0] === AUTH_MODE_MON;
    let entityName: string | undefined;
    if (isMon) {
      const f = new Decoder(first, 'auth request');
      f.u8();
      entityName = authEntityNameText(decodeAuthEntityName(f));
    }
    const peer = isMon ? ('mon' as const) : ('osd' as const);
    if (method !== AUTH_CEPHX)
      return { ...common, peer, entityName, sessionKey: undefined, connectionSecret: Buffer.alloc(0) };
    const challenge = new Decoder(server.find(f => f.tag === TAG_AUTH_REPLY_MORE)!.payload).blob();
    const answer = new Decoder(more!.payload).blob();
    const { sessionKey, connectionSecret } = isMon
      ? this.followMonitor(entityName!, challenge, answer, last)
      : this.followService(first, challenge, answer, last);
    return { ...common, peer, entityName, sessionKey, connectionSecret };
  }

  protected followMonitor(entity: string, challenge: Buffer, answer: Buffer, last: Buffer) {
    const entry = this.keyring.entries().find(({ name }) => authEntityNameText(name) === entity);
    if (entry === undefined) throw new Error(`no key for ${entity}`);
    const secret = entry.auth.key;
    const { serverChallenge } = decodeServerChallenge(new Decoder(challenge));
    const a = new Decoder(answer);
    if (decodeRequestHeader(a).requestType !== CEPHX_GET_AUTH_SESSION_KEY) throw new Error('another request');
    const authenticate = decodeAuthenticate(a);
    const { clientChallenge } = authenticate;
    if (challengeProof(secret, { serverChallenge, clientChallenge }) !== authenticate.key)
      throw new Error(`the proof of ${entity} does not verify`);
    const d = new Decoder(last);
    decodeResponseHeader(d);
    const session = this.takeTickets(d, secret).get(0x20)!;
    const sealed = d.blob();
    const others = d.blob();
    // Protocol v1 has no connection secret.
    const connectionSecret =
      sealed.length === 0
        ? Buffer.alloc(0)
        : decodeSealed(new Decoder(sealed), session, 'connection secret', x => x.blob());
    if (others.length > 0) this.takeTickets(new Decoder(others), session);
    if (d.remaining !== 0) throw new Error('bytes after the tickets');
    return { session, sessionKey: session.secret, connectionSecret };
  }

  /** Tickets of a reply; the session keys by service. */
  protected takeTickets(d: Decoder, key: CryptoKey): Map<number, CryptoKey> {
    const keys = new Map<number, CryptoKey>();
    d.u8();
    for (let n = d.u32(); n > 0; n--) {
      const service = d.u32();
      d.u8();
      const { sessionKey } = decodeSealed(d, key, 'CephXServiceTicket', decodeServiceTicket);
      if (d.bool()) throw new Error('a renewed ticket in a capture of first ones');
      const ticket = decodeTicketBlob(new Decoder(d.blob()));
      this.tickets.set(ticketId(ticket), sessionKey);
      keys.set(service, sessionKey);
    }
    return keys;
  }

  protected followService(first: Buffer, challenge: Buffer, answer: Buffer, last: Buffer) {
    const one = this.openAuthorizer(first);
    const two = this.openAuthorizer(answer);
    const { serverChallenge } = unseal(one.key, challenge, 'challenge', decodeServerChallenge);
    if (!two.proof.haveChallenge || two.proof.serverChallengePlusOne !== serverChallenge + 1n)
      throw new Error('the challenge was not answered');
    const reply = decodeSealed(new Decoder(last), one.key, 'CephXAuthorizeReply', decodeAuthorizeReply);
    if (reply.noncePlusOne !== one.proof.nonce + 1n) throw new Error('the nonce was not answered');
    return { sessionKey: one.key.secret, connectionSecret: reply.connectionSecret };
  }

  private openAuthorizer(bytes: Buffer) {
    const d = new Decoder(bytes, 'authorizer');
    d.u8();
    d.u64b();
    d.u32();
    const ticket = decodeTicketBlob(d);
    const key = this.tickets.get(ticketId(ticket));
    if (key === undefined) throw new Error('a ticket that no monitor gave');
    return { key, proof: decodeSealed(d, key, 'CephXAuthorize', decodeAuthorize) };
  }
}

function ticketId(ticket: CephXTicketBlob): string {
  return `${ticket.secretId}:${ticket.blob.toString('base64')}`;
}

/** What protocol v1 says before the messages, and the auth messages among them. */
interface V1Stream {
  /** Authorizers of the connects (client) or the replies to them (server), in order. */
  readonly authorizers: readonly Buffer[];
  /** Fronts of MAuth (17) or MAuthReply (18). */
  readonly auth: readonly Buffer[];
}

/**
 * Reads a direction of protocol v1. Banner of 9 bytes and an address of 136 (the server sends two); then,
 * from the client, connects of 33 bytes with their authorizer, from the server, replies of 26 with theirs.
 * The last reply has the tag SEQ, so both go on with a sequence number.
 */
function readV1(stream: Buffer, fromClient: boolean, connects: number): V1Stream {
  if (stream.subarray(0, 9).toString('latin1') !== 'ceph v027') throw new Error('no v1 banner');
  const authorizers: Buffer[] = [];
  const auth: Buffer[] = [];
  let at = 9 + (fromClient ? 136 : 272);
  for (let i = 0; i < connects; i++) {
    const head = fromClient ? 33 : 26;
    const length = stream.readUInt32LE(at + (fromClient ? 28 : 21));
    authorizers.push(stream.subarray(at + head, at + head + length));
    at += head + length;
  }
  at += 8;
  while (at < stream.length) {
    const tag = stream[at++];
    if (tag === 7) {
      const type = stream.readUInt16LE(at + 16);
      const front = stream.readUInt32LE(at + 22);
      const rest = stream.readUInt32LE(at + 26) + stream.readUInt32LE(at + 30);
      if (type === 17 || type === 18) auth.push(stream.subarray(at + 53, at + 53 + front));
      at += 53 + front + rest + 21;
    } else if (tag === 14 || tag === 15 || tag === 8) at += 8;
    else if (tag !== 6) throw new Error(`tag ${tag} at ${at - 1}`);
  }
  return { authorizers, auth };
}

/**
 * A handshake of protocol v1: with a monitor the exchange of MAuth messages, with others the authorizers of
 * the connects.
 */
export interface CapturedHandshakeV1 {
  readonly peer: 'mon' | 'osd';
  readonly entityName: string | undefined;
  readonly globalId: bigint;
  readonly sessionKey: Buffer;
}

/** Follows captured connections of protocol v1 in order; throws when a proof does not verify. */
export class CephxCaptureV1 extends CephxCapture {
  followV1(connection: CapturedConnection): CapturedHandshakeV1 {
    const { client, server } = connection;
    const protocol = client.bytes.readUInt32LE(9 + 136 + 24);
    if (protocol === AUTH_CEPHX) {
      const [first, second] = readV1(client.bytes, true, 2).authorizers;
      const [challenge, reply] = readV1(server.bytes, false, 2).authorizers;
      const { sessionKey } = this.followService(first, challenge, second, reply);
      return { peer: 'osd', entityName: undefined, globalId: first.readBigUInt64LE(1), sessionKey };
    }
    // MAuth: 18 bytes of paxos head, u32 protocol, blob. MAuthReply: u32 protocol, s32 result, u64 global id,
    // blob, string.
    const [start, answer] = readV1(client.bytes, true, 1).auth.map(front => {
      const d = new Decoder(front.subarray(22), 'MAuth');
      return d.blob();
    });
    const [challenge, last, ...more] = readV1(server.bytes, false, 1).auth.map(front => {
      const d = new Decoder(front, 'MAuthReply');
      d.skip(4);
      if (d.i32() < 0) throw new Error('the monitor refused');
      return { globalId: d.u64b(), payload: d.blob() };
    });
    const d = new Decoder(start, 'first MAuth');
    d.u8();
    d.skip(4 * d.count(4));
    const entityName = authEntityNameText(decodeAuthEntityName(d));
    const { session, sessionKey } = this.followMonitor(entityName, challenge.payload, answer, last.payload);
    // Clients of this protocol ask for the other tickets once more.
    for (const { payload } of more) {
      const tickets = new Decoder(payload, 'tickets');
      if (decodeResponseHeader(tickets).requestType !== CEPHX_GET_PRINCIPAL_SESSION_KEY)
        throw new Error('another reply');
      this.takeTickets(tickets, session);
    }
    return { peer: 'mon', entityName, globalId: last.globalId, sessionKey };
  }
}
