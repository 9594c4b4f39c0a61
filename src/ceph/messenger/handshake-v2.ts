import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Decoder } from '../../base/decoder.ts';
import type { Encoder } from '../../base/encoder.ts';
import { errnoName } from '../../base/errno.ts';
import { NacreError } from '../../base/errors.ts';
import { type AuthDone, type AuthServerResult, CON_MODE_SECURE, CON_MODE_UNKNOWN } from '../auth/types.ts';
import { ENTITY_TYPE_ANY, entityTypeName } from '../types/entity.ts';
import type { AsyncConnection } from './connection.ts';
import {
  decodeAuthBadMethod,
  decodeAuthDone,
  decodeAuthMore,
  decodeAuthRequest,
  decodeControl,
  decodeHello,
  decodeSignature,
  encodeAuthBadMethod,
  encodeAuthDone,
  encodeAuthMore,
  encodeAuthRequest,
  encodeHello,
  SIGNATURE_SIZE,
} from './control-frames.ts';
import { onWirePair } from './crypto-onwire.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  MSGR2_FEATURE_REVISION_1,
  TAG_AUTH_BAD_METHOD,
  TAG_AUTH_DONE,
  TAG_AUTH_REPLY_MORE,
  TAG_AUTH_REQUEST,
  TAG_AUTH_REQUEST_MORE,
  TAG_AUTH_SIGNATURE,
  TAG_HELLO,
  tagName,
} from './frames-v2.ts';
import { Link } from './link.ts';

// Steps of the handshake. Both ends: banner, HELLO. Then the connector asks (AUTH_REQUEST ... AUTH_DONE), both sign
// what was said so far (AUTH_SIGNATURE), and the connector opens a session (CLIENT_IDENT, SERVER_IDENT) or
// continues one (SESSION_RECONNECT, SESSION_RECONNECT_OK). See msgr2.rst.
export const BANNER = 0;
export const HELLO = 1;
export const AUTH = 2;
export const AUTH_MORE = 3;
export const AUTH_SIGN = 4;
export const SESSION_IDENT = 5;
export const SESSION_RECONNECT = 6;
export const SESSION_ACCEPT = 7;
export const READY = 8;
export const STEP_NAMES = [
  'banner',
  'hello',
  'auth',
  'auth more',
  'auth sign',
  'ident',
  'reconnect',
  'session accept',
  'ready',
];

const NO_SIGNATURE = Buffer.alloc(SIGNATURE_SIZE);

export function refuse(message: string): never {
  throw new NacreError('EPROTO', 'msgr.v2', message);
}

/** The first half of a v2 link: banner, HELLO and authentication, until both ends have signed it. */
export abstract class HandshakeV2 extends Link implements FrameHandler {
  readonly protocol = 2;
  readonly acksWithMessages = true;
  protected override readonly reader: FrameReader;
  protected readonly writer: FrameWriter;
  protected step = BANNER;
  protected peerSupported = 0n;
  protected method = 0;
  protected conMode = CON_MODE_UNKNOWN;
  protected done: AuthDone | undefined;
  /** What signatures are made over: everything received, everything sent until AUTH_DONE. */
  protected received: Buffer[] | undefined = [];
  protected sent: Buffer[] | undefined = [];

  constructor(con: AsyncConnection, accepting: boolean) {
    super(con, accepting);
    const { config, stack } = con.messenger;
    this.reader = new FrameReader(this, config, stack.alloc);
    this.reader.capture = this.received;
    this.writer = new FrameWriter(this.out);
    this.writer.capture = this.sent;
  }

  protected override begin(): void {
    const { config } = this.messenger;
    this.writer.banner(config.msgr2_revision1 ? MSGR2_FEATURE_REVISION_1 : 0n, 0n);
    this.flush();
  }

  protected control(tag: number, encode: ((e: Encoder) => void) | undefined): void {
    const { messenger } = this;
    if (messenger.logLevel >= 10) messenger.log(10, `${this.con.describe()} sends ${tagName(tag)}`);
    const { scratch } = messenger;
    scratch.reset();
    encode?.(scratch);
    this.writer.control(tag, scratch.result());
  }

  protected say(tag: number, encode?: (e: Encoder) => void): void {
    this.control(tag, encode);
    this.flush();
  }

  abstract onPreamble(tag: number): boolean;
  abstract onFrame(tag: number): void;
  abstract onAborted(tag: number): void;

  /** Both ends know who they talk to: the session is next. */
  protected abstract signed(): void;

  protected read<T>(tag: number, payload: Buffer, decode: (d: Decoder) => T): T {
    return decodeControl(tagName(tag), payload, decode);
  }

  onBanner(supported: bigint, required: bigint): void {
    const { messenger, con } = this;
    const mine = messenger.config.msgr2_revision1 ? MSGR2_FEATURE_REVISION_1 : 0n;
    if ((required & ~mine) !== 0n) {
      messenger.log(0, `${con.describe()} peer requires features 0x${required.toString(16)} that we lack`);
      con.stopAndReset();
      return;
    }
    this.peerSupported = supported;
    this.step = HELLO;
    const revision1 = (supported & mine & MSGR2_FEATURE_REVISION_1) !== 0n;
    this.reader.revision1 = revision1;
    this.writer.revision1 = revision1;
    this.say(TAG_HELLO, e => encodeHello(e, { entityType: messenger.myName.type, peerAddr: con.target }));
  }

  protected onHello(payload: Buffer): void {
    const { con, messenger } = this;
    const hello = this.read(TAG_HELLO, payload, decodeHello);
    if (this.accepting) {
      con.peerType = hello.entityType;
      con.peerName = { type: hello.entityType, num: -1 };
      con.policy = messenger.policyOf(hello.entityType);
      this.auth.peerType = hello.entityType;
      this.step = AUTH;
      return;
    }
    if (con.peerType !== ENTITY_TYPE_ANY && con.peerType !== hello.entityType) {
      messenger.log(
        0,
        `${con.describe()} peer is ${entityTypeName(hello.entityType)}, not ${entityTypeName(con.peerType)}`,
      );
      con.stopAndReset();
      return;
    }
    messenger.learnAddr(hello.peerAddr, this.socket);
    this.step = AUTH;
    this.askAuthClient();
  }

  // Authentication, connector.

  protected get authClient() {
    const { authClient } = this.messenger;
    if (authClient === undefined) refuse('no AuthClient to authenticate with');
    return authClient;
  }

  protected askAuthClient(): void {
    const { con, messenger } = this;
    let request: ReturnType<typeof this.authClient.getAuthRequest>;
    try {
      request = this.authClient.getAuthRequest(this.auth);
    } catch (error) {
      messenger.log(0, `${con.describe()} cannot authenticate: ${String(error)}`);
      con.stopAndReset();
      return;
    }
    this.method = request.method;
    this.say(TAG_AUTH_REQUEST, e => encodeAuthRequest(e, request));
  }

  protected onAuthBadMethod(payload: Buffer): void {
    const bad = this.read(TAG_AUTH_BAD_METHOD, payload, decodeAuthBadMethod);
    this.messenger.log(
      1,
      `${this.con.describe()} auth method ${bad.method} refused (${errnoName(bad.result)}), ` +
        `allowed methods ${bad.allowedMethods.join()}, modes ${bad.allowedModes.join()}`,
    );
    this.authClient.handleAuthBadMethod(
      this.auth,
      bad.method,
      bad.result,
      bad.allowedMethods,
      bad.allowedModes,
    );
    if (!this.isClosed) this.askAuthClient();
  }

  protected onAuthReplyMore(payload: Buffer): void {
    const reply = this.authClient.handleAuthReplyMore(
      this.auth,
      this.read(TAG_AUTH_REPLY_MORE, payload, decodeAuthMore),
    );
    if (!this.isClosed) this.say(TAG_AUTH_REQUEST_MORE, e => encodeAuthMore(e, reply));
  }

  protected onAuthDone(payload: Buffer): void {
    const frame = this.read(TAG_AUTH_DONE, payload, decodeAuthDone);
    const done = this.authClient.handleAuthDone(this.auth, frame.globalId, frame.conMode, frame.payload);
    if (this.isClosed) return;
    const { con, messenger } = this;
    con.globalId = frame.globalId;
    messenger.learnGlobalId(frame.globalId);
    this.conMode = frame.conMode;
    this.seal(done);
  }

  // Authentication, acceptor.

  protected onAuthRequest(payload: Buffer): void {
    const { con, messenger } = this;
    const request = this.read(TAG_AUTH_REQUEST, payload, decodeAuthRequest);
    const { authServer } = messenger;
    if (authServer === undefined) refuse('no AuthServer to check peers with');
    this.method = request.method;
    this.conMode = authServer.pickConMode(con.peerType, request.method, request.preferredModes);
    if (this.conMode === CON_MODE_UNKNOWN) {
      this.refuseMethod(-95);
      return;
    }
    this.askAuthServer(false, request.payload);
  }

  protected askAuthServer(more: boolean, payload: Buffer): void {
    const { authServer } = this.messenger;
    if (authServer === undefined) refuse('no AuthServer to check peers with');
    const result = authServer.handleAuthRequest(this.auth, more, this.method, this.conMode, payload);
    if (result instanceof Promise) {
      // Nothing of the peer's is due before we answer: what comes meanwhile fails its step.
      this.step = BANNER;
      result.then(
        answer => {
          if (!this.isClosed) this.guard(() => this.onAuthServer(answer));
        },
        error => this.fail(error),
      );
      return;
    }
    this.onAuthServer(result);
  }

  protected onAuthServer(result: AuthServerResult): void {
    if (this.isClosed) return;
    const { con } = this;
    if (result.status === 'more') {
      this.step = AUTH_MORE;
      this.say(TAG_AUTH_REPLY_MORE, e => encodeAuthMore(e, result.reply));
      return;
    }
    if (result.status === 'fail') {
      if (result.result === -16) refuse('authentication is busy');
      this.refuseMethod(result.result);
      return;
    }
    con.globalId = result.globalId;
    con.peer = result.peer;
    const { conMode } = this;
    this.control(TAG_AUTH_DONE, e =>
      encodeAuthDone(e, { globalId: result.globalId, conMode, payload: result.reply }),
    );
    this.seal(result.done);
  }

  protected refuseMethod(result: number): void {
    const { con, method } = this;
    const server = this.messenger.authServer!;
    this.step = AUTH;
    this.messenger.log(1, `${con.describe()} auth method ${method} refused: ${errnoName(result)}`);
    this.say(TAG_AUTH_BAD_METHOD, e =>
      encodeAuthBadMethod(e, {
        method,
        result,
        allowedMethods: server.supportedMethods(con.peerType),
        allowedModes: server.supportedModes(con.peerType, method),
      }),
    );
  }

  // Both ends: from here on frames are as the mode says, and what was said before is signed.

  protected seal(done: AuthDone): void {
    this.done = done;
    this.reader.capture = undefined;
    this.writer.capture = undefined;
    if (this.conMode === CON_MODE_SECURE) {
      const pair = onWirePair(done.connectionSecret, this.accepting, this.reader.revision1);
      this.reader.decrypter = pair.rx;
      this.writer.encrypter = pair.tx;
    }
    this.step = AUTH_SIGN;
    const signature = this.sign(this.received!);
    this.received = undefined;
    this.say(TAG_AUTH_SIGNATURE, e => e.bytes(signature));
  }

  protected sign(parts: readonly Buffer[]): Buffer {
    const key = this.done?.sessionKey;
    if (key === undefined) return NO_SIGNATURE;
    const hmac = createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  protected onSignature(payload: Buffer): void {
    const signature = this.read(TAG_AUTH_SIGNATURE, payload, decodeSignature);
    const expected = this.sign(this.sent!);
    this.sent = undefined;
    if (!timingSafeEqual(signature, expected)) refuse('signature of the handshake does not match');
    this.signed();
  }

  /** True when the peer also has 2.1 framing. For tests and status. */
  get revision1(): boolean {
    return this.reader.revision1;
  }

  get secure(): boolean {
    return this.conMode === CON_MODE_SECURE;
  }

  /** The peer's banner features. */
  get bannerFeatures(): bigint {
    return this.peerSupported;
  }
}
