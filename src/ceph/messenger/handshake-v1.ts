import { Decoder } from '../../base/decoder.ts';
import { type Encoder, encodeToBuffer } from '../../base/encoder.ts';
import { NacreError } from '../../base/errors.ts';
import { AUTH_CEPHX, type AuthDone, type AuthServerResult } from '../auth/types.ts';
import { compareAddr, entityAddrText, sameAddr } from '../types/addr-text.ts';
import { ENTITY_TYPE_MDS, ENTITY_TYPE_OSD } from '../types/entity.ts';
import {
  ADDR_LEGACY,
  decodeEntityAddr,
  type EntityAddr,
  encodeEntityAddr,
  isBlankIp,
  legacyAddr,
  legacyOrFrontAddr,
} from '../types/entity-addr.ts';
import {
  FEATURE_CEPHX_V2,
  FEATURE_MSG_AUTH,
  FEATURE_RECONNECT_SEQ,
  Features,
  NO_FEATURES,
  sanitizeFeatures,
} from '../types/features.ts';
import { type AsyncConnection, CON_CLOSED, CON_READY, CON_STANDBY } from './connection.ts';
import { Link } from './link.ts';
import { ReaderV1, type ReaderV1Handler } from './reader-v1.ts';
import { MessageSigner } from './signature-v1.ts';
import {
  ADDR_SIZE,
  BANNER,
  CONNECT_REPLY_SIZE,
  CONNECT_SIZE,
  type Connect,
  type ConnectReply,
  decodeConnect,
  decodeConnectReply,
  encodeConnect,
  encodeConnectReply,
  FLAG_LOSSY,
  FOOTER_SIZE,
  OLD_FOOTER_SIZE,
  protocolVersion,
  TAG_BADAUTHORIZER,
  TAG_BADPROTOVER,
  TAG_CHALLENGE_AUTHORIZER,
  TAG_FEATURES,
  TAG_READY,
  TAG_RESETSESSION,
  TAG_RETRY_GLOBAL,
  TAG_RETRY_SESSION,
  TAG_SEQ,
  TAG_WAIT,
} from './wire-v1.ts';

// Which piece of the handshake the reader was asked for.
const SERVER_BANNER = 0;
const CLIENT_BANNER = 1;
const CONNECT = 2;
const AUTHORIZER = 3;
const REPLY = 4;
const REPLY_AUTHORIZER = 5;
const CLIENT_SEQ = 6;
const SERVER_SEQ = 7;
const DONE = 8;

const EMPTY = Buffer.alloc(0);
/** Larger authorizers and answers are nobody's. */
const MAX_AUTHORIZER = 16 * 1024;

export function refuse(message: string): never {
  throw new NacreError('EPROTO', 'msgr.v1', message);
}

/** The handshake of a v1 link: banners, the connect message with its authorizer, the session. */
export abstract class HandshakeV1 extends Link implements ReaderV1Handler {
  readonly protocol = 1;
  readonly acksWithMessages = false;
  protected override readonly reader: ReaderV1;
  protected step: number;
  protected reply: ConnectReply | undefined;
  protected connectMsg: Connect | undefined;
  /** Of the connector: what it shows the acceptor, after a challenge with the challenge in it. */
  protected authorizer: { protocol: number; authorizer: Buffer } | undefined;
  protected done: AuthDone | undefined;
  protected signer: MessageSigner | undefined;
  /** The peer opens the session anew: no sequence numbers are exchanged. */
  protected fresh = false;
  protected replaced = false;

  abstract onTag(tag: number, bytes: Buffer): void;
  abstract onHeader(): boolean;
  abstract onMessage(): void;

  constructor(con: AsyncConnection, accepting: boolean) {
    super(con, accepting);
    const { config, stack } = con.messenger;
    this.reader = new ReaderV1(this, config, stack.alloc);
    this.step = accepting ? CLIENT_BANNER : SERVER_BANNER;
    this.reader.expect(BANNER.length + (accepting ? ADDR_SIZE : 2 * ADDR_SIZE));
  }

  protected override begin(): void {
    const { accepting, con, messenger } = this;
    this.say(e => {
      e.bytes(BANNER);
      if (!accepting) return;
      encodeEntityAddr(e, legacyAddr(messenger.myAddrs), NO_FEATURES);
      encodeEntityAddr(e, con.target, NO_FEATURES);
    });
  }

  protected expect(step: number, bytes: number): void {
    this.step = step;
    this.reader.expect(bytes);
  }

  protected say(encode: (e: Encoder) => void): void {
    this.put(encodeToBuffer(encode));
    this.flush();
  }

  protected put(bytes: Uint8Array): void {
    const at = this.out.ensure(bytes.length);
    this.out.buf.set(bytes, at);
    this.out.advance(bytes.length);
  }

  onPiece(bytes: Buffer): void {
    switch (this.step) {
      case SERVER_BANNER:
        this.onServerBanner(bytes);
        return;
      case CLIENT_BANNER:
        this.onClientBanner(bytes);
        return;
      case CONNECT: {
        const connect = decodeConnect(new Decoder(bytes, 'ceph_msg_connect'));
        this.connectMsg = connect;
        if (connect.authorizerLength > MAX_AUTHORIZER)
          refuse(`authorizer of ${connect.authorizerLength} bytes`);
        if (connect.authorizerLength > 0) this.expect(AUTHORIZER, connect.authorizerLength);
        else this.onConnectMessage(EMPTY);
        return;
      }
      case AUTHORIZER:
        this.onConnectMessage(Buffer.from(bytes));
        return;
      case REPLY: {
        const reply = decodeConnectReply(new Decoder(bytes, 'ceph_msg_connect_reply'));
        this.reply = reply;
        if (reply.authorizerLength > MAX_AUTHORIZER) refuse(`authorizer of ${reply.authorizerLength} bytes`);
        if (reply.authorizerLength > 0) this.expect(REPLY_AUTHORIZER, reply.authorizerLength);
        else this.onReply(EMPTY);
        return;
      }
      case REPLY_AUTHORIZER:
        this.onReply(Buffer.from(bytes));
        return;
      case CLIENT_SEQ:
        this.con.discardRequeued(new Decoder(bytes, 'acked seq').u64());
        this.becomeReady();
        return;
      case SERVER_SEQ: {
        this.con.discardRequeued(new Decoder(bytes, 'acked seq').u64());
        const { inSeq } = this.con;
        this.say(e => e.u64(inSeq));
        this.becomeReady();
        return;
      }
      default:
        refuse('bytes that nobody asked for');
    }
  }

  protected checkBanner(bytes: Buffer): Decoder {
    const banner = bytes.subarray(0, BANNER.length);
    if (!banner.equals(BANNER)) refuse(`bad banner ${JSON.stringify(banner.toString('latin1'))}`);
    return new Decoder(bytes.subarray(BANNER.length), 'ceph_entity_addr');
  }

  // Connector.

  protected onServerBanner(bytes: Buffer): void {
    const { con, messenger } = this;
    const d = this.checkBanner(bytes);
    const theirs = decodeEntityAddr(d);
    const mine = decodeEntityAddr(d);
    const { target } = con;
    const same =
      sameAddr(theirs, target) ||
      (isBlankIp(theirs) && theirs.port === target.port && theirs.nonce === target.nonce);
    if (!same) refuse(`peer is ${entityAddrText(theirs)}, not ${entityAddrText(target)}`);
    messenger.learnAddr(mine, this.socket);
    this.put(encodeToBuffer(e => encodeEntityAddr(e, legacyOrFrontAddr(messenger.myAddrs), NO_FEATURES)));
    this.sendConnect();
  }

  protected sendConnect(): void {
    const { con, messenger } = this;
    const { authClient } = messenger;
    if (authClient === undefined) refuse('no AuthClient to authenticate with');
    this.authorizer ??= authClient.getAuthorizerV1(this.auth);
    const { protocol, authorizer } = this.authorizer;
    this.say(e => {
      encodeConnect(e, {
        features: con.policy.featuresSupported.bits,
        hostType: messenger.myName.type,
        globalSeq: con.globalSeq,
        connectSeq: con.connectSeq,
        protocolVersion: protocolVersion(messenger.myName.type, con.peerType, true),
        authorizerProtocol: authorizer.length > 0 ? protocol : 0,
        authorizerLength: authorizer.length,
        flags: con.policy.lossy ? FLAG_LOSSY : 0,
      });
      e.bytes(authorizer);
    });
    this.expect(REPLY, CONNECT_REPLY_SIZE);
  }

  protected onReply(authorizer: Buffer): void {
    const { con, messenger } = this;
    const authClient = messenger.authClient!;
    const reply = this.reply!;
    const supported = con.policy.featuresSupported.bits;
    switch (reply.tag) {
      case TAG_CHALLENGE_AUTHORIZER: {
        const { protocol } = this.authorizer!;
        this.authorizer = { protocol, authorizer: authClient.addChallengeV1(this.auth, authorizer) };
        this.sendConnect();
        return;
      }
      case TAG_FEATURES:
        refuse(`peer wants features 0x${(reply.features & ~supported).toString(16)} that we lack`);
        break;
      case TAG_BADPROTOVER:
        refuse(`peer speaks protocol version ${reply.protocolVersion}`);
        break;
      case TAG_BADAUTHORIZER:
        authClient.invalidateAuthorizer(con.peerType);
        throw new NacreError('EACCES', 'msgr.v1', 'the peer refused our authorizer');
      case TAG_RESETSESSION:
        con.resetSession();
        this.sendConnect();
        return;
      case TAG_RETRY_GLOBAL:
        con.globalSeq = messenger.nextGlobalSeq(reply.globalSeq);
        this.sendConnect();
        return;
      case TAG_RETRY_SESSION:
        if (reply.connectSeq <= con.connectSeq) refuse(`retry with connect_seq ${reply.connectSeq}`);
        con.connectSeq = reply.connectSeq;
        this.sendConnect();
        return;
      case TAG_WAIT:
        this.raced = true;
        throw new Error('connection race: the peer wants us to wait for its connection');
      case TAG_SEQ:
      case TAG_READY:
        break;
      default:
        refuse(`connect reply with tag ${reply.tag}`);
    }
    const missing = con.policy.featuresRequired.bits & ~reply.features;
    if (missing !== 0n) refuse(`peer lacks features 0x${missing.toString(16)}`);
    const { protocol } = this.authorizer!;
    if (this.authorizer!.authorizer.length > 0) this.done = authClient.verifyReplyV1(this.auth, authorizer);
    if (this.isClosed) return;
    con.peerGlobalSeq = reply.globalSeq;
    con.connectSeq = reply.connectSeq;
    con.agreeLossy((reply.flags & FLAG_LOSSY) !== 0);
    con.onceReady = true;
    this.agree(sanitizeFeatures(reply.features) & supported, protocol);
    if (reply.tag === TAG_SEQ) this.expect(SERVER_SEQ, 8);
    else this.becomeReady();
  }

  // Acceptor.

  protected onClientBanner(bytes: Buffer): void {
    const { con } = this;
    let addr: EntityAddr = decodeEntityAddr(this.checkBanner(bytes));
    // A client that does not know its address: we see it.
    if (isBlankIp(addr)) addr = { ...addr, family: con.target.family, ip: con.target.ip };
    addr = { ...addr, type: ADDR_LEGACY };
    con.peerAddrs = [addr];
    con.target = addr;
    this.expect(CONNECT, CONNECT_SIZE);
  }

  protected answer(tag: number, authorizer: Buffer, globalSeq = 0, connectSeq = 0): void {
    const { con, messenger } = this;
    const { featuresSupported, featuresRequired } = con.policy;
    this.say(e => {
      encodeConnectReply(e, {
        tag,
        features: (this.connectMsg!.features & featuresSupported.bits) | this.required(featuresRequired.bits),
        globalSeq,
        connectSeq,
        protocolVersion: protocolVersion(messenger.myName.type, con.peerType, false),
        authorizerLength: authorizer.length,
        flags: 0,
      });
      e.bytes(authorizer);
    });
    this.expect(CONNECT, CONNECT_SIZE);
  }

  /** Features that this peer must have: with cephx perhaps signatures. */
  protected required(bits: bigint): bigint {
    const { config } = this.messenger;
    if (this.connectMsg!.authorizerProtocol !== AUTH_CEPHX) return bits;
    const { peerType } = this.con;
    const cluster = peerType === ENTITY_TYPE_OSD || peerType === ENTITY_TYPE_MDS;
    const signed =
      config.cephx_require_signatures ||
      (cluster ? config.cephx_cluster_require_signatures : config.cephx_service_require_signatures);
    return signed ? bits | FEATURE_MSG_AUTH : bits;
  }

  protected onConnectMessage(authorizer: Buffer): void {
    const { con, messenger } = this;
    const connect = this.connectMsg!;
    con.peerType = connect.hostType & 0xff;
    con.peerName = { type: con.peerType, num: con.peerName.num };
    this.auth.peerType = con.peerType;
    con.policy = messenger.policyOf(con.peerType);
    if (connect.protocolVersion !== protocolVersion(messenger.myName.type, con.peerType, false)) {
      this.answer(TAG_BADPROTOVER, EMPTY);
      return;
    }
    if ((this.required(con.policy.featuresRequired.bits) & ~connect.features) !== 0n) {
      this.answer(TAG_FEATURES, EMPTY);
      return;
    }
    const { authServer } = messenger;
    if (authServer === undefined) refuse('no AuthServer to check peers with');
    const result = authServer.handleAuthorizerV1(this.auth, connect.authorizerProtocol, authorizer);
    if (result instanceof Promise) {
      result.then(
        answer => {
          if (this.isClosed) return;
          this.guard(() => {
            this.onAuthServer(answer);
            this.reader.resume();
          });
        },
        error => this.fail(error),
      );
      return;
    }
    this.onAuthServer(result);
  }

  protected onAuthServer(result: AuthServerResult): void {
    if (this.isClosed) return;
    if (result.status === 'fail') {
      this.messenger.log(0, `${this.con.describe()} bad authorizer, ${result.result}`);
      this.answer(TAG_BADAUTHORIZER, EMPTY);
      return;
    }
    if (result.status === 'more') {
      this.answer(TAG_CHALLENGE_AUTHORIZER, result.reply);
      return;
    }
    const { con } = this;
    con.peer = result.peer;
    con.globalId = result.globalId;
    this.done = result.done;
    this.meet(result.reply);
  }

  /** The peer is who it says. Is there a session with it already? */
  protected meet(authorizer: Buffer): void {
    const { con, messenger } = this;
    const connect = this.connectMsg!;
    if (con.policy.server && con.policy.lossy) {
      const former = messenger.lookup(con.peerAddrs);
      if (former !== undefined && former !== con && former.state !== CON_CLOSED) former.stopAndReset();
      this.open(authorizer);
      return;
    }
    let existing = messenger.lookup(con.peerAddrs);
    if (existing === con || existing?.state === CON_CLOSED) existing = undefined;
    if (existing !== undefined && existing.target.type !== ADDR_LEGACY) {
      existing.stopAndReset();
      existing = undefined;
    }
    if (existing === undefined) {
      if (connect.connectSeq > 0 && !this.replaced) this.answer(TAG_RESETSESSION, authorizer);
      else this.open(authorizer);
      return;
    }
    if (connect.globalSeq < existing.peerGlobalSeq) {
      this.answer(TAG_RETRY_GLOBAL, authorizer, existing.peerGlobalSeq);
      return;
    }
    if (existing.policy.lossy) {
      existing.stopAndReset();
      this.open(authorizer);
      return;
    }
    if (connect.connectSeq === 0 && existing.connectSeq > 0) {
      // The peer was restarted.
      this.fresh = true;
      if (con.policy.resetCheck) existing.resetSession();
      this.replace(existing, authorizer);
      return;
    }
    if (connect.connectSeq < existing.connectSeq) {
      this.answer(TAG_RETRY_SESSION, authorizer, 0, existing.connectSeq + 1);
      return;
    }
    if (connect.connectSeq === existing.connectSeq) {
      this.meetEqual(existing, authorizer);
      return;
    }
    if (con.policy.resetCheck && existing.connectSeq === 0) {
      this.answer(TAG_RESETSESSION, authorizer);
      return;
    }
    this.replace(existing, authorizer);
  }

  protected meetEqual(existing: AsyncConnection, authorizer: Buffer): void {
    const { con, messenger } = this;
    if (existing.state === CON_READY || existing.state === CON_STANDBY) {
      // No race: the peer counts up and asks again.
      if (con.policy.resetCheck && existing.connectSeq === 0) this.replace(existing, authorizer);
      else this.answer(TAG_RETRY_SESSION, authorizer, 0, existing.connectSeq + 1);
      return;
    }
    const lower = compareAddr(legacyAddr(con.peerAddrs), legacyOrFrontAddr(messenger.myAddrs)) < 0;
    if (lower || existing.policy.server) {
      this.replace(existing, authorizer);
      return;
    }
    existing.sendKeepalive();
    this.answer(TAG_WAIT, authorizer);
  }

  protected replace(existing: AsyncConnection, authorizer: Buffer): void {
    this.replaced = true;
    existing.takeLink(this.con);
    this.open(authorizer);
  }

  protected open(authorizer: Buffer): void {
    const { con, messenger } = this;
    const connect = this.connectMsg!;
    con.connectSeq = connect.connectSeq + 1;
    con.peerGlobalSeq = connect.globalSeq;
    const withSeq = (connect.features & FEATURE_RECONNECT_SEQ) !== 0n && !this.fresh;
    if (!withSeq) {
      con.discardRequeued(0);
      con.inSeq = 0;
      con.ackLeft = 0;
    }
    const { featuresSupported, lossy } = con.policy;
    messenger.register(con);
    const globalSeq = messenger.nextGlobalSeq();
    const { inSeq } = con;
    this.say(e => {
      encodeConnectReply(e, {
        tag: withSeq ? TAG_SEQ : TAG_READY,
        features: featuresSupported.bits,
        globalSeq,
        connectSeq: con.connectSeq,
        protocolVersion: protocolVersion(messenger.myName.type, con.peerType, false),
        authorizerLength: authorizer.length,
        flags: lossy ? FLAG_LOSSY : 0,
      });
      e.bytes(authorizer);
      if (withSeq) e.u64(inSeq);
    });
    con.onceReady = true;
    this.agree(sanitizeFeatures(connect.features) & featuresSupported.bits, connect.authorizerProtocol);
    if (withSeq) this.expect(CLIENT_SEQ, 8);
    else this.becomeReady();
  }

  // Both.

  /** What was agreed on decides how messages look. */
  protected agree(features: bigint, protocol: number): void {
    const { con, messenger } = this;
    con.features = new Features(features);
    const signs = con.features.has(FEATURE_MSG_AUTH);
    this.reader.footerSize = signs ? FOOTER_SIZE : OLD_FOOTER_SIZE;
    const key = this.done?.sessionKey;
    this.signer =
      signs && key !== undefined && protocol === AUTH_CEPHX && messenger.config.cephx_sign_messages
        ? new MessageSigner(key, con.features.has(FEATURE_CEPHX_V2))
        : undefined;
  }

  protected becomeReady(): void {
    this.step = DONE;
    this.reader.expectTags();
    this.con.ready();
  }
}
